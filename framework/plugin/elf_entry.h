/* Reads the version of a plugin from its file, without loading it.
 *
 * dlopen runs constructors before it returns, so a plugin that does not fit must be refused
 * earlier than that. The version members of tfx_plugin are plain integers in constant data:
 * no relocation touches them, and the bytes in the file are what the program would see. */
#ifndef TFX_PLUGIN_ELF_ENTRY_H
#define TFX_PLUGIN_ELF_ENTRY_H

#include "framework/base/error.h"
#include "tfx/abi.h"

/* The members of tfx_plugin that every major version keeps in this place. */
typedef struct tfx_elf_entry {
    uint64_t struct_size;
    uint32_t abi_major, abi_minor;
} tfx_elf_entry;

/* Finds `tfx_plugin_entry` the way the dynamic loader would and checks that the file can be a
 * plugin of this machine. Messages do not repeat the path. */
tfx_status tfx_elf_entry_read(const char *path, tfx_elf_entry *out, tfx_error *err);

/* The same for a file that is open; its position does not matter. */
tfx_status tfx_elf_entry_read_fd(int fd, tfx_elf_entry *out, tfx_error *err);

/* Whether a plugin with this entry loads into this host; the message names both versions. */
tfx_status tfx_elf_entry_check(const tfx_elf_entry *e, tfx_error *err);

#endif

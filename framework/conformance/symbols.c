/* Section headers are used here, which a file without them loads without: then nothing is said of symbols. The file has
 * passed tfx_elf_entry_read; all offsets are checked all the same. */
#include "framework/conformance/symbols.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/plugin/elf_entry.h"

typedef struct file {
    const char *bytes;
    uint64_t size;
} file;

static const void *at(const file *f, uint64_t offset, uint64_t n)
{
    return n <= f->size && offset <= f->size - n ? f->bytes + offset : NULL;
}

static const Elf64_Shdr *find_section(const file *f, uint32_t type)
{
    const Elf64_Ehdr *h = at(f, 0, sizeof(*h));
    const Elf64_Shdr *s = h && h->e_shentsize == sizeof(*s) ? at(f, h->e_shoff, (uint64_t)h->e_shnum * sizeof(*s))
                                                            : NULL;
    for (unsigned i = 0; s && i < h->e_shnum; i++)
        if (s[i].sh_type == type && at(f, s[i].sh_offset, s[i].sh_size))
            return &s[i];
    return NULL;
}

static const Elf64_Shdr *section(const file *f, uint32_t index)
{
    const Elf64_Ehdr *h = at(f, 0, sizeof(*h));
    const Elf64_Shdr *s = index < h->e_shnum ? at(f, h->e_shoff + index * sizeof(*s), sizeof(*s)) : NULL;
    return s && at(f, s->sh_offset, s->sh_size) ? s : NULL;
}

/* What linkers and compilers put there by themselves; what begins with two underscores is theirs in any case. */
static int is_linkers(const char *name)
{
    static const char *const names[] = {"_init", "_fini", "_edata", "_end", "_bss_end__"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (!strcmp(name, names[i]))
            return 1;
    return !strncmp(name, "__", 2);
}

static void check_symbols(const file *f, unsigned *n_needed, tfx_error *err)
{
    const Elf64_Shdr *table = find_section(f, SHT_DYNSYM), *names = table ? section(f, table->sh_link) : NULL;
    tfx_text leaked = {0};
    unsigned n_leaked = 0;
    if (!names || !names->sh_size || f->bytes[names->sh_offset + names->sh_size - 1])
        return;
    const Elf64_Sym *symbols = (const Elf64_Sym *)(f->bytes + table->sh_offset);
    for (uint64_t i = 1; i < table->sh_size / sizeof(*symbols); i++) {
        const Elf64_Sym *s = &symbols[i];
        const char *name = s->st_name < names->sh_size ? f->bytes + names->sh_offset + s->st_name : "";
        unsigned visibility = ELF64_ST_VISIBILITY(s->st_other), bind = ELF64_ST_BIND(s->st_info);
        if (!*name || bind == STB_LOCAL)
            continue;
        if (s->st_shndx == SHN_UNDEF) {
            *n_needed += bind == STB_GLOBAL;
            if (!strncmp(name, "tfx_", 4) || !strcmp(name, "tfx_plugin_entry"))
                tfx_fail(err, TFX_E_DATA,
                         "takes the symbol %s from the host or another plugin; all that a plugin needs of "
                         "them arrives in tables",
                         name);
            continue;
        }
        if (visibility == STV_HIDDEN || visibility == STV_INTERNAL || !strcmp(name, "tfx_plugin_entry") ||
            is_linkers(name) || ELF64_ST_TYPE(s->st_info) == STT_SECTION)
            continue;
        if (n_leaked++ < 5)
            tfx_text_add(&leaked, "%s%s", leaked.n ? ", " : "", name);
    }
    if (n_leaked)
        tfx_fail(err, TFX_E_DATA,
                 "exports %u symbol%s besides tfx_plugin_entry (%s%s); declare them static, or compile "
                 "with -fvisibility=hidden",
                 n_leaked, n_leaked == 1 ? "" : "s", leaked.s, n_leaked > 5 ? ", ..." : "");
    tfx_text_free(&leaked);
}

static void check_segments(const file *f, tfx_error *err)
{
    const Elf64_Ehdr *h = at(f, 0, sizeof(*h));
    const Elf64_Phdr *p = h ? at(f, h->e_phoff, (uint64_t)h->e_phnum * sizeof(*p)) : NULL;
    for (unsigned i = 0; p && i < h->e_phnum; i++) {
        if (p[i].p_type == PT_GNU_STACK && p[i].p_flags & PF_X)
            tfx_fail(err, TFX_E_DATA,
                     "asks for an executable stack (nested functions whose address is taken, or assembly "
                     "without .note.GNU-stack)");
        if (p[i].p_type == PT_LOAD && (p[i].p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
            tfx_fail(err, TFX_E_DATA, "has a segment that can be both written and executed");
    }
}

/* Code that the dynamic linker has to change cannot be shared, and is not mapped at all on hardened systems. */
static void check_relocations(const file *f, tfx_error *err)
{
    const Elf64_Shdr *s = find_section(f, SHT_DYNAMIC);
    const Elf64_Dyn *d = s ? (const Elf64_Dyn *)(f->bytes + s->sh_offset) : NULL;
    for (uint64_t i = 0; d && i < s->sh_size / sizeof(*d); i++)
        if (d[i].d_tag == DT_TEXTREL || (d[i].d_tag == DT_FLAGS && d[i].d_un.d_val & DF_TEXTREL))
            tfx_fail(err, TFX_E_DATA, "its code has to be changed when it is loaded; compile it with -fPIC");
}

tfx_status tfx_symbols_check(const char *path, unsigned *n_needed, tfx_error *err)
{
    tfx_elf_entry entry;
    struct stat st;
    *n_needed = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return tfx_fail(err, TFX_E_IO, "cannot be opened: %s", strerror(errno));
    if (tfx_elf_entry_read_fd(fd, &entry, err) == TFX_OK && fstat(fd, &st) == 0) {
        void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        const file f = {bytes, (uint64_t)st.st_size};
        if (bytes == MAP_FAILED) {
            tfx_fail(err, TFX_E_IO, "cannot be read: %s", strerror(errno));
        } else {
            check_segments(&f, err);
            check_relocations(&f, err);
            check_symbols(&f, n_needed, err);
            munmap(bytes, (size_t)st.st_size);
        }
    }
    close(fd);
    return err->status;
}

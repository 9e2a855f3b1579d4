/* INI text as sections of settings, with the place of everything.
 *
 * The text is read by inih; this file adds what a strict format needs: duplicates, stray
 * keys, over-long lines and everything that is no text at all are errors. Indentation
 * means nothing, so a value is always on one line. */
#ifndef TFX_SPEC_INI_H
#define TFX_SPEC_INI_H

#include "framework/base/error.h"
#include "framework/plugin/options.h"

/* [kind] or [kind NAME]. */
typedef struct tfx_ini_section {
    const char *kind, *name; /* name NULL: the kind has none */
    const char *file;
    int line; /* of the header; 0: made by a profile or --set */
    tfx_setting *keys;
    size_t n_keys, cap_keys;
} tfx_ini_section;

/* Owns its sections and every string in them. */
typedef struct tfx_ini {
    tfx_ini_section *sections;
    size_t n_sections, cap_sections;
    char **strings;
    size_t n_strings, cap_strings;
} tfx_ini;

/* Longest line of a spec file. A resolved text gets more, because a list may be written
 * out longer than it was given. */
#define TFX_INI_MAX_LINE ((size_t)64 << 10)
#define TFX_INI_MAX_RESOLVED_LINE ((size_t)1 << 20)

/* Reads a file, or `n` bytes of text whose messages call it `file`; `file` is what messages
 * show. Keys are brace-expanded. NULL on error. */
tfx_ini *tfx_ini_read(const char *file, tfx_error *err);
tfx_ini *tfx_ini_parse(const char *text, size_t n, const char *file, size_t max_line, tfx_error *err);
void tfx_ini_destroy(tfx_ini *ini);

/* Hands a heap string to `ini`; returns it. */
const char *tfx_ini_keep(tfx_ini *ini, char *s);
/* Moves every string of `from` into `into`, so that settings of `from` may be used there;
 * destroys `from`. */
void tfx_ini_absorb(tfx_ini *into, tfx_ini *from);

/* `name` NULL for kinds without names. NULL when there is none. */
tfx_ini_section *tfx_ini_find(const tfx_ini *ini, const char *kind, const char *name);
/* The new section's pointer, like every pointer to a section, holds until the next one is added. */
tfx_ini_section *tfx_ini_add_section(tfx_ini *ini, const char *kind, const char *name, const char *file, int line);
tfx_setting *tfx_section_find(const tfx_ini_section *s, const char *key);
/* Replaces the setting with the same key, or appends. */
void tfx_section_set(tfx_ini_section *s, const tfx_setting *setting);
void tfx_section_set_all(tfx_ini_section *s, const tfx_setting *settings, size_t n);
void tfx_section_remove(tfx_ini_section *s, const char *key);

/* "[kind NAME]" into buf (at least 160 bytes), which is returned. */
char *tfx_section_title(char *buf, const tfx_ini_section *s);

/* Fails because there is no [kind name] where `from` names one (NULL: the place is left to the caller), with the
 * nearest that there is, which is not `but` (may be NULL). */
tfx_status tfx_ini_fail_unknown(const tfx_ini *ini, const tfx_setting *from, const char *kind, const char *name,
                                const tfx_ini_section *but, tfx_error *err);

/* Whether the kind exists, and whether it has names. */
int tfx_section_kind(const char *kind, int *named);
/* The kinds, with their number. */
const char *const *tfx_section_kinds(size_t *n);

#endif

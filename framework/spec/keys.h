/* Keys: their syntax and brace groups. */
#ifndef TFX_SPEC_KEYS_H
#define TFX_SPEC_KEYS_H

#include "framework/spec/ini.h"

/* The longest key. */
#define TFX_KEY_MAX 400

/* Expands "a.{b,c}.d" into "a.b.d" and "a.c.d"; several groups give every combination.
 * *out has *n heap strings afterwards and is one itself. Returns NULL, or what is wrong as a
 * static text; then *n is 0. */
const char *tfx_key_expand(const char *key, char ***out, size_t *n);

/* NULL when `name` may be the name of a section (they become folder names), else what is
 * wrong, as a static text. */
const char *tfx_name_check(const char *name);
/* The same for an arm, which may be a point of a sweep: NAME[key=value,...]. */
const char *tfx_arm_name_check(const char *name);
/* NULL when `value` can be written into an INI file and read back, else what is wrong. */
const char *tfx_value_check(const char *value);

/* Whether it says how long something is trained; of such keys in one place one is enough. */
int tfx_key_is_length(const char *key);

/* Whether `key` lies below `parent`: "a.b.c" is below "a.b". */
int tfx_key_below(const char *key, const char *parent);

/* A heap copy of a key of one numbered block without its number: "blocks.ffn" for
 * "blocks.3.ffn"; NULL for other keys. */
char *tfx_key_general(const char *key);

#endif

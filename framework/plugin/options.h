/* Options: what a spec says, checked against what a class declares. */
#ifndef TFX_PLUGIN_OPTIONS_H
#define TFX_PLUGIN_OPTIONS_H

#include "framework/base/error.h"
#include "framework/base/text.h"
#include "tfx/options.h"

/* One `key = value` of a spec with the place it came from. */
typedef struct tfx_setting {
    const char *key, *value;
    const char *file; /* or "--set SECTION.KEY" */
    int line;         /* 0: of --set */
    const char *from; /* the reference that the whole value is: "best:search.small.train.lr"; NULL: none */
} tfx_setting;

/* Checks `settings` against the declaration and fills in defaults. Errors name file, line,
 * key, what was expected, what was found and the nearest declared key or choice; `what`
 * says whose options they are ("layer pattention"); a key that is missing has no place of its
 * own, and the message is not located. PATH values are made absolute against
 * the folder of the setting's file (against the working directory for --set), but are not
 * required to exist. NULL on error. Everything is copied. */
tfx_options *tfx_options_resolve(const tfx_option *decl, size_t n_decl, const tfx_setting *settings, size_t n_settings,
                                 const char *what, tfx_error *err);
void tfx_options_destroy(tfx_options *o);

/* The i-th declaration: arrays of tfx_option are walked by struct_size. */
const tfx_option *tfx_option_at(const tfx_option *decl, size_t i);
/* The one with this name, or NULL. */
const tfx_option *tfx_option_find(const tfx_option *decl, size_t n, const char *name);

/* Whether its type has `choices`. */
int tfx_option_has_choices(const tfx_option *o);

/* Values by name; see tfx_host.opt_*. The name must be declared with that type. */
int64_t tfx_options_int(const tfx_options *o, const char *name);
double tfx_options_real(const tfx_options *o, const char *name); /* REAL, REAL_OR_CHOICE */
int tfx_options_bool(const tfx_options *o, const char *name);
const char *tfx_options_string(const tfx_options *o, const char *name); /* STRING, CHOICE, PATH, REAL_OR_CHOICE */
const int64_t *tfx_options_int_list(const tfx_options *o, const char *name, size_t *n);
const double *tfx_options_real_list(const tfx_options *o, const char *name, size_t *n);
const char *const *tfx_options_string_list(const tfx_options *o, const char *name, size_t *n);

/* Replaces the value of an INT by another one that its declaration allows. */
void tfx_options_set_int(tfx_options *o, const char *name, int64_t value);

/* The declared type, or 0 when no option has that name. */
tfx_option_type tfx_options_type(const tfx_options *o, const char *name);

/* Where a value came from; *line is 0 and the result NULL when it is the default. */
const char *tfx_options_origin(const tfx_options *o, const char *name, int *line);

/* The option that a plugin's message is about: the one whose name it starts with, before a
 * colon. NULL: none. */
const char *tfx_options_blamed(const tfx_options *o, const char *message);

/* The value as text, or NULL when no option has that name. */
const char *tfx_options_text(const tfx_options *o, const char *name);

/* The number of options, and the i-th one's name and value as text (re-readable). */
size_t tfx_options_count(const tfx_options *o);
void tfx_options_at(const tfx_options *o, size_t i, const char **name, const char **value);

/* A short description of what an option takes, e.g. "integer, 1 to 4096" or
 * "one of: keep, rescale"; appended to t. */
void tfx_option_expectation(tfx_text *t, const tfx_option *o);

#endif

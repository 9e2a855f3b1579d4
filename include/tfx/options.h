/* tfx plugin ABI: declared options.
 *
 * A class declares the options it takes; the host parses and validates what the spec
 * says, prints the documentation from the declaration (`tfx plugin show`), and stores the
 * resolved values in the database. A class reads them through tfx_host.
 */
#ifndef TFX_OPTIONS_H
#define TFX_OPTIONS_H

#include "abi.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tfx_option_type {
    TFX_OPT_INT = 1,  /* int64_t; suffixes k, M, G (powers of ten) are accepted */
    TFX_OPT_REAL = 2, /* double */
    TFX_OPT_BOOL = 3, /* true/false, yes/no, on/off, 1/0 */
    TFX_OPT_STRING = 4,
    TFX_OPT_CHOICE = 5,      /* one of `choices` */
    TFX_OPT_PATH = 6,        /* a file or folder; relative to the spec that names it */
    TFX_OPT_INT_LIST = 7,    /* comma separated */
    TFX_OPT_REAL_LIST = 8,   /* comma separated */
    TFX_OPT_STRING_LIST = 9, /* comma separated */
#if TFX_NEEDS_MINOR >= 1
    /* Since 1.1. A number as REAL, or one of `choices`: words for numbers that the class works out
     * itself. opt_string gives the word, or NULL for a number; opt_real the number, or 0 for a word. */
    TFX_OPT_REAL_OR_CHOICE = 10
#endif
} tfx_option_type;

/* One declared option. Arrays of these are walked by the first element's struct_size. */
typedef struct tfx_option {
    size_t struct_size;
    const char *name; /* lower_case */
    tfx_option_type type;
    const char *def;            /* default as a spec would write it; NULL: the option is required */
    double min, max;            /* numbers: inclusive range when min < max */
    const char *const *choices; /* CHOICE and REAL_OR_CHOICE: NULL-terminated */
    const char *doc;            /* one line, with the unit */
} tfx_option;

#define TFX_OPTION(name, type, def, min, max, choices, doc) \
    { \
        sizeof(tfx_option), name, type, def, min, max, choices, doc \
    }

/* Resolved options of one instance. Owned by the host; valid while the instance is. */
typedef struct tfx_options tfx_options;

#ifdef __cplusplus
}
#endif
#endif

/* What a resolved set of options holds. Internal to framework/plugin. */
#ifndef TFX_PLUGIN_OPTION_VALUES_H
#define TFX_PLUGIN_OPTION_VALUES_H

#include "framework/plugin/options.h"

typedef struct option_value {
    char *name;
    tfx_option_type type;
    char *text; /* canonical */
    int64_t *ints;
    double *reals;
    char **strings;
    size_t n;   /* elements of the array that the type uses; 1 for types that are no list */
    char *file; /* NULL: the default */
    int line;
} option_value;

struct tfx_options {
    option_value *values;
    size_t n;
};

#endif

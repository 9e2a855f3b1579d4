/* Reading resolved options; see options.c for how they come about. */
#include "framework/plugin/option_values.h"

#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"

void tfx_options_destroy(tfx_options *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->n; i++) {
        option_value *v = &o->values[i];
        /* A value that could not be read may sit at strings[n]. */
        for (size_t k = 0; v->strings && v->strings[k]; k++)
            free(v->strings[k]);
        free(v->name);
        free(v->text);
        free(v->ints);
        free(v->reals);
        free(v->strings);
        free(v->file);
    }
    free(o->values);
    free(o);
}

static const option_value *find_value(const tfx_options *o, const char *name)
{
    for (size_t i = 0; o && i < o->n; i++)
        if (!strcmp(o->values[i].name, name))
            return &o->values[i];
    return NULL;
}

static const option_value *find_typed(const tfx_options *o, const char *name, tfx_option_type type)
{
    const option_value *v = find_value(o, name);
    return v && v->type == type ? v : NULL;
}

void tfx_options_set_int(tfx_options *o, const char *name, int64_t value)
{
    for (size_t i = 0; i < o->n; i++) {
        option_value *v = &o->values[i];
        if (strcmp(v->name, name) || v->type != TFX_OPT_INT)
            continue;
        v->ints[0] = value;
        free(v->text);
        v->text = tfx_printf("%lld", (long long)value);
    }
}

int64_t tfx_options_int(const tfx_options *o, const char *name)
{
    const option_value *v = find_typed(o, name, TFX_OPT_INT);
    return v ? v->ints[0] : 0;
}

double tfx_options_real(const tfx_options *o, const char *name)
{
    const option_value *v = find_value(o, name);
    return v && (v->type == TFX_OPT_REAL || v->type == TFX_OPT_REAL_OR_CHOICE) ? v->reals[0] : 0.0;
}

int tfx_options_bool(const tfx_options *o, const char *name)
{
    const option_value *v = find_typed(o, name, TFX_OPT_BOOL);
    return v ? (int)v->ints[0] : 0;
}

const char *tfx_options_string(const tfx_options *o, const char *name)
{
    const option_value *v = find_value(o, name);
    int text = v && (v->type == TFX_OPT_STRING || v->type == TFX_OPT_CHOICE || v->type == TFX_OPT_PATH ||
                     v->type == TFX_OPT_REAL_OR_CHOICE);
    return text ? v->strings[0] : NULL;
}

const int64_t *tfx_options_int_list(const tfx_options *o, const char *name, size_t *n)
{
    const option_value *v = find_typed(o, name, TFX_OPT_INT_LIST);
    *n = v ? v->n : 0;
    return v ? v->ints : NULL;
}

const double *tfx_options_real_list(const tfx_options *o, const char *name, size_t *n)
{
    const option_value *v = find_typed(o, name, TFX_OPT_REAL_LIST);
    *n = v ? v->n : 0;
    return v ? v->reals : NULL;
}

const char *const *tfx_options_string_list(const tfx_options *o, const char *name, size_t *n)
{
    const option_value *v = find_typed(o, name, TFX_OPT_STRING_LIST);
    *n = v ? v->n : 0;
    return v ? (const char *const *)v->strings : NULL;
}

tfx_option_type tfx_options_type(const tfx_options *o, const char *name)
{
    const option_value *v = find_value(o, name);
    return v ? v->type : (tfx_option_type)0;
}

const char *tfx_options_origin(const tfx_options *o, const char *name, int *line)
{
    const option_value *v = find_value(o, name);
    *line = v ? v->line : 0;
    return v ? v->file : NULL;
}

const char *tfx_options_blamed(const tfx_options *o, const char *message)
{
    for (size_t i = 0; i < o->n; i++) {
        size_t n = strlen(o->values[i].name);
        if (!strncmp(message, o->values[i].name, n) && !strncmp(message + n, ": ", 2))
            return o->values[i].name;
    }
    return NULL;
}

const char *tfx_options_text(const tfx_options *o, const char *name)
{
    const option_value *v = find_value(o, name);
    return v ? v->text : NULL;
}

size_t tfx_options_count(const tfx_options *o)
{
    return o->n;
}

void tfx_options_at(const tfx_options *o, size_t i, const char **name, const char **value)
{
    *name = o->values[i].name;
    *value = o->values[i].text;
}

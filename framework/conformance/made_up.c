#include "framework/conformance/made_up.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"

/* Small, even, and a divisor of most widths that are tried. */
#define PLAIN_NUMBER 4.0

static double within(const tfx_option *o, double x)
{
    if (o->min < o->max)
        x = x < o->min ? o->min : x > o->max ? o->max : x;
    return x;
}

tfx_status tfx_write_tokens(const char *path, int64_t n, tfx_error *err)
{
    FILE *f = fopen(path, "wb");
    if (!f)
        return tfx_fail(err, TFX_E_IO, "%s: %s", path, strerror(errno));
    uint64_t stream = tfx_random_stream(strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
    for (int64_t i = 0; i < n; i++) {
        fputc((int)(tfx_random_u64(1, stream, (uint64_t)i) & 255), f);
        fputc(0, f);
    }
    int lost = ferror(f);
    if (fclose(f) || lost)
        return tfx_fail(err, TFX_E_IO, "%s: cannot be written", path);
    return TFX_OK;
}

/* The value as a spec would write it; heap. */
static char *made_up_value(const tfx_subject *s, const tfx_option *o)
{
    switch (o->type) {
    case TFX_OPT_INT:
    case TFX_OPT_INT_LIST: return tfx_printf("%.0f", ceil(within(o, PLAIN_NUMBER)));
    case TFX_OPT_REAL:
    case TFX_OPT_REAL_LIST:
    case TFX_OPT_REAL_OR_CHOICE: return tfx_printf("%.17g", within(o, PLAIN_NUMBER));
    case TFX_OPT_BOOL: return tfx_strdup("true");
    case TFX_OPT_CHOICE: return tfx_strdup(o->choices[0]);
    case TFX_OPT_PATH: {
        char *path = tfx_printf("%s/%s.bin", s->folder, o->name);
        tfx_error unused = {0};
        tfx_write_tokens(path, TFX_MADE_UP_TOKENS, &unused);
        return path;
    }
    default: return tfx_strdup("larger"); /* names, of models for example */
    }
}

void tfx_subject_set(tfx_subject *s, const char *key, const char *value)
{
    for (size_t i = 0; i < s->n_settings; i++)
        if (!strcmp(s->settings[i].key, key)) {
            free((char *)s->settings[i].value);
            s->settings[i].value = tfx_strdup(value);
            return;
        }
    *TFX_APPEND(s->settings, s->n_settings,
                s->cap_settings) = (tfx_setting){.key = tfx_strdup(key), .value = tfx_strdup(value), .file = "--set"};
}

void tfx_subject_finish(tfx_subject *s)
{
    for (size_t i = 0; i < s->n_settings; i++) {
        free((char *)s->settings[i].key);
        free((char *)s->settings[i].value);
    }
    free(s->settings);
    s->settings = NULL;
    s->n_settings = s->cap_settings = 0;
}

static const char *value_of(const tfx_subject *s, const char *key)
{
    for (size_t i = 0; i < s->n_settings; i++)
        if (!strcmp(s->settings[i].key, key))
            return s->settings[i].value;
    return NULL;
}

/* Layers nest; one that is in a socket of its own by default never ends, and is refused when it is built. */
enum { MAX_DEPTH = 6 };

static void make_up_below(tfx_subject *s, const char *kind, const void *impl, const char *prefix, int depth)
{
    const tfx_class_info c = tfx_class_describe(kind, impl);
    for (size_t i = 0; i < c.n_options; i++) {
        const tfx_option *o = tfx_option_at(c.options, i);
        char *key = tfx_printf("%s%s", prefix, o->name);
        if (!o->def && !value_of(s, key)) {
            char *value = made_up_value(s, o);
            tfx_subject_set(s, key, value);
            free(value);
        }
        free(key);
    }
    for (size_t i = 0; i < c.n_sockets && depth < MAX_DEPTH; i++) {
        const tfx_slot *socket = tfx_socket_at(c.sockets, i);
        char *key = tfx_printf("%s%s", prefix, socket->name), *inside = tfx_printf("%s.", key);
        tfx_error err = {0};
        if (!socket->def && !value_of(s, key))
            tfx_subject_set(s, key, "linear");
        const void *child = tfx_registry_find(s->registry, TFX_KIND_LAYER,
                                              value_of(s, key) ? value_of(s, key) : socket->def, &err);
        if (child)
            make_up_below(s, TFX_KIND_LAYER, child, inside, depth + 1);
        free(inside);
        free(key);
    }
}

void tfx_make_up_settings(tfx_subject *s)
{
    for (size_t i = 0; i < s->n_sets; i++) {
        const char *equals = strchr(s->sets[i], '=');
        char *key = tfx_trimmed(s->sets[i], (size_t)(equals - s->sets[i]));
        tfx_subject_set(s, key, equals + 1);
        free(key);
    }
    make_up_below(s, s->kind, s->impl, "", 0);
}

int tfx_make_up_blamed(tfx_subject *s, const tfx_options *o, const char *message)
{
    const char *name = o ? tfx_options_blamed(o, message) : NULL;
    const tfx_option *declared = name ? tfx_option_find(s->info.options, s->info.n_options, name) : NULL;
    if (!declared || value_of(s, name))
        return 0;
    char *value = made_up_value(s, declared);
    tfx_subject_set(s, name, value);
    free(value);
    return 1;
}

tfx_options *tfx_subject_options_with(const tfx_subject *s, const char *key, const char *value, tfx_error *err)
{
    tfx_setting *all = TFX_NEW_ARRAY(tfx_setting, s->n_settings + 1);
    size_t n = 0;
    for (size_t i = 0; i < s->n_settings; i++)
        if ((!key || strcmp(s->settings[i].key, key)) && (!s->info.n_sockets || !strchr(s->settings[i].key, '.')))
            all[n++] = s->settings[i];
    if (key)
        all[n++] = (tfx_setting){.key = key, .value = value, .file = "--set"};
    tfx_options *o = tfx_options_resolve(s->info.options, s->info.n_options, all, n, s->name, err);
    free(all);
    return o;
}

tfx_options *tfx_subject_options(const tfx_subject *s, tfx_error *err)
{
    return tfx_subject_options_with(s, NULL, NULL, err);
}

/* Options: turns the `key = value` texts of a spec into typed values that fit a
 * declaration. Every value is kept twice: typed, for the class that reads it, and as a
 * canonical text, which reads back to the same value and is what the database and the
 * resolved spec show. */
#include "framework/plugin/options.h"

#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/plugin/option_text.h"
#include "framework/plugin/option_values.h"

const tfx_option *tfx_option_at(const tfx_option *decl, size_t i)
{
    return (const tfx_option *)((const char *)decl + i * decl->struct_size);
}

const tfx_option *tfx_option_find(const tfx_option *decl, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(tfx_option_at(decl, i)->name, name))
            return tfx_option_at(decl, i);
    return NULL;
}

/* ---- descriptions ---- */

static const struct {
    const char *takes;
    int list, ranged;   /* ranged: min and max are about its numbers */
    const char *choice; /* what leads to its choices; NULL: it has none */
} types[] = {
    [TFX_OPT_INT] = {"integer", 0, 1, NULL},
    [TFX_OPT_REAL] = {"number", 0, 1, NULL},
    [TFX_OPT_BOOL] = {"true or false", 0, 0, NULL},
    [TFX_OPT_STRING] = {"text", 0, 0, NULL},
    [TFX_OPT_CHOICE] = {"", 0, 0, "one of: "},
    [TFX_OPT_PATH] = {"path", 0, 0, NULL},
    [TFX_OPT_INT_LIST] = {"integers separated by commas", 1, 1, NULL},
    [TFX_OPT_REAL_LIST] = {"numbers separated by commas", 1, 1, NULL},
    [TFX_OPT_STRING_LIST] = {"texts separated by commas", 1, 0, NULL},
    [TFX_OPT_REAL_OR_CHOICE] = {"number", 0, 1, ", or "},
};

int tfx_option_has_choices(const tfx_option *o)
{
    return types[o->type].choice != NULL;
}

/* Its index among the choices; -1: it is none of them. */
static int choice_of(const tfx_option *o, const char *text)
{
    for (int i = 0; tfx_option_has_choices(o) && o->choices && o->choices[i]; i++)
        if (!strcmp(o->choices[i], text))
            return i;
    return -1;
}

/* As a value may be written: 1T, not 1e+12, which is no integer. */
static void add_number(tfx_text *t, double x)
{
    static const struct {
        double unit;
        char suffix;
    } units[] = {{1e12, 'T'}, {1e9, 'G'}};
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        double n = x / units[i].unit;
        if (fabs(n) >= 1 && fabs(n) < 1e6 && n == floor(n)) {
            tfx_text_add(t, "%.0f%c", n, units[i].suffix);
            return;
        }
    }
    if (fabs(x) < 9.1e15 && x == floor(x))
        tfx_text_add(t, "%.0f", x);
    else
        tfx_text_add(t, "%g", x);
}

static void add_range(tfx_text *t, const tfx_option *o)
{
    if (!(o->min < o->max) || (isinf(o->min) && isinf(o->max)))
        return;
    if (isinf(o->max)) {
        tfx_text_add(t, ", at least ");
        add_number(t, o->min);
    } else if (isinf(o->min)) {
        tfx_text_add(t, ", at most ");
        add_number(t, o->max);
    } else {
        tfx_text_add(t, ", ");
        add_number(t, o->min);
        tfx_text_add(t, " to ");
        add_number(t, o->max);
    }
}

void tfx_option_expectation(tfx_text *t, const tfx_option *o)
{
    tfx_text_add(t, "%s", types[o->type].takes);
    if (types[o->type].ranged)
        add_range(t, o);
    for (size_t i = 0; tfx_option_has_choices(o) && o->choices && o->choices[i]; i++)
        tfx_text_add(t, "%s%s", i ? ", " : types[o->type].choice, o->choices[i]);
}

/* ---- messages ---- */

static void fail_setting(tfx_error *err, const tfx_setting *s, const char *message)
{
    if (s && s->file)
        tfx_fail_at(err, s->file, s->line, "%s", message);
    else
        tfx_fail(err, TFX_E_INVALID, "%s", message);
}

static tfx_status fail_value(const tfx_option *o, const tfx_setting *s, const char *value, const char *what,
                             tfx_error *err)
{
    tfx_text t = {0};
    tfx_text_add(&t, "%s: %s: expected ", what, o->name);
    tfx_option_expectation(&t, o);
    tfx_text_add(&t, "; found \"%.100s\"", value);
    if (strstr(value, " #"))
        tfx_text_add(&t, " (a comment after a value starts with \" ;\")");
    fail_setting(err, s, t.s);
    tfx_text_free(&t);
    tfx_suggest known = {.name = value, .listed = 1};
    for (size_t i = 0; tfx_option_has_choices(o) && o->choices && o->choices[i]; i++)
        tfx_suggest_add(&known, "%s", o->choices[i]);
    return tfx_suggest_end(&known, NULL, err);
}

static tfx_status fail_unknown(const tfx_option *decl, size_t n, const tfx_setting *s, const char *what, tfx_error *err)
{
    tfx_suggest known = {.name = s->key};
    for (size_t i = 0; i < n; i++)
        tfx_suggest_add(&known, "%s", tfx_option_at(decl, i)->name);
    char *message = tfx_printf("%s: unknown key \"%s\"", what, s->key);
    fail_setting(err, s, message);
    free(message);
    return tfx_suggest_end(&known, "it takes no options", err);
}

/* ---- one option ---- */

/* Reads one element (or the whole value of a type that is no list) into v->...[v->n]. */
static tfx_status read_element(const tfx_option *o, option_value *v, const char *text, const tfx_setting *s,
                               const char *what, tfx_error *err)
{
    int bad = 0, ranged = types[o->type].ranged;
    double number = 0;
    switch (o->type) {
    case TFX_OPT_INT:
    case TFX_OPT_INT_LIST:
        bad = tfx_option_read_int(text, &v->ints[v->n]);
        number = (double)v->ints[v->n];
        break;
    case TFX_OPT_REAL:
    case TFX_OPT_REAL_LIST:
        bad = tfx_option_read_real(text, &v->reals[v->n]);
        number = v->reals[v->n];
        break;
    case TFX_OPT_BOOL: bad = tfx_option_read_bool(text, &v->ints[v->n]); break;
    case TFX_OPT_STRING: v->strings[v->n] = tfx_strdup(text); break;
    case TFX_OPT_STRING_LIST:
        bad = !*text;
        v->strings[v->n] = tfx_strdup(text);
        break;
    case TFX_OPT_PATH:
        /* An empty path means that there is none. */
        v->strings[v->n] = *text ? tfx_option_absolute_path(text, s && s->line ? s->file : NULL) : tfx_strdup("");
        break;
    case TFX_OPT_CHOICE:
        bad = choice_of(o, text) < 0;
        v->strings[v->n] = tfx_strdup(text);
        break;
    case TFX_OPT_REAL_OR_CHOICE:
        ranged = choice_of(o, text) < 0;
        if (ranged)
            bad = tfx_option_read_real(text, &v->reals[v->n]);
        else
            v->strings[v->n] = tfx_strdup(text);
        number = v->reals[v->n];
        break;
    }
    if (bad || (ranged && o->min < o->max && (number < o->min || number > o->max)))
        return fail_value(o, s, text, what, err);
    v->n++;
    return TFX_OK;
}

static tfx_status read_list(const tfx_option *o, option_value *v, const char *text, const tfx_setting *s,
                            const char *what, tfx_error *err)
{
    if (!text[strspn(text, " \t")])
        return TFX_OK; /* nothing at all is the empty list */
    for (const char *p = text;;) {
        size_t n = strcspn(p, ",");
        char *element = tfx_trimmed(p, n);
        tfx_status status = *element ? read_element(o, v, element, s, what, err) : fail_value(o, s, text, what, err);
        free(element);
        if (status != TFX_OK || !p[n])
            return status;
        p += n + 1;
    }
}

static void make_text(option_value *v)
{
    tfx_text t = {0};
    tfx_text_add(&t, "%s", "");
    for (size_t i = 0; i < v->n; i++) {
        if (i)
            tfx_text_add(&t, ", ");
        if (v->type == TFX_OPT_BOOL)
            tfx_text_add(&t, "%s", v->ints[i] ? "true" : "false");
        else if (v->strings && v->strings[i])
            tfx_text_add(&t, "%s", v->strings[i]);
        else if (v->ints)
            tfx_text_add(&t, "%lld", (long long)v->ints[i]);
        else
            tfx_option_add_real(&t, v->reals[i]);
    }
    v->text = t.s;
}

static tfx_status read_value(const tfx_option *o, option_value *v, const char *value, const tfx_setting *s,
                             const char *what, tfx_error *err)
{
    size_t most = 1;
    for (const char *p = value; *p; p++)
        most += *p == ',';
    char *text = tfx_trimmed(value, strlen(value));
    v->name = tfx_strdup(o->name);
    v->type = o->type;
    v->file = s ? tfx_strdup(s->file) : NULL;
    v->line = s ? s->line : 0;
    switch (o->type) {
    case TFX_OPT_INT:
    case TFX_OPT_BOOL:
    case TFX_OPT_INT_LIST: v->ints = TFX_NEW_ARRAY(int64_t, most); break;
    case TFX_OPT_REAL:
    case TFX_OPT_REAL_LIST: v->reals = TFX_NEW_ARRAY(double, most); break;
    case TFX_OPT_REAL_OR_CHOICE:
        v->reals = TFX_NEW_ARRAY(double, most);
        v->strings = TFX_NEW_ARRAY(char *, most + 1);
        break;
    default: v->strings = TFX_NEW_ARRAY(char *, most + 1); break;
    }
    tfx_status status = (types[o->type].list ? read_list : read_element)(o, v, text, s, what, err);
    if (status == TFX_OK)
        make_text(v);
    free(text);
    return status;
}

tfx_options *tfx_options_resolve(const tfx_option *decl, size_t n_decl, const tfx_setting *settings, size_t n_settings,
                                 const char *what, tfx_error *err)
{
    tfx_options *out = TFX_NEW(tfx_options);
    out->values = TFX_NEW_ARRAY(option_value, n_decl);
    out->n = n_decl;
    for (size_t i = 0; i < n_settings; i++) {
        if (!tfx_option_find(decl, n_decl, settings[i].key)) {
            fail_unknown(decl, n_decl, &settings[i], what, err);
            goto fail;
        }
    }
    for (size_t k = 0; k < n_decl; k++) {
        const tfx_option *o = tfx_option_at(decl, k);
        const tfx_setting *s = NULL;
        for (size_t i = 0; i < n_settings; i++)
            if (!strcmp(o->name, settings[i].key))
                s = &settings[i]; /* the last one holds */
        if (!s && !o->def) {
            tfx_text t = {0};
            tfx_option_expectation(&t, o);
            tfx_fail(err, TFX_E_INVALID, "%s: missing key \"%s\" (%s): %s", what, o->name, t.s, o->doc ? o->doc : "");
            tfx_text_free(&t);
            goto fail;
        }
        if (read_value(o, &out->values[k], s ? s->value : o->def, s, what, err) != TFX_OK)
            goto fail;
    }
    return out;
fail:
    tfx_options_destroy(out);
    return NULL;
}

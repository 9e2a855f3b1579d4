#include "framework/spec/vars.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/base/text.h"
#include "framework/spec/keys.h"

enum { UNTOUCHED = 0, IN_PROGRESS, DONE };

typedef struct expander {
    tfx_ini_section *vars;
    int *state;    /* per variable */
    size_t *trail; /* the variables in progress, outermost first */
    size_t n_trail;
    tfx_ini *ini;
    const tfx_vars_source *source;
    tfx_error *err;
} expander;

static tfx_status fail_unknown(const expander *x, const tfx_setting *s, const char *name)
{
    tfx_suggest known = {.name = name};
    for (size_t i = 0; i < x->vars->n_keys; i++)
        tfx_suggest_add(&known, "%s", x->vars->keys[i].key);
    tfx_fail_at(x->err, s->file, s->line, "%s: unknown variable ${%.80s}", s->key, name);
    return tfx_suggest_end(&known, "there is no [vars] section", x->err);
}

static tfx_status fail_cycle(const expander *x, size_t var)
{
    tfx_text t = {0};
    const tfx_setting *s = &x->vars->keys[var];
    size_t first = 0;
    while (x->trail[first] != var)
        first++;
    for (size_t i = first; i < x->n_trail; i++)
        tfx_text_add(&t, "%s -> ", x->vars->keys[x->trail[i]].key);
    tfx_fail_at(x->err, s->file, s->line, "the variable %s is made of itself: %s%s", s->key, t.s, s->key);
    tfx_text_free(&t);
    return x->err->status;
}

static tfx_status add_looked_up(const expander *x, const tfx_setting *s, const char *expression, tfx_text *out)
{
    tfx_error wrong = {0};
    const char *value = tfx_lookup_value(x->source->lookup, expression, x->source->counts, &wrong);
    if (!value)
        return tfx_fail_at(x->err, s->file, s->line, "%s: %s", s->key, wrong.text);
    tfx_text_add(out, "%s", value);
    return TFX_OK;
}

static tfx_status expand_var(expander *x, size_t var);

/* Adds the value of `s` with what its references stand for. *from: the expression that the value is, if it is one and nothing
 * else. Variables keep expressions as they are written: one that nothing uses needs no results. */
static tfx_status append(expander *x, const tfx_setting *s, tfx_text *out, const char **from)
{
    for (const char *p = s->value; *p && x->err->status == TFX_OK;) {
        const char *ref = strstr(p, "${");
        if (!ref) {
            tfx_text_add(out, "%s", p);
            break;
        }
        const char *close = strchr(ref, '}');
        if (!close)
            return tfx_fail_at(x->err, s->file, s->line, "%s: \"${\" without \"}\" in \"%.80s\"", s->key, s->value);
        tfx_text_add(out, "%.*s", (int)(ref - p), p);
        char *name = tfx_strndup(ref + 2, (size_t)(close - ref - 2));
        const tfx_setting *found = tfx_section_find(x->vars, name);
        const char *is = NULL;
        if (tfx_lookup_is_expression(name)) {
            is = tfx_ini_keep(x->ini, tfx_strdup(name));
            if (x->state)
                tfx_text_add(out, "${%s}", name);
            else
                add_looked_up(x, s, name, out);
        } else if (!found)
            fail_unknown(x, s, name);
        else if (!x->state)
            append(x, found, out, &is);
        else if (expand_var(x, (size_t)(found - x->vars->keys)) == TFX_OK) {
            is = found->from;
            tfx_text_add(out, "%s", found->value);
        }
        if (ref == s->value && !close[1])
            *from = is;
        free(name);
        if (x->err->status == TFX_OK && out->n > TFX_INI_MAX_LINE)
            tfx_fail_at(x->err, s->file, s->line, "%s: the value has more than %zu characters after substitution",
                        s->key, TFX_INI_MAX_LINE);
        p = close + 1;
    }
    return x->err->status;
}

/* Replaces s->value. */
static tfx_status substitute(expander *x, tfx_setting *s)
{
    tfx_text out = {0};
    const char *from = NULL;
    if (!strstr(s->value, "${"))
        return TFX_OK;
    if (append(x, s, &out, &from) == TFX_OK) {
        s->from = from;
        s->value = tfx_ini_keep(x->ini, tfx_trimmed(out.s ? out.s : "", out.n));
        const char *wrong = tfx_value_check(s->value);
        if (wrong)
            tfx_fail_at(x->err, s->file, s->line, "%s: after substitution: %s", s->key, wrong);
    }
    tfx_text_free(&out);
    return x->err->status;
}

static tfx_status expand_var(expander *x, size_t var)
{
    if (x->state[var] == DONE)
        return TFX_OK;
    if (x->state[var] == IN_PROGRESS)
        return fail_cycle(x, var);
    x->state[var] = IN_PROGRESS;
    x->trail[x->n_trail++] = var;
    substitute(x, &x->vars->keys[var]);
    x->n_trail--;
    x->state[var] = DONE;
    return x->err->status;
}

tfx_status tfx_vars_expand(tfx_ini_section *vars, tfx_ini *ini, tfx_error *err)
{
    size_t n = vars->n_keys;
    expander x = {vars, TFX_NEW_ARRAY(int, n), TFX_NEW_ARRAY(size_t, n), 0, ini, NULL, err};
    for (size_t i = 0; i < n && err->status == TFX_OK; i++)
        expand_var(&x, i);
    free(x.state);
    free(x.trail);
    return err->status;
}

tfx_status tfx_vars_substitute(const tfx_ini_section *vars, const tfx_vars_source *source, tfx_setting *s, tfx_ini *ini,
                               tfx_error *err)
{
    /* Without a state array variables are done, none is written, and the expressions in them are looked up. */
    expander x = {(tfx_ini_section *)vars, NULL, NULL, 0, ini, source, err};
    return substitute(&x, s);
}

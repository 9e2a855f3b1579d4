/* What a class does with its options: all that a declaration allows is taken, or refused in words that begin with the
 * option's name, so that a user is shown the line of the spec that is at fault. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/conformance/class_rules.h"
#include "framework/conformance/trial.h"
#include "framework/conformance/usage.h"

/* The values of an option to try; NULL-terminated. */
typedef struct values {
    char *items[64];
    size_t n;
} values;

static void add(values *v, char *text)
{
    if (v->n + 1 < sizeof(v->items) / sizeof(*v->items))
        v->items[v->n++] = text;
    else
        free(text);
}

/* Sizes beyond this are what memory planning is for, not what a class has to refuse. */
#define LARGEST_TRIED 1e6

static int is_integer(const tfx_option *o)
{
    return o->type == TFX_OPT_INT || o->type == TFX_OPT_INT_LIST;
}

static int is_number(const tfx_option *o)
{
    return is_integer(o) || o->type == TFX_OPT_REAL || o->type == TFX_OPT_REAL_LIST ||
           o->type == TFX_OPT_REAL_OR_CHOICE;
}

/* What its declaration allows at its ends. */
static values allowed(const tfx_option *o)
{
    values v = {0};
    if (is_number(o) && o->min < o->max) {
        double ends[2] = {o->min, fmin(o->max, LARGEST_TRIED)};
        for (int i = 0; i < 2; i++)
            if (isfinite(ends[i]))
                add(&v, is_integer(o) ? tfx_printf("%.0f", i ? floor(ends[i]) : ceil(ends[i]))
                                      : tfx_printf("%.17g", ends[i]));
    }
    for (int64_t x = 3; is_number(o) && x <= 7; x += 4) /* odd ones, which sizes need not divide */
        if (!(o->min < o->max) || ((double)x >= o->min && (double)x <= o->max))
            add(&v, tfx_printf("%d", (int)x));
    for (size_t i = 0; tfx_option_has_choices(o) && o->choices[i]; i++)
        add(&v, tfx_strdup(o->choices[i]));
    if (o->type == TFX_OPT_BOOL) {
        add(&v, tfx_strdup("true"));
        add(&v, tfx_strdup("false"));
    }
    if (o->type == TFX_OPT_STRING || o->type == TFX_OPT_STRING_LIST || o->type == TFX_OPT_INT_LIST ||
        o->type == TFX_OPT_REAL_LIST)
        add(&v, tfx_strdup(""));
    if (o->type == TFX_OPT_STRING || o->type == TFX_OPT_STRING_LIST) {
        char text[301] = "";
        memset(text, 'a', sizeof(text) - 1);
        add(&v, tfx_strdup(text));
    }
    return v;
}

/* What no declaration of that kind allows; NULL: there is nothing. */
static char *junk(const tfx_option *o)
{
    if (is_number(o) && o->min < o->max && isfinite(o->max))
        return tfx_printf("%.17g", o->max * 2 + 1 > o->max ? fabs(o->max) * 2 + 1 : INFINITY);
    if (is_number(o) || o->type == TFX_OPT_BOOL || o->type == TFX_OPT_CHOICE)
        return tfx_strdup("!junk");
    return NULL;
}

/* Lives that end with a refusal leave nothing behind, either. */
static void check_refused_lives(tfx_subject *s, const tfx_option *o, const char *value)
{
    enum { LIVES = 24 };
    char *left = NULL;
    for (int round = 0; round < 2 && (left || !round); round++) {
        tfx_usage before = tfx_usage_now();
        for (int i = 0; i < LIVES; i++) {
            tfx_error err = {0};
            tfx_trial(s, o->name, value, &err);
        }
        tfx_usage after = tfx_usage_now();
        free(left);
        left = tfx_usage_left(&before, &after, LIVES);
    }
    if (left && !tfx_trial_leaks(s))
        tfx_say_fail(s, "%s = %s is refused, and %s are left after %d times", o->name, value, left, LIVES);
    free(left);
}

/* 0 where that breaks the contract, with the verdict. */
static int check_value(tfx_subject *s, const tfx_option *o, const char *value, int *n_refused)
{
    tfx_error err = {0};
    const size_t n = strlen(o->name);
    tfx_say_doing(s, "%s = %s", o->name, value);
    tfx_options *resolved = tfx_subject_options_with(s, o->name, value, &err);
    if (!resolved) /* of a list that must not be empty, for example: the host has refused it */
        return 1;
    tfx_options_destroy(resolved);
    if (tfx_trial(s, o->name, value, &err) == TFX_OK)
        return 1;
    ++*n_refused;
    /* Errors have the place first: "--set: layer top (mlp): hidden: ...", "made-up spec:32: operator.order: ...". */
    const char *at = err.text;
    while ((at = strstr(at, o->name)) && (at[n] != ':' || (at > err.text && !strchr(" .", at[-1]))))
        at++;
    int blames = at != NULL;
    for (size_t i = 0; i < s->info.n_options && !blames; i++) { /* one that does not go with it */
        char *other = tfx_printf("%s:", tfx_option_at(s->info.options, i)->name);
        blames = strstr(err.text, other) != NULL;
        free(other);
    }
    for (size_t i = 0; i < s->n_settings && !blames; i++) { /* a file that is not in that format: it is located, too */
        const tfx_option *path = tfx_option_find(s->info.options, s->info.n_options, s->settings[i].key);
        blames = path && path->type == TFX_OPT_PATH && strstr(err.text, s->settings[i].value);
    }
    if (!tfx_error_is_refusal(&err))
        tfx_say_fail(s, "%s = %s is in the declared range, but: %s", o->name, value, err.text);
    else if (!blames && err.status != TFX_E_MEMORY && err.status != TFX_E_IO)
        tfx_say_fail(
            s, "%s = %s is in the declared range, and refused with a message that does not begin with \"%s:\": %s",
            o->name, value, o->name, err.text);
    if (!s->decided)
        check_refused_lives(s, o, value);
    return !s->decided;
}

static void check_declaration(tfx_subject *s, const tfx_option *o)
{
    if (!*o->doc || strchr(o->doc, '\n'))
        tfx_say_fail(s, "%s: its doc is %s; expected one line", o->name, *o->doc ? "several lines" : "empty");
    else if (is_number(o) && o->min > o->max)
        tfx_say_fail(s, "%s: its range is %g to %g; expected min < max, or both the same for no range", o->name, o->min,
                     o->max);
    for (const char *c = o->name; *c && !s->decided; c++)
        if (*c >= 'A' && *c <= 'Z')
            tfx_say_fail(s, "%s: expected a name in lower case", o->name);
    char *bad = s->decided ? NULL : junk(o);
    tfx_error err = {0};
    tfx_options *taken = bad ? tfx_subject_options_with(s, o->name, bad, &err) : NULL;
    if (taken)
        tfx_say_fail(s, "%s: its declaration takes \"%s\"", o->name, bad);
    tfx_options_destroy(taken);
    free(bad);
}

void tfx_rule_options(tfx_subject *s)
{
    int n_tried = 0, n_refused = 0;
    for (size_t i = 0; i < s->info.n_options && !s->decided; i++) {
        const tfx_option *o = tfx_option_at(s->info.options, i);
        check_declaration(s, o);
        values v = allowed(o);
        for (size_t k = 0; k < v.n; k++) {
            if (!s->decided) {
                check_value(s, o, v.items[k], &n_refused);
                n_tried++;
            }
            free(v.items[k]);
        }
    }
    if (!s->info.n_options)
        tfx_say_ok(s, "it has none");
    else if (!s->decided)
        tfx_say_ok(s, "%zu, with %d values at their ends: %d refused by name, the others taken", s->info.n_options,
                   n_tried, n_refused);
}

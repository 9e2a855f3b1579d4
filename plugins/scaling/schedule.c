/* schedule: grows a model at fixed steps through a list of models, by prefix copy: the old
 * values keep their places, and the appended slices are zero or the layer's own random
 * initialisation (Wang et al. 2024, section 3.3).
 *
 * With zero keys, random values and tau kept, a pattention computes exactly what it did
 * before: the new scores are 0 and gelu(0) = 0, while the gradient reaches the new keys
 * through the values. With both at zero no gradient would ever reach either. */
#define TFX_NEEDS_MINOR 1
#include <stdlib.h>
#include <string.h>

#include "tfx/graph.h"
#include "tfx/scaling.h"

static const char *const taus[] = {"keep", "rescale", NULL};
static const char *const carries[] = {"extend", "keep", "reset", NULL};
static const char *const schedules[] = {"restart", "continue", NULL};

static const tfx_option options[] = {
    TFX_OPTION("models", TFX_OPT_STRING_LIST, NULL, 0, 0, NULL, "the models to grow into, in order"),
    TFX_OPTION("steps", TFX_OPT_INT_LIST, "", 1, 1e12, NULL, "steps to train each of them; stage 0 takes train.steps"),
    TFX_OPTION("tokens", TFX_OPT_INT_LIST, "", 1, 9e15, NULL,
               "instead of steps: tokens to train each of them, rounded up to whole steps"),
    TFX_OPTION("zero_init", TFX_OPT_STRING_LIST, "key", 0, 0, NULL,
               "names of the parameters whose new slices start at zero; empty: all random, as in the released "
               "TokenFormer loader"),
    TFX_OPTION("tau", TFX_OPT_CHOICE, "keep", 0, 0, taus,
               "the score scale of grown layers: the old one, or what a new layer of that size would have"),
    TFX_OPTION("optimizer_state", TFX_OPT_CHOICE, "extend", 0, 0, carries,
               "extend: new slots start with a step count of their own; keep: under the old step count; reset: all "
               "state starts anew"),
    TFX_OPTION("lr", TFX_OPT_CHOICE, "restart", 0, 0, schedules,
               "the learning-rate schedule: anew for each stage, or one over the whole run"),
};

struct tfx_scaling {
    const tfx_host *host;
    const char *const *models, *const *zero_init;
    const int64_t *steps, *tokens; /* one of them has n_models entries, the other is NULL */
    size_t n_models, n_zero_init;
    int keep_tau, restart;
    tfx_carry_state carry;
};

static int starts_at_zero(const tfx_scaling *s, const char *name)
{
    for (size_t i = 0; i < s->n_zero_init; i++)
        if (!strcmp(s->zero_init[i], name))
            return 1;
    return 0;
}

static tfx_status create(const tfx_host *h, const tfx_options *o, tfx_scaling **out)
{
    tfx_scaling s = {.host = h};
    size_t n_steps, n_tokens;
    s.models = h->opt_string_list(h, o, "models", &s.n_models);
    s.steps = h->opt_int_list(h, o, "steps", &n_steps);
    s.tokens = h->opt_int_list(h, o, "tokens", &n_tokens);
    s.zero_init = h->opt_string_list(h, o, "zero_init", &s.n_zero_init);
    if (!s.n_models)
        return h->fail(h, TFX_E_INVALID, "models: expected at least one model to grow into; found none");
    if (n_steps && n_tokens)
        return h->fail(h, TFX_E_INVALID, "tokens: expected either steps or tokens; found both");
    if (s.n_models != n_steps + n_tokens)
        return h->fail(h, TFX_E_INVALID, "%s: expected one entry for each of the %zu models; found %zu",
                       n_tokens ? "tokens" : "steps", s.n_models, n_steps + n_tokens);
    if (n_tokens)
        s.steps = NULL;
    else
        s.tokens = NULL;
    if (starts_at_zero(&s, "key") && starts_at_zero(&s, "value"))
        return h->fail(h, TFX_E_INVALID,
                       "zero_init: with new keys and new values both at zero, no gradient ever reaches "
                       "the new slots; leave one of them out");
    s.keep_tau = !strcmp(h->opt_string(h, o, "tau"), "keep");
    s.restart = !strcmp(h->opt_string(h, o, "lr"), "restart");
    const char *carry = h->opt_string(h, o, "optimizer_state");
    s.carry = !strcmp(carry, "extend") ? TFX_STATE_EXTEND : !strcmp(carry, "keep") ? TFX_STATE_KEEP : TFX_STATE_RESET;
    *out = malloc(sizeof(s));
    if (!*out)
        return h->fail(h, TFX_E_MEMORY, "out of memory");
    **out = s;
    return TFX_OK;
}

static void destroy(tfx_scaling *s)
{
    free(s);
}

static uint32_t n_stages(const tfx_scaling *s)
{
    return (uint32_t)s->n_models + 1;
}

static tfx_status stage(const tfx_scaling *s, uint32_t index, tfx_stage *out)
{
    out->model = index ? s->models[index - 1] : NULL;
    if (index && s->tokens)
        out->tokens = s->tokens[index - 1];
    else
        out->steps = index ? s->steps[index - 1] : 0;
    out->restart_schedule = index == 0 || s->restart;
    out->carry = s->carry;
    return TFX_OK;
}

static int should_grow(tfx_scaling *s, const tfx_growth_signals *signals)
{
    (void)s, (void)signals;
    return 0; /* the stages' step counts say it all */
}

static tfx_status grow_param(tfx_scaling *s, const tfx_grown_param *p)
{
    int axis = p->grow_axis; /* -1: nothing grows, so all of it is the one run that is copied */
    if (axis < 0 && (p->flags & TFX_PARAM_FIXED) && !strcmp(p->name, "tau") && !s->keep_tau)
        return TFX_OK;
    int zero = starts_at_zero(s, p->name);
    size_t before = 1, after = 1; /* elements outside and inside of the grown axis */
    for (int i = 0; i < (int)p->n_dims; i++)
        if (i < axis)
            before *= (size_t)p->dims[i];
        else if (i > axis)
            after *= (size_t)p->dims[i];
    size_t old_run = axis < 0 ? after : (size_t)p->old_dims[axis] * after;
    size_t new_run = axis < 0 ? after : (size_t)p->dims[axis] * after;
    for (size_t i = 0; i < before; i++) {
        memcpy(p->data + i * new_run, p->old_data + i * old_run, sizeof(float) * old_run);
        if (zero)
            memset(p->data + i * new_run + old_run, 0, sizeof(float) * (new_run - old_run));
    }
    return TFX_OK;
}

/* A name in zero_init that no growing parameter has would silently zero nothing. */
static tfx_status check(const tfx_scaling *s, uint32_t stage, const char *const *paths, size_t n)
{
    if (!n)
        return s->host->fail(s->host, TFX_E_INVALID,
                             "models: expected larger and larger models; found '%s', in which no "
                             "parameter is larger than before",
                             s->models[stage - 1]);
    for (size_t i = 0; i < s->n_zero_init; i++) {
        int found = 0;
        for (size_t k = 0; k < n; k++) {
            const char *dot = strrchr(paths[k], '.');
            found |= !strcmp(dot ? dot + 1 : paths[k], s->zero_init[i]);
        }
        if (!found)
            return s->host->fail(
                s->host, TFX_E_INVALID,
                "zero_init: expected names of parameters that grow (such as the last part of %s); found '%s'", paths[0],
                s->zero_init[i]);
    }
    return TFX_OK;
}

static const tfx_scaling_class scaling = {
    sizeof(tfx_scaling_class),
    "schedule",
    "grows at fixed steps through a list of models, by prefix copy",
    options,
    sizeof(options) / sizeof(*options),
    create,
    destroy,
    n_stages,
    stage,
    should_grow,
    grow_param,
    check,
};

TFX_PLUGIN("schedule", "1.0.0", "growth at fixed steps", TFX_KIND_SCALING, &scaling);

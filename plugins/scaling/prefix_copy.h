/* Prefix copy, and what else the policies that grow by it have in common: the old values keep their places, and the
 * appended slices are zero or the layer's own random initialisation (Wang et al. 2024, section 3.3).
 *
 * With zero keys, random values and tau kept, a pattention computes exactly what it did
 * before: the new scores are 0 and gelu(0) = 0, while the gradient reaches the new keys
 * through the values. With both at zero no gradient would ever reach either. */
#ifndef TFX_SCALING_PREFIX_COPY_H
#define TFX_SCALING_PREFIX_COPY_H

#include <stdlib.h>
#include <string.h>

#include "tfx/graph.h"
#include "tfx/scaling.h"

static const char *const tau_words[] = {"keep", "rescale", NULL};
static const char *const carry_words[] = {"extend", "keep", "reset", NULL};
static const char *const lr_words[] = {"restart", "continue", NULL};

#define PREFIX_COPY_OPTIONS \
    TFX_OPTION("zero_init", TFX_OPT_STRING_LIST, "key", 0, 0, NULL, \
               "names of the parameters whose new slices start at zero; empty: all random, as in the released " \
               "TokenFormer loader"), \
        TFX_OPTION("tau", TFX_OPT_CHOICE, "keep", 0, 0, tau_words, \
                   "the score scale of grown layers: the old one, or what a new layer of that size would have"), \
        TFX_OPTION("optimizer_state", TFX_OPT_CHOICE, "extend", 0, 0, carry_words, \
                   "extend: new slots start with a step count of their own; keep: under the old step count; reset: " \
                   "all state starts anew"), \
        TFX_OPTION("lr", TFX_OPT_CHOICE, "restart", 0, 0, lr_words, \
                   "the learning-rate schedule: anew for each stage, or one over the whole run")

typedef struct prefix_copy {
    const tfx_host *host;
    const char *const *models; /* to grow into */
    size_t n_models;
    const char *const *zero_init;
    size_t n_zero_init;
    int keep_tau, restart;
    tfx_carry_state carry;
} prefix_copy;

static int starts_at_zero(const prefix_copy *c, const char *name)
{
    for (size_t i = 0; i < c->n_zero_init; i++)
        if (!strcmp(c->zero_init[i], name))
            return 1;
    return 0;
}

/* Reads `models` and the options above. */
static tfx_status prefix_copy_create(prefix_copy *c, const tfx_host *h, const tfx_options *o)
{
    const char *carry = h->opt_string(h, o, "optimizer_state");
    c->host = h;
    c->models = h->opt_string_list(h, o, "models", &c->n_models);
    c->zero_init = h->opt_string_list(h, o, "zero_init", &c->n_zero_init);
    c->keep_tau = !strcmp(h->opt_string(h, o, "tau"), "keep");
    c->restart = !strcmp(h->opt_string(h, o, "lr"), "restart");
    c->carry = !strcmp(carry, "extend") ? TFX_STATE_EXTEND : !strcmp(carry, "keep") ? TFX_STATE_KEEP : TFX_STATE_RESET;
    if (!c->n_models)
        return h->fail(h, TFX_E_INVALID, "models: expected at least one model to grow into; found none");
    if (starts_at_zero(c, "key") && starts_at_zero(c, "value"))
        return h->fail(h, TFX_E_INVALID,
                       "zero_init: with new keys and new values both at zero, no gradient ever reaches "
                       "the new slots; leave one of them out");
    return TFX_OK;
}

/* All of a stage but its length. */
static void prefix_copy_stage(const prefix_copy *c, uint32_t index, tfx_stage *out)
{
    out->model = index ? c->models[index - 1] : NULL;
    out->restart_schedule = index == 0 || c->restart;
    out->carry = c->carry;
}

static void prefix_copy_param(const prefix_copy *c, const tfx_grown_param *p)
{
    int axis = p->grow_axis; /* -1: nothing grows, so all of it is the one run that is copied */
    if (axis < 0 && (p->flags & TFX_PARAM_FIXED) && !strcmp(p->name, "tau") && !c->keep_tau)
        return;
    int zero = starts_at_zero(c, p->name);
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
}

/* A name in zero_init that no growing parameter has would silently zero nothing. */
static tfx_status prefix_copy_check(const prefix_copy *c, uint32_t stage, const char *const *paths, size_t n)
{
    if (!n)
        return c->host->fail(c->host, TFX_E_INVALID,
                             "models: expected larger and larger models; found '%s', in which no "
                             "parameter is larger than before",
                             c->models[stage - 1]);
    for (size_t i = 0; i < c->n_zero_init; i++) {
        int found = 0;
        for (size_t k = 0; k < n; k++) {
            const char *dot = strrchr(paths[k], '.');
            found |= !strcmp(dot ? dot + 1 : paths[k], c->zero_init[i]);
        }
        if (!found)
            return c->host->fail(
                c->host, TFX_E_INVALID,
                "zero_init: expected names of parameters that grow (such as the last part of %s); found '%s'", paths[0],
                c->zero_init[i]);
    }
    return TFX_OK;
}

/* ---- functions of the class, for instances that begin with a prefix_copy ---- */

static void destroy(tfx_scaling *s)
{
    free(s);
}

static uint32_t n_stages(const tfx_scaling *s)
{
    return (uint32_t)((const prefix_copy *)s)->n_models + 1;
}

static tfx_status grow_param(tfx_scaling *s, const tfx_grown_param *p)
{
    prefix_copy_param((const prefix_copy *)s, p);
    return TFX_OK;
}

static tfx_status check(const tfx_scaling *s, uint32_t stage, const char *const *paths, size_t n)
{
    return prefix_copy_check((const prefix_copy *)s, stage, paths, n);
}

#endif

/* Copies: what operators that make a model wider have in common: the new elements of a dimension are copies of old
 * ones, and what consumes copies is shared out between them (Net2WiderNet; Chen et al. 2016, arXiv 1511.05641, algorithm 1). Whatever is computed from a copy is then what it was, but for two things.
 *
 * **A norm over the dimension** must see each old element equally often, or mean and variance are others. So of n
 * elements made of n_old, k = n / n_old rounded down are copies of each. Those left over get the mean of all behind what
 * goes into a layer norm (LEMON's average expansion; Wang et al. 2024, arXiv 2310.07999), and zero for an RMS norm:
 * then they add nothing to the variance, and are 0 behind the norm. The variance is still k n_old / n times the old
 * one, which would change what eps does. So everything that is produced is multiplied by
 * scale = sqrt(n / (k n_old)), and divided by that where it is consumed. Gains alone stay as they are: what comes out of the norm has
 * the scale already.
 *
 * **Parameter tokens** cannot be copied without changing their L2 norm, nor need they: with zero keys, new ones add
 * nothing (see slots.c). */
#ifndef TFX_OPERATOR_COPIES_H
#define TFX_OPERATOR_COPIES_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tfx/graph.h"
#include "tfx/growth.h"

typedef struct copies_rule {
    const char *name; /* of the operator */
    int random; /* which elements get another copy is drawn; else in order, in turn. (Before norms all get equally many) */
    int uneven; /* copies of one element get shares that differ, so that they learn different things */
} copies_rule;

/* One class that grows. */
typedef struct copies {
    int64_t n, n_old;
    int zero_keys;   /* it has parameter tokens, and copies_map gives new ones zero keys in place of copies */
    int64_t *source; /* [n] the old element that each one is a copy of; TFX_INDEX_MEAN: it is left over */
    double *share;   /* [n] of what consumes it; those of an element's copies sum to 1 */
    double scale;    /* of what is produced */
} copies;

enum { COPIES_NORMS = TFX_AXIS_LAYER_NORM | TFX_AXIS_RMS_NORM };

/* Whether the class can have copies of its elements. */
static tfx_status copies_check(const tfx_host *h, const tfx_growth *g, uint32_t cls, const copies_rule *rule)
{
    const tfx_model_class *c = g->to->classes[cls];
    long long n = (long long)c->size, n_old = (long long)g->old_size(g, cls);
    if (c->marks & TFX_AXIS_ROTATED)
        return h->fail(h, TFX_E_INVALID,
                       "%s grows from %lld to %lld elements; each has its own frequency of rotation, so none can be a "
                       "copy. Keep that size, and let the number of heads grow",
                       c->name, n_old, n);
    if (c->marks & TFX_AXIS_INDEXED)
        return h->fail(h, TFX_E_INVALID,
                       "%s grows from %lld to %lld elements; they are numbered, so none can be a copy of another",
                       c->name, n_old, n);
    if (c->marks & TFX_AXIS_SOFTMAX)
        return h->fail(h, TFX_E_INVALID,
                       "%s grows from %lld to %lld elements, between which a softmax divides; %s does not add to "
                       "those (slots does)",
                       c->name, n_old, n, rule->name);
    return TFX_OK;
}

/* Which old element each is, and what share of what consumes it it gets: of q copies, 1/q; uneven: the first 1, the
 * second 2, ... parts of 1 + 2 + ... + q. */
static void copies_place(const tfx_host *h, const tfx_growth *g, uint32_t cls, const copies_rule *rule, copies *c,
                         int64_t *count)
{
    int normed = (g->to->classes[cls]->marks & COPIES_NORMS) != 0;
    int64_t whole = c->n / c->n_old * c->n_old;
    for (int64_t i = 0; i < c->n; i++) {
        int draw = rule->random && !normed && i >= c->n_old;
        c->source[i] = normed && i >= whole ? TFX_INDEX_MEAN
                       : draw               ? (int64_t)(h->random_u64(g->seed, cls, (uint64_t)i) % (uint64_t)c->n_old)
                                            : i % c->n_old;
        if (c->source[i] >= 0)
            c->share[i] = (double)++count[c->source[i]]; /* which of its copies this one is */
    }
    for (int64_t i = 0; i < c->n; i++) {
        double q = c->source[i] >= 0 ? (double)count[c->source[i]] : (double)(whole / c->n_old);
        c->share[i] = rule->uneven && c->source[i] >= 0 ? c->share[i] / (q * (q + 1) / 2) : 1 / q;
    }
    c->scale = normed ? sqrt((double)c->n / (double)whole) : 1;
}

/* How class `cls` of the grown model is made; n_old stays 0 if it does not grow. */
static tfx_status copies_make(const tfx_host *h, const tfx_growth *g, uint32_t cls, const copies_rule *rule, copies *c)
{
    const tfx_model_class *to = g->to->classes[cls];
    int64_t n_old = g->old_size(g, cls), *count;
    if (n_old <= 0 || n_old >= to->size || to->rigid) /* what cannot be is for the host to refuse */
        return TFX_OK;
    tfx_status status = copies_check(h, g, cls, rule);
    if (status != TFX_OK)
        return status;
    c->n = to->size;
    c->n_old = n_old;
    c->zero_keys = (to->marks & TFX_AXIS_L2_NORM) != 0;
    c->source = malloc(sizeof(*c->source) * (size_t)c->n);
    c->share = malloc(sizeof(*c->share) * (size_t)c->n);
    count = calloc((size_t)n_old, sizeof(*count));
    if (!c->source || !c->share || !count)
        status = h->fail(h, TFX_E_MEMORY, "out of memory");
    else
        copies_place(h, g, cls, rule, c, count);
    free(count);
    return status;
}

/* Elements that a source gives; what it leaves is left to others. */
typedef enum copies_part { COPIES_ALL, COPIES_IN_PLACE, COPIES_ADDED } copies_part;

/* One factor of one source of a parameter. Its values are multiplied by `times`, too. */
static tfx_status copies_apply(const tfx_host *h, tfx_growth *g, uint32_t param, uint32_t source, uint32_t factor,
                               const copies *c, copies_part part, double times)
{
    const tfx_model_factor *f = g->to->params[param]->factors[factor];
    int produced = (f->roles & TFX_AXIS_PRODUCED) != 0, gain = (f->roles & TFX_AXIS_GAIN) != 0;
    int mean = f->roles & TFX_AXIS_NORMALISED && g->to->classes[f->cls]->marks & TFX_AXIS_LAYER_NORM;
    int64_t *index = malloc(sizeof(*index) * (size_t)c->n);
    double *scale = malloc(sizeof(*scale) * (size_t)c->n), *gradient = malloc(sizeof(*gradient) * (size_t)c->n);
    tfx_status status = TFX_OK;
    if (!index || !scale || !gradient)
        status = h->fail(h, TFX_E_MEMORY, "out of memory");
    for (int64_t i = 0; status == TFX_OK && i < c->n; i++) {
        int left_over = c->source[i] == TFX_INDEX_MEAN;
        index[i] = c->source[i];
        if (produced) {
            scale[i] = times * (gain ? 1 : left_over && !mean ? 0 : c->scale);
            gradient[i] = c->share[i] / (times * (gain ? 1 : c->scale));
        } else {
            scale[i] = c->share[i] / c->scale;
            gradient[i] = c->scale;
        }
        /* Left over behind a norm is 0: what that is multiplied with can be anything, and only learns if it is not 0. */
        if ((left_over && (!produced || gain)) || (part == COPIES_IN_PLACE && i >= c->n_old) ||
            (part == COPIES_ADDED && i < c->n_old))
            index[i] = TFX_INDEX_NEW;
    }
    if (status == TFX_OK)
        status = g->set_factor(g, param, source, factor, index, scale, gradient);
    free(index);
    free(scale);
    free(gradient);
    return status;
}

/* ---- whole models ---- */

/* Whether a factor gets copies. */
static const copies *copies_of(const copies *classes, const tfx_model_factor *f)
{
    const copies *c = &classes[f->cls];
    return c->n_old && !c->zero_keys ? c : NULL;
}

static void copies_finish(const tfx_growth *g, copies *classes)
{
    for (uint32_t c = 0; classes && c < g->to->n_classes; c++) {
        free(classes[c].source);
        free(classes[c].share);
    }
    free(classes);
}

static tfx_status copies_map_param(const tfx_host *h, tfx_growth *g, uint32_t param, const copies *classes)
{
    const tfx_model_param *p = g->to->params[param];
    tfx_status status = TFX_OK;
    for (uint32_t f = 0; f < p->n_factors && status == TFX_OK; f++) {
        const copies *c = copies_of(classes, p->factors[f]);
        if (c)
            status = copies_apply(h, g, param, 0, f, c, COPIES_ALL, 1);
        else if (classes[p->factors[f]->cls].zero_keys && p->factors[f]->roles & TFX_AXIS_PRODUCED)
            status = g->set_fill(g, param, TFX_FILL_ZERO, 0);
    }
    return status;
}

/* Maps every parameter to the old one of its path, with copies. *classes, one for each class of the grown model, is for
 * copies_finish, whatever the status is. */
static tfx_status copies_map(const tfx_host *h, tfx_growth *g, const copies_rule *rule, copies **classes)
{
    tfx_status status = TFX_OK;
    int grows = 0;
    *classes = calloc(g->to->n_classes + 1, sizeof(**classes));
    if (!*classes)
        return h->fail(h, TFX_E_MEMORY, "out of memory");
    for (uint32_t i = 0; i < g->to->n_params && status == TFX_OK; i++)
        if (g->old_param(g, g->to->params[i]->path) < 0)
            status = h->fail(
                h, TFX_E_INVALID,
                "parameter %s has nothing to grow from; %s makes models wider, and adds no blocks or layers",
                g->to->params[i]->path, rule->name);
    for (uint32_t c = 0; c < g->to->n_classes && status == TFX_OK; c++) {
        status = copies_make(h, g, c, rule, &(*classes)[c]);
        grows |= (*classes)[c].n_old > 0;
    }
    if (status == TFX_OK && !grows)
        status = h->fail(h, TFX_E_INVALID, "growing '%s' into '%s' makes nothing wider", g->from->name, g->to->name);
    for (uint32_t i = 0; i < g->to->n_params && status == TFX_OK; i++)
        status = copies_map_param(h, g, i, *classes);
    return status;
}

#endif

/* Watch: what policies that decide by the loss have in common. They follow it through a straight line by least squares, in
 * which a loss counts half as much every `half_life` observations, and grow when something has been so at `patience`
 * observations in a row. A stage has `min_steps` at least, and at most what `max_steps` or, for the first, [train] says.
 * Every model begins with no observations. */
#ifndef TFX_SCALING_WATCH_H
#define TFX_SCALING_WATCH_H

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "chain.h"

#define WATCH_OPTIONS(half_life, patience) \
    CHAIN_OPTIONS, \
        TFX_OPTION("max_steps", TFX_OPT_INT_LIST, NULL, 1, 1e12, NULL, \
                   "steps to train each of them: the last as many, others at most; stage 0 at most " \
                   "train.steps"), \
        TFX_OPTION("min_steps", TFX_OPT_INT, "0", 0, 1e12, NULL, "steps that a stage has at least before growth"), \
        TFX_OPTION("half_life", TFX_OPT_REAL, half_life, 0.1, 1e12, NULL, \
                   "observations after which a loss counts half as much; twice as many must have been made"), \
        TFX_OPTION("patience", TFX_OPT_INT, patience, 1, 1e12, NULL, "observations in a row that must say so")

/* The line through observations, as means and weighted sums of products of deviations, which loses no digits to x
 * being large beside its changes (West 1979, "Updating mean and variance estimates"). */
typedef struct line {
    int64_t n;                   /* observations */
    double weight, x, y, xx, xy; /* y = loss */
} line;

typedef struct watch {
    chain chain;              /* first */
    const int64_t *max_steps; /* for each model */
    int64_t min_steps, patience;
    double half_life;
    int val; /* the loss of every evaluation is observed, otherwise that of every step */
    /* What it remembers: */
    uint32_t stage;
    int64_t in_a_row; /* the last observations of the stage that said so */
    line line;
} watch;

/* `val` is left for the caller. */
static tfx_status watch_create(watch *w, const tfx_host *h, const tfx_options *o)
{
    size_t n;
    tfx_status status = chain_create(&w->chain, h, o);
    if (status != TFX_OK)
        return status;
    w->max_steps = h->opt_int_list(h, o, "max_steps", &n);
    w->min_steps = h->opt_int(h, o, "min_steps");
    w->patience = h->opt_int(h, o, "patience");
    w->half_life = h->opt_real(h, o, "half_life");
    if (n != w->chain.n_models)
        return h->fail(h, TFX_E_INVALID, "max_steps: expected one entry for each of the %zu models; found %zu",
                       w->chain.n_models, n);
    return TFX_OK;
}

static void line_add(line *l, double x, double y, double half_life)
{
    double fade = exp2(-1 / half_life), dx = x - l->x, dy = y - l->y;
    l->n++;
    l->weight = fade * l->weight + 1;
    l->x += dx / l->weight;
    l->y += dy / l->weight;
    l->xx = fade * l->xx + dx * (x - l->x);
    l->xy = fade * l->xy + dx * (y - l->y);
}

static double line_slope(const line *l)
{
    return l->xy / l->xx;
}

/* The loss that the line says there is at x. */
static inline double line_value(const line *l, double x)
{
    return l->y + line_slope(l) * (x - l->x);
}

/* What there is new to observe: the loss, or NaN for nothing. A new stage starts with no observations. */
static double watch_loss(watch *w, const tfx_growth_signals *signals)
{
    if (w->stage != signals->stage) {
        w->stage = signals->stage;
        w->in_a_row = 0;
        w->line = (line){0};
    }
    if (w->val)
        return signals->val_step == signals->step ? signals->val_loss : (double)NAN;
    return signals->train_loss;
}

/* Whether there have been enough observations for the line to say something. */
static int watch_knows(const watch *w)
{
    return (double)w->line.n >= 2 * w->half_life && w->line.xx > 0;
}

/* Takes note of what the newest observation says, and decides. */
static int watch_decide(watch *w, int so, const tfx_growth_signals *signals)
{
    w->in_a_row = so ? w->in_a_row + 1 : 0;
    return w->in_a_row >= w->patience && signals->stage_step >= w->min_steps;
}

/* ---- functions of the class, for instances that begin with a watch ---- */

static tfx_status stage(const tfx_scaling *s, uint32_t index, tfx_stage *out)
{
    const watch *w = (const watch *)s;
    chain_stage(&w->chain, index, out);
    out->steps = index ? w->max_steps[index - 1] : 0;
    return TFX_OK;
}

/* A decision is made before the stage's last step. The first stage is evaluated where its steps are multiples of
 * eval_every; where later ones begin depends on the decisions before. */
static tfx_status check_stage(const tfx_scaling *s, const tfx_planned_stage *p)
{
    const watch *w = (const watch *)s;
    const tfx_host *h = w->chain.host;
    double asked = (double)(p->steps - 1), every = w->val ? (double)p->eval_every : 1;
    if (w->val && !p->eval_every)
        return h->fail(h, TFX_E_INVALID,
                       "models: expected train.eval_every above 0, since the losses of evaluations are what decides; "
                       "found 0");
    double most = p->stage ? ceil(asked / every) : floor(asked / every);
    double needed = fmax(2, ceil(2 * w->half_life)) + (double)w->patience - 1;
    if (needed > most)
        return h->fail(h, TFX_E_INVALID,
                       "half_life: expected a policy that can decide; found that it takes %.0f observations, twice "
                       "half_life and %" PRId64 " more for patience, where stage %" PRIu32
                       " has %.0f at most, %s of its "
                       "%" PRId64 " steps",
                       needed, w->patience - 1, p->stage, most, w->val ? "evaluations" : "all but the last", p->steps);
    double last = p->stage ? asked : most * every;
    if ((double)w->min_steps > last)
        return h->fail(h, TFX_E_INVALID,
                       "min_steps: expected at most %.0f, the last of the %" PRId64 " steps of stage %" PRIu32
                       " at which it can end; found %" PRId64,
                       last, p->steps, p->stage, w->min_steps);
    return TFX_OK;
}

#endif

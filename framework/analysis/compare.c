#include "framework/analysis/compare.h"

#include <math.h>
#include <string.h>

#include "framework/analysis/side.h"
#include "framework/base/memory.h"

static tfx_pair pair_up(const tfx_comparison *c, const tfx_side *b, int64_t seed, double loss, double cost)
{
    size_t n;
    tfx_curve_point *points = tfx_side_points(b, seed, &n);
    tfx_pair p = {.seed = seed, .loss = loss, .cost = cost, .n_points = n};
    p.speed_up = p.saved = p.least_speed_up = p.least_saved = NAN;
    p.reach = tfx_curve_cost(points, n, loss, &p.other_cost);
    p.other_loss = tfx_curve_loss(points, n, cost, c->same_cost > 0 ? c->same_cost : TFX_SAME_COST);
    p.difference = loss - p.other_loss.line;
    p.most_difference = loss - p.other_loss.least;
    if (p.reach == TFX_REACH_WITHIN) {
        p.speed_up = p.other_cost.line / cost;
        p.saved = 1 - cost / p.other_cost.line;
        p.least_speed_up = p.other_cost.least / cost;
        p.least_saved = 1 - cost / p.other_cost.least;
    }
    p.dearest_cost = points[n - 1].cost;
    p.best_loss = INFINITY;
    for (size_t i = 0; i < n; i++)
        if (points[i].loss < p.best_loss) {
            p.best_loss = points[i].loss;
            p.best_cost = points[i].cost;
        }
    p.beyond = p.reach == TFX_REACH_NEVER    ? p.best_loss - loss
               : p.reach == TFX_REACH_BEFORE ? loss - points[0].loss
                                             : NAN;
    free(points);
    return p;
}

/* Why an arm's runs cannot be paired with B's by their seeds; NULL: they can. */
static const char *why_unpaired(const tfx_side *a, const tfx_side *b)
{
    int common = 0, known = 1, same = 1;
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++) {
            const tfx_endpoint *p = a->items[i], *q = b->items[k];
            if (p->seed != q->seed || !tfx_side_has_seed(b, p->seed))
                continue;
            common = 1;
            known &= p->data_order && q->data_order;
            same &= p->data_order && q->data_order && !strcmp(p->data_order, q->data_order);
        }
    return !common  ? "no seed in common"
           : !known ? "the order of the training data is not known"
           : !same  ? "the training data were not the same in the same order"
                    : NULL;
}

typedef double (*pair_value)(const tfx_pair *p);

#define PAIR_VALUE(name, value) \
    static double name(const tfx_pair *p) \
    { \
        return p->value; \
    }

PAIR_VALUE(value_speed_up, speed_up)
PAIR_VALUE(value_saved, saved)
PAIR_VALUE(value_difference, difference)
PAIR_VALUE(value_least_speed_up, least_speed_up)
PAIR_VALUE(value_least_saved, least_saved)
PAIR_VALUE(value_most_difference, most_difference)
PAIR_VALUE(value_other_loss, other_loss.line)
PAIR_VALUE(value_least_loss, other_loss.least)

/* One value of each pair; malloced. */
static double *values_of(const tfx_contrast *t, pair_value value)
{
    double *v = TFX_NEW_ARRAY(double, t->n_pairs);
    for (size_t i = 0; i < t->n_pairs; i++)
        v[i] = value(&t->pairs[i]);
    return v;
}

/* Its mean does not exist where one of them does not: the seeds in which B falls behind would be those left out. Without
 * pairing, the spread of A is not in the values, and there is no interval. */
static tfx_estimate estimate(const tfx_contrast *t, pair_value value)
{
    double *v = values_of(t, value);
    tfx_estimate e = tfx_estimate_mean(v, t->n_pairs);
    if (!t->paired)
        e.sd = e.low = e.high = NAN;
    free(v);
    return e;
}

static tfx_estimate unpaired_difference(const tfx_contrast *t, const double *losses, pair_value of_other)
{
    double *others = values_of(t, of_other);
    tfx_estimate e = tfx_estimate_difference(losses, t->n_seeds, others, t->n_pairs);
    free(others);
    return e;
}

static void conclude(tfx_contrast *t, const double *losses)
{
    t->speed_up = estimate(t, value_speed_up);
    t->saved = estimate(t, value_saved);
    t->least_speed_up = estimate(t, value_least_speed_up);
    t->least_saved = estimate(t, value_least_saved);
    t->difference = t->paired ? estimate(t, value_difference) : unpaired_difference(t, losses, value_other_loss);
    t->most_difference = t->paired ? estimate(t, value_most_difference)
                                   : unpaired_difference(t, losses, value_least_loss);
    for (size_t i = 0; i < t->n_pairs; i++) {
        t->cost_gap = fmax(t->cost_gap, t->pairs[i].other_cost.gap);
        t->loss_gap = fmax(t->loss_gap, t->pairs[i].other_loss.gap);
    }
}

/* Endpoints of one arm of A, one for each of its seeds. */
static void contrast(tfx_comparison *c, tfx_contrast *t, const tfx_side *a, const tfx_side *b)
{
    size_t n = a->n, cap = 0;
    double *losses = TFX_NEW_ARRAY(double, n), *costs = TFX_NEW_ARRAY(double, n);
    t->arm = a->items[0]->arm;
    t->why = why_unpaired(a, b);
    t->paired = !t->why;
    for (size_t i = 0; i < n; i++) {
        if (t->paired && !tfx_side_has_seed(b, a->items[i]->seed)) {
            tfx_text_add(&c->notes, "seed %lld of '%s' left out: what counts of '%s' has no such seed\n",
                         (long long)a->items[i]->seed, t->arm, b->selector);
            continue;
        }
        losses[t->n_seeds] = a->items[i]->loss;
        costs[t->n_seeds++] = tfx_side_cost(c, a->items[i]);
        if (t->paired)
            *TFX_APPEND(t->pairs, t->n_pairs, cap) = pair_up(c, b, a->items[i]->seed, a->items[i]->loss,
                                                             tfx_side_cost(c, a->items[i]));
    }
    t->loss = tfx_estimate_mean(losses, t->n_seeds);
    t->cost = tfx_estimate_mean(costs, t->n_seeds);
    for (size_t k = 0; k < b->n_seeds && !t->paired; k++)
        *TFX_APPEND(t->pairs, t->n_pairs, cap) = pair_up(c, b, b->seeds[k], t->loss.mean, t->cost.mean);
    conclude(t, losses);
    free(losses);
    free(costs);
}

/* One arm of A: its endpoints [from, to). In tables, an arm may have several with one seed: other budgets or sizes, which are
 * no replicates of each other, so each is compared by itself. */
static void contrast_arm(tfx_comparison *c, size_t *cap, const tfx_side *a, size_t from, size_t to, const tfx_side *b)
{
    for (size_t k = 0; k < a->of[from]; k++) {
        tfx_side one = {.selector = a->selector};
        for (size_t i = from; i < to; i++)
            if (a->rank[i] == k)
                *TFX_APPEND(one.items, one.n, one.cap) = a->items[i];
        contrast(c, TFX_APPEND(c->contrasts, c->n, *cap), &one, b);
        free(one.items);
    }
}

static tfx_status contrast_arms(tfx_comparison *c, const tfx_side *a, const tfx_side *b, tfx_error *err)
{
    size_t cap = 0;
    tfx_side_check_budgets(a, err);
    for (size_t from = 0, to; from < a->n && err->status == TFX_OK; from = to) {
        for (to = from + 1; to < a->n && tfx_same_arm(a->items[to], a->items[from]); to++)
            ;
        contrast_arm(c, &cap, a, from, to, b);
    }
    return err->status;
}

static tfx_status check_apart(const tfx_side *a, const tfx_side *b, tfx_error *err)
{
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++)
            if (!strcmp(a->items[i]->arm, b->items[k]->arm))
                return tfx_fail(err, TFX_E_INVALID, "arm '%s' is on both sides: '%s' and '%s'", a->items[i]->arm,
                                a->selector, b->selector);
    return TFX_OK;
}

/* Losses of other validation tokens are other quantities. Those of tables are taken for the same. */
static tfx_status check_validation(const tfx_side *a, const tfx_side *b, tfx_error *err)
{
    const tfx_endpoint *first = NULL;
    for (size_t i = 0; i < a->n + b->n; i++) {
        const tfx_endpoint *e = i < a->n ? a->items[i] : b->items[i - a->n];
        if (first && e->eval_hash && strcmp(e->eval_hash, first->eval_hash) != 0)
            return tfx_fail(err, TFX_E_INVALID,
                            "'%s' (seed %lld) was evaluated on other tokens than '%s' (seed %lld): their losses cannot "
                            "be compared",
                            e->arm, (long long)e->seed, first->arm, (long long)first->seed);
        if (e->eval_hash)
            first = e;
    }
    return TFX_OK;
}

tfx_status tfx_compare(tfx_comparison *c, const tfx_endpoints *ends, const tfx_endpoints *curves, tfx_error *err)
{
    tfx_side a = {.selector = c->a}, b = {.selector = c->b};
    c->curve = curves != NULL;
    if (tfx_side_take(c, &a, ends, 0, err) == TFX_OK &&
        tfx_side_take(c, &b, curves ? curves : ends, c->curve, err) == TFX_OK && check_apart(&a, &b, err) == TFX_OK &&
        check_validation(&a, &b, err) == TFX_OK && tfx_side_choose(c, &b, err) == TFX_OK)
        contrast_arms(c, &a, &b, err);
    tfx_side_finish(&a);
    tfx_side_finish(&b);
    return err->status;
}

void tfx_comparison_finish(tfx_comparison *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->contrasts[i].pairs);
    free(c->contrasts);
    tfx_text_free(&c->notes);
    tfx_text_free(&c->uneven);
}

#include "framework/analysis/compare.h"

#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"

/* The endpoints of one side that count, in the order of arms and seeds. */
typedef struct side {
    const char *selector;
    const tfx_endpoint **items;
    size_t n, cap, n_undecayed;
} side;

static double cost_of(const tfx_comparison *c, const tfx_endpoint *e)
{
    return c->excluding ? e->excl[c->cost] : e->incl[c->cost];
}

static void fail_unknown(const tfx_endpoints *all, const char *selector, tfx_error *err)
{
    tfx_suggest known = {.name = selector};
    for (size_t i = 0; i < all->n; i++)
        tfx_suggest_add(&known, "%s", all->items[i].arm);
    tfx_fail(err, TFX_E_INVALID, "no arm '%s' has come to its end", selector);
    tfx_suggest_end(&known, "no arm has", err);
}

/* Points without a cost above 0 (the evaluation before the first step) have no place on a logarithmic axis. */
static tfx_status take_side(tfx_comparison *c, side *s, const tfx_endpoints *all, int undecayed_too, tfx_error *err)
{
    int found = 0;
    for (size_t i = 0; i < all->n; i++) {
        const tfx_endpoint *e = &all->items[i];
        if (!tfx_arm_selected(s->selector, e->arm))
            continue;
        found = 1;
        if (!isfinite(e->loss) || cost_of(c, e) <= 0)
            continue;
        if (!isfinite(cost_of(c, e)))
            return tfx_fail(err, TFX_E_INVALID, "arm '%s' has no %s %s ancestors", e->arm, tfx_cost_words[c->cost],
                            c->excluding ? "excluding" : "including");
        if (e->decayed == 1 || undecayed_too)
            *TFX_APPEND(s->items, s->n, s->cap) = e;
        else
            s->n_undecayed++;
    }
    if (!found) {
        fail_unknown(all, s->selector, err);
        return err->status;
    }
    if (s->n_undecayed)
        tfx_text_add(&c->notes, "%zu of '%s' left out: the learning rate had not fallen to a tenth of its peak\n",
                     s->n_undecayed, s->selector);
    if (!s->n)
        return tfx_fail(err, TFX_E_INVALID,
                        "no run of '%s' has ended with a learning rate of a tenth of its peak or less%s", s->selector,
                        s->selector == c->b ? "; --curve counts points in the middle of schedules" : "");
    return TFX_OK;
}

/* B's points with this seed, by cost. */
static tfx_curve_point *points_of(const tfx_comparison *c, const side *b, int64_t seed, size_t *n)
{
    tfx_curve_point *points = TFX_NEW_ARRAY(tfx_curve_point, b->n);
    *n = 0;
    for (size_t i = 0; i < b->n; i++)
        if (b->items[i]->seed == seed)
            points[(*n)++] = (tfx_curve_point){cost_of(c, b->items[i]), b->items[i]->loss};
    tfx_curve_make(points, *n);
    return points;
}

static tfx_pair pair_up(const tfx_comparison *c, const side *b, int64_t seed, double loss, double cost)
{
    size_t n;
    tfx_curve_point *points = points_of(c, b, seed, &n);
    tfx_pair p = {.seed = seed, .loss = loss, .cost = cost, .n_points = n, .speed_up = NAN, .saved = NAN};
    p.reach = tfx_curve_cost(points, n, loss, &p.other_cost);
    p.other_loss = tfx_curve_loss(points, n, cost, c->same_cost > 0 ? c->same_cost : TFX_SAME_COST);
    p.difference = loss - p.other_loss;
    if (p.reach == TFX_REACH_WITHIN) {
        p.speed_up = p.other_cost / cost;
        p.saved = 1 - cost / p.other_cost;
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
static const char *why_unpaired(const side *a, const side *b)
{
    int common = 0, known = 1, same = 1;
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++) {
            const tfx_endpoint *p = a->items[i], *q = b->items[k];
            if (p->seed != q->seed)
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

/* Whether this is B's first point with its seed. */
static int is_first(const side *b, size_t k)
{
    for (size_t i = 0; i < k; i++)
        if (b->items[i]->seed == b->items[k]->seed)
            return 0;
    return 1;
}

typedef double (*pair_value)(const tfx_pair *p);

static double value_speed_up(const tfx_pair *p)
{
    return p->speed_up;
}

static double value_saved(const tfx_pair *p)
{
    return p->saved;
}

static double value_difference(const tfx_pair *p)
{
    return p->difference;
}

static double value_other_loss(const tfx_pair *p)
{
    return p->other_loss;
}

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

static void conclude(tfx_contrast *t, const double *losses)
{
    t->speed_up = estimate(t, value_speed_up);
    t->saved = estimate(t, value_saved);
    t->difference = estimate(t, value_difference);
    if (!t->paired) {
        double *others = values_of(t, value_other_loss);
        t->difference = tfx_estimate_difference(losses, t->n_seeds, others, t->n_pairs);
        free(others);
    }
}

/* Endpoints of one arm of A, one for each of its seeds. */
static void contrast(tfx_comparison *c, tfx_contrast *t, const side *a, const side *b)
{
    size_t n = a->n, cap = 0;
    double *losses = TFX_NEW_ARRAY(double, n), *costs = TFX_NEW_ARRAY(double, n);
    t->arm = a->items[0]->arm;
    t->why = why_unpaired(a, b);
    t->paired = !t->why;
    for (size_t i = 0; i < n; i++) {
        int has_partner = 0;
        for (size_t k = 0; k < b->n; k++)
            has_partner |= b->items[k]->seed == a->items[i]->seed;
        if (t->paired && !has_partner) {
            tfx_text_add(&c->notes, "seed %lld of '%s' left out: '%s' has no such seed\n", (long long)a->items[i]->seed,
                         t->arm, b->selector);
            continue;
        }
        losses[t->n_seeds] = a->items[i]->loss;
        costs[t->n_seeds++] = cost_of(c, a->items[i]);
        if (t->paired)
            *TFX_APPEND(t->pairs, t->n_pairs, cap) = pair_up(c, b, a->items[i]->seed, a->items[i]->loss,
                                                             cost_of(c, a->items[i]));
    }
    t->loss = tfx_estimate_mean(losses, t->n_seeds);
    t->cost = tfx_estimate_mean(costs, t->n_seeds);
    for (size_t k = 0; k < b->n && !t->paired; k++)
        if (is_first(b, k))
            *TFX_APPEND(t->pairs, t->n_pairs, cap) = pair_up(c, b, b->items[k]->seed, t->loss.mean, t->cost.mean);
    conclude(t, losses);
    free(losses);
    free(costs);
}

/* How many endpoints of the same arm and seed come before this one, the cheapest first. */
static size_t rank_of(const tfx_comparison *c, const side *a, size_t k, size_t *n)
{
    const tfx_endpoint *e = a->items[k];
    size_t rank = 0;
    *n = 0;
    for (size_t i = 0; i < a->n; i++) {
        const tfx_endpoint *o = a->items[i];
        if (o->seed != e->seed || strcmp(o->arm, e->arm) != 0)
            continue;
        rank += cost_of(c, o) < cost_of(c, e) || (cost_of(c, o) == cost_of(c, e) && i < k);
        ++*n;
    }
    return rank;
}

/* One arm of A: its endpoints [from, to). In tables, an arm may have several with one seed: other budgets or sizes, which are
 * no replicates of each other, so each is compared by itself. */
static tfx_status contrast_arm(tfx_comparison *c, size_t *cap, const side *a, size_t from, size_t to, const side *b,
                               tfx_error *err)
{
    size_t n_ranks, n;
    rank_of(c, a, from, &n_ranks);
    for (size_t i = from; i < to; i++) {
        rank_of(c, a, i, &n);
        if (n != n_ranks)
            return tfx_fail(err, TFX_E_INVALID,
                            "arm '%s' has %zu endpoints with seed %lld and %zu with seed %lld: which of them belong "
                            "together is not known; give each budget an arm of its own",
                            a->items[i]->arm, n_ranks, (long long)a->items[from]->seed, n,
                            (long long)a->items[i]->seed);
    }
    for (size_t rank = 0; rank < n_ranks; rank++) {
        side one = {.selector = a->selector};
        for (size_t i = from; i < to; i++)
            if (rank_of(c, a, i, &n) == rank)
                *TFX_APPEND(one.items, one.n, one.cap) = a->items[i];
        contrast(c, TFX_APPEND(c->contrasts, c->n, *cap), &one, b);
        free(one.items);
    }
    return TFX_OK;
}

static tfx_status check_apart(const side *a, const side *b, tfx_error *err)
{
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++)
            if (!strcmp(a->items[i]->arm, b->items[k]->arm))
                return tfx_fail(err, TFX_E_INVALID, "arm '%s' is on both sides: '%s' and '%s'", a->items[i]->arm,
                                a->selector, b->selector);
    return TFX_OK;
}

tfx_status tfx_compare(tfx_comparison *c, const tfx_endpoints *ends, const tfx_endpoints *curves, tfx_error *err)
{
    side a = {.selector = c->a}, b = {.selector = c->b};
    size_t cap = 0;
    c->curve = curves != NULL;
    if (take_side(c, &a, ends, c->curve, err) == TFX_OK &&
        take_side(c, &b, curves ? curves : ends, c->curve, err) == TFX_OK && check_apart(&a, &b, err) == TFX_OK)
        for (size_t from = 0, to; from < a.n && err->status == TFX_OK; from = to) {
            for (to = from + 1; to < a.n && !strcmp(a.items[to]->arm, a.items[from]->arm); to++)
                ;
            contrast_arm(c, &cap, &a, from, to, &b, err);
        }
    free(a.items);
    free(b.items);
    return err->status;
}

void tfx_comparison_finish(tfx_comparison *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->contrasts[i].pairs);
    free(c->contrasts);
    tfx_text_free(&c->notes);
}

#include "framework/analysis/compare.h"

#include <math.h>
#include <string.h>

#include "framework/analysis/recipes.h"
#include "framework/base/memory.h"
#include "framework/base/suggest.h"

/* The endpoints of one side that count, in the order of arms and seeds. */
typedef struct side {
    const char *selector;
    const tfx_endpoint **items;
    size_t n, cap, n_undecayed;
    tfx_recipe_point *points; /* of B: what is left of its recipes */
    size_t n_points;
    int64_t *seeds; /* of these */
    size_t n_seeds;
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

/* What has not come to its end, in a line for each arm. */
static void note_unfinished(tfx_comparison *c, const char *selector, const tfx_endpoints *all)
{
    const char *arm = NULL;
    for (size_t i = 0; i < all->n_unfinished; i++) {
        const tfx_unfinished *u = &all->unfinished[i];
        if (!tfx_arm_selected(selector, u->arm))
            continue;
        int same = arm && !strcmp(arm, u->arm);
        if (!same)
            tfx_text_add(&c->notes, "%sleft out of '%s': ", arm ? "\n" : "", u->arm);
        tfx_text_add(&c->notes, "%sseed %lld (%s)", same ? ", " : "", (long long)u->seed, u->status);
        arm = u->arm;
    }
    if (arm)
        tfx_text_add(&c->notes, "\n");
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
        if (!isfinite(e->loss) && !undecayed_too)
            tfx_text_add(&c->notes, "seed %lld of '%s' left out: it ended without a finite loss\n", (long long)e->seed,
                         e->arm);
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
    if (!undecayed_too)
        note_unfinished(c, s->selector, all);
    if (!s->n)
        return tfx_fail(err, TFX_E_INVALID,
                        "no run of '%s' has ended with a learning rate of a tenth of its peak or less%s", s->selector,
                        s->selector == c->b ? "; --curve counts points in the middle of schedules" : "");
    return TFX_OK;
}

static int same_arm(const tfx_endpoint *a, const tfx_endpoint *b)
{
    return !strcmp(a->arm, b->arm);
}

typedef struct keyed_item {
    const tfx_endpoint *e;
    size_t arm;
    double cost;
} keyed_item;

static int by_arm_seed_cost(const void *a, const void *b)
{
    const keyed_item *p = a, *q = b;
    if (p->arm != q->arm)
        return p->arm < q->arm ? -1 : 1;
    if (p->e->seed != q->e->seed)
        return p->e->seed < q->e->seed ? -1 : 1;
    if (p->cost != q->cost)
        return p->cost < q->cost ? -1 : 1;
    return p->e == q->e ? 0 : p->e < q->e ? -1 : 1;
}

/* In the order of arms, as they appear first, seeds, costs. */
static void sort_items(const tfx_comparison *c, side *s)
{
    keyed_item *items = TFX_NEW_ARRAY(keyed_item, s->n);
    size_t *arms = TFX_NEW_ARRAY(size_t, s->n), n_arms = 0; /* an item of each arm */
    for (size_t i = 0; i < s->n; i++) {
        size_t k = i && same_arm(s->items[i], s->items[i - 1]) ? items[i - 1].arm : 0;
        while (k < n_arms && !same_arm(s->items[arms[k]], s->items[i]))
            k++;
        if (k == n_arms)
            arms[n_arms++] = i;
        items[i] = (keyed_item){s->items[i], k, cost_of(c, s->items[i])};
    }
    qsort(items, s->n, sizeof(*items), by_arm_seed_cost);
    for (size_t i = 0; i < s->n; i++)
        s->items[i] = items[i].e;
    free(arms);
    free(items);
}

/* Per item: how many endpoints of its arm with its seed come before it, and how many there are. */
static void rank_items(const side *s, size_t *rank, size_t *of)
{
    for (size_t from = 0, to; from < s->n; from = to) {
        const tfx_endpoint *first = s->items[from];
        for (to = from + 1; to < s->n && s->items[to]->seed == first->seed && same_arm(s->items[to], first); to++)
            ;
        for (size_t i = from; i < to; i++) {
            rank[i] = i - from;
            of[i] = to - from;
        }
    }
}

/* Which budgets of an arm belong together is known where each seed has as many. */
static tfx_status check_ranks(const side *s, const size_t *of, tfx_error *err)
{
    for (size_t i = 1, first = 0; i < s->n; i++) {
        first = same_arm(s->items[i], s->items[i - 1]) ? first : i;
        if (of[i] != of[first])
            return tfx_fail(err, TFX_E_INVALID,
                            "arm '%s' has %zu endpoints with seed %lld and %zu with seed %lld: which of them belong "
                            "together is not known; give each budget an arm of its own",
                            s->items[i]->arm, of[first], (long long)s->items[first]->seed, of[i],
                            (long long)s->items[i]->seed);
    }
    return TFX_OK;
}

/* Whether one of B's points that are left has that seed. */
static int has_seed(const side *b, int64_t seed)
{
    for (size_t i = 0; i < b->n_seeds; i++)
        if (b->seeds[i] == seed)
            return 1;
    return 0;
}

/* Where a recipe lacks a seed that others have, B is another one with that seed. A line for each arm and seed. */
static void note_uneven(tfx_comparison *c, const side *b, const char *const *arm_of, size_t n_recipes)
{
    char *has = TFX_NEW_ARRAY(char, n_recipes * b->n_seeds);
    const char **said = TFX_NEW_ARRAY(const char *, b->n_seeds); /* per seed, of which arm last */
    for (size_t i = 0; i < b->n_points; i++)
        for (size_t s = 0; s < b->n_seeds; s++)
            has[b->points[i].recipe * b->n_seeds + s] |= b->points[i].seed == b->seeds[s];
    for (size_t k = 0; k < n_recipes; k++)
        for (size_t s = 0; s < b->n_seeds; s++) {
            if (has[k * b->n_seeds + s] || !memchr(has + k * b->n_seeds, 1, b->n_seeds) ||
                (said[s] && !strcmp(said[s], arm_of[k])))
                continue;
            said[s] = arm_of[k];
            tfx_text_add(&c->uneven, "'%s' has no seed %lld, which others of '%s' have\n", arm_of[k],
                         (long long)b->seeds[s], b->selector);
        }
    free(said);
    free(has);
}

static void find_seeds(side *b)
{
    free(b->seeds);
    b->n_seeds = 0;
    b->seeds = TFX_NEW_ARRAY(int64_t, b->n_points);
    for (size_t i = 0; i < b->n_points; i++)
        if (!has_seed(b, b->points[i].seed))
            b->seeds[b->n_seeds++] = b->points[i].seed;
}

/* Makes B's points. In tables, and where all evaluations count, each budget of an arm is a recipe of its own. */
static tfx_status choose_recipes(tfx_comparison *c, side *b, tfx_error *err)
{
    size_t *rank = TFX_NEW_ARRAY(size_t, b->n), *of = TFX_NEW_ARRAY(size_t, b->n), n_recipes = 0, base = 0;
    const char **arm_of = TFX_NEW_ARRAY(const char *, b->n); /* per recipe */
    rank_items(b, rank, of);
    b->points = TFX_NEW_ARRAY(tfx_recipe_point, b->n);
    for (size_t i = 0; i < b->n; i++) {
        if (i && !same_arm(b->items[i], b->items[i - 1]))
            base = n_recipes;
        size_t recipe = base + rank[i];
        n_recipes = recipe < n_recipes ? n_recipes : recipe + 1;
        arm_of[recipe] = b->items[i]->arm;
        b->points[i] = (tfx_recipe_point){recipe, b->items[i]->seed, cost_of(c, b->items[i]), b->items[i]->loss};
    }
    b->n_points = b->n;
    find_seeds(b);
    if (!c->curve && check_ranks(b, of, err) == TFX_OK) /* evaluations of runs that go on are uneven by nature */
        note_uneven(c, b, arm_of, n_recipes);
    b->n_points = tfx_recipes_choose(b->points, b->n, n_recipes);
    find_seeds(b);
    free(arm_of);
    free(rank);
    free(of);
    return err->status;
}

/* B's points with this seed, by cost. */
static tfx_curve_point *points_of(const side *b, int64_t seed, size_t *n)
{
    tfx_curve_point *points = TFX_NEW_ARRAY(tfx_curve_point, b->n_points);
    *n = 0;
    for (size_t i = 0; i < b->n_points; i++)
        if (b->points[i].seed == seed)
            points[(*n)++] = (tfx_curve_point){b->points[i].cost, b->points[i].loss};
    tfx_curve_make(points, *n);
    return points;
}

static tfx_pair pair_up(const tfx_comparison *c, const side *b, int64_t seed, double loss, double cost)
{
    size_t n;
    tfx_curve_point *points = points_of(b, seed, &n);
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
static const char *why_unpaired(const side *a, const side *b)
{
    int common = 0, known = 1, same = 1;
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++) {
            const tfx_endpoint *p = a->items[i], *q = b->items[k];
            if (p->seed != q->seed || !has_seed(b, p->seed))
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
static void contrast(tfx_comparison *c, tfx_contrast *t, const side *a, const side *b)
{
    size_t n = a->n, cap = 0;
    double *losses = TFX_NEW_ARRAY(double, n), *costs = TFX_NEW_ARRAY(double, n);
    t->arm = a->items[0]->arm;
    t->why = why_unpaired(a, b);
    t->paired = !t->why;
    for (size_t i = 0; i < n; i++) {
        if (t->paired && !has_seed(b, a->items[i]->seed)) {
            tfx_text_add(&c->notes, "seed %lld of '%s' left out: what counts of '%s' has no such seed\n",
                         (long long)a->items[i]->seed, t->arm, b->selector);
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
    for (size_t k = 0; k < b->n_seeds && !t->paired; k++)
        *TFX_APPEND(t->pairs, t->n_pairs, cap) = pair_up(c, b, b->seeds[k], t->loss.mean, t->cost.mean);
    conclude(t, losses);
    free(losses);
    free(costs);
}

/* One arm of A: its endpoints [from, to). In tables, an arm may have several with one seed: other budgets or sizes, which are
 * no replicates of each other, so each is compared by itself. */
static void contrast_arm(tfx_comparison *c, size_t *cap, const side *a, const size_t *rank, const size_t *of,
                         size_t from, size_t to, const side *b)
{
    for (size_t k = 0; k < of[from]; k++) {
        side one = {.selector = a->selector};
        for (size_t i = from; i < to; i++)
            if (rank[i] == k)
                *TFX_APPEND(one.items, one.n, one.cap) = a->items[i];
        contrast(c, TFX_APPEND(c->contrasts, c->n, *cap), &one, b);
        free(one.items);
    }
}

static tfx_status contrast_arms(tfx_comparison *c, const side *a, const side *b, tfx_error *err)
{
    size_t *rank = TFX_NEW_ARRAY(size_t, a->n), *of = TFX_NEW_ARRAY(size_t, a->n), cap = 0;
    rank_items(a, rank, of);
    check_ranks(a, of, err);
    for (size_t from = 0, to; from < a->n && err->status == TFX_OK; from = to) {
        for (to = from + 1; to < a->n && same_arm(a->items[to], a->items[from]); to++)
            ;
        contrast_arm(c, &cap, a, rank, of, from, to, b);
    }
    free(rank);
    free(of);
    return err->status;
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
    c->curve = curves != NULL;
    if (take_side(c, &a, ends, 0, err) == TFX_OK && take_side(c, &b, curves ? curves : ends, c->curve, err) == TFX_OK &&
        check_apart(&a, &b, err) == TFX_OK) {
        sort_items(c, &a);
        sort_items(c, &b);
        if (choose_recipes(c, &b, err) == TFX_OK)
            contrast_arms(c, &a, &b, err);
    }
    free(a.items);
    free(b.items);
    free(b.points);
    free(b.seeds);
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

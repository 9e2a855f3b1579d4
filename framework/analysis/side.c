#include "framework/analysis/side.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"

double tfx_side_cost(const tfx_comparison *c, const tfx_endpoint *e)
{
    return c->excluding ? e->excl[c->cost] : e->incl[c->cost];
}

/* Runs of `selector` that have not come to their end, in a line for each arm that begins with `before` and the arm's name
 * and is parted from the next by `between`. Returns whether there are any. */
static int add_unfinished(tfx_text *t, const tfx_endpoints *all, const char *selector, const char *before,
                          const char *between)
{
    const char *arm = NULL;
    for (size_t i = 0; i < all->n_unfinished; i++) {
        const tfx_unfinished *u = &all->unfinished[i];
        if (!tfx_arm_selected(selector, u->arm))
            continue;
        int same = arm && !strcmp(arm, u->arm);
        if (!same)
            tfx_text_add(t, "%s%s'%s': ", arm ? between : "", before, u->arm);
        tfx_text_add(t, "%sseed %lld (%s)", same ? ", " : "", (long long)u->seed, u->status);
        arm = u->arm;
    }
    return arm != NULL;
}

/* Nothing of `selector` has an end: there is no such arm, or its runs have not come that far. */
static void fail_without_end(const tfx_endpoints *all, const char *selector, tfx_error *err)
{
    tfx_text unfinished = {0};
    if (add_unfinished(&unfinished, all, selector, "", "; ")) {
        tfx_fail(err, TFX_E_INVALID, "no run has come to its end of %s", unfinished.s);
    } else {
        tfx_suggest known = {.name = selector};
        for (size_t i = 0; i < all->n; i++)
            tfx_suggest_add(&known, "%s", all->items[i].arm);
        for (size_t i = 0; i < all->n_unfinished; i++)
            tfx_suggest_add(&known, "%s", all->unfinished[i].arm);
        tfx_fail(err, TFX_E_INVALID, "no arm '%s'", selector);
        tfx_suggest_end(&known, "there are no arms", err);
    }
    tfx_text_free(&unfinished);
}

int tfx_same_arm(const tfx_endpoint *a, const tfx_endpoint *b)
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

static void sort_items(const tfx_comparison *c, tfx_side *s)
{
    keyed_item *items = TFX_NEW_ARRAY(keyed_item, s->n);
    size_t *arms = TFX_NEW_ARRAY(size_t, s->n), n_arms = 0; /* an item of each arm */
    for (size_t i = 0; i < s->n; i++) {
        size_t k = i && tfx_same_arm(s->items[i], s->items[i - 1]) ? items[i - 1].arm : 0;
        while (k < n_arms && !tfx_same_arm(s->items[arms[k]], s->items[i]))
            k++;
        if (k == n_arms)
            arms[n_arms++] = i;
        items[i] = (keyed_item){s->items[i], k, tfx_side_cost(c, s->items[i])};
    }
    qsort(items, s->n, sizeof(*items), by_arm_seed_cost);
    for (size_t i = 0; i < s->n; i++)
        s->items[i] = items[i].e;
    free(arms);
    free(items);
}

static void rank_items(tfx_side *s)
{
    s->rank = TFX_NEW_ARRAY(size_t, s->n);
    s->of = TFX_NEW_ARRAY(size_t, s->n);
    for (size_t from = 0, to; from < s->n; from = to) {
        const tfx_endpoint *first = s->items[from];
        for (to = from + 1; to < s->n && s->items[to]->seed == first->seed && tfx_same_arm(s->items[to], first); to++)
            ;
        for (size_t i = from; i < to; i++) {
            s->rank[i] = i - from;
            s->of[i] = to - from;
        }
    }
}

/* Points without a cost above 0 (the evaluation before the first step) have no place on a logarithmic axis. */
tfx_status tfx_side_take(tfx_comparison *c, tfx_side *s, const tfx_endpoints *all, int undecayed_too, tfx_error *err)
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
        if (!isfinite(e->loss) || tfx_side_cost(c, e) <= 0)
            continue;
        if (!isfinite(tfx_side_cost(c, e)))
            return tfx_fail(err, TFX_E_INVALID, "arm '%s' has no %s %s ancestors", e->arm, tfx_cost_words[c->cost],
                            c->excluding ? "excluding" : "including");
        if (e->decayed == 1 || undecayed_too)
            *TFX_APPEND(s->items, s->n, s->cap) = e;
        else
            s->n_undecayed++;
    }
    if (!found) {
        fail_without_end(all, s->selector, err);
        return err->status;
    }
    if (s->n_undecayed)
        tfx_text_add(&c->notes, "%zu of '%s' left out: the learning rate had not fallen to a tenth of its peak\n",
                     s->n_undecayed, s->selector);
    if (!undecayed_too && add_unfinished(&c->notes, all, s->selector, "left out of ", "\n"))
        tfx_text_add(&c->notes, "\n");
    if (!s->n)
        return tfx_fail(err, TFX_E_INVALID,
                        "no run of '%s' has ended with a learning rate of a tenth of its peak or less%s", s->selector,
                        s->selector == c->b ? "; --curve counts points in the middle of schedules" : "");
    sort_items(c, s);
    rank_items(s);
    return TFX_OK;
}

tfx_status tfx_side_check_budgets(const tfx_side *s, tfx_error *err)
{
    for (size_t i = 1, first = 0; i < s->n; i++) {
        first = tfx_same_arm(s->items[i], s->items[i - 1]) ? first : i;
        if (s->of[i] != s->of[first])
            return tfx_fail(err, TFX_E_INVALID,
                            "arm '%s' has %zu endpoints with seed %lld and %zu with seed %lld: which of them belong "
                            "together is not known; give each budget an arm of its own",
                            s->items[i]->arm, s->of[first], (long long)s->items[first]->seed, s->of[i],
                            (long long)s->items[i]->seed);
    }
    return TFX_OK;
}

int tfx_side_has_seed(const tfx_side *b, int64_t seed)
{
    for (size_t i = 0; i < b->n_seeds; i++)
        if (b->seeds[i] == seed)
            return 1;
    return 0;
}

/* Where a recipe lacks a seed that others have, B is another one with that seed. A line for each arm and seed. */
static void note_uneven(tfx_comparison *c, const tfx_side *b, const char *const *arm_of, size_t n_recipes)
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

static void find_seeds(tfx_side *b)
{
    free(b->seeds);
    b->n_seeds = 0;
    b->seeds = TFX_NEW_ARRAY(int64_t, b->n_points);
    for (size_t i = 0; i < b->n_points; i++)
        if (!tfx_side_has_seed(b, b->points[i].seed))
            b->seeds[b->n_seeds++] = b->points[i].seed;
}

tfx_status tfx_side_choose(tfx_comparison *c, tfx_side *b, tfx_error *err)
{
    size_t n_recipes = 0, base = 0;
    const char **arm_of = TFX_NEW_ARRAY(const char *, b->n); /* per recipe */
    b->points = TFX_NEW_ARRAY(tfx_recipe_point, b->n);
    for (size_t i = 0; i < b->n; i++) {
        if (i && !tfx_same_arm(b->items[i], b->items[i - 1]))
            base = n_recipes;
        size_t recipe = base + b->rank[i];
        n_recipes = recipe < n_recipes ? n_recipes : recipe + 1;
        arm_of[recipe] = b->items[i]->arm;
        b->points[i] = (tfx_recipe_point){recipe, b->items[i]->seed, tfx_side_cost(c, b->items[i]), b->items[i]->loss};
    }
    b->n_points = b->n;
    find_seeds(b);
    if (!c->curve && tfx_side_check_budgets(b, err) == TFX_OK) /* evaluations of runs that go on are uneven by nature */
        note_uneven(c, b, arm_of, n_recipes);
    b->n_points = tfx_recipes_choose(b->points, b->n, n_recipes);
    find_seeds(b);
    free(arm_of);
    return err->status;
}

tfx_curve_point *tfx_side_points(const tfx_side *b, int64_t seed, size_t *n)
{
    tfx_curve_point *points = TFX_NEW_ARRAY(tfx_curve_point, b->n_points);
    *n = 0;
    for (size_t i = 0; i < b->n_points; i++)
        if (b->points[i].seed == seed)
            points[(*n)++] = (tfx_curve_point){b->points[i].cost, b->points[i].loss};
    tfx_curve_make(points, *n);
    return points;
}

void tfx_side_finish(tfx_side *s)
{
    free(s->items);
    free(s->rank);
    free(s->of);
    free(s->points);
    free(s->seeds);
    *s = (tfx_side){0};
}

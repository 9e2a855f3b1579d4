#include "framework/analysis/recipes.h"

#include <math.h>
#include <stdlib.h>

#include "framework/analysis/curve.h"
#include "framework/base/memory.h"

typedef struct recipe {
    size_t number, n; /* of its points */
    double log_cost, loss;
} recipe;

static int by_recipe(const void *a, const void *b)
{
    const tfx_recipe_point *p = a, *q = b;
    if (p->recipe != q->recipe)
        return p->recipe < q->recipe ? -1 : 1;
    return p->seed == q->seed ? 0 : p->seed < q->seed ? -1 : 1;
}

static int by_cost(const void *a, const void *b)
{
    const recipe *p = a, *q = b;
    if (p->log_cost != q->log_cost)
        return p->log_cost < q->log_cost ? -1 : 1;
    return p->loss == q->loss ? 0 : p->loss < q->loss ? -1 : 1;
}

/* The means of sorted points; returns how many recipes have any. */
static size_t take_means(const tfx_recipe_point *points, size_t n, recipe *recipes)
{
    size_t n_recipes = 0;
    for (size_t from = 0, i; from < n; from = i) {
        double cost = 0, loss = 0;
        for (i = from; i < n && points[i].recipe == points[from].recipe; i++) {
            cost += points[i].cost;
            loss += points[i].loss;
        }
        double count = (double)(i - from);
        recipes[n_recipes++] = (recipe){points[from].recipe, i - from, log(cost / count), loss / count};
    }
    return n_recipes;
}

/* Those with the most points stay, if these are one for each seed. */
static size_t drop_incomplete(recipe *recipes, size_t n, size_t n_seeds)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (recipes[i].n == n_seeds)
            recipes[kept++] = recipes[i];
    return kept ? kept : n;
}

/* Of those that cost the same the best, and none that is no better than a cheaper one. */
static size_t drop_worse(recipe *r, size_t n)
{
    size_t kept = 0;
    for (size_t from = 0, i; from < n; from = i) {
        recipe best = r[from];
        for (i = from + 1; i < n && r[i].log_cost <= r[from].log_cost + log1p(TFX_SAME_COST); i++)
            if (r[i].loss < best.loss)
                best = r[i];
        if (!kept || best.loss < r[kept - 1].loss)
            r[kept++] = best;
    }
    return kept;
}

/* Those below the lines between others (Andrew 1979). */
static size_t keep_hull(recipe *r, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        while (kept >= 2) {
            const recipe *a = &r[kept - 2], *b = &r[kept - 1], *c = &r[i];
            double above = (b->loss - a->loss) * (c->log_cost - a->log_cost) -
                           (c->loss - a->loss) * (b->log_cost - a->log_cost);
            if (above < 0)
                break;
            kept--;
        }
        r[kept++] = r[i];
    }
    return kept;
}

static size_t count_seeds(const tfx_recipe_point *points, size_t n)
{
    int64_t *seeds = TFX_NEW_ARRAY(int64_t, n);
    size_t n_seeds = 0;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < n_seeds && seeds[k] != points[i].seed)
            k++;
        if (k == n_seeds)
            seeds[n_seeds++] = points[i].seed;
    }
    free(seeds);
    return n_seeds;
}

size_t tfx_recipes_choose(tfx_recipe_point *points, size_t n, size_t n_recipes)
{
    recipe *recipes = TFX_NEW_ARRAY(recipe, n_recipes);
    char *chosen = TFX_NEW_ARRAY(char, n_recipes);
    size_t kept = 0;
    qsort(points, n, sizeof(*points), by_recipe);
    size_t left = drop_incomplete(recipes, take_means(points, n, recipes), count_seeds(points, n));
    qsort(recipes, left, sizeof(*recipes), by_cost);
    left = keep_hull(recipes, drop_worse(recipes, left));
    for (size_t k = 0; k < left; k++)
        chosen[recipes[k].number] = 1;
    for (size_t i = 0; i < n; i++)
        if (chosen[points[i].recipe])
            points[kept++] = points[i];
    free(chosen);
    free(recipes);
    return kept;
}

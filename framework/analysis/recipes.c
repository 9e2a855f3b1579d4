#include "framework/analysis/recipes.h"

#include <math.h>
#include <stdlib.h>

#include "framework/analysis/curve.h"
#include "framework/base/memory.h"

typedef struct recipes {
    const tfx_recipe_point *points; /* by recipe and seed */
    size_t *first;                  /* per recipe, and one more: where its points begin */
    double *cost;                   /* per recipe, mean */
    size_t *order;                  /* recipes with points, the cheapest first */
    size_t n_order;
} recipes;

static int by_recipe(const void *a, const void *b)
{
    const tfx_recipe_point *p = a, *q = b;
    if (p->recipe != q->recipe)
        return p->recipe < q->recipe ? -1 : 1;
    return p->seed == q->seed ? 0 : p->seed < q->seed ? -1 : 1;
}

static int by_cost(const void *a, const void *b, void *cost)
{
    const double *c = cost, x = c[*(const size_t *)a], y = c[*(const size_t *)b];
    return x != y ? (x < y ? -1 : 1) : *(const size_t *)a < *(const size_t *)b ? -1 : 1;
}

static void make_recipes(recipes *r, tfx_recipe_point *points, size_t n, size_t n_recipes)
{
    r->points = points;
    r->first = TFX_NEW_ARRAY(size_t, n_recipes + 1);
    r->cost = TFX_NEW_ARRAY(double, n_recipes);
    r->order = TFX_NEW_ARRAY(size_t, n_recipes);
    qsort(points, n, sizeof(*points), by_recipe);
    for (size_t k = 0, i = 0; k < n_recipes; k++) {
        for (r->first[k] = i; i < n && points[i].recipe == k; i++)
            r->cost[k] += points[i].cost;
        r->first[k + 1] = i;
        if (i == r->first[k])
            continue;
        r->cost[k] /= (double)(i - r->first[k]);
        r->order[r->n_order++] = k;
    }
    qsort_r(r->order, r->n_order, sizeof(*r->order), by_cost, r->cost);
}

static const tfx_recipe_point *point_of(const recipes *r, size_t recipe, int64_t seed)
{
    for (size_t i = r->first[recipe]; i < r->first[recipe + 1]; i++)
        if (r->points[i].seed == seed)
            return &r->points[i];
    return NULL;
}

static double own_mean(const recipes *r, size_t recipe)
{
    double sum = 0;
    for (size_t i = r->first[recipe]; i < r->first[recipe + 1]; i++)
        sum += r->points[i].loss;
    return sum / (double)(r->first[recipe + 1] - r->first[recipe]);
}

static int is_better(const recipes *r, size_t x, size_t y)
{
    double of_x = 0, of_y = 0;
    size_t n = 0;
    for (size_t i = r->first[x]; i < r->first[x + 1]; i++) {
        const tfx_recipe_point *other = point_of(r, y, r->points[i].seed);
        of_x += other ? r->points[i].loss : 0;
        of_y += other ? other->loss : 0;
        n += other != NULL;
    }
    return n ? of_x < of_y : own_mean(r, x) < own_mean(r, y);
}

size_t tfx_recipes_choose(tfx_recipe_point *points, size_t n, size_t n_recipes)
{
    recipes r = {0};
    size_t *stands_for = TFX_NEW_ARRAY(size_t, n_recipes), none = n_recipes, leader = none, kept = 0;
    make_recipes(&r, points, n, n_recipes);
    for (size_t k = 0; k < n_recipes; k++)
        stands_for[k] = none;
    for (size_t from = 0, i; from < r.n_order; from = i) {
        size_t best = r.order[from];
        for (i = from + 1; i < r.n_order && r.cost[r.order[i]] <= r.cost[r.order[from]] * (1 + TFX_SAME_COST); i++)
            if (is_better(&r, r.order[i], best))
                best = r.order[i];
        leader = leader != none && is_better(&r, leader, best) ? leader : best;
        stands_for[best] = leader;
    }
    tfx_recipe_point *chosen = TFX_NEW_ARRAY(tfx_recipe_point, n);
    for (size_t i = 0; i < n; i++) {
        size_t from = stands_for[points[i].recipe];
        const tfx_recipe_point *p = from == none ? NULL : point_of(&r, from, points[i].seed);
        if (p) {
            chosen[kept] = points[i];
            chosen[kept++].loss = p->loss;
        }
    }
    for (size_t i = 0; i < kept; i++)
        points[i] = chosen[i];
    free(chosen);
    free(stands_for);
    free(r.first);
    free(r.cost);
    free(r.order);
    return kept;
}

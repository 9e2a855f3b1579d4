#include "framework/analysis/recipes.h"

#include <math.h>
#include <stdlib.h>

#include "framework/analysis/curve.h"
#include "framework/base/memory.h"

typedef struct recipes {
    tfx_recipe_point *points;
    size_t n;
    double *cost;  /* per recipe, mean */
    size_t *order; /* recipes with points, the cheapest first */
    size_t n_order;
} recipes;

static int by_cost(const void *a, const void *b, void *cost)
{
    const double *c = cost, x = c[*(const size_t *)a], y = c[*(const size_t *)b];
    return x != y ? (x < y ? -1 : 1) : *(const size_t *)a < *(const size_t *)b ? -1 : 1;
}

static void order_recipes(recipes *r, size_t n_recipes)
{
    size_t *count = TFX_NEW_ARRAY(size_t, n_recipes);
    r->cost = TFX_NEW_ARRAY(double, n_recipes);
    r->order = TFX_NEW_ARRAY(size_t, n_recipes);
    for (size_t i = 0; i < r->n; i++) {
        r->cost[r->points[i].recipe] += r->points[i].cost;
        count[r->points[i].recipe]++;
    }
    for (size_t k = 0; k < n_recipes; k++)
        if (count[k]) {
            r->cost[k] /= (double)count[k];
            r->order[r->n_order++] = k;
        }
    qsort_r(r->order, r->n_order, sizeof(*r->order), by_cost, r->cost);
    free(count);
}

static const tfx_recipe_point *point_of(const recipes *r, size_t recipe, int64_t seed)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->points[i].recipe == recipe && r->points[i].seed == seed)
            return &r->points[i];
    return NULL;
}

static int is_better(const recipes *r, size_t x, size_t y)
{
    double common[2] = {0, 0}, own[2] = {0, 0};
    size_t n_common = 0, n_own[2] = {0, 0};
    for (size_t i = 0; i < r->n; i++) {
        const tfx_recipe_point *p = &r->points[i], *q;
        if (p->recipe != x && p->recipe != y)
            continue;
        own[p->recipe == y] += p->loss;
        n_own[p->recipe == y]++;
        if (p->recipe == x && (q = point_of(r, y, p->seed))) {
            common[0] += p->loss;
            common[1] += q->loss;
            n_common++;
        }
    }
    return n_common ? common[0] < common[1] : own[0] / (double)n_own[0] < own[1] / (double)n_own[1];
}

size_t tfx_recipes_choose(tfx_recipe_point *points, size_t n, size_t n_recipes)
{
    recipes r = {.points = points, .n = n};
    size_t *stands_for = TFX_NEW_ARRAY(size_t, n_recipes), none = n_recipes, leader = none, kept = 0;
    order_recipes(&r, n_recipes);
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
    free(r.cost);
    free(r.order);
    return kept;
}

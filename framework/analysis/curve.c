#include "framework/analysis/curve.h"

#include <math.h>
#include <stdlib.h>

static int by_cost(const void *a, const void *b)
{
    const tfx_curve_point *p = a, *q = b;
    if (p->cost != q->cost)
        return p->cost < q->cost ? -1 : 1;
    return p->loss == q->loss ? 0 : p->loss < q->loss ? -1 : 1;
}

void tfx_curve_make(tfx_curve_point *points, size_t n)
{
    qsort(points, n, sizeof(*points), by_cost);
    for (size_t i = 1; i < n; i++)
        points[i].loss = fmin(points[i].loss, points[i - 1].loss);
}

tfx_reach tfx_curve_cost(const tfx_curve_point *points, size_t n, double loss, double *cost)
{
    *cost = points[0].cost;
    if (points[0].loss < loss)
        return TFX_REACH_BEFORE;
    if (points[0].loss == loss)
        return TFX_REACH_WITHIN;
    for (size_t i = 1; i < n; i++) {
        if (points[i].loss > loss)
            continue;
        const tfx_curve_point *a = &points[i - 1], *b = &points[i];
        double share = (a->loss - loss) / (a->loss - b->loss);
        *cost = a->cost * pow(b->cost / a->cost, share);
        return TFX_REACH_WITHIN;
    }
    *cost = NAN;
    return TFX_REACH_NEVER;
}

double tfx_curve_loss(const tfx_curve_point *points, size_t n, double cost, double same)
{
    if (cost < points[0].cost)
        return points[0].cost <= cost * (1 + same) ? points[0].loss : NAN;
    if (cost > points[n - 1].cost)
        return cost <= points[n - 1].cost * (1 + same) ? points[n - 1].loss : NAN;
    for (size_t i = 0; i + 1 < n; i++) {
        const tfx_curve_point *a = &points[i], *b = &points[i + 1];
        if (cost <= b->cost)
            return a->cost == b->cost ? a->loss
                                      : a->loss + (b->loss - a->loss) * log(cost / a->cost) / log(b->cost / a->cost);
    }
    return points[n - 1].loss; /* the only one, at this very cost */
}

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
}

/* By how much the loss changes from a point to the next when the logarithm of the cost grows by one. */
static double slope(const tfx_curve_point *a)
{
    return (a[1].loss - a[0].loss) / log(a[1].cost / a[0].cost);
}

/* Between points i and i + 1. */
static tfx_on_curve loss_between(const tfx_curve_point *points, size_t n, size_t i, double cost)
{
    const tfx_curve_point *a = &points[i], *b = a + 1;
    tfx_on_curve at = {a->loss + slope(a) * log(cost / a->cost), b->loss, b->cost / a->cost};
    if (i > 0)
        at.least = fmax(at.least, a->loss + slope(a - 1) * log(cost / a->cost));
    if (i + 2 < n)
        at.least = fmax(at.least, b->loss + slope(b) * log(cost / b->cost));
    at.least = fmin(at.least, at.line); /* one seed's points need not be on such a curve */
    return at;
}

/* The same for the cost at which they come to a loss, which is below that of a, and not below that of b. */
static tfx_on_curve cost_between(const tfx_curve_point *points, size_t n, size_t i, double loss)
{
    const tfx_curve_point *a = &points[i], *b = a + 1;
    tfx_on_curve at = {a->cost * exp((loss - a->loss) / slope(a)), a->cost, b->cost / a->cost};
    if (i > 0 && slope(a - 1) < 0)
        at.least = fmax(at.least, a->cost * exp((loss - a->loss) / slope(a - 1)));
    if (i + 2 < n && slope(b) < 0)
        at.least = fmax(at.least, b->cost * exp((loss - b->loss) / slope(b)));
    at.least = fmin(at.least, at.line);
    return at;
}

tfx_reach tfx_curve_cost(const tfx_curve_point *points, size_t n, double loss, tfx_on_curve *cost)
{
    *cost = (tfx_on_curve){points[0].cost, points[0].cost, 1};
    if (points[0].loss < loss)
        return TFX_REACH_BEFORE;
    for (size_t i = 0; i < n; i++) {
        if (points[i].loss > loss)
            continue;
        *cost = points[i].loss == loss ? (tfx_on_curve){points[i].cost, points[i].cost, 1}
                                       : cost_between(points, n, i - 1, loss);
        return TFX_REACH_WITHIN;
    }
    *cost = (tfx_on_curve){NAN, NAN, 1};
    return TFX_REACH_NEVER;
}

tfx_on_curve tfx_curve_loss(const tfx_curve_point *points, size_t n, double cost, double same)
{
    size_t i = n; /* the last point that does not cost more */
    while (i > 0 && points[i - 1].cost > cost * (1 + same))
        i--;
    if (i > 0 && points[i - 1].cost * (1 + same) >= cost)
        return (tfx_on_curve){points[i - 1].loss, points[i - 1].loss, 1};
    return i > 0 && i < n ? loss_between(points, n, i - 1, cost) : (tfx_on_curve){NAN, NAN, 1};
}

/* Curve: the loss that costs buy, between points that are known. */
#ifndef TFX_ANALYSIS_CURVE_H
#define TFX_ANALYSIS_CURVE_H

#include <stddef.h>

typedef struct tfx_curve_point {
    double cost, loss; /* cost above 0; both finite */
} tfx_curve_point;

/* Sorts points by cost. Where one is worse than a cheaper one, it gets the loss of that: a bad learning rate, a size that
 * does not suit the budget, or a seed's bad luck say nothing of what so much can buy, and a line from there to the next
 * point would make whatever is compared with the curve look good. */
void tfx_curve_make(tfx_curve_point *points, size_t n);

typedef enum tfx_reach {
    TFX_REACH_WITHIN = 0, /* between two points, or at one */
    TFX_REACH_NEVER,      /* every point is above that loss */
    TFX_REACH_BEFORE      /* the cheapest point is below it already: reached at that cost or before */
} tfx_reach;

/* The cost at which points that were made a curve come down to a loss for the first time: on a straight line in log(cost) between two
 * points. NEVER: *cost is NaN; BEFORE: that of the cheapest point, an upper bound. n is at least 1. */
tfx_reach tfx_curve_cost(const tfx_curve_point *points, size_t n, double loss, double *cost);

/* Budgets are met in whole steps: costs that are meant to be equal differ by about this share at most. */
#define TFX_SAME_COST 0.01

/* The loss that they have at a cost, by the same lines; NaN beyond the first and the last point, but for costs that
 * differ from theirs by no more than the share `same`. */
double tfx_curve_loss(const tfx_curve_point *points, size_t n, double cost, double same);

#endif

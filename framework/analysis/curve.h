/* Curve: the loss that costs buy, between points that are known. */
#ifndef TFX_ANALYSIS_CURVE_H
#define TFX_ANALYSIS_CURVE_H

#include <stddef.h>

typedef struct tfx_curve_point {
    double cost, loss; /* cost above 0; both finite */
} tfx_curve_point;

/* Budgets are met in whole steps: costs that are meant to be equal differ by about this share at most. */
#define TFX_SAME_COST 0.01

/* Sorts points by cost. Which of them are worth a place in a curve is known from all seeds: recipes.h. */
void tfx_curve_make(tfx_curve_point *points, size_t n);

typedef enum tfx_reach {
    TFX_REACH_WITHIN = 0, /* between two points, or at one */
    TFX_REACH_NEVER,      /* every point is above that loss */
    TFX_REACH_BEFORE      /* the cheapest point is below it already: reached at that cost or before */
} tfx_reach;

/* A number that a curve has between two of its points, or at one.
 *
 * `line` is that of a straight line in log(cost). Losses fall ever more slowly in it, so the truth is below the line, and
 * whatever is compared with it looks better than it is. `least` is the lowest that is possible for such a curve: on the
 * longer of the lines through the two points before and through the two points behind, or where there are none, next to the
 * points themselves. `gap` is the ratio of the costs of the points on both sides; 1: it is at a point. */
typedef struct tfx_on_curve {
    double line, least, gap;
} tfx_on_curve;

/* The cost at which points that were made a curve come down to a loss for the first time. NEVER: NaN; BEFORE:
 * that of the cheapest point, an upper bound. n is at least 1. */
tfx_reach tfx_curve_cost(const tfx_curve_point *points, size_t n, double loss, tfx_on_curve *cost);

/* The loss that they have at a cost: that of a point whose cost differs by no more than the share `same`, or by those lines;
 * NaN beyond the first and the last point. */
tfx_on_curve tfx_curve_loss(const tfx_curve_point *points, size_t n, double cost, double same);

#endif

/* Minimise: a smooth function's minimum near a start, by GSL. */
#ifndef TFX_ANALYSIS_MINIMISE_H
#define TFX_ANALYSIS_MINIMISE_H

#include <stddef.h>

/* The value at theta [n], and its gradient [n]. */
typedef double (*tfx_objective)(void *ctx, const double *theta, double *gradient);

/* Moves theta to where the value falls no further, or the gradient is shorter than `tolerance`, or after `most`
 * iterations of BFGS, and returns the value there. The same start ends at the same bits. */
double tfx_minimise(tfx_objective objective, void *ctx, size_t n, double *theta, double tolerance, size_t most);

/* From near a minimum to where the gradient is zero as exactly as it can be computed: a search by values alone ends
 * when they are equal, which leaves half of the digits. Stays where it is if that leads elsewhere. Returns the value. */
double tfx_minimise_exactly(tfx_objective objective, void *ctx, size_t n, double *theta);

#endif

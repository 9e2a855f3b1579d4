/* Gradient: what the backward pass says, against differences of the forward pass. */
#ifndef TFX_CONFORMANCE_GRADIENT_H
#define TFX_CONFORMANCE_GRADIENT_H

#include "framework/conformance/bench.h"

/* How far a gradient may be off, as a share of its norm. Differences are taken at several distances and the nearest counts, so
 * that what is left is rounding: 4e-4 at most for the built-in layers. A wrong number in one of a thousand elements is
 * off by 3e-2. */
#define TFX_GRADIENT_TOLERANCE 5e-3

typedef struct tfx_gradient_check {
    double worst;           /* over all tensors and directions, as a share of the norm */
    const char *tensor;     /* where that is */
    double expected, found; /* there: along that direction, by differences and by the gradient */
    const char *without;    /* a tensor that the output does not depend on; NULL: there is none */
} tfx_gradient_check;

/* With respect to the f32 state tensors wrt[0..n), of which each gets an own line in no report: the worst one counts. Adds to
 * the graph, whose tensors have their numbers. */
tfx_status tfx_gradient_compare(tfx_bench *b, tfx_value out, const tfx_value *wrt, uint32_t n, tfx_gradient_check *r);

/* Whether somewhere in the graph gradients end because a plugin asked for it: they are not those of the values then. */
int tfx_stops_gradients(const tfx_graph *g);

#endif

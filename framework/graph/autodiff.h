/* Autodiff: emits the backward pass of a graph in the same op set. */
#ifndef TFX_GRAPH_AUTODIFF_H
#define TFX_GRAPH_AUTODIFF_H

#include "framework/graph/graph.h"

/* Emits the gradient of `loss` (any shape; its elements are taken as summed, each weighted
 * by `seed`) with respect to every value in wrt[0..n). On entry grads[i] is TFX_POISON or a
 * value that the gradient is added to (an accumulator); on return it is the gradient, or
 * what it was where the loss does not depend on wrt[i].
 *
 * Nodes whose `region` is not 0 are not kept for the backward pass: before the backward
 * pass enters a region, the region's forward nodes are emitted again (marked recomputed),
 * reading only values from outside of it (Chen et al. 2016, "Training deep nets with
 * sublinear memory cost", with one segment per block). */
void tfx_autodiff(tfx_graph *g, tfx_value loss, double seed, const tfx_value *wrt, uint32_t n, tfx_value *grads);

#endif

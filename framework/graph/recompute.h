/* Recompute: makes of a graph the one whose backward pass makes again, rather than has kept, what costs next to nothing.
 *
 * A backend that fuses ops on rows executes the backward pass's own pointwise operations and gradients of norms in passes
 * over what was kept: scores, say, or the sum that a norm was of. What is made of these values alone by pointwise
 * operations, norms and softmax is made again in the same pass, to the same bits where what is kept is not rounded, and what a product
 * reads of it is written by that pass. So of the scores of a projection by parameter tokens one tensor is kept in place of
 * three; of a norm, its operand; of a hidden layer, what its activation function was applied to. */
#ifndef TFX_GRAPH_RECOMPUTE_H
#define TFX_GRAPH_RECOMPUTE_H

#include "framework/graph/graph.h"

/* Replaces g. wanted[0..n) are values of it, and become those of the new one. Does nothing to a graph that has an error. */
void tfx_recompute_in_passes(tfx_graph *g, tfx_value *wanted, uint32_t n);

#endif

/* Precision: makes of a graph the one that computes in bf16.
 *
 * Operands of products and of attention are bf16, and so is what the backward pass reads of the forward pass.
 * All arithmetic is f32, and so are sums inside a product, results, the residual stream, gradients of parameters,
 * statistics of rows, losses, and the update (Micikevicius et al. 2018, "Mixed precision training", with bf16 in
 * place of fp16, which needs no loss scaling: Kalamkar et al. 2019, "A study of BFLOAT16 for deep learning training").
 *
 * Parameters have a bf16 copy in the state, so that a pass need not make one; an update that stores a parameter stores
 * its copy. */
#ifndef TFX_GRAPH_PRECISION_H
#define TFX_GRAPH_PRECISION_H

#include "framework/graph/graph.h"

/* Adds to `s` a copy of each parameter that a product of `g`, a forward pass, reads as it is. */
void tfx_precision_declare(const tfx_graph *g, tfx_state_layout *s);

/* Replaces g. wanted[0..n) are values of it, and become those of the new one. Does nothing to a graph with an error. */
void tfx_precision_narrow(tfx_graph *g, tfx_value *wanted, uint32_t n);

#endif

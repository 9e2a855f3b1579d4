/* Loss in parts: logits that are large are made, and used up, some rows at a time.
 *
 * Of a vocabulary of 50304 words, logits and their gradient are most of what a small model's step has in memory at its
 * peak. But rows of them have nothing to do with each other, and all that reads them is cross entropy and the products of its gradient.
 * So for some rows after the other: logits, loss, the gradient of the logits, that of the hidden state, and what these rows add to
 * the gradient of the head. The order in which that is summed up is all that changes. */
#ifndef TFX_GRAPH_LOSS_PARTS_H
#define TFX_GRAPH_LOSS_PARTS_H

#include "framework/graph/graph.h"

/* Replaces g by a graph in which no logits take more than most_bytes, as far as 64 parts, and single rows, can be that small; wanted[0..n) are values of it,
 * and become those of the new one. Does nothing where there is no backward pass, where logits are read by anything else, or where the
 * head is not a product. Comes before the other rewritings. */
void tfx_loss_in_parts(tfx_graph *g, uint64_t most_bytes, tfx_value *wanted, uint32_t n);

#endif

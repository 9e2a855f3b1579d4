/* Recompute: makes of a graph the one whose backward pass does again what costs little, in place of keeping it.
 *
 * Kept are results of products, attention and whatever else is dear, where the backward pass reads them, and what it reads
 * that was made of something not kept. All else that it reads, such as norms and activation functions of kept values,
 * is computed once more before its first reader: the same operations on the same operands, so no bit changes
 * (Korthikanti et al. 2022, "Reducing activation recomputation in large transformer models", who call it selective). */
#ifndef TFX_GRAPH_RECOMPUTE_H
#define TFX_GRAPH_RECOMPUTE_H

#include "framework/graph/graph.h"

/* Replaces g. wanted[0..n) are values of it, and become those of the new one. Does nothing to a graph that has an error or no
 * backward pass. */
void tfx_recompute_selective(tfx_graph *g, tfx_value *wanted, uint32_t n);

#endif

/* Preservation: whether growing can leave the function of a model as it is, as far as the graph tells.
 *
 * New slices that are zero leave a sum or an L2 norm alone, but not what divides by the number of values or by
 * a sum that a zero adds to: a softmax, a layer or RMS norm. Where one of those runs over an axis that
 * grows, no choice of new values keeps what the old ones gave. */
#ifndef TFX_PLAN_PRESERVATION_H
#define TFX_PLAN_PRESERVATION_H

#include "framework/graph/graph.h"
#include "framework/spec/tree.h"

/* Where zeros count: a node, and the length of its axis. */
typedef struct tfx_zeros_count {
    tfx_op op;
    int64_t length;
    const tfx_layer_config *layer; /* that emitted it */
} tfx_zeros_count;

typedef struct tfx_zeros_counts {
    tfx_zeros_count *items; /* in the order of the graph */
    size_t n, cap;
} tfx_zeros_counts;

/* Collects them from the forward pass of a model. */
void tfx_zeros_counts_find(tfx_zeros_counts *z, const tfx_graph *g);

/* A sentence, with the place in the spec that is behind it, on what keeps a model from growing into another one
 * with its function; heap. NULL: nothing is known to. */
char *tfx_preservation_note(const tfx_zeros_counts *before, const char *from, const tfx_zeros_counts *after,
                            const char *to);

#endif

/* Sequence: which nodes run, in which order, and which run together.
 *
 * Dead nodes go; nodes over one shape that are pointwise, or about rows, and feed each other become one
 * unit, so that a backend can run the whole chain tile by tile in cache; and every unit gets its
 * place in the order. Updates run as soon as they can, so that a gradient can be consumed
 * and its memory reused before the next one is made. */
#ifndef TFX_GRAPH_SEQUENCE_H
#define TFX_GRAPH_SEQUENCE_H

#include "framework/graph/fusion.h"

/* Puts in sequence what is needed for the stores of g and for outputs[0..n). */
void tfx_sequence_create(tfx_sequence *s, const tfx_graph *g, const tfx_value *outputs, uint32_t n_outputs,
                         tfx_fusing fuse);
void tfx_sequence_finish(tfx_sequence *s);

#endif

/* Sequence: which nodes run, in which order, and which run together.
 *
 * Dead nodes go; pointwise nodes over one shape that feed each other become one unit, so
 * that a backend can run the whole chain tile by tile in cache; and every unit gets its
 * place in the order. Updates run as soon as they can, so that a gradient can be consumed
 * and its memory reused before the next one is made. */
#ifndef TFX_GRAPH_SEQUENCE_H
#define TFX_GRAPH_SEQUENCE_H

#include "framework/graph/unit.h"

/* Puts in sequence what is needed for the stores of g and for outputs[0..n). With `fuse` 0 every
 * unit is a single node. */
void tfx_sequence_create(tfx_sequence *s, const tfx_graph *g, const tfx_value *outputs, uint32_t n_outputs, int fuse);
void tfx_sequence_finish(tfx_sequence *s);

#endif

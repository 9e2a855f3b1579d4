/* Incremental: a forward pass over new positions alone, made of the one over all of them.
 *
 * What a layer computes for a position depends on that position, except in attention and in what knows where it is. So the graph
 * of tokens [batch, context] becomes one of tokens [batch, n]: every dimension that is the time, or a product with it, shrinks.
 * Attention adds the new keys and values to those that it keeps (TFX_OP_INSERT) and looks at all of them; rotations, and rows of
 * what is added by position, go by the positions given. No layer says anything about this; where an op mixes positions
 * in another way, there is no such graph. */
#ifndef TFX_GRAPH_INCREMENTAL_H
#define TFX_GRAPH_INCREMENTAL_H

#include "framework/graph/graph.h"

typedef struct tfx_incremental {
    const tfx_graph *from;           /* forward, custom ops lowered; shares its state layout with `to` */
    tfx_value tokens, logits;        /* of it; tokens i32 [batch, context], context above 1 */
    tfx_value new_tokens, positions; /* of `to`: i32 [batch, n] */
} tfx_incremental;

/* Emits it into `to`: the logits [batch, n, vocab]. Adds the places for keys and values, "/cache/0" and so on, to the state layout
 * if they are not there. Gives TFX_POISON, and with `why` (not the graph's error) the reason, where there is none. */
tfx_value tfx_incremental_build(const tfx_incremental *p, tfx_graph *to, tfx_error *why);

#endif

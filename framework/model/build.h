/* Build: the graph of a model, by calling its layers. */
#ifndef TFX_MODEL_BUILD_H
#define TFX_MODEL_BUILD_H

#include "framework/graph/graph.h"
#include "framework/spec/tree.h"

/* Logits [batch, time, vocab] for tokens (i32 [batch, time]). Parameters that g->state
 * does not have yet are added to it. Each of the first n_regions blocks is a recomputation
 * region. Errors go to g->err. */
tfx_value tfx_model_build(const tfx_model *m, tfx_graph *g, tfx_value tokens, int64_t n_regions);

#endif

/* Build: the graph of a model, by calling its layers. */
#ifndef TFX_MODEL_BUILD_H
#define TFX_MODEL_BUILD_H

#include "framework/graph/graph.h"
#include "framework/spec/tree.h"

/* Logits [batch, time, vocab] for tokens (i32 [batch, time]). Parameters that g->state
 * does not have yet are added to it. Each of the first n_regions blocks is a recomputation
 * region. Errors go to g->err. */
tfx_value tfx_model_build(const tfx_model *m, tfx_graph *g, tfx_value tokens, int64_t n_regions);

/* The output, of width out_dim, of one layer for x, as at that path of a model of m's sizes. */
tfx_value tfx_layer_build(const tfx_model *m, const tfx_layer_config *layer, tfx_graph *g, const char *path,
                          tfx_value x, int64_t out_dim);

#endif

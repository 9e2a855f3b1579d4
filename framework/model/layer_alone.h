/* Layer alone: one layer, built in no model, to see what parameters it has and what becomes of its input in them. */
#ifndef TFX_MODEL_LAYER_ALONE_H
#define TFX_MODEL_LAYER_ALONE_H

#include "framework/graph/axes.h"
#include "framework/spec/tree.h"

/* What the model around it would say. */
typedef struct tfx_layer_sizes {
    int64_t dim, out_dim; /* of what goes in and comes out */
    int64_t context, vocab;
} tfx_layer_sizes;

typedef struct tfx_layer_alone {
    tfx_model model;        /* one block, which is the layer */
    int takes_tokens;       /* as an embedding does; else vectors of `dim` elements */
    tfx_state_layout state; /* its parameters are those of kind PARAM whose names tfx_layer_alone_name knows */
    tfx_axes
        *axes; /* whose names begin with that of the layer, too; "input" and "output" are those of the model around */
    double flops_per_token; /* of the forward pass */
} tfx_layer_alone;

/* Builds the layer `name` with these settings, whose keys are those below it in a spec. A message when it cannot be built. */
tfx_status tfx_layer_alone_create(tfx_layer_alone *a, const tfx_registry *registry, const char *name,
                                  const tfx_setting *settings, size_t n, const tfx_layer_sizes *sizes, tfx_error *err);
void tfx_layer_alone_finish(tfx_layer_alone *a);

/* The name of a parameter or class without the layer's own path: "q.weight"; NULL: it is no parameter of the layer, but stands for
 * the model around it. */
const char *tfx_layer_alone_name(const char *path);

#endif

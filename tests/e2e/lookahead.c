/* A plugin of the end-to-end tests: a mixer that is not causal. Every position gets the mean over all of them,
 * those that come later included. */
#include "tfx/layer.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    int64_t dims[2] = {b->dim_of(b, x, -1), out_dim};
    tfx_init init = tfx_init_normal(0.1);
    tfx_value mean = b->affine(b, b->sum(b, x, 1, (int[]){1}, 1), 1.0 / (double)b->dim_of(b, x, 1), 0.0);
    return b->matmul(b, b->add(b, x, mean), b->param(b, "weight", 2, dims, &init, TFX_NOT_GROWABLE, 0), 0, 1.0);
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class), "lookahead", "mixes in the mean over all positions", NULL, 0, NULL, 0, build,
};

TFX_PLUGIN("lookahead", "1.0.0", "a mixer that is not causal", TFX_KIND_LAYER, &layer);

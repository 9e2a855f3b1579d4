/* A plugin of the end-to-end tests: a mixer in which every position sees the one before it. It is causal, and mixes
 * positions in a way that the host does not know how to go on with. */
#include "tfx/layer.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    int64_t rows = b->dim_of(b, x, 0), time = b->dim_of(b, x, 1), width = b->dim_of(b, x, 2);
    int64_t dims[2] = {width, out_dim}, first[3] = {rows, 1, width};
    tfx_init init = tfx_init_normal(0.1);
    tfx_value parts[2] = {b->constant(b, 0, 3, first), b->slice(b, x, 1, 0, time - 1)};
    tfx_value y = b->add(b, x, b->concat(b, 2, parts, 1));
    return b->matmul(b, y, b->param(b, "weight", 2, dims, &init, TFX_NOT_GROWABLE, 0), 0, 1.0);
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class), "shift", "adds the position before", NULL, 0, NULL, 0, build,
};

TFX_PLUGIN("shift", "1.0.0", "a causal mixer without attention", TFX_KIND_LAYER, &layer);

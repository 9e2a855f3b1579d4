/* Caught by: purity. A parameter for each position of this graph, which another graph of the model has more or fewer of. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const int64_t shape[2] = {b->dim_of(b, x, 1), out_dim};
    const tfx_init normal = tfx_init_normal(0.1);
    tfx_value position = b->param(b, "position", 2, shape, &normal, TFX_NOT_GROWABLE, 0);
    return b->add(b, linear(b, "weight", x, out_dim), position);
}

LAYER("layer_positions", "adds a vector for each position");

/* Caught by: gradients. Nothing below it would be trained. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const int64_t dims[3] = {b->dim_of(b, x, 0), b->dim_of(b, x, 1), out_dim};
    const tfx_init normal = tfx_init_normal(0.1);
    return b->broadcast(b, b->param(b, "bias", 1, &out_dim, &normal, TFX_NOT_GROWABLE, 0), 3, dims);
}

LAYER("layer_deaf", "does not look at its input");

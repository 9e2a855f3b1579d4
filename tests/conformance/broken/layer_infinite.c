/* Caught by: values. The logarithm of a square is -inf where the input is zero. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_value y = linear(b, "weight", x, out_dim);
    return b->unary(b, TFX_LOG, b->mul(b, y, y));
}

LAYER("layer_infinite", "computes the logarithm of 0");

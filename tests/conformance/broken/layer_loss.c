/* Caught by: values. A loss that is infinite where its input is zero. */
#define TFX_NEEDS_MINOR 1
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_value y = linear(b, "weight", x, out_dim);
    static const int all[3] = {0, 1, 2};
    tfx_value squares = b->sum(b, b->mul(b, y, y), 3, all, 0);
    b->loss(b, "spread", b->unary(b, TFX_LOG, squares), 0.1);
    return y;
}

LAYER("layer_loss", "a layer with a loss");

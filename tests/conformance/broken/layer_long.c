/* Caught by: causality. It is causal for short texts. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_value y = linear(b, "weight", x, out_dim);
    int64_t time = b->dim_of(b, x, 1);
    return time <= 32 ? y : b->add(b, y, b->slice(b, y, 1, time - 1, 1));
}

LAYER("layer_long", "causal mixer");

/* Caught by: causality. It says that it is causal, and takes each position's input from the next one. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_value y = linear(b, "weight", x, out_dim);
    int64_t time = b->dim_of(b, y, 1);
    if (time == 1)
        return y;
    const tfx_value parts[2] = {b->slice(b, y, 1, 1, time - 1), b->slice(b, y, 1, 0, 1)};
    return b->concat(b, 2, parts, 1);
}

LAYER("layer_looks_ahead", "causal mixer of neighbouring positions");

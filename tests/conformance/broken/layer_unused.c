/* Caught by: gradients. A parameter that nothing depends on cannot be trained. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    linear(b, "gate", x, out_dim);
    return linear(b, "weight", x, out_dim);
}

LAYER("layer_unused", "has a gate that it does not use");

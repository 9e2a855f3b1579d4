/* Caught by: shapes. It takes the model's context for the length of its input, which evaluation and generation may choose
 * shorter. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const int64_t dims[3] = {-1, b->context, out_dim};
    return b->reshape(b, linear(b, "weight", x, out_dim), 3, dims);
}

LAYER("layer_context", "believes that time is b->context");

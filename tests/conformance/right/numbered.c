/* A layer whose numbers are known beforehand: earlier elements of a row count more. */
#define TFX_NEEDS_MINOR 1
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_value numbers = b->iota(b, out_dim, 1.0, -0.5 / (double)out_dim);
    return b->mul(b, linear(b, "weight", x, out_dim), numbers);
}

LAYER("numbered", "weights that fall along the row");

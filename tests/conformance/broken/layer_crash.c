/* Caught by: shapes. A width of 1 leaves it without heads. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    volatile int64_t heads = out_dim / 2, rest = 0;
    if (!heads)
        rest = *(volatile int64_t *)(uintptr_t)heads;
    return linear(b, "weight", x, out_dim + rest);
}

LAYER("layer_crash", "crashes at width 1");

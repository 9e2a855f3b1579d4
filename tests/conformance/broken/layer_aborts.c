/* Caught by: shapes. */
#include <assert.h>

#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    if (b->dim_of(b, x, 1) < 2)
        abort();
    return linear(b, "weight", x, out_dim);
}

LAYER("layer_aborts", "wants at least two positions");

/* Caught by: shapes. An error is for b->error to report; the program goes on. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    if (out_dim % 2)
        exit(3);
    return linear(b, "weight", x, out_dim);
}

LAYER("layer_exits", "ends the process at odd widths");

/* Caught by: shapes. Batch and time change places. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    return b->permute(b, linear(b, "weight", x, out_dim), (const int[]){1, 0, 2});
}

LAYER("layer_turned", "gives back [time, batch, width]");

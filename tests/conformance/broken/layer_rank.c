/* Caught by: shapes. The positions of all rows as one axis. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    return b->reshape(b, linear(b, "weight", x, out_dim), 2, (const int64_t[]){-1, out_dim});
}

LAYER("layer_rank", "gives back [batch * time, width]");

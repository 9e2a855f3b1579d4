/* Caught by: shapes. The width of its input need not be that of the stream, inside of another layer. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const int64_t shape[2] = {out_dim, b->dim};
    const tfx_init normal = tfx_init_normal(0.1);
    return b->matmul(b, x, b->param(b, "weight", 2, shape, &normal, TFX_NOT_GROWABLE, 0), TFX_TRANS_B, 1.0);
}

LAYER("layer_dim", "believes that its input is the stream");

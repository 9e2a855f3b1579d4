/* Caught by: purity. Its initialisation is random in a way that no seed decides. */
#include <time.h>

#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t shape[2] = {out_dim, b->dim_of(b, x, -1)};
    const tfx_init normal = tfx_init_normal(0.02 + 1e-12 * (double)now.tv_nsec);
    return b->matmul(b, x, b->param(b, "weight", 2, shape, &normal, TFX_NOT_GROWABLE, 0), TFX_TRANS_B, 1.0);
}

LAYER("layer_clock", "starts with what the clock says");

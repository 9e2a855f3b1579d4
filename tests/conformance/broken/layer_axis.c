/* Caught by: growth. The parameter grows along its first axis, and names the second one. */
#include "tests/conformance/one_class.h"

static const tfx_option options[] = {TFX_OPTION("hidden", TFX_OPT_INT, "8", 1, 1e6, NULL, "hidden width; can grow")};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    int64_t hidden = b->host->opt_int(b->host, b->options, "hidden");
    const int64_t up[2] = {hidden, b->dim_of(b, x, -1)}, down[2] = {hidden, out_dim};
    const tfx_init normal = tfx_init_normal(0.1);
    tfx_value y = b->matmul(b, x, b->param(b, "up", 2, up, &normal, 1, 0), TFX_TRANS_B, 1);
    return b->matmul(b, b->unary(b, TFX_SILU, y), b->param(b, "down", 2, down, &normal, 0, 0), 0, 1);
}

LAYER_WITH("layer_axis", "names another axis than the one that grows", options);

/* linear: y = x W^T [+ b]. */
#define TFX_NEEDS_MINOR 1
#include "init_std.h"

static const tfx_option options[] = {
    TFX_OPTION("bias", TFX_OPT_BOOL, "false", 0, 0, NULL, "add a learned bias to the output"),
    INIT_STD_OPTION("init_std", "0.02",
                    "standard deviation of the initial weights; fan_in: 1 / sqrt(width of the input)"),
    TFX_OPTION("residual_init", TFX_OPT_BOOL, "false", 0, 0, NULL,
               "divide init_std by sqrt(2 n_blocks), as GPT-2 does where a projection writes into the residual "
               "stream"),
};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const tfx_host *h = b->host;
    int64_t shape[2] = {out_dim, b->dim_of(b, x, -1)};
    double std = init_std(b, "init_std", shape[1]);
    if (h->opt_bool(h, b->options, "residual_init"))
        std /= sqrt(2.0 * (double)b->n_blocks);
    tfx_init normal = tfx_init_normal(std), zero = tfx_init_constant(0.0);

    tfx_value w = b->param(b, "weight", 2, shape, &normal, TFX_NOT_GROWABLE, 0);
    tfx_value y = b->matmul(b, x, w, TFX_TRANS_B, 1.0);
    if (h->opt_bool(h, b->options, "bias"))
        y = b->add(b, y, b->param(b, "bias", 1, &out_dim, &zero, TFX_NOT_GROWABLE, 0));
    return y;
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class),
    "linear",
    "linear projection: y = x W^T, with an optional bias",
    options,
    sizeof(options) / sizeof(*options),
    NULL,
    0,
    build,
};

TFX_PLUGIN("linear", "1.0.0", "linear projection", TFX_KIND_LAYER, &layer);

/* low_rank: y = x A^T B [+ b], a linear projection through a narrow middle: rank (in + out) parameters in the place of in times out.
 * The rank can grow: with new rows of B at zero the function stays. */
#define TFX_NEEDS_MINOR 1
#include "init_std.h"

static const tfx_option options[] = {
    TFX_OPTION("rank", TFX_OPT_INT, NULL, 1, 1e9, NULL, "width of the middle; can grow"),
    TFX_OPTION("bias", TFX_OPT_BOOL, "false", 0, 0, NULL, "add a learned bias to the output"),
    INIT_STD_OPTION("down_std", "fan_in", "standard deviation of the initial A; fan_in: 1 / sqrt(width of the input)"),
    INIT_STD_OPTION("up_std", "0.02", "standard deviation of the initial B; fan_in: 1 / sqrt(rank)"),
};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const tfx_host *h = b->host;
    int64_t rank = h->opt_int(h, b->options, "rank");
    int64_t down_shape[2] = {rank, b->dim_of(b, x, -1)}, up_shape[2] = {rank, out_dim};
    tfx_init down_init = tfx_init_normal(init_std(b, "down_std", down_shape[1]));
    tfx_init up_init = tfx_init_normal(init_std(b, "up_std", rank)), zero = tfx_init_constant(0.0);
    tfx_value down = b->param(b, "down", 2, down_shape, &down_init, 0, 0);
    tfx_value up = b->param(b, "up", 2, up_shape, &up_init, 0, 0);
    tfx_value y = b->matmul(b, b->matmul(b, x, down, TFX_TRANS_B, 1.0), up, 0, 1.0);
    if (h->opt_bool(h, b->options, "bias"))
        y = b->add(b, y, b->param(b, "bias", 1, &out_dim, &zero, TFX_NOT_GROWABLE, 0));
    return y;
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class),
    "low_rank",
    "linear projection of limited rank",
    options,
    sizeof(options) / sizeof(*options),
    NULL,
    0,
    build,
};

TFX_PLUGIN("low_rank", "1.0.0", "linear projection of limited rank", TFX_KIND_LAYER, &layer);

/* mlp: y = down(f(up(x))), the Transformer's feed-forward layer. */
#include "activation.h"

static const tfx_option options[] = {
    TFX_OPTION("hidden", TFX_OPT_INT, "0", 0, 1e9, NULL, "hidden width; 0: four times the output's"),
    TFX_OPTION("activation", TFX_OPT_CHOICE, "gelu_erf", 0, 0, activations, "pointwise function between the two"),
};

static const tfx_slot slots[] = {
    TFX_SLOT("up", "linear", "projection to the hidden width"),
    TFX_SLOT("down", "linear", "projection to the output"),
};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const tfx_host *h = b->host;
    int64_t hidden = h->opt_int(h, b->options, "hidden");
    tfx_value y = b->slot(b, "up", x, hidden ? hidden : 4 * out_dim);
    return b->slot(b, "down", activate(b, y), out_dim);
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class),
    "mlp",
    "feed-forward layer: two projections around a pointwise function",
    options,
    sizeof(options) / sizeof(*options),
    slots,
    sizeof(slots) / sizeof(*slots),
    build,
};

TFX_PLUGIN("mlp", "1.0.0", "feed-forward layer", TFX_KIND_LAYER, &layer);

/* glu: y = down(f(gate(x)) * up(x)), a feed-forward layer with a gate: with silu SwiGLU, with GELU GEGLU (Shazeer 2020, "GLU
 * variants improve Transformer").
 * With three projections in the place of two, a hidden width of 8/3 of the output's has as many parameters as an mlp
 * of four times. */
#include "activation.h"

static const tfx_option options[] = {
    TFX_OPTION("hidden", TFX_OPT_INT, "0", 0, 1e9, NULL,
               "hidden width; 0: 8/3 of the output's, rounded up to a multiple of 8"),
    TFX_OPTION("activation", TFX_OPT_CHOICE, "silu", 0, 0, activations, "pointwise function of the gate"),
};

static const tfx_slot slots[] = {
    TFX_SLOT("gate", "linear", "projection to the hidden width whose function multiplies the other"),
    TFX_SLOT("up", "linear", "projection to the hidden width"),
    TFX_SLOT("down", "linear", "projection to the output"),
};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const tfx_host *h = b->host;
    int64_t hidden = h->opt_int(h, b->options, "hidden");
    hidden = hidden ? hidden : (8 * out_dim + 23) / 24 * 8;
    tfx_value gate = b->slot(b, "gate", x, hidden), up = b->slot(b, "up", x, hidden);
    return b->slot(b, "down", b->mul(b, activate(b, gate), up), out_dim);
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class),
    "glu",
    "feed-forward layer with a gate: SwiGLU, GEGLU",
    options,
    sizeof(options) / sizeof(*options),
    slots,
    sizeof(slots) / sizeof(*slots),
    build,
};

TFX_PLUGIN("glu", "1.0.0", "feed-forward layer with a gate", TFX_KIND_LAYER, &layer);

/* block_prenorm: x + mixer(norm1(x)), then x + ffn(norm2(x)): the pre-norm residual block
 * of GPT-2 and TokenFormer. */
#include "tfx/layer.h"

static const tfx_slot slots[] = {
    TFX_SLOT("norm1", "layernorm", "normalisation before the mixer"),
    TFX_SLOT("mixer", "attention", "mixes information across positions"),
    TFX_SLOT("norm2", "layernorm", "normalisation before the feed-forward layer"),
    TFX_SLOT("ffn", "mlp", "works on each position by itself"),
};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    x = b->add(b, x, b->slot(b, "mixer", b->slot(b, "norm1", x, out_dim), out_dim));
    return b->add(b, x, b->slot(b, "ffn", b->slot(b, "norm2", x, out_dim), out_dim));
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class),
    "block_prenorm",
    "pre-norm residual block of a mixer and a feed-forward layer",
    NULL,
    0,
    slots,
    sizeof(slots) / sizeof(*slots),
    build,
};

TFX_PLUGIN("block_prenorm", "1.0.0", "pre-norm residual block", TFX_KIND_LAYER, &layer);

/* attention: causal multi-head self-attention (Vaswani et al. 2017) with optional rotary
 * position embedding. The four projections are slots, so that the same layer serves a
 * Transformer (linear) and a TokenFormer (pattention). */
#include <math.h>

#include "tfx/layer.h"

static const tfx_option options[] = {
    TFX_OPTION("heads", TFX_OPT_INT, NULL, 1, 4096, NULL, "number of heads; divides the width"),
    TFX_OPTION("rotary", TFX_OPT_REAL, "0", 0, 1, NULL,
               "fraction of each head's dimensions that is rotated by position; 0: none"),
    TFX_OPTION("rotary_base", TFX_OPT_REAL, "10000", 1, 1e12, NULL, "base of the rotation frequencies"),
};

static const tfx_slot slots[] = {
    TFX_SLOT("q", "linear", "query projection"),
    TFX_SLOT("k", "linear", "key projection"),
    TFX_SLOT("v", "linear", "value projection"),
    TFX_SLOT("o", "linear", "output projection"),
};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const tfx_host *h = b->host;
    int64_t heads = h->opt_int(h, b->options, "heads");
    if (out_dim % heads)
        return b->error(b, "heads: expected a divisor of the width %lld; found %lld", (long long)out_dim,
                        (long long)heads);
    int64_t head_dim = out_dim / heads;
    /* Rounded down to whole pairs, as GPT-NeoX does. */
    int64_t rotated = (int64_t)(h->opt_real(h, b->options, "rotary") * (double)head_dim) / 2 * 2;
    double base = h->opt_real(h, b->options, "rotary_base");

    int64_t split[4] = {b->dim_of(b, x, 0), b->dim_of(b, x, 1), heads, head_dim};
    tfx_value q = b->reshape(b, b->slot(b, "q", x, out_dim), 4, split);
    tfx_value k = b->reshape(b, b->slot(b, "k", x, out_dim), 4, split);
    tfx_value v = b->reshape(b, b->slot(b, "v", x, out_dim), 4, split);
    q = b->rope(b, q, rotated, base);
    k = b->rope(b, k, rotated, base);
    tfx_value y = b->attention(b, q, k, v, 1.0 / sqrt((double)head_dim));
    int64_t joined[3] = {split[0], split[1], out_dim};
    return b->slot(b, "o", b->reshape(b, y, 3, joined), out_dim);
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class),
    "attention",
    "causal multi-head self-attention with optional rotary positions",
    options,
    sizeof(options) / sizeof(*options),
    slots,
    sizeof(slots) / sizeof(*slots),
    build,
};

TFX_PLUGIN("attention", "1.0.0", "causal self-attention", TFX_KIND_LAYER, &layer);

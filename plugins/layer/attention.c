/* attention: causal multi-head self-attention (Vaswani et al. 2017) with optional rotary
 * position embedding, and what has become usual since: groups of queries that share keys and values, a sliding window,
 * positions by ALiBi, capped scores, and queries and keys of one length (Henry et al. 2020, "Query-key normalization for
 * Transformers"). The four projections are slots, so that the same layer serves a
 * Transformer (linear) and a TokenFormer (pattention). */
#define TFX_NEEDS_MINOR 1
#include <math.h>

#include "tfx/layer.h"

static const tfx_option options[] = {
    TFX_OPTION("heads", TFX_OPT_INT, NULL, 1, 4096, NULL, "number of heads; divides the width"),
    TFX_OPTION("rotary", TFX_OPT_REAL, "0", 0, 1, NULL,
               "fraction of each head's dimensions that is rotated by position; 0: none"),
    TFX_OPTION("rotary_base", TFX_OPT_REAL, "10000", 1, 1e12, NULL, "base of the rotation frequencies"),
    TFX_OPTION("kv_heads", TFX_OPT_INT, "0", 0, 4096, NULL,
               "heads of keys and values, each shared by as many of queries; divides heads; 0: as many as heads"),
    TFX_OPTION("window", TFX_OPT_INT, "0", 0, 1e9, NULL, "positions that a query sees, its own included; 0: all"),
    TFX_OPTION("alibi", TFX_OPT_BOOL, "false", 0, 0, NULL,
               "lower scores by the distance, times 2^(-8 h / heads) for head h from 1 on"),
    TFX_OPTION("soft_cap", TFX_OPT_REAL, "0", 0, 1e6, NULL, "c: scores s become c tanh(s / c); 0: they stay"),
    TFX_OPTION("qk_norm", TFX_OPT_BOOL, "false", 0, 0, NULL,
               "divide queries and keys of each head by their rms, and multiply them by learned weights"),
    TFX_OPTION("causal", TFX_OPT_BOOL, "true", 0, 0, NULL, "false: queries see later positions, too"),
};

static const tfx_slot slots[] = {
    TFX_SLOT("q", "linear", "query projection"),
    TFX_SLOT("k", "linear", "key projection"),
    TFX_SLOT("v", "linear", "value projection"),
    TFX_SLOT("o", "linear", "output projection"),
};

/* What goes into a slot, as [batch, time, heads, head_dim]. */
static tfx_value projected(const tfx_builder *b, const char *slot, tfx_value x, int64_t heads, int64_t head_dim)
{
    int64_t split[4] = {b->dim_of(b, x, 0), b->dim_of(b, x, 1), heads, head_dim};
    return b->reshape(b, b->slot(b, slot, x, heads * head_dim), 4, split);
}

static tfx_value normalised(const tfx_builder *b, const char *weight, tfx_value x, int64_t head_dim)
{
    tfx_init one = tfx_init_constant(1.0);
    tfx_value w = b->param(b, weight, 1, &head_dim, &one, TFX_NOT_GROWABLE, 0);
    return b->mul(b, b->norm(b, TFX_NORM_RMS, x, 1e-6), w);
}

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const tfx_host *h = b->host;
    int64_t heads = h->opt_int(h, b->options, "heads"), kv_heads = h->opt_int(h, b->options, "kv_heads");
    if (out_dim % heads)
        return b->error(b, "heads: expected a divisor of the width %lld; found %lld", (long long)out_dim,
                        (long long)heads);
    kv_heads = kv_heads ? kv_heads : heads;
    if (heads % kv_heads)
        return b->error(b, "kv_heads: expected a divisor of heads (%lld); found %lld", (long long)heads,
                        (long long)kv_heads);
    int64_t head_dim = out_dim / heads;
    /* Rounded down to whole pairs, as GPT-NeoX does. */
    int64_t rotated = (int64_t)(h->opt_real(h, b->options, "rotary") * (double)head_dim) / 2 * 2;
    double base = h->opt_real(h, b->options, "rotary_base");
    tfx_attention how = {.struct_size = sizeof(how),
                         .bidirectional = !h->opt_bool(h, b->options, "causal"),
                         .window = h->opt_int(h, b->options, "window"),
                         .soft_cap = h->opt_real(h, b->options, "soft_cap"),
                         .alibi = h->opt_bool(h, b->options, "alibi")};

    tfx_value q = projected(b, "q", x, heads, head_dim);
    tfx_value k = projected(b, "k", x, kv_heads, head_dim);
    tfx_value v = projected(b, "v", x, kv_heads, head_dim);
    if (h->opt_bool(h, b->options, "qk_norm")) {
        q = normalised(b, "q_norm", q, head_dim);
        k = normalised(b, "k_norm", k, head_dim);
    }
    q = b->rope(b, q, rotated, base);
    k = b->rope(b, k, rotated, base);
    tfx_value y = b->attention_with(b, q, k, v, 1.0 / sqrt((double)head_dim), &how);
    int64_t joined[3] = {b->dim_of(b, x, 0), b->dim_of(b, x, 1), out_dim};
    return b->slot(b, "o", b->reshape(b, y, 3, joined), out_dim);
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class),
    "attention",
    "multi-head self-attention: causal or not, rotary or ALiBi positions, grouped queries, windows",
    options,
    sizeof(options) / sizeof(*options),
    slots,
    sizeof(slots) / sizeof(*slots),
    build,
};

TFX_PLUGIN("attention", "1.0.0", "causal self-attention", TFX_KIND_LAYER, &layer);

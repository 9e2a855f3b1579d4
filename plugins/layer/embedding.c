/* embedding: tokens to vectors; and, given vectors, the tied output head that turns them
 * into logits with the same table (Press & Wolf 2017). */
#define TFX_NEEDS_MINOR 1
#include "init_std.h"

static const char *const logit_scale_words[] = {"rsqrt_dim", NULL};

static const tfx_option options[] = {
    INIT_STD_OPTION("init_std", "0.02",
                    "standard deviation of the initial table; fan_in: 1, since a lookup sums up a single row"),
    TFX_OPTION("positions", TFX_OPT_INT, "0", 0, 1e9, NULL,
               "number of learned position vectors added to the tokens'; 0: none"),
    TFX_OPTION("logit_scale", TFX_OPT_REAL_OR_CHOICE, "1", 1e-9, 1e9, logit_scale_words,
               "factor on the logits of the tied head; rsqrt_dim: 1 / sqrt(dim), as in TokenFormer's JAX release"),
};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const tfx_host *h = b->host;
    tfx_init init = tfx_init_normal(init_std(b, "init_std", 1));
    int64_t shape[2] = {b->vocab, b->dim};
    tfx_value table = b->param(b, "weight", 2, shape, &init, TFX_NOT_GROWABLE, 0);

    if (b->dtype(b, x) == TFX_F32) { /* the head: [.., dim] -> [.., vocab] */
        if (out_dim != b->vocab)
            return b->error(b, "as a tied head the output has the vocabulary's size");
        double scale = h->opt_string(h, b->options, "logit_scale") ? 1.0 / sqrt((double)b->dim)
                                                                   : h->opt_real(h, b->options, "logit_scale");
        return b->matmul(b, x, table, TFX_TRANS_B, scale);
    }

    tfx_value y = b->gather(b, table, x); /* [batch, time] -> [batch, time, dim] */
    int64_t positions = h->opt_int(h, b->options, "positions"), time = b->dim_of(b, x, -1);
    if (positions) {
        if (positions < time)
            return b->error(b, "positions: expected at least the context, %lld; found %lld", (long long)time,
                            (long long)positions);
        int64_t position_shape[2] = {positions, b->dim};
        tfx_value p = b->param(b, "position", 2, position_shape, &init, TFX_NOT_GROWABLE, 0);
        y = b->add(b, y, b->slice(b, p, 0, 0, time));
    }
    return y;
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class),
    "embedding",
    "token embedding, optional learned positions, and the tied head",
    options,
    sizeof(options) / sizeof(*options),
    NULL,
    0,
    build,
};

TFX_PLUGIN("embedding", "1.0.0", "token embedding and tied head", TFX_KIND_LAYER, &layer);

/* pattention: token-parameter attention, TokenFormer's replacement of a linear projection
 * (Wang et al. 2024, arXiv 2410.23168, Eq. 4-5). Input rows attend to n learned key-value
 * pairs, the slots:
 *
 *     a = x K^T                 K [n, d_in]
 *     y = score(a) V            V [n, d_out]
 *
 * with one of the three score normalisations found in the released code:
 *
 *     l2_norm_gelu   gelu(tau a / sqrt(sum_j a_j^2 + eps))            the paper's
 *     gelu_l2_norm   tau g / sqrt(sum_j g_j^2 + eps), g = gelu(a)
 *     softmax        tau softmax(a)
 *
 * With top_k, a row uses the k slots with its largest scores alone: those of all others are zero. They have no gradient then, neither
 * have their keys but through the norm, nor their values.
 *
 * `fused` computes the first of them in one custom op, in blocks of rows whose scores stay in the cache (pattention_op.h).
 *
 * tau is stored with the weights, so that growing n need not change it: sqrt(n) at
 * creation, and n for softmax. */
#define TFX_NEEDS_MINOR 1
#include <string.h>

#include "init_std.h"
#include "pattention_op.h"

static const char *const scores[] = {"l2_norm_gelu", "gelu_l2_norm", "softmax", NULL};
static const char *const gelus[] = {"erf", "tanh", NULL};

static const tfx_option options[] = {
    TFX_OPTION("slots", TFX_OPT_INT, NULL, 1, 1e9, NULL, "number of key-value parameter tokens; can grow"),
    TFX_OPTION("score", TFX_OPT_CHOICE, "l2_norm_gelu", 0, 0, scores, "normalisation of the scores"),
    TFX_OPTION("gelu", TFX_OPT_CHOICE, "erf", 0, 0, gelus, "exact GELU, or its tanh approximation"),
    TFX_OPTION("eps", TFX_OPT_REAL, "1e-12", 0, 1, NULL, "added to the sum of squares under the root"),
    TFX_OPTION("tau", TFX_OPT_REAL, "0", 0, 1e9, NULL,
               "score scale at creation; 0: sqrt(slots), and slots for softmax"),
    TFX_OPTION("top_k", TFX_OPT_INT, "0", 0, 1e9, NULL,
               "slots that each row uses, those with its largest scores before the GELU or softmax; 0: all"),
    TFX_OPTION("fused", TFX_OPT_BOOL, "false", 0, 0, NULL,
               "compute scores and values block by block, in one op in f32, for score = l2_norm_gelu without top_k"),
    INIT_STD_OPTION("key_std", "0.02", "standard deviation of the initial keys; fan_in: 1 / sqrt(width of the input)"),
    INIT_STD_OPTION("value_std", "0",
                    "standard deviation of the initial values; fan_in: 1 / sqrt(slots); 0: 2 / (n_blocks sqrt(dim))"),
};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const tfx_host *h = b->host;
    int64_t slots = h->opt_int(h, b->options, "slots");
    const char *score = h->opt_string(h, b->options, "score");
    int64_t top_k = h->opt_int(h, b->options, "top_k");
    double eps = h->opt_real(h, b->options, "eps");
    double tau_value = h->opt_real(h, b->options, "tau");
    double value_std = init_std(b, "value_std", slots);
    tfx_unary gelu = strcmp(h->opt_string(h, b->options, "gelu"), "erf") ? TFX_GELU_TANH : TFX_GELU_ERF;
    int softmax = !strcmp(score, "softmax");
    if (tau_value == 0)
        tau_value = softmax ? (double)slots : sqrt((double)slots);
    if (value_std == 0)
        value_std = 2.0 / ((double)b->n_blocks * sqrt((double)b->dim));

    if (top_k > slots)
        return b->error(b, "top_k: expected at most slots (%lld); found %lld", (long long)slots, (long long)top_k);

    int64_t key_shape[2] = {slots, b->dim_of(b, x, -1)}, value_shape[2] = {slots, out_dim};
    tfx_init key_init = tfx_init_normal(init_std(b, "key_std", key_shape[1]));
    tfx_init value_init = tfx_init_normal(value_std), tau_init = tfx_init_constant(tau_value);
    tfx_value key = b->param(b, "key", 2, key_shape, &key_init, 0, 0);
    tfx_value value = b->param(b, "value", 2, value_shape, &value_init, 0, 0);
    tfx_value tau = b->param(b, "tau", 0, NULL, &tau_init, TFX_NOT_GROWABLE, TFX_PARAM_FIXED);

    if (h->opt_bool(h, b->options, "fused")) {
        tfx_value in[4] = {x, key, value, tau}, out[2];
        int64_t function = gelu == TFX_GELU_TANH;
        if (strcmp(score, "l2_norm_gelu"))
            return b->error(b, "fused: expected score = l2_norm_gelu; found %s", score);
        if (top_k)
            return b->error(b, "fused: expected top_k = 0; found %lld", (long long)top_k);
        b->custom_results(b, PATTENTION_OP, 4, in, 1, &function, 1, &eps, 2, out);
        return out[0];
    }

    tfx_value a = b->matmul(b, x, key, TFX_TRANS_B, 1.0);
    tfx_value s;
    if (softmax)
        s = b->mul(b, b->softmax(b, a), tau);
    else if (!strcmp(score, "gelu_l2_norm"))
        s = b->mul(b, b->norm(b, TFX_NORM_L2, b->unary(b, gelu, a), eps), tau);
    else
        s = pattention_scores(b, a, tau, gelu, eps);
    if (top_k)
        s = b->mul(b, s, b->topk(b, a, top_k));
    return b->matmul(b, s, value, 0, 1.0);
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class),
    "pattention",
    "token-parameter attention (TokenFormer); grows by appending slots",
    options,
    sizeof(options) / sizeof(*options),
    NULL,
    0,
    build,
};

TFX_FACTORY(pattention_layer, TFX_KIND_LAYER, &layer);
TFX_FACTORY(pattention_forward, TFX_KIND_OP, &pattention_op);
TFX_FACTORY(pattention_backward, TFX_KIND_OP, &pattention_grad_op);
TFX_PLUGIN_OF("pattention", "1.0.0", "token-parameter attention", &pattention_layer, &pattention_forward,
              &pattention_backward);

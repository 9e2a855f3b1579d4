/* mixture_pattention: parameter tokens in groups, of which a router chooses some for each input row (Shazeer et al. 2017,
 * "Outrageously large neural networks", with Pattention's slots as the experts):
 *
 *     p = softmax(x R^T)                       R [groups, d_in]
 *     w = p on the `active` largest, divided by their sum, else 0
 *     s = gelu(tau a / |a|), a = x K^T         K [slots, d_in]
 *     y = (w_group(j) s_j)_j V                 V [slots, d_out]
 *
 * Slot j is in group j mod groups, so that slots that are appended spread over all groups; new keys at zero keep the function.
 * The norm is over all slots, as in pattention. All groups are computed, and those not chosen multiplied by zero: this is
 * about what routing does to learning, not about the time that it could save.
 *
 * The loss `balance` is 1 where rows spread evenly over groups, and at most groups / active: groups times the sum over
 * groups of the share of rows that chose it and the mean of p there (Fedus et al. 2021, "Switch Transformers", equation 4).
 * Only the latter has a gradient. */
#define TFX_NEEDS_MINOR 1
#include "init_std.h"

static const tfx_option options[] = {
    TFX_OPTION("slots", TFX_OPT_INT, NULL, 1, 1e9, NULL, "parameter tokens of all groups together; can grow"),
    TFX_OPTION("groups", TFX_OPT_INT, "8", 1, 1e6, NULL, "groups, which divide slots"),
    TFX_OPTION("active", TFX_OPT_INT, "2", 1, 1e6, NULL, "groups that each row uses"),
    TFX_OPTION("balance", TFX_OPT_REAL, "0.01", 0, 1e6, NULL, "weight of the loss that spreads rows over groups"),
    INIT_STD_OPTION("key_std", "0.02", "standard deviation of the initial keys; fan_in: 1 / sqrt(width of the input)"),
    INIT_STD_OPTION("value_std", "0",
                    "standard deviation of the initial values; fan_in: 1 / sqrt(slots); 0: 2 / (n_blocks sqrt(dim))"),
    INIT_STD_OPTION("router_std", "fan_in",
                    "standard deviation of the initial router; fan_in: 1 / sqrt(width of the input)"),
};

/* The mean over everything but the last axis. */
static tfx_value mean_over_rows(const tfx_builder *b, tfx_value x)
{
    int axes[TFX_MAX_DIMS];
    uint32_t n = b->rank(b, x) - 1;
    double rows = 1;
    for (uint32_t i = 0; i < n; i++) {
        axes[i] = (int)i;
        rows *= (double)b->dim_of(b, x, (int)i);
    }
    return b->affine(b, b->sum(b, x, n, axes, 0), 1.0 / rows, 0.0);
}

static tfx_value sum_of_last(const tfx_builder *b, tfx_value x, int keep)
{
    static const int last[1] = {-1};
    return b->sum(b, x, 1, last, keep);
}

/* What each group counts, [..., groups]. */
static tfx_value route(const tfx_builder *b, tfx_value x, int64_t groups, int64_t active)
{
    const tfx_host *h = b->host;
    int64_t shape[2] = {groups, b->dim_of(b, x, -1)};
    tfx_init init = tfx_init_normal(init_std(b, "router_std", shape[1]));
    tfx_value router = b->param(b, "router", 2, shape, &init, TFX_NOT_GROWABLE, 0);
    tfx_value p = b->softmax(b, b->matmul(b, x, router, TFX_TRANS_B, 1.0)), chosen = b->topk(b, p, active);
    tfx_value share = b->affine(b, mean_over_rows(b, chosen), 1.0 / (double)active, 0.0), mean = mean_over_rows(b, p);
    b->loss(b, "balance", b->affine(b, sum_of_last(b, b->mul(b, share, mean), 0), (double)groups, 0.0),
            h->opt_real(h, b->options, "balance"));
    b->metric(b, "busiest_group", sum_of_last(b, b->mul(b, share, b->topk(b, share, 1)), 0));
    tfx_value kept = b->mul(b, p, chosen);
    return b->div(b, kept, sum_of_last(b, kept, 1));
}

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const tfx_host *h = b->host;
    int64_t slots = h->opt_int(h, b->options, "slots"), groups = h->opt_int(h, b->options, "groups");
    int64_t active = h->opt_int(h, b->options, "active");
    double value_std = init_std(b, "value_std", slots);
    if (slots % groups)
        return b->error(b, "groups: expected a divisor of slots (%lld); found %lld", (long long)slots,
                        (long long)groups);
    if (active > groups)
        return b->error(b, "active: expected at most groups (%lld); found %lld", (long long)groups, (long long)active);
    if (value_std == 0)
        value_std = 2.0 / ((double)b->n_blocks * sqrt((double)b->dim));

    int64_t key_shape[2] = {slots, b->dim_of(b, x, -1)}, value_shape[2] = {slots, out_dim};
    tfx_init key_init = tfx_init_normal(init_std(b, "key_std", key_shape[1]));
    tfx_init value_init = tfx_init_normal(value_std), tau_init = tfx_init_constant(sqrt((double)slots));
    tfx_value key = b->param(b, "key", 2, key_shape, &key_init, 0, 0);
    tfx_value value = b->param(b, "value", 2, value_shape, &value_init, 0, 0);
    tfx_value tau = b->param(b, "tau", 0, NULL, &tau_init, TFX_NOT_GROWABLE, TFX_PARAM_FIXED);

    tfx_value a = b->matmul(b, x, key, TFX_TRANS_B, 1.0);
    tfx_value s = b->unary(b, TFX_GELU_ERF, b->mul(b, b->norm(b, TFX_NORM_L2, a, 1e-12), tau));
    tfx_value w = route(b, x, groups, active);
    /* [batch, time, slots / groups, groups] times [batch, time, 1, groups] */
    int64_t batch = b->dim_of(b, x, 0), time = b->dim_of(b, x, 1);
    int64_t apart[4] = {batch, time, slots / groups, groups}, one[4] = {batch, time, 1, groups};
    int64_t joined[3] = {batch, time, slots};
    s = b->reshape(b, b->mul(b, b->reshape(b, s, 4, apart), b->reshape(b, w, 4, one)), 3, joined);
    return b->matmul(b, s, value, 0, 1.0);
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class),
    "mixture_pattention",
    "token-parameter attention whose slots are routed to in groups",
    options,
    sizeof(options) / sizeof(*options),
    NULL,
    0,
    build,
};

TFX_PLUGIN("mixture_pattention", "1.0.0", "token-parameter attention with routed groups of slots", TFX_KIND_LAYER,
           &layer);

/* adamw: Adam with decoupled weight decay (Loshchilov & Hutter 2019, Algorithm 2), the
 * same arithmetic as torch.optim.AdamW:
 *
 *     m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2
 *     p = p (1 - lr wd) - lr (m / c1) / (sqrt(v / c2) + eps)
 *
 * with c = 1 - beta^t. Instead of a step count t, the state holds c itself, updated as
 * c = beta c + (1 - beta): the share of the moving average that has been filled. It is
 * exact at t = 1, where 1 - exp(t log beta) would cancel, and it is kept per slice, so
 * that slots appended by growth start with a bias correction of their own. */
#define TFX_NEEDS_MINOR 1
#include <string.h>

#include "tfx/optimizer.h"

enum { M, V, C1, C2 };

static const char *const moment_dtypes[] = {"f32", "bf16", NULL};

static const char *const decayed[] = {"matrices", "everything", NULL};

static const tfx_option options[] = {
    TFX_OPTION("beta1", TFX_OPT_REAL, "0.9", 0, 0.999999, NULL, "decay of the first moment"),
    TFX_OPTION("beta2", TFX_OPT_REAL, "0.95", 0, 0.999999, NULL, "decay of the second moment"),
    TFX_OPTION("eps", TFX_OPT_REAL, "1e-8", 0, 1, NULL, "added to the root of the second moment"),
    TFX_OPTION("weight_decay", TFX_OPT_REAL, "0.1", 0, 10, NULL, "decoupled decay of the weights"),
    TFX_OPTION("decay", TFX_OPT_CHOICE, "matrices", 0, 0, decayed,
               "what decays: matrices, parameters of rank 2 and above but those that layers exempt; everything, as in "
               "TokenFormer's JAX release"),
    TFX_OPTION("moments", TFX_OPT_CHOICE, "f32", 0, 0, moment_dtypes,
               "how both moments are stored; bf16 halves their memory and needs beta2 <= 0.98, since a slower "
               "average moves by less than bf16 can hold"),
};

static tfx_status states(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    tfx_dtype moments = strcmp(h->opt_string(h, o, "moments"), "bf16") ? TFX_F32 : TFX_BF16;
    if (moments == TFX_BF16 && h->opt_real(h, o, "beta2") > 0.98)
        return h->fail(h, TFX_E_INVALID, "beta2: expected at most 0.98 together with moments = bf16; found %g",
                       h->opt_real(h, o, "beta2"));
    *out[M] = (tfx_state){sizeof(tfx_state), "m", TFX_STATE_LIKE_PARAM, moments, 1};
    *out[V] = (tfx_state){sizeof(tfx_state), "v", TFX_STATE_LIKE_PARAM, moments, 2};
    *out[C1] = (tfx_state){sizeof(tfx_state), "m_filled", TFX_STATE_PER_SLICE, TFX_F32, 0};
    *out[C2] = (tfx_state){sizeof(tfx_state), "v_filled", TFX_STATE_PER_SLICE, TFX_F32, 0};
    *n = 4;
    return TFX_OK;
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    const tfx_host *h = b->host;
    double beta1 = h->opt_real(h, u->options, "beta1"), beta2 = h->opt_real(h, u->options, "beta2");
    double eps = h->opt_real(h, u->options, "eps"), decay = h->opt_real(h, u->options, "weight_decay");
    int decays = u->decay || !strcmp(h->opt_string(h, u->options, "decay"), "everything");

    tfx_value c1 = b->affine(b, u->state[C1], beta1, 1.0 - beta1);
    tfx_value c2 = b->affine(b, u->state[C2], beta2, 1.0 - beta2);
    tfx_value m = b->add(b, b->affine(b, u->state[M], beta1, 0.0), b->affine(b, u->grad, 1.0 - beta1, 0.0));
    tfx_value v = b->add(b, b->affine(b, u->state[V], beta2, 0.0),
                         b->affine(b, b->mul(b, u->grad, u->grad), 1.0 - beta2, 0.0));
    tfx_value denominator = b->affine(b, b->unary(b, TFX_SQRT, b->div(b, v, c2)), 1.0, eps);
    tfx_value p = u->param;
    if (decays && decay != 0)
        p = b->mul(b, p, b->affine(b, u->lr, -decay, 1.0));
    tfx_value step = b->div(b, b->mul(b, m, b->div(b, u->lr, c1)), denominator);

    u->new_param = b->sub(b, p, step);
    u->new_state[M] = m;
    u->new_state[V] = v;
    u->new_state[C1] = c1;
    u->new_state[C2] = c2;
    return TFX_OK;
}

static const tfx_optimizer_class optimizer = {
    sizeof(tfx_optimizer_class),
    "adamw",
    "Adam with decoupled weight decay",
    options,
    sizeof(options) / sizeof(*options),
    states,
    build_update,
};

TFX_PLUGIN("adamw", "1.0.0", "Adam with decoupled weight decay", TFX_KIND_OPTIMIZER, &optimizer);

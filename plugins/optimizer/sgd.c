/* sgd: stochastic gradient descent with momentum and decoupled weight decay, the momentum
 * as in torch.optim.SGD (no dampening):
 *
 *     m = momentum m + g
 *     p = p (1 - lr wd) - lr m           or, with nesterov, - lr (g + momentum m) */
#define TFX_NEEDS_MINOR 1
#include "tfx/optimizer.h"

static const tfx_option options[] = {
    TFX_OPTION("momentum", TFX_OPT_REAL, "0.9", 0, 0.999999, NULL, "decay of the velocity; 0: none"),
    TFX_OPTION("nesterov", TFX_OPT_BOOL, "false", 0, 0, NULL, "look ahead along the velocity"),
    TFX_OPTION("weight_decay", TFX_OPT_REAL, "0", 0, 10, NULL, "decoupled decay, on parameters of rank 2 and above"),
};

static tfx_status states(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    *n = h->opt_real(h, o, "momentum") > 0 ? 1 : 0;
    *out[0] = (tfx_state){sizeof(tfx_state), "m", TFX_STATE_LIKE_PARAM, TFX_F32, 1};
    return TFX_OK;
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    const tfx_host *h = b->host;
    double momentum = h->opt_real(h, u->options, "momentum");
    double decay = h->opt_real(h, u->options, "weight_decay");
    tfx_value direction = u->grad;
    if (momentum > 0) {
        tfx_value m = b->add(b, b->affine(b, u->state[0], momentum, 0.0), u->grad);
        u->new_state[0] = m;
        direction = h->opt_bool(h, u->options, "nesterov") ? b->add(b, u->grad, b->affine(b, m, momentum, 0.0)) : m;
    }
    tfx_value p = u->param;
    if (u->decay && decay != 0)
        p = b->mul(b, p, b->affine(b, u->lr, -decay, 1.0));
    u->new_param = b->sub(b, p, b->mul(b, direction, u->lr));
    return TFX_OK;
}

static const tfx_optimizer_class optimizer = {
    sizeof(tfx_optimizer_class),
    "sgd",
    "stochastic gradient descent with momentum",
    options,
    sizeof(options) / sizeof(*options),
    states,
    build_update,
    NULL,
    TFX_STEP_GRADIENT,
};

TFX_PLUGIN("sgd", "1.0.0", "stochastic gradient descent with momentum", TFX_KIND_OPTIMIZER, &optimizer);

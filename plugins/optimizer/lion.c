/* lion: the sign of an interpolation between gradient and momentum (Chen et al. 2023, "Symbolic discovery of optimization
 * algorithms", Algorithm 2):
 *
 *     c = beta1 m + (1 - beta1) g          m = beta2 m + (1 - beta2) g
 *     p = p (1 - lr wd) - lr sign(c)
 *
 * Half of the state of Adam. Every element moves by lr, so that lr is 3 to 10 times smaller than Adam's, and wd as much
 * larger. */
#define TFX_NEEDS_MINOR 1
#include "tfx/optimizer.h"

static const tfx_option options[] = {
    TFX_OPTION("beta1", TFX_OPT_REAL, "0.9", 0, 0.999999, NULL, "share of the momentum in the direction"),
    TFX_OPTION("beta2", TFX_OPT_REAL, "0.99", 0, 0.999999, NULL, "decay of the momentum"),
    TFX_OPTION("weight_decay", TFX_OPT_REAL, "1", 0, 100, NULL, "decoupled decay, on parameters of rank 2 and above"),
};

static tfx_status states(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    (void)h, (void)o;
    *out[0] = (tfx_state){sizeof(tfx_state), "m", TFX_STATE_LIKE_PARAM, TFX_F32, 1};
    *n = 1;
    return TFX_OK;
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    const tfx_host *h = b->host;
    double beta1 = h->opt_real(h, u->options, "beta1"), beta2 = h->opt_real(h, u->options, "beta2");
    double decay = h->opt_real(h, u->options, "weight_decay");
    tfx_value m = u->state[0], g = u->grad, p = u->param;
    tfx_value c = b->add(b, b->affine(b, m, beta1, 0.0), b->affine(b, g, 1.0 - beta1, 0.0));
    if (u->decay && decay != 0)
        p = b->mul(b, p, b->affine(b, u->lr, -decay, 1.0));
    u->new_param = b->sub(b, p, b->mul(b, b->unary(b, TFX_SIGN, c), u->lr));
    u->new_state[0] = b->add(b, b->affine(b, m, beta2, 0.0), b->affine(b, g, 1.0 - beta2, 0.0));
    return TFX_OK;
}

static const tfx_optimizer_class optimizer = {
    sizeof(tfx_optimizer_class),
    "lion",
    "sign of an interpolated momentum",
    options,
    sizeof(options) / sizeof(*options),
    states,
    build_update,
    NULL,
    TFX_STEP_NORMALISED,
};

TFX_PLUGIN("lion", "1.0.0", "sign of an interpolated momentum", TFX_KIND_OPTIMIZER, &optimizer);

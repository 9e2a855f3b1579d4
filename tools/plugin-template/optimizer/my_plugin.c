/* my_plugin: say in one line what it does, and cite where it comes from.
 *
 * This one is Lion (Chen et al. 2023, arXiv 2302.06675, algorithm 2): steps of one size, in the direction of the
 * sign of a momentum,
 *
 *     c = beta1 m + (1 - beta1) g
 *     p = p - lr (sign(c) + weight_decay p)
 *     m = beta2 m + (1 - beta2) g
 *
 * Follow the steps; `make` builds it at any time, and `make test` tries it. docs/writing-an-optimizer.md has the rest. */
#define TFX_NEEDS_MINOR 1 /* gradient_power, TFX_SIGN */
#include "tfx/optimizer.h"

/* Step 1. Declare the options: name, type, default (NULL: required), range, choices, doc. Learning rate, schedule and
 * clipping are the host's. */
static const tfx_option my_plugin_options[] = {
    TFX_OPTION("beta1", TFX_OPT_REAL, "0.9", 0, 0.999999, NULL, "share of the momentum in the direction"),
    TFX_OPTION("beta2", TFX_OPT_REAL, "0.99", 0, 0.999999, NULL, "decay of the momentum"),
    TFX_OPTION("weight_decay", TFX_OPT_REAL, "0.1", 0, 10, NULL, "decoupled decay, on parameters of rank 2 and above"),
};

/* Step 2. Say what is remembered of each parameter: name, shape, how it is stored, and which power of the gradient it is
 * (1 for a first moment, 2 for a second), so that it follows when growth changes the gradients. */
static tfx_status my_plugin_states(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    (void)h, (void)o;
    *out[0] = (tfx_state){.struct_size = sizeof(tfx_state),
                          .name = "m",
                          .shape = TFX_STATE_LIKE_PARAM,
                          .dtype = TFX_F32,
                          .gradient_power = 1};
    *n = 1;
    return TFX_OK;
}

/* Step 3. Describe the update of one parameter. Nothing is computed here: the host turns it into one pass over memory. */
static tfx_status my_plugin_update(const tfx_builder *b, tfx_update *u)
{
    const tfx_host *h = b->host;
    double beta1 = h->opt_real(h, u->options, "beta1"), beta2 = h->opt_real(h, u->options, "beta2");
    double decay = h->opt_real(h, u->options, "weight_decay");
    tfx_value m = u->state[0], g = u->grad;

    tfx_value c = b->add(b, b->affine(b, m, beta1, 0.0), b->affine(b, g, 1.0 - beta1, 0.0));
    tfx_value direction = b->unary(b, TFX_SIGN, c);
    if (u->decay) /* not for gains and biases */
        direction = b->add(b, direction, b->affine(b, u->param, decay, 0.0));
    u->new_param = b->sub(b, u->param, b->mul(b, u->lr, direction));
    u->new_state[0] = b->add(b, b->affine(b, m, beta2, 0.0), b->affine(b, g, 1.0 - beta2, 0.0));
    return TFX_OK;
}

/* Step 4. Name the optimizer as specs will, and the plugin: name, version, summary. */
static const tfx_optimizer_class my_plugin_class = {
    .struct_size = sizeof(tfx_optimizer_class),
    .name = "my_plugin",
    .summary = "sign of a momentum, with decoupled weight decay",
    .options = my_plugin_options,
    .n_options = sizeof(my_plugin_options) / sizeof(*my_plugin_options),
    .states = my_plugin_states,
    .build_update = my_plugin_update,
};

TFX_PLUGIN("my_plugin", "0.1.0", "an optimizer to start from", TFX_KIND_OPTIMIZER, &my_plugin_class);

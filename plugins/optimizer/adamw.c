/* adamw: Adam with decoupled weight decay; adam_update.h has the formulas. */
#define TFX_NEEDS_MINOR 1
#include <string.h>

#include "adam_update.h"

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
    adam_states(moments, out, n);
    return TFX_OK;
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    const tfx_host *h = b->host;
    double beta1 = h->opt_real(h, u->options, "beta1"), beta2 = h->opt_real(h, u->options, "beta2");
    double eps = h->opt_real(h, u->options, "eps"), decay = h->opt_real(h, u->options, "weight_decay");
    int decays = u->decay || (u->info->decay < 0 && !strcmp(h->opt_string(h, u->options, "decay"), "everything"));
    adam_update(b, u, beta1, beta2, eps, decays ? decay : 0);
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
    NULL,
    TFX_STEP_NORMALISED,
};

TFX_PLUGIN("adamw", "1.0.0", "Adam with decoupled weight decay", TFX_KIND_OPTIMIZER, &optimizer);

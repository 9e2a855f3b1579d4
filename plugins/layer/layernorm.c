/* layernorm: layer normalisation (Ba et al. 2016) with learned weight and bias. */
#include "tfx/layer.h"

static const tfx_option options[] = {
    TFX_OPTION("eps", TFX_OPT_REAL, "1e-5", 0, 1, NULL, "added to the variance under the root"),
    TFX_OPTION("bias", TFX_OPT_BOOL, "true", 0, 0, NULL, "add a learned bias"),
};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const tfx_host *h = b->host;
    tfx_init one = tfx_init_constant(1.0), zero = tfx_init_constant(0.0);
    tfx_value y = b->norm(b, TFX_NORM_LAYER, x, h->opt_real(h, b->options, "eps"));
    y = b->mul(b, y, b->param(b, "weight", 1, &out_dim, &one, TFX_NOT_GROWABLE, 0));
    if (h->opt_bool(h, b->options, "bias"))
        y = b->add(b, y, b->param(b, "bias", 1, &out_dim, &zero, TFX_NOT_GROWABLE, 0));
    return y;
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class),
    "layernorm",
    "layer normalisation with learned weight and bias",
    options,
    sizeof(options) / sizeof(*options),
    NULL,
    0,
    build,
};

TFX_PLUGIN("layernorm", "1.0.0", "layer normalisation", TFX_KIND_LAYER, &layer);

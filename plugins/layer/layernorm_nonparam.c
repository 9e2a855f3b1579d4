/* layernorm_nonparam: layer normalisation without parameters, as in TokenFormer's blocks:
 * nothing in it ties the model to a width. */
#include "tfx/layer.h"

static const tfx_option options[] = {
    TFX_OPTION("eps", TFX_OPT_REAL, "1e-5", 0, 1, NULL, "added to the variance under the root"),
};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    (void)out_dim;
    return b->norm(b, TFX_NORM_LAYER, x, b->host->opt_real(b->host, b->options, "eps"));
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class),
    "layernorm_nonparam",
    "layer normalisation without parameters",
    options,
    sizeof(options) / sizeof(*options),
    NULL,
    0,
    build,
};

TFX_PLUGIN("layernorm_nonparam", "1.0.0", "layer normalisation without parameters", TFX_KIND_LAYER, &layer);

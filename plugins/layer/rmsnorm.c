/* rmsnorm: root-mean-square normalisation (Zhang & Sennrich 2019) with learned weight. */
#include "tfx/layer.h"

static const tfx_option options[] = {
    TFX_OPTION("eps", TFX_OPT_REAL, "1e-5", 0, 1, NULL, "added to the mean square under the root"),
};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_init one = tfx_init_constant(1.0);
    tfx_value y = b->norm(b, TFX_NORM_RMS, x, b->host->opt_real(b->host, b->options, "eps"));
    return b->mul(b, y, b->param(b, "weight", 1, &out_dim, &one, TFX_NOT_GROWABLE, 0));
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class),
    "rmsnorm",
    "root-mean-square normalisation with learned weight",
    options,
    sizeof(options) / sizeof(*options),
    NULL,
    0,
    build,
};

TFX_PLUGIN("rmsnorm", "1.0.0", "root-mean-square normalisation", TFX_KIND_LAYER, &layer);

/* A layer whose output is not finite: x plus a logarithm of -1; or, only in training, of what dropout has made 0. */
#include <string.h>

#include "tfx/layer.h"

static const char *const places[] = {"everywhere", "training", NULL};

static const tfx_option options[] = {
    TFX_OPTION("in", TFX_OPT_CHOICE, "everywhere", 0, 0, places, "where the output is not finite"),
};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    (void)out_dim;
    int training = !strcmp(b->host->opt_string(b->host, b->options, "in"), "training");
    tfx_value y = training ? b->dropout(b, b->affine(b, x, 0.0, 1.0), 0.5) : b->affine(b, x, 0.0, -1.0);
    return b->add(b, x, b->unary(b, TFX_LOG, y));
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class),
    "undefined",
    "an output that is not finite",
    options,
    sizeof(options) / sizeof(*options),
    NULL,
    0,
    build,
};

TFX_PLUGIN("undefined", "1.0.0", "a layer without a result", TFX_KIND_LAYER, &layer);

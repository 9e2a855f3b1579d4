/* Caught by: shapes. It reads an option that it does not declare. */
#include "tests/conformance/one_class.h"

static const tfx_option options[] = {TFX_OPTION("scale", TFX_OPT_REAL, "1", 0, 10, NULL, "factor on the output")};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    double scale = b->host->opt_real(b->host, b->options, "sacle");
    return b->affine(b, linear(b, "weight", x, out_dim), scale, 0);
}

LAYER_WITH("layer_misspelt", "misspells its option", options);

/* Caught by: options. One end of the range makes an infinite number. */
#include "tests/conformance/one_class.h"

static const tfx_option options[] = {
    TFX_OPTION("scale", TFX_OPT_REAL, "1", 0, 10, NULL, "what the output is divided by")};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    return b->affine(b, linear(b, "weight", x, out_dim), 1 / b->host->opt_real(b->host, b->options, "scale"), 0);
}

LAYER_WITH("option_zero", "divides by an option", options);

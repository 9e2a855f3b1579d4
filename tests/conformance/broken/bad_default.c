/* Caught by: entry. A default outside of its own range. */
#include "tests/conformance/one_class.h"

static const tfx_option options[] = {TFX_OPTION("hidden", TFX_OPT_INT, "0", 1, 100, NULL, "hidden width")};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    int64_t hidden = b->host->opt_int(b->host, b->options, "hidden");
    return linear(b, "out", linear(b, "in", x, hidden), out_dim);
}

LAYER_WITH("bad_default", "cannot be used as it is declared", options);

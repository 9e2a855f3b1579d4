/* Caught by: options. The lower end of the range is a division by zero. */
#include "tests/conformance/one_class.h"

static const tfx_option options[] = {TFX_OPTION("groups", TFX_OPT_INT, "1", 0, 64, NULL, "number of groups")};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    volatile int64_t groups = b->host->opt_int(b->host, b->options, "groups");
    return linear(b, out_dim / groups < 0 ? "other" : "weight", x, out_dim);
}

LAYER_WITH("option_crash", "divides by an option", options);

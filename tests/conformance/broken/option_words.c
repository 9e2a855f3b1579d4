/* Caught by: options. A refusal that does not begin with the option's name is not located in the spec. */
#include "tests/conformance/one_class.h"

static const tfx_option options[] = {TFX_OPTION("heads", TFX_OPT_INT, "1", 1, 64, NULL, "number of heads")};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    int64_t heads = b->host->opt_int(b->host, b->options, "heads");
    if (out_dim % heads)
        return b->error(b, "the width must be a multiple of the heads");
    return linear(b, "weight", x, out_dim);
}

LAYER_WITH("option_words", "refuses without naming what it refuses", options);

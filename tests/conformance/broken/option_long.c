/* Caught by: options. A text of more than seven bytes is written over the stack. */
#include "tests/conformance/one_class.h"

static const tfx_option options[] = {TFX_OPTION("mode", TFX_OPT_STRING, "plain", 0, 0, NULL, "any word")};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    char mode[8];
    volatile size_t n = strlen(b->host->opt_string(b->host, b->options, "mode"));
    memcpy(mode, b->host->opt_string(b->host, b->options, "mode"), n);
    return linear(b, mode[0] == '!' ? "other" : "weight", x, out_dim);
}

LAYER_WITH("option_long", "copies its option", options);

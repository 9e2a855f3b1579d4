/* Caught by: options. A choice that build does not know. */
#include "tests/conformance/one_class.h"

static const char *const kinds[] = {"relu", "silu", "swish", NULL};
static const tfx_option options[] = {TFX_OPTION("activation", TFX_OPT_CHOICE, "relu", 0, 0, kinds, "the function")};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    static const tfx_unary functions[] = {TFX_RELU, TFX_SILU, (tfx_unary)0};
    const char *kind = b->host->opt_string(b->host, b->options, "activation");
    int i = 0;
    while (strcmp(kinds[i], kind))
        i++;
    return b->unary(b, functions[i], linear(b, "weight", x, out_dim));
}

LAYER_WITH("option_choice", "declares a choice that it cannot do", options);

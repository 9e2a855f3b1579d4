/* Caught by: entry. Lists have one line for each plugin. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    return linear(b, "weight", x, out_dim);
}

LAYER("long_summary", "a summary\nof two lines");

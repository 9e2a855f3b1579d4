/* Caught by: symbols. A helper that is not static is exported, and may take the place of another library's function. */
#include "tests/conformance/one_class.h"

TFX_EXPORT int64_t twice(int64_t x);
TFX_EXPORT int64_t twice(int64_t x)
{
    return 2 * x;
}

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    return linear(b, "out", linear(b, "in", x, twice(out_dim)), out_dim);
}

LAYER("leaked_symbol", "exports a helper");

/* Caught by: symbols. It takes a function of the host, which another host may not have. */
#include "tests/conformance/one_class.h"

extern double tfx_now(void) __attribute__((weak, visibility("default")));

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    return linear(b, tfx_now ? "weight" : "other", x, out_dim);
}

LAYER("host_symbol", "asks for a symbol of the host");

/* Caught by: entry. A function that is in no library: a misspelt name, or a missing -l. */
#include "tests/conformance/one_class.h"

extern __attribute__((visibility("default"))) double nowhere_to_be_found(double x);

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    return b->affine(b, linear(b, "weight", x, out_dim), nowhere_to_be_found(2), 0);
}

LAYER("undefined_symbol", "calls what is nowhere");

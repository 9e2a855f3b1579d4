/* Caught by: output. It runs, and prints, when it is loaded. */
#include <stdio.h>

#include "tests/conformance/one_class.h"

static __attribute__((constructor)) void hello(void)
{
    puts("early_bird 1.0 loaded");
}

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    return linear(b, "weight", x, out_dim);
}

LAYER("early_bird", "prints when it is loaded");

/* Caught by: output. What a user reads is for the host to say. */
#include <stdio.h>

#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    fprintf(stderr, "width %d\n", (int)out_dim);
    return linear(b, "weight", x, out_dim);
}

LAYER("layer_chatty", "prints when it is built");

/* Caught by: allocation. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    char *name = malloc(16);
    strcpy(name, "weight");
    tfx_value y = linear(b, name, x, out_dim);
    free(name);
    return y;
}

LAYER("layer_unchecked", "takes for granted that there is memory");

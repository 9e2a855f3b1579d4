/* Caught by: leaks. build is called for every graph. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    char *name = malloc(16);
    if (!name)
        return b->error(b, "out of memory");
    strcpy(name, "weight");
    return linear(b, name, x, out_dim);
}

LAYER("layer_leaks", "does not free a name");

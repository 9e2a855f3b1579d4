/* Caught by: purity. What it computed for the first size stays. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    static double scale;
    scale = scale > 0 && b->dim < 16 ? scale : 1.0 / (double)b->dim;
    return b->affine(b, linear(b, "weight", x, out_dim), scale, 0);
}

LAYER("layer_first_size", "caches what depends on the width");

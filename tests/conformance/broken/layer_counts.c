/* Caught by: purity. The second model that is built is another one. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    static int n_built;
    return b->affine(b, linear(b, "weight", x, out_dim), 1.0 + 0.1 * n_built++, 0);
}

LAYER("layer_counts", "scales by how often it was built");

/* It looks at all positions and says so: a note, no failure. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    int64_t time = b->dim_of(b, x, 1);
    const int axis = 1;
    tfx_value mean = b->affine(b, b->sum(b, x, 1, &axis, 1), 1.0 / (double)time, 0);
    return linear(b, "weight", b->add(b, x, mean), out_dim);
}

LAYER("looks_everywhere", "mixer that is not causal: adds the mean over all positions");

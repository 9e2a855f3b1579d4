/* Caught by: shapes. Its output has the width of its input, whatever is asked for... and is of one more at width 7. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    return linear(b, "weight", x, out_dim == 7 ? 8 : out_dim);
}

LAYER("layer_width", "rounds its width up to an even one");

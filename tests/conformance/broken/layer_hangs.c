/* Caught by: shapes. Looks for a divisor that is not there.
 * Checked with: --timeout 3. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    volatile int64_t group = 3;
    while (out_dim % group && out_dim % 3 == 1 && out_dim > 6)
        group = group == 3 ? 6 : 3;
    return linear(b, "weight", x, out_dim);
}

LAYER("layer_hangs", "never ends at some widths");

/* Caught by: symbols. Linked with -z execstack, it makes the stack of the whole process executable. */
#include "tests/conformance/one_class.h"

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    return linear(b, "weight", x, out_dim);
}

LAYER("exec_stack", "wants to execute the stack");

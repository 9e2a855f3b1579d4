/* Caught by: gradients. A factor of 2. */
#define OP_NAME "op_gradient"
#define FACTOR reals[0]
#include "tests/conformance/one_op.h"

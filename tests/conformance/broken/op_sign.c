/* Caught by: kernel. It takes the size of an attribute that may be negative. */
#define OP_NAME "op_sign"
#define COMPUTE(a, x, i) ((float)__builtin_fabs((a)->reals[0]) * (x)[i] * (x)[i])
#include "tests/conformance/one_op.h"

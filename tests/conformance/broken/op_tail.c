/* Caught by: kernel. Eight numbers at a time, and nothing for the rest. */
#define OP_NAME "op_tail"
#define COMPUTE(a, x, i) ((i) < n / 8 * 8 ? (float)(a)->reals[0] * (x)[i] * (x)[i] : 0.0f)
#include "tests/conformance/one_op.h"

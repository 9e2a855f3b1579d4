/* Caught by: kernel. It works in the place of its operand. */
#define OP_NAME "op_tramples"
#define COMPUTE(a, x, i) (((float *)(uintptr_t)(a)->in[0])[i] *= 1.5f, (float)(a)->reals[0] * (x)[i] * (x)[i] / 2.25f)
#include "tests/conformance/one_op.h"

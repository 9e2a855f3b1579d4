/* Caught by: kernel. It reads the number behind its operand. */
#define OP_NAME "op_reads_on"
#define COMPUTE(a, x, i) ((float)(a)->reals[0] * (x)[i] * (x)[i] + 0.0f * (x)[(i) + 1])
#include "tests/conformance/one_op.h"

/* Caught by: kernel. The kernel forgets its factor. */
#define OP_NAME "op_wrong"
#define COMPUTE(a, x, i) ((x)[i] * (x)[i])
#include "tests/conformance/one_op.h"

/* Caught by: infer. A dimension of 0. */
#define OP_NAME "op_dimension"
#define DIM(in, i) ((in)[0]->dims[i] - 1)
#include "tests/conformance/one_op.h"

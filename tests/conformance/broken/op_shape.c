/* Caught by: infer. It says one row less than there is. */
#define OP_NAME "op_shape"
#define DIM(in, i) ((i) ? (in)[0]->dims[i] : (in)[0]->dims[i] > 1 ? (in)[0]->dims[i] - 1 : 1)
#include "tests/conformance/one_op.h"

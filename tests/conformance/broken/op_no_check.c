/* Caught by: infer. It reads an operand that may not be there. */
#define OP_NAME "op_no_check"
#define CHECK_OPERANDS(n_in, in) ((in)[0]->dtype == TFX_F32 && (in)[0]->n_dims >= 1 && (n_in) == 1 && (in)[(n_in)-1])
#include "tests/conformance/one_op.h"

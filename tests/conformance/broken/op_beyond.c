/* Caught by: kernel. One number too many. */
#define OP_NAME "op_beyond"
#define TO(a, n) (n * ((a)->part + 1) / (a)->n_parts + ((a)->part + 1 == (a)->n_parts))
#include "tests/conformance/one_op.h"

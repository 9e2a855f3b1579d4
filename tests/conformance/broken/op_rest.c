/* Caught by: parts. What does not divide is computed by nobody. */
#define OP_NAME "op_rest"
#define FROM(a, n) (n / (a)->n_parts * (a)->part)
#define TO(a, n) (n / (a)->n_parts * ((a)->part + 1))
#include "tests/conformance/one_op.h"

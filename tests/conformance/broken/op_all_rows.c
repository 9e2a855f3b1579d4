/* Caught by: parts. Every part does all of the work. */
#define OP_NAME "op_all_rows"
#define FROM(a, n) 0
#define TO(a, n) (n)
#include "tests/conformance/one_op.h"

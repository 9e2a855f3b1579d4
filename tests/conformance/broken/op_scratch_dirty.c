/* Caught by: kernel. It takes scratch memory for zero. */
#define OP_NAME "op_scratch_dirty"
#define SET_SUM(s, x) ((s) += (x))
#include "tests/conformance/one_op_results.h"

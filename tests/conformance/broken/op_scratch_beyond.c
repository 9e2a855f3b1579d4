/* Caught by: kernel. It asks for less scratch memory than it writes. */
#define OP_NAME "op_scratch_beyond"
#define SCRATCH ((BLOCKS - 1) * sizeof(double))
#include "tests/conformance/one_op_results.h"

/* Caught by: kernel. It asks for less memory of its own than it writes. */
#define OP_NAME "op_part_scratch"
#define PART_SCRATCH ((LINE - 1) * sizeof(float))
#include "tests/conformance/one_op_results.h"

/* Caught by: infer. It counts no number of FLOPs for rows of one. */
#define OP_NAME "op_flops"
#define FLOPS flops
#include "tests/conformance/one_op_results.h"

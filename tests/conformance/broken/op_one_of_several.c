/* Caught by: entry. It has several results, one in number. */
#define OP_NAME "op_one_of_several"
#define N_RESULTS 1
#include "tests/conformance/one_op_results.h"

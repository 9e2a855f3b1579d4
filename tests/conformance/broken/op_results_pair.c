/* Caught by: gradients. Those of both results together are not the sum. */
#define OP_NAME "op_results_pair"
#define GRADIENT_OF_MEAN !dy[0]
#include "tests/conformance/one_op_results.h"

/* Caught by: gradients. One of the two results has none. */
#define OP_NAME "op_results_gradient"
#define GRADIENT_OF_MEAN 0
#include "tests/conformance/one_op_results.h"

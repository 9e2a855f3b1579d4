/* Caught by: infer. It says another shape of its second result than it has. */
#define OP_NAME "op_results_shape"
#define MEAN_DIMS 1
#include "tests/conformance/one_op_results.h"

/* Keeps all promises; broken ones are made of it. */
#define OP_NAME "good_op_results"
#include "tests/conformance/one_op_results.h"

/* Caught by: parts. It writes a result that nobody asked for. */
#define OP_NAME "op_all_results"
#define WANTED(a, k) 1
#include "tests/conformance/one_op_results.h"

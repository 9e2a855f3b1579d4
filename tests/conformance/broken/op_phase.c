/* Caught by: parts. It reads in the phase in which the other parts write. */
#define OP_NAME "op_phase"
#define N_PHASES 1
#include "tests/conformance/one_op_results.h"

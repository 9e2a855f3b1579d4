/* Caught by: kernel. It takes memory by itself, which may fail and locks. */
#define OP_NAME "op_allocates"
#define FROM(a, n) (taken = malloc(8), free((void *)taken), n * (a)->part / (a)->n_parts)
static void *volatile taken;
#include "tests/conformance/one_op.h"

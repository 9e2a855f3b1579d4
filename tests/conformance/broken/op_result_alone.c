/* Caught by: parts. It computes one result otherwise when the other is not asked for. */
#define OP_NAME "op_result_alone"
#define BEGIN(a) \
    do { \
        if ((a)->phase && (a)->part == 0 && !(a)->outs[1]) \
            ((double *)(a)->scratch)[0] = 0; \
    } while (0)
#include "tests/conformance/one_op_results.h"

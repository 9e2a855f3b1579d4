/* Ops on rows of the last dimension, which fused programs apply to the rows of a tile: NORM (norm.c), SOFTMAX (softmax.c) and their
 * gradients. */
#ifndef TFX_CPU_ROW_OPS_H
#define TFX_CPU_ROW_OPS_H

#include "kernels.h"

typedef struct tfx_cpu_row_op tfx_cpu_row_op;
struct tfx_cpu_row_op {
    /* n rows one after the other; dy is for gradients only. out may be x or dy. */
    void (*run)(const tfx_cpu_row_op *op, int64_t n, const float *x, const float *dy, float *out);
    int64_t cols;
    tfx_norm norm; /* NORM only */
    double eps;
};

/* Rows that are short are quicker when there are so many at a time. */
enum { TFX_CPU_ROWS = 8, TFX_CPU_SHORT_ROW = 256 };

int tfx_cpu_is_row_op(tfx_op op);
/* What a node of such an op does. */
tfx_cpu_row_op tfx_cpu_row_op_of(const tfx_cpu_compiler *c, const tfx_node *node);
void tfx_cpu_norm(const tfx_cpu_row_op *op, int64_t n, const float *x, const float *dy, float *out);
void tfx_cpu_softmax(const tfx_cpu_row_op *op, int64_t n, const float *x, const float *dy, float *out);

#endif

/* Ops on rows of the last dimension, which fused programs apply to the rows of a tile: NORM (norm.c), SOFTMAX (softmax.c) and their
 * gradients. */
#ifndef TFX_CPU_ROW_OPS_H
#define TFX_CPU_ROW_OPS_H

#include "kernels.h"

/* What a norm finds out about a row first. */
typedef struct tfx_cpu_row_stats {
    double mean, scale;
} tfx_cpu_row_stats;

typedef struct tfx_cpu_row_op tfx_cpu_row_op;
struct tfx_cpu_row_op {
    /* n rows one after the other; dy is for gradients only. out may be x or dy. `stats`, of n rows, are for norms. */
    void (*run)(const tfx_cpu_row_op *op, int64_t n, const float *x, const float *dy, float *out,
                tfx_cpu_row_stats *stats);
    int64_t cols;
    tfx_norm norm; /* NORM only */
    double eps;
    int knows_stats; /* another op on the same rows has filled them in */
};

/* Rows that are short are quicker when there are so many at a time. */
enum { TFX_CPU_ROWS = 8, TFX_CPU_SHORT_ROW = 256 };

int tfx_cpu_is_row_op(tfx_op op);
/* What a node of such an op does. */
tfx_cpu_row_op tfx_cpu_row_op_of(const tfx_cpu_compiler *c, const tfx_node *node);
void tfx_cpu_norm(const tfx_cpu_row_op *op, int64_t n, const float *x, const float *dy, float *out,
                  tfx_cpu_row_stats *stats);
void tfx_cpu_softmax(const tfx_cpu_row_op *op, int64_t n, const float *x, const float *dy, float *out,
                     tfx_cpu_row_stats *stats);

#endif

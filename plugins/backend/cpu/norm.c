/* NORM and its gradient: layer, RMS and L2 normalisation of rows, without parameters.
 *
 * With m the mean (0 unless layer) and c = 1/columns (1 for L2), the result is (x - m) * r,
 * r = 1 / sqrt(c * sum((x - m)^2) + eps), and the gradient
 *
 *   dx = r * (dy - mean(dy) - (x - m) * r^2 * c * sum(dy * (x - m)))
 *
 * with mean(dy) for layer only. Sums are in double: long rows are read from memory once and the
 * arithmetic hides behind that. Where the root is exactly zero (a row without spread, eps 0)
 * r is taken as 0: the row gives zero and receives no gradient. */
#include "simd.h"

#include "row_ops.h"

#include <math.h>

/* Short rows, as those of a small model are, are taken so many at a time: each of their sums is a chain of
 * additions that must wait for each other, but not for those of another row. */
#define ROWS TFX_CPU_ROWS

/* sums[r] for r = 0 .. n_rows-1: the sum over k = 0 .. n-1 of `term`, an expression of r and k, in the order of TFX_CPU_SUM. */
#define ROW_SUMS(sums, n_rows, n, term) \
    do { \
        double acc_[ROWS][TFX_CPU_LANES]; \
        const int64_t whole_ = (n) / TFX_CPU_LANES * TFX_CPU_LANES; \
        for (int r = 0; r < (n_rows); r++) \
            (sums)[r] = 0.0; \
        for (int64_t k = whole_; k < (n); k++) \
            for (int r = 0; r < (n_rows); r++) \
                (sums)[r] += (term); \
        if (!whole_) \
            break; \
        for (int r = 0; r < (n_rows); r++) { \
            for (int j_ = 0; j_ < TFX_CPU_LANES; j_++) \
                acc_[r][j_] = 0.0; \
            for (int64_t from_ = 0; from_ < whole_; from_ += TFX_CPU_LANES) \
                for (int j_ = 0; j_ < TFX_CPU_LANES; j_++) { \
                    const int64_t k = from_ + j_; \
                    acc_[r][j_] += (term); \
                } \
        } \
        for (int j_ = 0; j_ < TFX_CPU_LANES; j_++) \
            for (int r = 0; r < (n_rows); r++) \
                (sums)[r] += acc_[r][j_]; \
    } while (0)

/* Rows one after the other, at x, dy and out; n_rows is known when this is compiled. */
TFX_CPU_INLINE void norm_rows(int n_rows, const tfx_cpu_row_op *p, const float *x, const float *dy, float *out)
{
    const int64_t n = p->cols;
    const double c = p->norm == TFX_NORM_L2 ? 1.0 : 1.0 / (double)n;
    double m[ROWS] = {0}, scale[ROWS], sum[ROWS], sum_dy[ROWS];
    if (p->norm == TFX_NORM_LAYER) {
        ROW_SUMS(m, n_rows, n, (double)x[r * n + k]);
        for (int r = 0; r < n_rows; r++)
            m[r] *= c;
    }
    ROW_SUMS(sum, n_rows, n, ((double)x[r * n + k] - m[r]) * ((double)x[r * n + k] - m[r]));
    for (int r = 0; r < n_rows; r++) {
        double square = c * sum[r] + p->eps;
        scale[r] = square == 0.0 ? 0.0 : 1.0 / sqrt(square);
    }
    if (!dy) {
        /* In double: scale may be beyond float's range where the result is not. */
        for (int r = 0; r < n_rows; r++) {
            TFX_CPU_IVDEP
            for (int64_t k = 0; k < n; k++)
                out[r * n + k] = (float)(((double)x[r * n + k] - m[r]) * scale[r]);
        }
        return;
    }
    ROW_SUMS(sum, n_rows, n, (double)dy[r * n + k] * ((double)x[r * n + k] - m[r]));
    if (p->norm == TFX_NORM_LAYER)
        ROW_SUMS(sum_dy, n_rows, n, (double)dy[r * n + k]);
    for (int r = 0; r < n_rows; r++) {
        double a = p->norm == TFX_NORM_LAYER ? scale[r] * sum_dy[r] * c : 0.0;
        double b = sum[r] * c * scale[r] * scale[r] * scale[r];
        TFX_CPU_IVDEP
        for (int64_t k = 0; k < n; k++)
            out[r * n + k] = (float)(scale[r] * (double)dy[r * n + k] - a - ((double)x[r * n + k] - m[r]) * b);
    }
}

TFX_CPU_CLONES static void norm_many(const tfx_cpu_row_op *p, const float *x, const float *dy, float *out)
{
    norm_rows(ROWS, p, x, dy, out);
}

TFX_CPU_CLONES static void norm_one(const tfx_cpu_row_op *p, const float *x, const float *dy, float *out)
{
    norm_rows(1, p, x, dy, out);
}

void tfx_cpu_norm(const tfx_cpu_row_op *op, int64_t n, const float *x, const float *dy, float *out)
{
    for (int64_t row = 0; row < n;) {
        int many = op->cols <= TFX_CPU_SHORT_ROW && n - row >= ROWS;
        int64_t at = row * op->cols;
        (many ? norm_many : norm_one)(op, x + at, dy ? dy + at : NULL, out + at);
        row += many ? ROWS : 1;
    }
}

static const char *norm_check(const tfx_cpu_compiler *c, const tfx_node *node)
{
    if (!tfx_cpu_all_f32(c, node) || tfx_cpu_in(c, node, 0)->n_dims < 1)
        return "norm takes and gives f32 of rank 1 or more";
    for (uint32_t i = 0; i < node->n_in; i++)
        if (!tfx_cpu_same_shape(tfx_cpu_in(c, node, i), tfx_cpu_out(c, node, 0)))
            return "norm keeps its shape";
    if (node->ints[0] < TFX_NORM_LAYER || node->ints[0] > TFX_NORM_L2)
        return "an unknown norm";
    return NULL;
}

const tfx_cpu_op tfx_cpu_norm_ops[] = {{TFX_OP_NORM, 1, 1, 1, norm_check, tfx_cpu_compile_pointwise},
                                       {TFX_OP_NORM_GRAD, 2, 2, 1, norm_check, tfx_cpu_compile_pointwise},
                                       {0}};

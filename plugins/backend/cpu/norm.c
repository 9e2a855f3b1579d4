/* NORM and its gradient: layer, RMS and L2 normalisation of rows, without parameters.
 *
 * With m the mean (0 unless layer) and c = 1/columns (1 for L2), the result is (x - m) * r,
 * r = 1 / sqrt(c * sum((x - m)^2) + eps), and the gradient
 *
 *   dx = r * (dy - mean(dy) - (x - m) * r^2 * c * sum(dy * (x - m)))
 *
 * with mean(dy) for layer only. Where the root is exactly zero (a row without spread, eps 0)
 * r is taken as 0: the row gives zero and receives no gradient.
 *
 * Means are summed up in double. Other sums are as good: a chain of f32 additions has few terms, and chains are added up in double. */
#include "simd.h"

#include "row_ops.h"

#include <math.h>
#include <string.h>

/* Short rows, as those of a small model are, are taken so many at a time: each of their sums must wait for its additions, but not
 * for those of another row. */
#define ROWS TFX_CPU_ROWS
/* Elements whose sum is made of TFX_CPU_LANES chains. */
#define BLOCK 512

/* Vectors that all levels but the lowest have: larger ones the compiler would keep in memory where there are none. */
typedef float four __attribute__((vector_size(16)));
typedef float eight __attribute__((vector_size(32)));
typedef double four_doubles __attribute__((vector_size(32)));

TFX_CPU_INLINE int64_t whole_lanes(int64_t n)
{
    return n / TFX_CPU_LANES * TFX_CPU_LANES;
}

/* In pairs: a chain of additions would take longer than all that comes before. */
TFX_CPU_INLINE double sum_of_eight(const double *s)
{
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

TFX_CPU_INLINE double sum_whole_lanes(int64_t n, const float *x)
{
    four_doubles acc[TFX_CPU_LANES / 4];
    double lanes[8];
    four v;
#pragma GCC unroll 8
    for (int j = 0; j < TFX_CPU_LANES / 4; j++)
        acc[j] = (four_doubles){0};
    for (int64_t k = 0; k < n; k += TFX_CPU_LANES)
#pragma GCC unroll 8
        for (int j = 0; j < TFX_CPU_LANES / 4; j++) {
            memcpy(&v, x + k + 4 * j, sizeof(v));
            acc[j] += __builtin_convertvector(v, four_doubles);
        }
#pragma GCC unroll 2
    for (int j = 0; j < 2; j++) {
        four_doubles sum = (acc[j] + acc[j + 2]) + (acc[j + 4] + acc[j + 6]);
        memcpy(lanes + 4 * j, &sum, sizeof(sum));
    }
    return sum_of_eight(lanes);
}

/* sums[r]: of row r */
TFX_CPU_INLINE void sum_rows(int n_rows, int64_t n, const float *x, double *sums)
{
    const int64_t whole = whole_lanes(n);
    for (int r = 0; r < n_rows; r++)
        sums[r] = whole ? sum_whole_lanes(whole, x + r * n) : 0.0;
    for (int64_t k = whole; k < n; k++)
        for (int r = 0; r < n_rows; r++)
            sums[r] += (double)x[r * n + k];
}

/* A mean of two floats, so that what is off it has all its digits. */
typedef struct centre {
    float high, low;
} centre;

TFX_CPU_INLINE centre centre_of(double mean)
{
    centre c = {(float)mean, 0.0f};
    c.low = (float)(mean - (double)c.high);
    return c;
}

TFX_CPU_INLINE double sum_whole_products(int64_t n, const float *x, centre c, const float *y)
{
    double lanes[8] = {0};
    for (int64_t from = 0; from < n; from += BLOCK) {
        const int64_t end = from + BLOCK < n ? from + BLOCK : n;
        eight acc[TFX_CPU_LANES / 8], u, v;
#pragma GCC unroll 4
        for (int j = 0; j < TFX_CPU_LANES / 8; j++)
            acc[j] = (eight){0};
        for (int64_t k = from; k < end; k += TFX_CPU_LANES)
#pragma GCC unroll 4
            for (int j = 0; j < TFX_CPU_LANES / 8; j++) {
                memcpy(&u, x + k + 8 * j, sizeof(u));
                u = u - c.high - c.low;
                v = u;
                if (y)
                    memcpy(&v, y + k + 8 * j, sizeof(v));
                acc[j] += u * v;
            }
        const eight sum = (acc[0] + acc[1]) + (acc[2] + acc[3]);
        float sums[8];
        memcpy(sums, &sum, sizeof(sum));
        for (int j = 0; j < 8; j++)
            lanes[j] += (double)sums[j];
    }
    return sum_of_eight(lanes);
}

/* sums[r]: over row r of y * (x - its centre); y NULL: of (x - its centre)^2 */
TFX_CPU_INLINE void sum_products(int n_rows, int64_t n, const float *x, const centre *c, const float *y, double *sums)
{
    const int64_t whole = whole_lanes(n);
    for (int r = 0; r < n_rows; r++)
        sums[r] = whole ? sum_whole_products(whole, x + r * n, c[r], y ? y + r * n : NULL) : 0.0;
    for (int64_t k = whole; k < n; k++)
        for (int r = 0; r < n_rows; r++) {
            const float u = x[r * n + k] - c[r].high - c[r].low;
            sums[r] += (double)u * (double)(y ? y[r * n + k] : u);
        }
}

/* The same of one row, in double throughout. */
TFX_CPU_INLINE double sum_in_double(int64_t n, const float *x, double mean, const float *y)
{
    if (y) {
        TFX_CPU_SUM(sum, double, k, n, ((double)x[k] - mean) * (double)y[k])
        return sum;
    }
    TFX_CPU_SUM(sum, double, k, n, ((double)x[k] - mean) * ((double)x[k] - mean))
    return sum;
}

/* Whether f32 arithmetic with such a factor stays far from the ends of its range. */
TFX_CPU_INLINE int is_moderate(double x)
{
    return x == 0.0 || (fabs(x) > 0x1p-100 && fabs(x) < 0x1p100);
}

TFX_CPU_INLINE void find_stats(int n_rows, const tfx_cpu_row_op *p, const float *x, tfx_cpu_row_stats *stats)
{
    const int64_t n = p->cols;
    const double c = p->norm == TFX_NORM_L2 ? 1.0 : 1.0 / (double)n;
    double sum[ROWS] = {0};
    centre centres[ROWS];
    if (p->norm == TFX_NORM_LAYER)
        sum_rows(n_rows, n, x, sum);
    for (int r = 0; r < n_rows; r++) {
        stats[r].mean = c * sum[r];
        centres[r] = centre_of(stats[r].mean);
    }
    sum_products(n_rows, n, x, centres, NULL, sum);
    for (int r = 0; r < n_rows; r++) {
        if (!(sum[r] > 0x1p-80 &&
              sum[r] < 0x1p120)) /* squares leave the range of f32 long before what is squared does */
            sum[r] = sum_in_double(n, x + r * n, stats[r].mean, NULL);
        double square = c * sum[r] + p->eps;
        stats[r].scale = square == 0.0 ? 0.0 : 1.0 / sqrt(square);
    }
}

TFX_CPU_INLINE void normalise(const tfx_cpu_row_op *p, const float *x, const tfx_cpu_row_stats *stats, float *out)
{
    const centre c = centre_of(stats->mean);
    const float scale = (float)stats->scale;
    if (is_moderate(stats->scale)) {
        TFX_CPU_IVDEP
        for (int64_t k = 0; k < p->cols; k++)
            out[k] = (x[k] - c.high - c.low) * scale;
        return;
    }
    TFX_CPU_IVDEP
    for (int64_t k = 0; k < p->cols; k++) /* what comes out may be in the range of f32 where the scale is not */
        out[k] = (float)(((double)x[k] - stats->mean) * stats->scale);
}

/* With the sums over a row of dy and of dy * (x - mean). */
TFX_CPU_INLINE void write_gradient(const tfx_cpu_row_op *p, const float *x, const float *dy,
                                   const tfx_cpu_row_stats *stats, double sum_dy, double sum, float *out)
{
    const double by_n = p->norm == TFX_NORM_L2 ? 1.0 : 1.0 / (double)p->cols;
    const double m = stats->mean, scale = stats->scale, a = scale * sum_dy * by_n,
                 b = sum * by_n * scale * scale * scale;
    const centre c = centre_of(m);
    const float s = (float)scale, fa = (float)a, fb = (float)b;
    if (is_moderate(scale) && is_moderate(a) && is_moderate(b)) {
        TFX_CPU_IVDEP
        for (int64_t k = 0; k < p->cols; k++)
            out[k] = s * dy[k] - fa - (x[k] - c.high - c.low) * fb;
        return;
    }
    TFX_CPU_IVDEP
    for (int64_t k = 0; k < p->cols; k++)
        out[k] = (float)(scale * (double)dy[k] - a - ((double)x[k] - m) * b);
}

TFX_CPU_INLINE void find_gradient(int n_rows, const tfx_cpu_row_op *p, const float *x, const float *dy,
                                  const tfx_cpu_row_stats *stats, float *out)
{
    const int64_t n = p->cols;
    double sum[ROWS], sum_dy[ROWS] = {0};
    centre centres[ROWS];
    for (int r = 0; r < n_rows; r++)
        centres[r] = centre_of(stats[r].mean);
    sum_products(n_rows, n, x, centres, dy, sum);
    if (p->norm == TFX_NORM_LAYER)
        sum_rows(n_rows, n, dy, sum_dy);
    for (int r = 0; r < n_rows; r++) {
        if (!isfinite(sum[r]) || fabs(sum[r]) < 0x1p-80) /* as above */
            sum[r] = sum_in_double(n, x + r * n, stats[r].mean, dy + r * n);
        write_gradient(p, x + r * n, dy + r * n, &stats[r], sum_dy[r], sum[r], out + r * n);
    }
}

/* Rows one after the other, at x, dy and out; n_rows is known when this is compiled. */
TFX_CPU_INLINE void norm_rows(int n_rows, const tfx_cpu_row_op *p, const float *x, const float *dy, float *out,
                              tfx_cpu_row_stats *stats)
{
    if (!p->knows_stats)
        find_stats(n_rows, p, x, stats);
    if (dy)
        find_gradient(n_rows, p, x, dy, stats, out);
    for (int r = 0; !dy && r < n_rows; r++)
        normalise(p, x + r * p->cols, &stats[r], out + r * p->cols);
}

TFX_CPU_CLONES static void norm_many(const tfx_cpu_row_op *p, const float *x, const float *dy, float *out,
                                     tfx_cpu_row_stats *stats)
{
    norm_rows(ROWS, p, x, dy, out, stats);
}

TFX_CPU_CLONES static void norm_one(const tfx_cpu_row_op *p, const float *x, const float *dy, float *out,
                                    tfx_cpu_row_stats *stats)
{
    norm_rows(1, p, x, dy, out, stats);
}

void tfx_cpu_norm(const tfx_cpu_row_op *op, int64_t n, const float *x, const float *dy, float *out,
                  tfx_cpu_row_stats *stats)
{
    for (int64_t row = 0; row < n;) {
        int many = op->cols <= TFX_CPU_SHORT_ROW && n - row >= ROWS;
        int64_t at = row * op->cols;
        (many ? norm_many : norm_one)(op, x + at, dy ? dy + at : NULL, out + at, stats + row);
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

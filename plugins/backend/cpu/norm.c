/* NORM and its gradient: layer, RMS and L2 normalisation of rows, without parameters.
 *
 * With m the mean (0 unless layer) and c = 1/columns (1 for L2), the result is (x - m) * r,
 * r = 1 / sqrt(c * sum((x - m)^2) + eps), and the gradient
 *
 *   dx = r * (dy - mean(dy) - (x - m) * r^2 * c * sum(dy * (x - m)))
 *
 * with mean(dy) for layer only. Sums are in double: rows are read from memory once and the
 * arithmetic hides behind that. Where the root is exactly zero (a row without spread, eps 0)
 * r is taken as 0: the row gives zero and receives no gradient. */
#include "simd.h"

#include "kernels.h"
#include "tile_ops.h"

#include <math.h>
#include <stdlib.h>

#define TASK 16384

/* The sum of (x - m)^2. */
TFX_CPU_CLONES static double row_squares(int64_t n, const float *x, double m)
{
    TFX_CPU_SUM(sum, double, k, n, ((double)x[k] - m) * ((double)x[k] - m))
    return sum;
}

/* *dy_x = sum(dy * (x - m)) and the sum of dy. */
TFX_CPU_CLONES static double row_products(int64_t n, const float *x, const float *dy, double m, double *dy_x)
{
    double acc[TFX_CPU_LANES] = {0}, acc_dy[TFX_CPU_LANES] = {0};
    int64_t i = 0;
    for (; i + TFX_CPU_LANES <= n; i += TFX_CPU_LANES)
        for (int j = 0; j < TFX_CPU_LANES; j++) {
            double d = (double)dy[i + j];
            acc[j] += d * ((double)x[i + j] - m);
            acc_dy[j] += d;
        }
    double sum = 0.0, sum_dy = 0.0;
    for (; i < n; i++) {
        sum += (double)dy[i] * ((double)x[i] - m);
        sum_dy += (double)dy[i];
    }
    for (int j = 0; j < TFX_CPU_LANES; j++) {
        sum += acc[j];
        sum_dy += acc_dy[j];
    }
    *dy_x = sum;
    return sum_dy;
}

/* In double: r may be beyond float's range where the result is not. */
TFX_CPU_CLONES static void row_apply(int64_t n, const float *x, double m, double r, float *out)
{
    TFX_CPU_IVDEP
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(((double)x[i] - m) * r);
}

/* out = r * dy - a - (x - m) * b */
TFX_CPU_CLONES static void row_apply_grad(int64_t n, const float *x, const float *dy, double m, double r, double a,
                                          double b, float *out)
{
    TFX_CPU_IVDEP
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(r * (double)dy[i] - a - ((double)x[i] - m) * b);
}

typedef struct norm_args {
    const tfx_tensor *x, *dy, *out; /* dy: gradient only */
    tfx_norm kind;
    double eps;
    tfx_cpu_rows rows;
} norm_args;

static void norm_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const norm_args *p = args;
    const float *all_x = tfx_cpu_at(ctx, p->x), *all_dy = p->dy ? tfx_cpu_at(ctx, p->dy) : NULL;
    float *all_out = tfx_cpu_at(ctx, p->out);
    int64_t n = p->rows.cols, end = tfx_cpu_rows_end(&p->rows, task);
    double c = p->kind == TFX_NORM_L2 ? 1.0 : 1.0 / (double)n;
    for (int64_t row = task * p->rows.per_task; row < end; row++) {
        const float *x = all_x + row * n;
        float *out = all_out + row * n;
        double m = p->kind == TFX_NORM_LAYER ? tfx_cpu_tile_sum(n, x) * c : 0.0;
        double square = c * row_squares(n, x, m) + p->eps;
        double r = square == 0.0 ? 0.0 : 1.0 / sqrt(square);
        if (!all_dy) {
            row_apply(n, x, m, r, out);
            continue;
        }
        const float *dy = all_dy + row * n;
        double dy_x, sum_dy = row_products(n, x, dy, m, &dy_x);
        double a = p->kind == TFX_NORM_LAYER ? r * sum_dy * c : 0.0;
        row_apply_grad(n, x, dy, m, r, a, dy_x * c * r * r * r, out);
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

static tfx_status norm_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    norm_args *p = out->args = calloc(1, sizeof(*p));
    if (!p)
        return TFX_E_MEMORY;
    p->x = tfx_cpu_in(c, node, 0);
    p->dy = node->op == TFX_OP_NORM_GRAD ? tfx_cpu_in(c, node, 1) : NULL;
    p->out = tfx_cpu_out(c, node, 0);
    p->kind = (tfx_norm)node->ints[0];
    p->eps = node->reals[0];
    p->rows = tfx_cpu_last_rows(p->x, TASK);
    out->n_tasks = tfx_cpu_row_tasks(&p->rows);
    out->task = norm_task;
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_norm_ops[] = {
    {TFX_OP_NORM, 1, 1, 1, norm_check, norm_compile}, {TFX_OP_NORM_GRAD, 2, 2, 1, norm_check, norm_compile}, {0}};

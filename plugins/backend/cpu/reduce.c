/* SUM over any set of axes.
 *
 * Neighbouring axes that are both summed or both kept are merged, so that what remains
 * alternates. If the innermost is summed, a task adds up rows to numbers; if it is kept, a
 * task adds rows to a row of accumulators. Either way in double, and either way a long sum
 * over few results is cut into parts whose accumulators are then added in order. All of
 * this depends on the shape alone. */
#include "simd.h"

#include "kernels.h"
#include "tile_ops.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH 1024 /* columns per task when the innermost axis is kept */
#define PART_ELEMENTS 32768
#define MAX_PARTS 32
#define ENOUGH_TASKS 32 /* results per level at which sums need not be cut */

/* out[j] += x[j] */
TFX_CPU_CLONES static void accumulate(int64_t n, double *acc, const float *x)
{
    TFX_CPU_IVDEP
    for (int64_t i = 0; i < n; i++)
        acc[i] += (double)x[i];
}

typedef struct sum_args {
    const tfx_tensor *x, *out;
    tfx_cpu_view kept, summed; /* of x, without the innermost dimension */
    int64_t n_kept, n_summed;  /* their products */
    int64_t inner;             /* the size of the innermost dimension */
    int inner_kept;
    int64_t parts;       /* of `summed`; more than 1: shared memory holds sums [kept][parts][column] */
    int64_t slices;      /* of a kept inner dimension */
    tfx_cpu_rows groups; /* of kept indices, when the inner dimension is summed */
} sum_args;

static int64_t offset_of(const tfx_cpu_view *v, int64_t i)
{
    int64_t offset = 0;
    for (uint32_t d = v->n_dims; d-- > 0;) {
        offset += i % v->dims[d] * v->strides[d];
        i /= v->dims[d];
    }
    return offset;
}

/* Task: (kept index, part, slice of columns). */
static void columns_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const sum_args *p = args;
    int64_t slice = task % p->slices, part = task / p->slices % p->parts, kept = task / p->slices / p->parts;
    int64_t from = slice * WIDTH, width = tfx_cpu_min(WIDTH, p->inner - from);
    double acc[WIDTH];
    memset(acc, 0, (size_t)width * sizeof(double));
    const float *x = (const float *)tfx_cpu_at(ctx, p->x) + offset_of(&p->kept, kept) + from;
    int64_t end = tfx_cpu_split(p->n_summed, p->parts, part + 1);
    for (int64_t s = tfx_cpu_split(p->n_summed, p->parts, part); s < end; s++)
        accumulate(width, acc, x + offset_of(&p->summed, s));
    if (p->parts > 1) {
        double *partial = (double *)ctx->shared + (kept * p->parts + part) * p->inner + from;
        memcpy(partial, acc, (size_t)width * sizeof(double));
        return;
    }
    float *out = (float *)tfx_cpu_at(ctx, p->out) + kept * p->inner + from;
    for (int64_t i = 0; i < width; i++)
        out[i] = (float)acc[i];
}

/* Task: (group of kept indices, part). */
static void rows_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const sum_args *p = args;
    const float *all_x = tfx_cpu_at(ctx, p->x);
    float *out = tfx_cpu_at(ctx, p->out);
    double *partial = (double *)ctx->shared;
    int64_t part = task % p->parts, group = task / p->parts, last = tfx_cpu_rows_end(&p->groups, group);
    int64_t begin = tfx_cpu_split(p->n_summed, p->parts, part);
    int64_t end = tfx_cpu_split(p->n_summed, p->parts, part + 1);
    for (int64_t kept = group * p->groups.per_task; kept < last; kept++) {
        const float *x = all_x + offset_of(&p->kept, kept);
        double sum = 0.0;
        for (int64_t s = begin; s < end; s++)
            sum += tfx_cpu_tile_sum(p->inner, x + offset_of(&p->summed, s));
        if (p->parts > 1)
            partial[kept * p->parts + part] = sum;
        else
            out[kept] = (float)sum;
    }
}

/* Adds up the parts. */
static void sum_finish(const void *args, const tfx_cpu_ctx *ctx)
{
    const sum_args *p = args;
    const double *partial = (const double *)ctx->shared;
    float *out = tfx_cpu_at(ctx, p->out);
    int64_t width = p->inner_kept ? p->inner : 1;
    for (int64_t kept = 0; kept < p->n_kept; kept++)
        for (int64_t i = 0; i < width; i++) {
            double sum = 0.0;
            for (int64_t part = 0; part < p->parts; part++)
                sum += partial[(kept * p->parts + part) * width + i];
            out[kept * width + i] = (float)sum;
        }
}

static const char *sum_check(const tfx_cpu_compiler *c, const tfx_node *node)
{
    if (!tfx_cpu_all_f32(c, node))
        return "sum takes and gives f32";
    const tfx_tensor *x = tfx_cpu_in(c, node, 0);
    int64_t kept = 1;
    for (uint32_t i = 0; i < x->n_dims; i++)
        if (!(node->ints[0] >> i & 1))
            kept *= x->dims[i];
    return kept == tfx_cpu_count(tfx_cpu_out(c, node, 0)) ? NULL : "sum's result does not have the axes that are kept";
}

static tfx_status sum_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    sum_args *p = out->args = calloc(1, sizeof(*p));
    if (!p)
        return TFX_E_MEMORY;
    const tfx_tensor *x = tfx_cpu_in(c, node, 0);
    p->x = x;
    p->out = tfx_cpu_out(c, node, 0);

    tfx_cpu_view *innermost = NULL;
    for (uint32_t i = 0; i < x->n_dims; i++) {
        if (x->dims[i] == 1)
            continue;
        innermost = node->ints[0] >> i & 1 ? &p->summed : &p->kept;
        tfx_cpu_view_add(innermost, x->dims[i], tfx_cpu_product(x->dims, i + 1, x->n_dims));
    }
    p->inner = innermost ? innermost->dims[--innermost->n_dims] : 1;
    p->inner_kept = innermost != &p->summed;
    if (!p->inner_kept && p->inner > PART_ELEMENTS) {
        /* Cut a long innermost row: the largest divisor keeps it one more plain axis. */
        int64_t piece = PART_ELEMENTS;
        while (p->inner % piece)
            piece--;
        if (piece >= PART_ELEMENTS / 8) {
            tfx_cpu_view_add(&p->summed, p->inner / piece, piece);
            p->inner = piece;
        }
    }
    p->n_kept = tfx_cpu_product(p->kept.dims, 0, p->kept.n_dims);
    p->n_summed = tfx_cpu_product(p->summed.dims, 0, p->summed.n_dims);

    p->slices = p->inner_kept ? tfx_cpu_div_up(p->inner, WIDTH) : 1;
    p->groups = tfx_cpu_divide_rows(p->n_kept, p->n_summed * p->inner, PART_ELEMENTS);
    p->parts = 1;
    if (p->n_kept * p->slices < ENOUGH_TASKS) {
        int64_t elements = p->n_summed * p->inner * p->n_kept;
        p->parts = tfx_cpu_min(tfx_cpu_min(MAX_PARTS, p->n_summed), elements / PART_ELEMENTS);
        p->parts = tfx_cpu_max(1, p->parts);
    }
    if (p->parts > 1) {
        out->shared = (uint64_t)(p->n_kept * p->parts * (p->inner_kept ? p->inner : 1)) * sizeof(double);
        out->finish = sum_finish;
    }
    out->n_tasks = (p->inner_kept ? p->n_kept * p->slices : tfx_cpu_row_tasks(&p->groups)) * p->parts;
    out->task = p->inner_kept ? columns_task : rows_task;
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_sum_ops[] = {{TFX_OP_SUM, 1, 1, 1, sum_check, sum_compile}, {0}};

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

/* Merged dimensions of one kind, outermost first, with their strides in x. */
typedef struct axes {
    uint32_t n;
    int64_t dims[TFX_MAX_DIMS + 1], strides[TFX_MAX_DIMS + 1];
    int64_t count;
} axes;

typedef struct sum_args {
    const tfx_tensor *x, *out;
    axes kept, summed; /* without the innermost dimension */
    int64_t inner;     /* its size */
    int inner_kept;
    int64_t parts;       /* of `summed`; more than 1: shared memory holds sums [kept][parts][column] */
    int64_t slices;      /* of a kept inner dimension */
    tfx_cpu_rows groups; /* of kept indices, when the inner dimension is summed */
} sum_args;

static int64_t offset_of(const axes *a, int64_t i)
{
    int64_t offset = 0;
    for (uint32_t d = a->n; d-- > 0;) {
        offset += i % a->dims[d] * a->strides[d];
        i /= a->dims[d];
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
    int64_t end = tfx_cpu_split(p->summed.count, p->parts, part + 1);
    for (int64_t s = tfx_cpu_split(p->summed.count, p->parts, part); s < end; s++)
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
    int64_t begin = tfx_cpu_split(p->summed.count, p->parts, part);
    int64_t end = tfx_cpu_split(p->summed.count, p->parts, part + 1);
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
    for (int64_t kept = 0; kept < p->kept.count; kept++)
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

static void add_axis(axes *a, int64_t dim, int64_t stride)
{
    a->dims[a->n] = dim;
    a->strides[a->n++] = stride;
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

    /* Merge; outermost first. */
    int64_t dims[TFX_MAX_DIMS];
    int summed[TFX_MAX_DIMS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < x->n_dims; i++) {
        int s = (int)(node->ints[0] >> i & 1);
        if (x->dims[i] == 1)
            continue;
        if (n && summed[n - 1] == s) {
            dims[n - 1] *= x->dims[i];
        } else {
            dims[n] = x->dims[i];
            summed[n++] = s;
        }
    }
    if (n == 0)
        dims[0] = 1, summed[n++] = 0;
    p->inner = dims[n - 1];
    p->inner_kept = !summed[n - 1];
    int64_t stride = p->inner, strides[TFX_MAX_DIMS];
    for (uint32_t d = n - 1; d-- > 0;) {
        strides[d] = stride;
        stride *= dims[d];
    }
    for (uint32_t d = 0; d + 1 < n; d++)
        add_axis(summed[d] ? &p->summed : &p->kept, dims[d], strides[d]);
    if (!p->inner_kept && p->inner > PART_ELEMENTS) {
        /* Cut a long innermost row: the largest divisor keeps it one more plain axis. */
        int64_t piece = PART_ELEMENTS;
        while (p->inner % piece)
            piece--;
        if (piece >= PART_ELEMENTS / 8) {
            add_axis(&p->summed, p->inner / piece, piece);
            p->inner = piece;
        }
    }
    p->kept.count = tfx_cpu_product(p->kept.dims, 0, p->kept.n);
    p->summed.count = tfx_cpu_product(p->summed.dims, 0, p->summed.n);

    p->slices = p->inner_kept ? tfx_cpu_div_up(p->inner, WIDTH) : 1;
    p->groups = tfx_cpu_divide_rows(p->kept.count, p->summed.count * p->inner, PART_ELEMENTS);
    p->parts = 1;
    if (p->kept.count * p->slices < ENOUGH_TASKS) {
        int64_t elements = p->summed.count * p->inner * p->kept.count;
        p->parts = tfx_cpu_min(tfx_cpu_min(MAX_PARTS, p->summed.count), elements / PART_ELEMENTS);
        p->parts = tfx_cpu_max(1, p->parts);
    }
    if (p->parts > 1) {
        out->shared = (uint64_t)(p->kept.count * p->parts * (p->inner_kept ? p->inner : 1)) * sizeof(double);
        out->finish = sum_finish;
    }
    out->n_tasks = (p->inner_kept ? p->kept.count * p->slices : tfx_cpu_row_tasks(&p->groups)) * p->parts;
    out->task = p->inner_kept ? columns_task : rows_task;
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_sum_ops[] = {{TFX_OP_SUM, 1, 1, 1, sum_check, sum_compile}, {0}};

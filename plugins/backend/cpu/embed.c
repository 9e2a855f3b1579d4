/* GATHER (embedding look-up) and its adjoint.
 *
 * The adjoint divides the table's rows between tasks; each task goes through all indices in
 * order and adds the rows that are its own, so the order of additions never depends on
 * threads. An index outside the table gives a row of NaN, and its gradient is dropped. */
#include "simd.h"

#include "kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TASK 32768

TFX_CPU_CLONES static void add_row(int64_t n, float *out, const float *x)
{
    TFX_CPU_IVDEP
    for (int64_t i = 0; i < n; i++)
        out[i] += x[i];
}

typedef struct gather_args {
    const tfx_tensor *table, *indices, *rows; /* the adjoint writes table and reads rows */
    const tfx_tensor *add;                    /* adjoint: what is added to, elsewhere; or NULL */
    int in_place;                             /* adjoint: table holds what is added to */
    int64_t n, d, count, parts;
} gather_args;

static void gather_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const gather_args *p = args;
    const float *table = tfx_cpu_at(ctx, p->table);
    const int32_t *indices = tfx_cpu_at(ctx, p->indices);
    float *rows = tfx_cpu_at(ctx, p->rows);
    int64_t end = tfx_cpu_split(p->count, p->parts, task + 1);
    for (int64_t i = tfx_cpu_split(p->count, p->parts, task); i < end; i++) {
        float *out = rows + i * p->d;
        int32_t index = indices[i];
        if (index >= 0 && index < p->n) {
            memcpy(out, table + index * p->d, (size_t)p->d * sizeof(float));
            continue;
        }
        for (int64_t k = 0; k < p->d; k++)
            out[k] = NAN;
    }
}

static void gather_grad_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const gather_args *p = args;
    float *table = tfx_cpu_at(ctx, p->table);
    const int32_t *indices = tfx_cpu_at(ctx, p->indices);
    const float *rows = tfx_cpu_at(ctx, p->rows);
    int64_t from = tfx_cpu_split(p->n, p->parts, task), to = tfx_cpu_split(p->n, p->parts, task + 1);
    size_t bytes = (size_t)((to - from) * p->d) * sizeof(float);
    if (p->add)
        memcpy(table + from * p->d, (const float *)tfx_cpu_at(ctx, p->add) + from * p->d, bytes);
    else if (!p->in_place)
        memset(table + from * p->d, 0, bytes);
    for (int64_t i = 0; i < p->count; i++)
        if (indices[i] >= from && indices[i] < to)
            add_row(p->d, table + indices[i] * p->d, rows + i * p->d);
}

static const char *gather_check(const tfx_cpu_compiler *c, const tfx_node *node)
{
    const tfx_tensor *table = tfx_cpu_in(c, node, 0), *indices = tfx_cpu_in(c, node, 1);
    const tfx_tensor *rows = tfx_cpu_out(c, node, 0);
    if (table->n_dims != 2 || table->dtype != TFX_F32 || indices->dtype != TFX_I32 || rows->dtype != TFX_F32)
        return "gather takes an f32 table [n, d] and i32 indices";
    return tfx_cpu_extends(indices, table->dims[1], rows) ? NULL : "gather: the result has another shape";
}

static const char *gather_grad_check(const tfx_cpu_compiler *c, const tfx_node *node)
{
    const tfx_tensor *indices = tfx_cpu_in(c, node, 0), *rows = tfx_cpu_in(c, node, 1);
    const tfx_tensor *table = tfx_cpu_out(c, node, 0);
    if (table->n_dims != 2 || table->dtype != TFX_F32 || indices->dtype != TFX_I32 || rows->dtype != TFX_F32)
        return "gather_grad takes i32 indices and f32 rows";
    if (!tfx_cpu_extends(indices, table->dims[1], rows))
        return "gather_grad: rows and indices differ in shape";
    if (node->n_in == 3 &&
        (tfx_cpu_in(c, node, 2)->dtype != TFX_F32 || !tfx_cpu_same_shape(tfx_cpu_in(c, node, 2), table)))
        return "gather_grad: the added table has another shape";
    return NULL;
}

static tfx_status gather_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    int grad = node->op == TFX_OP_GATHER_GRAD;
    gather_args *p = out->args = calloc(1, sizeof(*p));
    if (!p)
        return TFX_E_MEMORY;
    p->table = grad ? tfx_cpu_out(c, node, 0) : tfx_cpu_in(c, node, 0);
    p->indices = tfx_cpu_in(c, node, grad ? 0 : 1);
    p->rows = grad ? tfx_cpu_in(c, node, 1) : tfx_cpu_out(c, node, 0);
    if (node->n_in == 3) {
        p->in_place = tfx_cpu_same_place(tfx_cpu_in(c, node, 2), p->table);
        p->add = p->in_place ? NULL : tfx_cpu_in(c, node, 2);
    }
    p->n = p->table->dims[0];
    p->d = p->table->dims[1];
    p->count = tfx_cpu_count(p->indices);
    if (grad) {
        /* Each part scans all indices: few parts per thread. */
        int64_t work = p->in_place ? p->count * p->d : p->n * p->d;
        p->parts = p->n == 0 ? 0 : tfx_cpu_max(1, tfx_cpu_min(tfx_cpu_min(p->n, 4 * c->n_threads), work / TASK));
    } else {
        p->parts = tfx_cpu_min(p->count, tfx_cpu_div_up(p->count * p->d, TASK));
    }
    out->n_tasks = p->parts;
    out->task = grad ? gather_grad_task : gather_task;
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_gather_ops[] = {{TFX_OP_GATHER, 2, 2, 1, gather_check, gather_compile},
                                         {TFX_OP_GATHER_GRAD, 2, 3, 1, gather_grad_check, gather_compile},
                                         {0}};

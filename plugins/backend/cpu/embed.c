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

typedef struct gather_job {
    const gather_args *p;
    float *table, *rows;
    const float *add;
    const int32_t *indices;
} gather_job;

static void gather_task(void *arg, int64_t task, int worker)
{
    const gather_job *j = arg;
    const gather_args *p = j->p;
    (void)worker;
    int64_t end = tfx_cpu_split(p->count, p->parts, task + 1);
    for (int64_t i = tfx_cpu_split(p->count, p->parts, task); i < end; i++) {
        float *out = j->rows + i * p->d;
        int32_t index = j->indices[i];
        if (index >= 0 && index < p->n) {
            memcpy(out, j->table + index * p->d, (size_t)p->d * sizeof(float));
            continue;
        }
        for (int64_t k = 0; k < p->d; k++)
            out[k] = NAN;
    }
}

static void gather_grad_task(void *arg, int64_t task, int worker)
{
    const gather_job *j = arg;
    const gather_args *p = j->p;
    (void)worker;
    int64_t from = tfx_cpu_split(p->n, p->parts, task), to = tfx_cpu_split(p->n, p->parts, task + 1);
    size_t bytes = (size_t)((to - from) * p->d) * sizeof(float);
    if (j->add)
        memcpy(j->table + from * p->d, j->add + from * p->d, bytes);
    else if (!p->in_place)
        memset(j->table + from * p->d, 0, bytes);
    for (int64_t i = 0; i < p->count; i++)
        if (j->indices[i] >= from && j->indices[i] < to)
            add_row(p->d, j->table + j->indices[i] * p->d, j->rows + i * p->d);
}

static void gather_run(const tfx_cpu_step *step, const tfx_cpu_ctx *ctx)
{
    const gather_args *p = step->args;
    gather_job job = {p, tfx_cpu_at(ctx, p->table), tfx_cpu_at(ctx, p->rows), NULL, tfx_cpu_at(ctx, p->indices)};
    tfx_cpu_pool_run(ctx->pool, p->parts, gather_task, &job);
}

static void gather_grad_run(const tfx_cpu_step *step, const tfx_cpu_ctx *ctx)
{
    const gather_args *p = step->args;
    gather_job job = {p, tfx_cpu_at(ctx, p->table), tfx_cpu_at(ctx, p->rows), p->add ? tfx_cpu_at(ctx, p->add) : NULL,
                      tfx_cpu_at(ctx, p->indices)};
    tfx_cpu_pool_run(ctx->pool, p->parts, gather_grad_task, &job);
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
    gather_args *p = calloc(1, sizeof(*p));
    if (!p)
        return TFX_E_MEMORY;
    p->table = tfx_cpu_in(c, node, 0);
    p->indices = tfx_cpu_in(c, node, 1);
    p->rows = tfx_cpu_out(c, node, 0);
    p->n = p->table->dims[0];
    p->d = p->table->dims[1];
    p->count = tfx_cpu_count(p->indices);
    p->parts = tfx_cpu_min(p->count, tfx_cpu_div_up(p->count * p->d, TASK));
    out->args = p;
    out->run = gather_run;
    return TFX_OK;
}

static tfx_status gather_grad_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    gather_args *p = calloc(1, sizeof(*p));
    if (!p)
        return TFX_E_MEMORY;
    p->indices = tfx_cpu_in(c, node, 0);
    p->rows = tfx_cpu_in(c, node, 1);
    p->table = tfx_cpu_out(c, node, 0);
    if (node->n_in == 3) {
        const tfx_tensor *add = tfx_cpu_in(c, node, 2);
        p->in_place = add->buffer == p->table->buffer && add->offset == p->table->offset;
        p->add = p->in_place ? NULL : add;
    }
    p->n = p->table->dims[0];
    p->d = p->table->dims[1];
    p->count = tfx_cpu_count(p->indices);
    /* Each part scans all indices: few parts per thread. */
    int64_t work = p->in_place ? p->count * p->d : p->n * p->d;
    p->parts = p->n == 0 ? 0 : tfx_cpu_max(1, tfx_cpu_min(tfx_cpu_min(p->n, 4 * c->n_threads), work / TASK));
    out->args = p;
    out->run = gather_grad_run;
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_gather_ops[] = {{TFX_OP_GATHER, 2, 2, 1, gather_check, gather_compile},
                                         {TFX_OP_GATHER_GRAD, 2, 3, 1, gather_grad_check, gather_grad_compile},
                                         {0}};

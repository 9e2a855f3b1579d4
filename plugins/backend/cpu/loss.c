/* CROSS_ENTROPY and its gradient over rows of logits.
 *
 * Forwards the logits are read once, backwards, where the gradient may replace them, read
 * and written once: with 50304 columns, memory and exponentials take about the same time.
 *
 * A negative target counts nothing: loss 0, gradient 0. A target beyond the vocabulary gives
 * NaN rather than a read outside the row. */
#include "simd.h"

#include "kernels.h"
#include "softmax.h"
#include "vmath.h"

#include <stdlib.h>
#include <string.h>

#define TASK 65536

/* out = exp(x - lse) * d; out may be x. */
TFX_CPU_CLONES static void row_grad(int64_t n, const float *x, float lse, float d, float *out)
{
    TFX_CPU_IVDEP
    for (int64_t i = 0; i < n; i++)
        out[i] = vm_exp_shifted(x[i] - lse) * d;
}

typedef struct loss_args {
    int grad;
    const tfx_tensor *logits, *targets;
    const tfx_tensor *loss, *lse; /* the gradient reads: dloss, lse */
    const tfx_tensor *dlogits;
    int64_t rows, cols, rows_per_task;
} loss_args;

typedef struct loss_job {
    const loss_args *p;
    const float *logits;
    const int32_t *targets;
    float *loss, *lse, *dlogits;
} loss_job;

static void loss_row(const loss_job *j, int64_t row, int64_t n)
{
    const float *x = j->logits + row * n;
    int32_t target = j->targets[row];
    double lse = tfx_cpu_row_lse(n, x);
    j->lse[row] = (float)lse;
    j->loss[row] = target < 0 ? 0.0f : target < n ? (float)(lse - (double)x[target]) : NAN;
}

static void loss_grad_row(const loss_job *j, int64_t row, int64_t n)
{
    float *out = j->dlogits + row * n;
    int32_t target = j->targets[row];
    float d = j->loss[row];
    if (target < 0) {
        memset(out, 0, (size_t)n * sizeof(float));
        return;
    }
    row_grad(n, j->logits + row * n, j->lse[row], target < n ? d : NAN, out);
    if (target < n)
        out[target] -= d;
}

static void loss_task(void *arg, int64_t task, int worker)
{
    const loss_job *j = arg;
    const loss_args *p = j->p;
    (void)worker;
    int64_t end = tfx_cpu_min(p->rows, (task + 1) * p->rows_per_task);
    for (int64_t row = task * p->rows_per_task; row < end; row++) {
        if (p->grad)
            loss_grad_row(j, row, p->cols);
        else
            loss_row(j, row, p->cols);
    }
}

static void loss_run(const tfx_cpu_step *step, const tfx_cpu_ctx *ctx)
{
    const loss_args *p = step->args;
    loss_job job = {p,
                    tfx_cpu_at(ctx, p->logits),
                    tfx_cpu_at(ctx, p->targets),
                    tfx_cpu_at(ctx, p->loss),
                    tfx_cpu_at(ctx, p->lse),
                    p->grad ? tfx_cpu_at(ctx, p->dlogits) : NULL};
    tfx_cpu_pool_run(ctx->pool, tfx_cpu_div_up(p->rows, p->rows_per_task), loss_task, &job);
}

static const char *loss_check(const tfx_cpu_compiler *c, const tfx_node *node)
{
    int grad = node->op == TFX_OP_CROSS_ENTROPY_GRAD;
    const tfx_tensor *x = tfx_cpu_in(c, node, 0), *t = tfx_cpu_in(c, node, 1);
    if (x->dtype != TFX_F32 || t->dtype != TFX_I32 || x->n_dims < 1 || !tfx_cpu_extends(t, x->dims[x->n_dims - 1], x))
        return "cross_entropy takes f32 logits [..., v] and i32 targets [...]";
    for (uint32_t i = 0; i < 2; i++) {
        const tfx_tensor *row = grad ? tfx_cpu_in(c, node, 2 + i) : tfx_cpu_out(c, node, i);
        if (row->dtype != TFX_F32 || tfx_cpu_count(row) != tfx_cpu_count(t))
            return "cross_entropy: one f32 per row expected";
    }
    if (grad && (tfx_cpu_out(c, node, 0)->dtype != TFX_F32 || !tfx_cpu_same_shape(tfx_cpu_out(c, node, 0), x)))
        return "cross_entropy: the gradient must have the logits' shape";
    return NULL;
}

static tfx_status loss_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    loss_args *p = calloc(1, sizeof(*p));
    if (!p)
        return TFX_E_MEMORY;
    p->grad = node->op == TFX_OP_CROSS_ENTROPY_GRAD;
    p->logits = tfx_cpu_in(c, node, 0);
    p->targets = tfx_cpu_in(c, node, 1);
    p->lse = p->grad ? tfx_cpu_in(c, node, 2) : tfx_cpu_out(c, node, 1);
    p->loss = p->grad ? tfx_cpu_in(c, node, 3) : tfx_cpu_out(c, node, 0);
    p->dlogits = p->grad ? tfx_cpu_out(c, node, 0) : NULL;
    p->cols = p->logits->dims[p->logits->n_dims - 1];
    p->rows = tfx_cpu_product(p->logits->dims, 0, p->logits->n_dims - 1);
    p->rows_per_task = tfx_cpu_rows_per_task(p->rows, p->cols, TASK);
    out->args = p;
    out->run = loss_run;
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_loss_ops[] = {{TFX_OP_CROSS_ENTROPY, 2, 2, 2, loss_check, loss_compile},
                                       {TFX_OP_CROSS_ENTROPY_GRAD, 4, 4, 1, loss_check, loss_compile},
                                       {0}};

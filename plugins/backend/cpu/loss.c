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
    const tfx_tensor *logits, *targets;
    const tfx_tensor *loss, *lse; /* the gradient reads: dloss, lse */
    const tfx_tensor *dlogits;    /* gradient only */
    tfx_cpu_rows rows;
} loss_args;

static void loss_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const loss_args *p = args;
    const float *logits = tfx_cpu_at(ctx, p->logits);
    const int32_t *targets = tfx_cpu_at(ctx, p->targets);
    float *losses = tfx_cpu_at(ctx, p->loss), *lses = tfx_cpu_at(ctx, p->lse);
    int64_t n = p->rows.cols, end = tfx_cpu_rows_end(&p->rows, task);
    for (int64_t row = task * p->rows.per_task; row < end; row++) {
        const float *x = logits + row * n;
        int32_t target = targets[row];
        double lse = tfx_cpu_row_lse(n, x);
        lses[row] = (float)lse;
        losses[row] = target < 0 ? 0.0f : target < n ? (float)(lse - (double)x[target]) : NAN;
    }
}

static void loss_grad_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const loss_args *p = args;
    const float *logits = tfx_cpu_at(ctx, p->logits), *dlosses = tfx_cpu_at(ctx, p->loss);
    const float *lses = tfx_cpu_at(ctx, p->lse);
    const int32_t *targets = tfx_cpu_at(ctx, p->targets);
    float *dlogits = tfx_cpu_at(ctx, p->dlogits);
    int64_t n = p->rows.cols, end = tfx_cpu_rows_end(&p->rows, task);
    for (int64_t row = task * p->rows.per_task; row < end; row++) {
        float *out = dlogits + row * n, d = dlosses[row];
        int32_t target = targets[row];
        if (target < 0) {
            memset(out, 0, (size_t)n * sizeof(float));
            continue;
        }
        row_grad(n, logits + row * n, lses[row], target < n ? d : NAN, out);
        if (target < n)
            out[target] -= d;
    }
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
    int grad = node->op == TFX_OP_CROSS_ENTROPY_GRAD;
    loss_args *p = out->args = calloc(1, sizeof(*p));
    if (!p)
        return TFX_E_MEMORY;
    p->logits = tfx_cpu_in(c, node, 0);
    p->targets = tfx_cpu_in(c, node, 1);
    p->lse = grad ? tfx_cpu_in(c, node, 2) : tfx_cpu_out(c, node, 1);
    p->loss = grad ? tfx_cpu_in(c, node, 3) : tfx_cpu_out(c, node, 0);
    p->dlogits = grad ? tfx_cpu_out(c, node, 0) : NULL;
    p->rows = tfx_cpu_last_rows(p->logits, TASK);
    out->n_tasks = tfx_cpu_row_tasks(&p->rows);
    out->task = grad ? loss_grad_task : loss_task;
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_loss_ops[] = {{TFX_OP_CROSS_ENTROPY, 2, 2, 2, loss_check, loss_compile},
                                       {TFX_OP_CROSS_ENTROPY_GRAD, 4, 4, 1, loss_check, loss_compile},
                                       {0}};

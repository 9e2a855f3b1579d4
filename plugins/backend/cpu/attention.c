/* Causal attention on [batch, time, heads, dims], forward and backward, without a time x time
 * matrix: queries are taken in blocks, and only the scores of one block against the keys
 * that it may see exist, in scratch memory that stays in the second-level cache.
 *
 * Matrices of one head are read in place with a row stride of heads * dims. The backward pass
 * recomputes the probabilities from the log-sum-exp that the forward pass saved. Tasks are
 * (batch, head, query block) forwards and (batch, head) backwards, where the gradients of
 * keys and values add up over query blocks in a fixed order. */
#include "simd.h"

#include "kernels.h"
#include "softmax.h"
#include "vmath.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#define QUERY_BLOCK 128

typedef struct attention_plan {
    const tfx_tensor *q, *k, *v, *o, *lse, *d_o, *dq, *dk, *dv;
    int64_t batch, time, heads, dims;
    int64_t block, n_blocks;
    float scale;
} attention_plan;

typedef struct attention_job {
    const attention_plan *p;
    const tfx_cpu_ctx *ctx;
} attention_job;

/* The start of (batch b, head h, time t) in a [batch, time, heads, dims] tensor. */
static float *head_at(const attention_job *j, const tfx_tensor *t, int64_t b, int64_t h, int64_t time)
{
    const attention_plan *p = j->p;
    return (float *)tfx_cpu_at(j->ctx, t) + ((b * p->time + time) * p->heads + h) * p->dims;
}

/* c[m, n] = alpha * op(a) op(b) + beta * c */
static void gemm(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                 const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n,
                (blasint)k, alpha, a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

/* ---- forward ---- */

static void forward_task(void *arg, int64_t task, int worker)
{
    const attention_job *j = arg;
    const attention_plan *p = j->p;
    /* The longest blocks first, so that threads finish together. */
    int64_t block = p->n_blocks - 1 - task % p->n_blocks, bh = task / p->n_blocks;
    int64_t b = bh / p->heads, h = bh % p->heads;
    int64_t first = block * p->block, n_q = tfx_cpu_min(p->block, p->time - first), n_k = first + n_q;
    int64_t ld = p->heads * p->dims;
    float *s = (float *)tfx_cpu_scratch(j->ctx, worker); /* [n_q, n_k] */
    float *lse = (float *)tfx_cpu_at(j->ctx, p->lse) + bh * p->time + first;
    float *o = head_at(j, p->o, b, h, first);
    float inverse[QUERY_BLOCK];

    gemm(0, 1, n_q, n_k, p->dims, p->scale, head_at(j, p->q, b, h, first), ld, head_at(j, p->k, b, h, 0), ld, 0.0f, s,
         n_k);
    for (int64_t i = 0; i < n_q; i++) {
        float *row = s + i * n_k;
        int64_t seen = first + i + 1;
        float max = tfx_cpu_row_max(seen, row);
        double sum = tfx_cpu_row_exp(seen, row, 1.0f, max, row);
        memset(row + seen, 0, (size_t)(n_k - seen) * sizeof(float));
        inverse[i] = (float)(1.0 / sum);
        lse[i] = (float)((double)max + log(sum));
    }
    gemm(0, 0, n_q, p->dims, n_k, 1.0f, s, n_k, head_at(j, p->v, b, h, 0), ld, 0.0f, o, ld);
    for (int64_t i = 0; i < n_q; i++)
        tfx_cpu_row_scale(p->dims, o + i * ld, inverse[i]);
}

static void forward_run(const tfx_cpu_step *step, const tfx_cpu_ctx *ctx)
{
    const attention_plan *p = step->plan;
    attention_job job = {p, ctx};
    tfx_cpu_pool_run(ctx->pool, p->batch * p->heads * p->n_blocks, forward_task, &job);
}

/* ---- backward ---- */

/* ds = p * (dp - delta) * scale, in place of dp. */
TFX_CPU_CLONES static void score_grad_row(int64_t n, const float *p, float *dp, float delta, float scale)
{
    TFX_CPU_IVDEP for (int64_t i = 0; i < n; i++)
        dp[i] = p[i] * (dp[i] - delta) * scale;
}

static void backward_task(void *arg, int64_t bh, int worker)
{
    const attention_job *j = arg;
    const attention_plan *p = j->p;
    int64_t b = bh / p->heads, h = bh % p->heads, ld = p->heads * p->dims;
    float *s = (float *)tfx_cpu_scratch(j->ctx, worker);
    float *ds = s + p->block * p->time;
    const float *k = head_at(j, p->k, b, h, 0), *v = head_at(j, p->v, b, h, 0);
    float *dk = head_at(j, p->dk, b, h, 0), *dv = head_at(j, p->dv, b, h, 0);
    const float *lse = (const float *)tfx_cpu_at(j->ctx, p->lse) + bh * p->time;

    /* From the last block, which sees every key, so that it can overwrite dk and dv. */
    for (int64_t block = p->n_blocks - 1; block >= 0; block--) {
        int64_t first = block * p->block, n_q = tfx_cpu_min(p->block, p->time - first), n_k = first + n_q;
        float beta = block == p->n_blocks - 1 ? 0.0f : 1.0f;
        const float *q = head_at(j, p->q, b, h, first), *d_o = head_at(j, p->d_o, b, h, first);
        const float *o = head_at(j, p->o, b, h, first);
        gemm(0, 1, n_q, n_k, p->dims, p->scale, q, ld, k, ld, 0.0f, s, n_k);
        gemm(0, 1, n_q, n_k, p->dims, 1.0f, d_o, ld, v, ld, 0.0f, ds, n_k);
        for (int64_t i = 0; i < n_q; i++) {
            float *row = s + i * n_k, *drow = ds + i * n_k;
            int64_t seen = first + i + 1;
            float delta = (float)tfx_cpu_row_dot(p->dims, d_o + i * ld, o + i * ld);
            tfx_cpu_row_exp(seen, row, 1.0f, lse[first + i], row);
            score_grad_row(seen, row, drow, delta, p->scale);
            memset(row + seen, 0, (size_t)(n_k - seen) * sizeof(float));
            memset(drow + seen, 0, (size_t)(n_k - seen) * sizeof(float));
        }
        gemm(1, 0, n_k, p->dims, n_q, 1.0f, s, n_k, d_o, ld, beta, dv, ld);
        gemm(1, 0, n_k, p->dims, n_q, 1.0f, ds, n_k, q, ld, beta, dk, ld);
        gemm(0, 0, n_q, p->dims, n_k, 1.0f, ds, n_k, k, ld, 0.0f, head_at(j, p->dq, b, h, first), ld);
    }
}

static void backward_run(const tfx_cpu_step *step, const tfx_cpu_ctx *ctx)
{
    const attention_plan *p = step->plan;
    attention_job job = {p, ctx};
    tfx_cpu_pool_run(ctx->pool, p->batch * p->heads, backward_task, &job);
}

/* ---- compiling ---- */

static attention_plan *plan_create(const tfx_cpu_compiler *c, const tfx_node *node)
{
    attention_plan *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->q = tfx_cpu_in(c, node, 0);
    p->k = tfx_cpu_in(c, node, 1);
    p->v = tfx_cpu_in(c, node, 2);
    p->scale = (float)node->reals[0];
    p->batch = p->q->dims[0];
    p->time = p->q->dims[1];
    p->heads = p->q->dims[2];
    p->dims = p->q->dims[3];
    p->block = tfx_cpu_min(QUERY_BLOCK, tfx_cpu_max(1, p->time));
    p->n_blocks = tfx_cpu_div_up(p->time, p->block);
    return p;
}

tfx_status tfx_cpu_compile_attention(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    attention_plan *p = plan_create(c, node);
    if (!p)
        return TFX_E_MEMORY;
    p->o = tfx_cpu_out(c, node, 0);
    p->lse = tfx_cpu_out(c, node, 1);
    out->plan = p;
    out->run = forward_run;
    out->scratch = (uint64_t)(p->block * p->time) * sizeof(float);
    return TFX_OK;
}

tfx_status tfx_cpu_compile_attention_grad(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    attention_plan *p = plan_create(c, node);
    if (!p)
        return TFX_E_MEMORY;
    p->o = tfx_cpu_in(c, node, 3);
    p->lse = tfx_cpu_in(c, node, 4);
    p->d_o = tfx_cpu_in(c, node, 5);
    p->dq = tfx_cpu_out(c, node, 0);
    p->dk = tfx_cpu_out(c, node, 1);
    p->dv = tfx_cpu_out(c, node, 2);
    out->plan = p;
    out->run = backward_run;
    out->scratch = 2 * (uint64_t)(p->block * p->time) * sizeof(float);
    return TFX_OK;
}

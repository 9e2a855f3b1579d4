/* Causal attention on [batch, time, heads, dims], forward and backward, without a time x time
 * matrix: queries are taken in blocks, the keys that a block may see in chunks, and only the
 * scores of one block against one chunk exist, in scratch memory that stays in the
 * second-level cache.
 *
 * Matrices of one head are read in place with a row stride of heads * dims; bf16 ones are made f32 in scratch memory
 * first. Forwards, rows
 * are rescaled when a later chunk brings a larger score; backwards, the probabilities are
 * recomputed from the log-sum-exp that the forward pass saved. Tasks are (batch, head, query
 * block) forwards and (batch, head) backwards, where the gradients of keys and values add up
 * over query blocks in a fixed order. */
#include "simd.h"

#include "kernels.h"
#include "softmax.h"
#include "tile_ops.h"
#include "vmath.h"

#include <cblas.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Longer blocks make better matrix products; shorter ones waste less of the block at the
 * diagonal, half of which is masked. Of 32 to 192, block_for gave the best or nearly the best
 * time at 256, 1024 and 4096 positions. */
#define MAX_BLOCK 128
#define KEY_CHUNK 512 /* 256 to 1024 differ by a few percent */

typedef struct attention_args {
    const tfx_tensor *q, *k, *v, *o, *lse, *d_o, *dq, *dk, *dv;
    int64_t time, heads, dims;
    int64_t block, n_blocks, chunk; /* queries per block; keys per chunk */
    float scale;
    int bf16; /* q, k, v, o and do are; results are f32 */
} attention_args;

/* Rows of one head; from row to row there are ld elements. */
typedef struct head_rows {
    const float *at;
    int64_t ld;
} head_rows;

/* The start of (batch b, head h, time t) in a [batch, time, heads, dims] tensor. */
static float *head_at(const tfx_cpu_ctx *ctx, const attention_args *p, const tfx_tensor *t, int64_t b, int64_t h,
                      int64_t time)
{
    return (float *)tfx_cpu_at(ctx, t) + ((b * p->time + time) * p->heads + h) * p->dims;
}

/* n rows of an operand, from `time` on. Those that are bf16 are written to *scratch, which then is behind them. */
static head_rows read_rows(const tfx_cpu_ctx *ctx, const attention_args *p, const tfx_tensor *t, int64_t b, int64_t h,
                           int64_t time, int64_t n, float **scratch)
{
    int64_t ld = p->heads * p->dims;
    if (!p->bf16)
        return (head_rows){head_at(ctx, p, t, b, h, time), ld};
    const uint16_t *from = (const uint16_t *)tfx_cpu_at(ctx, t) + ((b * p->time + time) * p->heads + h) * p->dims;
    float *to = *scratch;
    for (int64_t i = 0; i < n; i++)
        tfx_cpu_load_bf16(p->dims, to + i * p->dims, from + i * ld);
    *scratch += n * p->dims;
    return (head_rows){to, p->dims};
}

/* c[m, n] = alpha * op(a) op(b) + beta * c */
static void gemm(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, head_rows b,
                 float beta, float *c, int64_t ldc)
{
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n,
                (blasint)k, alpha, a, (blasint)lda, b.at, (blasint)b.ld, beta, c, (blasint)ldc);
}

/* ---- forward ---- */

/* Turns a row of `seen` scores (of n in the chunk) into exp(score - max), where max and sum
 * are of the row so far, and returns what to multiply earlier results with. */
static float softmax_chunk(float *row, int64_t seen, int64_t n, float *max, double *sum)
{
    float m = tfx_cpu_row_max(seen, row);
    float larger = m > *max ? m : *max;
    /* Nothing came before: exp(-inf - x) without the NaN of -inf - -inf. */
    float factor = *sum == 0.0 ? 0.0f : expf(*max - larger);
    *sum = *sum * (double)factor + tfx_cpu_row_exp(seen, row, larger, row);
    *max = larger;
    memset(row + seen, 0, (size_t)(n - seen) * sizeof(float));
    return factor;
}

static void forward_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const attention_args *p = args;
    /* The longest blocks first, so that threads finish together. */
    int64_t block = p->n_blocks - 1 - task % p->n_blocks, bh = task / p->n_blocks;
    int64_t b = bh / p->heads, h = bh % p->heads;
    int64_t first = block * p->block, n_q = tfx_cpu_min(p->block, p->time - first);
    int64_t ld = p->heads * p->dims;
    float *s = (float *)ctx->scratch, *spare = s + p->block * p->chunk; /* s: [n_q, n_k] */
    float *lse = (float *)tfx_cpu_at(ctx, p->lse) + bh * p->time + first;
    const head_rows q = read_rows(ctx, p, p->q, b, h, first, n_q, &spare);
    float *o = head_at(ctx, p, p->o, b, h, first);
    float max[MAX_BLOCK];
    double sum[MAX_BLOCK];
    for (int64_t i = 0; i < n_q; i++) {
        max[i] = -INFINITY;
        sum[i] = 0.0;
    }
    for (int64_t key = 0; key < first + n_q; key += p->chunk) {
        int64_t n_k = tfx_cpu_min(p->chunk, first + n_q - key);
        float *here = spare;
        head_rows k = read_rows(ctx, p, p->k, b, h, key, n_k, &here),
                  v = read_rows(ctx, p, p->v, b, h, key, n_k, &here);
        gemm(0, 1, n_q, n_k, p->dims, p->scale, q.at, q.ld, k, 0.0f, s, n_k);
        for (int64_t i = 0; i < n_q; i++) {
            int64_t seen = tfx_cpu_min(n_k, tfx_cpu_max(0, first + i + 1 - key));
            float factor = softmax_chunk(s + i * n_k, seen, n_k, &max[i], &sum[i]);
            if (key && factor != 1.0f)
                tfx_cpu_row_scale(p->dims, o + i * ld, factor);
        }
        gemm(0, 0, n_q, p->dims, n_k, 1.0f, s, n_k, v, key ? 1.0f : 0.0f, o, ld);
    }
    for (int64_t i = 0; i < n_q; i++) {
        tfx_cpu_row_scale(p->dims, o + i * ld, (float)(1.0 / sum[i]));
        lse[i] = (float)((double)max[i] + log(sum[i]));
    }
}

/* ---- backward ---- */

/* s becomes p = exp(s - lse), and dp becomes p * (dp - delta) * scale. */
TFX_CPU_CLONES static void score_grad_row(int64_t n, float *s, float lse, float delta, float scale, float *dp)
{
    TFX_CPU_IVDEP
    for (int64_t i = 0; i < n; i++) {
        float p = vm_exp_shifted(s[i] - lse);
        s[i] = p;
        dp[i] = p * (dp[i] - delta) * scale;
    }
}

static void backward_task(const void *args, const tfx_cpu_ctx *ctx, int64_t bh)
{
    const attention_args *p = args;
    int64_t b = bh / p->heads, h = bh % p->heads, ld = p->heads * p->dims;
    float *s = (float *)ctx->scratch;
    float *ds = s + p->block * p->chunk, *spare = ds + p->block * p->chunk;
    const float *lse = (const float *)tfx_cpu_at(ctx, p->lse) + bh * p->time;

    /* From the last block, which sees every key, so that it can overwrite dk and dv. */
    for (int64_t block = p->n_blocks - 1; block >= 0; block--) {
        int64_t first = block * p->block, n_q = tfx_cpu_min(p->block, p->time - first);
        float add = block == p->n_blocks - 1 ? 0.0f : 1.0f;
        float *here = spare;
        const head_rows q = read_rows(ctx, p, p->q, b, h, first, n_q, &here);
        const head_rows o = read_rows(ctx, p, p->o, b, h, first, n_q, &here);
        const head_rows d_o = read_rows(ctx, p, p->d_o, b, h, first, n_q, &here);
        float *dq = head_at(ctx, p, p->dq, b, h, first);
        float delta[MAX_BLOCK];
        for (int64_t i = 0; i < n_q; i++)
            delta[i] = (float)tfx_cpu_row_dot(p->dims, d_o.at + i * d_o.ld, o.at + i * o.ld);
        for (int64_t key = 0; key < first + n_q; key += p->chunk) {
            int64_t n_k = tfx_cpu_min(p->chunk, first + n_q - key);
            float *keys = here;
            const head_rows k = read_rows(ctx, p, p->k, b, h, key, n_k, &keys);
            const head_rows v = read_rows(ctx, p, p->v, b, h, key, n_k, &keys);
            gemm(0, 1, n_q, n_k, p->dims, p->scale, q.at, q.ld, k, 0.0f, s, n_k);
            gemm(0, 1, n_q, n_k, p->dims, 1.0f, d_o.at, d_o.ld, v, 0.0f, ds, n_k);
            for (int64_t i = 0; i < n_q; i++) {
                float *row = s + i * n_k, *drow = ds + i * n_k;
                int64_t seen = tfx_cpu_min(n_k, tfx_cpu_max(0, first + i + 1 - key));
                score_grad_row(seen, row, lse[first + i], delta[i], p->scale, drow);
                memset(row + seen, 0, (size_t)(n_k - seen) * sizeof(float));
                memset(drow + seen, 0, (size_t)(n_k - seen) * sizeof(float));
            }
            gemm(1, 0, n_k, p->dims, n_q, 1.0f, s, n_k, d_o, add, head_at(ctx, p, p->dv, b, h, key), ld);
            gemm(1, 0, n_k, p->dims, n_q, 1.0f, ds, n_k, q, add, head_at(ctx, p, p->dk, b, h, key), ld);
            gemm(0, 0, n_q, p->dims, n_k, 1.0f, ds, n_k, k, key ? 1.0f : 0.0f, dq, ld);
        }
    }
}

/* ---- checking and compiling ---- */

static const char *attention_check(const tfx_cpu_compiler *c, const tfx_node *node)
{
    const tfx_tensor *q = tfx_cpu_in(c, node, 0);
    const tfx_tensor *lse = node->op == TFX_OP_ATTENTION ? tfx_cpu_out(c, node, 1) : tfx_cpu_in(c, node, 4);
    if ((q->dtype != TFX_F32 && q->dtype != TFX_BF16) || q->n_dims != 4)
        return "attention takes f32 or bf16 [batch, time, heads, dims]";
    for (uint32_t i = 0; i < node->n_in; i++) {
        const tfx_tensor *x = tfx_cpu_in(c, node, i);
        if (x->dtype != (x == lse ? TFX_F32 : q->dtype))
            return "attention: operands of different dtypes";
        if (x != lse && !tfx_cpu_same_shape(x, q))
            return "attention: operands of different shapes";
    }
    for (uint32_t i = 0; i < node->n_out; i++) {
        const tfx_tensor *y = tfx_cpu_out(c, node, i);
        if (y->dtype != TFX_F32)
            return "attention gives f32 tensors";
        if (y != lse && !tfx_cpu_same_shape(y, q))
            return "attention: results of another shape";
    }
    if (lse->n_dims != 3 || lse->dims[0] != q->dims[0] || lse->dims[1] != q->dims[2] || lse->dims[2] != q->dims[1])
        return "attention: lse must be [batch, heads, time]";
    if (q->dims[1] > INT_MAX || q->dims[2] * q->dims[3] > INT_MAX)
        return "attention: a dimension beyond what BLAS can count";
    return NULL;
}

static int64_t block_for(int64_t time)
{
    int64_t block = (int64_t)tfx_cpu_round_up((uint64_t)(3.0 * sqrt((double)time)), 16);
    return tfx_cpu_max(1, tfx_cpu_min(tfx_cpu_min(block, MAX_BLOCK), time));
}

static tfx_status attention_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    int grad = node->op == TFX_OP_ATTENTION_GRAD;
    attention_args *p = out->args = calloc(1, sizeof(*p));
    if (!p)
        return TFX_E_MEMORY;
    p->q = tfx_cpu_in(c, node, 0);
    p->k = tfx_cpu_in(c, node, 1);
    p->v = tfx_cpu_in(c, node, 2);
    p->o = grad ? tfx_cpu_in(c, node, 3) : tfx_cpu_out(c, node, 0);
    p->lse = grad ? tfx_cpu_in(c, node, 4) : tfx_cpu_out(c, node, 1);
    if (grad) {
        p->d_o = tfx_cpu_in(c, node, 5);
        p->dq = tfx_cpu_out(c, node, 0);
        p->dk = tfx_cpu_out(c, node, 1);
        p->dv = tfx_cpu_out(c, node, 2);
    }
    p->bf16 = p->q->dtype == TFX_BF16;
    p->scale = (float)node->reals[0];
    p->time = p->q->dims[1];
    p->heads = p->q->dims[2];
    p->dims = p->q->dims[3];
    p->block = block_for(p->time);
    p->chunk = tfx_cpu_max(1, tfx_cpu_min(KEY_CHUNK, p->time));
    p->n_blocks = tfx_cpu_div_up(p->time, p->block);
    out->n_tasks = p->q->dims[0] * p->heads * (grad ? 1 : p->n_blocks);
    out->task = grad ? backward_task : forward_task;
    int64_t copies = p->bf16 ? (grad ? 3 : 1) * p->block + 2 * p->chunk : 0; /* rows of operands made f32 */
    int64_t scores = (grad ? 2 : 1) * p->block * p->chunk;
    out->scratch = tfx_cpu_round_up((uint64_t)(scores + copies * p->dims) * sizeof(float), 64);
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_attention_ops[] = {{TFX_OP_ATTENTION, 3, 3, 2, attention_check, attention_compile},
                                            {TFX_OP_ATTENTION_GRAD, 6, 6, 3, attention_check, attention_compile},
                                            {0}};

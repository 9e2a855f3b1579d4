/* Attention by products of whichever library there is, forward and backward, without a time x time
 * matrix: queries are taken in blocks, the keys that a block may see in chunks, and only the
 * scores of one block against one chunk exist, in scratch memory that stays in the
 * second-level cache.
 *
 * Matrices of one head are read in place with a row stride of heads * dims. Of bf16 operands all products are
 * products of bf16: probabilities, and gradients of scores, are rounded to it for those that they are operands of.
 * Forwards, rows are rescaled when a later chunk brings a larger score; backwards, the probabilities are
 * recomputed from the log-sum-exp that the forward pass saved. Tasks are (batch, head, query
 * block) forwards and (batch, head) backwards, where the gradients of keys and values add up
 * over query blocks in a fixed order. */
#include "simd.h"

#include "attention.h"
#include "softmax.h"
#include "tile_ops.h"
#include "vmath.h"

#include <string.h>

/* Longer blocks make better matrix products; shorter ones waste less of the block at the
 * diagonal, half of which is masked. Of 32 to 192, block_for gave the best or nearly the best
 * time at 256, 1024 and 4096 positions. */
#define MAX_BLOCK 128
#define KEY_CHUNK 512 /* 256 to 1024 differ by a few percent */

/* The part of a chunk of keys that a query sees. */
typedef struct part {
    int64_t from, to;
} part;

static part seen_of(const tfx_cpu_attention *p, int64_t query, int64_t key, int64_t n)
{
    int64_t from = tfx_cpu_min(n, tfx_cpu_max(0, tfx_cpu_attention_first_key(p, query) - key));
    return (part){from, tfx_cpu_max(from, tfx_cpu_min(n, tfx_cpu_attention_end_key(p, query) - key))};
}

/* Makes n scores operands of a product: all but those seen become 0, and bf16 ones take the place of the first half. */
static void finish_scores(const tfx_cpu_attention *p, part seen, int64_t n, float *row)
{
    if (p->bf16)
        tfx_cpu_store_bf16(seen.to - seen.from, (uint16_t *)(void *)row + seen.from, row + seen.from);
    size_t bytes = p->bf16 ? 2 : 4;
    memset(row, 0, (size_t)seen.from * bytes);
    memset((char *)row + (size_t)seen.to * bytes, 0, (size_t)(n - seen.to) * bytes);
}

/* Scores of a query of head h become what special attention makes of them; d_cap (may be NULL) gets what gradients are to be
 * multiplied with for that. */
static void adjust_scores(const tfx_cpu_attention *p, int64_t h, int64_t query, int64_t key, part seen, float *row,
                          float *d_cap)
{
    const float slope = tfx_cpu_attention_slope(p, h), cap = p->soft_cap;
    for (int64_t j = seen.from; j < seen.to; j++) {
        int64_t away = query > key + j ? query - key - j : key + j - query;
        if (d_cap)
            d_cap[j] = cap > 0 ? tfx_cpu_attention_slope_of_cap(row[j], cap) : 1.0f;
        row[j] = tfx_cpu_attention_score(row[j], cap, slope * (float)away);
    }
}

/* The matrix of finished scores of n keys a row. */
static tfx_cpu_rows_of finished(const tfx_cpu_attention *p, const float *scores, int64_t n)
{
    return (tfx_cpu_rows_of){scores, p->bf16 ? 2 * n : n};
}

/* c[m, n] = alpha * op(a) op(b) + beta * c */
static void multiply(const tfx_cpu_ctx *ctx, const tfx_cpu_attention *p, int ta, int tb, int64_t m, int64_t n,
                     int64_t k, float alpha, tfx_cpu_rows_of a, tfx_cpu_rows_of b, float beta, float *c, int64_t ldc)
{
    tfx_cpu_matmul product = {.bf16 = p->bf16,
                              .trans_a = ta,
                              .trans_b = tb,
                              .m = m,
                              .n = n,
                              .k = k,
                              .alpha = alpha,
                              .beta = beta,
                              .a = a.at,
                              .b = b.at,
                              .from = c,
                              .c = c,
                              .lda = a.ld,
                              .ldb = b.ld,
                              .ldc = ldc};
    tfx_cpu_multiply(ctx->gemm, &product, ctx->scratch + p->products);
}

/* ---- forward ---- */

/* Turns a row of `seen` scores into exp(score - max), where max and sum
 * are of the row so far, and returns what to multiply earlier results with. */
static float softmax_chunk(float *row, int64_t seen, float *max, double *sum)
{
    float m = tfx_cpu_row_max(seen, row);
    float larger = m > *max ? m : *max;
    /* Nothing came before: exp(-inf - x) without the NaN of -inf - -inf. */
    float factor = *sum == 0.0 ? 0.0f : expf(*max - larger);
    *sum = *sum * (double)factor + tfx_cpu_row_exp(seen, row, larger, row);
    *max = larger;
    return factor;
}

static void forward_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const tfx_cpu_attention *p = args;
    /* The longest blocks first, so that threads finish together. */
    int64_t block = p->n_blocks - 1 - task % p->n_blocks, bh = task / p->n_blocks;
    int64_t b = bh / p->heads, h = bh % p->heads;
    int64_t first = block * p->block, n_q = tfx_cpu_min(p->block, p->time - first);
    int64_t ld = p->heads * p->dims, start = tfx_cpu_attention_first_key(p, first),
            end = tfx_cpu_attention_end_key(p, first + n_q - 1);
    float *s = (float *)ctx->scratch; /* [n_q, n_k] */
    float *lse = (float *)tfx_cpu_at(ctx, p->lse) + bh * p->time + first;
    tfx_cpu_rows_of q = tfx_cpu_attention_operand(ctx, p, p->q, b, h, first);
    float *o = tfx_cpu_attention_result(ctx, p, p->o, b, h, first);
    float max[MAX_BLOCK];
    double sum[MAX_BLOCK];
    for (int64_t i = 0; i < n_q; i++) {
        max[i] = -INFINITY;
        sum[i] = 0.0;
    }
    for (int64_t key = start; key < end; key += p->chunk) {
        int64_t n_k = tfx_cpu_min(p->chunk, end - key);
        multiply(ctx, p, 0, 1, n_q, n_k, p->dims, p->scale, q, tfx_cpu_attention_operand(ctx, p, p->k, b, h, key), 0.0f,
                 s, n_k);
        for (int64_t i = 0; i < n_q; i++) {
            part seen = seen_of(p, first + i, key, n_k);
            if (p->special)
                adjust_scores(p, h, first + i, key, seen, s + i * n_k, NULL);
            float factor = softmax_chunk(s + i * n_k + seen.from, seen.to - seen.from, &max[i], &sum[i]);
            finish_scores(p, seen, n_k, s + i * n_k);
            if (key > start && factor != 1.0f)
                tfx_cpu_row_scale(p->dims, o + i * ld, factor);
        }
        multiply(ctx, p, 0, 0, n_q, p->dims, n_k, 1.0f, finished(p, s, n_k),
                 tfx_cpu_attention_operand(ctx, p, p->v, b, h, key), key > start ? 1.0f : 0.0f, o, ld);
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

/* Adds what head h of the queries has to do with the gradients of keys and values, which `add` says are there already. */
static void backward_head(const tfx_cpu_attention *p, const tfx_cpu_ctx *ctx, int64_t b, int64_t h, int add)
{
    int64_t ld = p->heads * p->dims, ld_keys = tfx_cpu_attention_stride(p, p->k);
    float *s = (float *)ctx->scratch, *ds = s + p->block * p->chunk, *rows = ds + p->block * p->chunk;
    float *d_cap = rows + (p->bf16 ? 2 * p->dims : 0);
    const float *lse = (const float *)tfx_cpu_at(ctx, p->lse) + (b * p->heads + h) * p->time;

    /* From the last block, which in causal attention sees every key, so that it can overwrite dk and dv. */
    for (int64_t block = p->n_blocks - 1; block >= 0; block--) {
        int64_t first = block * p->block, n_q = tfx_cpu_min(p->block, p->time - first);
        int64_t start = tfx_cpu_attention_first_key(p, first), end = tfx_cpu_attention_end_key(p, first + n_q - 1);
        float delta[MAX_BLOCK];
        for (int64_t i = 0; i < n_q; i++)
            delta[i] = tfx_cpu_attention_delta(p, tfx_cpu_attention_operand(ctx, p, p->o, b, h, first + i).at,
                                               tfx_cpu_attention_operand(ctx, p, p->d_o, b, h, first + i).at, rows);
        tfx_cpu_rows_of q = tfx_cpu_attention_operand(ctx, p, p->q, b, h, first),
                        d_o = tfx_cpu_attention_operand(ctx, p, p->d_o, b, h, first);
        for (int64_t key = start; key < end; key += p->chunk) {
            int64_t n_k = tfx_cpu_min(p->chunk, end - key);
            float more = add || block < p->n_blocks - 1 ? 1.0f : 0.0f;
            tfx_cpu_rows_of k = tfx_cpu_attention_operand(ctx, p, p->k, b, h, key),
                            v = tfx_cpu_attention_operand(ctx, p, p->v, b, h, key);
            multiply(ctx, p, 0, 1, n_q, n_k, p->dims, p->scale, q, k, 0.0f, s, n_k);
            multiply(ctx, p, 0, 1, n_q, n_k, p->dims, 1.0f, d_o, v, 0.0f, ds, n_k);
            for (int64_t i = 0; i < n_q; i++) {
                float *row = s + i * n_k, *drow = ds + i * n_k;
                part seen = seen_of(p, first + i, key, n_k);
                int64_t n = seen.to - seen.from;
                if (p->special)
                    adjust_scores(p, h, first + i, key, seen, row, d_cap);
                score_grad_row(n, row + seen.from, lse[first + i], delta[i], p->scale, drow + seen.from);
                for (int64_t j = seen.from; j < seen.to && p->soft_cap > 0; j++)
                    drow[j] *= d_cap[j];
                finish_scores(p, seen, n_k, row);
                finish_scores(p, seen, n_k, drow);
            }
            tfx_cpu_rows_of probabilities = finished(p, s, n_k), gradients = finished(p, ds, n_k);
            multiply(ctx, p, 1, 0, n_k, p->dims, n_q, 1.0f, probabilities, d_o, more,
                     tfx_cpu_attention_result(ctx, p, p->dv, b, h, key), ld_keys);
            multiply(ctx, p, 1, 0, n_k, p->dims, n_q, 1.0f, gradients, q, more,
                     tfx_cpu_attention_result(ctx, p, p->dk, b, h, key), ld_keys);
            multiply(ctx, p, 0, 0, n_q, p->dims, n_k, 1.0f, gradients, k, key > start ? 1.0f : 0.0f,
                     tfx_cpu_attention_result(ctx, p, p->dq, b, h, first), ld);
        }
    }
}

static void backward_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const tfx_cpu_attention *p = args;
    int64_t n = p->heads / p->shared, b = task / n, h = task % n * p->shared;
    /* With a window, the last block does not see every key. */
    for (int64_t t = 0; t < p->time && p->window < p->time; t++) {
        memset(tfx_cpu_attention_result(ctx, p, p->dk, b, h, t), 0, (size_t)p->dims * sizeof(float));
        memset(tfx_cpu_attention_result(ctx, p, p->dv, b, h, t), 0, (size_t)p->dims * sizeof(float));
    }
    for (int64_t i = 0; i < p->shared; i++)
        backward_head(p, ctx, b, h + i, i > 0 || p->window < p->time);
}

static int64_t block_for(int64_t time)
{
    int64_t block = (int64_t)tfx_cpu_round_up((uint64_t)(3.0 * sqrt((double)time)), 16);
    return tfx_cpu_max(1, tfx_cpu_min(tfx_cpu_min(block, MAX_BLOCK), time));
}

void tfx_cpu_attention_by_products(const tfx_cpu_compiler *c, tfx_cpu_attention *p, int grad, tfx_cpu_step *out)
{
    p->block = block_for(p->time);
    p->chunk = tfx_cpu_max(1, tfx_cpu_min(KEY_CHUNK, p->time));
    p->n_blocks = tfx_cpu_div_up(p->time, p->block);
    out->n_tasks = p->q->dims[0] * (grad ? p->heads / p->shared : p->heads * p->n_blocks);
    out->task = grad ? backward_task : forward_task;
    int64_t scores = (grad ? 2 : 1) * p->block * p->chunk, rows = grad ? (p->bf16 ? 2 * p->dims : 0) + p->chunk : 0;
    p->products = tfx_cpu_round_up((uint64_t)(scores + rows) * sizeof(float), 64);
    int64_t longest = tfx_cpu_max(p->block, p->chunk);
    uint64_t with_dims = tfx_cpu_multiply_scratch(c->gemm, p->bf16, longest, longest, p->dims);
    uint64_t over_keys = tfx_cpu_multiply_scratch(c->gemm, p->bf16, longest, p->dims, longest);
    out->scratch = p->products + (with_dims > over_keys ? with_dims : over_keys);
}

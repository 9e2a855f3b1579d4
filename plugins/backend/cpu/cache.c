/* INSERT and ATTENTION_CACHED: new positions of a sequence whose keys and values are kept.
 *
 * A task of the attention is one head of one row of the batch: its keys and values are read once for a block of queries, as
 * products with a stride of heads * dims. Of a single query, which is what generation asks for most of the time, they
 * are products of a matrix and a vector. */
#include "attention.h"
#include "softmax.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Queries at once: their scores stay in the second-level cache up to some 4096 keys. */
#define BLOCK 16

/* ---- insert ---- */

typedef struct insert_args {
    const tfx_tensor *cache, *x, *positions, *out;
    int64_t time, places, width;
} insert_args;

static void insert_task(const void *args, const tfx_cpu_ctx *ctx, int64_t b)
{
    const insert_args *p = args;
    const float *cache = tfx_cpu_at(ctx, p->cache), *x = tfx_cpu_at(ctx, p->x);
    const int32_t *positions = tfx_cpu_at(ctx, p->positions);
    float *out = tfx_cpu_at(ctx, p->out);
    size_t row = (size_t)p->width * sizeof(float);
    if (out != cache)
        memcpy(out + b * p->places * p->width, cache + b * p->places * p->width, (size_t)p->places * row);
    for (int64_t t = 0; t < p->time; t++) {
        int32_t at = positions[b * p->time + t];
        if (at >= 0 && at < p->places)
            memcpy(out + (b * p->places + at) * p->width, x + (b * p->time + t) * p->width, row);
    }
}

static const char *insert_check(const tfx_cpu_compiler *c, const tfx_node *node)
{
    const tfx_tensor *cache = tfx_cpu_in(c, node, 0), *x = tfx_cpu_in(c, node, 1), *out = tfx_cpu_out(c, node, 0);
    if (cache->dtype != TFX_F32 || x->dtype != TFX_F32 || out->dtype != TFX_F32 || cache->n_dims < 2 ||
        x->n_dims != cache->n_dims || !tfx_cpu_same_shape(cache, out))
        return "insert takes and gives f32 [batch, time, ...]";
    if (x->dims[0] != cache->dims[0] ||
        tfx_cpu_product(x->dims, 2, x->n_dims) != tfx_cpu_product(cache->dims, 2, cache->n_dims))
        return "insert: what is inserted has rows of another shape";
    return tfx_cpu_are_positions(tfx_cpu_in(c, node, 2), x) ? NULL : "insert: positions must be i32 [batch, time]";
}

static tfx_status insert_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    insert_args *p = out->args = calloc(1, sizeof(*p));
    if (!p)
        return TFX_E_MEMORY;
    p->cache = tfx_cpu_in(c, node, 0);
    p->x = tfx_cpu_in(c, node, 1);
    p->positions = tfx_cpu_in(c, node, 2);
    p->out = tfx_cpu_out(c, node, 0);
    p->time = p->x->dims[1];
    p->places = p->cache->dims[1];
    p->width = tfx_cpu_product(p->x->dims, 2, p->x->n_dims);
    out->n_tasks = p->x->dims[0];
    out->task = insert_task;
    return TFX_OK;
}

/* ---- attention ---- */

typedef struct cached_args {
    const tfx_tensor *q, *k, *v, *positions, *out;
    int64_t time, places, heads, dims;
    int64_t shared;        /* heads of queries that share one of keys and values */
    tfx_cpu_attention how; /* heads, and what is special: as for whole sequences of `places` positions; no tensors */
    float scale;
    uint64_t products; /* where in a thread's scratch memory that of products begins */
} cached_args;

/* A product of f32 matrices; of a single row where there is a single query for each text, not where one is left over: see gemm.h. */
static void multiply(const cached_args *p, const tfx_cpu_ctx *ctx, tfx_cpu_matmul product, char *scratch)
{
    if (p->time == 1)
        tfx_cpu_gemv(&product, (float *)(void *)scratch);
    else
        tfx_cpu_multiply(ctx->gemm, &product, scratch);
}

/* The scores of a query, which is at position `end` - 1, of keys [start, end) become probabilities. */
static void weigh(const cached_args *p, int64_t h, int64_t start, int64_t end, float *row)
{
    const float slope = tfx_cpu_attention_slope(&p->how, h);
    for (int64_t j = start; j < end && p->how.special; j++)
        row[j - start] = tfx_cpu_attention_score(row[j - start], p->how.soft_cap, slope * (float)(end - 1 - j));
    double sum = tfx_cpu_row_exp(end - start, row, tfx_cpu_row_max(end - start, row), row);
    tfx_cpu_row_scale(end - start, row, (float)(1.0 / sum));
}

/* n queries of head h, all of which see keys among [start, end) alone, against them. */
static void attend(const cached_args *p, const tfx_cpu_ctx *ctx, int64_t h, int64_t n, const int32_t *positions,
                   int64_t start, int64_t end, const float *q, const float *k, const float *v, float *out)
{
    float *s = (float *)ctx->scratch;
    char *scratch = ctx->scratch + p->products;
    int64_t d = p->dims, ld = p->heads * p->dims, ld_keys = ld / p->shared, keys = end - start;
    multiply(p, ctx,
             (tfx_cpu_matmul){.trans_b = 1,
                              .m = n,
                              .n = keys,
                              .k = d,
                              .alpha = p->scale,
                              .a = q,
                              .b = k + start * ld_keys,
                              .c = s,
                              .lda = ld,
                              .ldb = ld_keys,
                              .ldc = keys},
             scratch);
    for (int64_t i = 0; i < n; i++) {
        float *row = s + i * keys;
        int64_t to = tfx_cpu_max(start + 1, tfx_cpu_min(end, (int64_t)positions[i] + 1));
        int64_t from = tfx_cpu_max(start, to - p->how.window);
        memset(row, 0, (size_t)(from - start) * sizeof(float));
        weigh(p, h, from, to, row + (from - start));
        memset(row + (to - start), 0, (size_t)(end - to) * sizeof(float));
    }
    multiply(p, ctx,
             (tfx_cpu_matmul){.m = n,
                              .n = d,
                              .k = keys,
                              .alpha = 1.0f,
                              .a = s,
                              .b = v + start * ld_keys,
                              .c = out,
                              .lda = keys,
                              .ldb = ld_keys,
                              .ldc = ld},
             scratch);
}

static void cached_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const cached_args *p = args;
    int64_t b = task / p->heads, h = task % p->heads, ld = p->heads * p->dims;
    int64_t at_keys = b * p->places * ld / p->shared + h / p->shared * p->dims;
    const int32_t *positions = (const int32_t *)tfx_cpu_at(ctx, p->positions) + b * p->time;
    const float *k = (const float *)tfx_cpu_at(ctx, p->k) + at_keys,
                *v = (const float *)tfx_cpu_at(ctx, p->v) + at_keys;
    for (int64_t t = 0; t < p->time; t += BLOCK) {
        int64_t n = tfx_cpu_min(BLOCK, p->time - t), at = (b * p->time + t) * ld + h * p->dims;
        int64_t last = 0, first = p->places - 1;
        for (int64_t i = 0; i < n; i++) {
            last = tfx_cpu_max(last, positions[t + i]);
            first = tfx_cpu_min(first, positions[t + i]);
        }
        int64_t end = tfx_cpu_min(p->places, last + 1), start = tfx_cpu_max(0, first + 1 - p->how.window);
        attend(p, ctx, h, n, positions + t, start, end, (const float *)tfx_cpu_at(ctx, p->q) + at, k, v,
               (float *)tfx_cpu_at(ctx, p->out) + at);
    }
}

static const char *cached_check(const tfx_cpu_compiler *c, const tfx_node *node)
{
    const tfx_tensor *q = tfx_cpu_in(c, node, 0), *k = tfx_cpu_in(c, node, 1), *v = tfx_cpu_in(c, node, 2);
    const tfx_tensor *out = tfx_cpu_out(c, node, 0);
    if (q->dtype != TFX_F32 || k->dtype != TFX_F32 || v->dtype != TFX_F32 || out->dtype != TFX_F32 || q->n_dims != 4 ||
        k->n_dims != 4 || !tfx_cpu_same_shape(k, v) || !tfx_cpu_same_shape(q, out))
        return "attention_cached takes and gives f32 [batch, time, heads, dims]";
    if (q->dims[0] != k->dims[0] || !k->dims[2] || q->dims[2] % k->dims[2] || q->dims[3] != k->dims[3])
        return "attention_cached: keys of another batch or head than queries";
    if (node->ints[0] & ~(int64_t)TFX_ATTENTION_ALIBI || node->ints[1] < 0 || !(node->reals[1] >= 0))
        return "attention_cached of an unknown kind";
    if (!tfx_cpu_are_positions(tfx_cpu_in(c, node, 3), q))
        return "attention_cached: positions must be i32 [batch, time]";
    if (k->dims[1] > INT_MAX || q->dims[2] * q->dims[3] > INT_MAX)
        return "attention_cached: a dimension beyond what products count";
    return NULL;
}

static tfx_status cached_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    cached_args *p = out->args = calloc(1, sizeof(*p));
    if (!p)
        return TFX_E_MEMORY;
    p->q = tfx_cpu_in(c, node, 0);
    p->k = tfx_cpu_in(c, node, 1);
    p->v = tfx_cpu_in(c, node, 2);
    p->positions = tfx_cpu_in(c, node, 3);
    p->out = tfx_cpu_out(c, node, 0);
    p->scale = (float)node->reals[0];
    p->time = p->q->dims[1];
    p->heads = p->q->dims[2];
    p->dims = p->q->dims[3];
    p->places = p->k->dims[1];
    p->shared = p->heads / p->k->dims[2];
    p->how = (tfx_cpu_attention){.heads = p->heads,
                                 .alibi = (node->ints[0] & TFX_ATTENTION_ALIBI) != 0,
                                 .window = node->ints[1] ? tfx_cpu_min(node->ints[1], p->places) : p->places,
                                 .soft_cap = (float)node->reals[1]};
    p->how.special = p->how.alibi || p->how.soft_cap > 0;
    out->n_tasks = p->q->dims[0] * p->heads;
    out->task = cached_task;
    int64_t queries = tfx_cpu_min(BLOCK, p->time);
    p->products = tfx_cpu_round_up((uint64_t)(queries * p->places) * sizeof(float), 64);
    uint64_t scores = tfx_cpu_multiply_scratch(c->gemm, 0, queries, p->places, p->dims);
    uint64_t values = tfx_cpu_multiply_scratch(c->gemm, 0, queries, p->dims, p->places);
    uint64_t row = tfx_cpu_gemv_scratch(tfx_cpu_max(p->dims, p->places));
    values = values > scores ? values : scores;
    out->scratch = p->products + (values > row ? values : row);
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_cache_ops[] = {{TFX_OP_INSERT, 3, 3, 1, insert_check, insert_compile},
                                        {TFX_OP_ATTENTION_CACHED, 4, 4, 1, cached_check, cached_compile},
                                        {0}};

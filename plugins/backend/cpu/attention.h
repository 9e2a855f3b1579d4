/* Causal attention on [batch, time, heads, dims]: what its files share. attention.c checks and prepares steps; attention_tiles.c
 * computes by tiles of own matrix products, attention_products.c by products of whichever library there is. */
#ifndef TFX_CPU_ATTENTION_H
#define TFX_CPU_ATTENTION_H

#include "gemm.h"
#include "kernels.h"
#include "vmath.h"

typedef struct tfx_cpu_attention {
    const tfx_tensor *q, *k, *v, *o, *lse, *d_o, *dq, *dk, *dv;
    int64_t time, heads, dims;
    int64_t shared;           /* heads of queries that share one of keys and values */
    int special;              /* it has one of these: */
    int bidirectional, alibi; /* as in tfx_attention (graph.h) */
    int64_t window;           /* `time` at most */
    float soft_cap;
    float scale;
    int bf16;          /* q, k, v, o and do are; results are f32 */
    int64_t block;     /* queries at a time; */
    int64_t n_blocks;  /* attention_products.c: blocks of them, attention_tiles.c: tasks of a head */
    int64_t chunk;     /* keys at a time */
    uint64_t products; /* where in a thread's scratch memory that of products begins */
} tfx_cpu_attention;

/* A matrix of f32 or, with p->bf16, of bf16; from row to row there are ld elements. */
typedef struct tfx_cpu_rows_of {
    const void *at;
    int64_t ld;
} tfx_cpu_rows_of;

/* The head of a tensor that head h of the queries has to do with. */
static inline int64_t tfx_cpu_attention_head(const tfx_cpu_attention *p, const tfx_tensor *t, int64_t h)
{
    return t->dims[2] == p->heads ? h : h / p->shared;
}

/* The index of (batch b, head h of the queries, time t) in a [batch, time, heads, dims] tensor. */
static inline int64_t tfx_cpu_attention_index(const tfx_cpu_attention *p, const tfx_tensor *t, int64_t b, int64_t h,
                                              int64_t time)
{
    return ((b * p->time + time) * t->dims[2] + tfx_cpu_attention_head(p, t, h)) * p->dims;
}

/* From row to row. */
static inline int64_t tfx_cpu_attention_stride(const tfx_cpu_attention *p, const tfx_tensor *t)
{
    return t->dims[2] * p->dims;
}

/* The rows of an operand from that index on. */
static inline tfx_cpu_rows_of tfx_cpu_attention_operand(const tfx_cpu_ctx *ctx, const tfx_cpu_attention *p,
                                                        const tfx_tensor *t, int64_t b, int64_t h, int64_t time)
{
    const char *at = tfx_cpu_at(ctx, t);
    return (tfx_cpu_rows_of){at + tfx_cpu_attention_index(p, t, b, h, time) * (p->bf16 ? 2 : 4),
                             tfx_cpu_attention_stride(p, t)};
}

/* Where a row of a result begins. */
static inline float *tfx_cpu_attention_result(const tfx_cpu_ctx *ctx, const tfx_cpu_attention *p, const tfx_tensor *t,
                                              int64_t b, int64_t h, int64_t time)
{
    return (float *)tfx_cpu_at(ctx, t) + tfx_cpu_attention_index(p, t, b, h, time);
}

/* ---- which keys a query sees, and what becomes of its scores ---- */

static inline int64_t tfx_cpu_attention_first_key(const tfx_cpu_attention *p, int64_t query)
{
    return tfx_cpu_max(0, query + 1 - p->window);
}

static inline int64_t tfx_cpu_attention_end_key(const tfx_cpu_attention *p, int64_t query)
{
    return p->bidirectional ? tfx_cpu_min(p->time, query + p->window) : query + 1;
}

/* By how much a position away lowers scores of head h. */
static inline float tfx_cpu_attention_slope(const tfx_cpu_attention *p, int64_t h)
{
    return p->alibi ? exp2f(-8.0f * (float)(h + 1) / (float)p->heads) : 0.0f;
}

/* Caps a score, and lowers it by what its distance costs. */
static inline __attribute__((always_inline)) float tfx_cpu_attention_score(float s, float cap, float lowered)
{
    return (cap > 0.0f ? cap * vm_tanh(s / cap) : s) - lowered;
}

/* What the gradient of such a score is to be multiplied with for that of what it was made of. */
static inline __attribute__((always_inline)) float tfx_cpu_attention_slope_of_cap(float s, float cap)
{
    float t = vm_tanh(s / cap);
    return 1.0f - t * t;
}

/* The dot product of a row of o with its gradient; `rows` has room for two rows. */
float tfx_cpu_attention_delta(const tfx_cpu_attention *p, const void *o, const void *d_o, float *rows);

/* Fill in how p is divided, and out's tasks and scratch memory. */
void tfx_cpu_attention_by_products(const tfx_cpu_compiler *c, tfx_cpu_attention *p, int grad, tfx_cpu_step *out);
void tfx_cpu_attention_by_tiles(const tfx_cpu_compiler *c, tfx_cpu_attention *p, int grad, tfx_cpu_step *out);
/* Whether the latter can be. */
int tfx_cpu_attention_has_tiles(const tfx_cpu_compiler *c, const tfx_cpu_attention *p);

#endif

/* TOPK: which elements of a row are its k largest.
 *
 * Nothing is sorted. Numbers are mapped to integers of the same order, whose k-th largest one is found bit by bit: a bit is
 * set when at least k integers are not below what that gives. Each of at most 32 passes over a row counts without a
 * branch, and the search ends with the first threshold that exactly k reach, which for a row of n random numbers is
 * after about log2(n) bits beyond those of the exponent. */
#include "simd.h"

#include "kernels.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Elements per task. */
#define TASK 16384

typedef struct topk_args {
    const tfx_tensor *x, *out;
    tfx_cpu_rows rows;
    int32_t k;
} topk_args;

/* Integers in the order of the numbers: NaN above all others, -0 like 0. */
TFX_CPU_CLONES static void order(int32_t n, const float *x, int32_t *keys)
{
    for (int32_t i = 0; i < n; i++) {
        float v = x[i] + 0.0f;
        int32_t bits;
        memcpy(&bits, &v, sizeof(bits));
        int32_t key = bits ^ (bits >> 31 & INT32_MAX);
        keys[i] = v != v ? INT32_MAX : key;
    }
}

TFX_CPU_CLONES static int32_t count_from(int32_t n, const int32_t *keys, int32_t threshold)
{
    int32_t count = 0;
    for (int32_t i = 0; i < n; i++)
        count += keys[i] >= threshold;
    return count;
}

TFX_CPU_CLONES static void mark_from(int32_t n, const int32_t *keys, int32_t threshold, float *out)
{
    for (int32_t i = 0; i < n; i++)
        out[i] = keys[i] >= threshold ? 1.0f : 0.0f;
}

static void mark_row(int32_t n, int32_t k, const int32_t *keys, float *out)
{
    uint32_t prefix = 0; /* of the threshold, counted from INT32_MIN */
    int32_t reach = n;
    for (int bit = 31; bit >= 0 && reach != k; bit--) {
        uint32_t larger = prefix | 1u << bit;
        int32_t count = count_from(n, keys, (int32_t)(larger ^ 0x80000000u));
        if (count >= k) {
            prefix = larger;
            reach = count;
        }
    }
    int32_t threshold = (int32_t)(prefix ^ 0x80000000u);
    mark_from(n, keys, threshold, out);
    for (int32_t i = n; reach > k; i--) /* equal ones: the last go first */
        if (keys[i - 1] == threshold) {
            out[i - 1] = 0.0f;
            reach--;
        }
}

static void topk_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const topk_args *p = args;
    int32_t n = (int32_t)p->rows.cols, *keys = (int32_t *)(void *)ctx->scratch;
    const float *x = tfx_cpu_at(ctx, p->x);
    float *out = tfx_cpu_at(ctx, p->out);
    int64_t end = tfx_cpu_rows_end(&p->rows, task);
    for (int64_t r = task * p->rows.per_task; r < end; r++) {
        order(n, x + r * n, keys);
        mark_row(n, p->k, keys, out + r * n);
    }
}

static const char *topk_check(const tfx_cpu_compiler *c, const tfx_node *node)
{
    const tfx_tensor *x = tfx_cpu_in(c, node, 0);
    if (!tfx_cpu_all_f32(c, node) || x->n_dims < 1 || !tfx_cpu_same_shape(x, tfx_cpu_out(c, node, 0)))
        return "topk takes and gives f32 of rank 1 or more";
    int64_t n = x->dims[x->n_dims - 1];
    if (node->ints[0] < 1 || node->ints[0] > n)
        return "topk takes from one to all elements of a row";
    return n > INT_MAX ? "topk: rows beyond what it counts" : NULL;
}

static tfx_status topk_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    topk_args *p = out->args = calloc(1, sizeof(*p));
    if (!p)
        return TFX_E_MEMORY;
    p->x = tfx_cpu_in(c, node, 0);
    p->out = tfx_cpu_out(c, node, 0);
    p->k = (int32_t)node->ints[0];
    p->rows = tfx_cpu_last_rows(p->x, TASK);
    out->n_tasks = tfx_cpu_row_tasks(&p->rows);
    out->task = topk_task;
    out->scratch = tfx_cpu_round_up((uint64_t)p->rows.cols * sizeof(int32_t), 64);
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_topk_ops[] = {{TFX_OP_TOPK, 1, 1, 1, topk_check, topk_compile}, {0}};

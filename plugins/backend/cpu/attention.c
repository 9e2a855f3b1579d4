/* ATTENTION and its gradient: checking, and preparing steps. */
#include "simd.h"

#include "attention.h"
#include "tile_ops.h"

#include <limits.h>
#include <stdlib.h>

/* Of short rows: a few sums, added up in pairs. */
TFX_CPU_CLONES static double dot(int64_t n, const float *x, const float *y)
{
    double s[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++)
            s[j] += (double)x[i + j] * (double)y[i + j];
    for (; i < n; i++)
        s[i % 8] += (double)x[i] * (double)y[i];
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

float tfx_cpu_attention_delta(const tfx_cpu_attention *p, const void *o, const void *d_o, float *rows)
{
    const float *x = o, *y = d_o;
    if (p->bf16) {
        x = rows, y = rows + p->dims;
        tfx_cpu_load_bf16(p->dims, rows, o);
        tfx_cpu_load_bf16(p->dims, rows + p->dims, d_o);
    }
    return (float)dot(p->dims, x, y);
}

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
        if (x == lse || tfx_cpu_same_shape(x, q))
            continue;
        int shared = (i == 1 || i == 2) && x->n_dims == 4 && tfx_cpu_same_dims(x, q, 2) && x->dims[3] == q->dims[3];
        if (!shared || !x->dims[2] || q->dims[2] % x->dims[2] || !tfx_cpu_same_shape(x, tfx_cpu_in(c, node, 1)))
            return "attention: operands of different shapes";
    }
    for (uint32_t i = 0; i < node->n_out; i++) {
        const tfx_tensor *y = tfx_cpu_out(c, node, i);
        if (y->dtype != TFX_F32)
            return "attention gives f32 tensors";
        if (y != lse && !tfx_cpu_same_shape(y, node->op == TFX_OP_ATTENTION ? q : tfx_cpu_in(c, node, i)))
            return "attention: results of another shape";
    }
    if (lse->n_dims != 3 || lse->dims[0] != q->dims[0] || lse->dims[1] != q->dims[2] || lse->dims[2] != q->dims[1])
        return "attention: lse must be [batch, heads, time]";
    if (node->ints[0] & ~(int64_t)(TFX_ATTENTION_BIDIRECTIONAL | TFX_ATTENTION_ALIBI) || node->ints[1] < 0 ||
        !(node->reals[1] >= 0))
        return "attention of an unknown kind";
    if (q->dims[1] > INT_MAX || q->dims[2] * q->dims[3] > INT_MAX)
        return "attention: a dimension beyond what products count";
    return NULL;
}

static tfx_status attention_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    int grad = node->op == TFX_OP_ATTENTION_GRAD;
    tfx_cpu_attention *p = out->args = calloc(1, sizeof(*p));
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
    p->shared = p->heads / tfx_cpu_max(1, p->k->dims[2]);
    p->bidirectional = (node->ints[0] & TFX_ATTENTION_BIDIRECTIONAL) != 0;
    p->alibi = (node->ints[0] & TFX_ATTENTION_ALIBI) != 0;
    p->window = node->ints[1] ? tfx_cpu_min(node->ints[1], p->time) : p->time;
    p->soft_cap = (float)node->reals[1];
    p->special = p->bidirectional || p->alibi || p->window < p->time || p->soft_cap > 0;
    (tfx_cpu_attention_has_tiles(c, p) ? tfx_cpu_attention_by_tiles : tfx_cpu_attention_by_products)(c, p, grad, out);
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_attention_ops[] = {{TFX_OP_ATTENTION, 3, 3, 2, attention_check, attention_compile},
                                            {TFX_OP_ATTENTION_GRAD, 6, 6, 3, attention_check, attention_compile},
                                            {0}};

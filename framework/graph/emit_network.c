/* Emitting reductions, matrix products, and the ops of neural networks. */
#include <inttypes.h>
#include <string.h>

#include "framework/graph/emit.h"
#include "framework/plugin/calls/op_calls.h"

/* ---- reductions and matrices ---- */

tfx_value tfx_emit_sum(tfx_graph *g, tfx_value x, uint32_t mask, int keep_dims)
{
    if (!x || !tfx_graph_check_f32(g, "sum", x))
        return TFX_POISON;
    if (!mask)
        return x;
    const tfx_graph_value *v = &g->values[x];
    int64_t dims[TFX_MAX_DIMS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < v->n_dims; i++) {
        if (!(mask >> i & 1))
            dims[n++] = v->dims[i];
        else if (keep_dims)
            dims[n++] = 1;
    }
    tfx_value out = tfx_graph_append(g, TFX_OP_SUM, 1, &x, (int64_t[]){mask}, 1, NULL, 0, 1);
    tfx_graph_set_shape(g, out, n, dims);
    return out;
}

tfx_value tfx_emit_matmul(tfx_graph *g, tfx_value a, tfx_value b, uint32_t flags, double alpha, tfx_value c)
{
    if (!a || !b || !tfx_graph_check_f32(g, "matmul", a) || !tfx_graph_check_f32(g, "matmul", b))
        return TFX_POISON;
    uint32_t ra = g->values[a].n_dims, rb = g->values[b].n_dims;
    if (ra < 2 || rb < 2)
        return tfx_graph_fail(g, "matmul: operands %s and %s need rank 2 at least", tfx_graph_shape_text(g, a),
                              tfx_graph_shape_text(g, b));
    if (rb == 2 && ra > 2) { /* leading dimensions are rows */
        if (flags & TFX_TRANS_A)
            return tfx_graph_fail(g, "matmul: a transposed left operand must have rank 2, found %s",
                                  tfx_graph_shape_text(g, a));
        int64_t dims[TFX_MAX_DIMS];
        memcpy(dims, g->values[a].dims, sizeof(dims));
        tfx_value rows = tfx_emit_reshape(g, a, 2, (int64_t[]){-1, dims[ra - 1]});
        tfx_value y = tfx_emit_matmul(g, rows, b, flags, alpha, TFX_POISON);
        if (!y)
            return TFX_POISON;
        dims[ra - 1] = g->values[y].dims[1];
        return tfx_emit_reshape(g, y, ra, dims);
    }
    const int64_t *da = g->values[a].dims, *db = g->values[b].dims;
    int ok = ra == rb;
    for (uint32_t i = 0; ok && i + 2 < ra; i++)
        ok = da[i] == db[i];
    if (!ok)
        return tfx_graph_fail(g, "matmul: leading dimensions of %s and %s differ", tfx_graph_shape_text(g, a),
                              tfx_graph_shape_text(g, b));
    int ta = (flags & TFX_TRANS_A) != 0, tb = (flags & TFX_TRANS_B) != 0;
    int64_t m = da[ra - 2 + (uint32_t)ta], ka = da[ra - 1 - (uint32_t)ta];
    int64_t kb = db[rb - 2 + (uint32_t)tb], n = db[rb - 1 - (uint32_t)tb];
    if (ka != kb)
        return tfx_graph_fail(g, "matmul: inner dimensions %" PRId64 " and %" PRId64 " differ (%s%s times %s%s)",
                              ka, kb, tfx_graph_shape_text(g, a), ta ? " transposed" : "", tfx_graph_shape_text(g, b),
                              tb ? " transposed" : "");
    tfx_value in[3] = {a, b, c};
    tfx_value out = tfx_graph_append(g, TFX_OP_MATMUL, c ? 3 : 2, in, (int64_t[]){flags}, 1,
                           (double[]){alpha, c ? 1.0 : 0.0}, 2, 1);
    tfx_graph_set_shape(g, out, ra, g->values[a].dims);
    g->values[out].dims[ra - 2] = m;
    g->values[out].dims[ra - 1] = n;
    return out;
}

/* ---- networks ---- */

tfx_value tfx_emit_softmax(tfx_graph *g, tfx_value x)
{
    if (!x || !tfx_graph_check_f32(g, "softmax", x))
        return TFX_POISON;
    if (g->values[x].n_dims == 0)
        return tfx_graph_fail(g, "softmax: a scalar has no axis");
    return tfx_graph_append_like(g, TFX_OP_SOFTMAX, 1, &x, NULL, 0, NULL, 0, x);
}

tfx_value tfx_emit_norm(tfx_graph *g, tfx_norm kind, tfx_value x, double eps)
{
    if (!x || !tfx_graph_check_f32(g, "norm", x))
        return TFX_POISON;
    if (g->values[x].n_dims == 0 || kind < TFX_NORM_LAYER || kind > TFX_NORM_L2 || !(eps >= 0))
        return tfx_graph_fail(g, "norm: kind %d with eps %g cannot apply to %s", (int)kind, eps, tfx_graph_shape_text(g, x));
    return tfx_graph_append_like(g, TFX_OP_NORM, 1, &x, (int64_t[]){kind}, 1, &eps, 1, x);
}

tfx_value tfx_emit_rope(tfx_graph *g, tfx_value x, int64_t n_dims, int sign, double base)
{
    if (!x || !tfx_graph_check_f32(g, "rope", x))
        return TFX_POISON;
    if (g->values[x].n_dims != 4)
        return tfx_graph_fail(g, "rope: expected [batch, time, heads, head_dim], found %s", tfx_graph_shape_text(g, x));
    if (n_dims < 0 || n_dims % 2 || n_dims > g->values[x].dims[3] || !(base > 0))
        return tfx_graph_fail(g, "rope: %" PRId64 " rotated dimensions (base %g) of %" PRId64
                                 "; expected an even number up to head_dim",
                              n_dims, base, g->values[x].dims[3]);
    if (n_dims == 0)
        return x;
    return tfx_graph_append_like(g, TFX_OP_ROPE, 1, &x, (int64_t[]){n_dims, sign}, 2, &base, 1, x);
}

tfx_value tfx_emit_attention(tfx_graph *g, tfx_value q, tfx_value k, tfx_value v, double scale)
{
    if (!q || !k || !v || !tfx_graph_check_f32(g, "attention", q) || !tfx_graph_check_f32(g, "attention", k) ||
        !tfx_graph_check_f32(g, "attention", v))
        return TFX_POISON;
    if (g->values[q].n_dims != 4 || !tfx_graph_same_shape(g, q, k) || !tfx_graph_same_shape(g, q, v))
        return tfx_graph_fail(g, "attention: q %s, k %s and v %s must all be [batch, time, heads, head_dim]",
                              tfx_graph_shape_text(g, q), tfx_graph_shape_text(g, k), tfx_graph_shape_text(g, v));
    tfx_value out = tfx_graph_append(g, TFX_OP_ATTENTION, 3, (tfx_value[]){q, k, v}, NULL, 0, &scale, 1, 2);
    const int64_t *d = g->values[q].dims;
    int64_t lse[3] = {d[0], d[2], d[1]};
    tfx_graph_set_shape(g, out + 1, 3, lse);
    tfx_graph_set_shape(g, out, 4, g->values[q].dims);
    return out;
}

tfx_value tfx_emit_gather(tfx_graph *g, tfx_value table, tfx_value indices)
{
    if (!table || !indices || !tfx_graph_check_f32(g, "gather", table))
        return TFX_POISON;
    if (g->values[table].n_dims != 2 || g->values[indices].dtype != TFX_I32 ||
        g->values[indices].n_dims + 1 > TFX_MAX_DIMS)
        return tfx_graph_fail(g, "gather: expected a table of rank 2 and i32 indices, found %s and %s %s",
                              tfx_graph_shape_text(g, table), tfx_dtype_name(g->values[indices].dtype),
                              tfx_graph_shape_text(g, indices));
    tfx_value out = tfx_graph_append(g, TFX_OP_GATHER, 2, (tfx_value[]){table, indices}, NULL, 0, NULL, 0, 1);
    uint32_t n = g->values[indices].n_dims;
    tfx_graph_set_shape(g, out, n, g->values[indices].dims);
    g->values[out].n_dims = n + 1;
    g->values[out].dims[n] = g->values[table].dims[1];
    return out;
}

tfx_value tfx_emit_cross_entropy(tfx_graph *g, tfx_value logits, tfx_value targets)
{
    if (!logits || !targets || !tfx_graph_check_f32(g, "cross_entropy", logits))
        return TFX_POISON;
    const tfx_graph_value *l = &g->values[logits], *t = &g->values[targets];
    if (t->dtype != TFX_I32 || l->n_dims != t->n_dims + 1 ||
        memcmp(l->dims, t->dims, sizeof(int64_t) * t->n_dims))
        return tfx_graph_fail(g, "cross_entropy: logits %s do not fit %s targets %s", tfx_graph_shape_text(g, logits),
                              tfx_dtype_name(t->dtype), tfx_graph_shape_text(g, targets));
    tfx_value out = tfx_graph_append(g, TFX_OP_CROSS_ENTROPY, 2, (tfx_value[]){logits, targets}, NULL, 0, NULL, 0, 2);
    for (uint32_t i = 0; i < 2; i++)
        tfx_graph_set_shape(g, out + i, g->values[targets].n_dims, g->values[targets].dims);
    return out;
}

tfx_value tfx_emit_custom(tfx_graph *g, const tfx_op_class *cls, uint32_t n_in, const tfx_value *in,
                          uint32_t n_ints, const int64_t *ints, uint32_t n_reals, const double *reals)
{
    tfx_tensor info[8];
    const tfx_tensor *infos[8];
    if (n_in > 8 || n_ints > TFX_MAX_INTS || n_reals > TFX_MAX_REALS)
        return tfx_graph_fail(g, "custom op %s: at most 8 operands, %d ints and %d reals", cls->id, TFX_MAX_INTS,
                              TFX_MAX_REALS);
    for (uint32_t i = 0; i < n_in; i++) {
        if (!in[i])
            return TFX_POISON;
        const tfx_graph_value *v = &g->values[in[i]];
        info[i] = (tfx_tensor){.struct_size = sizeof(tfx_tensor), .dtype = v->dtype, .n_dims = v->n_dims};
        memcpy(info[i].dims, v->dims, sizeof(info[i].dims));
        infos[i] = &info[i];
    }
    int64_t all_ints[TFX_MAX_INTS] = {0}, dims[TFX_MAX_DIMS] = {0};
    double all_reals[TFX_MAX_REALS] = {0};
    uint32_t n_dims = 0;
    if (n_ints)
        memcpy(all_ints, ints, sizeof(*ints) * n_ints);
    if (n_reals)
        memcpy(all_reals, reals, sizeof(*reals) * n_reals);
    tfx_error reason = {0};
    if (tfx_call_op_infer(cls, n_in, infos, all_ints, all_reals, &n_dims, dims, &reason) != TFX_OK)
        return tfx_graph_fail(g, "custom op: %s", reason.text);
    tfx_value out = tfx_graph_append(g, TFX_OP_CUSTOM, n_in, in, all_ints, TFX_MAX_INTS, all_reals, TFX_MAX_REALS, 1);
    g->nodes[g->values[out].node].custom = cls;
    tfx_graph_set_shape(g, out, n_dims, dims);
    return out;
}

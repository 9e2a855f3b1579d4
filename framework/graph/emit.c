/* Emitting nodes: checks operands, infers shapes, and appends. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/graph.h"
#include "framework/plugin/registry.h"

/* "[2, 16, 64]" in one of a few rotating buffers, for messages. */
static const char *shape_text(const tfx_graph *g, tfx_value v)
{
    static _Thread_local char ring[4][160];
    static _Thread_local int next;
    char *buf = ring[next++ % 4];
    const tfx_graph_value *val = &g->values[v];
    int n = snprintf(buf, 160, "[");
    for (uint32_t i = 0; i < val->n_dims; i++)
        n += snprintf(buf + n, (size_t)(160 - n), "%s%" PRId64, i ? ", " : "", val->dims[i]);
    snprintf(buf + n, (size_t)(160 - n), "]");
    return buf;
}

static int same_shape(const tfx_graph *g, tfx_value x, tfx_value y)
{
    const tfx_graph_value *a = &g->values[x], *b = &g->values[y];
    return a->n_dims == b->n_dims && !memcmp(a->dims, b->dims, sizeof(int64_t) * a->n_dims);
}

/* Resolves a possibly negative axis; -1 when out of range. */
static int resolve_axis(const tfx_graph *g, tfx_value x, int axis)
{
    int n = (int)g->values[x].n_dims;
    if (axis < 0)
        axis += n;
    return axis >= 0 && axis < n ? axis : -1;
}

static tfx_value append(tfx_graph *g, tfx_op op, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                        uint32_t n_ints, const double *reals, uint32_t n_reals, uint32_t n_out)
{
    uint32_t index = g->n_nodes;
    tfx_graph_node *node = TFX_APPEND(g->nodes, g->n_nodes, g->cap_nodes);
    node->op = op;
    node->n_in = n_in;
    node->in = TFX_NEW_ARRAY(tfx_value, n_in);
    int requires_grad = 0;
    for (uint32_t i = 0; i < n_in; i++) {
        node->in[i] = in[i];
        requires_grad |= g->values[in[i]].requires_grad;
    }
    if (n_ints)
        memcpy(node->ints, ints, sizeof(*ints) * n_ints);
    if (n_reals)
        memcpy(node->reals, reals, sizeof(*reals) * n_reals);
    node->n_out = n_out;
    node->out = g->n_values;
    node->region = g->region;
    node->recomputed = g->recomputed;
    node->update = g->update;
    for (uint32_t i = 0; i < n_out; i++) {
        tfx_graph_value *v = TFX_APPEND(g->values, g->n_values, g->cap_values);
        v->dtype = TFX_F32;
        v->node = index;
        v->requires_grad = requires_grad;
    }
    return g->nodes[index].out;
}

static void set_shape(tfx_graph *g, tfx_value v, uint32_t n_dims, const int64_t *dims)
{
    g->values[v].n_dims = n_dims;
    if (n_dims)
        memmove(g->values[v].dims, dims, sizeof(*dims) * n_dims);
}

/* One node with one result that has the shape and dtype of `like`. */
static tfx_value append_like(tfx_graph *g, tfx_op op, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                             uint32_t n_ints, const double *reals, uint32_t n_reals, tfx_value like)
{
    tfx_value out = append(g, op, n_in, in, ints, n_ints, reals, n_reals, 1);
    g->values[out].dtype = g->values[like].dtype;
    set_shape(g, out, g->values[like].n_dims, g->values[like].dims);
    return out;
}

static int check_f32(tfx_graph *g, const char *what, tfx_value x)
{
    if (g->values[x].dtype == TFX_F32)
        return 1;
    tfx_graph_fail(g, "%s: expected an f32 operand, found %s %s", what, tfx_dtype_name(g->values[x].dtype),
                   shape_text(g, x));
    return 0;
}

static int check_dims(tfx_graph *g, const char *what, uint32_t n_dims, const int64_t *dims)
{
    if (n_dims > TFX_MAX_DIMS) {
        tfx_graph_fail(g, "%s: rank %u is above the limit of %d", what, n_dims, TFX_MAX_DIMS);
        return 0;
    }
    for (uint32_t i = 0; i < n_dims; i++)
        if (dims[i] < 1) {
            tfx_graph_fail(g, "%s: dimension %u is %" PRId64 ", expected at least 1", what, i, dims[i]);
            return 0;
        }
    return 1;
}

/* ---- sources and sinks ---- */

tfx_value tfx_emit_state(tfx_graph *g, uint32_t index)
{
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        if ((n->op == TFX_OP_PARAM || n->op == TFX_OP_INPUT) && n->ints[0] == (int64_t)index)
            return n->out;
    }
    const tfx_state_tensor *t = &g->state->tensors[index];
    int64_t ints[1] = {index};
    uint32_t region = g->region;
    g->region = 0; /* shared by all regions */
    tfx_value v = append(g, t->kind == TFX_STATE_INPUT ? TFX_OP_INPUT : TFX_OP_PARAM, 0, NULL, ints, 1, NULL, 0, 1);
    g->region = region;
    g->values[v].dtype = t->dtype;
    g->values[v].requires_grad = t->kind == TFX_STATE_PARAM && !(t->flags & TFX_PARAM_FIXED);
    set_shape(g, v, t->n_dims, t->dims);
    return v;
}

void tfx_emit_store(tfx_graph *g, tfx_value value, tfx_value target)
{
    if (!value || !target)
        return;
    if (!same_shape(g, value, target) || g->values[value].dtype != g->values[target].dtype) {
        tfx_graph_fail(g, "store: value is %s %s, its place is %s %s", tfx_dtype_name(g->values[value].dtype),
                       shape_text(g, value), tfx_dtype_name(g->values[target].dtype), shape_text(g, target));
        return;
    }
    append(g, TFX_OP_STORE, 2, (tfx_value[]){value, target}, NULL, 0, NULL, 0, 0);
}

/* ---- pointwise ---- */

tfx_value tfx_emit_constant(tfx_graph *g, double value, uint32_t n_dims, const int64_t *dims)
{
    if (!check_dims(g, "constant", n_dims, dims))
        return TFX_POISON;
    tfx_value v = append(g, TFX_OP_CONST, 0, NULL, NULL, 0, &value, 1, 1);
    set_shape(g, v, n_dims, dims);
    return v;
}

tfx_value tfx_emit_broadcast(tfx_graph *g, tfx_value x, uint32_t n_dims, const int64_t *dims)
{
    if (!x || !check_dims(g, "broadcast", n_dims, dims))
        return TFX_POISON;
    const tfx_graph_value *v = &g->values[x];
    int ok = v->n_dims <= n_dims;
    for (uint32_t i = 0; ok && i < v->n_dims; i++) {
        int64_t have = v->dims[v->n_dims - 1 - i];
        ok = have == 1 || have == dims[n_dims - 1 - i];
    }
    if (v->n_dims == n_dims && ok && !memcmp(v->dims, dims, sizeof(*dims) * n_dims))
        return x;
    tfx_value out = append(g, TFX_OP_BROADCAST, 1, &x, NULL, 0, NULL, 0, 1);
    g->values[out].dtype = g->values[x].dtype;
    set_shape(g, out, n_dims, dims);
    if (!ok)
        return tfx_graph_fail(g, "broadcast: %s cannot stretch to %s", shape_text(g, x), shape_text(g, out));
    return out;
}

tfx_value tfx_emit_binary(tfx_graph *g, tfx_op op, tfx_value x, tfx_value y)
{
    if (!x || !y || !check_f32(g, tfx_op_name(op), x) || !check_f32(g, tfx_op_name(op), y))
        return TFX_POISON;
    if (!same_shape(g, x, y)) {
        const tfx_graph_value *a = &g->values[x], *b = &g->values[y];
        uint32_t n = a->n_dims > b->n_dims ? a->n_dims : b->n_dims;
        int64_t dims[TFX_MAX_DIMS];
        for (uint32_t i = 0; i < n; i++) { /* from the right */
            int64_t da = i < a->n_dims ? a->dims[a->n_dims - 1 - i] : 1;
            int64_t db = i < b->n_dims ? b->dims[b->n_dims - 1 - i] : 1;
            if (da != db && da != 1 && db != 1)
                return tfx_graph_fail(g, "%s: shapes %s and %s do not match", tfx_op_name(op), shape_text(g, x),
                                      shape_text(g, y));
            dims[n - 1 - i] = da > db ? da : db;
        }
        x = tfx_emit_broadcast(g, x, n, dims);
        y = tfx_emit_broadcast(g, y, n, dims);
    }
    return append_like(g, op, 2, (tfx_value[]){x, y}, NULL, 0, NULL, 0, x);
}

tfx_value tfx_emit_affine(tfx_graph *g, tfx_value x, double scale, double shift)
{
    if (!x || !check_f32(g, "affine", x))
        return TFX_POISON;
    return append_like(g, TFX_OP_AFFINE, 1, &x, NULL, 0, (double[]){scale, shift}, 2, x);
}

tfx_value tfx_emit_unary(tfx_graph *g, tfx_unary kind, tfx_value x)
{
    if (!x || !check_f32(g, "unary", x))
        return TFX_POISON;
    if (kind < TFX_NEG || kind > TFX_GELU_TANH)
        return tfx_graph_fail(g, "unary: no function has the number %d", (int)kind);
    return append_like(g, TFX_OP_UNARY, 1, &x, (int64_t[]){kind}, 1, NULL, 0, x);
}

tfx_value tfx_emit_unary_grad(tfx_graph *g, tfx_unary kind, tfx_value x, tfx_value dy)
{
    return append_like(g, TFX_OP_UNARY_GRAD, 2, (tfx_value[]){x, dy}, (int64_t[]){kind}, 1, NULL, 0, x);
}

tfx_value tfx_emit_cast(tfx_graph *g, tfx_value x, tfx_dtype dtype)
{
    if (!x || g->values[x].dtype == dtype)
        return x;
    if (g->values[x].dtype == TFX_I32 || dtype == TFX_I32)
        return tfx_graph_fail(g, "cast: only f32 and bf16 convert into each other");
    tfx_value out = append_like(g, TFX_OP_CAST, 1, &x, NULL, 0, NULL, 0, x);
    g->values[out].dtype = dtype;
    return out;
}

tfx_value tfx_emit_dropout(tfx_graph *g, tfx_value x, tfx_value key, double p, int64_t stream)
{
    if (!x || !key || !check_f32(g, "dropout", x))
        return TFX_POISON;
    if (!(p >= 0 && p < 1))
        return tfx_graph_fail(g, "dropout: probability %g is outside [0, 1)", p);
    return append_like(g, TFX_OP_DROPOUT, 2, (tfx_value[]){x, key}, &stream, 1, &p, 1, x);
}

/* ---- movement ---- */

tfx_value tfx_emit_reshape(tfx_graph *g, tfx_value x, uint32_t n_dims, const int64_t *dims)
{
    if (!x)
        return TFX_POISON;
    if (n_dims > TFX_MAX_DIMS)
        return tfx_graph_fail(g, "reshape: rank %u is above the limit of %d", n_dims, TFX_MAX_DIMS);
    int64_t out_dims[TFX_MAX_DIMS], known = 1, total = (int64_t)tfx_value_elements(g, x);
    int open = -1;
    for (uint32_t i = 0; i < n_dims; i++) {
        out_dims[i] = dims[i];
        if (dims[i] == -1 && open < 0)
            open = (int)i;
        else if (dims[i] < 1)
            return tfx_graph_fail(g, "reshape: dimension %u is %" PRId64, i, dims[i]);
        else
            known *= dims[i];
    }
    if (open >= 0 && total % known == 0) {
        out_dims[open] = total / known;
        known = total;
    }
    if (known != total)
        return tfx_graph_fail(g, "reshape: %s has %" PRId64 " elements, the new shape needs %s%" PRId64,
                              shape_text(g, x), total, open >= 0 ? "a multiple of " : "", known);
    const tfx_graph_value *v = &g->values[x];
    if (v->n_dims == n_dims && !memcmp(v->dims, out_dims, sizeof(*dims) * n_dims))
        return x;
    /* The same view again (q, k and v each flatten their input): one value, so that their
     * gradients meet in one buffer. */
    for (uint32_t i = g->n_nodes, looked = 0; i-- > 0 && looked < 64; looked++) {
        const tfx_graph_node *node = &g->nodes[i];
        if (node->op == TFX_OP_RESHAPE && node->in[0] == x && node->region == g->region &&
            g->values[node->out].n_dims == n_dims &&
            !memcmp(g->values[node->out].dims, out_dims, sizeof(*dims) * n_dims))
            return node->out;
    }
    tfx_value out = append(g, TFX_OP_RESHAPE, 1, &x, NULL, 0, NULL, 0, 1);
    g->values[out].dtype = g->values[x].dtype;
    set_shape(g, out, n_dims, out_dims);
    return out;
}

tfx_value tfx_emit_permute(tfx_graph *g, tfx_value x, const int *perm)
{
    if (!x)
        return TFX_POISON;
    uint32_t n = g->values[x].n_dims, seen = 0;
    int64_t ints[TFX_MAX_INTS], dims[TFX_MAX_DIMS];
    for (uint32_t i = 0; i < n; i++) {
        if (perm[i] < 0 || perm[i] >= (int)n || (seen >> perm[i] & 1))
            return tfx_graph_fail(g, "permute: the order given for %s is not a permutation", shape_text(g, x));
        seen |= 1u << perm[i];
        ints[i] = perm[i];
        dims[i] = g->values[x].dims[perm[i]];
    }
    tfx_value out = append(g, TFX_OP_PERMUTE, 1, &x, ints, n, NULL, 0, 1);
    g->values[out].dtype = g->values[x].dtype;
    set_shape(g, out, n, dims);
    return out;
}

tfx_value tfx_emit_slice(tfx_graph *g, tfx_value x, int axis, int64_t start, int64_t length)
{
    if (!x)
        return TFX_POISON;
    int a = resolve_axis(g, x, axis);
    if (a < 0)
        return tfx_graph_fail(g, "slice: %s has no axis %d", shape_text(g, x), axis);
    if (start < 0 || length < 1 || start + length > g->values[x].dims[a])
        return tfx_graph_fail(g, "slice: %" PRId64 " + %" PRId64 " is outside axis %d of %s", start, length, a,
                              shape_text(g, x));
    if (length == g->values[x].dims[a])
        return x;
    tfx_value out = append_like(g, TFX_OP_SLICE, 1, &x, (int64_t[]){a, start}, 2, NULL, 0, x);
    g->values[out].dims[a] = length;
    return out;
}

tfx_value tfx_emit_pad(tfx_graph *g, tfx_value x, int axis, int64_t start, int64_t length)
{
    if (!x)
        return TFX_POISON;
    tfx_value out = append_like(g, TFX_OP_PAD, 1, &x, (int64_t[]){axis, start}, 2, NULL, 0, x);
    g->values[out].dims[axis] = length;
    return out;
}

tfx_value tfx_emit_concat(tfx_graph *g, uint32_t n, const tfx_value *xs, int axis)
{
    if (n == 0)
        return tfx_graph_fail(g, "concat: no operands");
    int64_t total = 0;
    int a = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!xs[i])
            return TFX_POISON;
        a = resolve_axis(g, xs[i], axis);
        const tfx_graph_value *first = &g->values[xs[0]], *v = &g->values[xs[i]];
        int ok = a >= 0 && v->n_dims == first->n_dims && v->dtype == first->dtype;
        for (uint32_t d = 0; ok && d < v->n_dims; d++)
            ok = (int)d == a || v->dims[d] == first->dims[d];
        if (!ok)
            return tfx_graph_fail(g, "concat along axis %d: %s does not fit %s", axis, shape_text(g, xs[i]),
                                  shape_text(g, xs[0]));
        total += v->dims[a];
    }
    if (n == 1)
        return xs[0];
    tfx_value out = append_like(g, TFX_OP_CONCAT, n, xs, (int64_t[]){a}, 1, NULL, 0, xs[0]);
    g->values[out].dims[a] = total;
    return out;
}

/* ---- reductions and matrices ---- */

tfx_value tfx_emit_sum(tfx_graph *g, tfx_value x, uint32_t mask, int keep_dims)
{
    if (!x || !check_f32(g, "sum", x))
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
    tfx_value out = append(g, TFX_OP_SUM, 1, &x, (int64_t[]){mask}, 1, NULL, 0, 1);
    set_shape(g, out, n, dims);
    return out;
}

tfx_value tfx_emit_matmul(tfx_graph *g, tfx_value a, tfx_value b, uint32_t flags, double alpha, tfx_value c)
{
    if (!a || !b || !check_f32(g, "matmul", a) || !check_f32(g, "matmul", b))
        return TFX_POISON;
    uint32_t ra = g->values[a].n_dims, rb = g->values[b].n_dims;
    if (ra < 2 || rb < 2)
        return tfx_graph_fail(g, "matmul: operands %s and %s need rank 2 at least", shape_text(g, a),
                              shape_text(g, b));
    if (rb == 2 && ra > 2) { /* leading dimensions are rows */
        if (flags & TFX_TRANS_A)
            return tfx_graph_fail(g, "matmul: a transposed left operand must have rank 2, found %s",
                                  shape_text(g, a));
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
        return tfx_graph_fail(g, "matmul: leading dimensions of %s and %s differ", shape_text(g, a),
                              shape_text(g, b));
    int ta = (flags & TFX_TRANS_A) != 0, tb = (flags & TFX_TRANS_B) != 0;
    int64_t m = da[ra - 2 + (uint32_t)ta], ka = da[ra - 1 - (uint32_t)ta];
    int64_t kb = db[rb - 2 + (uint32_t)tb], n = db[rb - 1 - (uint32_t)tb];
    if (ka != kb)
        return tfx_graph_fail(g, "matmul: inner dimensions %" PRId64 " and %" PRId64 " differ (%s%s times %s%s)",
                              ka, kb, shape_text(g, a), ta ? " transposed" : "", shape_text(g, b),
                              tb ? " transposed" : "");
    tfx_value in[3] = {a, b, c};
    tfx_value out = append(g, TFX_OP_MATMUL, c ? 3 : 2, in, (int64_t[]){flags}, 1,
                           (double[]){alpha, c ? 1.0 : 0.0}, 2, 1);
    set_shape(g, out, ra, g->values[a].dims);
    g->values[out].dims[ra - 2] = m;
    g->values[out].dims[ra - 1] = n;
    return out;
}

/* ---- networks ---- */

tfx_value tfx_emit_softmax(tfx_graph *g, tfx_value x)
{
    if (!x || !check_f32(g, "softmax", x))
        return TFX_POISON;
    if (g->values[x].n_dims == 0)
        return tfx_graph_fail(g, "softmax: a scalar has no axis");
    return append_like(g, TFX_OP_SOFTMAX, 1, &x, NULL, 0, NULL, 0, x);
}

tfx_value tfx_emit_norm(tfx_graph *g, tfx_norm kind, tfx_value x, double eps)
{
    if (!x || !check_f32(g, "norm", x))
        return TFX_POISON;
    if (g->values[x].n_dims == 0 || kind < TFX_NORM_LAYER || kind > TFX_NORM_L2 || !(eps >= 0))
        return tfx_graph_fail(g, "norm: kind %d with eps %g cannot apply to %s", (int)kind, eps, shape_text(g, x));
    return append_like(g, TFX_OP_NORM, 1, &x, (int64_t[]){kind}, 1, &eps, 1, x);
}

tfx_value tfx_emit_rope(tfx_graph *g, tfx_value x, int64_t n_dims, int sign, double base)
{
    if (!x || !check_f32(g, "rope", x))
        return TFX_POISON;
    if (g->values[x].n_dims != 4)
        return tfx_graph_fail(g, "rope: expected [batch, time, heads, head_dim], found %s", shape_text(g, x));
    if (n_dims < 0 || n_dims % 2 || n_dims > g->values[x].dims[3] || !(base > 0))
        return tfx_graph_fail(g, "rope: %" PRId64 " rotated dimensions (base %g) of %" PRId64
                                 "; expected an even number up to head_dim",
                              n_dims, base, g->values[x].dims[3]);
    if (n_dims == 0)
        return x;
    return append_like(g, TFX_OP_ROPE, 1, &x, (int64_t[]){n_dims, sign}, 2, &base, 1, x);
}

tfx_value tfx_emit_attention(tfx_graph *g, tfx_value q, tfx_value k, tfx_value v, double scale)
{
    if (!q || !k || !v || !check_f32(g, "attention", q) || !check_f32(g, "attention", k) ||
        !check_f32(g, "attention", v))
        return TFX_POISON;
    if (g->values[q].n_dims != 4 || !same_shape(g, q, k) || !same_shape(g, q, v))
        return tfx_graph_fail(g, "attention: q %s, k %s and v %s must all be [batch, time, heads, head_dim]",
                              shape_text(g, q), shape_text(g, k), shape_text(g, v));
    tfx_value out = append(g, TFX_OP_ATTENTION, 3, (tfx_value[]){q, k, v}, NULL, 0, &scale, 1, 2);
    const int64_t *d = g->values[q].dims;
    int64_t lse[3] = {d[0], d[2], d[1]};
    set_shape(g, out + 1, 3, lse);
    set_shape(g, out, 4, g->values[q].dims);
    return out;
}

tfx_value tfx_emit_gather(tfx_graph *g, tfx_value table, tfx_value indices)
{
    if (!table || !indices || !check_f32(g, "gather", table))
        return TFX_POISON;
    if (g->values[table].n_dims != 2 || g->values[indices].dtype != TFX_I32 ||
        g->values[indices].n_dims + 1 > TFX_MAX_DIMS)
        return tfx_graph_fail(g, "gather: expected a table of rank 2 and i32 indices, found %s and %s %s",
                              shape_text(g, table), tfx_dtype_name(g->values[indices].dtype),
                              shape_text(g, indices));
    tfx_value out = append(g, TFX_OP_GATHER, 2, (tfx_value[]){table, indices}, NULL, 0, NULL, 0, 1);
    uint32_t n = g->values[indices].n_dims;
    set_shape(g, out, n, g->values[indices].dims);
    g->values[out].n_dims = n + 1;
    g->values[out].dims[n] = g->values[table].dims[1];
    return out;
}

tfx_value tfx_emit_cross_entropy(tfx_graph *g, tfx_value logits, tfx_value targets)
{
    if (!logits || !targets || !check_f32(g, "cross_entropy", logits))
        return TFX_POISON;
    const tfx_graph_value *l = &g->values[logits], *t = &g->values[targets];
    if (t->dtype != TFX_I32 || l->n_dims != t->n_dims + 1 ||
        memcmp(l->dims, t->dims, sizeof(int64_t) * t->n_dims))
        return tfx_graph_fail(g, "cross_entropy: logits %s do not fit %s targets %s", shape_text(g, logits),
                              tfx_dtype_name(t->dtype), shape_text(g, targets));
    tfx_value out = append(g, TFX_OP_CROSS_ENTROPY, 2, (tfx_value[]){logits, targets}, NULL, 0, NULL, 0, 2);
    for (uint32_t i = 0; i < 2; i++)
        set_shape(g, out + i, g->values[targets].n_dims, g->values[targets].dims);
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
    if (cls->infer(tfx_host_table(), n_in, infos, all_ints, all_reals, &n_dims, dims) < 0)
        return tfx_graph_fail(g, "custom op %s refused its operands", cls->id);
    if (!check_dims(g, cls->id, n_dims, dims))
        return TFX_POISON;
    tfx_value out = append(g, TFX_OP_CUSTOM, n_in, in, all_ints, TFX_MAX_INTS, all_reals, TFX_MAX_REALS, 1);
    g->nodes[g->values[out].node].custom = cls;
    set_shape(g, out, n_dims, dims);
    return out;
}

tfx_value tfx_emit_like(tfx_graph *g, tfx_op op, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                        const double *reals, uint32_t n_out, const tfx_value *like)
{
    for (uint32_t i = 0; i < n_in; i++)
        if (!in[i])
            return TFX_POISON;
    tfx_value out = append(g, op, n_in, in, ints, ints ? TFX_MAX_INTS : 0, reals, reals ? TFX_MAX_REALS : 0, n_out);
    for (uint32_t i = 0; i < n_out; i++) {
        g->values[out + i].dtype = g->values[like[i]].dtype;
        set_shape(g, out + i, g->values[like[i]].n_dims, g->values[like[i]].dims);
    }
    return out;
}

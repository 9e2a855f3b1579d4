/* Emitting nodes: checks, appending, sources and pointwise ops. */
#include "framework/graph/emit.h"

#include <inttypes.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"

const char *tfx_graph_shape_text(const tfx_graph *g, tfx_value v)
{
    static _Thread_local char ring[4][TFX_SHAPE_TEXT];
    static _Thread_local int next;
    return tfx_format_shape(ring[next++ % 4], g->values[v].n_dims, g->values[v].dims);
}

int tfx_graph_same_shape(const tfx_graph *g, tfx_value x, tfx_value y)
{
    const tfx_graph_value *a = &g->values[x], *b = &g->values[y];
    return a->n_dims == b->n_dims && !memcmp(a->dims, b->dims, sizeof(int64_t) * a->n_dims);
}

int tfx_graph_axis(const tfx_graph *g, tfx_value x, int axis)
{
    int n = (int)g->values[x].n_dims;
    if (axis < 0)
        axis += n;
    return axis >= 0 && axis < n ? axis : -1;
}

tfx_value tfx_graph_append(tfx_graph *g, tfx_op op, uint32_t n_in, const tfx_value *in, const int64_t *ints,
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
        if (tfx_value_elements(g, in[i]) >= TFX_MAX_ELEMENTS)
            tfx_graph_fail(g, "%s: a value of shape %s takes more memory than any machine has", tfx_op_name(op),
                           tfx_graph_shape_text(g, in[i]));
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

void tfx_graph_set_shape(tfx_graph *g, tfx_value v, uint32_t n_dims, const int64_t *dims)
{
    g->values[v].n_dims = n_dims;
    if (n_dims)
        memmove(g->values[v].dims, dims, sizeof(*dims) * n_dims);
}

tfx_value tfx_graph_append_like(tfx_graph *g, tfx_op op, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                             uint32_t n_ints, const double *reals, uint32_t n_reals, tfx_value like)
{
    tfx_value out = tfx_graph_append(g, op, n_in, in, ints, n_ints, reals, n_reals, 1);
    g->values[out].dtype = g->values[like].dtype;
    tfx_graph_set_shape(g, out, g->values[like].n_dims, g->values[like].dims);
    return out;
}

int tfx_graph_check_f32(tfx_graph *g, const char *what, tfx_value x)
{
    if (g->values[x].dtype == TFX_F32)
        return 1;
    tfx_graph_fail(g, "%s: expected an f32 operand, found %s %s", what, tfx_dtype_name(g->values[x].dtype),
                   tfx_graph_shape_text(g, x));
    return 0;
}

int tfx_graph_check_dims(tfx_graph *g, const char *what, uint32_t n_dims, const int64_t *dims)
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
    if (index >= g->n_state_values) {
        size_t n = g->state->n;
        g->state_values = tfx_realloc(g->state_values, sizeof(tfx_value) * n);
        memset(g->state_values + g->n_state_values, 0, sizeof(tfx_value) * (n - g->n_state_values));
        g->n_state_values = n;
    }
    if (g->state_values[index])
        return g->state_values[index];
    const tfx_state_tensor *t = &g->state->tensors[index];
    int64_t ints[1] = {index};
    uint32_t region = g->region;
    g->region = 0; /* shared by all regions */
    tfx_value v = tfx_graph_append(g, t->kind == TFX_STATE_INPUT ? TFX_OP_INPUT : TFX_OP_PARAM, 0, NULL, ints, 1, NULL, 0, 1);
    g->region = region;
    g->state_values[index] = v;
    g->values[v].dtype = t->dtype;
    g->values[v].requires_grad = t->kind == TFX_STATE_PARAM && !(t->flags & TFX_PARAM_FIXED);
    tfx_graph_set_shape(g, v, t->n_dims, t->dims);
    return v;
}

void tfx_emit_store(tfx_graph *g, tfx_value value, tfx_value target)
{
    if (!value || !target)
        return;
    if (!tfx_graph_same_shape(g, value, target) || g->values[value].dtype != g->values[target].dtype) {
        tfx_graph_fail(g, "store: value is %s %s, its place is %s %s", tfx_dtype_name(g->values[value].dtype),
                       tfx_graph_shape_text(g, value), tfx_dtype_name(g->values[target].dtype), tfx_graph_shape_text(g, target));
        return;
    }
    tfx_graph_append(g, TFX_OP_STORE, 2, (tfx_value[]){value, target}, NULL, 0, NULL, 0, 0);
}

/* ---- pointwise ---- */

tfx_value tfx_emit_constant(tfx_graph *g, double value, uint32_t n_dims, const int64_t *dims)
{
    if (!tfx_graph_check_dims(g, "constant", n_dims, dims))
        return TFX_POISON;
    tfx_value v = tfx_graph_append(g, TFX_OP_CONST, 0, NULL, NULL, 0, &value, 1, 1);
    tfx_graph_set_shape(g, v, n_dims, dims);
    return v;
}

tfx_value tfx_emit_broadcast(tfx_graph *g, tfx_value x, uint32_t n_dims, const int64_t *dims)
{
    if (!x || !tfx_graph_check_dims(g, "broadcast", n_dims, dims))
        return TFX_POISON;
    const tfx_graph_value *v = &g->values[x];
    int ok = v->n_dims <= n_dims;
    for (uint32_t i = 0; ok && i < v->n_dims; i++) {
        int64_t have = v->dims[v->n_dims - 1 - i];
        ok = have == 1 || have == dims[n_dims - 1 - i];
    }
    if (v->n_dims == n_dims && ok && !memcmp(v->dims, dims, sizeof(*dims) * n_dims))
        return x;
    tfx_value out = tfx_graph_append(g, TFX_OP_BROADCAST, 1, &x, NULL, 0, NULL, 0, 1);
    g->values[out].dtype = g->values[x].dtype;
    tfx_graph_set_shape(g, out, n_dims, dims);
    if (!ok)
        return tfx_graph_fail(g, "broadcast: %s cannot stretch to %s", tfx_graph_shape_text(g, x), tfx_graph_shape_text(g, out));
    return out;
}

tfx_value tfx_emit_binary(tfx_graph *g, tfx_op op, tfx_value x, tfx_value y)
{
    if (!x || !y || !tfx_graph_check_f32(g, tfx_op_name(op), x) || !tfx_graph_check_f32(g, tfx_op_name(op), y))
        return TFX_POISON;
    if (!tfx_graph_same_shape(g, x, y)) {
        const tfx_graph_value *a = &g->values[x], *b = &g->values[y];
        uint32_t n = a->n_dims > b->n_dims ? a->n_dims : b->n_dims;
        int64_t dims[TFX_MAX_DIMS];
        for (uint32_t i = 0; i < n; i++) { /* from the right */
            int64_t da = i < a->n_dims ? a->dims[a->n_dims - 1 - i] : 1;
            int64_t db = i < b->n_dims ? b->dims[b->n_dims - 1 - i] : 1;
            if (da != db && da != 1 && db != 1)
                return tfx_graph_fail(g, "%s: shapes %s and %s do not match", tfx_op_name(op), tfx_graph_shape_text(g, x),
                                      tfx_graph_shape_text(g, y));
            dims[n - 1 - i] = da > db ? da : db;
        }
        x = tfx_emit_broadcast(g, x, n, dims);
        y = tfx_emit_broadcast(g, y, n, dims);
    }
    return tfx_graph_append_like(g, op, 2, (tfx_value[]){x, y}, NULL, 0, NULL, 0, x);
}

tfx_value tfx_emit_affine(tfx_graph *g, tfx_value x, double scale, double shift)
{
    if (!x || !tfx_graph_check_f32(g, "affine", x))
        return TFX_POISON;
    return tfx_graph_append_like(g, TFX_OP_AFFINE, 1, &x, NULL, 0, (double[]){scale, shift}, 2, x);
}

tfx_value tfx_emit_unary(tfx_graph *g, tfx_unary kind, tfx_value x)
{
    if (!x || !tfx_graph_check_f32(g, "unary", x))
        return TFX_POISON;
    if (kind < TFX_NEG || kind > TFX_GELU_TANH)
        return tfx_graph_fail(g, "unary: no function has the number %d", (int)kind);
    return tfx_graph_append_like(g, TFX_OP_UNARY, 1, &x, (int64_t[]){kind}, 1, NULL, 0, x);
}

tfx_value tfx_emit_unary_grad(tfx_graph *g, tfx_unary kind, tfx_value x, tfx_value dy)
{
    return tfx_graph_append_like(g, TFX_OP_UNARY_GRAD, 2, (tfx_value[]){x, dy}, (int64_t[]){kind}, 1, NULL, 0, x);
}

tfx_value tfx_emit_cast(tfx_graph *g, tfx_value x, tfx_dtype dtype)
{
    if (!x || g->values[x].dtype == dtype)
        return x;
    if (g->values[x].dtype == TFX_I32 || dtype == TFX_I32)
        return tfx_graph_fail(g, "cast: only f32 and bf16 convert into each other");
    tfx_value out = tfx_graph_append_like(g, TFX_OP_CAST, 1, &x, NULL, 0, NULL, 0, x);
    g->values[out].dtype = dtype;
    return out;
}

tfx_value tfx_emit_dropout(tfx_graph *g, tfx_value x, tfx_value key, double p, int64_t stream)
{
    if (!x || !key || !tfx_graph_check_f32(g, "dropout", x))
        return TFX_POISON;
    if (!(p >= 0 && p < 1))
        return tfx_graph_fail(g, "dropout: probability %g is outside [0, 1)", p);
    return tfx_graph_append_like(g, TFX_OP_DROPOUT, 2, (tfx_value[]){x, key}, &stream, 1, &p, 1, x);
}

/* ---- adjoints ---- */

tfx_value tfx_emit_like(tfx_graph *g, tfx_op op, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                        const double *reals, uint32_t n_out, const tfx_value *like)
{
    for (uint32_t i = 0; i < n_in; i++)
        if (!in[i])
            return TFX_POISON;
    tfx_value out = tfx_graph_append(g, op, n_in, in, ints, ints ? TFX_MAX_INTS : 0, reals, reals ? TFX_MAX_REALS : 0, n_out);
    for (uint32_t i = 0; i < n_out; i++) {
        g->values[out + i].dtype = g->values[like[i]].dtype;
        tfx_graph_set_shape(g, out + i, g->values[like[i]].n_dims, g->values[like[i]].dims);
    }
    return out;
}

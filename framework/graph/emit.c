/* Emitting nodes: one function per op that layers, optimizers or derivatives ask for. Whether
 * operands fit is for the rules in shapes.c to say; here is what an op with nothing to do
 * becomes, and what is built of several nodes. */
#include "framework/graph/emit.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "framework/base/hash.h"
#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/plugin/calls/op_calls.h"

/* Bytes of one array: they are in memory twice. */
#define MOST_ARRAY ((uint64_t)64 << 20)

/* ---- shared ---- */

const char *tfx_graph_shape_text(const tfx_graph *g, tfx_value v)
{
    static _Thread_local char ring[4][TFX_SHAPE_TEXT];
    static _Thread_local int next;
    return tfx_format_shape(ring[next++ % 4], g->values[v].n_dims, g->values[v].dims);
}

static int has_shape(const tfx_graph *g, tfx_value x, uint32_t n_dims, const int64_t *dims)
{
    return g->values[x].n_dims == n_dims && !memcmp(g->values[x].dims, dims, sizeof(*dims) * n_dims);
}

int tfx_graph_same_shape(const tfx_graph *g, tfx_value x, tfx_value y)
{
    return has_shape(g, x, g->values[y].n_dims, g->values[y].dims);
}

int tfx_graph_axis(const tfx_graph *g, tfx_value x, int axis)
{
    int n = (int)g->values[x].n_dims;
    if (axis < 0)
        axis += n;
    return axis >= 0 && axis < n ? axis : -1;
}

/* 1, or 0 with an error that starts with `what`. */
static int check_dims(tfx_graph *g, const char *what, uint32_t n_dims, const int64_t *dims)
{
    if (n_dims > TFX_MAX_DIMS)
        return tfx_graph_fail(g, "%s: rank %u is above the limit of %d", what, n_dims, TFX_MAX_DIMS);
    for (uint32_t i = 0; i < n_dims; i++)
        if (dims[i] < 1)
            return tfx_graph_fail(g, "%s: dimension %u is %" PRId64 ", expected at least 1", what, i, dims[i]);
    return 1;
}

tfx_graph_value tfx_graph_asked(tfx_dtype dtype, uint32_t n_dims, const int64_t *dims)
{
    tfx_graph_value v = {.dtype = dtype, .n_dims = n_dims};
    if (n_dims)
        memcpy(v.dims, dims, sizeof(*dims) * n_dims);
    return v;
}

tfx_graph_value tfx_graph_like(const tfx_graph *g, tfx_value v)
{
    return tfx_graph_asked(g->values[v].dtype, g->values[v].n_dims, g->values[v].dims);
}

int tfx_graph_infer(tfx_graph *g, tfx_emission *e)
{
    const tfx_op_info *op = tfx_op_info_of(e->op);
    for (uint32_t k = 0; k < e->n_in; k++)
        if (!e->in[k])
            return 0;
    assert(e->n_in >= op->min_in && e->n_in <= op->max_in);
    for (uint32_t k = 0; k < e->n_in && op->f32 >> k; k++)
        if ((op->f32 >> k & 1) && g->values[e->in[k]].dtype != TFX_F32)
            return tfx_graph_fail(g, "%s: expected an f32 operand, found %s %s", op->name,
                                  tfx_dtype_name(g->values[e->in[k]].dtype), tfx_graph_shape_text(g, e->in[k]));
    e->n_out = op->n_out;
    for (uint32_t k = 0; k < op->n_out; k++)
        e->out[k].dtype = e->out[k].dtype ? e->out[k].dtype : TFX_F32;
    return !op->shape || op->shape(g, e);
}

tfx_value tfx_graph_append(tfx_graph *g, const tfx_emission *e)
{
    uint32_t index = g->n_nodes, n_out = e->n_out;
    tfx_graph_node *node = TFX_APPEND(g->nodes, g->n_nodes, g->cap_nodes);
    *node = (tfx_graph_node){.op = e->op,
                             .n_in = e->n_in,
                             .n_out = n_out,
                             .out = g->n_values,
                             .custom = e->custom,
                             .flops = e->flops,
                             .scratch = e->scratch,
                             .region = g->region,
                             .backward = g->backward,
                             .recomputed = g->recomputed,
                             .update = g->update,
                             .site = g->site};
    node->in = TFX_NEW_ARRAY(tfx_value, e->n_in);
    memcpy(node->ints, e->ints, sizeof(node->ints));
    memcpy(node->reals, e->reals, sizeof(node->reals));
    int requires_grad = 0, is_flat = tfx_op_is_flat(e->op, e->ints);
    for (uint32_t i = 0; i < e->n_in; i++) {
        node->in[i] = e->in[i];
        requires_grad |= !is_flat && g->values[e->in[i]].requires_grad;
        if (tfx_value_elements(g, e->in[i]) >= TFX_MAX_ELEMENTS)
            tfx_graph_fail(g, "%s: a value of shape %s takes more memory than any machine has", tfx_op_name(e->op),
                           tfx_graph_shape_text(g, e->in[i]));
    }
    for (uint32_t i = 0; i < n_out; i++) {
        tfx_graph_value *v = TFX_APPEND(g->values, g->n_values, g->cap_values);
        *v = e->out[i];
        v->node = index;
        v->requires_grad |= requires_grad;
    }
    return g->nodes[index].out;
}

tfx_value tfx_graph_emit(tfx_graph *g, tfx_emission *e)
{
    return tfx_graph_infer(g, e) ? tfx_graph_append(g, e) : TFX_POISON;
}

/* ---- sources and sinks ---- */

tfx_value tfx_emit_state(tfx_graph *g, uint32_t index)
{
    while (index >= g->n_state_values)
        (void)TFX_APPEND(g->state_values, g->n_state_values, g->cap_state_values);
    if (g->state_values[index])
        return g->state_values[index];
    const tfx_state_tensor *t = &g->state->tensors[index];
    int is_given = t->kind == TFX_STATE_INPUT || t->kind == TFX_STATE_ARRAY;
    tfx_emission e = {.op = is_given ? TFX_OP_INPUT : TFX_OP_PARAM,
                      .ints = {index},
                      .out = {tfx_graph_asked(t->dtype, t->n_dims, t->dims)}};
    e.out[0].requires_grad = tfx_state_is_trained(t);
    uint32_t region = g->region;
    g->region = 0; /* shared by all regions */
    g->state_values[index] = tfx_graph_emit(g, &e);
    g->region = region;
    return g->state_values[index];
}

tfx_value tfx_emit_array(tfx_graph *g, tfx_dtype dtype, uint32_t n_dims, const int64_t *dims, const void *data)
{
    if (!check_dims(g, "array", n_dims, dims))
        return TFX_POISON;
    if (dtype != TFX_F32 && dtype != TFX_I32)
        return tfx_graph_fail(g, "array: expected f32 or i32, found dtype %d", (int)dtype);
    uint64_t elements = tfx_shape_elements(n_dims, dims);
    char shape[TFX_SHAPE_TEXT], hash[33];
    tfx_format_shape(shape, n_dims, dims);
    if (elements * tfx_dtype_bytes(dtype) > MOST_ARRAY)
        return tfx_graph_fail(g, "array: %s is larger than %d MB; make it of smaller ones", shape,
                              (int)(MOST_ARRAY >> 20));
    tfx_bytes_hash(data, elements * tfx_dtype_bytes(dtype), hash);
    char *name = tfx_printf("/array %s %s %s", tfx_dtype_name(dtype), shape, hash);
    uint32_t at = tfx_state_find(g->state, name);
    if (at == TFX_STATE_NONE && !g->state->frozen)
        at = tfx_state_add_array(g->state, name, dtype, n_dims, dims, data);
    free(name);
    if (at == TFX_STATE_NONE)
        return tfx_graph_fail(
            g,
            "array: when the model is built again, it asks for other numbers, of shape %s, than before "
            "(they may depend on options, on sizes of the model and of its context, not on the number of "
            "rows)",
            shape);
    return tfx_emit_state(g, at);
}

void tfx_graph_mark_like(tfx_graph *g, const tfx_graph_node *n)
{
    g->region = n->region;
    g->backward = n->backward;
    g->recomputed = n->recomputed;
    g->update = n->update;
    g->site = n->site;
}

tfx_value tfx_graph_copy(tfx_graph *to, const tfx_graph *from, const tfx_graph_node *n, const tfx_value *in)
{
    tfx_graph_mark_like(to, n);
    if (n->op == TFX_OP_INPUT || n->op == TFX_OP_PARAM)
        return tfx_emit_state(to, (uint32_t)n->ints[0]);
    tfx_emission e = {.op = n->op,
                      .n_in = n->n_in,
                      .in = in,
                      .custom = n->custom,
                      .n_out = n->n_out,
                      .flops = n->flops,
                      .scratch = n->scratch};
    memcpy(e.ints, n->ints, sizeof(e.ints));
    memcpy(e.reals, n->reals, sizeof(e.reals));
    for (uint32_t k = 0; k < n->n_out; k++)
        e.out[k] = tfx_graph_like(from, n->out + k);
    return tfx_graph_append(to, &e);
}

void tfx_graph_become(tfx_graph *g, tfx_graph *to, const tfx_value *map, tfx_value *wanted, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        wanted[i] = map[wanted[i]];
    tfx_graph_finish(g);
    *g = *to;
}

void tfx_emit_store(tfx_graph *g, tfx_value value, tfx_value target)
{
    tfx_graph_emit(g, &(tfx_emission){.op = TFX_OP_STORE, TFX_IN(value, target)});
}

/* ---- pointwise ---- */

tfx_value tfx_emit_constant(tfx_graph *g, double value, uint32_t n_dims, const int64_t *dims)
{
    if (!check_dims(g, "constant", n_dims, dims))
        return TFX_POISON;
    return tfx_graph_emit(
        g, &(tfx_emission){.op = TFX_OP_CONST, .reals = {value}, .out = {tfx_graph_asked(TFX_F32, n_dims, dims)}});
}

tfx_value tfx_emit_broadcast(tfx_graph *g, tfx_value x, uint32_t n_dims, const int64_t *dims)
{
    if (!x || !check_dims(g, "broadcast", n_dims, dims))
        return TFX_POISON;
    if (has_shape(g, x, n_dims, dims))
        return x;
    return tfx_graph_emit(
        g, &(tfx_emission){.op = TFX_OP_BROADCAST, TFX_IN(x), .out = {tfx_graph_asked(TFX_F32, n_dims, dims)}});
}

/* Of two operands that are broadcast against each other. */
static tfx_value emit_pair(tfx_graph *g, tfx_op op, int64_t attribute, tfx_value x, tfx_value y)
{
    tfx_emission e = {.op = op, TFX_IN(x, y), .ints = {attribute}};
    if (!tfx_graph_infer(g, &e))
        return TFX_POISON;
    if (!tfx_graph_same_shape(g, x, y)) {
        const tfx_graph_value *a = &g->values[x], *b = &g->values[y];
        uint32_t n = a->n_dims > b->n_dims ? a->n_dims : b->n_dims;
        int64_t dims[TFX_MAX_DIMS];
        for (uint32_t i = 0; i < n; i++) { /* from the right */
            int64_t da = i < a->n_dims ? a->dims[a->n_dims - 1 - i] : 1;
            int64_t db = i < b->n_dims ? b->dims[b->n_dims - 1 - i] : 1;
            if (da != db && da != 1 && db != 1)
                return tfx_graph_fail(g, "%s: shapes %s and %s do not match", tfx_op_name(op),
                                      tfx_graph_shape_text(g, x), tfx_graph_shape_text(g, y));
            dims[n - 1 - i] = da > db ? da : db;
        }
        x = tfx_emit_broadcast(g, x, n, dims);
        y = tfx_emit_broadcast(g, y, n, dims);
    }
    return tfx_graph_emit(g, &(tfx_emission){.op = op, TFX_IN(x, y), .ints = {attribute}});
}

tfx_value tfx_emit_binary(tfx_graph *g, tfx_op op, tfx_value x, tfx_value y)
{
    return emit_pair(g, op, 0, x, y);
}

tfx_value tfx_emit_compare(tfx_graph *g, tfx_compare how, tfx_value x, tfx_value y)
{
    return emit_pair(g, TFX_OP_COMPARE, how, x, y);
}

tfx_value tfx_emit_affine(tfx_graph *g, tfx_value x, double scale, double shift)
{
    return tfx_graph_emit(g, &(tfx_emission){.op = TFX_OP_AFFINE, TFX_IN(x), .reals = {scale, shift}});
}

tfx_value tfx_emit_unary(tfx_graph *g, tfx_unary kind, tfx_value x)
{
    return tfx_graph_emit(g, &(tfx_emission){.op = TFX_OP_UNARY, TFX_IN(x), .ints = {kind}});
}

tfx_value tfx_emit_unary_grad(tfx_graph *g, tfx_unary kind, tfx_value x, tfx_value dy)
{
    return tfx_graph_emit(g, &(tfx_emission){.op = TFX_OP_UNARY_GRAD, TFX_IN(x, dy), .ints = {kind}});
}

tfx_value tfx_emit_cast(tfx_graph *g, tfx_value x, tfx_dtype dtype)
{
    if (!x || g->values[x].dtype == dtype)
        return x;
    return tfx_graph_emit(g, &(tfx_emission){.op = TFX_OP_CAST, TFX_IN(x), .out = {{.dtype = dtype}}});
}

tfx_value tfx_emit_dropout(tfx_graph *g, tfx_value x, tfx_value key, double p, int64_t stream)
{
    return tfx_graph_emit(g, &(tfx_emission){.op = TFX_OP_DROPOUT, TFX_IN(x, key), .ints = {stream}, .reals = {p}});
}

/* ---- movement ---- */

tfx_value tfx_emit_reshape(tfx_graph *g, tfx_value x, uint32_t n_dims, const int64_t *dims)
{
    if (n_dims > TFX_MAX_DIMS)
        return x ? tfx_graph_fail(g, "reshape: rank %u is above the limit of %d", n_dims, TFX_MAX_DIMS) : TFX_POISON;
    tfx_emission e = {.op = TFX_OP_RESHAPE, TFX_IN(x), .out = {tfx_graph_asked(TFX_F32, n_dims, dims)}};
    if (!tfx_graph_infer(g, &e))
        return TFX_POISON;
    if (has_shape(g, x, n_dims, e.out[0].dims))
        return x;
    /* The same view again (q, k and v each flatten their input): one value, so that their
     * gradients meet in one buffer. */
    for (uint32_t i = g->n_nodes, looked = 0; i-- > 0 && looked < 64; looked++) {
        const tfx_graph_node *node = &g->nodes[i];
        if (node->op == TFX_OP_RESHAPE && !node->ints[0] && node->in[0] == x && node->region == g->region &&
            has_shape(g, node->out, n_dims, e.out[0].dims))
            return node->out;
    }
    return tfx_graph_append(g, &e);
}

tfx_value tfx_emit_stop_gradient(tfx_graph *g, tfx_value x)
{
    return tfx_graph_emit(g,
                          &(tfx_emission){.op = TFX_OP_RESHAPE, TFX_IN(x), .ints = {1}, .out = {tfx_graph_like(g, x)}});
}

tfx_value tfx_emit_permute(tfx_graph *g, tfx_value x, const int *perm)
{
    tfx_emission e = {.op = TFX_OP_PERMUTE, TFX_IN(x)};
    for (uint32_t i = 0; i < g->values[x].n_dims; i++)
        e.ints[i] = perm[i];
    return tfx_graph_emit(g, &e);
}

tfx_value tfx_emit_slice(tfx_graph *g, tfx_value x, int axis, int64_t start, int64_t length)
{
    if (!x)
        return TFX_POISON;
    int a = tfx_graph_axis(g, x, axis);
    if (a < 0)
        return tfx_graph_fail(g, "slice: %s has no axis %d", tfx_graph_shape_text(g, x), axis);
    if (start == 0 && length == g->values[x].dims[a])
        return x;
    return tfx_graph_emit(
        g, &(tfx_emission){
               .op = TFX_OP_SLICE, TFX_IN(x), .ints = {a, start}, .out = {tfx_graph_asked(TFX_F32, 1, &length)}});
}

tfx_value tfx_emit_pad(tfx_graph *g, tfx_value x, int axis, int64_t start, int64_t length)
{
    return tfx_graph_emit(
        g, &(tfx_emission){
               .op = TFX_OP_PAD, TFX_IN(x), .ints = {axis, start}, .out = {tfx_graph_asked(TFX_F32, 1, &length)}});
}

tfx_value tfx_emit_concat(tfx_graph *g, uint32_t n, const tfx_value *xs, int axis)
{
    if (n == 0)
        return tfx_graph_fail(g, "concat: no operands");
    tfx_emission e = {.op = TFX_OP_CONCAT, .n_in = n, .in = xs, .ints = {axis}};
    return !tfx_graph_infer(g, &e) ? TFX_POISON : n == 1 ? xs[0] : tfx_graph_append(g, &e);
}

/* ---- reductions and matrices ---- */

tfx_value tfx_emit_sum(tfx_graph *g, tfx_value x, uint32_t mask, int keep_dims)
{
    const tfx_graph_value *v = &g->values[x];
    tfx_emission e = {.op = TFX_OP_SUM, TFX_IN(x), .ints = {mask}};
    for (uint32_t i = 0; i < v->n_dims; i++)
        if (!(mask >> i & 1) || keep_dims)
            e.out[0].dims[e.out[0].n_dims++] = mask >> i & 1 ? 1 : v->dims[i];
    return !tfx_graph_infer(g, &e) ? TFX_POISON : !mask ? x : tfx_graph_append(g, &e);
}

tfx_value tfx_emit_matmul(tfx_graph *g, tfx_value a, tfx_value b, uint32_t flags, double alpha, tfx_value c)
{
    tfx_emission e = {.op = TFX_OP_MATMUL, TFX_IN(a, b, c), .ints = {flags}, .reals = {alpha, c ? 1.0 : 0.0}};
    e.n_in = c ? 3 : 2;
    if (!tfx_graph_infer(g, &e))
        return TFX_POISON;
    uint32_t rank = g->values[a].n_dims;
    if (rank == 2 || g->values[b].n_dims > 2)
        return tfx_graph_append(g, &e);
    assert(!c);
    /* Leading dimensions are rows. */
    tfx_value rows = tfx_emit_reshape(g, a, 2, (int64_t[]){-1, g->values[a].dims[rank - 1]});
    return tfx_emit_reshape(g, tfx_emit_matmul(g, rows, b, flags, alpha, TFX_POISON), rank, e.out[0].dims);
}

/* ---- networks ---- */

tfx_value tfx_emit_softmax(tfx_graph *g, tfx_value x)
{
    return tfx_graph_emit(g, &(tfx_emission){.op = TFX_OP_SOFTMAX, TFX_IN(x)});
}

tfx_value tfx_emit_topk(tfx_graph *g, tfx_value x, int64_t k)
{
    return tfx_graph_emit(g, &(tfx_emission){.op = TFX_OP_TOPK, TFX_IN(x), .ints = {k}});
}

tfx_value tfx_emit_norm(tfx_graph *g, tfx_norm kind, tfx_value x, double eps)
{
    return tfx_graph_emit(g, &(tfx_emission){.op = TFX_OP_NORM, TFX_IN(x), .ints = {kind}, .reals = {eps}});
}

tfx_value tfx_emit_norm_grad(tfx_graph *g, tfx_norm kind, tfx_value x, tfx_value dy, double eps)
{
    return tfx_graph_emit(g, &(tfx_emission){.op = TFX_OP_NORM_GRAD, TFX_IN(x, dy), .ints = {kind}, .reals = {eps}});
}

tfx_value tfx_emit_rope(tfx_graph *g, tfx_value x, int64_t n_dims, int sign, double base)
{
    tfx_emission e = {.op = TFX_OP_ROPE, TFX_IN(x), .ints = {n_dims, sign}, .reals = {base}};
    return !tfx_graph_infer(g, &e) ? TFX_POISON : n_dims == 0 ? x : tfx_graph_append(g, &e);
}

tfx_value tfx_emit_rope_at(tfx_graph *g, tfx_value x, tfx_value positions, int64_t n_dims, double base)
{
    return tfx_graph_emit(
        g, &(tfx_emission){.op = TFX_OP_ROPE, TFX_IN(x, positions), .ints = {n_dims, 1}, .reals = {base}});
}

tfx_value tfx_emit_insert(tfx_graph *g, tfx_value cache, tfx_value x, tfx_value positions)
{
    return tfx_graph_emit(g, &(tfx_emission){.op = TFX_OP_INSERT, TFX_IN(cache, x, positions)});
}

tfx_value tfx_emit_attention_cached(tfx_graph *g, const tfx_graph_node *n, tfx_value q, tfx_value k, tfx_value v,
                                    tfx_value positions)
{
    tfx_emission e = {.op = TFX_OP_ATTENTION_CACHED, TFX_IN(q, k, v, positions)};
    memcpy(e.ints, n->ints, sizeof(e.ints));
    memcpy(e.reals, n->reals, sizeof(e.reals));
    return tfx_graph_emit(g, &e);
}

tfx_value tfx_emit_attention(tfx_graph *g, tfx_value q, tfx_value k, tfx_value v, double scale,
                             const tfx_attention *how)
{
    static const tfx_attention plain;
    how = how ? how : &plain;
    int64_t flags = (how->bidirectional ? TFX_ATTENTION_BIDIRECTIONAL : 0) | (how->alibi ? TFX_ATTENTION_ALIBI : 0);
    return tfx_graph_emit(
        g, &(tfx_emission){
               .op = TFX_OP_ATTENTION, TFX_IN(q, k, v), .ints = {flags, how->window}, .reals = {scale, how->soft_cap}});
}

tfx_value tfx_emit_gather(tfx_graph *g, tfx_value table, tfx_value indices)
{
    return tfx_graph_emit(g, &(tfx_emission){.op = TFX_OP_GATHER, TFX_IN(table, indices)});
}

tfx_value tfx_emit_cross_entropy(tfx_graph *g, tfx_value logits, tfx_value targets)
{
    return tfx_graph_emit(g, &(tfx_emission){.op = TFX_OP_CROSS_ENTROPY, TFX_IN(logits, targets)});
}

void tfx_emit_custom(tfx_graph *g, const tfx_op_class *cls, uint32_t n_in, const tfx_value *in, uint32_t n_ints,
                     const int64_t *ints, uint32_t n_reals, const double *reals, tfx_value *out)
{
    tfx_emission e = {.op = TFX_OP_CUSTOM, .n_in = n_in, .in = in, .custom = cls};
    tfx_value first = TFX_POISON;
    if (n_in > tfx_op_info_of(TFX_OP_CUSTOM)->max_in || n_ints > TFX_MAX_INTS || n_reals > TFX_MAX_REALS) {
        tfx_graph_fail(g, "custom op %s: at most %u operands, %d ints and %d reals", cls->id,
                       tfx_op_info_of(TFX_OP_CUSTOM)->max_in, TFX_MAX_INTS, TFX_MAX_REALS);
    } else {
        if (n_ints)
            memcpy(e.ints, ints, sizeof(*ints) * n_ints);
        if (n_reals)
            memcpy(e.reals, reals, sizeof(*reals) * n_reals);
        first = tfx_graph_emit(g, &e);
    }
    for (uint32_t k = 0; k < tfx_op_n_results(cls); k++)
        out[k] = first ? first + k : TFX_POISON;
}

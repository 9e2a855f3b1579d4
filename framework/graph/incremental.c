#include "framework/graph/incremental.h"

#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/emit.h"

/* Where the time is in a value: dimension `axis` is outer * time * inner. */
typedef struct span {
    int axis; /* -1: the value is the same for all positions, or made of parameters */
    int64_t outer, inner;
} span;

static const span none = {.axis = -1};

typedef struct builder {
    const tfx_incremental *p;
    tfx_graph *to;
    tfx_error *why;
    int64_t context, n;
    tfx_value *map; /* per value of p->from */
    span *spans;
    uint32_t n_caches;
} builder;

static const tfx_graph_value *value(const builder *b, tfx_value v)
{
    return &b->p->from->values[v];
}

static int is_timed(const builder *b, tfx_value v)
{
    return b->spans[v].axis >= 0;
}

static int same_span(span a, span c)
{
    return a.axis == c.axis && a.outer == c.outer && a.inner == c.inner;
}

static tfx_value refuse(const builder *b, const tfx_graph_node *n, const char *what)
{
    if (b->why->status == TFX_OK)
        tfx_fail(b->why, TFX_E_UNSUPPORTED, "%s %s", tfx_op_name(n->op), what);
    return TFX_POISON;
}

/* The shape of a value of the old graph, with n positions. */
static const int64_t *new_dims(const builder *b, tfx_value v, span s, int64_t dims[TFX_MAX_DIMS])
{
    memcpy(dims, value(b, v)->dims, sizeof(int64_t[TFX_MAX_DIMS]));
    if (s.axis >= 0)
        dims[s.axis] = s.outer * b->n * s.inner;
    return dims;
}

/* Copies a node whose operands are mapped, with results of the shapes given. */
static tfx_value copy(const builder *b, const tfx_graph_node *n, const tfx_value *in, const int64_t *dims)
{
    const tfx_graph_value *out = value(b, n->out);
    tfx_emission e = {.op = n->op, .n_in = n->n_in, .in = in, .custom = n->custom};
    memcpy(e.ints, n->ints, sizeof(e.ints));
    memcpy(e.reals, n->reals, sizeof(e.reals));
    /* What the rules of these take from the emission; they overwrite the rest. */
    if (n->op == TFX_OP_SLICE || n->op == TFX_OP_PAD)
        e.out[0] = tfx_graph_asked(out->dtype, 1, &dims[n->ints[0]]);
    else if (n->op != TFX_OP_CUSTOM)
        e.out[0] = tfx_graph_asked(out->dtype, out->n_dims, dims);
    return tfx_graph_emit(b->to, &e);
}

/* ---- what is added at every position ---- */

/* Rows of a table, one for each position: [batch, n, width]. A table that is the beginning of another is not copied. */
static tfx_value rows_at(const builder *b, const tfx_graph_node *broadcast, tfx_value table)
{
    const tfx_graph_node *node = &b->p->from->nodes[value(b, table)->node];
    if (value(b, table)->n_dims != 2 || value(b, table)->dtype != TFX_F32)
        return refuse(b, broadcast, "goes over positions of something else than a table");
    if (node->op == TFX_OP_SLICE && node->ints[0] == 0 && node->ints[1] == 0)
        table = node->in[0];
    return tfx_emit_gather(b->to, b->map[table], b->p->positions);
}

static tfx_value stretch(const builder *b, tfx_value v, span s);

static tfx_value stretch_all(const builder *b, const tfx_graph_node *n, span s)
{
    int64_t dims[TFX_MAX_DIMS];
    tfx_value *in = TFX_NEW_ARRAY(tfx_value, n->n_in);
    for (uint32_t k = 0; k < n->n_in; k++)
        in[k] = stretch(b, n->in[k], s);
    tfx_value out = b->why->status == TFX_OK ? copy(b, n, in, new_dims(b, n->out, s, dims)) : TFX_POISON;
    free(in);
    return out;
}

/* A value that says nothing of positions, as large as one with span s. */
static tfx_value stretch(const builder *b, tfx_value v, span s)
{
    int64_t dims[TFX_MAX_DIMS];
    const tfx_graph_node *node = &b->p->from->nodes[value(b, v)->node];
    uint32_t rank = value(b, v)->n_dims;
    new_dims(b, v, s, dims);
    if (node->op == TFX_OP_CONST)
        return tfx_emit_constant(b->to, node->reals[0], rank, dims);
    if (node->op != TFX_OP_BROADCAST)
        return tfx_op_info_of(node->op)->pointwise ? stretch_all(b, node, s)
                                                   : refuse(b, node, "makes something that differs by position");
    tfx_value from = node->in[0];
    int at = s.axis -
             (int)(rank - value(b, from)->n_dims); /* of what is stretched; below 0: it has no such dimension */
    if (at < 0 || value(b, from)->dims[at] == 1)
        return tfx_emit_broadcast(b->to, b->map[from], rank, dims);
    if (at != 0 || s.outer != 1 || s.inner != 1 || rank != 3 || s.axis != 1)
        return refuse(b, node, "goes over positions of something else than a table");
    return tfx_emit_broadcast(b->to, rows_at(b, node, from), rank, dims);
}

/* ---- ops ---- */

/* Operands of one shape, of which some are timed. */
static tfx_value copy_alike(builder *b, const tfx_graph_node *n)
{
    span s = none;
    int64_t dims[TFX_MAX_DIMS];
    for (uint32_t k = 0; k < n->n_in; k++) {
        span other = b->spans[n->in[k]];
        if (other.axis >= 0 && s.axis >= 0 && !same_span(s, other))
            return refuse(b, n, "has positions in different dimensions");
        s = other.axis >= 0 ? other : s;
    }
    tfx_value *in = TFX_NEW_ARRAY(tfx_value, n->n_in);
    for (uint32_t k = 0; k < n->n_in; k++)
        in[k] = s.axis < 0 || is_timed(b, n->in[k]) ? b->map[n->in[k]] : stretch(b, n->in[k], s);
    b->spans[n->out] = s;
    tfx_value out = b->why->status == TFX_OK ? copy(b, n, in, new_dims(b, n->out, s, dims)) : TFX_POISON;
    free(in);
    return out;
}

/* The first operand's time, in dimension `axis` of the result. */
static tfx_value copy_moved(builder *b, const tfx_graph_node *n, int axis)
{
    int64_t dims[TFX_MAX_DIMS];
    span s = b->spans[n->in[0]];
    s.axis = axis;
    b->spans[n->out] = s;
    tfx_value in[3] = {0};
    for (uint32_t k = 0; k < n->n_in && k < 3; k++)
        in[k] = b->map[n->in[k]];
    return copy(b, n, in, new_dims(b, n->out, s, dims));
}

/* The time lies between what comes before it and what comes behind; that has to be in one dimension again. */
static tfx_value build_reshape(builder *b, const tfx_graph_node *n)
{
    const tfx_graph_value *x = value(b, n->in[0]), *y = value(b, n->out);
    span s = b->spans[n->in[0]];
    int64_t before = s.outer, dims[TFX_MAX_DIMS];
    for (int i = 0; i < s.axis; i++)
        before *= x->dims[i];
    for (uint32_t i = 0; i < y->n_dims; before /= y->dims[i++]) {
        if (y->dims[i] % (before * b->context) == 0) {
            b->spans[n->out] = (span){(int)i, before, y->dims[i] / (before * b->context)};
            return tfx_emit_reshape(b->to, b->map[n->in[0]], y->n_dims, new_dims(b, n->out, b->spans[n->out], dims));
        }
        if (before % y->dims[i])
            break;
    }
    return refuse(b, n, "divides the positions");
}

static tfx_value build_sum(builder *b, const tfx_graph_node *n)
{
    int axis = b->spans[n->in[0]].axis, summed = 0;
    if (n->ints[0] >> axis & 1)
        return refuse(b, n, "goes over positions");
    for (int i = 0; i < axis && value(b, n->out)->n_dims < value(b, n->in[0])->n_dims; i++)
        summed += n->ints[0] >> i & 1;
    return copy_moved(b, n, axis - summed);
}

/* Positions are rows of the first operand, or part of what both are batched over. */
static tfx_value build_matmul(builder *b, const tfx_graph_node *n)
{
    tfx_value x = n->in[0], y = n->in[1];
    int rank = (int)value(b, x)->n_dims, axis = b->spans[x].axis, transposed = (n->ints[0] & TFX_TRANS_A) != 0;
    int rows = rank - 2 + transposed, batched = value(b, y)->n_dims > 2;
    if (axis < 0 || (axis >= rank - 2 && axis != rows) || n->n_in > 2 ||
        (is_timed(b, y) && (!batched || axis >= rank - 2 || !same_span(b->spans[x], b->spans[y]))) ||
        (batched && axis < rank - 2 && !is_timed(b, y)))
        return refuse(b, n, "goes over positions, or is of one with another");
    return copy_moved(b, n, axis == rows ? rank - 2 : axis);
}

/* [batch, time, heads, head_dim], all of one position together. */
static int is_sequence(const builder *b, tfx_value v)
{
    const span s = b->spans[v];
    return s.axis == 1 && s.outer == 1 && s.inner == 1 && value(b, v)->n_dims == 4;
}

static tfx_value keep(builder *b, tfx_value v)
{
    char name[32];
    int64_t dims[TFX_MAX_DIMS];
    snprintf(name, sizeof(name), "/cache/%u", b->n_caches++);
    memcpy(dims, value(b, v)->dims, sizeof(dims));
    uint32_t at = tfx_state_find(b->to->state, name);
    if (at == TFX_STATE_NONE)
        at = tfx_state_add(b->to->state, TFX_STATE_CACHE, name, TFX_F32, 4, dims);
    tfx_value place = tfx_emit_state(b->to, at);
    tfx_value all = tfx_emit_insert(b->to, place, b->map[v], b->p->positions);
    tfx_emit_store(b->to, all, place);
    return all;
}

static tfx_value build_attention(builder *b, const tfx_graph_node *n)
{
    for (uint32_t k = 0; k < 3; k++)
        if (!is_sequence(b, n->in[k]))
            return refuse(b, n, "is not over the positions of the tokens");
    if (n->ints[0] & TFX_ATTENTION_BIDIRECTIONAL)
        return refuse(b, n, "looks at later positions");
    b->spans[n->out] = b->spans[n->in[0]];
    tfx_value k = keep(b, n->in[1]), v = keep(b, n->in[2]);
    return tfx_emit_attention_cached(b->to, n, b->map[n->in[0]], k, v, b->p->positions);
}

static tfx_value build_rope(builder *b, const tfx_graph_node *n)
{
    if (!is_sequence(b, n->in[0]) || n->ints[1] != 1 || n->n_in > 1)
        return refuse(b, n, "is not over the positions of the tokens");
    b->spans[n->out] = b->spans[n->in[0]];
    return tfx_emit_rope_at(b->to, b->map[n->in[0]], b->p->positions, n->ints[0], n->reals[0]);
}

static tfx_value build_gather(builder *b, const tfx_graph_node *n)
{
    int64_t dims[TFX_MAX_DIMS];
    if (is_timed(b, n->in[0]))
        return refuse(b, n, "looks at other positions");
    b->spans[n->out] = b->spans[n->in[1]];
    return copy(b, n, (tfx_value[]){b->map[n->in[0]], b->map[n->in[1]]}, new_dims(b, n->out, b->spans[n->out], dims));
}

static tfx_value build_timed(builder *b, const tfx_graph_node *n)
{
    int axis = b->spans[n->in[0]].axis;
    const tfx_op_info *op = tfx_op_info_of(n->op);
    switch (n->op) {
    case TFX_OP_BROADCAST: return copy_moved(b, n, axis + (int)(value(b, n->out)->n_dims - value(b, n->in[0])->n_dims));
    case TFX_OP_RESHAPE: return build_reshape(b, n);
    case TFX_OP_PERMUTE:
        for (int i = 0;; i++)
            if (n->ints[i] == axis)
                return copy_moved(b, n, i);
    case TFX_OP_SLICE:
    case TFX_OP_PAD: return n->ints[0] == axis ? refuse(b, n, "is of positions") : copy_moved(b, n, axis);
    case TFX_OP_CONCAT:
        for (uint32_t k = 0; k < n->n_in; k++)
            if (n->ints[0] == b->spans[n->in[k]].axis)
                return refuse(b, n, "is of positions");
        return copy_alike(b, n);
    case TFX_OP_SUM: return build_sum(b, n);
    case TFX_OP_MATMUL: return build_matmul(b, n);
    case TFX_OP_SOFTMAX:
    case TFX_OP_TOPK:
    case TFX_OP_NORM:
        return axis + 1 == (int)value(b, n->in[0])->n_dims ? refuse(b, n, "goes over positions")
                                                           : copy_moved(b, n, axis);
    case TFX_OP_ROPE: return build_rope(b, n);
    case TFX_OP_ATTENTION: return build_attention(b, n);
    case TFX_OP_GATHER: return build_gather(b, n);
    default:
        return op->pointwise && n->op != TFX_OP_DROPOUT ? copy_alike(b, n)
                                                        : refuse(b, n, "is not known to keep positions apart");
    }
}

/* Nodes that the logits need. Malloced. */
static char *find_live(const tfx_graph *g, tfx_value logits)
{
    char *live = TFX_NEW_ARRAY(char, g->n_nodes);
    live[g->values[logits].node] = 1;
    for (uint32_t i = g->n_nodes; i-- > 0;)
        for (uint32_t k = 0; live[i] && k < g->nodes[i].n_in; k++)
            live[g->values[g->nodes[i].in[k]].node] = 1;
    return live;
}

static void build_node(builder *b, const tfx_graph_node *n)
{
    int timed = 0;
    int64_t dims[TFX_MAX_DIMS];
    for (uint32_t k = 0; k < n->n_in; k++)
        timed |= is_timed(b, n->in[k]);
    if (n->out == b->p->tokens) {
        b->map[n->out] = b->p->new_tokens;
        b->spans[n->out] = (span){1, 1, 1};
    } else if (n->op == TFX_OP_INPUT || n->op == TFX_OP_PARAM) {
        b->map[n->out] = tfx_emit_state(b->to, (uint32_t)n->ints[0]);
    } else if (timed) {
        b->map[n->out] = build_timed(b, n);
    } else {
        tfx_value *in = TFX_NEW_ARRAY(tfx_value, n->n_in);
        for (uint32_t k = 0; k < n->n_in; k++)
            in[k] = b->map[n->in[k]];
        b->map[n->out] = copy(b, n, in, new_dims(b, n->out, none, dims));
        free(in);
    }
}

tfx_value tfx_incremental_build(const tfx_incremental *p, tfx_graph *to, tfx_error *why)
{
    const tfx_graph *from = p->from;
    builder b = {.p = p,
                 .to = to,
                 .why = why,
                 .context = from->values[p->tokens].dims[1],
                 .n = to->values[p->positions].dims[1],
                 .map = TFX_NEW_ARRAY(tfx_value, from->n_values),
                 .spans = TFX_NEW_ARRAY(span, from->n_values)};
    for (uint32_t v = 0; v < from->n_values; v++)
        b.spans[v] = none;
    char *live = find_live(from, p->logits);
    for (uint32_t i = 0; i < from->n_nodes && why->status == TFX_OK && to->err->status == TFX_OK; i++)
        if (live[i])
            build_node(&b, &from->nodes[i]);
    if (why->status == TFX_OK && !same_span(b.spans[p->logits], (span){1, 1, 1}))
        tfx_fail(why, TFX_E_UNSUPPORTED, "logits are not those of each position");
    tfx_value logits = why->status == TFX_OK ? b.map[p->logits] : TFX_POISON;
    free(live);
    free(b.spans);
    free(b.map);
    return logits;
}

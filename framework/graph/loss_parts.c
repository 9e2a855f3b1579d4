#include "framework/graph/loss_parts.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/emit.h"

/* Every part is so many nodes more. */
enum { MAX_PARTS = 64 };

/* What becomes of a node. */
typedef enum role {
    AS_IT_IS,
    BY_ROWS, /* for each part by itself */
    JOINED,  /* the same, and the parts' results are put together */
    SUMMED   /* each part adds to the result of the one before */
} role;

typedef struct rewriting {
    const tfx_graph *from;
    tfx_graph *to;
    uint32_t product; /* the node that makes the logits */
    int64_t rows, n_parts;
    role *roles;           /* per node */
    char *in_parts;        /* per value: whether it exists in parts only */
    tfx_value *map;        /* per value of `from`: what it is in `to` */
    tfx_value *part;       /* the same for the part at hand, of values in parts and of those that are cut into rows */
    int64_t start, length; /* of the part at hand */
} rewriting;

/* ---- recognising ---- */

/* Whether v exists before the logits, or can be made there: gradients of a sum are made of a constant. */
static int is_early(const rewriting *r, tfx_value v)
{
    const tfx_graph_node *n = &r->from->nodes[r->from->values[v].node];
    if (r->from->values[v].node < r->product || n->op == TFX_OP_PARAM || n->op == TFX_OP_INPUT)
        return 1;
    int early = !r->in_parts[v] && (n->op == TFX_OP_CONST || n->op == TFX_OP_AFFINE || n->op == TFX_OP_RESHAPE ||
                                    n->op == TFX_OP_BROADCAST);
    for (uint32_t k = 0; early && k < n->n_in; k++)
        early = is_early(r, n->in[k]);
    return early;
}

static int64_t last_dim(const tfx_graph *g, tfx_value v)
{
    return g->values[v].n_dims ? g->values[v].dims[g->values[v].n_dims - 1] : 1;
}

/* Whether v, which does not exist in parts, can be cut into as many rows as there are. */
static int has_rows(const rewriting *r, tfx_value v)
{
    return is_early(r, v) && r->from->values[v].n_dims == 2 && r->from->values[v].dims[0] == r->rows;
}

static role role_of_product(const rewriting *r, const tfx_graph_node *n)
{
    int of_a = r->in_parts[n->in[0]], of_b = r->in_parts[n->in[1]];
    int64_t flags = n->ints[0];
    if (n->n_in != 2 || of_a == of_b)
        return AS_IT_IS;
    if (of_a && !(flags & TFX_TRANS_A) && is_early(r, n->in[1]))
        return JOINED;
    int over_rows = flags == TFX_TRANS_A && has_rows(r, n->in[of_a ? 1 : 0]);
    return over_rows ? SUMMED : AS_IT_IS;
}

/* Of a node that reads a value in parts. AS_IT_IS: it needs all of it. */
static role role_of(const rewriting *r, const tfx_graph_node *n)
{
    switch (n->op) {
    case TFX_OP_MATMUL: return role_of_product(r, n);
    case TFX_OP_AFFINE: return BY_ROWS;
    case TFX_OP_RESHAPE: return last_dim(r->from, n->in[0]) == last_dim(r->from, n->out) ? BY_ROWS : AS_IT_IS;
    case TFX_OP_CROSS_ENTROPY: return is_early(r, n->in[1]) ? JOINED : AS_IT_IS;
    case TFX_OP_CROSS_ENTROPY_GRAD: return is_early(r, n->in[1]) && is_early(r, n->in[3]) ? BY_ROWS : AS_IT_IS;
    default: return AS_IT_IS;
    }
}

/* Finds the roles of all nodes, if that of the product at `at` can be BY_ROWS. */
static int recognise(rewriting *r, uint32_t at)
{
    const tfx_graph *g = r->from;
    int has_gradient = 0;
    memset(r->roles, 0, sizeof(*r->roles) * g->n_nodes);
    memset(r->in_parts, 0, g->n_values);
    r->product = at;
    r->rows = g->values[g->nodes[at].out].dims[0];
    r->roles[at] = BY_ROWS;
    r->in_parts[g->nodes[at].out] = 1;
    for (uint32_t i = at + 1; i < g->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        int reads = 0;
        for (uint32_t k = 0; k < n->n_in; k++)
            reads |= r->in_parts[n->in[k]];
        if (!reads)
            continue;
        r->roles[i] = role_of(r, n);
        if (r->roles[i] == AS_IT_IS)
            return 0;
        has_gradient |= n->op == TFX_OP_CROSS_ENTROPY_GRAD;
        /* Of cross entropy the second result, which only its gradient reads. */
        for (uint32_t k = r->roles[i] == BY_ROWS ? 0 : 1; k < n->n_out; k++)
            r->in_parts[n->out + k] = 1;
    }
    return has_gradient;
}

static int makes_logits(const tfx_graph *g, const tfx_graph_node *n, uint64_t most_bytes)
{
    return n->op == TFX_OP_MATMUL && n->n_in == 2 && !(n->ints[0] & TFX_TRANS_A) && g->values[n->out].n_dims == 2 &&
           tfx_value_elements(g, n->out) * tfx_dtype_bytes(g->values[n->out].dtype) > most_bytes;
}

static int find_logits(rewriting *r, uint64_t most_bytes, const tfx_value *wanted, uint32_t n_wanted)
{
    const tfx_graph *g = r->from;
    for (uint32_t i = g->n_nodes; i-- > 0;) {
        if (!makes_logits(g, &g->nodes[i], most_bytes) || !recognise(r, i))
            continue;
        int asked_for = 0;
        for (uint32_t k = 0; k < n_wanted; k++)
            asked_for |= r->in_parts[wanted[k]];
        uint64_t row = tfx_value_elements(g, g->nodes[i].out) / (uint64_t)r->rows * 4;
        int64_t each = (int64_t)(most_bytes / row > 1 ? most_bytes / row : 1);
        r->n_parts = (r->rows + each - 1) / each;
        r->n_parts = r->n_parts < MAX_PARTS ? r->n_parts : MAX_PARTS;
        return !asked_for;
    }
    return 0;
}

/* ---- rewriting ---- */

/* An early value. */
static tfx_value early(rewriting *r, tfx_value v)
{
    const tfx_graph_node *n = &r->from->nodes[r->from->values[v].node];
    if (r->map[v])
        return r->map[v];
    tfx_value in = n->n_in ? early(r, n->in[0]) : TFX_POISON;
    r->map[v] = tfx_graph_copy(r->to, r->from, n, &in);
    return r->map[v];
}

/* The part's rows of an early value of so many columns; 0: numbers, one for a row. */
static tfx_value cut(rewriting *r, tfx_value v, int64_t cols)
{
    tfx_value base = tfx_value_base(r->from, v);
    const int64_t dims[2] = {r->rows, cols};
    if (!r->part[base]) {
        tfx_value all = tfx_emit_reshape(r->to, early(r, v), cols ? 2 : 1, dims);
        r->part[base] = tfx_emit_slice(r->to, all, 0, r->start, r->length);
    }
    return r->part[base];
}

/* The k-th operand of a node, for the part at hand. */
static tfx_value operand(rewriting *r, const tfx_graph_node *n, uint32_t k)
{
    tfx_value v = n->in[k];
    int is_product = n->op == TFX_OP_MATMUL, is_logits = n->out == r->from->nodes[r->product].out;
    if (r->in_parts[v])
        return r->part[v];
    if (!is_product)
        return cut(r, v, 0);
    int has_the_rows = is_logits ? k == 0
                                 : n->ints[0] == TFX_TRANS_A && r->roles[r->from->values[n->out].node] == SUMMED;
    return has_the_rows ? cut(r, v, last_dim(r->from, v)) : early(r, v);
}

static void emit_part(rewriting *r, uint32_t i)
{
    const tfx_graph_node *n = &r->from->nodes[i];
    tfx_graph *to = r->to;
    tfx_value in[4], out;
    tfx_graph_mark_like(to, n);
    for (uint32_t k = 0; k < n->n_in; k++)
        in[k] = operand(r, n, k);
    if (n->op == TFX_OP_RESHAPE) {
        out = in[0];
    } else if (n->op == TFX_OP_MATMUL) {
        tfx_value before = r->roles[i] == SUMMED ? r->map[n->out] : TFX_POISON;
        out = tfx_emit_matmul(to, in[0], in[1], (uint32_t)n->ints[0], n->reals[0], before);
    } else {
        tfx_emission e = {.op = n->op, .n_in = n->n_in, .in = in};
        memcpy(e.ints, n->ints, sizeof(e.ints));
        memcpy(e.reals, n->reals, sizeof(e.reals));
        out = tfx_graph_emit(to, &e);
    }
    for (uint32_t k = 0; k < n->n_out; k++)
        r->part[n->out + k] = out + k;
    if (r->roles[i] == SUMMED)
        r->map[n->out] = out;
}

static void emit_parts(rewriting *r)
{
    const tfx_graph *g = r->from;
    tfx_value **joined = TFX_NEW_ARRAY(tfx_value *, g->n_nodes); /* per node: its first result of each part */
    for (int64_t p = 0; p < r->n_parts; p++) {
        int64_t end = r->rows * (p + 1) / r->n_parts;
        r->start = r->rows * p / r->n_parts;
        r->length = end - r->start;
        memset(r->part, 0, sizeof(*r->part) * g->n_values);
        for (uint32_t i = r->product; i < g->n_nodes; i++) {
            if (r->roles[i] == AS_IT_IS)
                continue;
            emit_part(r, i);
            if (r->roles[i] == JOINED && !joined[i])
                joined[i] = TFX_NEW_ARRAY(tfx_value, r->n_parts);
            if (joined[i])
                joined[i][p] = r->part[g->nodes[i].out];
        }
    }
    for (uint32_t i = r->product; i < g->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        if (!joined[i])
            continue;
        tfx_graph_mark_like(r->to, n);
        tfx_value all = tfx_emit_concat(r->to, (uint32_t)r->n_parts, joined[i], 0);
        r->map[n->out] = tfx_emit_reshape(r->to, all, g->values[n->out].n_dims, g->values[n->out].dims);
        free(joined[i]);
    }
    free(joined);
}

static void copy_node(rewriting *r, uint32_t i)
{
    const tfx_graph_node *n = &r->from->nodes[i];
    tfx_value *in = TFX_NEW_ARRAY(tfx_value, n->n_in);
    for (uint32_t k = 0; k < n->n_in; k++)
        in[k] = r->map[n->in[k]];
    tfx_value out = tfx_graph_copy(r->to, r->from, n, in);
    for (uint32_t k = 0; k < n->n_out; k++)
        r->map[n->out + k] = out + k;
    free(in);
}

void tfx_loss_in_parts(tfx_graph *g, uint64_t most_bytes, tfx_value *wanted, uint32_t n)
{
    tfx_graph to;
    if (g->err->status != TFX_OK)
        return;
    tfx_graph_init(&to, g->state, g->err);
    rewriting r = {.from = g,
                   .to = &to,
                   .roles = TFX_NEW_ARRAY(role, g->n_nodes),
                   .in_parts = TFX_NEW_ARRAY(char, g->n_values),
                   .map = TFX_NEW_ARRAY(tfx_value, g->n_values),
                   .part = TFX_NEW_ARRAY(tfx_value, g->n_values)};
    if (find_logits(&r, most_bytes, wanted, n)) {
        for (uint32_t i = 0; i < g->n_nodes; i++)
            if (i == r.product)
                emit_parts(&r);
            else if (r.roles[i] == AS_IT_IS && !(g->nodes[i].n_out && r.map[g->nodes[i].out]))
                copy_node(&r, i);
        tfx_graph_become(g, &to, r.map, wanted, n);
    } else {
        tfx_graph_finish(&to);
    }
    free(r.roles);
    free(r.in_parts);
    free(r.map);
    free(r.part);
}

#include "framework/graph/residual.h"

#include <string.h>

#include "framework/base/memory.h"

/* How a value goes into another one. */
enum { GOES_IN = 1, THROUGH_A_LAYER = 2 };

typedef struct search {
    const tfx_graph *g;
    tfx_value *before; /* per value: what it is a later state of, or TFX_POISON */
    char *marks;       /* per value: how it goes into the value that is looked at */
} search;

static const tfx_graph_node *node_of(const tfx_graph *g, tfx_value v)
{
    return &g->nodes[g->values[v].node];
}

/* Pointwise work on the stream alone is part of a formula (x + 0.04 x^3, x - mean), not of a layer. */
static int is_layers_work(tfx_op op)
{
    return op == TFX_OP_MATMUL || op == TFX_OP_ATTENTION || op == TFX_OP_CUSTOM;
}

static void mark_operands(search *s, const tfx_graph_node *n)
{
    char mark = 0;
    for (uint32_t k = 0; k < n->n_out; k++)
        mark |= s->marks[n->out + k];
    if (mark && is_layers_work(n->op))
        mark |= THROUGH_A_LAYER;
    for (uint32_t k = 0; mark && k < n->n_in; k++)
        s->marks[n->in[k]] |= mark;
}

static int is_later_state(const search *s, tfx_value v, tfx_value of)
{
    while (v && v != of)
        v = s->before[v];
    return v == of;
}

/* Looks for the latest state of the stream that goes into `written`, from there backwards, so that no more of
 * the graph is walked than lies between the two. */
enum { NOT_FOUND, IS_RESIDUAL, IS_NOT };
static int look(search *s, tfx_value stream, tfx_value written)
{
    uint32_t next = s->g->values[written].node + 1;
    memset(s->marks, 0, (size_t)(stream > written ? stream : written) + 1);
    s->marks[written] = GOES_IN;
    for (tfx_value state = stream; state; state = s->before[state]) {
        while (next > 0 && next - 1 > s->g->values[state].node)
            mark_operands(s, &s->g->nodes[--next]);
        if (s->marks[state])
            return s->marks[state] & THROUGH_A_LAYER && !is_later_state(s, written, state) ? IS_RESIDUAL : IS_NOT;
    }
    return NOT_FOUND;
}

static int find_operands(search *s, const tfx_graph_node *n, tfx_residual *r)
{
    if (n->in[0] == n->in[1])
        return 0;
    int second_first = n->op == TFX_OP_ADD && n->in[1] < n->in[0]; /* the stream is most often the older one */
    for (int i = 0; i < (n->op == TFX_OP_ADD ? 2 : 1); i++) {
        int k = i ^ second_first;
        int found = look(s, n->in[k], n->in[!k]);
        *r = (tfx_residual){n->out, n->in[k], n->in[!k]};
        if (found != NOT_FOUND)
            return found == IS_RESIDUAL;
    }
    return 0;
}

void tfx_residuals_find(const tfx_graph *g, tfx_residuals *r)
{
    search s = {g, TFX_NEW_ARRAY(tfx_value, g->n_values), TFX_NEW_ARRAY(char, g->n_values)};
    *r = (tfx_residuals){0};
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        tfx_residual found;
        switch (n->op) {
        case TFX_OP_AFFINE:
        case TFX_OP_RESHAPE:
        case TFX_OP_CAST:
        case TFX_OP_DROPOUT: s.before[n->out] = n->in[0]; break;
        case TFX_OP_ADD:
        case TFX_OP_SUB:
            if (find_operands(&s, n, &found)) {
                s.before[n->out] = found.stream;
                *TFX_APPEND(r->items, r->n, r->cap) = found;
            }
            break;
        default: break;
        }
    }
    free(s.before);
    free(s.marks);
}

void tfx_residuals_finish(tfx_residuals *r)
{
    free(r->items);
    *r = (tfx_residuals){0};
}

/* ---- who wrote it ---- */

static int made_within(const tfx_graph *g, const tfx_made_value *m, tfx_value v)
{
    uint32_t node = g->values[v].node;
    return m->first_node <= node && node < m->end_node;
}

/* The outermost layer that gave v back and made it: one that only passes it on has not. */
static const char *giver(const tfx_graph *g, const tfx_made_values *made, tfx_value v)
{
    const char *by = NULL;
    for (uint32_t i = 0; i < made->n; i++)
        if (made->items[i].value == v && made_within(g, &made->items[i], v))
            by = made->items[i].by;
    return by;
}

/* The operand that v is a scaled form of: all others are parameters and constants; or TFX_POISON. */
static tfx_value unscaled(const tfx_graph *g, tfx_value v)
{
    const tfx_graph_node *n = node_of(g, v);
    tfx_value scaled = TFX_POISON;
    switch (n->op) {
    case TFX_OP_AFFINE:
    case TFX_OP_RESHAPE:
    case TFX_OP_CAST:
    case TFX_OP_DROPOUT: return n->in[0];
    case TFX_OP_MUL:
        for (int k = 0; k < 2; k++) {
            tfx_value other = n->in[!k];
            while (node_of(g, other)->op == TFX_OP_BROADCAST || node_of(g, other)->op == TFX_OP_RESHAPE)
                other = node_of(g, other)->in[0];
            if (node_of(g, other)->op == TFX_OP_PARAM || node_of(g, other)->op == TFX_OP_CONST)
                scaled = n->in[k];
        }
        return scaled;
    default: return TFX_POISON;
    }
}

const char *tfx_residual_writer(const tfx_graph *g, const tfx_made_values *made, const tfx_residual *r)
{
    const char *by = NULL;
    for (tfx_value v = r->written; v && !by; v = unscaled(g, v))
        by = giver(g, made, v);
    for (uint32_t i = 0; i < made->n && !by; i++) /* those within others come first */
        if (made_within(g, &made->items[i], r->written))
            by = made->items[i].by;
    return by;
}

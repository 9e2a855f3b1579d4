#include "framework/graph/recompute.h"

#include "framework/base/memory.h"
#include "framework/graph/emit.h"

/* What the backward pass can have of a value of the forward pass. */
typedef enum state {
    GONE,
    KEPT,   /* it is in memory anyway, or has to be */
    DERIVED /* it can be computed from what is kept */
} state;

typedef struct rewriting {
    const tfx_graph *from;
    tfx_graph *to;
    state *states;    /* per value of `from` */
    tfx_value *map;   /* what it is in `to` */
    tfx_value *again; /* DERIVED: when it was computed again */
} rewriting;

static int is_forward(const tfx_graph *g, tfx_value v)
{
    return g->values[v].node < g->backward_from;
}

static state state_of(const rewriting *r, const tfx_graph_node *n, int is_read)
{
    const tfx_op_info *op = tfx_op_info_of(n->op);
    int derived = op->pointwise || op->cheap;
    if (n->op == TFX_OP_INPUT || n->op == TFX_OP_PARAM)
        return KEPT;
    if (n->op == TFX_OP_RESHAPE)
        return r->states[n->in[0]];
    for (uint32_t k = 0; k < n->n_in; k++)
        derived &= r->states[n->in[k]] != GONE;
    return derived ? DERIVED : is_read ? KEPT : GONE;
}

static void find_states(rewriting *r)
{
    const tfx_graph *g = r->from;
    char *read = TFX_NEW_ARRAY(char, g->n_values);
    for (uint32_t i = g->backward_from; i < g->n_nodes; i++)
        for (uint32_t k = 0; k < g->nodes[i].n_in; k++)
            read[tfx_value_base(g, g->nodes[i].in[k])] = 1;
    for (uint32_t i = 0; i < g->backward_from; i++)
        for (uint32_t k = 0; k < g->nodes[i].n_out; k++)
            r->states[g->nodes[i].out + k] = state_of(r, &g->nodes[i], read[g->nodes[i].out + k]);
    free(read);
}

/* v as the backward pass has it. */
static tfx_value again(rewriting *r, tfx_value v)
{
    if (!is_forward(r->from, v) || r->states[v] != DERIVED)
        return r->map[v];
    if (r->again[v])
        return r->again[v];
    tfx_graph_node n = r->from->nodes[r->from->values[v].node];
    tfx_value *in = TFX_NEW_ARRAY(tfx_value, n.n_in);
    for (uint32_t k = 0; k < n.n_in; k++)
        in[k] = again(r, n.in[k]);
    n.recomputed = TFX_RECOMPUTED_VALUE;
    r->again[v] = tfx_graph_copy(r->to, r->from, &n, in);
    free(in);
    return r->again[v];
}

void tfx_recompute_selective(tfx_graph *g, tfx_value *wanted, uint32_t n)
{
    tfx_graph to;
    if (g->err->status != TFX_OK || !g->backward_from)
        return;
    tfx_graph_init(&to, g->state, g->err);
    rewriting r = {g, &to, TFX_NEW_ARRAY(state, g->n_values), TFX_NEW_ARRAY(tfx_value, g->n_values),
                   TFX_NEW_ARRAY(tfx_value, g->n_values)};
    find_states(&r);
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *node = &g->nodes[i];
        tfx_value *in = TFX_NEW_ARRAY(tfx_value, node->n_in);
        if (i == g->backward_from)
            to.backward_from = to.n_nodes;
        for (uint32_t k = 0; k < node->n_in; k++)
            in[k] = i < g->backward_from ? r.map[node->in[k]] : again(&r, node->in[k]);
        tfx_value out = tfx_graph_copy(&to, g, node, in);
        for (uint32_t k = 0; k < node->n_out; k++)
            r.map[node->out + k] = out + k;
        free(in);
    }
    tfx_graph_become(g, &to, r.map, wanted, n);
    free(r.states);
    free(r.map);
    free(r.again);
}

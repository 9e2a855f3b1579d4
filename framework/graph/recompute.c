#include "framework/graph/recompute.h"

#include "framework/base/memory.h"
#include "framework/graph/emit.h"

/* What the backward pass can have of a value of the forward pass. */
typedef enum state {
    GONE,
    KEPT, /* it is in memory anyway, or has to be */
    MADE  /* by a pass of the backward pass, of what that reads anyway */
} state;

enum { READ = 1, READ_IN_PASS = 2 };

typedef struct rewriting {
    const tfx_graph *from;
    tfx_graph *to;
    state *states;    /* per value of `from` */
    char *read;       /* READ* bits: by what of the backward pass */
    tfx_value *map;   /* what it is in `to` */
    tfx_value *again; /* MADE: when it was made again */
} rewriting;

static int is_pass(tfx_op op)
{
    return tfx_op_info_of(op)->pointwise || tfx_op_info_of(op)->rows;
}

static void find_readers(rewriting *r)
{
    const tfx_graph *g = r->from;
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t k = 0; !tfx_node_is_forward(&g->nodes[i]) && k < g->nodes[i].n_in; k++)
            r->read[tfx_value_base(g, g->nodes[i].in[k])] |= is_pass(g->nodes[i].op) ? READ | READ_IN_PASS : READ;
}

/* Whether a pass has the k-th operand of n at hand, index by index. */
static int is_at_hand(const rewriting *r, const tfx_graph_node *n, uint32_t k)
{
    const tfx_graph *g = r->from;
    tfx_value base = tfx_value_base(g, n->in[k]);
    tfx_op source = g->nodes[g->values[base].node].op;
    return source == TFX_OP_PARAM || source == TFX_OP_INPUT || source == TFX_OP_CONST || r->states[n->in[k]] == MADE ||
           (r->read[base] & READ_IN_PASS && n->op != TFX_OP_BROADCAST);
}

static state state_of(const rewriting *r, const tfx_graph_node *n, int is_read)
{
    if (n->op == TFX_OP_INPUT || n->op == TFX_OP_PARAM)
        return KEPT;
    if (n->op == TFX_OP_RESHAPE)
        return r->states[n->in[0]];
    int made = is_pass(n->op) && n->op != TFX_OP_DROPOUT;
    for (uint32_t k = 0; made && k < n->n_in; k++)
        made = r->states[n->in[k]] != GONE && is_at_hand(r, n, k);
    return made ? MADE : is_read ? KEPT : GONE;
}

static void find_states(rewriting *r)
{
    const tfx_graph *g = r->from;
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t k = 0; tfx_node_is_forward(&g->nodes[i]) && k < g->nodes[i].n_out; k++)
            r->states[g->nodes[i].out + k] = state_of(r, &g->nodes[i], r->read[g->nodes[i].out + k]);
}

/* v as the backward pass has it. */
static tfx_value again(rewriting *r, tfx_value v)
{
    if (r->states[v] != MADE)
        return r->map[v];
    if (r->again[v])
        return r->again[v];
    tfx_graph_node n = r->from->nodes[r->from->values[v].node];
    tfx_value *in = TFX_NEW_ARRAY(tfx_value, n.n_in);
    for (uint32_t k = 0; k < n.n_in; k++)
        in[k] = again(r, n.in[k]);
    n.backward = 1;
    n.recomputed = TFX_RECOMPUTED_VALUE;
    r->again[v] = tfx_graph_copy(r->to, r->from, &n, in);
    free(in);
    return r->again[v];
}

void tfx_recompute_in_passes(tfx_graph *g, tfx_value *wanted, uint32_t n)
{
    tfx_graph to;
    if (g->err->status != TFX_OK)
        return;
    tfx_graph_init(&to, g->state, g->err);
    rewriting r = {g,
                   &to,
                   TFX_NEW_ARRAY(state, g->n_values),
                   TFX_NEW_ARRAY(char, g->n_values),
                   TFX_NEW_ARRAY(tfx_value, g->n_values),
                   TFX_NEW_ARRAY(tfx_value, g->n_values)};
    find_readers(&r);
    find_states(&r);
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *node = &g->nodes[i];
        tfx_value *in = TFX_NEW_ARRAY(tfx_value, node->n_in);
        for (uint32_t k = 0; k < node->n_in; k++)
            in[k] = tfx_node_is_forward(node) ? r.map[node->in[k]] : again(&r, node->in[k]);
        tfx_value out = tfx_graph_copy(&to, g, node, in);
        for (uint32_t k = 0; k < node->n_out; k++)
            r.map[node->out + k] = out + k;
        free(in);
    }
    tfx_graph_become(g, &to, r.map, wanted, n);
    free(r.states);
    free(r.read);
    free(r.map);
    free(r.again);
}

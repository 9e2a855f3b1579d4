#include "framework/graph/contractions.h"

#include "framework/base/memory.h"

/* Before it was made a matrix, if its last axis is still that: what made it can then go on with each element. */
static tfx_value rows_of(const tfx_graph *g, tfx_value matrix)
{
    tfx_value base = tfx_value_base(g, matrix);
    const tfx_graph_value *x = &g->values[base], *m = &g->values[matrix];
    return x->n_dims && x->dims[x->n_dims - 1] == m->dims[m->n_dims - 1] ? base : matrix;
}

void tfx_contractions_find(const tfx_graph *g, tfx_contractions *c)
{
    *c = (tfx_contractions){0};
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        if (n->op != TFX_OP_MATMUL || n->ints[0] & TFX_TRANS_A)
            continue;
        const tfx_graph_value *b = &g->values[n->in[1]];
        const tfx_graph_node *from = &g->nodes[b->node];
        if (from->op != TFX_OP_PARAM || b->n_dims != 2 || g->state->tensors[from->ints[0]].kind != TFX_STATE_PARAM)
            continue;
        *TFX_APPEND(c->items, c->n, c->cap) = (tfx_contraction){.param = (uint32_t)from->ints[0],
                                                                .axis = n->ints[0] & TFX_TRANS_B ? 1 : 0,
                                                                .weights = rows_of(g, n->in[0]),
                                                                .scale = n->reals[0]};
    }
}

void tfx_contractions_finish(tfx_contractions *c)
{
    free(c->items);
    *c = (tfx_contractions){0};
}

#include "framework/graph/cost.h"

static double node_flops(const tfx_graph *g, const tfx_graph_node *n)
{
    switch (n->op) {
    case TFX_OP_MATMUL: { /* 2 * elements of the result * inner dimension */
        const tfx_graph_value *a = &g->values[n->in[0]];
        int64_t inner = a->dims[a->n_dims - (n->ints[0] & TFX_TRANS_A ? 2 : 1)];
        return 2.0 * (double)tfx_value_elements(g, n->out) * (double)inner;
    }
    case TFX_OP_ATTENTION:
    case TFX_OP_ATTENTION_GRAD: { /* two products forward, four backward (dv, dp, dq, dk) */
        const int64_t *d = g->values[n->in[0]].dims;
        double pairs = (double)d[0] * (double)d[2] * (double)d[1] * (double)(d[1] + 1) / 2.0;
        return (n->op == TFX_OP_ATTENTION ? 2 : 4) * 2.0 * pairs * (double)d[3];
    }
    default:
        return 0.0;
    }
}

tfx_cost tfx_graph_cost(const tfx_graph *g)
{
    tfx_cost c = {0};
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        double f = node_flops(g, &g->nodes[i]);
        if (g->nodes[i].recomputed)
            c.recomputed += f;
        else
            c.flops += f;
    }
    return c;
}

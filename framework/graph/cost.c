#include "framework/graph/cost.h"

#include "framework/graph/ops.h"

double tfx_node_flops(const tfx_graph *g, const tfx_graph_node *n)
{
    const tfx_op_info *op = tfx_op_info_of(n->op);
    return op->cost ? op->cost(g, n) : 0.0;
}

tfx_cost tfx_graph_cost(const tfx_graph *g)
{
    tfx_cost c = {0};
    for (uint32_t i = 0; i < g->n_nodes; i++)
        *(g->nodes[i].recomputed ? &c.recomputed : &c.flops) += tfx_node_flops(g, &g->nodes[i]);
    return c;
}

#include "framework/graph/cost.h"

#include "framework/graph/ops.h"

tfx_cost tfx_graph_cost(const tfx_graph *g)
{
    tfx_cost c = {0};
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_op_info *op = tfx_op_info_of(g->nodes[i].op);
        *(g->nodes[i].recomputed ? &c.recomputed : &c.flops) += op->flops ? op->flops(g, &g->nodes[i]) : 0.0;
    }
    return c;
}

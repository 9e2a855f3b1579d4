/* Cost: floating-point operations, counted from the graph.
 *
 * Only matrix products and attention count, as is usual when training cost is compared
 * (Kaplan et al. 2020; Hoffmann et al. 2022): a product of m x k and k x n is 2mkn, and
 * causal attention counts the keys a query really sees, (T + 1) / 2 on average. */
#ifndef TFX_GRAPH_COST_H
#define TFX_GRAPH_COST_H

#include "framework/graph/graph.h"

typedef struct tfx_cost {
    double flops;      /* of one execution, without recomputation */
    double recomputed; /* what recomputation adds */
} tfx_cost;

/* Of one node, recomputation or not. */
double tfx_node_flops(const tfx_graph *g, const tfx_graph_node *n);
/* Of every node in g. */
tfx_cost tfx_graph_cost(const tfx_graph *g);

#endif

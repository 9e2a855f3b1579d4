/* Counterparts: the nodes of an old graph that a node of a new one may correspond to. Internal to framework/graph.
 *
 * Old values that are equal have one name, the first of them; so have those that are equal but for a factor, where a
 * number multiplies or a broadcast repeats. A counterpart has the same op and, by those names, the same operands. */
#ifndef TFX_GRAPH_COUNTERPARTS_H
#define TFX_GRAPH_COUNTERPARTS_H

#include "framework/graph/graph.h"

#define TFX_NO_NODE UINT32_MAX

typedef struct tfx_counterparts {
    const tfx_graph *g;                /* the old graph; not owned */
    tfx_value *equal;                  /* per value: the first that is equal to it but for a factor; TFX_POISON: to 1 */
    double *factor;                    /* and that factor */
    uint32_t *first, *next, n_buckets; /* nodes by what counterparts have in common: chains */
} tfx_counterparts;

void tfx_counterparts_init(tfx_counterparts *c, const tfx_graph *g);
void tfx_counterparts_finish(tfx_counterparts *c);

/* The first old node that `n` of another graph may correspond to, and the next one after `at`, or TFX_NO_NODE. Operands are
 * values of the old graph, each the first of its equals. Numbers (reals), sizes and places are to be compared. */
uint32_t tfx_counterparts_first(const tfx_counterparts *c, const tfx_graph_node *n, const tfx_value *operands);
uint32_t tfx_counterparts_next(const tfx_counterparts *c, uint32_t at, const tfx_graph_node *n,
                               const tfx_value *operands);

/* Multiplies by a number, and so makes nothing new. */
static inline int tfx_is_scaling(const tfx_graph_node *n)
{
    return n->op == TFX_OP_AFFINE && n->reals[1] == 0;
}

#endif

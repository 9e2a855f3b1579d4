/* Contractions: where a graph sums over an axis of a parameter, so that each slice along that axis adds a term of its
 * own to the result: y = sum over j of s_j V_j, whatever the layer is called. */
#ifndef TFX_GRAPH_CONTRACTIONS_H
#define TFX_GRAPH_CONTRACTIONS_H

#include "framework/graph/graph.h"

typedef struct tfx_contraction {
    uint32_t param;    /* in the state layout; a matrix */
    uint32_t axis;     /* of it, that is summed over: n slices */
    tfx_value weights; /* s [..., n]: what the slices are multiplied by, in each row */
    double scale;      /* of the product */
} tfx_contraction;

typedef struct tfx_contractions {
    tfx_contraction *items; /* in the order of the graph */
    uint32_t n;
    size_t cap;
} tfx_contractions;

/* Products of rows and a parameter as it is; one that is reshaped or scaled first is none. */
void tfx_contractions_find(const tfx_graph *g, tfx_contractions *c);
void tfx_contractions_finish(tfx_contractions *c);

#endif

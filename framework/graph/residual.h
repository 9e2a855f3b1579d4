/* Residual additions: where a graph adds to a stream of values something that was made of the stream.
 *
 * They are found in the graph alone, whatever the layers are called. An addition of two values is a residual one
 * when one of them, the stream, goes into what the other is made of, and there through a matrix product, an
 * attention or a custom op: x + f(x). A stream goes on through residual additions, scaling and views, so that
 * alpha x + f(x) is found, and both additions of (x + f(x)) + g(x); a sum of the stream with an earlier or a
 * scaled state of itself is none. */
#ifndef TFX_GRAPH_RESIDUAL_H
#define TFX_GRAPH_RESIDUAL_H

#include "framework/graph/graph.h"

typedef struct tfx_residual {
    tfx_value sum;
    tfx_value stream, written; /* its operands: what was there, and what is added to it */
} tfx_residual;

typedef struct tfx_residuals {
    tfx_residual *items; /* in the order of the graph */
    uint32_t n;
    size_t cap;
} tfx_residuals;

void tfx_residuals_find(const tfx_graph *g, tfx_residuals *r);
void tfx_residuals_finish(tfx_residuals *r);

/* Who wrote what is added: the outermost layer that gave it back, perhaps scaled on the way from there; else the
 * innermost layer that was at work when it was made. Borrowed from `made`; NULL: no layer. */
const char *tfx_residual_writer(const tfx_graph *g, const tfx_made_values *made, const tfx_residual *r);

#endif

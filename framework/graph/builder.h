/* Builder: the ABI's table of builder calls over a graph. */
#ifndef TFX_GRAPH_BUILDER_H
#define TFX_GRAPH_BUILDER_H

#include "framework/graph/graph.h"

/* Fills b for building into g. The members about layers (options, dim, param, slot) are
 * left for the caller to set; param and slot fail until then. Both outlive b's use. */
void tfx_builder_for_graph(tfx_builder *b, tfx_graph *g);
tfx_graph *tfx_builder_graph(const tfx_builder *b);

#endif

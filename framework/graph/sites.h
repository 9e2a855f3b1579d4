/* Sites: whose work the nodes of a graph are. A layer's, of which an adjoint in the backward pass is, too; or of the update of a
 * parameter. For people: nothing that is computed depends on them. */
#ifndef TFX_GRAPH_SITES_H
#define TFX_GRAPH_SITES_H

#include "framework/graph/graph.h"

typedef struct tfx_site {
    char *path; /* "blocks.3.ffn"; of an update, that of the parameter */
    char *by;   /* the class of the layer, or the optimizer */
} tfx_site;

/* All zero: none. */
typedef struct tfx_sites {
    tfx_site *items; /* number n is items[n - 1] */
    uint32_t n;
    size_t cap;
    tfx_name_table by_path;
} tfx_sites;

/* The number of the site with this path, which is added when it is new; 0 when the graph collects none. */
uint32_t tfx_site_of(tfx_graph *g, const char *path, const char *by);
void tfx_sites_finish(tfx_sites *s);

#endif

/* Fusion: groups pointwise nodes into units. */
#ifndef TFX_GRAPH_FUSION_H
#define TFX_GRAPH_FUSION_H

#include "framework/graph/unit.h"

/* Fills s->units (unordered) and s->unit_of from s->graph. With `fuse` 0 every unit is a single node. */
void tfx_fuse(tfx_sequence *s, int fuse);

#endif

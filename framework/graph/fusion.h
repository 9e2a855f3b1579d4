/* Fusion: groups nodes that are pointwise, or about rows, into units. */
#ifndef TFX_GRAPH_FUSION_H
#define TFX_GRAPH_FUSION_H

#include "framework/graph/unit.h"

/* What units may be. */
typedef enum tfx_fusing {
    TFX_FUSE_NOTHING, /* single nodes */
    TFX_FUSE_POINTWISE,
    TFX_FUSE_ROWS /* groups have ops on rows, too, of up to TFX_FUSE_MAX_ROW elements */
} tfx_fusing;

/* A few rows of a unit's values stay in the cache that one core has for itself. */
enum { TFX_FUSE_MAX_ROW = 16384 };

/* Fills s->units (unordered) and s->unit_of from s->graph. */
void tfx_fuse(tfx_sequence *s, tfx_fusing fuse);

#endif

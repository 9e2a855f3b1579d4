/* Writers: the parameters that write into a residual stream. Internal to framework/graph. */
#ifndef TFX_GRAPH_WRITERS_H
#define TFX_GRAPH_WRITERS_H

#include "framework/graph/axis_walk.h"

typedef struct tfx_writers {
    uint8_t *writes;    /* per state tensor: tfx_param_axes.writes_residual */
    tfx_atom_list adds; /* per addition to a stream, in order: its last dimension */
} tfx_writers;

/* `w` has run. */
void tfx_writers_find(tfx_writers *r, const tfx_axis_walk *w);
void tfx_writers_finish(tfx_writers *r);

#endif

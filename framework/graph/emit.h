/* What the emitting files share: checks, and appending nodes. Internal to framework/graph. */
#ifndef TFX_GRAPH_EMIT_H
#define TFX_GRAPH_EMIT_H

#include "framework/graph/graph.h"

/* "[2, 16, 64]", for messages; good until the fourth call from here. */
const char *tfx_graph_shape_text(const tfx_graph *g, tfx_value v);
int tfx_graph_same_shape(const tfx_graph *g, tfx_value x, tfx_value y);
/* Resolves a possibly negative axis; -1 when out of range. */
int tfx_graph_axis(const tfx_graph *g, tfx_value x, int axis);

/* Appends a node whose n_out results are f32 scalars until their shape is set. */
tfx_value tfx_graph_append(tfx_graph *g, tfx_op op, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                           uint32_t n_ints, const double *reals, uint32_t n_reals, uint32_t n_out);
void tfx_graph_set_shape(tfx_graph *g, tfx_value v, uint32_t n_dims, const int64_t *dims);
/* A node with one result that has the shape and dtype of `like`. */
tfx_value tfx_graph_append_like(tfx_graph *g, tfx_op op, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                                uint32_t n_ints, const double *reals, uint32_t n_reals, tfx_value like);

/* 1, or 0 with an error that starts with `what`. */
int tfx_graph_check_f32(tfx_graph *g, const char *what, tfx_value x);
int tfx_graph_check_dims(tfx_graph *g, const char *what, uint32_t n_dims, const int64_t *dims);

#endif

/* Emitting nodes of any op, and what the rules of ops share. Internal to framework/graph. */
#ifndef TFX_GRAPH_EMIT_H
#define TFX_GRAPH_EMIT_H

#include "framework/graph/ops.h"

/* "[2, 16, 64]", for messages; good until the fourth call from here. */
const char *tfx_graph_shape_text(const tfx_graph *g, tfx_value v);
int tfx_graph_same_shape(const tfx_graph *g, tfx_value x, tfx_value y);
/* Resolves a possibly negative axis; -1 when out of range. */
int tfx_graph_axis(const tfx_graph *g, tfx_value x, int axis);

/* For tfx_emission.out: dtype and shape of v, or the shape given. */
tfx_graph_value tfx_graph_like(const tfx_graph *g, tfx_value v);
tfx_graph_value tfx_graph_asked(tfx_dtype dtype, uint32_t n_dims, const int64_t *dims);

/* The operands of a tfx_emission. */
#define TFX_IN(...) \
    .n_in = sizeof((tfx_value[]){__VA_ARGS__}) / sizeof(tfx_value), .in = (tfx_value[]) \
    { \
        __VA_ARGS__ \
    }

/* Checks by the op's row of the table, and gives the results their shapes: 0 when an operand is
 * TFX_POISON or, with an error, when something does not fit. */
int tfx_graph_infer(tfx_graph *g, tfx_emission *e);
/* Appends the node as it is. Returns its first result, or what comes next when it has none. */
tfx_value tfx_graph_append(tfx_graph *g, const tfx_emission *e);
/* Both. */
tfx_value tfx_graph_emit(tfx_graph *g, tfx_emission *e);
/* Sets the marks that are put on every node to those of n. */
void tfx_graph_mark_like(tfx_graph *g, const tfx_graph_node *n);
/* Appends a copy of a node of another graph over the same state, with its marks, on operands of this one. Returns its first
 * result. */
tfx_value tfx_graph_copy(tfx_graph *to, const tfx_graph *from, const tfx_graph_node *n, const tfx_value *in);
/* Finishes g and puts `to` in its place, which it takes over. wanted[0..n) become what `map` says of them. */
void tfx_graph_become(tfx_graph *g, tfx_graph *to, const tfx_value *map, tfx_value *wanted, uint32_t n);

#endif

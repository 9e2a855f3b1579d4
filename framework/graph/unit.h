/* Unit: nodes that run together, and what has been put in sequence. fusion.c forms the units, sequence.c
 * orders them. */
#ifndef TFX_GRAPH_UNIT_H
#define TFX_GRAPH_UNIT_H

#include "framework/base/memory.h"
#include "framework/graph/graph.h"
#include "framework/graph/ops.h"

#define TFX_NO_UNIT UINT32_MAX

typedef struct tfx_unit {
    uint32_t *nodes; /* in dependency order */
    uint32_t n_nodes;
    size_t cap_nodes;
    int pointwise;    /* all nodes pointwise over `domain`, or about its rows, or sums of all of it */
    tfx_value domain; /* a value of that shape */
} tfx_unit;

typedef struct tfx_sequence {
    tfx_graph graph; /* a rewritten copy, without dead nodes; owned */
    tfx_unit *units; /* in order of execution */
    uint32_t n_units;
    size_t cap_units;
    uint32_t *unit_of;  /* per node: its unit; TFX_NO_UNIT for sources and views */
    int *in_place;      /* per node: a STORE whose value is computed right into its target */
    tfx_value *outputs; /* what the caller asked to keep, as handles of `graph` */
    uint32_t n_outputs;
} tfx_sequence;

/* What comes after a node, or a unit. */
typedef struct tfx_edges {
    uint32_t *to;
    uint32_t n;
    size_t cap;
} tfx_edges;

/* Adds one to out[from], unless it was the last to be added there. */
static inline void tfx_edge_add(tfx_edges *out, uint32_t from, uint32_t to)
{
    tfx_edges *e = &out[from];
    if (!e->n || e->to[e->n - 1] != to)
        *TFX_APPEND(e->to, e->n, e->cap) = to;
}

/* Whether a result may have the memory of the k-th operand of a unit's node. In a group, of which a few rows are executed at a
 * time, that is true of ops on rows, too. */
static inline int tfx_unit_may_overwrite(const tfx_unit *u, tfx_op op, uint32_t k)
{
    return tfx_op_may_overwrite(op, k) || (u->pointwise && tfx_op_info_of(op)->rows);
}

/* The unit that makes v, or TFX_NO_UNIT. */
static inline uint32_t tfx_unit_of_value(const tfx_sequence *s, tfx_value v)
{
    return s->unit_of[s->graph.values[v].node];
}

#endif

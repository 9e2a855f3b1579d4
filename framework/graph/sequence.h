/* Sequence: which nodes run, in which order, and which run together.
 *
 * Dead nodes go; pointwise nodes over one shape that feed each other become one unit, so
 * that a backend can run the whole chain tile by tile in cache; and every unit gets its
 * place in the order. Updates run as soon as they can, so that a gradient can be consumed
 * and its memory reused before the next one is made. */
#ifndef TFX_GRAPH_SEQUENCE_H
#define TFX_GRAPH_SEQUENCE_H

#include "framework/graph/graph.h"

#define TFX_NO_UNIT UINT32_MAX

/* Nodes that run together. */
typedef struct tfx_unit {
    uint32_t *nodes; /* in dependency order */
    uint32_t n_nodes;
    size_t cap_nodes;
    int pointwise;    /* all nodes pointwise over `domain` (or sums of all of it) */
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

/* Puts in sequence what is needed for the stores of g and for outputs[0..n). With `fuse` 0 every
 * unit is a single node. */
void tfx_sequence_create(tfx_sequence *s, const tfx_graph *g, const tfx_value *outputs, uint32_t n_outputs, int fuse);
void tfx_sequence_finish(tfx_sequence *s);

/* The part of it in fusion.c: fills s->units (unordered) and s->unit_of from s->graph. */
void tfx_fuse(tfx_sequence *s, int fuse);

/* What comes after a node, or a unit. */
typedef struct tfx_edges {
    uint32_t *to;
    uint32_t n;
    size_t cap;
} tfx_edges;

/* Adds one to out[from], unless it was the last to be added there. */
void tfx_edge_add(tfx_edges *out, uint32_t from, uint32_t to);

/* The unit that makes v, or TFX_NO_UNIT. */
static inline uint32_t tfx_unit_of_value(const tfx_sequence *s, tfx_value v)
{
    return s->unit_of[s->graph.values[v].node];
}

#endif

/* Unit: nodes that run together. Fusion forms the units of a sequence; sequence.c puts them in order. */
#ifndef TFX_GRAPH_UNIT_H
#define TFX_GRAPH_UNIT_H

#include "framework/graph/graph.h"

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
    uint32_t *unit_of;  /* per node: its unit; UINT32_MAX for sources and views */
    int *in_place;      /* per node: a STORE whose value is computed right into its target */
    tfx_value *outputs; /* what the caller asked to keep, as handles of `graph` */
    uint32_t n_outputs;
} tfx_sequence;

#endif

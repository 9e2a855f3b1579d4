/* Axis walk: what the rules of ops say about dimensions. Internal to framework/graph.
 *
 * A rule states which dimensions of its node's operands and results are the same, and which are summed over.
 * Each rule runs twice: first in the order of the graph, when its statements unite dimensions; then
 * backwards, when they carry to parameters in which roles their axes are used. */
#ifndef TFX_GRAPH_AXIS_WALK_H
#define TFX_GRAPH_AXIS_WALK_H

#include "framework/graph/atoms.h"
#include "framework/graph/axes.h"
#include "framework/graph/graph.h"

typedef struct tfx_axis_value {
    uint32_t dims[TFX_MAX_DIMS]; /* atoms */
    int weights;                 /* made of parameters and constants alone */
    uint32_t range;              /* of an i32 input: the dimension that its numbers index, once known */
    /* Second time, per undivided part of each dimension in turn; of what is not made of weights: at most
     * TFX_AXIS_NORMALISED. */
    uint8_t *roles;
} tfx_axis_value;

typedef struct tfx_axis_walk {
    const tfx_graph *g;
    tfx_atoms atoms;
    tfx_axis_value *values;
    int backwards; /* the second time */
    int bends;     /* see tfx_axis_bends */
    int gain;      /* see tfx_axis_gain */
} tfx_axis_walk;

/* Dimension i of the operand x is dimension k of the result y. */
void tfx_axis_link(tfx_axis_walk *w, tfx_value x, uint32_t i, tfx_value y, uint32_t k);
/* All n dimensions of the operand x from i on are those of the result y from k on. */
void tfx_axis_link_all(tfx_axis_walk *w, tfx_value x, uint32_t i, tfx_value y, uint32_t k, uint32_t n);
/* Two dimensions are the same, though neither becomes the other. */
void tfx_axis_tie(tfx_axis_walk *w, tfx_value x, uint32_t i, tfx_value y, uint32_t k);
/* A dimension is summed over, or indexed. */
void tfx_axis_consume(tfx_axis_walk *w, tfx_value x, uint32_t i);
/* Whether in what the rule says next an element of the result is something else than proportional to that of the
 * operand in its place: then a norm of the one says nothing of the other. Every rule starts with 0. */
void tfx_axis_bends(tfx_axis_walk *w, int bends);
/* Whether in what the rule says next the result is the operand times something. Every rule starts with 0. */
void tfx_axis_gain(tfx_axis_walk *w, int gain);
/* A norm goes over the dimension. */
void tfx_axis_normalise(tfx_axis_walk *w, tfx_value x, uint32_t i);
/* x and y have the same elements in the same order. */
void tfx_axis_regroup(tfx_axis_walk *w, tfx_value x, tfx_value y);
/* Some of dimension i of the operand x is some of dimension k of the result y: neither can change. */
void tfx_axis_partly(tfx_axis_walk *w, tfx_value x, uint32_t i, tfx_value y, uint32_t k, const char *why);
/* See tfx_atom_mark; of dimension i of x. */
void tfx_axis_mark(tfx_axis_walk *w, tfx_value x, uint32_t i, uint32_t marks, const char *rigid);
/* The numbers in `indices` are places in dimension i of x. */
void tfx_axis_index(tfx_axis_walk *w, tfx_value indices, tfx_value x, uint32_t i);

/* Both times, over the whole graph. */
void tfx_axis_walk_run(tfx_axis_walk *w, const tfx_graph *g);
void tfx_axis_walk_finish(tfx_axis_walk *w);

#endif

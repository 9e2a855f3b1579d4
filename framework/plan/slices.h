/* Slices: what a measured step finds out about old and new slices of parameters, as graph nodes.
 *
 * Where a model has grown, each trained parameter has vectors that say which of its slices are where they were before
 * (`in_place` of tfx_trained_param). An element is old where all of its slices are, and new elsewhere. */
#ifndef TFX_PLAN_SLICES_H
#define TFX_PLAN_SLICES_H

#include "framework/graph/contractions.h"

/* Per trained parameter: the sums of squares over its elements of the gradient, before clipping; of the update, which
 * is the new parameter less the old one; and of the old one; each over old elements and then over new ones. */
enum {
    TFX_SLICE_GRADIENT = 0,
    TFX_SLICE_UPDATE = 2,
    TFX_SLICE_WEIGHT = 4,
    TFX_SLICE_SUMS = 6,
};

/* The sums are of numbers times this, so that squares stay in the range of f32: right for numbers from 1e-26 up to a
 * norm of 2^40. */
#define TFX_SLICE_SCALE 0x1p24

/* Emits the six sums [] of one parameter. `old`: 1 for old elements, 0 for new ones, of its shape. */
void tfx_slice_sums(tfx_graph *g, tfx_value old, tfx_value grad, tfx_value param, tfx_value new_param,
                    tfx_value sums[TFX_SLICE_SUMS]);

/* Where slices add to an output: an axis that is summed over, and that the last growth made longer. */
typedef struct tfx_slice_site {
    tfx_contraction at; /* its weights: in the graph that it was found in */
    uint64_t first, n;  /* its slots in the vector of energies */
} tfx_slice_site;

typedef struct tfx_slice_sites {
    tfx_slice_site *items;
    uint32_t n;
    size_t cap;
    uint64_t n_slots; /* over all of them */
} tfx_slice_sites;

/* Those of a forward pass whose parameters were shorter in the state `before` growth. */
void tfx_slice_sites_find(tfx_slice_sites *s, const tfx_graph *g, const tfx_state_layout *before);
void tfx_slice_sites_finish(tfx_slice_sites *s);

/* Emits the energies [n_slots] of all sites of that same graph: for slot j the sum over rows of s_j^2, times |V_j|^2.
 * Returns TFX_POISON where there are none. */
tfx_value tfx_slice_energies(tfx_graph *g, const tfx_slice_sites *s);

/* One vector [sum of their elements] of n values. */
tfx_value tfx_slice_join(tfx_graph *g, const tfx_value *values, uint32_t n);

#endif

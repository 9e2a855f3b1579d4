/* Placement: gives every value a place in memory, and turns a graph into the program that a
 * backend executes.
 *
 * A value lives from the unit that writes it to the last unit that reads it. Values whose
 * lives do not overlap share memory; results take the place of an operand that dies where
 * the op allows it. What placement says is exactly what a run uses. */
#ifndef TFX_GRAPH_PLACEMENT_H
#define TFX_GRAPH_PLACEMENT_H

#include "framework/graph/cost.h"
#include "framework/graph/fusion.h"

typedef struct tfx_placement_options {
    tfx_fusing fuse; /* what the backend executes as one */
    int reuse;       /* share memory; off only to check that sharing changes nothing */
} tfx_placement_options;

#define TFX_NEVER_READ UINT32_MAX

/* What a program does not say of a node, since a backend need not know. */
typedef struct tfx_placed_node {
    uint32_t site;                    /* sites.h */
    int backward, recomputed, update; /* as of its tfx_graph_node */
    double flops;                     /* as cost.h counts */
} tfx_placed_node;

typedef struct tfx_placement {
    tfx_program program;
    const tfx_placed_node *const *nodes; /* [program.n_steps], for each step one for each node */
    const uint32_t
        *last_read; /* [program.n_values + 1]: the last step that reads it, or a view of it; n_steps: it is kept to
                                  the end; TFX_NEVER_READ: by none but the step that makes it */
    const uint64_t *live; /* [program.n_steps]: bytes of the arena that are taken while the step is executed */
    tfx_value *outputs;   /* the requested outputs, as handles of the program */
    uint32_t n_outputs;
    tfx_cost cost;
    void **memory; /* what `program` points into, in n_memory pieces */
    uint32_t n_memory;
    size_t cap_memory;
} tfx_placement;

/* Plans what is needed for the stores of g and for outputs[0..n), which keep their memory
 * to the end. NULL when g has an error. state_bytes is that of g->state now. */
tfx_placement *tfx_placement_create(const tfx_graph *g, const tfx_value *outputs, uint32_t n_outputs,
                                    const tfx_placement_options *options);
void tfx_placement_destroy(tfx_placement *p);

#endif

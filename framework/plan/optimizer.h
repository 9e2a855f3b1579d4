/* Optimizer: what it keeps for each trained parameter, and its update as graph nodes. */
#ifndef TFX_PLAN_OPTIMIZER_H
#define TFX_PLAN_OPTIMIZER_H

#include "framework/graph/graph.h"
#include "framework/spec/experiment.h"
#include "tfx/optimizer.h"

/* What the learning rate is multiplied by. */
typedef struct tfx_rate_factors {
    int set;         /* 0: nothing */
    double old, new; /* for slices that are where they were before growth, and for all others */
} tfx_rate_factors;

/* A trained parameter, as indices into the state layout. */
typedef struct tfx_trained_param {
    uint32_t param;
    double rate;                                       /* what the learning rate is multiplied by */
    int decay;                                         /* as in tfx_param_info */
    uint32_t marks[TFX_MAX_DIMS], roles[TFX_MAX_DIMS]; /* of its axes */
    uint32_t in_place[TFX_MAX_DIMS]; /* per axis (a single number has one): 1 for slices in their old places, else 0;
                                        only where rates differ or slices are measured */
    uint32_t state[TFX_MAX_STATES];  /* n_states of them */
    size_t n_states;
    uint32_t accumulator; /* of its gradient; TFX_STATE_NONE: none */
} tfx_trained_param;

typedef struct tfx_trained_params {
    tfx_trained_param *items;
    uint32_t n;
    tfx_rate_factors rates;
    int slices; /* measured */
} tfx_trained_params;

/* Adds to the layout what the optimizer keeps for each of its parameters, with `accumulate` a place
 * to add up their gradients, and what t->rates and t->slices need. g is the forward pass, from which it is known what
 * the parameters' axes are for. */
tfx_status tfx_optimizer_declare(tfx_trained_params *t, const tfx_train_config *train, int accumulate,
                                 const tfx_graph *g, tfx_state_layout *s, tfx_error *err);
void tfx_optimizer_finish(tfx_trained_params *t);

/* Emits the update of every parameter with its gradient, times `factor` unless that is TFX_POISON. Errors
 * go to g->err. `sums`, unless NULL, gets TFX_SLICE_SUMS values for each parameter in turn (slices.h). */
void tfx_optimizer_update(const tfx_trained_params *t, const tfx_train_config *train, tfx_graph *g,
                          const tfx_value *grads, tfx_value factor, tfx_value lr, tfx_value *sums);

#endif

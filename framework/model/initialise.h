/* Initialisation: the values that parameters have at first. */
#ifndef TFX_MODEL_INITIALISE_H
#define TFX_MODEL_INITIALISE_H

#include "framework/graph/state.h"

/* The layer's own initialisation of elements [first, first + n) of a parameter, decided by
 * (seed, path, index) alone. */
void tfx_param_initialise(const tfx_state_tensor *t, uint64_t seed, uint64_t first, uint64_t n, float *data);

/* The standard deviation that they have then; 0: they are all alike. */
double tfx_param_std(const tfx_state_tensor *t);

/* "N(0, 0.02)" or "constant 1"; heap. */
char *tfx_init_text(const tfx_state_tensor *t);

#endif

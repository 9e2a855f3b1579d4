/* Calls of optimizers; see call.h. */
#ifndef TFX_PLUGIN_OPTIMIZER_CALLS_H
#define TFX_PLUGIN_OPTIMIZER_CALLS_H

#include "framework/plugin/calls/call.h"
#include "tfx/optimizer.h"

/* Fills states[0..*n), those of `param`: each with a name of its own, a shape and a dtype that the host knows. */
tfx_status tfx_call_optimizer_states(const tfx_optimizer_class *cls, const tfx_options *options,
                                     const tfx_param_info *param, tfx_state states[TFX_MAX_STATES], size_t *n,
                                     tfx_error *err);

/* For what is said of an optimizer before there is a model: a matrix of which nothing special is known. */
extern const tfx_param_info tfx_hidden_matrix;

/* "like the parameter", or "per slice". */
const char *tfx_state_shape_text(const tfx_state *s);

/* Fills u->new_param and u->new_state[0..n_states) with values of b's graph; where that fails, the reason
 * is given to b->error. `param` is the parameter's path; names[k] that of state k. */
void tfx_call_optimizer_build_update(const tfx_optimizer_class *cls, const tfx_builder *b, const char *param,
                                     const char *const *names, size_t n_states, tfx_update *u);

#endif

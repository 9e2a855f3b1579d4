/* Growth by a policy that makes parameters itself (tfx_scaling_class.grow_param), as those of ABI 1.0 do: a grown model has
 * the parameters of the old one, each with the same shape or extended along its growable axis. */
#ifndef TFX_MODEL_GROWTH_H
#define TFX_MODEL_GROWTH_H

#include "framework/graph/state.h"
#include "framework/base/error.h"
#include "tfx/scaling.h"

/* Whether `to` can grow out of `from`; a message names the parameter that does not
 * connect, both shapes, and both models. */
tfx_status tfx_growth_check(const tfx_state_layout *from, const char *from_model, const tfx_state_layout *to,
                            const char *to_model, tfx_error *err);

/* Makes the values of parameter `t` of the grown model: data [t->elements] arrives with the layer's
 * initialisation; old_data [old->elements]. */
tfx_status tfx_growth_param(const tfx_scaling_class *cls, tfx_scaling *policy, const tfx_state_tensor *old,
                            const tfx_state_tensor *t, const float *old_data, uint64_t seed, float *data,
                            tfx_error *err);

#endif

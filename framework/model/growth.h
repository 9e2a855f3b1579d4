/* Growth: what a model's parameters become when its shapes change.
 *
 * A grown model has the parameters of the old one, each with the same shape or extended
 * along its growable axis. How new values are made is the scaling policy's business
 * (tfx_scaling_class.grow_param); which parameters correspond, and what becomes of the
 * optimizer's state, is decided here. */
#ifndef TFX_MODEL_GROWTH_H
#define TFX_MODEL_GROWTH_H

#include "framework/graph/state.h"
#include "framework/base/error.h"
#include "framework/base/text.h"
#include "tfx/scaling.h"

/* Whether `to` can grow out of `from`; a message names the parameter that does not
 * connect, both shapes, and both models. */
tfx_status tfx_growth_check(const tfx_state_layout *from, const char *from_model, const tfx_state_layout *to,
                            const char *to_model, tfx_error *err);

/* Appends what became of one parameter to the inside of a JSON array, if it changed: path,
 * old and new shape, and as "rule" what was found in it: "zero" or "nonzero" new slices, or
 * "rewritten" old values. */
void tfx_growth_describe(const tfx_state_tensor *old, const float *old_data, const tfx_state_tensor *t,
                         const float *data, tfx_text *json);

/* Makes the values of parameter `t` of the grown model: data [t->elements] arrives with the layer's
 * initialisation; old_data [old->elements]. */
tfx_status tfx_growth_param(const tfx_scaling_class *cls, tfx_scaling *policy, const tfx_state_tensor *old,
                            const tfx_state_tensor *t, const float *old_data, uint64_t seed, float *data,
                            tfx_error *err);

/* Extends one tensor of optimizer state along the growable axis: old slices keep their
 * values; new slices get 0, or, for per-slice counters under TFX_STATE_KEEP, the value of
 * the last old slice. `axis` < 0: shapes are equal. Element size is that of the dtype. */
void tfx_growth_state(const tfx_state_tensor *old, const tfx_state_tensor *t, int axis, int repeat_last,
                      const void *old_data, void *data);

#endif

/* Calls of scaling policies; see call.h. */
#ifndef TFX_PLUGIN_SCALING_CALLS_H
#define TFX_PLUGIN_SCALING_CALLS_H

#include "framework/plugin/calls/call.h"
#include "tfx/scaling.h"

/* *out is NULL on error. */
tfx_status tfx_call_scaling_create(const tfx_scaling_class *cls, const tfx_options *options, tfx_scaling **out,
                                   tfx_error *err);
void tfx_call_scaling_destroy(const tfx_scaling_class *cls, tfx_scaling *s); /* NULL: nothing happens */
void tfx_call_scaling_destroy_nothing(const tfx_scaling_class *cls); /* with NULL, which every plugin has to accept */

/* 1 to TFX_STAGE_LIMIT; 0 on error. */
#define TFX_STAGE_LIMIT 10000
uint32_t tfx_call_scaling_n_stages(const tfx_scaling_class *cls, const tfx_scaling *s, tfx_error *err);
/* `carry` is one of the three. */
tfx_status tfx_call_scaling_stage(const tfx_scaling_class *cls, const tfx_scaling *s, uint32_t index, tfx_stage *out,
                                  tfx_error *err);
/* *grow: 0 or 1; 0 for a policy without this function. */
tfx_status tfx_call_scaling_should_grow(const tfx_scaling_class *cls, tfx_scaling *s, const tfx_growth_signals *signals,
                                        int *grow, tfx_error *err);
/* p->data is finite afterwards. */
tfx_status tfx_call_scaling_grow_param(const tfx_scaling_class *cls, tfx_scaling *s, const tfx_grown_param *p,
                                       tfx_error *err);
/* Nothing happens for a policy without this function. */
tfx_status tfx_call_scaling_check(const tfx_scaling_class *cls, const tfx_scaling *s, uint32_t stage,
                                  const char *const *paths, size_t n, tfx_error *err);

/* Nothing happens for a policy without this function. */
tfx_status tfx_call_scaling_check_stage(const tfx_scaling_class *cls, const tfx_scaling *s,
                                        const tfx_planned_stage *stage, tfx_error *err);

/* Why should_grow returned nonzero; lives until the next call. NULL: the policy does not say, or an error. */
#define TFX_POLICY_REASON_LIMIT ((size_t)1 << 10)
const char *tfx_call_scaling_reason(const tfx_scaling_class *cls, tfx_scaling *s, tfx_error *err);

/* out->arm stays NULL where the policy needs no curve for the stage. */
tfx_status tfx_call_scaling_needs_curve(const tfx_scaling_class *cls, const tfx_scaling *s, uint32_t stage,
                                        tfx_curve_request *out, tfx_error *err);
tfx_status tfx_call_scaling_take_curve(const tfx_scaling_class *cls, tfx_scaling *s, uint32_t stage,
                                       const tfx_curve *curve, tfx_error *err);

/* What the policy wants to be kept with a checkpoint; lives until the next call. NULL: nothing, or an error. */
#define TFX_POLICY_TEXT_LIMIT ((size_t)64 << 10)
const char *tfx_call_scaling_save(const tfx_scaling_class *cls, tfx_scaling *s, tfx_error *err);
/* Gives it back; an error for a policy that has no `load`. */
tfx_status tfx_call_scaling_load(const tfx_scaling_class *cls, tfx_scaling *s, const char *text, tfx_error *err);

#endif

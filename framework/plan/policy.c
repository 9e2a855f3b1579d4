#include "framework/plan/policy.h"

#include "framework/plugin/calls/scaling_calls.h"

/* What a call into the policy came to; a message of it names the key of [scaling]. */
static tfx_status ended(const tfx_arm *arm, tfx_status status, tfx_error *err)
{
    if (status != TFX_OK)
        tfx_plugin_use_locate(&arm->scaling, err);
    return status;
}

tfx_status tfx_policy_open(const tfx_arm *arm, tfx_scaling **out, uint32_t *n_stages, tfx_error *err)
{
    const tfx_scaling_class *cls = arm->scaling.impl;
    *out = NULL;
    *n_stages = 1;
    if (!cls)
        return TFX_OK;
    if (tfx_call_scaling_create(cls, arm->scaling.options, out, err) == TFX_OK)
        *n_stages = tfx_call_scaling_n_stages(cls, *out, err);
    if (ended(arm, err->status, err) != TFX_OK) {
        tfx_policy_close(arm, *out);
        *out = NULL;
    }
    return err->status;
}

void tfx_policy_close(const tfx_arm *arm, tfx_scaling *policy)
{
    tfx_call_scaling_destroy(arm->scaling.impl, policy);
}

const tfx_model_spec *tfx_policy_stage(const tfx_experiment *e, const tfx_arm *arm, const tfx_scaling *policy,
                                       uint32_t index, tfx_stage *out, tfx_error *err)
{
    *out = (tfx_stage){.struct_size = sizeof(*out)};
    if (!policy)
        return arm->model;
    if (ended(arm, tfx_call_scaling_stage(arm->scaling.impl, policy, index, out, err), err) != TFX_OK)
        return NULL;
    const tfx_event_spec *event = tfx_arm_event(arm, index);
    if (index && event->carry)
        out->carry = event->carry;
    if (index && event->schedule)
        out->restart_schedule = event->schedule > 0;
    if (!out->model)
        return arm->model;
    const tfx_model_spec *model = tfx_experiment_model(e, out->model, err);
    if (!model)
        tfx_plugin_use_locate_value(&arm->scaling, out->model, err);
    return model;
}

tfx_status tfx_policy_check(const tfx_arm *arm, const tfx_scaling *policy, uint32_t index, const char *const *paths,
                            size_t n, tfx_error *err)
{
    return policy ? ended(arm, tfx_call_scaling_check(arm->scaling.impl, policy, index, paths, n, err), err) : TFX_OK;
}

tfx_status tfx_policy_should_grow(const tfx_arm *arm, tfx_scaling *policy, const tfx_growth_signals *signals, int *grow,
                                  tfx_error *err)
{
    return ended(arm, tfx_call_scaling_should_grow(arm->scaling.impl, policy, signals, grow, err), err);
}

const char *tfx_policy_save(const tfx_arm *arm, tfx_scaling *policy, tfx_error *err)
{
    const char *text = policy ? tfx_call_scaling_save(arm->scaling.impl, policy, err) : NULL;
    ended(arm, err->status, err);
    return text;
}

tfx_status tfx_policy_load(const tfx_arm *arm, tfx_scaling *policy, const char *text, tfx_error *err)
{
    return text && policy ? ended(arm, tfx_call_scaling_load(arm->scaling.impl, policy, text, err), err) : TFX_OK;
}

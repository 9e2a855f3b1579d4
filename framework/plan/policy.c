#include "framework/plan/policy.h"

#include "framework/plugin/registry.h"

/* The end of a call into the policy. */
static tfx_status ended(const tfx_arm *arm, tfx_status status, tfx_error *err)
{
    if (tfx_host_call_end(status, "", err) != TFX_OK)
        tfx_plugin_use_locate(&arm->scaling, err);
    return err->status;
}

tfx_status tfx_policy_open(const tfx_arm *arm, tfx_scaling **out, tfx_error *err)
{
    const tfx_scaling_class *cls = arm->scaling.impl;
    *out = NULL;
    if (!cls)
        return TFX_OK;
    tfx_host_call_begin();
    if (ended(arm, cls->create(tfx_host_table(), arm->scaling.options, out), err) != TFX_OK) {
        *out = NULL;
    } else if (cls->n_stages(*out) == 0) {
        tfx_fail(err, TFX_E_INVALID, "policy '%s' declares no stage", arm->scaling.name);
        tfx_plugin_use_locate(&arm->scaling, err);
        tfx_policy_close(arm, *out);
        *out = NULL;
    }
    return err->status;
}

void tfx_policy_close(const tfx_arm *arm, tfx_scaling *policy)
{
    if (policy)
        ((const tfx_scaling_class *)arm->scaling.impl)->destroy(policy);
}

uint32_t tfx_policy_n_stages(const tfx_arm *arm, const tfx_scaling *policy)
{
    return policy ? ((const tfx_scaling_class *)arm->scaling.impl)->n_stages(policy) : 1;
}

const tfx_model_spec *tfx_policy_stage(const tfx_experiment *e, const tfx_arm *arm, const tfx_scaling *policy,
                                       uint32_t index, tfx_stage *out, tfx_error *err)
{
    const tfx_scaling_class *cls = arm->scaling.impl;
    *out = (tfx_stage){.struct_size = sizeof(*out)};
    if (!policy)
        return arm->model;
    tfx_host_call_begin();
    if (ended(arm, cls->stage(policy, index, out), err) != TFX_OK)
        return NULL;
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
    const tfx_scaling_class *cls = arm->scaling.impl;
    if (!policy || !TFX_HAS(cls, check))
        return TFX_OK;
    tfx_host_call_begin();
    return ended(arm, cls->check(policy, index, paths, n), err);
}

#include "framework/plan/policy.h"

#include <inttypes.h>

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
    if (!policy && !tfx_arm_grows_at_start(arm))
        return arm->model;
    if (policy && ended(arm, tfx_call_scaling_stage(arm->scaling.impl, policy, index, out, err), err) != TFX_OK)
        return NULL;
    if (arm->grows_first)
        out->steps = out->tokens = 0, out->flops = 0;
    int grows = index || tfx_arm_grows_at_start(arm);
    const tfx_event_spec *event = tfx_arm_event(arm, index);
    if (grows && event->carry)
        out->carry = event->carry;
    if (grows && event->schedule)
        out->restart_schedule = event->schedule > 0;
    double *const values[] = {&out->lr_old, &out->lr_new, &out->noise, &out->noise_old};
    const double said[] = {event->lr_old, event->lr_new, event->noise, event->noise_old};
    if (!out->multipliers)
        out->lr_old = out->lr_new = 1;
    for (int i = 0; i < 4 && grows; i++)
        *values[i] = said[i] >= 0 ? said[i] : *values[i];
    if (!out->model)
        return arm->model;
    const tfx_model_spec *model = tfx_experiment_model(e, out->model, err);
    if (!model)
        tfx_plugin_use_locate_value(&arm->scaling, out->model, err);
    return model;
}

tfx_status tfx_policy_train(const tfx_arm *arm, uint32_t index, const tfx_stage *stage, tfx_train_config *out,
                            tfx_error *err)
{
    *out = arm->train;
    if (!index && !tfx_arm_grows_at_start(arm))
        return TFX_OK;
    const tfx_event_spec *e = tfx_arm_event(arm, index);
    if (e->train)
        *out = *e->train;
    if (stage->batch && !tfx_event_sets(e, "batch") && !tfx_event_sets(e, "micro_batch")) {
        int whole = out->micro_batch == out->batch;
        out->batch = stage->batch;
        out->micro_batch = whole ? out->batch : out->micro_batch;
        if (out->batch % out->micro_batch)
            return ended(arm,
                         tfx_fail(err, TFX_E_INVALID,
                                  "stage %" PRIu32 " of the policy: batch: expected a multiple of train.micro_batch, "
                                  "%" PRId64 "; found %" PRId64,
                                  index, out->micro_batch, out->batch),
                         err);
    }
    if (stage->lr > 0 && !tfx_event_sets(e, "lr")) {
        out->lr = stage->lr;
        out->min_lr = tfx_event_sets(e, "min_lr") ? out->min_lr : stage->min_lr;
        out->warmup = tfx_event_sets(e, "warmup") ? out->warmup : stage->warmup;
    }
    if (stage->schedule && !tfx_event_sets(e, "schedule"))
        out->schedule = tfx_lr_schedule_named(stage->schedule);
    return TFX_OK;
}

tfx_status tfx_policy_check(const tfx_arm *arm, const tfx_scaling *policy, uint32_t index, const char *const *paths,
                            size_t n, tfx_error *err)
{
    return policy ? ended(arm, tfx_call_scaling_check(arm->scaling.impl, policy, index, paths, n, err), err) : TFX_OK;
}

tfx_status tfx_policy_check_stage(const tfx_arm *arm, const tfx_scaling *policy, const tfx_planned_stage *stage,
                                  tfx_error *err)
{
    return ended(arm, tfx_call_scaling_check_stage(arm->scaling.impl, policy, stage, err), err);
}

tfx_status tfx_policy_needs_curve(const tfx_arm *arm, const tfx_scaling *policy, uint32_t stage, tfx_curve_request *out,
                                  tfx_error *err)
{
    *out = (tfx_curve_request){0};
    if (arm->grows_first)
        return TFX_OK;
    return ended(arm, tfx_call_scaling_needs_curve(arm->scaling.impl, policy, stage, out, err), err);
}

tfx_status tfx_policy_take_curve(const tfx_arm *arm, tfx_scaling *policy, uint32_t stage, const tfx_curve *curve,
                                 tfx_error *err)
{
    return ended(arm, tfx_call_scaling_take_curve(arm->scaling.impl, policy, stage, curve, err), err);
}

int tfx_policy_decides(const tfx_arm *arm)
{
    const tfx_scaling_class *cls = arm->scaling.impl;
    return cls && cls->should_grow && !arm->grows_first;
}

tfx_status tfx_policy_should_grow(const tfx_arm *arm, tfx_scaling *policy, const tfx_growth_signals *signals, int *grow,
                                  tfx_error *err)
{
    return ended(arm, tfx_call_scaling_should_grow(arm->scaling.impl, policy, signals, grow, err), err);
}

const char *tfx_policy_reason(const tfx_arm *arm, tfx_scaling *policy, tfx_error *err)
{
    const char *text = tfx_call_scaling_reason(arm->scaling.impl, policy, err);
    ended(arm, err->status, err);
    return text;
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

#include "framework/plan/arm.h"

#include <assert.h>
#include <inttypes.h>

#include "framework/base/memory.h"
#include "framework/plan/data.h"
#include "framework/plan/event.h"
#include "framework/plan/groups.h"
#include "framework/plan/length.h"
#include "framework/plan/origin.h"
#include "framework/plan/policy.h"
#include "framework/plugin/calls/loader_calls.h"

tfx_status tfx_arm_plan_check_data(const tfx_experiment *e, tfx_arm_plan *p, tfx_error *err)
{
    const tfx_arm *arm = p->arm;
    const tfx_stage_plan *s = p->stages[0]; /* context and vocabulary are the same in all */
    static const tfx_split splits[] = {TFX_SPLIT_TRAIN, TFX_SPLIT_VAL};
    for (size_t i = 0; i < 2; i++) {
        tfx_loader *loader;
        tfx_loader_info info;
        if (tfx_data_open(e, splits[i], s->micro_batch, s->context, 0, &loader, &info, err) != TFX_OK)
            return err->status;
        if (splits[i] == TFX_SPLIT_TRAIN)
            tfx_data_check_seek(e, loader, s->micro_batch, s->context, info.vocab, err);
        tfx_call_loader_close(e->loader.impl, loader);
        if (err->status != TFX_OK)
            return err->status;
        if (info.vocab > s->model->vocab)
            return tfx_fail_at(err, arm->file, arm->line,
                               "[arm %s]: model '%s' has vocab = %" PRId64 ", but the data has tokens up to %" PRId64,
                               arm->name, s->model->name, s->model->vocab, info.vocab - 1);
        if (splits[i] == TFX_SPLIT_VAL &&
            tfx_validation_set_choose(&p->validation, info.n_tokens, s->context, e->eval_tokens, err) != TFX_OK)
            tfx_plugin_use_locate(&e->loader, err);
    }
    return err->status;
}

/* Lets the policy see which parameters growing into stage `i` will change. */
static tfx_status check_growth_options(const tfx_arm_plan *p, uint32_t i, tfx_error *err)
{
    const tfx_state_layout *from = &p->stages[i - 1]->state, *to = &p->stages[i]->state;
    const char **paths = TFX_NEW_ARRAY(const char *, to->n);
    size_t n = 0;
    for (uint32_t k = 0; k < to->n; k++) {
        const tfx_state_tensor *t = &to->tensors[k];
        uint32_t old = t->kind == TFX_STATE_PARAM ? tfx_state_find(from, t->name) : 0;
        if (t->kind == TFX_STATE_PARAM && (old == TFX_STATE_NONE || t->elements != from->tensors[old].elements))
            paths[n++] = t->name;
    }
    tfx_policy_check(p->arm, p->policy, i, paths, n, err);
    free(paths);
    return err->status;
}

/* Whether stage `i` can be grown into from the one before it. */
static tfx_status check_growth(const tfx_arm_plan *p, uint32_t i, const tfx_registry *registry, tfx_error *err)
{
    tfx_stage_plan *from = p->stages[i - 1], *to = p->stages[i];
    const char *a = from->model->name, *b = to->model->name;
    /* Random choices are those of a run only later; whether they fit does not depend on them. */
    tfx_event_claim(p->arm, i, from, to, registry, 0, &p->claims[i], err);
    if (err->status == TFX_OK) {
        if (from->context != to->context)
            tfx_fail(err, TFX_E_INVALID,
                     "model '%s' cannot grow into '%s': context is %" PRId64 " and would be %" PRId64, a, b,
                     from->context, to->context);
        else if (from->model->vocab != to->model->vocab)
            tfx_fail(err, TFX_E_INVALID, "model '%s' cannot grow into '%s': vocab is %" PRId64 " and would be %" PRId64,
                     a, b, from->model->vocab, to->model->vocab);
        else
            return check_growth_options(p, i, err);
    }
    tfx_error_prefix(err, "[arm %s]", p->arm->name);
    tfx_plugin_use_locate_value(&p->arm->scaling, b, err);
    return err->status;
}

/* The spans of the learning-rate schedule: one from each restart to the next. */
static void set_schedule(tfx_arm_plan *p, const char *restarts)
{
    uint32_t start = 0;
    for (uint32_t i = 0; i <= p->n_stages; i++) {
        if (i > 0 && i < p->n_stages && !restarts[i])
            continue;
        int64_t total = 0;
        for (uint32_t k = start; k < i; k++)
            total += p->stages[k]->steps;
        for (uint32_t k = start; k < i; k++) {
            assert(k == 0 || p->stages[k]->first_step == p->stages[k - 1]->first_step + p->stages[k - 1]->steps);
            p->stages[k]->schedule_first = p->stages[start]->first_step;
            p->stages[k]->schedule_steps = total;
        }
        start = i;
    }
}

/* A warm-up in steps must fit into each span of the schedule, together with a WSD decay. */
static tfx_status check_warmup(const tfx_arm_plan *p, tfx_error *err)
{
    for (uint32_t i = 0; i < p->n_stages; i++) {
        const tfx_train_config *t = &p->stages[i]->train;
        int line;
        const char *file = tfx_options_origin(t->options, "warmup", &line);
        if (t->warmup < 1 || !p->stages[i]->steps)
            continue;
        double steps = (double)p->stages[i]->schedule_steps;
        if (t->warmup > steps)
            return tfx_fail_at(err, file, line,
                               "[arm %s]: warmup: expected at most the %.0f steps of the "
                               "learning-rate schedule of stage %u; found %.0f",
                               p->arm->name, steps, i, t->warmup);
        if (t->schedule == TFX_LR_WSD && t->warmup / steps + t->decay_fraction > 1 + 1e-9)
            return tfx_fail_at(err, file, line,
                               "[arm %s]: warmup: expected at most the %.0f steps of the "
                               "learning-rate schedule of stage %u together with a decay_fraction of %g; found %.0f",
                               p->arm->name, steps, i, t->decay_fraction, t->warmup);
    }
    return TFX_OK;
}

/* Keys about an event that never comes would say nothing. */
static tfx_status check_events(const tfx_arm_plan *p, tfx_error *err)
{
    for (size_t i = 1; i < p->arm->n_events; i++) {
        const tfx_event_spec *e = &p->arm->events[i];
        if (e->event >= p->n_stages)
            return tfx_fail_at(err, e->file, e->line,
                               "%s: settings for growth event %" PRId64 "; the policy has %u, counted from 1",
                               p->arm->scaling.section, e->event, p->n_stages - 1);
    }
    return TFX_OK;
}

/* A schedule that goes on from stage to stage has one peak and one shape. */
static tfx_status check_spans(const tfx_arm_plan *p, tfx_error *err)
{
    for (uint32_t i = 1; i < p->n_stages; i++) {
        const tfx_train_config *a = &p->stages[i - 1]->train, *b = &p->stages[i]->train;
        if (p->stages[i]->schedule_first == p->stages[i]->first_step ||
            (a->lr == b->lr && a->min_lr == b->min_lr && a->schedule == b->schedule && a->warmup == b->warmup &&
             a->decay_fraction == b->decay_fraction))
            continue;
        const tfx_event_spec *e = tfx_arm_event(p->arm, i);
        return tfx_fail_at(
            err, e->file, e->line,
            "%s: growth event %u continues the learning-rate schedule, so it cannot change its lr, min_lr, "
            "warmup, schedule or decay_fraction; expected event.schedule = restart",
            p->arm->scaling.section, i);
    }
    return TFX_OK;
}

/* Lets the policy see what a stage that it may end has become. */
static tfx_status check_stage(const tfx_arm_plan *p, const tfx_stage_plan *s, tfx_error *err)
{
    tfx_planned_stage planned = {.struct_size = sizeof(planned),
                                 .stage = s->index,
                                 .first_step = s->first_step,
                                 .steps = s->steps,
                                 .eval_every = p->arm->train.eval_every,
                                 .step_flops = s->flops_per_token * (double)s->batch * (double)s->context};
    return s->index + 1 < p->n_stages && !p->arm->grows_first ? tfx_policy_check_stage(p->arm, p->policy, &planned, err)
                                                              : TFX_OK;
}

static tfx_status plan_stages(tfx_arm_plan *p, const tfx_experiment *e, const tfx_registry *registry,
                              const tfx_device *device, tfx_error *err)
{
    const tfx_arm *arm = p->arm;
    p->stages = TFX_NEW_ARRAY(tfx_stage_plan *, p->n_stages);
    p->claims = TFX_NEW_ARRAY(tfx_growth_claim, p->n_stages);
    char *restarts = TFX_NEW_ARRAY(char, p->n_stages);
    int64_t first = 0;
    tfx_length length = {0};
    for (uint32_t i = 0; i < p->n_stages && err->status == TFX_OK; i++) {
        tfx_stage stage;
        tfx_train_config train;
        const tfx_model_spec *model = tfx_policy_stage(e, arm, p->policy, i, &stage, err);
        if (!model || tfx_policy_train(arm, i, &stage, &train, err) != TFX_OK)
            break;
        tfx_stage_params params = {.registry = registry, .device = device, .train = &train, .model = model};
        if (arm->n_events)
            params.rates = (tfx_rate_factors){1, stage.lr_old, stage.lr_new};
        /* What an arm grows from where it starts is not known yet: nothing in it counts as shorter. */
        static const tfx_state_layout unknown;
        if (train.slice_every && (i || tfx_arm_grows_at_start(arm)))
            params.grown_from = i ? &p->stages[i - 1]->state : &unknown;
        tfx_stage_plan *s = p->stages[i] = tfx_stage_plan_create(&params, err);
        if (!s)
            break;
        s->index = i;
        s->first_step = first;
        int passing = arm->grows_first && i + 1 < p->n_stages;
        if ((!passing && tfx_length_set(&length, arm, &stage, s, err) != TFX_OK) || check_stage(p, s, err) != TFX_OK)
            break;
        s->carry = stage.carry;
        s->noise = stage.noise;
        s->noise_old = stage.noise_old;
        tfx_groups_check(&arm->train, s, err);
        restarts[i] = (char)(stage.restart_schedule != 0);
        first += s->steps;
        if (i && err->status == TFX_OK)
            check_growth(p, i, registry, err);
    }
    if (err->status == TFX_OK) {
        set_schedule(p, restarts);
        if (check_spans(p, err) == TFX_OK)
            check_warmup(p, err);
    }
    free(restarts);
    return err->status;
}

tfx_arm_plan *tfx_arm_plan_create(const tfx_experiment *e, const tfx_arm *arm, const tfx_registry *registry,
                                  const tfx_device *device, tfx_error *err)
{
    tfx_arm_plan *p = TFX_NEW(tfx_arm_plan);
    p->experiment = e;
    p->arm = arm;
    p->registry = registry;
    p->device = device;
    if (tfx_policy_open(arm, &p->policy, &p->n_stages, err) == TFX_OK && check_events(p, err) == TFX_OK &&
        plan_stages(p, e, registry, device, err) == TFX_OK)
        return p;
    tfx_arm_plan_destroy(p);
    return NULL;
}

void tfx_arm_plan_destroy(tfx_arm_plan *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; p->stages && i < p->n_stages; i++)
        tfx_stage_plan_destroy(p->stages[i]);
    for (uint32_t i = 0; p->claims && i < p->n_stages; i++)
        tfx_growth_claim_finish(&p->claims[i]);
    free(p->stages);
    free(p->claims);
    tfx_origin_destroy(p->origin);
    tfx_policy_close(p->arm, p->policy);
    free(p);
}

int tfx_arm_plan_may_end_early(const tfx_arm_plan *p, uint32_t stage)
{
    return stage + 1 < p->n_stages && tfx_policy_decides(p->arm);
}

double tfx_arm_plan_tokens(const tfx_arm_plan *p)
{
    double total = 0;
    for (uint32_t i = 0; i < p->n_stages; i++)
        total += tfx_stage_tokens(p->stages[i]);
    return total;
}

double tfx_arm_plan_flops(const tfx_arm_plan *p)
{
    double total = 0;
    for (uint32_t i = 0; i < p->n_stages; i++)
        total += tfx_stage_tokens(p->stages[i]) * p->stages[i]->flops_per_token;
    return total;
}

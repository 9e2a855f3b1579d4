#include "framework/train/trainer_growth.h"

#include <inttypes.h>

#include "framework/base/clock.h"
#include "framework/base/log.h"
#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/checkpoint/checkpoint.h"
#include "framework/plan/event.h"
#include "framework/plan/origin.h"
#include "framework/plan/policy.h"
#include "framework/train/grow.h"
#include "framework/train/learning_rate.h"

static tfx_status record_growth(tfx_trainer *t, const tfx_stage_plan *from, const tfx_growth_claim *claim,
                                const tfx_probe *before, double loss_after, double delta, const char *changes,
                                double seconds, tfx_error *err)
{
    tfx_growth_row row = {.run = t->p->run,
                          .from_checkpoint = t->checkpoint,
                          .step = t->at.step,
                          .from_model = from->model->name,
                          .to_model = t->stage->model->name,
                          .policy = t->p->plan->policy ? t->p->plan->arm->scaling.name : "start",
                          .params_before = (int64_t)from->n_params,
                          .params_after = (int64_t)t->stage->n_params,
                          .carried_params = (int64_t)from->n_params, /* all of them */
                          .keeps_function = claim->preserves,
                          .argument = claim->why,
                          .params_json = changes,
                          .probe_loss_before = before->loss,
                          .probe_loss_after = loss_after,
                          .probe_max_abs_delta_logit = delta,
                          .seconds = seconds,
                          .reason = t->reason};
    if (tfx_trainer_checkpoint(t, "grown", &row, 0, err) == TFX_OK) {
        char a[32], b[32];
        tfx_log_event("step %" PRId64 "  grew %s (%s) -> %s (%s)  probe loss %.6f -> %.6f  max |delta logit| %.2g",
                      t->at.step, row.from_model, tfx_format_count(a, (double)row.params_before), row.to_model,
                      tfx_format_count(b, (double)row.params_after), before->loss, loss_after, delta);
    }
    return err->status;
}

static tfx_status ask_reason(tfx_trainer *t, tfx_error *err)
{
    const tfx_arm_plan *plan = t->p->plan;
    const char *text = t->at.stage_step < t->stage->steps ? tfx_policy_reason(plan->arm, plan->policy, err) : NULL;
    free(t->reason);
    t->reason = text ? tfx_strdup(text) : NULL;
    if (text)
        tfx_log_event("step %" PRId64 "  %s: %s", t->at.step, plan->arm->scaling.name, text);
    return err->status;
}

tfx_status tfx_trainer_grow(tfx_trainer *t, tfx_error *err)
{
    const tfx_stage_plan *from = t->stage;
    uint32_t to = (uint32_t)t->at.stage + 1;
    uint64_t seed = (uint64_t)t->p->seed;
    tfx_probe before = {0};
    tfx_text changes = {0};
    tfx_growth_claim claim = {0}; /* of the map that is applied: the plan's has no run's seed */
    double started = tfx_now(), loss_after, delta;

    /* A stage without steps that grew itself has no end of its own: what it grew into is what it leaves. */
    if (!from->steps && t->at.stage && tfx_record_stage_end(&t->records, from, err) != TFX_OK)
        goto done;
    if (ask_reason(t, err) != TFX_OK || tfx_probe_take(&before, &t->evaluator, t->engine, from, err) != TFX_OK)
        goto done;
    int restarts = t->p->plan->stages[to]->schedule_first == t->p->plan->stages[to]->first_step;
    t->at.schedule_done = restarts ? 0 : tfx_schedule_done(from, t->at.schedule_done, t->at.stage_step);
    t->at.stage = to;
    t->at.stage_step = 0;
    t->at.stage_done = !t->p->plan->stages[to]->steps;
    if (tfx_trainer_enter_stage(t, to, err) == TFX_OK && tfx_trainer_open_stage(t, err) == TFX_OK &&
        tfx_checkpoint_check(t->checkpoint_path, t->json_hash, 0, err) == TFX_OK &&
        tfx_grow_from_checkpoint(t->p->plan, to, t->checkpoint_path, seed, t->engine, &changes, err) == TFX_OK &&
        tfx_event_claim(t->p->plan->arm, to, t->p->plan->stages[to - 1], t->p->plan->stages[to], t->p->registry,
                        tfx_event_seed(seed, to), &claim, err) == TFX_OK &&
        tfx_probe_compare(&before, &t->evaluator, t->engine, &loss_after, &delta, err) == TFX_OK)
        record_growth(t, from, &claim, &before, loss_after, delta, changes.s, tfx_now() - started, err);
done:
    tfx_growth_claim_finish(&claim);
    tfx_text_free(&changes);
    tfx_probe_finish(&before);
    return err->status;
}

tfx_status tfx_trainer_grow_at_start(tfx_trainer *t, const tfx_found_start *from, tfx_error *err)
{
    tfx_arm_plan *plan = t->p->plan;
    const tfx_start *start = &plan->arm->start;
    uint64_t seed = (uint64_t)t->p->seed;
    tfx_growth_claim claim = {0};
    tfx_probe before = {0};
    tfx_text changes = {0};
    double started = tfx_now(), loss_after, delta;
    if (tfx_origin_from_checkpoint(plan, from->folder, from->json_hash, from->what, err) != TFX_OK)
        return err->status;
    const tfx_stage_plan *old = plan->origin->stage;
    t->engine = tfx_engine_create(t->p->device, old, err);
    if (!t->engine)
        return err->status;
    tfx_state_io io = tfx_engine_io(t->engine);
    if (tfx_start_load(t->p->store, t->p->run, start, from, &old->state, &io, 1, &t->at, err) == TFX_OK &&
        tfx_evaluator_open(&t->evaluator, t->p->experiment, old, err) == TFX_OK &&
        tfx_probe_take(&before, &t->evaluator, t->engine, old, err) == TFX_OK &&
        tfx_trainer_enter_stage(t, 0, err) == TFX_OK &&
        tfx_store_supersede(t->p->store, t->p->run, -1, err) == TFX_OK && tfx_trainer_open_stage(t, err) == TFX_OK) {
        char *text = tfx_growth_claim_text(&plan->claims[0]);
        tfx_log_event("starts from %s", from->what);
        tfx_log_event("growth into %s %s", t->stage->model->name, text);
        free(text);
        if (tfx_grow_from_checkpoint(plan, 0, from->folder, seed, t->engine, &changes, err) == TFX_OK &&
            tfx_event_claim(plan->arm, 0, plan->origin->stage, plan->stages[0], plan->registry, tfx_event_seed(seed, 0),
                            &claim, err) == TFX_OK &&
            tfx_probe_compare(&before, &t->evaluator, t->engine, &loss_after, &delta, err) == TFX_OK)
            record_growth(t, old, &claim, &before, loss_after, delta, changes.s, tfx_now() - started, err);
    }
    tfx_growth_claim_finish(&claim);
    tfx_text_free(&changes);
    tfx_probe_finish(&before);
    return err->status;
}

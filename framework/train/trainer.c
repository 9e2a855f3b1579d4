/* A run is a sequence of stages; each begins with parameters from the initialisation, from growth, or from a
 * checkpoint, and ends with a checkpoint. What comes next is decided in next_action.c, and carried out here. */
#include "framework/train/trainer_growth.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/clock.h"
#include "framework/base/log.h"
#include "framework/base/memory.h"
#include "framework/plan/branches.h"
#include "framework/plan/data.h"
#include "framework/plan/origin.h"
#include "framework/plan/policy.h"
#include "framework/plugin/calls/loader_calls.h"
#include "framework/spec/resolved_text.h"
#include "framework/train/divergence.h"
#include "framework/train/learning_rate.h"
#include "framework/train/progress.h"
#include "framework/train/reference.h"
#include "framework/train/resume.h"

/* Brings what decides the next action up to date. */
static tfx_run_state *observe(tfx_trainer *t)
{
    t->state.branches = tfx_trainer_branches(t, 0, NULL);
    t->state.step = t->at.step;
    t->state.stage_step = t->at.stage_step;
    t->state.stage_done = t->at.stage_done;
    t->state.last_stage = tfx_trainer_last_stage(t);
    t->state.stop = *t->p->stop != 0;
    return &t->state;
}

/* ---- evaluations ---- */

/* Changes nothing when asked to stop before the end: a resumed run finds the evaluation due. */
static tfx_status evaluate(tfx_trainer *t, tfx_error *err)
{
    double loss;
    int stopped;
    t->in_step = t->updated = 0;
    if (tfx_evaluate(&t->evaluator, t->engine, t->p->stop, &t->progress, &stopped, &loss, err) != TFX_OK || stopped)
        return err->status;
    t->state.diverged = !isfinite(loss);
    if (t->state.diverged) {
        snprintf(t->trouble, sizeof(t->trouble), "the validation loss is %g", tfx_without_sign(loss));
        return TFX_OK;
    }
    t->at.val_loss = loss;
    t->at.val_step = t->at.step;
    double bpb = tfx_bits_per_byte(loss, t->evaluator.bytes_per_token);
    if (tfx_record_evaluation(&t->records, bpb, t->evaluator.set.tokens, t->evaluator.hash, err) != TFX_OK)
        return err->status;
    if (isfinite(bpb))
        tfx_log_event("step %" PRId64 "  val loss %.4f  %.4f bits/byte", t->at.step, loss, bpb);
    else
        tfx_log_event("step %" PRId64 "  val loss %.4f", t->at.step, loss);
    tfx_action_done(&t->state, TFX_ACTION_EVALUATE);
    return TFX_OK;
}

/* ---- steps ---- */

static tfx_status train_step(tfx_trainer *t, tfx_error *err)
{
    const tfx_stage_plan *s = t->stage;
    double started = tfx_now(), total = 0;
    float loss, grad_norm = NAN;
    int measures = tfx_stage_measures(s, t->at.stage_step);
    t->lr = tfx_stage_learning_rate(s, t->at.schedule_done, t->at.stage_step + 1);
    for (uint32_t i = 0; i < s->n_reports; i++)
        t->reports[i] = 0;
    for (int64_t i = 0; i < s->n_micro; i++) {
        if (tfx_prefetch_next(t->prefetch, t->tokens, t->targets, &t->at.position, err) != TFX_OK)
            return err->status;
        tfx_engine_set_batch(t->engine, t->tokens, t->targets);
        /* Dropout masks are those that the run which it started from would have had here. */
        tfx_engine_set_step(t->engine, t->lr, (uint64_t)t->p->seed,
                            (uint64_t)((t->at.before.steps + t->at.step) * s->n_micro + i));
        tfx_engine_measure(t->engine, measures && i + 1 == s->n_micro); /* and the update that follows */
        if (tfx_engine_pass(t->engine, &loss, err) != TFX_OK)
            return err->status;
        total += (double)loss;
        tfx_engine_add_reports(t->engine, t->reports);
        if (!isfinite(loss))
            break; /* before an update spoils the parameters, and with that batch still in the engine */
    }
    t->in_step = 1;
    t->updated = s->n_micro == 1 || isfinite(total); /* where a step has one pass, that has made it */
    if (t->updated && tfx_engine_update(t->engine, &grad_norm, err) != TFX_OK)
        return err->status;
    double seconds = tfx_now() - started;
    t->norm = (double)grad_norm;
    for (uint32_t i = 0; i < s->n_reports; i++)
        t->reports[i] /= (double)s->n_micro;
    t->tokens_per_second = (double)(s->batch * s->context) / seconds;
    t->at.train_loss = total / (double)s->n_micro;
    t->at.step++;
    t->at.stage_step++;
    t->at.tokens += s->batch * s->context;
    t->at.flops += s->flops_per_token * (double)(s->batch * s->context);
    t->at.seconds += seconds;
    t->at.stage_done = t->at.stage_step >= s->steps;
    t->state.diverged = !isfinite(t->at.train_loss) || !isfinite(grad_norm);
    if (t->state.diverged)
        tfx_divergence_say(t->trouble, sizeof(t->trouble), t->at.train_loss, t->updated ? &t->norm : NULL, t->lr);
    return TFX_OK;
}

/* Where the run stands, and what is planned from there on: stages that a policy ended early have left less to do. */
static tfx_run_progress progress_of(const tfx_trainer *t)
{
    const tfx_arm_plan *plan = t->p->plan;
    int64_t steps = t->at.stage_done ? 0 : t->stage->steps - t->at.stage_step;
    double flops = (double)(steps * t->stage->batch * t->stage->context) * t->stage->flops_per_token;
    for (uint32_t i = (uint32_t)t->at.stage + 1; i < plan->n_stages; i++) {
        steps += plan->stages[i]->steps;
        flops += tfx_stage_tokens(plan->stages[i]) * plan->stages[i]->flops_per_token;
    }
    return (tfx_run_progress){.stage = t->at.stage,
                              .n_stages = plan->n_stages,
                              .step = t->at.step,
                              .total_steps = t->at.step + steps,
                              .flops = t->at.flops,
                              .total_flops = t->at.flops + flops,
                              .tokens_per_second = t->tokens_per_second,
                              .loss = t->at.train_loss,
                              .evaluated = -1};
}

static tfx_status record_step(tfx_trainer *t, tfx_error *err)
{
    t->recorded = 1;
    const tfx_step_numbers numbers = {t->lr, t->norm, t->tokens_per_second, t->reports};
    return tfx_record_step(&t->records, t->stage, &numbers, err);
}

/* One step, and its row, which is there wherever a stage may end that an interrupted run has yet to evaluate. */
static tfx_status advance(tfx_trainer *t, tfx_error *err)
{
    const tfx_train_config *c = t->config;
    int measures = tfx_stage_measures(t->stage, t->at.stage_step);
    if (train_step(t, err) != TFX_OK || t->state.diverged)
        return err->status;
    if (measures && tfx_record_slices(&t->records, t->stage, t->engine, err) != TFX_OK)
        return err->status;
    t->recorded = 0;
    const tfx_run_progress progress = progress_of(t);
    tfx_progress_step(&t->progress, &progress);
    if (t->at.step % c->log_every == 0 || (c->eval_every && t->at.step % c->eval_every == 0) || t->at.stage_done)
        record_step(t, err);
    return err->status;
}

/* Whether the stage ends here although it has steps left. */
static tfx_status decide(tfx_trainer *t, tfx_error *err)
{
    const tfx_arm_plan *plan = t->p->plan;
    if (!plan->policy || tfx_trainer_last_stage(t))
        return TFX_OK;
    tfx_growth_signals signals = {.struct_size = sizeof(signals),
                                  .stage = (uint32_t)t->at.stage,
                                  .stage_step = t->at.stage_step,
                                  .step = t->at.step,
                                  .tokens = t->at.tokens,
                                  .flops = t->at.flops,
                                  .train_loss = t->at.train_loss,
                                  .val_loss = t->at.val_loss,
                                  .val_step = t->at.val_step};
    if (tfx_policy_should_grow(plan->arm, plan->policy, &signals, &t->at.stage_done, err) == TFX_OK &&
        t->at.stage_done && !t->recorded)
        record_step(t, err);
    return err->status;
}

/* ---- the whole run ---- */

/* Stage 0 from init, or from a checkpoint of another run. Nothing was entered: the run was stopped while that one was
 * on its way there. */
static tfx_status begin_new(tfx_trainer *t, tfx_error *err)
{
    const tfx_start *start = &t->p->plan->arm->start;
    tfx_found_start from = {0};
    t->at = (tfx_run_standing){
        .train_loss = NAN, .val_loss = NAN, .val_step = -1, .position = {.struct_size = sizeof(tfx_loader_position)}};
    if (tfx_reference_give(t->p->store, NULL, t->p->plan, t->p->seed, err) != TFX_OK)
        return err->status;
    if (start->kind && tfx_start_await(t->p->store, start, t->p->run, t->p->stop, &from, err) == TFX_OK && !from.folder)
        return TFX_OK;
    t->checkpoint = from.checkpoint;
    if (err->status == TFX_OK && tfx_arm_grows_at_start(t->p->plan->arm)) {
        tfx_trainer_grow_at_start(t, &from, err);
        t->at.stage_done = t->p->growth_only;
        tfx_run_state_begin(observe(t), 0, t->at.val_step);
        tfx_found_start_finish(&from);
        return err->status;
    }
    if (err->status == TFX_OK && tfx_trainer_enter_stage(t, 0, err) == TFX_OK) {
        tfx_state_io io = tfx_engine_io(t->engine);
        t->at.stage_done = !t->stage->steps;
        if (start->kind)
            tfx_start_load(t->p->store, t->p->run, start, &from, &t->stage->state, &io, !start->keep_optimizer, &t->at,
                           err);
        else
            tfx_engine_initialise(t->engine, (uint64_t)t->p->seed, err);
    }
    if (err->status == TFX_OK && tfx_store_supersede(t->p->store, t->p->run, -1, err) == TFX_OK &&
        tfx_trainer_open_stage(t, err) == TFX_OK && start->kind)
        tfx_log_event("starts from %s", from.what);
    if (err->status == TFX_OK)
        tfx_run_state_begin(observe(t), 0, t->at.val_step);
    tfx_found_start_finish(&from);
    return err->status;
}

/* The state of a checkpoint. Nothing changes before all of it has been read. */
static tfx_status begin_from(tfx_trainer *t, const tfx_checkpoint_info *from, tfx_error *err)
{
    t->checkpoint = from->id;
    t->checkpoint_path = tfx_printf("%s/%s", t->p->root, from->path);
    tfx_checkpoint_record record;
    if (from->json_hash && strlen(from->json_hash) < sizeof(t->json_hash))
        strcpy(t->json_hash, from->json_hash); /* otherwise none was recorded */
    if (tfx_checkpoint_record_read(t->checkpoint_path, t->json_hash, &record, err) == TFX_OK)
        tfx_policy_load(t->p->plan->arm, t->p->plan->policy, record.policy, err);
    t->at = record.at;
    tfx_checkpoint_record_finish(&record);
    if (err->status != TFX_OK)
        return err->status;
    t->recorded = 1; /* the last step, by the run that made it */
    if (t->at.stage < 0 || t->at.stage >= t->p->plan->n_stages)
        return tfx_fail(err, TFX_E_DATA, "%s: stage %" PRId64 " is not in the plan", t->checkpoint_path, t->at.stage);
    tfx_run_state_begin(observe(t), 1, t->at.val_step);
    int over = tfx_next_action(&t->state) == TFX_ACTION_END;
    if (tfx_trainer_enter_stage(t, (uint32_t)t->at.stage, err) != TFX_OK)
        return err->status;
    tfx_state_io io = tfx_engine_io(t->engine);
    if (tfx_checkpoint_load(t->checkpoint_path, t->json_hash, &t->stage->state, &io, over, err) == TFX_OK &&
        tfx_store_supersede(t->p->store, t->p->run, t->at.step, err) == TFX_OK &&
        tfx_trainer_open_stage(t, err) == TFX_OK &&
        tfx_retention_apply(&t->retention, from->id, from->parent, err) == TFX_OK)
        tfx_log_event("continues from step %" PRId64 " (checkpoint %" PRId64 ")", t->at.step, from->id);
    return err->status;
}

static tfx_status begin(tfx_trainer *t, tfx_error *err)
{
    tfx_checkpoint_info from = {0};
    if (tfx_resume_find(t->p->store, t->p->run, t->p->root, &from, err) == TFX_OK)
        from.id ? begin_from(t, &from, err) : begin_new(t, err);
    if (err->status != TFX_OK && from.id)
        tfx_resume_advise(t->p->store, &from, t->p->root, err);
    tfx_checkpoint_info_finish(&from);
    return err->status;
}

static tfx_status fail(const tfx_trainer *t, tfx_error *err)
{
    tfx_divergence d = {.what = t->trouble,
                        .in_step = t->in_step,
                        .updated = t->updated,
                        .engine = t->engine,
                        .stage = t->p->plan->stages[t->at.stage],
                        .registry = t->p->registry,
                        .device = t->p->device,
                        .at = &t->at,
                        .seed = (uint64_t)t->p->seed};
    return tfx_fail_diverged(&d, err);
}

static tfx_status carry_out(tfx_trainer *t, tfx_action a, tfx_error *err)
{
    switch (a) {
    case TFX_ACTION_EVALUATE: return evaluate(t, err);
    case TFX_ACTION_STEP:
        if (tfx_trainer_settle(t, 0, err) == TFX_OK)
            advance(t, err);
        break;
    case TFX_ACTION_DECIDE: decide(t, err); break;
    case TFX_ACTION_CHECKPOINT: tfx_trainer_checkpoint(t, "periodic", NULL, 0, err); break;
    case TFX_ACTION_END_STAGE:
        tfx_trainer_checkpoint(t, tfx_trainer_last_stage(t) ? "final" : "stage_end", NULL, 1, err);
        break;
    case TFX_ACTION_GROW: tfx_trainer_grow(t, err); break;
    case TFX_ACTION_SAVE: tfx_trainer_checkpoint(t, "interrupted", NULL, 0, err); break;
    case TFX_ACTION_FAIL: return fail(t, err);
    case TFX_ACTION_END:
    case TFX_ACTION_STOP: break;
    }
    tfx_action_done(&t->state, a);
    return err->status;
}

tfx_status tfx_trainer_run(const tfx_trainer_params *p, int *interrupted, tfx_error *err)
{
    const tfx_train_config *config = &p->plan->arm->train;
    tfx_trainer t = {.p = p,
                     .config = config,
                     .state = {.eval_every = config->eval_every, .checkpoint_every = config->checkpoint_every},
                     .records = {.store = p->store, .run = p->run},
                     .retention = {p->store, p->run, p->root, p->experiment, p->plan->arm}};
    tfx_action a = TFX_ACTION_FAIL;
    t.records.at = &t.at;
    if (begin(&t, err) == TFX_OK && !t.engine)
        a = TFX_ACTION_STOP;
    else if (err->status == TFX_OK) {
        const tfx_run_progress progress = progress_of(&t);
        tfx_progress_begin(&t.progress, p->progress_fd, p->label, &progress);
        do
            a = tfx_next_action(observe(&t));
        while (carry_out(&t, a, err) == TFX_OK && a != TFX_ACTION_END && a != TFX_ACTION_STOP);
    }
    /* One that is on its way to disk is whole, whatever else went wrong. */
    tfx_error late = {0};
    if (tfx_trainer_settle(&t, 1, &late) != TFX_OK && err->status == TFX_OK)
        *err = late;
    *interrupted = a == TFX_ACTION_STOP;
    tfx_progress_end(&t.progress);
    tfx_trainer_close_data(&t);
    tfx_engine_destroy(t.engine);
    free(t.checkpoint_path);
    free(t.reports);
    free(t.reason);
    return err->status;
}

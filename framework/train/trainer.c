/* The training loop. A run is a sequence of stages; each begins with parameters from the
 * initialisation, from growth, or from a checkpoint, and ends with a checkpoint. */
#include "framework/train/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "framework/base/clock.h"
#include "framework/base/memory.h"
#include "framework/checkpoint/files.h"
#include "framework/model/growth.h"
#include "framework/plan/data.h"
#include "framework/plan/policy.h"
#include "framework/plugin/calls/loader_calls.h"
#include "framework/train/evaluate.h"
#include "framework/train/grow.h"
#include "framework/train/learning_rate.h"
#include "framework/train/prefetch.h"
#include "framework/train/progress.h"

typedef struct trainer {
    const tfx_trainer_params *p;
    const tfx_train_config *config;
    tfx_run_progress at;
    tfx_id stage_id, checkpoint; /* rows: current stage; newest checkpoint of the lineage */
    char *checkpoint_path;       /* absolute */
    int saved;                   /* that checkpoint holds what there is now */
    const tfx_stage_plan *stage;
    tfx_engine *engine;
    tfx_evaluator evaluator;
    tfx_loader *loader;
    tfx_prefetch *prefetch;
    int32_t *tokens, *targets;
    tfx_progress progress;
} trainer;

/* ---- records ---- */

static tfx_status record(trainer *t, const char *name, double value, tfx_error *err)
{
    tfx_metric_row row = {.run = t->p->run, .stage = t->stage_id, .step = t->at.step, .tokens = t->at.tokens,
                          .flops = t->at.flops, .seconds = t->at.seconds, .name = name, .value = value};
    return tfx_store_add_metric(t->p->store, &row, err);
}

static tfx_status record_step(trainer *t, double lr, double grad_norm, double seconds, tfx_error *err)
{
    if (tfx_store_begin(t->p->store, err) != TFX_OK)
        return err->status;
    record(t, "train_loss", t->at.train_loss, err);
    record(t, "lr", lr, err);
    record(t, "grad_norm", grad_norm, err);
    record(t, "tokens_per_second", (double)(t->stage->batch * t->stage->context) / seconds, err);
    if (err->status == TFX_OK)
        return tfx_store_commit(t->p->store, err);
    tfx_store_rollback(t->p->store);
    return err->status;
}

/* Whether the evaluation of this step is still to be made. At a stage's first step the one of the
 * stage before does not count: parameters have grown since. */
static int evaluation_due(const trainer *t)
{
    int64_t every = t->config->eval_every;
    return t->at.stage_step == 0 ||
           (t->at.val_step != t->at.step && (t->at.stage_done || (every && t->at.step % every == 0)));
}

static int stage_over(const trainer *t)
{
    return t->at.stage_done && !evaluation_due(t);
}

/* Changes nothing when asked to stop before the end: a resumed run finds the evaluation due. */
static tfx_status evaluate(trainer *t, tfx_error *err)
{
    double loss;
    int stopped;
    if (tfx_evaluate(&t->evaluator, t->engine, t->p->stop, &t->progress, &stopped, &loss, err) != TFX_OK || stopped)
        return err->status;
    if (!isfinite(loss))
        return tfx_fail(err, TFX_E_INTERNAL, "step %" PRId64 ": the validation loss is %g: training has diverged", t->at.step,
                        loss);
    t->at.val_loss = loss;
    t->at.val_step = t->at.step;
    t->saved &= t->at.stage_step == 0; /* what a grown checkpoint says is from before growth */
    double bpb = tfx_bits_per_byte(loss, t->evaluator.bytes_per_token);
    if (tfx_store_begin(t->p->store, err) != TFX_OK)
        return err->status;
    record(t, "val_loss", loss, err);
    if (isfinite(bpb))
        record(t, "val_bpb", bpb, err);
    if (err->status != TFX_OK || tfx_store_commit(t->p->store, err) != TFX_OK) {
        tfx_store_rollback(t->p->store);
        return err->status;
    }
    if (isfinite(bpb))
        tfx_progress_note(&t->progress, "step %" PRId64 "  val loss %.4f  %.4f bits/byte", t->at.step, loss, bpb);
    else
        tfx_progress_note(&t->progress, "step %" PRId64 "  val loss %.4f", t->at.step, loss);
    return TFX_OK;
}

/* ---- checkpoints ---- */

/* A checkpoint's files, and what its row will say. */
typedef struct saved {
    char *relative, *path, hash[33];
    uint64_t bytes;
    const char *reason;
} saved;

static tfx_status save_files(trainer *t, const char *reason, saved *s, tfx_error *err)
{
    tfx_state_io io = tfx_engine_io(t->engine);
    *s = (saved){.reason = reason};
    s->relative = tfx_printf("%s/step-%08" PRId64 "-%s", t->p->directory, t->at.step, reason);
    s->path = tfx_printf("%s/%s", t->p->root, s->relative);
    /* Optimizer state is of no use to a run that is over. */
    int params_only = !strcmp(reason, "final") && !t->config->keep_optimizer;
    return tfx_checkpoint_write(s->path, t->stage->model->name, &t->stage->state, &io, &t->at, params_only, &s->bytes,
                                s->hash, err);
}

static void saved_finish(saved *s)
{
    free(s->relative);
    free(s->path);
}

/* Peak resident bytes of this process so far. */
static int64_t peak_rss(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (int64_t)u.ru_maxrss * 1024;
}

/* The rows of saved files and of what comes with them, a growth event (NULL: none) or the end of the stage,
 * in one transaction: a resume goes on behind the checkpoint and would never record the rest. */
static tfx_id record_saved(trainer *t, const saved *s, tfx_growth_row *growth, int ends_stage, tfx_error *err)
{
    tfx_checkpoint_row row = {.run = t->p->run, .stage = t->stage_id, .step = t->at.step, .tokens = t->at.tokens,
                              .flops = t->at.flops, .seconds = t->at.seconds, .path = s->relative, .hash = s->hash,
                              .bytes = (int64_t)s->bytes, .val_loss = t->at.val_loss, .parent = t->checkpoint,
                              .reason = s->reason};
    if (tfx_store_begin(t->p->store, err) != TFX_OK)
        return 0;
    tfx_id id = tfx_store_add_checkpoint(t->p->store, &row, err);
    if (id && growth) {
        growth->to_checkpoint = id;
        tfx_store_add_growth_event(t->p->store, growth, err);
    }
    if (id && ends_stage)
        tfx_store_end_stage(t->p->store, t->stage_id, t->at.stage_step, peak_rss(), err);
    if (err->status == TFX_OK && tfx_store_commit(t->p->store, err) == TFX_OK)
        return id;
    tfx_store_rollback(t->p->store);
    return 0;
}

/* Removes an older checkpoint's files. They go before the row says so: whoever is killed in
 * between does it again. */
static tfx_status retire(trainer *t, tfx_id id, const char *path, tfx_error *err)
{
    return tfx_remove_dir(path, err) == TFX_OK ? tfx_store_mark_checkpoint_deleted(t->p->store, id, err) : err->status;
}

/* Removes the files of all checkpoints with this reason but the newest `keep`; what the run stands on
 * stays in any case. */
static tfx_status prune(trainer *t, const char *reason, size_t keep, tfx_error *err)
{
    tfx_checkpoint_info *list = NULL;
    size_t n = 0;
    if (tfx_store_checkpoints_of(t->p->store, t->p->run, reason, &list, &n, err) != TFX_OK)
        return err->status;
    for (size_t i = 0; i < n; i++) {
        if (i + keep < n && list[i].id != t->checkpoint && err->status == TFX_OK) {
            char *path = tfx_printf("%s/%s", t->p->root, list[i].path);
            retire(t, list[i].id, path, err);
            free(path);
        }
        tfx_checkpoint_info_finish(&list[i]);
    }
    free(list);
    return err->status;
}

/* An interruption's checkpoint has served its purpose when there is a newer one. */
static tfx_status prune_all(trainer *t, tfx_error *err)
{
    return prune(t, "interrupted", 0, err) == TFX_OK ? prune(t, "periodic", (size_t)t->config->keep_checkpoints, err)
                                                     : err->status;
}

/* Saves what there is now and makes it the lineage's newest checkpoint; when that is whole and
 * recorded, older ones may go. */
static tfx_status checkpoint(trainer *t, const char *reason, tfx_growth_row *growth, int ends_stage, tfx_error *err)
{
    saved s;
    tfx_id id = 0;
    if (save_files(t, reason, &s, err) == TFX_OK)
        id = record_saved(t, &s, growth, ends_stage, err);
    if (id) {
        if (t->checkpoint && !t->config->keep_stages)
            retire(t, t->checkpoint, t->checkpoint_path, err);
        t->saved = 1;
        t->checkpoint = id;
        free(t->checkpoint_path);
        t->checkpoint_path = s.path;
        s.path = NULL;
        if (err->status == TFX_OK)
            prune_all(t, err);
    }
    saved_finish(&s);
    return err->status;
}

/* ---- a stage's engine and data ---- */

static void close_data(trainer *t)
{
    tfx_prefetch_destroy(t->prefetch);
    tfx_call_loader_close(t->p->experiment->loader.impl, t->loader);
    tfx_evaluator_close(&t->evaluator);
    free(t->tokens);
    free(t->targets);
    t->prefetch = NULL;
    t->loader = NULL;
    t->tokens = t->targets = NULL;
}

static tfx_status open_data(trainer *t, tfx_error *err)
{
    const tfx_stage_plan *s = t->stage;
    const tfx_loader_class *cls = t->p->experiment->loader.impl;
    tfx_loader_info info;
    close_data(t);
    if (tfx_data_open(t->p->experiment, TFX_SPLIT_TRAIN, s->micro_batch, s->context, (uint64_t)t->p->seed, &t->loader,
                      &info, err) != TFX_OK)
        return err->status;
    t->prefetch = tfx_prefetch_create(cls, t->loader, s->micro_batch, s->context, info.vocab, &t->at.position, err);
    if (!t->prefetch)
        return err->status;
    t->tokens = TFX_NEW_ARRAY(int32_t, s->micro_batch * s->context);
    t->targets = TFX_NEW_ARRAY(int32_t, s->micro_batch * s->context);
    return tfx_evaluator_open(&t->evaluator, t->p->experiment, s, err);
}

/* Replaces the engine by one for stage `index`, its parameters still zero. */
static tfx_status enter_stage(trainer *t, uint32_t index, tfx_error *err)
{
    tfx_engine_destroy(t->engine);
    t->stage = t->p->plan->stages[index];
    t->engine = tfx_engine_create(t->p->device, t->stage, err);
    return err->status;
}

/* Records the stage that was entered, which stands on the newest checkpoint, unless it is there already, and
 * opens its data. */
static tfx_status open_stage(trainer *t, tfx_error *err)
{
    const tfx_stage_plan *s = t->stage;
    tfx_stage_row row = {.run = t->p->run, .index = s->index, .model = s->model->name, .n_params = (int64_t)s->n_params,
                         .flops_per_token = s->flops_per_token, .planned_steps = s->steps,
                         .first_step = t->at.step - t->at.stage_step,
                         .planned_peak_bytes = (int64_t)tfx_stage_peak_bytes(s), .parent_checkpoint = t->checkpoint};
    t->stage_id = tfx_store_add_stage(t->p->store, &row, err);
    return t->stage_id ? open_data(t, err) : err->status;
}

/* ---- growth ---- */

static tfx_status record_growth(trainer *t, const tfx_stage_plan *from, const tfx_probe *before, double loss_after,
                                double delta, const char *changes, double seconds, tfx_error *err)
{
    tfx_growth_row row = {.run = t->p->run, .from_checkpoint = t->checkpoint, .step = t->at.step,
                          .from_model = from->model->name, .to_model = t->stage->model->name,
                          .policy = t->p->plan->arm->scaling.name, .params_before = (int64_t)from->n_params,
                          .params_after = (int64_t)t->stage->n_params,
                          .carried_params = (int64_t)tfx_growth_carried(&from->state), .params_json = changes,
                          .probe_loss_before = before->loss, .probe_loss_after = loss_after,
                          .probe_max_abs_delta_logit = delta, .seconds = seconds};
    if (checkpoint(t, "grown", &row, 0, err) == TFX_OK) {
        char a[32], b[32];
        tfx_progress_note(&t->progress, "step %" PRId64 "  grew %s (%s) -> %s (%s)  probe loss %.6f -> %.6f  max |delta logit| %.2g",
                          t->at.step, row.from_model, tfx_format_count(a, (double)row.params_before), row.to_model,
                          tfx_format_count(b, (double)row.params_after), before->loss, loss_after, delta);
    }
    return err->status;
}

static tfx_status grow(trainer *t, tfx_error *err)
{
    const tfx_stage_plan *from = t->stage;
    uint32_t to = (uint32_t)t->at.stage + 1;
    tfx_probe before = {0};
    tfx_text changes = {0};
    double started = tfx_now(), loss_after, delta;

    if (tfx_probe_take(&before, &t->evaluator, t->engine, from, err) != TFX_OK)
        goto done;
    t->at.stage = to;
    t->at.stage_step = 0;
    t->at.stage_done = 0;
    /* Where the plan restarts the schedule it restarts, also when growth came early. */
    if (t->p->plan->stages[to]->schedule_first == t->p->plan->stages[to]->first_step)
        t->at.schedule_first = t->at.step;
    if (enter_stage(t, to, err) == TFX_OK && open_stage(t, err) == TFX_OK &&
        tfx_grow_from_checkpoint(t->p->plan, to, t->checkpoint_path, (uint64_t)t->p->seed, t->engine, &changes,
                                 err) == TFX_OK &&
        tfx_probe_compare(&before, &t->evaluator, t->engine, &loss_after, &delta, err) == TFX_OK)
        record_growth(t, from, &before, loss_after, delta, changes.s, tfx_now() - started, err);
done:
    tfx_text_free(&changes);
    tfx_probe_finish(&before);
    return err->status;
}

/* ---- steps ---- */

static tfx_status train_step(trainer *t, double *lr, double *norm, double *seconds, tfx_error *err)
{
    const tfx_stage_plan *s = t->stage;
    double started = tfx_now(), total = 0;
    float loss, grad_norm;
    *lr = tfx_learning_rate(t->config, t->at.step - t->at.schedule_first, s->schedule_steps);
    for (int64_t i = 0; i < s->n_micro; i++) {
        if (tfx_prefetch_next(t->prefetch, t->tokens, t->targets, &t->at.position, err) != TFX_OK)
            return err->status;
        tfx_engine_set_batch(t->engine, t->tokens, t->targets);
        tfx_engine_set_step(t->engine, *lr, (uint64_t)t->p->seed, (uint64_t)(t->at.step * s->n_micro + i));
        if (tfx_engine_pass(t->engine, &loss, err) != TFX_OK)
            return err->status;
        total += (double)loss;
    }
    t->saved = 0;
    if (tfx_engine_update(t->engine, &grad_norm, err) != TFX_OK)
        return err->status;
    *seconds = tfx_now() - started;
    *norm = (double)grad_norm;
    t->at.train_loss = total / (double)s->n_micro;
    t->at.step++;
    t->at.stage_step++;
    t->at.tokens += s->batch * s->context;
    t->at.flops += s->flops_per_token * (double)(s->batch * s->context);
    t->at.seconds += *seconds;
    if (!isfinite(t->at.train_loss) || !isfinite(grad_norm))
        return tfx_fail(err, TFX_E_INTERNAL,
                        "step %" PRId64 ": the loss is %g and the gradient norm %g: training has diverged; lower "
                        "train.lr, or lengthen train.warmup",
                        t->at.step, t->at.train_loss, (double)grad_norm);
    return TFX_OK;
}

/* Whether the stage is complete, by its steps or by the policy's decision. */
static tfx_status decide_growth(trainer *t, tfx_error *err)
{
    const tfx_arm_plan *plan = t->p->plan;
    t->at.stage_done = t->at.stage_step >= t->stage->steps;
    if (t->at.stage_done || !plan->policy || t->at.stage + 1 >= plan->n_stages)
        return TFX_OK;
    tfx_growth_signals signals = {.struct_size = sizeof(signals), .stage = (uint32_t)t->at.stage,
                                  .stage_step = t->at.stage_step, .step = t->at.step, .tokens = t->at.tokens,
                                  .flops = t->at.flops, .train_loss = t->at.train_loss, .val_loss = t->at.val_loss,
                                  .val_step = t->at.val_step};
    return tfx_policy_should_grow(plan->arm, plan->policy, &signals, &t->at.stage_done, err);
}

/* One step, and its row. */
static tfx_status advance(trainer *t, tfx_error *err)
{
    double lr = 0, norm = 0, seconds = 1;
    if (train_step(t, &lr, &norm, &seconds, err) != TFX_OK || decide_growth(t, err) != TFX_OK)
        return err->status;
    tfx_progress_step(&t->progress, t->at.step, (double)(t->stage->batch * t->stage->context) / seconds,
                      t->at.train_loss);
    if (t->at.step % t->config->log_every == 0 || t->at.stage_done)
        record_step(t, lr, norm, seconds, err);
    return err->status;
}

/* Trains until the stage is complete or somebody asks to stop. What is due at a step is made
 * before the next one, so a run that was interrupted first makes up for what it left out. */
static tfx_status train_stage(trainer *t, tfx_error *err)
{
    int64_t every = t->config->checkpoint_every;
    for (;;) {
        if (evaluation_due(t) && evaluate(t, err) != TFX_OK)
            return err->status;
        if (every && t->at.step % every == 0 && t->at.stage_step > 0 && !t->at.stage_done && !t->saved &&
            !evaluation_due(t) && checkpoint(t, "periodic", NULL, 0, err) != TFX_OK)
            return err->status;
        if (t->at.stage_done || *t->p->stop)
            return TFX_OK;
        if (advance(t, err) != TFX_OK)
            return err->status;
    }
}

/* ---- the whole run ---- */

/* Stage 0 from init. */
static tfx_status begin_new(trainer *t, tfx_error *err)
{
    t->at = (tfx_run_progress){.train_loss = NAN, .val_loss = NAN, .val_step = -1,
                               .position = {.struct_size = sizeof(tfx_loader_position)}};
    if (enter_stage(t, 0, err) == TFX_OK && tfx_engine_initialise(t->engine, (uint64_t)t->p->seed, err) == TFX_OK &&
        tfx_store_supersede(t->p->store, t->p->run, -1, err) == TFX_OK)
        open_stage(t, err);
    return err->status;
}

/* Whoever wrote the newest checkpoint may have been killed before it removed older ones. */
static tfx_status clean_up(trainer *t, const tfx_checkpoint_info *latest, tfx_error *err)
{
    tfx_checkpoint_info parent = {0};
    if (t->config->keep_stages || !latest->parent)
        return prune_all(t, err);
    if (tfx_store_checkpoint(t->p->store, latest->parent, &parent, err) == TFX_OK && parent.run == t->p->run) {
        char *path = tfx_printf("%s/%s", t->p->root, parent.path);
        retire(t, parent.id, path, err);
        free(path);
    }
    tfx_checkpoint_info_finish(&parent);
    return err->status;
}

/* The state of the newest checkpoint. Nothing changes before all of it has been read. */
static tfx_status begin_from(trainer *t, const tfx_checkpoint_info *latest, tfx_error *err)
{
    t->checkpoint = latest->id;
    t->checkpoint_path = tfx_printf("%s/%s", t->p->root, latest->path);
    t->saved = 1;
    if (tfx_checkpoint_read_progress(t->checkpoint_path, &t->at, err) != TFX_OK)
        return err->status;
    if (t->at.stage < 0 || t->at.stage >= t->p->plan->n_stages)
        return tfx_fail(err, TFX_E_DATA, "%s: stage %" PRId64 " is not in the plan", t->checkpoint_path, t->at.stage);
    int over = stage_over(t) && t->at.stage + 1 == t->p->plan->n_stages;
    if (enter_stage(t, (uint32_t)t->at.stage, err) != TFX_OK)
        return err->status;
    tfx_state_io io = tfx_engine_io(t->engine);
    if (tfx_checkpoint_load(t->checkpoint_path, latest->hash, &t->stage->state, &io, over, err) == TFX_OK &&
        tfx_store_supersede(t->p->store, t->p->run, t->at.step, err) == TFX_OK &&
        open_stage(t, err) == TFX_OK && clean_up(t, latest, err) == TFX_OK)
        tfx_progress_note(&t->progress, "continues from step %" PRId64 " (checkpoint %" PRId64 ")", t->at.step, latest->id);
    return err->status;
}

static tfx_status begin(trainer *t, tfx_error *err)
{
    tfx_checkpoint_info latest = {0};
    if (tfx_store_latest_checkpoint(t->p->store, t->p->run, &latest, err) == TFX_OK)
        latest.id ? begin_from(t, &latest, err) : begin_new(t, err);
    tfx_checkpoint_info_finish(&latest);
    return err->status;
}

tfx_status tfx_trainer_run(const tfx_trainer_params *p, int *interrupted, tfx_error *err)
{
    trainer t = {.p = p, .config = &p->plan->arm->train};
    int64_t total = 0;
    *interrupted = 0;
    for (uint32_t i = 0; i < p->plan->n_stages; i++)
        total += p->plan->stages[i]->steps;
    tfx_progress_begin(&t.progress, p->label, 0, total);
    if (begin(&t, err) == TFX_OK) {
        tfx_progress_begin(&t.progress, p->label, t.at.step, total);
        for (;;) {
            int last = t.at.stage + 1 == p->plan->n_stages;
            if (!stage_over(&t) && train_stage(&t, err) != TFX_OK)
                break;
            if (!stage_over(&t)) { /* asked to stop */
                *interrupted = 1;
                if (!t.saved)
                    checkpoint(&t, "interrupted", NULL, 0, err);
                break;
            }
            if (!t.saved && checkpoint(&t, last ? "final" : "stage_end", NULL, 1, err) != TFX_OK)
                break;
            if (last)
                break;
            if (*p->stop) {
                *interrupted = 1;
                break;
            }
            if (grow(&t, err) != TFX_OK)
                break;
        }
    }
    tfx_progress_end(&t.progress);
    close_data(&t);
    tfx_engine_destroy(t.engine);
    free(t.checkpoint_path);
    return err->status;
}

#include "framework/train/trainer_parts.h"

#include <inttypes.h>
#include <string.h>

#include "framework/base/log.h"
#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/plan/branches.h"
#include "framework/plan/data.h"
#include "framework/plan/origin.h"
#include "framework/plan/policy.h"
#include "framework/plugin/calls/loader_calls.h"
#include "framework/spec/resolved_text.h"

int tfx_trainer_last_stage(const tfx_trainer *t)
{
    return t->at.stage + 1 == t->p->plan->n_stages;
}

int tfx_trainer_branches(const tfx_trainer *t, int ends_stage, int *optimizer)
{
    tfx_branch_place place = {t->at.step, ends_stage ? t->at.stage : -1, ends_stage && tfx_trainer_last_stage(t)};
    return tfx_arm_branches(t->p->experiment, t->p->plan->arm, &place, optimizer);
}

void tfx_trainer_close_data(tfx_trainer *t)
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

static tfx_status open_data(tfx_trainer *t, tfx_error *err)
{
    const tfx_stage_plan *s = t->stage;
    const tfx_loader_class *cls = t->p->experiment->loader.impl;
    tfx_loader_info info;
    tfx_trainer_close_data(t);
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

tfx_status tfx_trainer_enter_stage(tfx_trainer *t, uint32_t index, tfx_error *err)
{
    tfx_engine_destroy(t->engine);
    t->stage = t->p->plan->stages[index];
    free(t->reports);
    t->reports = TFX_NEW_ARRAY(double, t->stage->n_reports);
    t->engine = tfx_engine_create(t->p->device, t->stage, err);
    return err->status;
}

tfx_status tfx_trainer_open_stage(tfx_trainer *t, tfx_error *err)
{
    tfx_checkpoint_setting setting;
    tfx_stage_setting(t->p->experiment, t->p->plan->arm, t->stage, t->p->seed, &setting);
    return tfx_record_stage(&t->records, t->stage, &setting, t->checkpoint, err) == TFX_OK ? open_data(t, err)
                                                                                           : err->status;
}

static tfx_status save_files(tfx_trainer *t, const char *reason, tfx_error *err)
{
    const tfx_arm_plan *plan = t->p->plan;
    tfx_state_io io = tfx_engine_io(t->engine);
    tfx_checkpoint_record record = {.at = t->at};
    tfx_saved *s = &t->unsettled.saved;
    int needed;
    *s = (tfx_saved){.reason = reason};
    if (plan->arm->grows_first && t->at.stage && !t->at.step) /* there are several of them */
        s->relative = tfx_printf("%s/step-%08" PRId64 "-%s-%" PRId64, t->p->directory, t->at.step, reason, t->at.stage);
    else
        s->relative = tfx_printf("%s/step-%08" PRId64 "-%s", t->p->directory, t->at.step, reason);
    s->path = tfx_printf("%s/%s", t->p->root, s->relative);
    /* Optimizer state is of no use to a run that is over, unless others go on with it. */
    int ends = !strcmp(reason, "final"), params_only = ends && !t->config->keep_optimizer;
    tfx_trainer_branches(t, ends, &needed);
    tfx_stage_setting(t->p->experiment, plan->arm, t->stage, t->p->seed, &record.setting);
    record.setting.model = tfx_resolved_model(t->p->registry, t->stage->spec, err);
    record.policy = (char *)tfx_policy_save(plan->arm, plan->policy, err); /* the policy's, and only read */
    if (err->status == TFX_OK)
        t->unsettled.writing = tfx_checkpoint_begin(s->path, t->stage->model->name, &t->stage->state, &io, &record,
                                                    params_only && !needed, &s->files, err);
    free(record.setting.model);
    return err->status;
}

static void forget_unsettled(tfx_unsettled *u)
{
    free(u->saved.relative);
    free(u->saved.path);
    *u = (tfx_unsettled){0};
}

tfx_status tfx_trainer_settle(tfx_trainer *t, int wait, tfx_error *err)
{
    tfx_unsettled *u = &t->unsettled;
    if (!u->writing || (!wait && !tfx_checkpoint_is_durable(u->writing)))
        return err->status;
    tfx_records records = t->records;
    tfx_id id = 0, parent = t->checkpoint;
    records.at = &u->at;
    if (tfx_checkpoint_end(u->writing, err) == TFX_OK)
        id = tfx_record_checkpoint(&records, &u->saved, parent, u->growth, u->ended, err);
    if (id) {
        t->checkpoint = id;
        free(t->checkpoint_path);
        t->checkpoint_path = tfx_strdup(u->saved.path);
        memcpy(t->json_hash, u->saved.files.json_hash, sizeof(t->json_hash));
        char size[32];
        tfx_log_note("step %" PRId64 "  checkpoint %" PRId64 " (%s), %s: %s", u->at.step, id, u->saved.reason,
                     tfx_format_bytes(size, (double)u->saved.files.bytes), u->saved.relative);
        tfx_retention_apply(&t->retention, id, parent, err);
    }
    forget_unsettled(u);
    return err->status;
}

tfx_status tfx_trainer_checkpoint(tfx_trainer *t, const char *reason, tfx_growth_row *growth, int ends_stage,
                                  tfx_error *err)
{
    if (tfx_trainer_settle(t, 1, err) != TFX_OK)
        return err->status;
    if (save_files(t, reason, err) != TFX_OK) {
        forget_unsettled(&t->unsettled);
        return err->status;
    }
    t->unsettled.at = t->at;
    t->unsettled.growth = growth;
    t->unsettled.ended = ends_stage ? t->stage : NULL;
    return tfx_trainer_settle(t, strcmp(reason, "periodic") != 0, err);
}

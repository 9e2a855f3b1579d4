/* Store: what happens during a run: stages, metrics, checkpoints, growth events, and
 * stepping back to an older checkpoint. */
#include <math.h>

#include "framework/store/statement.h"

tfx_id tfx_store_add_stage(tfx_store *s, const tfx_stage_row *row, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "recording a stage", &e);
    tfx_id id = tfx_sql_int(s, &e, "SELECT id FROM stage WHERE run = ? AND number = ? AND superseded = 0", "ki",
                            row->run, row->index);
    if (!id)
        id = tfx_sql_insert(
            s, &e,
            "INSERT INTO stage (run, number, model, parameters, flops_per_token, first_step, "
            "planned_steps, planned_peak_bytes, context, micro_batch, data, parent_checkpoint, started) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, " TFX_SQL_NOW ")",
            "kitiriiiiitk", row->run, row->index, row->model, row->n_params, row->flops_per_token, row->first_step,
            row->planned_steps, row->planned_peak_bytes, row->context, row->micro_batch, row->data,
            row->parent_checkpoint);
    return tfx_write_leave(s, &e, err) == TFX_OK ? id : 0;
}

tfx_status tfx_store_set_evaluated(tfx_store *s, tfx_id stage, int64_t tokens, const char *hash, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "recording what is evaluated", &e);
    tfx_sql_do(s, &e, "UPDATE stage SET eval_tokens = ?, eval_hash = ? WHERE id = ?", "itk", tokens, hash, stage);
    tfx_sql_check_found(s, "stage", stage, &e);
    return tfx_write_leave(s, &e, err);
}

tfx_status tfx_store_set_outside_start(tfx_store *s, tfx_id run, const char *path, const char *hash,
                                       const tfx_spent *cost, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "recording where a run starts", &e);
    tfx_sql_do(
        s, &e,
        "REPLACE INTO outside_start (run, path, hash, steps, tokens, flops, seconds) VALUES (?, ?, ?, ?, ?, ?, ?)",
        "kttiirr", run, path, hash, cost->steps, cost->tokens, cost->flops, cost->seconds);
    return tfx_write_leave(s, &e, err);
}

tfx_status tfx_store_end_stage(tfx_store *s, tfx_id stage, const tfx_stage_end *end, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "ending a stage", &e);
    tfx_sql_do(s, &e,
               "UPDATE stage SET steps = ?, peak_rss_bytes = ?, peak_lr = ?, last_lr = ?, ended = " TFX_SQL_NOW
               " WHERE id = ?",
               "iirrk", end->steps, end->peak_rss_bytes, end->peak_lr, end->last_lr, stage);
    tfx_sql_check_found(s, "stage", stage, &e);
    return tfx_write_leave(s, &e, err);
}

/* The same place twice: a run that was killed after this row and before its next
 * checkpoint repeats the step; what it finds then is what counts. */
tfx_status tfx_store_add_metric(tfx_store *s, const tfx_metric_row *row, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "recording a metric", &e);
    tfx_sql_do(s, &e,
               "INSERT INTO metric (run, stage, name, step, tokens, flops, seconds, value) "
               "VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
               "ON CONFLICT (run, name, step, stage) WHERE superseded = 0 DO UPDATE SET "
               "tokens = excluded.tokens, flops = excluded.flops, seconds = excluded.seconds, "
               "value = excluded.value",
               "kktiirrr", row->run, row->stage, row->name, row->step, row->tokens, row->flops, row->seconds,
               row->value);
    tfx_sql_do(s, &e,
               "INSERT INTO metric_latest (run, stage, name, step, tokens, flops, seconds, value) "
               "VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
               "ON CONFLICT (run, name) DO UPDATE SET stage = excluded.stage, step = excluded.step, "
               "tokens = excluded.tokens, flops = excluded.flops, seconds = excluded.seconds, "
               "value = excluded.value WHERE excluded.step >= metric_latest.step",
               "kktiirrr", row->run, row->stage, row->name, row->step, row->tokens, row->flops, row->seconds,
               row->value);
    return tfx_write_leave(s, &e, err);
}

tfx_status tfx_store_add_slices(tfx_store *s, const tfx_slice_row *rows, size_t n, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "recording slices", &e);
    for (size_t i = 0; i < n && e.status == TFX_OK; i++) {
        const tfx_slice_row *r = &rows[i];
        tfx_sql_do(
            s, &e,
            "INSERT INTO slice_metric (run, stage, step, parameter, part, elements, gradient_norm, update_norm, "
            "weight_norm, slots, energy_share, dead_slots) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, nullif(?10, 0), ?11, iif(?10, ?12, NULL)) "
            "ON CONFLICT (run, step, parameter, part) WHERE superseded = 0 DO UPDATE SET stage = excluded.stage, "
            "elements = excluded.elements, gradient_norm = excluded.gradient_norm, "
            "update_norm = excluded.update_norm, weight_norm = excluded.weight_norm, slots = excluded.slots, "
            "energy_share = excluded.energy_share, dead_slots = excluded.dead_slots",
            "kkittirrriri", r->run, r->stage, r->step, r->parameter, r->is_new ? "new" : "old", r->elements,
            r->gradient_norm, r->update_norm, r->weight_norm, r->slots, r->slots ? r->energy_share : NAN,
            r->dead_slots);
    }
    return tfx_write_leave(s, &e, err);
}

tfx_status tfx_store_supersede(tfx_store *s, tfx_id run, int64_t step, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "stepping back in a run", &e);
    tfx_sql_do(s, &e, "UPDATE metric SET superseded = 1 WHERE run = ? AND step > ? AND superseded = 0", "ki", run,
               step);
    tfx_sql_do(s, &e, "UPDATE slice_metric SET superseded = 1 WHERE run = ? AND step > ? AND superseded = 0", "ki", run,
               step);
    tfx_sql_do(s, &e, "UPDATE checkpoint SET superseded = 1 WHERE run = ? AND step > ? AND superseded = 0", "ki", run,
               step);
    tfx_sql_do(s, &e, "UPDATE growth_event SET superseded = 1 WHERE run = ? AND step > ? AND superseded = 0", "ki", run,
               step);
    tfx_sql_do(s, &e, "UPDATE stage SET superseded = 1 WHERE run = ? AND first_step > ? AND superseded = 0", "ki", run,
               step);
    /* The stage that the run steps back into has not ended after all. */
    tfx_sql_do(s, &e,
               "UPDATE stage SET steps = NULL, peak_rss_bytes = NULL, ended = NULL "
               "WHERE run = ? AND superseded = 0 AND first_step + steps > ?",
               "ki", run, step);
    tfx_sql_do(s, &e,
               "DELETE FROM metric_latest WHERE run = ? AND NOT EXISTS (SELECT 1 FROM metric m WHERE "
               "m.run = metric_latest.run AND m.name = metric_latest.name AND m.superseded = 0)",
               "k", run);
    tfx_sql_do(s, &e,
               "REPLACE INTO metric_latest (run, stage, name, step, tokens, flops, seconds, value) "
               "SELECT m.run, m.stage, m.name, m.step, m.tokens, m.flops, m.seconds, m.value "
               "FROM metric_latest l JOIN metric m ON m.id = (SELECT id FROM metric WHERE run = l.run AND "
               "name = l.name AND superseded = 0 ORDER BY step DESC, stage DESC LIMIT 1) WHERE l.run = ?",
               "k", run);
    return tfx_write_leave(s, &e, err);
}

tfx_id tfx_store_add_checkpoint(tfx_store *s, const tfx_checkpoint_row *row, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "recording a checkpoint", &e);
    tfx_id id = tfx_sql_insert(
        s, &e,
        "INSERT INTO checkpoint (id, run, stage, step, tokens, flops, seconds, path, hash, bytes, "
        "val_loss, parent, reason, json_hash, created) "
        "VALUES (" TFX_SQL_NEW_ID("checkpoint", "last_checkpoint") ", ?, ?, ?, ?, ?, ?, ?, ?, "
                                                                   "?, ?, ?, ?, ?, " TFX_SQL_NOW ")",
        "kkiirrttirktt", row->run, row->stage, row->step, row->tokens, row->flops, row->seconds, row->path, row->hash,
        row->bytes, row->val_loss, row->parent, row->reason, row->json_hash);
    if (row->parent)
        tfx_sql_do(s, &e, "INSERT INTO lineage_edge (child, parent) VALUES (?, ?)", "kk", id, row->parent);
    return tfx_write_leave(s, &e, err) == TFX_OK ? id : 0;
}

tfx_status tfx_store_mark_checkpoint_deleted(tfx_store *s, tfx_id checkpoint, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "marking a checkpoint as deleted", &e);
    tfx_sql_do(s, &e, "UPDATE checkpoint SET deleted = coalesce(deleted, " TFX_SQL_NOW ") WHERE id = ?", "k",
               checkpoint);
    tfx_sql_check_found(s, "checkpoint", checkpoint, &e);
    return tfx_write_leave(s, &e, err);
}

tfx_id tfx_store_add_growth_event(tfx_store *s, const tfx_growth_row *row, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "recording a growth event", &e);
    tfx_id id = tfx_sql_insert(
        s, &e,
        "INSERT INTO growth_event (run, from_checkpoint, to_checkpoint, step, from_model, to_model, "
        "policy, parameters_before, parameters_after, carried_parameters, keeps_function, argument, parameter_changes, "
        "probe_loss_before, probe_loss_after, probe_max_abs_delta_logit, seconds, reason, created) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, " TFX_SQL_NOW ")",
        "kkkitttiiiittrrrrt", row->run, row->from_checkpoint ? row->from_checkpoint : row->to_checkpoint,
        row->to_checkpoint, row->step, row->from_model, row->to_model, row->policy, row->params_before,
        row->params_after, row->carried_params, (int64_t)row->keeps_function, row->argument, row->params_json,
        row->probe_loss_before, row->probe_loss_after, row->probe_max_abs_delta_logit, row->seconds, row->reason);
    /* The edge is there already when the checkpoint named its parent. What started outside of this database has none. */
    if (row->from_checkpoint)
        tfx_sql_do(s, &e,
                   "INSERT INTO lineage_edge (child, parent, growth_event) VALUES (?, ?, ?) "
                   "ON CONFLICT (child, parent) DO UPDATE SET growth_event = excluded.growth_event",
                   "kkk", row->to_checkpoint, row->from_checkpoint, id);
    return tfx_write_leave(s, &e, err) == TFX_OK ? id : 0;
}

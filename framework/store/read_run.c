/* Store: what a run reads back: itself, the other runs of its experiment, and the
 * checkpoints to continue from or to prune. */
#include "framework/base/memory.h"
#include "framework/store/rows.h"
#include "framework/store/statement.h"

static char *text_or_null(tfx_rows *q, int column, tfx_error *err)
{
    return tfx_rows_is_null(q, column) ? NULL : tfx_strdup(tfx_rows_text(q, column, err));
}

/* NULL is 0. */
static int64_t id_or_none(tfx_rows *q, int column, tfx_error *err)
{
    return tfx_rows_is_null(q, column) ? 0 : tfx_rows_int(q, column, 1, err);
}

tfx_status tfx_store_run_info(tfx_store *s, tfx_id run, tfx_run_info *out, tfx_error *err)
{
    *out = (tfx_run_info){0};
    tfx_rows *q = tfx_sql_rows(s, err,
                               "SELECT r.arm, a.experiment, a.name AS arm_name, x.name AS experiment_name, "
                               "r.directory, p.text AS spec, x.profile, r.seed, r.status, r.pid, r.host "
                               "FROM run r JOIN arm a ON a.id = r.arm JOIN experiment x ON "
                               "x.id = a.experiment JOIN spec p ON p.hash = x.spec WHERE r.id = ?",
                               "k", run);
    if (tfx_rows_next(q, err)) {
        out->run = run;
        out->arm = tfx_rows_int(q, 0, 1, err);
        out->experiment = tfx_rows_int(q, 1, 1, err);
        out->arm_name = tfx_strdup(tfx_rows_text(q, 2, err));
        out->experiment_name = tfx_strdup(tfx_rows_text(q, 3, err));
        out->directory = tfx_rows_is_null(q, 4) ? NULL : tfx_strdup(tfx_rows_path(q, 4, err));
        out->spec = tfx_strdup(tfx_rows_text(q, 5, err));
        out->profile = text_or_null(q, 6, err);
        out->seed = tfx_rows_int(q, 7, 0, err);
        out->status = (tfx_run_status)tfx_rows_choice(q, 8, tfx_run_status_names, TFX_RUN_STATUSES, err);
        out->pid = id_or_none(q, 9, err);
        out->host = text_or_null(q, 10, err);
    } else {
        tfx_sql_fail_missing(s, "run", run, err);
    }
    tfx_rows_close(q);
    if (err->status != TFX_OK)
        tfx_run_info_finish(out);
    return err->status;
}

void tfx_run_info_finish(tfx_run_info *i)
{
    free(i->arm_name);
    free(i->experiment_name);
    free(i->directory);
    free(i->spec);
    free(i->profile);
    free(i->host);
    *i = (tfx_run_info){0};
}

tfx_status tfx_store_runs_of(tfx_store *s, tfx_id experiment, tfx_id **ids, size_t *n, tfx_error *err)
{
    size_t cap = 0;
    *ids = NULL;
    *n = 0;
    tfx_rows *q = tfx_sql_rows(s, err,
                               "SELECT r.id FROM run r JOIN arm a ON a.id = r.arm WHERE a.experiment = ? "
                               "ORDER BY a.id, r.seed",
                               "k", experiment);
    while (tfx_rows_next(q, err))
        *TFX_APPEND(*ids, *n, cap) = tfx_rows_int(q, 0, 1, err);
    tfx_rows_close(q);
    if (err->status != TFX_OK) {
        free(*ids);
        *ids = NULL;
        *n = 0;
    }
    return err->status;
}

tfx_id tfx_store_find_experiment(tfx_store *s, const char *name, const char *spec, tfx_error *err)
{
    return tfx_sql_int(s, err,
                       "SELECT x.id FROM experiment x JOIN spec p ON p.hash = x.spec WHERE x.name = ? AND p.text = ? "
                       "ORDER BY x.id DESC LIMIT 1",
                       "tt", name, spec);
}

tfx_id tfx_store_newest_experiment(tfx_store *s, const char *name, tfx_error *err)
{
    return tfx_sql_int(s, err, "SELECT max(id) FROM experiment WHERE name = ?", "t", name);
}

int tfx_store_has_experiment(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    return tfx_sql_int(s, err, "SELECT 1 FROM experiment WHERE id = ?", "k", experiment) != 0;
}

/* A repeated step writes to the same folder; the row that counts is the one meant. */
tfx_id tfx_store_checkpoint_at(tfx_store *s, const char *path, tfx_error *err)
{
    return tfx_sql_int(s, err, "SELECT id FROM checkpoint WHERE path = ? ORDER BY superseded, id DESC LIMIT 1", "t",
                       path);
}

#define CHECKPOINT_COLUMNS \
    "SELECT c.id, c.run, c.stage, c.parent, c.step, c.tokens, t.number, t.first_step, c.flops, c.seconds, " \
    "c.val_loss, c.path, c.hash, c.json_hash FROM checkpoint c JOIN stage t ON t.id = c.stage "

static void fill_checkpoint(tfx_rows *q, tfx_checkpoint_info *out, tfx_error *err)
{
    out->id = tfx_rows_int(q, 0, 1, err);
    out->run = tfx_rows_int(q, 1, 1, err);
    out->stage = tfx_rows_int(q, 2, 1, err);
    out->parent = id_or_none(q, 3, err);
    out->step = tfx_rows_int(q, 4, 0, err);
    out->tokens = tfx_rows_int(q, 5, 0, err);
    out->stage_index = tfx_rows_int(q, 6, 0, err);
    out->stage_first_step = tfx_rows_int(q, 7, 0, err);
    out->flops = tfx_rows_real(q, 8, err);
    out->seconds = tfx_rows_real(q, 9, err);
    out->val_loss = tfx_rows_real(q, 10, err);
    out->path = tfx_strdup(tfx_rows_path(q, 11, err)); /* it may be removed with all that is in it */
    out->hash = tfx_strdup(tfx_rows_text(q, 12, err));
    out->json_hash = text_or_null(q, 13, err);
}

/* The first of these rows; all zero when there is none. */
static tfx_status read_checkpoint(tfx_rows *q, tfx_checkpoint_info *out, tfx_error *err)
{
    *out = (tfx_checkpoint_info){0};
    if (tfx_rows_next(q, err))
        fill_checkpoint(q, out, err);
    tfx_rows_close(q);
    if (err->status != TFX_OK)
        tfx_checkpoint_info_finish(out);
    return err->status;
}

tfx_status tfx_store_checkpoint_before(tfx_store *s, tfx_id run, int64_t step, tfx_checkpoint_info *out, tfx_error *err)
{
    return read_checkpoint(tfx_sql_rows(s, err,
                                        CHECKPOINT_COLUMNS "WHERE c.run = ? AND c.step < ? AND c.superseded = 0 AND "
                                                           "c.deleted IS NULL ORDER BY c.step DESC, c.id DESC LIMIT 1",
                                        "ki", run, step),
                           out, err);
}

tfx_status tfx_store_latest_checkpoint(tfx_store *s, tfx_id run, tfx_checkpoint_info *out, tfx_error *err)
{
    return tfx_store_checkpoint_before(s, run, INT64_MAX, out, err);
}

tfx_status tfx_store_checkpoint(tfx_store *s, tfx_id checkpoint, tfx_checkpoint_info *out, tfx_error *err)
{
    tfx_rows *q = tfx_sql_rows(s, err, CHECKPOINT_COLUMNS "WHERE c.id = ?", "k", checkpoint);
    if (read_checkpoint(q, out, err) == TFX_OK && !out->id)
        tfx_sql_fail_missing(s, "checkpoint", checkpoint, err);
    return err->status;
}

void tfx_checkpoint_info_finish(tfx_checkpoint_info *i)
{
    free(i->path);
    free(i->hash);
    free(i->json_hash);
    *i = (tfx_checkpoint_info){0};
}

tfx_status tfx_store_checkpoints_of(tfx_store *s, tfx_id run, const char *reason, tfx_checkpoint_info **out, size_t *n,
                                    tfx_error *err)
{
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    tfx_rows *q = tfx_sql_rows(s, err,
                               CHECKPOINT_COLUMNS "WHERE c.run = ? AND c.reason = ? AND c.superseded = 0 "
                                                  "AND c.deleted IS NULL ORDER BY c.step, c.id",
                               "kt", run, reason);
    while (tfx_rows_next(q, err))
        fill_checkpoint(q, TFX_APPEND(*out, *n, cap), err);
    tfx_rows_close(q);
    if (err->status != TFX_OK) {
        for (size_t i = 0; i < *n; i++)
            tfx_checkpoint_info_finish(&(*out)[i]);
        free(*out);
        *out = NULL;
        *n = 0;
    }
    return err->status;
}

/* Store: what a run reads back: itself, the other runs of its experiment, and the
 * checkpoints to continue from or to prune. */
#include "framework/base/memory.h"
#include "framework/store/statement.h"

/* Ends a function that reads: closes the rows and hands the error over. */
static tfx_status leave(tfx_rows *q, const tfx_error *e, tfx_error *err)
{
    tfx_rows_close(q);
    return e->status == TFX_OK ? TFX_OK : tfx_fail(err, e->status, "%s", e->text);
}

static char *text_or_null(tfx_rows *q, int column, tfx_error *e)
{
    return tfx_rows_is_null(q, column) ? NULL : tfx_strdup(tfx_rows_text(q, column, e));
}

/* NULL is 0. */
static int64_t id_or_none(tfx_rows *q, int column, tfx_error *e)
{
    return tfx_rows_is_null(q, column) ? 0 : tfx_rows_int(q, column, 1, e);
}

tfx_status tfx_store_run_info(tfx_store *s, tfx_id run, tfx_run_info *out, tfx_error *err)
{
    tfx_error e = {0};
    *out = (tfx_run_info){0};
    tfx_rows *q = tfx_rows_of(s, tfx_sql(s, &e,
                                         "SELECT r.arm, a.experiment, a.name AS arm_name, x.name AS experiment_name, "
                                         "r.directory, p.text AS spec, x.profile, r.seed, r.status, r.pid, r.host "
                                         "FROM run r JOIN arm a ON a.id = r.arm JOIN experiment x ON "
                                         "x.id = a.experiment JOIN spec p ON p.hash = x.spec WHERE r.id = ?",
                                         "k", run));
    if (tfx_rows_next(q, &e)) {
        out->run = run;
        out->arm = tfx_rows_int(q, 0, 1, &e);
        out->experiment = tfx_rows_int(q, 1, 1, &e);
        out->arm_name = tfx_strdup(tfx_rows_text(q, 2, &e));
        out->experiment_name = tfx_strdup(tfx_rows_text(q, 3, &e));
        out->directory = tfx_rows_is_null(q, 4) ? NULL : tfx_strdup(tfx_rows_path(q, 4, &e));
        out->spec = tfx_strdup(tfx_rows_text(q, 5, &e));
        out->profile = text_or_null(q, 6, &e);
        out->seed = tfx_rows_int(q, 7, 0, &e);
        out->status = (tfx_run_status)tfx_rows_choice(q, 8, tfx_run_status_names, TFX_RUN_STATUSES, &e);
        out->pid = id_or_none(q, 9, &e);
        out->host = text_or_null(q, 10, &e);
    } else {
        tfx_fail(&e, TFX_E_INVALID, "database %s has no run %lld", s->path, (long long)run);
    }
    if (e.status != TFX_OK)
        tfx_run_info_finish(out);
    return leave(q, &e, err);
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
    tfx_error e = {0};
    size_t cap = 0;
    *ids = NULL;
    *n = 0;
    tfx_rows *q = tfx_rows_of(s, tfx_sql(s, &e,
                                         "SELECT r.id FROM run r JOIN arm a ON a.id = r.arm WHERE a.experiment = ? "
                                         "ORDER BY a.id, r.seed",
                                         "k", experiment));
    while (tfx_rows_next(q, &e))
        *TFX_APPEND(*ids, *n, cap) = tfx_rows_int(q, 0, 1, &e);
    if (e.status != TFX_OK) {
        free(*ids);
        *ids = NULL;
        *n = 0;
    }
    return leave(q, &e, err);
}

tfx_id tfx_store_find_experiment(tfx_store *s, const char *name, const char *spec, tfx_error *err)
{
    return tfx_sql_int(s, err, 0,
                       "SELECT x.id FROM experiment x JOIN spec p ON p.hash = x.spec WHERE x.name = ? AND p.text = ? "
                       "ORDER BY x.id DESC LIMIT 1",
                       "tt", name, spec);
}

tfx_id tfx_store_newest_experiment(tfx_store *s, const char *name, tfx_error *err)
{
    return tfx_sql_int(s, err, 0, "SELECT max(id) FROM experiment WHERE name = ?", "t", name);
}

int tfx_store_has_experiment(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    return tfx_sql_int(s, err, 0, "SELECT 1 FROM experiment WHERE id = ?", "k", experiment) != 0;
}

/* A repeated step writes to the same folder; the row that counts is the one meant. */
tfx_id tfx_store_checkpoint_at(tfx_store *s, const char *path, tfx_error *err)
{
    return tfx_sql_int(s, err, 0, "SELECT id FROM checkpoint WHERE path = ? ORDER BY superseded, id DESC LIMIT 1", "t",
                       path);
}

#define CHECKPOINT_COLUMNS \
    "SELECT c.id, c.run, c.stage, c.parent, c.step, c.tokens, t.number, t.first_step, c.flops, c.seconds, " \
    "c.val_loss, c.path, c.hash, c.json_hash FROM checkpoint c JOIN stage t ON t.id = c.stage "

static void fill_checkpoint(tfx_rows *q, tfx_checkpoint_info *out, tfx_error *e)
{
    out->id = tfx_rows_int(q, 0, 1, e);
    out->run = tfx_rows_int(q, 1, 1, e);
    out->stage = tfx_rows_int(q, 2, 1, e);
    out->parent = id_or_none(q, 3, e);
    out->step = tfx_rows_int(q, 4, 0, e);
    out->tokens = tfx_rows_int(q, 5, 0, e);
    out->stage_index = tfx_rows_int(q, 6, 0, e);
    out->stage_first_step = tfx_rows_int(q, 7, 0, e);
    out->flops = tfx_rows_real(q, 8, e);
    out->seconds = tfx_rows_real(q, 9, e);
    out->val_loss = tfx_rows_real(q, 10, e);
    out->path = tfx_strdup(tfx_rows_path(q, 11, e)); /* it may be removed with all that is in it */
    out->hash = tfx_strdup(tfx_rows_text(q, 12, e));
    out->json_hash = tfx_rows_is_null(q, 13) ? NULL : tfx_strdup(tfx_rows_text(q, 13, e));
}

tfx_status tfx_store_latest_checkpoint(tfx_store *s, tfx_id run, tfx_checkpoint_info *out, tfx_error *err)
{
    tfx_error e = {0};
    *out = (tfx_checkpoint_info){0};
    tfx_rows *q = tfx_rows_of(s, tfx_sql(s, &e,
                                         CHECKPOINT_COLUMNS "WHERE c.run = ? AND c.superseded = 0 AND "
                                                            "c.deleted IS NULL ORDER BY c.step DESC, c.id DESC LIMIT 1",
                                         "k", run));
    if (tfx_rows_next(q, &e))
        fill_checkpoint(q, out, &e);
    if (e.status != TFX_OK)
        tfx_checkpoint_info_finish(out);
    return leave(q, &e, err);
}

tfx_status tfx_store_checkpoint(tfx_store *s, tfx_id checkpoint, tfx_checkpoint_info *out, tfx_error *err)
{
    tfx_error e = {0};
    *out = (tfx_checkpoint_info){0};
    tfx_rows *q = tfx_rows_of(s, tfx_sql(s, &e, CHECKPOINT_COLUMNS "WHERE c.id = ?", "k", checkpoint));
    if (tfx_rows_next(q, &e))
        fill_checkpoint(q, out, &e);
    else
        tfx_fail(&e, TFX_E_INVALID, "database %s has no checkpoint %lld", s->path, (long long)checkpoint);
    if (e.status != TFX_OK)
        tfx_checkpoint_info_finish(out);
    return leave(q, &e, err);
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
    tfx_error e = {0};
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    tfx_rows *q = tfx_rows_of(s, tfx_sql(s, &e,
                                         CHECKPOINT_COLUMNS "WHERE c.run = ? AND c.reason = ? AND c.superseded = 0 "
                                                            "AND c.deleted IS NULL ORDER BY c.step, c.id",
                                         "kt", run, reason));
    while (tfx_rows_next(q, &e))
        fill_checkpoint(q, TFX_APPEND(*out, *n, cap), &e);
    if (e.status != TFX_OK) {
        for (size_t i = 0; i < *n; i++)
            tfx_checkpoint_info_finish(&(*out)[i]);
        free(*out);
        *out = NULL;
        *n = 0;
    }
    return leave(q, &e, err);
}

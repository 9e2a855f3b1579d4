/* Store: what a run reads back: itself, the other runs of its experiment, and the
 * checkpoints to continue from or to prune. */
#include <math.h>
#include <sqlite3.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/store/statement.h"

tfx_status tfx_store_run_info(tfx_store *s, tfx_id run, tfx_run_info *out, tfx_error *err)
{
    tfx_error e = {0};
    *out = (tfx_run_info){0};
    sqlite3_stmt *q = tfx_sql(s, &e,
                              "SELECT r.arm, a.experiment, a.name, x.name, r.directory, p.text, x.profile, r.seed, "
                              "r.status, r.pid, r.host FROM run r JOIN arm a ON a.id = r.arm JOIN experiment x ON "
                              "x.id = a.experiment JOIN spec p ON p.hash = x.spec WHERE r.id = ?",
                              "k", run);
    if (q) {
        int found = tfx_sql_row(s, q, &e);
        if (found == 0)
            tfx_fail(&e, TFX_E_INVALID, "database %s has no run %lld", s->path, (long long)run);
        if (found == 1) {
            out->run = run;
            out->arm = sqlite3_column_int64(q, 0);
            out->experiment = sqlite3_column_int64(q, 1);
            out->arm_name = tfx_sql_text(q, 2);
            out->experiment_name = tfx_sql_text(q, 3);
            out->directory = tfx_sql_text(q, 4);
            out->spec = tfx_sql_text(q, 5);
            out->profile = tfx_sql_text(q, 6);
            out->seed = sqlite3_column_int64(q, 7);
            const char *status = (const char *)sqlite3_column_text(q, 8);
            while (strcmp(tfx_run_status_name(out->status), status) != 0)
                out->status++; /* the table's CHECK allows these names only */
            out->pid = sqlite3_column_int64(q, 9);
            out->host = tfx_sql_text(q, 10);
        }
        sqlite3_finalize(q);
    }
    return e.status == TFX_OK ? TFX_OK : tfx_fail(err, e.status, "%s", e.text);
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
    sqlite3_stmt *q = tfx_sql(s, &e,
                              "SELECT r.id FROM run r JOIN arm a ON a.id = r.arm WHERE a.experiment = ? "
                              "ORDER BY a.id, r.seed",
                              "k", experiment);
    while (q && tfx_sql_row(s, q, &e) == 1)
        *TFX_APPEND(*ids, *n, cap) = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    if (e.status == TFX_OK)
        return TFX_OK;
    free(*ids);
    *ids = NULL;
    *n = 0;
    return tfx_fail(err, e.status, "%s", e.text);
}

tfx_id tfx_store_find_experiment(tfx_store *s, const char *name, const char *spec, tfx_error *err)
{
    tfx_error e = {0};
    tfx_id id = tfx_sql_int(s, &e, 0,
                            "SELECT x.id FROM experiment x JOIN spec p ON p.hash = x.spec WHERE x.name = ? AND "
                            "p.text = ? ORDER BY x.id DESC LIMIT 1",
                            "tt", name, spec);
    if (e.status != TFX_OK)
        tfx_fail(err, e.status, "%s", e.text);
    return id;
}

tfx_id tfx_store_newest_experiment(tfx_store *s, const char *name, tfx_error *err)
{
    tfx_error e = {0};
    tfx_id id = tfx_sql_int(s, &e, 0, "SELECT max(id) FROM experiment WHERE name = ?", "t", name);
    if (e.status != TFX_OK)
        tfx_fail(err, e.status, "%s", e.text);
    return id;
}

#define CHECKPOINT_COLUMNS                                                                                  \
    "SELECT c.id, c.run, c.stage, c.parent, c.step, c.tokens, t.number, t.first_step, c.flops, c.seconds, " \
    "c.val_loss, c.path, c.hash FROM checkpoint c JOIN stage t ON t.id = c.stage "

static void fill_checkpoint(sqlite3_stmt *q, tfx_checkpoint_info *out)
{
    out->id = sqlite3_column_int64(q, 0);
    out->run = sqlite3_column_int64(q, 1);
    out->stage = sqlite3_column_int64(q, 2);
    out->parent = sqlite3_column_int64(q, 3);
    out->step = sqlite3_column_int64(q, 4);
    out->tokens = sqlite3_column_int64(q, 5);
    out->stage_index = sqlite3_column_int64(q, 6);
    out->stage_first_step = sqlite3_column_int64(q, 7);
    out->flops = sqlite3_column_double(q, 8);
    out->seconds = sqlite3_column_double(q, 9);
    out->val_loss = sqlite3_column_type(q, 10) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(q, 10);
    out->path = tfx_sql_text(q, 11);
    out->hash = tfx_sql_text(q, 12);
}

tfx_status tfx_store_latest_checkpoint(tfx_store *s, tfx_id run, tfx_checkpoint_info *out, tfx_error *err)
{
    tfx_error e = {0};
    *out = (tfx_checkpoint_info){0};
    sqlite3_stmt *q = tfx_sql(s, &e,
                              CHECKPOINT_COLUMNS "WHERE c.run = ? AND c.superseded = 0 AND c.deleted IS NULL "
                                                 "ORDER BY c.step DESC, c.id DESC LIMIT 1",
                              "k", run);
    if (q && tfx_sql_row(s, q, &e) == 1)
        fill_checkpoint(q, out);
    sqlite3_finalize(q);
    return e.status == TFX_OK ? TFX_OK : tfx_fail(err, e.status, "%s", e.text);
}

tfx_status tfx_store_checkpoint(tfx_store *s, tfx_id checkpoint, tfx_checkpoint_info *out, tfx_error *err)
{
    tfx_error e = {0};
    *out = (tfx_checkpoint_info){0};
    sqlite3_stmt *q = tfx_sql(s, &e, CHECKPOINT_COLUMNS "WHERE c.id = ?", "k", checkpoint);
    if (q) {
        int found = tfx_sql_row(s, q, &e);
        if (found == 1)
            fill_checkpoint(q, out);
        if (found == 0)
            tfx_fail(&e, TFX_E_INVALID, "database %s has no checkpoint %lld", s->path, (long long)checkpoint);
        sqlite3_finalize(q);
    }
    return e.status == TFX_OK ? TFX_OK : tfx_fail(err, e.status, "%s", e.text);
}

void tfx_checkpoint_info_finish(tfx_checkpoint_info *i)
{
    free(i->path);
    free(i->hash);
    *i = (tfx_checkpoint_info){0};
}

tfx_status tfx_store_checkpoints_of(tfx_store *s, tfx_id run, const char *reason, tfx_checkpoint_info **out, size_t *n,
                                    tfx_error *err)
{
    tfx_error e = {0};
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    sqlite3_stmt *q = tfx_sql(s, &e,
                              CHECKPOINT_COLUMNS "WHERE c.run = ? AND c.reason = ? AND c.superseded = 0 "
                                                 "AND c.deleted IS NULL ORDER BY c.step, c.id",
                              "kt", run, reason);
    while (q && tfx_sql_row(s, q, &e) == 1)
        fill_checkpoint(q, TFX_APPEND(*out, *n, cap));
    sqlite3_finalize(q);
    if (e.status == TFX_OK)
        return TFX_OK;
    for (size_t i = 0; i < *n; i++)
        tfx_checkpoint_info_finish(&(*out)[i]);
    free(*out);
    *out = NULL;
    *n = 0;
    return tfx_fail(err, e.status, "%s", e.text);
}

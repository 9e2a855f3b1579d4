/* Store: what a run reads back: itself and the other runs of its experiment. */
#include "framework/base/memory.h"
#include "framework/store/rows.h"
#include "framework/store/statement.h"

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
        out->profile = tfx_rows_copy(q, 6, err);
        out->seed = tfx_rows_int(q, 7, 0, err);
        out->status = (tfx_run_status)tfx_rows_choice(q, 8, tfx_run_status_names, TFX_RUN_STATUSES, err);
        out->pid = tfx_rows_id(q, 9, err);
        out->host = tfx_rows_copy(q, 10, err);
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
    return tfx_sql_ids(s,
                       "SELECT r.id FROM run r JOIN arm a ON a.id = r.arm WHERE a.experiment = ? ORDER BY a.id, r.seed",
                       experiment, ids, n, err);
}

tfx_id tfx_store_run_of(tfx_store *s, tfx_id experiment, const char *arm, int64_t seed, tfx_error *err)
{
    tfx_id run = tfx_sql_int(s, err,
                             "SELECT r.id FROM run r JOIN arm a ON a.id = r.arm WHERE a.experiment = ? AND a.name = ? "
                             "AND r.seed = ?",
                             "kti", experiment, arm, seed);
    if (!run)
        tfx_fail(err, TFX_E_DATA, "database %s: experiment %lld has no run of arm %s with seed %lld", s->path,
                 (long long)experiment, arm, (long long)seed);
    return run;
}

tfx_id tfx_store_finished_run(tfx_store *s, const char *experiment, const char *arm, int64_t seed, tfx_error *err)
{
    return tfx_sql_int(
        s, err,
        "SELECT r.id FROM run r JOIN arm a ON a.id = r.arm JOIN experiment e ON e.id = a.experiment "
        "WHERE e.name = ? AND a.name = ? AND r.status = 'done' ORDER BY e.id DESC, r.seed <> ?, r.seed LIMIT 1",
        "tti", experiment, arm, seed);
}

tfx_status tfx_store_val_losses(tfx_store *s, tfx_id run, double **flops, double **loss, size_t *n, tfx_error *err)
{
    size_t cap[2] = {0}, n_flops = 0;
    *flops = *loss = NULL;
    *n = 0;
    tfx_rows *q = tfx_sql_rows(
        s, err,
        "SELECT m.flops, m.value FROM metric m JOIN stage s ON s.id = m.stage WHERE m.run = ? AND "
        "m.name = 'val_loss' AND m.superseded = 0 AND m.value IS NOT NULL ORDER BY m.step, s.number",
        "k", run);
    while (tfx_rows_next(q, err)) {
        *TFX_APPEND(*flops, n_flops, cap[0]) = tfx_rows_real(q, 0, err);
        *TFX_APPEND(*loss, *n, cap[1]) = tfx_rows_real(q, 1, err);
    }
    tfx_rows_close(q);
    return err->status;
}

tfx_id tfx_store_find_experiment(tfx_store *s, const char *name, const char *spec, tfx_error *err)
{
    return tfx_sql_int(s, err,
                       "SELECT x.id FROM experiment x JOIN spec p ON p.hash = x.spec WHERE p.text = ? "
                       "ORDER BY x.name <> ?, x.id DESC LIMIT 1",
                       "tt", spec, name);
}

char *tfx_store_spec(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    tfx_rows *q = tfx_sql_rows(s, err, "SELECT p.text FROM experiment x JOIN spec p ON p.hash = x.spec WHERE x.id = ?",
                               "k", experiment);
    char *text = tfx_rows_next(q, err) ? tfx_strdup(tfx_rows_text(q, 0, err)) : NULL;
    if (!text && err->status == TFX_OK)
        tfx_fail(err, TFX_E_INVALID, "database %s has no experiment %lld", tfx_store_path(s), (long long)experiment);
    tfx_rows_close(q);
    return text;
}

tfx_id tfx_store_arm_of(tfx_store *s, tfx_id experiment, const char *arm, tfx_error *err)
{
    return tfx_sql_int(s, err, "SELECT id FROM arm WHERE experiment = ? AND name = ?", "kt", experiment, arm);
}

int tfx_store_arm_has_seed(tfx_store *s, tfx_id arm, int64_t seed, tfx_error *err)
{
    return tfx_sql_int(s, err, "SELECT 1 FROM run WHERE arm = ? AND seed = ?", "ki", arm, seed) != 0;
}

tfx_id tfx_store_newest_experiment(tfx_store *s, const char *name, tfx_error *err)
{
    return tfx_sql_int(s, err, "SELECT max(id) FROM experiment WHERE name = ?", "t", name);
}

int tfx_store_has_experiment(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    return tfx_sql_int(s, err, "SELECT 1 FROM experiment WHERE id = ?", "k", experiment) != 0;
}

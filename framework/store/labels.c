#include "framework/store/labels.h"

#include "framework/base/memory.h"
#include "framework/store/statement.h"

int tfx_store_has_run(tfx_store *s, tfx_id run, tfx_error *err)
{
    if (!tfx_sql_int(s, err, "SELECT 1 FROM run WHERE id = ?", "k", run) && err->status == TFX_OK)
        tfx_sql_fail_missing(s, "run", run, err);
    return err->status == TFX_OK;
}

tfx_status tfx_store_set_tag(tfx_store *s, tfx_id run, const char *key, const char *value, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "tagging a run", &e);
    tfx_store_has_run(s, run, &e);
    if (*value)
        tfx_sql_do(s, &e, "REPLACE INTO run_tag (run, key, value) VALUES (?, ?, ?)", "ktt", run, key, value);
    else
        tfx_sql_do(s, &e, "DELETE FROM run_tag WHERE run = ? AND key = ?", "kt", run, key);
    return tfx_write_leave(s, &e, err);
}

tfx_status tfx_store_add_note(tfx_store *s, tfx_id experiment, tfx_id run, const char *text, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "writing a note", &e);
    if (run)
        tfx_store_has_run(s, run, &e);
    else if (!tfx_store_has_experiment(s, experiment, &e))
        tfx_sql_fail_missing(s, "experiment", experiment, &e);
    tfx_sql_do(s, &e, "INSERT INTO note (experiment, run, text, created) VALUES (?, ?, ?, " TFX_SQL_NOW ")", "kkt",
               run ? 0 : experiment, run, text);
    return tfx_write_leave(s, &e, err);
}

tfx_status tfx_store_rename(tfx_store *s, tfx_id experiment, const char *name, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "renaming an experiment", &e);
    tfx_sql_do(s, &e, "UPDATE experiment SET name = ? WHERE id = ?", "tk", name, experiment);
    tfx_sql_check_found(s, "experiment", experiment, &e);
    return tfx_write_leave(s, &e, err);
}

char *tfx_store_experiment_name(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    tfx_rows *q = tfx_sql_rows(s, err, "SELECT name FROM experiment WHERE id = ?", "k", experiment);
    char *name = tfx_rows_next(q, err) ? tfx_strdup(tfx_rows_text(q, 0, err)) : NULL;
    tfx_rows_close(q);
    if (!name)
        tfx_sql_fail_missing(s, "experiment", experiment, err);
    return name;
}

tfx_rows *tfx_query_tags(tfx_store *s, tfx_id run, tfx_error *err)
{
    return tfx_sql_rows(
        s, err,
        "SELECT t.run, e.name AS experiment, a.name AS arm, r.seed, t.key, t.value FROM run_tag t "
        "JOIN run r ON r.id = t.run JOIN arm a ON a.id = r.arm JOIN experiment e ON e.id = a.experiment "
        "WHERE ?1 IS NULL OR t.run = ?1 ORDER BY t.run, t.key",
        "k", run);
}

tfx_rows *tfx_query_notes(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    return tfx_sql_rows(s, err, "SELECT created, text FROM note WHERE experiment = ? ORDER BY id", "k", experiment);
}

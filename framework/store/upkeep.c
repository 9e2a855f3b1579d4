#include "framework/store/upkeep.h"

#include "framework/base/memory.h"
#include "framework/store/rows.h"
#include "framework/store/statement.h"

tfx_status tfx_store_files_of(tfx_store *s, tfx_id run, tfx_stored_files **out, size_t *n, tfx_error *err)
{
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    tfx_rows *q = tfx_sql_rows(s, err,
                               "SELECT id, step, bytes, val_loss, path, reason, superseded FROM checkpoint "
                               "WHERE run = ? AND deleted IS NULL ORDER BY step, id",
                               "k", run);
    while (tfx_rows_next(q, err)) {
        tfx_stored_files *f = TFX_APPEND(*out, *n, cap);
        *f = (tfx_stored_files){.id = tfx_rows_int(q, 0, 1, err),
                                .step = tfx_rows_int(q, 1, 0, err),
                                .bytes = tfx_rows_int(q, 2, 0, err),
                                .val_loss = tfx_rows_real(q, 3, err),
                                .path = tfx_strdup(tfx_rows_path(q, 4, err)), /* it may be removed with all in it */
                                .reason = tfx_strdup(tfx_rows_text(q, 5, err)),
                                .superseded = tfx_rows_int(q, 6, 0, err) != 0};
    }
    tfx_rows_close(q);
    return err->status;
}

void tfx_stored_files_finish(tfx_stored_files *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].path);
        free(list[i].reason);
    }
    free(list);
}

int tfx_store_is_in_use(tfx_store *s, const char *path, tfx_error *err)
{
    return tfx_sql_int(s, err, "SELECT 1 FROM checkpoint WHERE path = ? AND deleted IS NULL", "t", path) != 0;
}

int tfx_store_is_run_folder(tfx_store *s, const char *directory, tfx_error *err)
{
    return tfx_sql_int(s, err, "SELECT 1 FROM run WHERE directory = ?", "t", directory) != 0;
}

tfx_status tfx_store_open_starts(tfx_store *s, tfx_open_start **out, size_t *n, tfx_error *err)
{
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    tfx_rows *q = tfx_sql_rows(s, err,
                               "SELECT r.id, a.experiment, r.seed, a.start FROM run r JOIN arm a ON a.id = r.arm "
                               "WHERE r.status <> 'done' AND a.start IS NOT NULL ORDER BY r.id",
                               "");
    while (tfx_rows_next(q, err)) {
        tfx_open_start *o = TFX_APPEND(*out, *n, cap);
        *o = (tfx_open_start){.run = tfx_rows_int(q, 0, 1, err),
                              .experiment = tfx_rows_int(q, 1, 1, err),
                              .seed = tfx_rows_int(q, 2, 0, err),
                              .start = tfx_strdup(tfx_rows_text(q, 3, err))};
    }
    tfx_rows_close(q);
    return err->status;
}

void tfx_open_starts_finish(tfx_open_start *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(list[i].start);
    free(list);
}

tfx_status tfx_store_started_runs(tfx_store *s, tfx_id experiment, tfx_id **ids, size_t *n, tfx_error *err)
{
    return tfx_sql_ids(s,
                       "SELECT r.id FROM run r JOIN arm a ON a.id = r.arm WHERE r.directory IS NOT NULL AND "
                       "(?1 IS NULL OR a.experiment = ?1) ORDER BY r.id",
                       experiment, ids, n, err);
}

tfx_status tfx_store_vacuum(tfx_store *s, tfx_error *err)
{
    tfx_error e = {0};
    s->doing = "rewriting it";
    tfx_sql_do(s, &e, "VACUUM", "");
    tfx_sql_do(s, &e, "PRAGMA wal_checkpoint(TRUNCATE)", "");
    s->doing = NULL;
    return e.status == TFX_OK ? TFX_OK : tfx_fail(err, e.status, "%s", e.text);
}

tfx_rows *tfx_query_problems(tfx_store *s, tfx_error *err)
{
    return tfx_sql_rows(
        s, err,
        "SELECT integrity_check AS problem FROM pragma_integrity_check(20) WHERE integrity_check <> 'ok' "
        "UNION ALL SELECT 'row ' || coalesce(rowid, '?') || ' of ' || \"table\" || ' refers to a row of ' || "
        "parent || ' that is not there' FROM pragma_foreign_key_check LIMIT 20",
        "");
}

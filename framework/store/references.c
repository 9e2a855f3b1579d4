#include "framework/store/references.h"

#include "framework/base/memory.h"
#include "framework/store/statement.h"

tfx_status tfx_store_add_reference(tfx_store *s, tfx_id experiment, const tfx_taken *t, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "recording where a value is from", &e);
    tfx_sql_do(s, &e,
               "INSERT INTO spec_reference (experiment, expression, value, source_experiment, source_arm, source_runs, "
               "val_loss, points, seeds, source_model) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
               "kttkttriit", experiment, t->expression, t->value, t->experiment, t->arm, t->runs, t->loss, t->points,
               t->seeds, t->model);
    return tfx_write_leave(s, &e, err);
}

tfx_status tfx_store_reference(tfx_store *s, tfx_id experiment, const char *expression, tfx_taken *out, tfx_error *err)
{
    *out = (tfx_taken){0};
    tfx_rows *q = tfx_sql_rows(
        s, err,
        "SELECT value, source_experiment, source_arm, source_runs, val_loss, points, seeds, source_model FROM "
        "spec_reference WHERE expression = ?1 AND (?2 IS NULL OR experiment = ?2) ORDER BY "
        "experiment DESC LIMIT 1",
        "tk", expression, experiment);
    if (tfx_rows_next(q, err)) {
        out->value = tfx_strdup(tfx_rows_text(q, 0, err));
        out->experiment = tfx_rows_int(q, 1, 1, err);
        out->arm = tfx_strdup(tfx_rows_text(q, 2, err));
        out->runs = tfx_strdup(tfx_rows_text(q, 3, err));
        out->loss = tfx_rows_real(q, 4, err);
        out->points = tfx_rows_int(q, 5, 1, err);
        out->seeds = tfx_rows_int(q, 6, 1, err);
        out->model = tfx_rows_copy(q, 7, err);
    }
    tfx_rows_close(q);
    if (err->status != TFX_OK)
        tfx_taken_finish(out);
    return err->status;
}

tfx_rows *tfx_query_takers(tfx_store *s, const char *name, tfx_error *err)
{
    return tfx_sql_rows(
        s, err,
        "SELECT x.id, p.text FROM experiment x JOIN spec p ON p.hash = x.spec WHERE x.name = ? AND x.id IN "
        "(SELECT experiment FROM spec_reference) ORDER BY x.id DESC",
        "t", name);
}

const char *const tfx_groupings[] = {"arm", "model", "sweep", NULL};

tfx_rows *tfx_query_points(tfx_store *s, tfx_id experiment, tfx_grouping by, tfx_error *err)
{
    static const char *const groups[] = {"coalesce(a.base, a.name)", "a.model", "coalesce(a.sweep, a.name)"};
    char *sql = tfx_printf(
        "WITH points AS (SELECT a.id, a.name, %s AS in_group, a.point, a.train, a.model, a.scaling, a.start, count(*) "
        "AS "
        "runs, sum(v.status = 'done' AND v.val_loss IS NOT NULL) AS done, "
        "sum(v.status = 'failed' OR (v.status = 'done' AND v.val_loss IS NULL)) AS failed, "
        "avg(CASE WHEN v.status = 'done' THEN v.val_loss END) AS val_loss, "
        "coalesce(group_concat(CASE WHEN v.status = 'done' THEN v.run END, ', '), '') AS ids "
        "FROM arm a JOIN run r ON r.arm = a.id JOIN run_summary v ON v.run = r.id WHERE a.experiment = ? GROUP BY "
        "a.id) "
        "SELECT name, in_group, point, train, model, scaling, start, runs, done, failed, val_loss, ids FROM points "
        "ORDER BY min(id) OVER (PARTITION BY in_group), id",
        groups[by]);
    tfx_rows *rows = tfx_sql_rows(s, err, sql, "k", experiment);
    free(sql);
    return rows;
}

tfx_rows *tfx_query_experiment(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    return tfx_sql_rows(s, err, "SELECT name, spec_path, profile FROM experiment WHERE id = ?", "k", experiment);
}

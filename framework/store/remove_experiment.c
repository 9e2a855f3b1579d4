/* Store: the rows of a whole experiment go, in whatever tables they are. */
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/store/statement.h"
#include "framework/store/upkeep.h"

#define RUNS "(SELECT r.id FROM run r JOIN arm a ON a.id = r.arm WHERE a.experiment = ?1)"

/* What the other tables hang on, the ones that refer to others first. */
static const struct part {
    const char *table, *ids; /* of the experiment ?1 */
} parts[] = {
    {"growth_event", "(SELECT id FROM growth_event WHERE run IN " RUNS ")"},
    {"checkpoint", "(SELECT id FROM checkpoint WHERE run IN " RUNS ")"},
    {"stage", "(SELECT id FROM stage WHERE run IN " RUNS ")"},
    {"run", RUNS},
    {"arm", "(SELECT id FROM arm WHERE experiment = ?1)"},
    {"experiment", "(?1)"},
};
#define PARTS "('growth_event', 'checkpoint', 'stage', 'run', 'arm', 'experiment')"
#define OWNERS "('run', 'arm', 'experiment')"

static const char *ids_of(const char *table)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (!strcmp(parts[i].table, table))
            return parts[i].ids;
    return "()";
}

/* One statement for each way in which a table that is no part belongs to a run, an arm or an experiment, or, if to none,
 * refers to what does. What stays without it (ON DELETE SET NULL) forgets it. Rows that do not count have an index of their
 * own. */
static tfx_status remove_others(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    static const char query[] =
        "SELECT t.name, f.\"from\", f.\"table\", f.on_delete = 'SET NULL', "
        "EXISTS (SELECT 1 FROM pragma_table_info(t.name) WHERE name = 'superseded') "
        "FROM sqlite_schema t JOIN pragma_foreign_key_list(t.name) f "
        "WHERE t.type = 'table' AND t.name NOT IN " PARTS " AND f.\"table\" IN " PARTS " AND (f.\"table\" IN " OWNERS
        " OR NOT EXISTS (SELECT 1 FROM pragma_foreign_key_list(t.name) o WHERE o.\"table\" IN " OWNERS "))";
    tfx_text sql = {0};
    tfx_rows *q = tfx_sql_rows(s, err, query, "");
    while (tfx_rows_next(q, err)) {
        const char *name = tfx_rows_as_text(q, 0), *column = tfx_rows_as_text(q, 1);
        const char *ids = ids_of(tfx_rows_as_text(q, 2));
        int forgets = tfx_rows_int(q, 3, 0, err) != 0, split = tfx_rows_int(q, 4, 0, err) != 0;
        if (forgets)
            tfx_text_add(&sql, "UPDATE \"%s\" SET \"%s\" = NULL WHERE \"%s\" IN %s;", name, column, column, ids);
        else
            tfx_text_add(&sql, "DELETE FROM \"%s\" WHERE \"%s\" IN %s%s;", name, column, ids,
                         split ? " AND superseded = 0" : "");
        if (split)
            tfx_text_add(&sql, "DELETE FROM \"%s\" WHERE \"%s\" IN %s AND superseded <> 0;", name, column, ids);
    }
    tfx_rows_close(q);
    for (char *at = sql.s, *end; at && *at && err->status == TFX_OK; at = end + 1) {
        end = strchr(at, ';');
        *end = '\0';
        tfx_sql_do(s, err, at, "k", experiment);
    }
    tfx_text_free(&sql);
    return err->status;
}

/* With foreign keys on, each row of a part would be looked for in all metrics. The tables that may be long have been
 * taken care of by their run. */
static tfx_status check_references(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    tfx_rows *q = tfx_sql_rows(s, err,
                               "SELECT t.name FROM sqlite_schema t JOIN pragma_foreign_key_check(t.name) WHERE "
                               "t.type = 'table' AND t.name NOT IN ('metric', 'slice_metric') LIMIT 1",
                               "");
    if (tfx_rows_next(q, err))
        tfx_fail(err, TFX_E_INTERNAL, "database %s: table %s still refers to experiment %lld", s->path,
                 tfx_rows_as_text(q, 0), (long long)experiment);
    tfx_rows_close(q);
    return err->status;
}

static void remove_rows(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    /* Ids of what was removed are not given again (schema_5.sql). */
    tfx_sql_do(s, err,
               "INSERT INTO removed (experiment, name, runs, last_run, last_checkpoint, removed) SELECT e.id, e.name, "
               "(SELECT count(*) FROM run WHERE id IN " RUNS "), coalesce((SELECT max(id) FROM run), 0), "
               "coalesce((SELECT max(id) FROM checkpoint), 0), " TFX_SQL_NOW " FROM experiment e WHERE e.id = ?1",
               "k", experiment);
    tfx_sql_check_found(s, "experiment", experiment, err);
    remove_others(s, experiment, err);
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        char *sql = tfx_printf("DELETE FROM %s WHERE id IN %s", parts[i].table, parts[i].ids);
        tfx_sql_do(s, err, sql, "k", experiment);
        free(sql);
    }
    tfx_sql_do(s, err, "DELETE FROM spec WHERE hash NOT IN (SELECT spec FROM experiment)", "");
    if (err->status == TFX_OK)
        check_references(s, experiment, err);
}

tfx_status tfx_store_remove_experiment(tfx_store *s, tfx_id experiment, size_t n_started, tfx_error *err)
{
    tfx_error e = {0};
    tfx_sql_do(s, &e, "PRAGMA foreign_keys = OFF", "");
    tfx_write_enter(s, "removing an experiment", &e);
    int64_t started = tfx_sql_int(s, &e, "SELECT count(*) FROM run WHERE directory IS NOT NULL AND id IN " RUNS, "k",
                                  experiment);
    if (!tfx_store_has_experiment(s, experiment, &e) && e.status == TFX_OK)
        tfx_fail(&e, TFX_E_INVALID, "experiment %lld has been removed meanwhile", (long long)experiment);
    if (started != (int64_t)n_started && e.status == TFX_OK)
        tfx_fail(&e, TFX_E_INVALID, "experiment %lld: a run of it has begun meanwhile; stop it, and try again",
                 (long long)experiment);
    if (e.status == TFX_OK)
        remove_rows(s, experiment, &e);
    tfx_status status = tfx_write_leave(s, &e, err);
    tfx_error on = {0};
    tfx_sql_do(s, &on, "PRAGMA foreign_keys = ON", "");
    return status;
}

tfx_status tfx_store_mark_files_removed(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "marking checkpoints as deleted", &e);
    tfx_sql_do(s, &e, "UPDATE checkpoint SET deleted = " TFX_SQL_NOW " WHERE deleted IS NULL AND run IN " RUNS, "k",
               experiment);
    return tfx_write_leave(s, &e, err);
}

tfx_status tfx_store_extent_of(tfx_store *s, tfx_id experiment, tfx_store_extent *out, tfx_error *err)
{
    tfx_rows *q = tfx_sql_rows(s, err,
                               "SELECT (SELECT count(*) FROM " RUNS "), count(*), coalesce(sum(bytes), 0), "
                               "(SELECT count(*) FROM metric WHERE superseded = 0 AND run IN " RUNS ") FROM checkpoint "
                               "WHERE deleted IS NULL AND run IN " RUNS,
                               "k", experiment);
    *out = (tfx_store_extent){0};
    if (tfx_rows_next(q, err))
        *out = (tfx_store_extent){.runs = tfx_rows_int(q, 0, 0, err),
                                  .checkpoints = tfx_rows_int(q, 1, 0, err),
                                  .bytes = tfx_rows_int(q, 2, 0, err),
                                  .metrics = tfx_rows_int(q, 3, 0, err)};
    tfx_rows_close(q);
    return err->status;
}

tfx_rows *tfx_query_heirs(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    return tfx_sql_rows(s, err,
                        "SELECT DISTINCT d.run, e.id, e.name FROM (SELECT c.run, l.parent FROM lineage_edge l JOIN "
                        "checkpoint c ON c.id = l.child UNION ALL SELECT run, parent_checkpoint FROM stage) d JOIN "
                        "checkpoint p ON p.id = d.parent JOIN run r ON r.id = d.run JOIN arm a ON a.id = r.arm JOIN "
                        "experiment e ON e.id = a.experiment WHERE e.id <> ?1 AND p.run IN " RUNS " ORDER BY d.run",
                        "k", experiment);
}

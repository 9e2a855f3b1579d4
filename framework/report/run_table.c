/* Run tables: see framework/report/run_table.h. All of it reads the view run_summary. */
#include "framework/report/run_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/report/sql.h"
#include "framework/report/table.h"

static tfx_status print_failures(tfx_store *s, tfx_id experiment, FILE *out, tfx_error *err)
{
    sqlite3_stmt *q = report_prepare_id(s,
                                        "SELECT run, arm, seed, detail FROM run_summary WHERE experiment_id = ? "
                                        "AND status = 'failed' AND detail IS NOT NULL ORDER BY run",
                                        experiment, err);
    if (!q)
        return err->status;
    while (sqlite3_step(q) == SQLITE_ROW)
        fprintf(out, "run %s (%s, seed %s) failed: %s\n", (const char *)sqlite3_column_text(q, 0),
                (const char *)sqlite3_column_text(q, 1), (const char *)sqlite3_column_text(q, 2),
                (const char *)sqlite3_column_text(q, 3));
    sqlite3_finalize(q);
    return TFX_OK;
}

/* Mean and spread per arm, when at least one arm has several seeds. The sums are taken
 * about the mean: sum(x * x) - n * mean^2 would lose all digits. */
static tfx_status print_spread(tfx_store *s, tfx_id experiment, FILE *out, tfx_error *err)
{
    static const tfx_column columns[] = {
        {"arm", TFX_CELL_PLAIN},       {"seeds", TFX_CELL_PLAIN},        {"val loss mean", TFX_CELL_LOSS},
        {"std", TFX_CELL_LOSS},        {"min", TFX_CELL_LOSS},           {"max", TFX_CELL_LOSS},
        {"bits/byte mean", TFX_CELL_LOSS},
    };
    static const char sql[] =
        "WITH done AS (SELECT arm, val_loss, bits_per_byte, avg(val_loss) OVER (PARTITION BY arm) AS mean, "
        "min(run) OVER (PARTITION BY arm) AS place FROM run_summary WHERE experiment_id = ? AND status = 'done' "
        "AND val_loss IS NOT NULL) "
        "SELECT arm, count(*) AS seeds, avg(val_loss) AS mean, "
        "sqrt(sum((val_loss - mean) * (val_loss - mean)) / nullif(count(*) - 1, 0)) AS std, "
        "min(val_loss) AS min, max(val_loss) AS max, avg(bits_per_byte) AS bits_per_byte "
        "FROM done GROUP BY arm ORDER BY min(place)";
    sqlite3_stmt *q = report_prepare_id(s, sql, experiment, err);
    int several = 0;
    if (!q)
        return err->status;
    while (sqlite3_step(q) == SQLITE_ROW)
        several |= sqlite3_column_int(q, 1) > 1;
    sqlite3_reset(q);
    if (several) {
        fputc('\n', out);
        tfx_table_print(q, columns, TFX_FORMAT_TEXT, out, NULL, err);
    }
    sqlite3_finalize(q);
    return err->status;
}

tfx_status tfx_report_experiment(tfx_store *s, tfx_id experiment, int json, FILE *out, tfx_error *err)
{
    static const tfx_column columns[] = {
        {"run", TFX_CELL_PLAIN},         {"arm", TFX_CELL_PLAIN},         {"seed", TFX_CELL_PLAIN},
        {"parameters", TFX_CELL_COUNT},  {"tokens", TFX_CELL_COUNT},      {"FLOPs incl", TFX_CELL_FLOPS},
        {"FLOPs excl", TFX_CELL_FLOPS},  {"val loss", TFX_CELL_LOSS},     {"bits/byte", TFX_CELL_LOSS},
        {"seconds", TFX_CELL_TENTHS},    {"status", TFX_CELL_PLAIN},
    };
    sqlite3_stmt *q = report_prepare_id(s,
                                        "SELECT run, arm, seed, parameters, tokens, flops_incl, flops_excl, "
                                        "val_loss, bits_per_byte, seconds, status FROM run_summary "
                                        "WHERE experiment_id = ? ORDER BY run",
                                        experiment, err);
    if (!q)
        return err->status;
    tfx_table_print(q, columns, json ? TFX_FORMAT_JSON : TFX_FORMAT_TEXT, out, NULL, err);
    sqlite3_finalize(q);
    if (err->status == TFX_OK && !json && print_failures(s, experiment, out, err) == TFX_OK)
        print_spread(s, experiment, out, err);
    return err->status;
}

tfx_status tfx_report_runs(tfx_store *s, const char *experiment, int json, FILE *out, tfx_error *err)
{
    static const tfx_column columns[] = {
        {"run", TFX_CELL_PLAIN},        {"experiment", TFX_CELL_PLAIN}, {"arm", TFX_CELL_PLAIN},
        {"seed", TFX_CELL_PLAIN},       {"status", TFX_CELL_PLAIN},     {"model", TFX_CELL_PLAIN},
        {"parameters", TFX_CELL_COUNT}, {"step", TFX_CELL_PLAIN},       {"tokens", TFX_CELL_COUNT},
        {"FLOPs incl", TFX_CELL_FLOPS}, {"val loss", TFX_CELL_LOSS},    {"bits/byte", TFX_CELL_LOSS},
        {"time", TFX_CELL_SECONDS},     {"started (UTC)", TFX_CELL_PLAIN},
    };
    sqlite3_stmt *q;
    if (experiment && !tfx_store_newest_experiment(s, experiment, err) &&
        !tfx_report_find_experiment(s, experiment, err))
        return err->status;
    if (json)
        q = report_prepare(s, "SELECT * FROM run_summary WHERE ?1 IS NULL OR experiment = ?1 "
                              "OR CAST(experiment_id AS TEXT) = ?1 ORDER BY run DESC", err);
    else
        q = report_prepare(s,
                           "SELECT run, experiment, arm, seed, status, model, parameters, steps, tokens, "
                           "flops_incl, val_loss, bits_per_byte, seconds, "
                           "replace(substr(started, 1, 16), 'T', ' ') FROM run_summary "
                           "WHERE ?1 IS NULL OR experiment = ?1 OR CAST(experiment_id AS TEXT) = ?1 "
                           "ORDER BY run DESC",
                           err);
    if (!q)
        return err->status;
    sqlite3_bind_text(q, 1, experiment, -1, SQLITE_STATIC);
    tfx_table_print(q, columns, json ? TFX_FORMAT_JSON : TFX_FORMAT_TEXT, out, NULL, err);
    sqlite3_finalize(q);
    return err->status;
}

static void fail_unknown(tfx_store *s, const char *name, tfx_error *err)
{
    sqlite3_stmt *q = report_prepare(s, "SELECT DISTINCT name FROM experiment", err);
    tfx_suggest known = {.name = name};
    while (q && sqlite3_step(q) == SQLITE_ROW)
        tfx_suggest_add(&known, "%s", (const char *)sqlite3_column_text(q, 0));
    sqlite3_finalize(q);
    tfx_fail(err, TFX_E_INVALID, "database %s has no experiment '%s'", tfx_store_path(s), name);
    tfx_suggest_end(&known, NULL, err);
}

tfx_id tfx_report_find_experiment(tfx_store *s, const char *name, tfx_error *err)
{
    char *end;
    errno = 0;
    long long number = strtoll(name, &end, 10);
    tfx_id id = 0;
    if (!errno && end != name && !*end) {
        sqlite3_stmt *q = report_prepare_id(s, "SELECT id FROM experiment WHERE id = ?", number, err);
        if (q && sqlite3_step(q) == SQLITE_ROW)
            id = sqlite3_column_int64(q, 0);
        sqlite3_finalize(q);
    }
    if (!id && err->status == TFX_OK)
        id = tfx_store_newest_experiment(s, name, err);
    if (!id && err->status == TFX_OK)
        fail_unknown(s, name, err);
    return id;
}

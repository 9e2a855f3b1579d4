/* Run detail: see framework/report/run_detail.h.
 *
 * A list of sections, each one query: text prints them as tables one below the other, JSON
 * as members of one document. Rows that a resume made obsolete are left out. */
#include "framework/report/run_detail.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "framework/base/text.h"
#include "framework/report/sql.h"
#include "framework/report/table.h"

static const struct section {
    const char *key, *title, *sql;
    tfx_column columns[14];
    const char *json_sql; /* everything; NULL: the same */
} sections[] = {
    {"stages",
     "Stages",
     "SELECT number, model, parameters, flops_per_token, first_step, steps, planned_steps, planned_peak_bytes, "
     "peak_rss_bytes, parent_checkpoint, replace(substr(started, 1, 19), 'T', ' ') FROM stage WHERE run = ? AND "
     "superseded = 0 ORDER BY number",
     {{"stage", TFX_CELL_PLAIN},
      {"model", TFX_CELL_PLAIN},
      {"parameters", TFX_CELL_COUNT},
      {"FLOPs/token", TFX_CELL_FLOPS},
      {"first step", TFX_CELL_PLAIN},
      {"steps", TFX_CELL_PLAIN},
      {"planned", TFX_CELL_PLAIN},
      {"planned peak", TFX_CELL_BYTES},
      {"peak RSS", TFX_CELL_BYTES},
      {"from checkpoint", TFX_CELL_PLAIN},
      {"started (UTC)", TFX_CELL_PLAIN}},
     "SELECT * FROM stage WHERE run = ? AND superseded = 0 ORDER BY number"},
    {"metrics",
     "Latest metrics",
     "SELECT l.name, l.value, s.number AS stage, l.step, l.tokens, l.flops, l.seconds FROM metric_latest l "
     "JOIN stage s ON s.id = l.stage WHERE l.run = ? ORDER BY l.name",
     {{"metric", TFX_CELL_PLAIN},
      {"value", TFX_CELL_PLAIN},
      {"stage", TFX_CELL_PLAIN},
      {"step", TFX_CELL_PLAIN},
      {"tokens", TFX_CELL_COUNT},
      {"FLOPs", TFX_CELL_FLOPS},
      {"time", TFX_CELL_SECONDS}}},
    {"checkpoints",
     "Checkpoints",
     "SELECT c.id, s.number AS stage, c.step, c.tokens, c.flops, c.seconds, c.val_loss, c.reason, c.bytes, c.parent, "
     "CASE WHEN c.deleted IS NULL THEN c.path ELSE '(files removed)' END, substr(c.hash, 1, 12) FROM checkpoint c JOIN stage s ON s.id = c.stage "
     "WHERE c.run = ? AND c.superseded = 0 ORDER BY c.step, c.id",
     {{"id", TFX_CELL_PLAIN},
      {"stage", TFX_CELL_PLAIN},
      {"step", TFX_CELL_PLAIN},
      {"tokens", TFX_CELL_COUNT},
      {"FLOPs", TFX_CELL_FLOPS},
      {"time", TFX_CELL_SECONDS},
      {"val loss", TFX_CELL_LOSS},
      {"reason", TFX_CELL_PLAIN},
      {"size", TFX_CELL_BYTES},
      {"parent", TFX_CELL_PLAIN},
      {"path", TFX_CELL_PLAIN},
      {"hash", TFX_CELL_PLAIN}},
     "SELECT c.*, s.number AS stage_number FROM checkpoint c JOIN stage s ON s.id = c.stage "
     "WHERE c.run = ? AND c.superseded = 0 ORDER BY c.step, c.id"},
    {"growth_events",
     "Growth events",
     "SELECT id, step, from_model, to_model, policy, parameters_before, parameters_after, carried_parameters, "
     "probe_loss_before, probe_loss_after, probe_max_abs_delta_logit, seconds, from_checkpoint, to_checkpoint "
     "FROM growth_event WHERE run = ? AND superseded = 0 ORDER BY id",
     {{"id", TFX_CELL_PLAIN},
      {"step", TFX_CELL_PLAIN},
      {"from", TFX_CELL_PLAIN},
      {"to", TFX_CELL_PLAIN},
      {"policy", TFX_CELL_PLAIN},
      {"before", TFX_CELL_COUNT},
      {"after", TFX_CELL_COUNT},
      {"carried", TFX_CELL_COUNT},
      {"probe loss", TFX_CELL_LOSS},
      {"after", TFX_CELL_LOSS},
      {"max |delta logit|", TFX_CELL_SMALL},
      {"time", TFX_CELL_SECONDS},
      {"checkpoint", TFX_CELL_PLAIN},
      {"to checkpoint", TFX_CELL_PLAIN}},
     "SELECT * FROM growth_event WHERE run = ? AND superseded = 0 ORDER BY id"},
    {"plugins",
     "Plugins",
     "SELECT p.name, p.version, p.abi, p.hash, p.path FROM run_plugin l JOIN plugin p ON p.id = l.plugin "
     "WHERE l.run = ? ORDER BY p.name",
     {{"name", TFX_CELL_PLAIN},
      {"version", TFX_CELL_PLAIN},
      {"ABI", TFX_CELL_PLAIN},
      {"file hash", TFX_CELL_PLAIN},
      {"path", TFX_CELL_PLAIN}}},
};

#define N_SECTIONS (sizeof(sections) / sizeof(sections[0]))

static const char run_sql[] =
    "SELECT r.id AS run, e.id AS experiment_id, e.name AS experiment, e.description, e.spec_path, e.profile, "
    "e.spec AS spec_hash, a.name AS arm, a.model AS first_model, a.scaling, a.train, r.seed, r.status, r.detail, "
    "r.directory, r.host, r.pid, r.created, r.started, r.ended, v.model, v.parameters, v.steps, v.tokens, "
    "v.flops_incl, v.flops_excl, v.val_loss, v.bits_per_byte, v.seconds "
    "FROM run r JOIN arm a ON a.id = r.arm JOIN experiment e ON e.id = a.experiment "
    "JOIN run_summary v ON v.run = r.id WHERE r.id = ?";

static const char environment_sql[] =
    "SELECT v.tfx_version, v.abi_version, v.git_commit, v.host, v.os, v.cpu, v.n_cores, v.memory_bytes, v.backend, "
    "v.libraries FROM run r JOIN environment v ON v.id = r.environment WHERE r.id = ?";

/* One row as "name  value" lines; returns whether there was one. */
static int print_row(sqlite3_stmt *q, FILE *out)
{
    if (sqlite3_step(q) != SQLITE_ROW)
        return 0;
    for (int i = 0; i < sqlite3_column_count(q); i++)
        if (sqlite3_column_type(q, i) != SQLITE_NULL)
            fprintf(out, "  %-14s %s\n", sqlite3_column_name(q, i), (const char *)sqlite3_column_text(q, i));
    return 1;
}

static tfx_status print_text(tfx_store *s, tfx_id run, FILE *out, tfx_error *err)
{
    sqlite3_stmt *q = report_prepare_id(s, run_sql, run, err);
    if (q) {
        fprintf(out, "Run %lld\n", (long long)run);
        print_row(q, out);
    }
    sqlite3_finalize(q);
    for (size_t i = 0; i < N_SECTIONS && err->status == TFX_OK; i++) {
        q = report_prepare_id(s, sections[i].sql, run, err);
        if (q && sqlite3_step(q) == SQLITE_ROW) {
            sqlite3_reset(q);
            fprintf(out, "\n%s\n", sections[i].title);
            tfx_table_print(q, sections[i].columns, TFX_FORMAT_TEXT, out, NULL, err);
        }
        sqlite3_finalize(q);
    }
    q = err->status == TFX_OK ? report_prepare_id(s, environment_sql, run, err) : NULL;
    if (q && sqlite3_step(q) == SQLITE_ROW) {
        sqlite3_reset(q);
        fputs("\nEnvironment\n", out);
        print_row(q, out);
    }
    sqlite3_finalize(q);
    return err->status;
}

/* Text columns that hold JSON become part of the document. */
static void expand(cJSON *row, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, key);
    cJSON *parsed = cJSON_IsString(item) ? cJSON_Parse(item->valuestring) : NULL;
    if (parsed)
        cJSON_ReplaceItemInObjectCaseSensitive(row, key, parsed);
}

static cJSON *rows_of(tfx_store *s, const char *sql, tfx_id run, tfx_error *err)
{
    sqlite3_stmt *q = report_prepare_id(s, sql, run, err);
    cJSON *rows = q ? tfx_table_json(q, err) : NULL;
    sqlite3_finalize(q);
    return rows;
}

static tfx_status print_json(tfx_store *s, tfx_id run, FILE *out, tfx_error *err)
{
    cJSON *rows = rows_of(s, run_sql, run, err);
    cJSON *document = rows ? cJSON_DetachItemFromArray(rows, 0) : NULL;
    cJSON_Delete(rows);
    if (!document)
        return err->status;
    expand(document, "train");
    for (size_t i = 0; i < N_SECTIONS; i++)
        if ((rows = rows_of(s, sections[i].json_sql ? sections[i].json_sql : sections[i].sql, run, err))) {
            cJSON *row;
            cJSON_ArrayForEach(row, rows) expand(row, "parameter_changes");
            cJSON_AddItemToObject(document, sections[i].key, rows);
        }
    if ((rows = rows_of(s, environment_sql, run, err))) {
        cJSON *environment = cJSON_DetachItemFromArray(rows, 0);
        if (environment)
            expand(environment, "libraries");
        cJSON_AddItemToObject(document, "environment", environment ? environment : cJSON_CreateNull());
        cJSON_Delete(rows);
    }
    if (err->status == TFX_OK)
        tfx_json_print(document, out);
    cJSON_Delete(document);
    return err->status;
}

tfx_status tfx_report_run(tfx_store *s, tfx_id run, int json, FILE *out, tfx_error *err)
{
    tfx_run_info info;
    if (tfx_store_run_info(s, run, &info, err) != TFX_OK)
        return err->status;
    tfx_run_info_finish(&info);
    return json ? print_json(s, run, out, err) : print_text(s, run, out, err);
}

tfx_status tfx_report_run_spec(tfx_store *s, tfx_id run, FILE *out, tfx_error *err)
{
    tfx_run_info info;
    if (tfx_store_run_info(s, run, &info, err) != TFX_OK)
        return err->status;
    fputs(info.spec, out);
    tfx_run_info_finish(&info);
    return TFX_OK;
}

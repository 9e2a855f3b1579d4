/* Run detail: see framework/report/run_detail.h.
 *
 * A list of sections, each one query: text prints them as tables one below the other, JSON
 * as members of one document. Rows that a resume made obsolete are left out. */
#include "framework/report/run_detail.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "framework/base/json.h"
#include "framework/base/memory.h"
#include "framework/report/table.h"
#include "framework/store/queries.h"

static const tfx_column stages_columns[] = {
    {"stage", TFX_CELL_PLAIN},           {"model", TFX_CELL_PLAIN},         {"parameters", TFX_CELL_COUNT},
    {"FLOPs/token", TFX_CELL_FLOPS},     {"first step", TFX_CELL_PLAIN},    {"steps", TFX_CELL_PLAIN},
    {"planned", TFX_CELL_PLAIN},         {"planned peak", TFX_CELL_BYTES},  {"peak RSS", TFX_CELL_BYTES},
    {"from checkpoint", TFX_CELL_PLAIN}, {"started (UTC)", TFX_CELL_PLAIN},
};
static const tfx_column metrics_columns[] = {
    {"metric", TFX_CELL_PLAIN}, {"value", TFX_CELL_PLAIN}, {"stage", TFX_CELL_PLAIN},  {"step", TFX_CELL_PLAIN},
    {"tokens", TFX_CELL_COUNT}, {"FLOPs", TFX_CELL_FLOPS}, {"time", TFX_CELL_SECONDS},
};
static const tfx_column checkpoints_columns[] = {
    {"id", TFX_CELL_PLAIN},    {"stage", TFX_CELL_PLAIN},  {"step", TFX_CELL_PLAIN},    {"tokens", TFX_CELL_COUNT},
    {"FLOPs", TFX_CELL_FLOPS}, {"time", TFX_CELL_SECONDS}, {"val loss", TFX_CELL_LOSS}, {"reason", TFX_CELL_PLAIN},
    {"size", TFX_CELL_BYTES},  {"parent", TFX_CELL_PLAIN}, {"path", TFX_CELL_PLAIN},    {"hash", TFX_CELL_PLAIN},
};
static const tfx_column growth_events_columns[] = {
    {"id", TFX_CELL_PLAIN},
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
    {"to checkpoint", TFX_CELL_PLAIN},
    {"reason", TFX_CELL_PLAIN},
};
static const tfx_column plugins_columns[] = {
    {"name", TFX_CELL_PLAIN},      {"version", TFX_CELL_PLAIN}, {"ABI", TFX_CELL_PLAIN},
    {"file hash", TFX_CELL_PLAIN}, {"path", TFX_CELL_PLAIN},
};

static const tfx_column tags_columns[] = {{"tag", TFX_CELL_PLAIN}, {"value", TFX_CELL_PLAIN}};
static const tfx_column notes_columns[] = {
    {"about the", TFX_CELL_PLAIN}, {"written (UTC)", TFX_CELL_PLAIN}, {"note", TFX_CELL_PLAIN}};

static const tfx_column slices_columns[] = {
    {"stage", TFX_CELL_PLAIN},         {"step", TFX_CELL_PLAIN},        {"parameter", TFX_CELL_PLAIN},
    {"part", TFX_CELL_PLAIN},          {"elements", TFX_CELL_COUNT},    {"grad norm", TFX_CELL_SMALL},
    {"update/weight", TFX_CELL_SMALL}, {"weight norm", TFX_CELL_SMALL}, {"energy share", TFX_CELL_SMALL},
    {"dead", TFX_CELL_PLAIN},          {"of slots", TFX_CELL_PLAIN},
};

static const struct section {
    const char *key, *title;
    tfx_run_part part;
    const tfx_column *columns;
} sections[] = {
    {"tags", "Tags", TFX_PART_TAGS, tags_columns},
    {"notes", "Notes", TFX_PART_NOTES, notes_columns},
    {"stages", "Stages", TFX_PART_STAGES, stages_columns},
    {"metrics", "Latest metrics", TFX_PART_METRICS, metrics_columns},
    {"checkpoints", "Checkpoints", TFX_PART_CHECKPOINTS, checkpoints_columns},
    {"growth_events", "Growth events", TFX_PART_GROWTH_EVENTS, growth_events_columns},
    {"plugins", "Plugins", TFX_PART_PLUGINS, plugins_columns},
};

#define N_SECTIONS (sizeof(sections) / sizeof(sections[0]))

/* A part of one row, if it is there, as "name  value" lines. */
static void print_row(tfx_store *s, tfx_id run, tfx_run_part part, const char *title, FILE *out, tfx_error *err)
{
    tfx_rows *q = tfx_query_run(s, run, part, 0, err);
    if (tfx_rows_next(q, err)) {
        fprintf(out, "%s\n", title);
        for (int i = 0; i < tfx_rows_n_columns(q); i++)
            if (!tfx_rows_is_null(q, i))
                fprintf(out, "  %-14s %s\n", tfx_rows_name(q, i), tfx_rows_as_text(q, i));
    }
    tfx_rows_close(q);
}

static tfx_status print_text(tfx_store *s, tfx_id run, FILE *out, tfx_error *err)
{
    char title[32];
    snprintf(title, sizeof(title), "Run %lld", (long long)run);
    print_row(s, run, TFX_PART_RUN, title, out, err);
    for (size_t i = 0; i < N_SECTIONS && err->status == TFX_OK; i++) {
        tfx_rows *q = tfx_query_run(s, run, sections[i].part, 0, err);
        if (tfx_rows_next(q, err)) {
            tfx_rows_rewind(q);
            fprintf(out, "\n%s\n", sections[i].title);
            tfx_table_print(q, sections[i].columns, TFX_FORMAT_TEXT, out, err);
        }
        tfx_rows_close(q);
    }
    print_row(s, run, TFX_PART_ENVIRONMENT, "\nEnvironment", out, err);
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

static cJSON *rows_of(tfx_store *s, tfx_run_part part, tfx_id run, tfx_error *err)
{
    tfx_rows *q = tfx_query_run(s, run, part, 1, err);
    cJSON *rows = tfx_table_json(q, err);
    tfx_rows_close(q);
    return rows;
}

/* A part of one row; null when it is not there. */
static cJSON *row_of(tfx_store *s, tfx_run_part part, tfx_id run, const char *expanded, tfx_error *err)
{
    cJSON *rows = rows_of(s, part, run, err), *row = cJSON_DetachItemFromArray(rows, 0);
    cJSON_Delete(rows);
    expand(row, expanded);
    return row ? row : cJSON_CreateNull();
}

static tfx_status print_json(tfx_store *s, tfx_id run, FILE *out, tfx_error *err)
{
    cJSON *document = row_of(s, TFX_PART_RUN, run, "train", err);
    for (size_t i = 0; i < N_SECTIONS; i++) {
        cJSON *rows = rows_of(s, sections[i].part, run, err), *row;
        cJSON_ArrayForEach(row, rows) expand(row, "parameter_changes");
        cJSON_AddItemToObject(document, sections[i].key, rows);
    }
    cJSON_AddItemToObject(document, "environment", row_of(s, TFX_PART_ENVIRONMENT, run, "libraries", err));
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

tfx_status tfx_report_run_slices(tfx_store *s, tfx_id run, int json, FILE *out, tfx_error *err)
{
    tfx_run_info info;
    if (tfx_store_run_info(s, run, &info, err) != TFX_OK)
        return err->status;
    tfx_run_info_finish(&info);
    tfx_rows *q = tfx_query_run(s, run, TFX_PART_SLICES, json, err);
    int any = tfx_rows_next(q, err);
    if (q && !any && !json && err->status == TFX_OK)
        tfx_fail(err, TFX_E_INVALID,
                 "run %lld has no measurements of slices: those are made after growth, with train.slice_every above 0",
                 (long long)run);
    if (err->status == TFX_OK) {
        tfx_rows_rewind(q);
        tfx_table_print(q, slices_columns, json ? TFX_FORMAT_JSON : TFX_FORMAT_TEXT, out, err);
    }
    tfx_rows_close(q);
    return err->status;
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

tfx_status tfx_report_run_log(tfx_store *s, tfx_id run, FILE *out, tfx_error *err)
{
    tfx_run_info info;
    if (tfx_store_run_info(s, run, &info, err) != TFX_OK)
        return err->status;
    if (info.directory) {
        char *path = tfx_store_log(s, info.directory), piece[4096];
        FILE *f = fopen(path, "r");
        if (!f)
            tfx_fail(err, TFX_E_INVALID, "run %lld: cannot read its log %s: %s", (long long)run, path, strerror(errno));
        for (size_t n; f && (n = fread(piece, 1, sizeof(piece), f)) > 0;)
            fwrite(piece, 1, n, out);
        if (f)
            fclose(f);
        free(path);
    } else {
        tfx_fail(err, TFX_E_INVALID, "run %lld has no log: it has not been started", (long long)run);
    }
    tfx_run_info_finish(&info);
    return err->status;
}

/* Lineage: see framework/report/ancestry.h. */
#include "framework/report/ancestry.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/report/sql.h"
#include "framework/report/table.h"

static tfx_id first_id(tfx_store *s, const char *sql, int64_t id, const char *text, tfx_error *err)
{
    sqlite3_stmt *q = report_prepare(s, sql, err);
    tfx_id found = 0;
    if (!q)
        return 0;
    if (text)
        sqlite3_bind_text(q, 1, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_int64(q, 1, id);
    if (sqlite3_step(q) == SQLITE_ROW)
        found = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return found;
}

static tfx_id by_path(tfx_store *s, const char *path, tfx_error *err)
{
    /* A repeated step writes to the same folder; the row that counts is the one meant. */
    return first_id(s, "SELECT id FROM checkpoint WHERE path = ? ORDER BY superseded, id DESC LIMIT 1", 0, path, err);
}

/* `path` without trailing slashes and without a model.safetensors at its end. */
static char *folder_of(const char *path)
{
    char *p = tfx_strdup(path);
    char *slash = strrchr(p, '/');
    if (slash && !strcmp(slash + 1, "model.safetensors"))
        *slash = '\0';
    for (size_t n = strlen(p); n > 1 && p[n - 1] == '/'; n--)
        p[n - 1] = '\0';
    return p;
}

tfx_id tfx_report_find_checkpoint(tfx_store *s, const char *name, tfx_error *err)
{
    char *end;
    errno = 0;
    long long number = strtoll(name, &end, 10);
    if (!errno && end != name && !*end) {
        tfx_id id = first_id(s, "SELECT id FROM checkpoint WHERE id = ?", number, NULL, err);
        if (!id)
            tfx_fail(err, TFX_E_INVALID, "database %s has no checkpoint %s", tfx_store_path(s), name);
        return id;
    }
    char *folder = folder_of(name);
    tfx_id id = by_path(s, folder, err);
    /* A path from here: make both absolute, then take the database's folder off. */
    char absolute[PATH_MAX], *home = tfx_store_folder(s);
    if (!id && realpath(folder, absolute)) {
        size_t n = strcmp(home, "/") ? strlen(home) : 0;
        id = by_path(s, absolute, err);
        if (!id && !strncmp(absolute, home, n) && absolute[n] == '/')
            id = by_path(s, absolute + n + 1, err);
    }
    free(home);
    free(folder);
    if (!id && err->status == TFX_OK)
        tfx_fail(err, TFX_E_INVALID,
                 "database %s has no checkpoint '%s' (expected an id, or the folder of a checkpoint)",
                 tfx_store_path(s), name);
    return id;
}

/* The rows of the view `lineage` for one checkpoint, first ancestor first. The view itself
 * would work out the ancestors of every checkpoint there is. */
static const char ancestry_sql[] =
    "WITH RECURSIVE up (id, distance) AS (VALUES (?1, 0) UNION "
    "SELECT l.parent, up.distance + 1 FROM up JOIN lineage_edge l ON l.child = up.id) "
    "SELECT c.id AS checkpoint, up.distance, l.parent, l.growth_event, e.id AS experiment_id, e.name AS experiment, "
    "a.name AS arm, r.seed, c.run, t.number AS stage, t.model, t.parameters, c.step, c.tokens, c.flops, "
    "c.seconds, c.val_loss, c.reason, c.path, c.hash, c.deleted, c.superseded "
    "FROM up JOIN checkpoint c ON c.id = up.id JOIN stage t ON t.id = c.stage JOIN run r ON r.id = c.run "
    "JOIN arm a ON a.id = r.arm JOIN experiment e ON e.id = a.experiment "
    "LEFT JOIN lineage_edge l ON l.child = c.id ORDER BY up.distance DESC, c.id";

static const char events_sql[] =
    "WITH RECURSIVE up (id) AS (VALUES (?1) UNION "
    "SELECT l.parent FROM up JOIN lineage_edge l ON l.child = up.id) "
    "SELECT g.id AS growth_event, g.from_checkpoint, g.to_checkpoint, g.run, g.step, g.policy, g.from_model, "
    "g.to_model, g.parameters_before, g.parameters_after, g.carried_parameters, g.probe_loss_before, "
    "g.probe_loss_after, g.probe_loss_after - g.probe_loss_before AS probe_delta_loss, "
    "g.probe_max_abs_delta_logit, g.seconds, g.superseded "
    "FROM up JOIN lineage_edge l ON l.child = up.id JOIN growth_event g ON g.id = l.growth_event ORDER BY g.id";

enum { CHECKPOINT, DISTANCE, PARENT, GROWTH, EXPERIMENT_ID, EXPERIMENT, ARM, SEED, RUN, STAGE, MODEL, PARAMETERS,
       STEP, TOKENS, FLOPS, SECONDS, VAL_LOSS, REASON, PATH, HASH, DELETED, SUPERSEDED };

static void print_event(tfx_store *s, tfx_id event, FILE *out, tfx_error *err)
{
    char before[32], after[32], carried[32];
    sqlite3_stmt *q = report_prepare_id(s,
                                        "SELECT from_model, to_model, policy, parameters_before, parameters_after, "
                                        "carried_parameters, probe_loss_before, probe_loss_after, "
                                        "probe_max_abs_delta_logit FROM growth_event WHERE id = ?",
                                        event, err);
    if (!q)
        return;
    if (sqlite3_step(q) == SQLITE_ROW) {
        fprintf(out, "|\n+-- grows: %s -> %s by %s, %s -> %s parameters (%s carried over)\n",
                (const char *)sqlite3_column_text(q, 0), (const char *)sqlite3_column_text(q, 1),
                (const char *)sqlite3_column_text(q, 2), tfx_format_count(before, sqlite3_column_double(q, 3)),
                tfx_format_count(after, sqlite3_column_double(q, 4)),
                tfx_format_count(carried, sqlite3_column_double(q, 5)));
        if (sqlite3_column_type(q, 6) != SQLITE_NULL && sqlite3_column_type(q, 7) != SQLITE_NULL)
            fprintf(out, "|   probe: loss %.4f -> %.4f (delta %+.1e)", sqlite3_column_double(q, 6),
                    sqlite3_column_double(q, 7), sqlite3_column_double(q, 7) - sqlite3_column_double(q, 6));
        else
            fputs("|   probe: loss not finite", out);
        if (sqlite3_column_type(q, 8) != SQLITE_NULL)
            fprintf(out, ", max |delta logit| %.1e\n|\n", sqlite3_column_double(q, 8));
        else
            fputs(", max |delta logit| not finite\n|\n", out);
    }
    sqlite3_finalize(q);
}

static void print_checkpoint(sqlite3_stmt *q, FILE *out)
{
    char tokens[32], flops[32], params[32];
    const char *margin = sqlite3_column_int64(q, DISTANCE) == 0 ? "    " : "|   "; /* nothing comes below the last */
    fprintf(out, "* checkpoint %s: step %s, %s tokens, %s FLOPs", (const char *)sqlite3_column_text(q, CHECKPOINT),
            (const char *)sqlite3_column_text(q, STEP), tfx_format_count(tokens, sqlite3_column_double(q, TOKENS)),
            tfx_cell_format(flops, TFX_CELL_FLOPS, sqlite3_column_double(q, FLOPS)));
    if (sqlite3_column_type(q, VAL_LOSS) != SQLITE_NULL)
        fprintf(out, ", val loss %.4f", sqlite3_column_double(q, VAL_LOSS));
    fprintf(out, "\n%s%s (%s parameters), stage %s, %s\n%s%s%s%s\n", margin,
            (const char *)sqlite3_column_text(q, MODEL), tfx_format_count(params, sqlite3_column_double(q, PARAMETERS)),
            (const char *)sqlite3_column_text(q, STAGE), (const char *)sqlite3_column_text(q, REASON), margin,
            (const char *)sqlite3_column_text(q, PATH),
            sqlite3_column_type(q, DELETED) == SQLITE_NULL ? "" : " (files removed)",
            sqlite3_column_int(q, SUPERSEDED) ? " (superseded)" : "");
}

/* What is printed next depends on the row after, so rows that need no line of their own
 * are counted until one that does comes. */
static tfx_status print_tree(tfx_store *s, tfx_id checkpoint, FILE *out, tfx_error *err)
{
    sqlite3_stmt *q = report_prepare_id(s, ancestry_sql, checkpoint, err);
    /* Checkpoints that a growth event starts from, by id. */
    sqlite3_stmt *grows = report_prepare(s,
                                         "SELECT 1 FROM lineage_edge l JOIN checkpoint c ON c.id = l.child "
                                         "JOIN checkpoint p ON p.id = l.parent WHERE l.parent = ?1 AND "
                                         "(l.growth_event IS NOT NULL OR c.run <> p.run)",
                                         err);
    tfx_id run = 0;
    int skipped = 0, first = 1;
    while (q && grows && sqlite3_step(q) == SQLITE_ROW) {
        sqlite3_reset(grows);
        sqlite3_bind_int64(grows, 1, sqlite3_column_int64(q, CHECKPOINT));
        int new_run = sqlite3_column_int64(q, RUN) != run;
        int grown = sqlite3_column_type(q, GROWTH) != SQLITE_NULL;
        int last = sqlite3_column_int64(q, DISTANCE) == 0;
        if (!first && !new_run && !grown && !last && sqlite3_step(grows) != SQLITE_ROW) {
            skipped++;
            continue;
        }
        if (skipped)
            fprintf(out, "|   ... %d checkpoint%s of training ...\n", skipped, skipped > 1 ? "s" : "");
        skipped = 0;
        if (new_run)
            fprintf(out, "%srun %s: %s / %s, seed %s\n", first ? "" : "|\n", (const char *)sqlite3_column_text(q, RUN),
                    (const char *)sqlite3_column_text(q, EXPERIMENT), (const char *)sqlite3_column_text(q, ARM),
                    (const char *)sqlite3_column_text(q, SEED));
        if (grown)
            print_event(s, sqlite3_column_int64(q, GROWTH), out, err);
        print_checkpoint(q, out);
        run = sqlite3_column_int64(q, RUN);
        first = 0;
    }
    sqlite3_finalize(grows);
    sqlite3_finalize(q);
    return err->status;
}

static cJSON *query_json(tfx_store *s, const char *sql, tfx_id id, tfx_error *err)
{
    sqlite3_stmt *q = report_prepare_id(s, sql, id, err);
    cJSON *rows = q ? tfx_table_json(q, err) : NULL;
    sqlite3_finalize(q);
    return rows;
}

tfx_status tfx_report_lineage(tfx_store *s, tfx_id checkpoint, int json, FILE *out, tfx_error *err)
{
    if (!json)
        return print_tree(s, checkpoint, out, err);
    cJSON *document = cJSON_CreateObject();
    cJSON_AddNumberToObject(document, "checkpoint", (double)checkpoint);
    cJSON *checkpoints = query_json(s, ancestry_sql, checkpoint, err);
    if (checkpoints)
        cJSON_AddItemToObject(document, "checkpoints", checkpoints);
    cJSON *events = query_json(s, events_sql, checkpoint, err);
    if (events)
        cJSON_AddItemToObject(document, "growth_events", events);
    if (err->status == TFX_OK)
        tfx_json_print(document, out);
    cJSON_Delete(document);
    return err->status;
}

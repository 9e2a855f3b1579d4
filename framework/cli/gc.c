/* tfx gc: removes files of checkpoints by a policy, and what killed processes have left. */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "framework/base/json.h"
#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/cli/database.h"
#include "framework/report/run_table.h"
#include "framework/upkeep/collect.h"

static const char *const fates[TFX_GC_FATES] = {
    [TFX_GC_REMOVED] = "removed",
    [TFX_GC_EXECUTED] = "its run is being executed",
    [TFX_GC_RESUME] = "its run goes on from there",
    [TFX_GC_ORIGIN] = "growth or another run started there",
    [TFX_GC_START] = "a run that is not done starts there",
    [TFX_GC_NEWEST] = "newest",
    [TFX_GC_BEST] = "best",
    [TFX_GC_STAGE] = "at the end or beginning of a stage",
    [TFX_GC_UNKNOWN] = "no run of this database",
};

static void print_line(const tfx_gc_item *i)
{
    char size[32];
    tfx_format_bytes(size, (double)i->bytes);
    if (i->checkpoint)
        printf("checkpoint %lld (%s), %s: %s\n", (long long)i->checkpoint, i->reason, size, i->path);
    else
        printf("folder that no checkpoint or run is about, %s: %s\n", size, i->path);
}

static void print_text(const tfx_gc *g, int done)
{
    size_t count[TFX_GC_FATES] = {0};
    double bytes = 0, left = 0;
    for (size_t i = 0; i < g->n; i++) {
        const tfx_gc_item *item = &g->items[i];
        count[item->fate]++;
        *(item->fate == TFX_GC_REMOVED ? &bytes : &left) += (double)item->bytes;
        if (item->fate == TFX_GC_REMOVED)
            print_line(item);
    }
    char size[32];
    printf("%s%zu folders, %s\n", done ? "removed: " : "to be removed: ", count[TFX_GC_REMOVED],
           tfx_format_bytes(size, bytes));
    printf("kept: %zu folders, %s\n", g->n - count[TFX_GC_REMOVED], tfx_format_bytes(size, left));
    for (int k = 1; k < TFX_GC_FATES; k++)
        if (count[k])
            printf("  %4zu  %s\n", count[k], fates[k]);
    for (size_t i = 0; i < g->n; i++)
        if (g->items[i].fate == TFX_GC_UNKNOWN)
            printf("        %s, %s; another database may have it\n", g->items[i].path,
                   tfx_format_bytes(size, (double)g->items[i].bytes));
    if (!done && count[TFX_GC_REMOVED])
        printf("Nothing has been removed; with --yes it will be.\n");
}

static void print_json(const tfx_gc *g, int done)
{
    cJSON *document = cJSON_CreateObject(), *list[2] = {cJSON_CreateArray(), cJSON_CreateArray()};
    double bytes = 0;
    for (size_t i = 0; i < g->n; i++) {
        const tfx_gc_item *item = &g->items[i];
        int kept = item->fate != TFX_GC_REMOVED;
        cJSON *row = cJSON_CreateObject();
        cJSON_AddItemToArray(list[kept], row);
        if (item->checkpoint) {
            cJSON_AddNumberToObject(row, "checkpoint", (double)item->checkpoint);
            cJSON_AddNumberToObject(row, "step", (double)item->step);
            cJSON_AddStringToObject(row, "reason", item->reason);
        }
        if (item->run)
            cJSON_AddNumberToObject(row, "run", (double)item->run);
        cJSON_AddStringToObject(row, "path", item->path);
        cJSON_AddNumberToObject(row, "bytes", (double)item->bytes);
        if (kept)
            cJSON_AddStringToObject(row, "why", fates[item->fate]);
        else
            bytes += (double)item->bytes;
    }
    cJSON_AddBoolToObject(document, "done", done);
    cJSON_AddNumberToObject(document, "bytes", bytes);
    cJSON_AddItemToObject(document, "removed", list[0]);
    cJSON_AddItemToObject(document, "kept", list[1]);
    tfx_json_print(document, stdout);
    cJSON_Delete(document);
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    tfx_gc_policy policy = {.best = tfx_cli_flag(a, "keep-best"), .stages = tfx_cli_flag(a, "keep-stages")};
    int done = tfx_cli_flag(a, "yes");
    long long newest;
    tfx_id *experiments = NULL;
    size_t n = 0, cap = 0;
    if (tfx_cli_int(a, "keep-newest", 1, 0, INT64_MAX, &newest, err) != TFX_OK)
        return 0;
    policy.newest = newest;
    tfx_store *store = tfx_cli_change_database(a, err);
    for (size_t i = 0; store && tfx_cli_arg(a, i) && err->status == TFX_OK; i++)
        *TFX_APPEND(experiments, n, cap) = tfx_report_find_experiment(store, tfx_cli_arg(a, i), err);
    tfx_gc gc = {0};
    if (store && err->status == TFX_OK && tfx_gc_run(store, experiments, n, &policy, done, &gc, err) == TFX_OK) {
        if (tfx_cli_flag(a, "json"))
            print_json(&gc, done);
        else
            print_text(&gc, done);
    }
    tfx_gc_finish(&gc);
    tfx_store_close(store);
    free(experiments);
    return 0;
}

static const tfx_cli_option options[] = {
    {"keep-newest", "N", 0, "keep the newest N checkpoints of each run (default: 1)"},
    {"keep-best", NULL, 0, "keep the one with the lowest validation loss of each run"},
    {"keep-stages", NULL, 0, "keep those at the end and the beginning of each stage"},
    {"yes", NULL, 0, "remove them; without it, only show what would be removed"},
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_gc = {
    "gc",
    "[EXPERIMENT]... [--keep-newest N] [--keep-best] [--keep-stages] [--yes] [--json] [--db FILE]",
    "Remove files of checkpoints that nothing needs any more, and folders that killed runs have left.",
    "  tfx gc quickstart\n  tfx gc quickstart --keep-best --keep-stages --yes\n\n"
    "Never removed, whatever the policy: a checkpoint where growth or another run has started, or where one that is "
    "not\n"
    "done will; the one that a run which is not done goes on from; and those of a run that is being executed.\n",
    options,
    0,
    -1,
    run,
};

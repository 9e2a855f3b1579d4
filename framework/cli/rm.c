/* tfx rm: removes a whole experiment. */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "framework/base/json.h"
#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/cli/database.h"
#include "framework/report/run_table.h"
#include "framework/store/labels.h"
#include "framework/upkeep/remove.h"

static void print(tfx_id id, const char *name, const tfx_store_extent *x, int done)
{
    char size[32];
    printf("experiment %lld, %s%s: %lld runs, %lld metric rows, %lld checkpoints with files (%s)\n", (long long)id,
           name, done ? ", has been removed" : "", (long long)x->runs, (long long)x->metrics, (long long)x->checkpoints,
           tfx_format_bytes(size, (double)x->bytes));
    if (!done)
        printf("Nothing has been removed; with --yes all of it will be.\n");
}

static void print_json(tfx_id id, const char *name, const tfx_store_extent *x, int done)
{
    cJSON *document = cJSON_CreateObject();
    cJSON_AddBoolToObject(document, "done", done);
    cJSON_AddNumberToObject(document, "experiment", (double)id);
    cJSON_AddStringToObject(document, "name", name);
    cJSON_AddNumberToObject(document, "runs", (double)x->runs);
    cJSON_AddNumberToObject(document, "metrics", (double)x->metrics);
    cJSON_AddNumberToObject(document, "checkpoints", (double)x->checkpoints);
    cJSON_AddNumberToObject(document, "bytes", (double)x->bytes);
    tfx_json_print(document, stdout);
    cJSON_Delete(document);
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    int done = tfx_cli_flag(a, "yes");
    tfx_store *store = tfx_cli_change_database(a, err);
    tfx_id id = store ? tfx_report_find_experiment(store, tfx_cli_arg(a, 0), err) : 0;
    char *name = id ? tfx_store_experiment_name(store, id, err) : NULL;
    tfx_store_extent extent;
    if (name && tfx_remove_experiment(store, id, done, &extent, err) == TFX_OK)
        (tfx_cli_flag(a, "json") ? print_json : print)(id, name, &extent, done);
    free(name);
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {"yes", NULL, 0, "remove it; without it, only say what would be removed"},
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_rm = {
    "rm",
    "EXPERIMENT [--yes] [--json] [--db FILE]",
    "Remove an experiment (its id, or the newest of that name): its rows and the folders of its runs.",
    "  tfx rm first-try\n  tfx rm 12 --yes\n\n"
    "Refused while one of its runs is being executed, and where runs of other experiments start from its "
    "checkpoints.\n",
    options,
    1,
    1,
    run,
};

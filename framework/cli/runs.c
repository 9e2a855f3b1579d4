/* tfx runs: every run in the database, newest first. */
#include "framework/cli/database.h"
#include "framework/report/run_table.h"

static int run(const tfx_cli_args *a, tfx_error *err)
{
    tfx_store *store = tfx_cli_open_database(a, err);
    size_t n_tags;
    const char *const *tags = tfx_cli_values(a, "tag", &n_tags);
    if (store)
        tfx_report_runs(store, tfx_cli_value(a, "experiment"), tags, n_tags, tfx_cli_flag(a, "json"), stdout, err);
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {"experiment", "NAME", 0, "only runs of experiments with this name (or id)"},
    {"tag", "KEY[=VALUE]", 1, "only runs with this tag, of any value or this one"},
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_runs = {
    "runs",
    "[--experiment NAME] [--tag KEY[=VALUE]]... [--json] [--db FILE]",
    "List runs, newest first.",
    "  tfx runs --experiment quickstart\n  tfx runs --tag baseline --tag lr=3e-3\n",
    options,
    0,
    0,
    run,
};

/* tfx show: everything about one run. */
#include "framework/cli/database.h"
#include "framework/report/run_detail.h"

static int run(const tfx_cli_args *a, tfx_error *err)
{
    int texts = tfx_cli_flag(a, "spec") + tfx_cli_flag(a, "log");
    int tables = tfx_cli_flag(a, "json") || tfx_cli_flag(a, "slices");
    tfx_id id = tfx_cli_run_id(tfx_cli_arg(a, 0), err);
    if (id && texts + tables > 1)
        tfx_fail(err, TFX_E_INVALID, "show: expected one of --spec, --log, and --json or --slices or both; found %d",
                 texts + tables);
    tfx_store *store = err->status == TFX_OK ? tfx_cli_open_database(a, err) : NULL;
    if (store && tfx_cli_flag(a, "spec"))
        tfx_report_run_spec(store, id, stdout, err);
    else if (store && tfx_cli_flag(a, "log"))
        tfx_report_run_log(store, id, stdout, err);
    else if (store && tfx_cli_flag(a, "slices"))
        tfx_report_run_slices(store, id, tfx_cli_flag(a, "json"), stdout, err);
    else if (store)
        tfx_report_run(store, id, tfx_cli_flag(a, "json"), stdout, err);
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {"spec", NULL, 0, "print the resolved spec that the run was started from, and nothing else"},
    {"log", NULL, 0, "print what happened in the run, line by line with times (UTC), and nothing else"},
    {"slices", NULL, 0, "print what was measured of old and new slices after growth, and nothing else"},
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_show = {
    "show",
    "RUN [--spec | --log | --slices] [--json] [--db FILE]",
    "Show a run: stages, metrics, checkpoints, growth events, plugins, environment.",
    "  tfx show 3\n  tfx show 3 --spec > again.ini\n  tfx show 3 --log\n",
    options,
    1,
    1,
    run,
};

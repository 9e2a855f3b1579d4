/* tfx arms: what each arm of an experiment came to. */
#include "framework/cli/database.h"
#include "framework/report/run_table.h"

static int run(const tfx_cli_args *a, tfx_error *err)
{
    tfx_store *store = tfx_cli_open_database(a, err);
    tfx_id id = store ? tfx_report_find_experiment(store, tfx_cli_arg(a, 0), err) : 0;
    if (id)
        tfx_report_arms(store, id, tfx_cli_flag(a, "json"), stdout, err);
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_arms = {
    "arms",
    "EXPERIMENT [--json] [--db FILE]",
    "Show what each arm of an experiment came to: means over the seeds that are done.",
    "  tfx arms quickstart\n\n"
    "Tokens, time and FLOPs incl include ancestors; FLOPs excl are those of the last stage.\n",
    options,
    1,
    1,
    run,
};

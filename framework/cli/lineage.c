/* tfx lineage: what a checkpoint descends from. */
#include "framework/cli/database.h"
#include "framework/report/ancestry.h"

static int run(const tfx_cli_args *a, tfx_error *err)
{
    tfx_store *store = tfx_cli_open_database(a, err);
    tfx_id id = store ? tfx_report_find_checkpoint(store, tfx_cli_arg(a, 0), err) : 0;
    if (id)
        tfx_report_lineage(store, id, tfx_cli_flag(a, "json"), stdout, err);
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_lineage = {
    "lineage",
    "CKPT [--json] [--db FILE]",
    "Show what a checkpoint (its id or folder) descends from, growth events included.",
    "  tfx lineage 12\n",
    options,
    1,
    1,
    run,
};

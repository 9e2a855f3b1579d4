/* tfx gain: what an arm gains by growing, taken apart. */
#include "framework/analysis/gain.h"

#include "framework/cli/database.h"
#include "framework/report/run_table.h"
#include "framework/report/gain_text.h"

static int run(const tfx_cli_args *a, tfx_error *err)
{
    tfx_store *store = tfx_cli_open_database(a, err);
    tfx_id id = store ? tfx_report_find_experiment(store, tfx_cli_arg(a, 0), err) : 0;
    if (id) {
        tfx_gain p;
        if (tfx_gain_make(&p, store, id, tfx_cli_arg(a, 1), err) == TFX_OK)
            tfx_report_gain(&p, tfx_cli_flag(a, "json"), stdout);
        tfx_gain_finish(&p);
    }
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_gain = {
    "gain",
    "EXPERIMENT ARM [--json] [--db FILE]",
    "Take apart what an arm gains by growing: inheritance, start, architecture.",
    "  tfx gain ladder grown\n\n"
    "The arm needs its three twins: twins = scratch, random_base, no_growth in [arm NAME].\n",
    options,
    2,
    2,
    run,
};

/* tfx curve: val loss against cost. */
#include "framework/cli/database.h"
#include "framework/report/cost_curve.h"
#include "framework/report/run_table.h"

static int run(const tfx_cli_args *a, tfx_error *err)
{
    tfx_format format = TFX_FORMAT_TEXT;
    const char *x = tfx_cli_value(a, "x");
    if (tfx_cli_flag(a, "including") && tfx_cli_flag(a, "excluding"))
        tfx_fail(err, TFX_E_INVALID, "expected --including or --excluding, found both");
    else if (tfx_cli_format(a, &format, err) == TFX_OK) {
        tfx_store *store = tfx_cli_open_database(a, err);
        tfx_id id = store ? tfx_report_find_experiment(store, tfx_cli_arg(a, 0), err) : 0;
        if (id)
            tfx_report_curve(store, id, x ? x : "flops", !tfx_cli_flag(a, "excluding"), format, stdout, err);
        tfx_store_close(store);
    }
    return 0;
}

static const tfx_cli_option options[] = {
    {"x", "AXIS", 0, "flops (default), tokens, seconds or steps"},
    {"including", NULL, 0, "count what ancestors spent (default)"},
    {"excluding", NULL, 0, "count what the current stage spent only"},
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_CSV_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_curve = {
    "curve",
    "EXPERIMENT [--x AXIS] [--including | --excluding] [--json | --csv] [--db FILE]",
    "Show val loss against FLOPs, tokens, seconds or steps, for every arm of an experiment.",
    "  tfx curve quickstart --x tokens\n",
    options,
    1,
    1,
    run,
};

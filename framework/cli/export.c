/* tfx export: metrics for other programs. */
#include <stdio.h>

#include "framework/cli/database.h"
#include "framework/report/export.h"
#include "framework/report/run_table.h"

static int run(const tfx_cli_args *a, tfx_error *err)
{
    int csv = tfx_cli_flag(a, "csv"), jsonl = tfx_cli_flag(a, "jsonl");
    const char *dir = tfx_cli_value(a, "tensorboard");
    if (csv + jsonl + (dir != NULL) != 1) {
        tfx_fail(err, TFX_E_INVALID, "export: expected one of --csv, --jsonl and --tensorboard DIR, found %s",
                 csv + jsonl + (dir != NULL) ? "several" : "none");
        return 0;
    }
    tfx_store *store = tfx_cli_open_database(a, err);
    tfx_id id = store ? tfx_report_find_experiment(store, tfx_cli_arg(a, 0), err) : 0;
    if (id && !dir)
        tfx_report_export(store, id, csv ? TFX_FORMAT_CSV : TFX_FORMAT_JSONL, stdout, err);
    else if (id) {
        size_t n = tfx_report_export_tensorboard(store, id, dir, err);
        if (err->status == TFX_OK)
            fprintf(stderr, "%zu run%s: tensorboard --logdir %s\n", n, n == 1 ? "" : "s", dir);
    }
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {"csv", NULL, 0, "every metric row as comma-separated values, on standard output"},
    {"jsonl", NULL, 0, "the same as JSON, one object on each line"},
    {"tensorboard", "DIR", 0, "event files that TensorBoard opens, in DIR/ARM/seed-N"},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_export = {
    "export",
    "EXPERIMENT --csv | --jsonl | --tensorboard DIR [--db FILE]",
    "Write the metrics of an experiment for other programs.",
    "  tfx export quickstart --tensorboard events\n",
    options,
    1,
    1,
    run,
};

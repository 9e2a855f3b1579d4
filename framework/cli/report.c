/* tfx report: an experiment as one page to look at and to send. */
#include <stdio.h>
#include <string.h>

#include "framework/cli/database.h"
#include "framework/report/html_page.h"
#include "framework/report/run_table.h"

static int run(const tfx_cli_args *a, tfx_error *err)
{
    const char *path = tfx_cli_value(a, "output");
    tfx_store *store = tfx_cli_open_database(a, err);
    tfx_id id = store ? tfx_report_find_experiment(store, tfx_cli_arg(a, 0), err) : 0;
    if (id && tfx_report_html(store, id, path ? path : "report.html", err) == TFX_OK && (!path || strcmp(path, "-")))
        fprintf(stderr, "report: %s\n", path ? path : "report.html");
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {"output", "FILE", 0, "where to write it (default: report.html; -: standard output)", 'o'},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_report = {
    "report",
    "EXPERIMENT [-o FILE] [--db FILE]",
    "Write what an experiment found as one HTML page that needs nothing else to be read.",
    "  tfx report quickstart -o quickstart.html\n",
    options,
    1,
    1,
    run,
};

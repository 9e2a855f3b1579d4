/* tfx plot: a figure for a paper. */
#include <stdio.h>

#include "framework/cli/database.h"
#include "framework/report/paper.h"
#include "framework/report/run_table.h"

static int run(const tfx_cli_args *a, tfx_error *err)
{
    const char *figure = tfx_cli_value(a, "figure"), *path = tfx_cli_value(a, "output");
    if (!figure || !path) {
        tfx_fail(err, TFX_E_INVALID, "plot: expected %s", tfx_cmd_plot.synopsis);
        return 0;
    }
    tfx_store *store = tfx_cli_open_database(a, err);
    tfx_id id = store ? tfx_report_find_experiment(store, tfx_cli_arg(a, 0), err) : 0;
    if (id && tfx_report_paper(store, id, figure, path, err) == TFX_OK)
        fprintf(stderr, "figure: %s\n", path);
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {"figure", "NAME", 0,
     "curves (loss against FLOPs), scaling or arms (decayed end points, by FLOPs or by arm), sweep or growth (around "
     "growth events)"},
    {"output", "FILE", 0, "a name that ends in .svg, .pdf or .png", 'o'},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_plot = {
    "plot",
    "EXPERIMENT --figure NAME -o FILE [--db FILE]",
    "Draw a figure of an experiment for a paper, one column wide, with gnuplot.",
    "  tfx plot quickstart --figure curves -o curves.pdf\n",
    options,
    1,
    1,
    run,
};

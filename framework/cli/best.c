/* tfx best: the best point of each sweep. */
#include <string.h>

#include "framework/base/suggest.h"
#include "framework/cli/database.h"
#include "framework/report/best_table.h"
#include "framework/report/run_table.h"

static tfx_status read_grouping(const char *by, tfx_grouping *out, tfx_error *err)
{
    tfx_suggest known = {.name = by};
    int i = 0;
    for (; tfx_groupings[i]; i++) {
        if (!strcmp(tfx_groupings[i], by))
            *out = (tfx_grouping)i;
        tfx_suggest_add(&known, "%s", tfx_groupings[i]);
    }
    if (strcmp(tfx_groupings[*out], by))
        tfx_fail(err, TFX_E_INVALID, "best: --by: expected arm, model or sweep, found '%s'", by);
    known.listed = 1;
    return tfx_suggest_end(&known, NULL, err);
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    tfx_grouping by = TFX_BY_ARM;
    const char *named = tfx_cli_value(a, "by");
    if (named && read_grouping(named, &by, err) != TFX_OK)
        return 0;
    tfx_store *store = tfx_cli_open_database(a, err);
    tfx_id id = store ? tfx_report_find_experiment(store, tfx_cli_arg(a, 0), err) : 0;
    if (id)
        tfx_report_best(store, id, by, tfx_cli_flag(a, "json"), stdout, err);
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {"by", "GROUP", 0, "one best of each arm (default), of each model, or of each sweep"},
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_best = {
    "best",
    "EXPERIMENT [--by arm|model|sweep] [--json] [--db FILE]",
    "Show the best point of each swept arm.",
    "  tfx best quickstart_search\n"
    "  tfx best quickstart_search --by model --json\n\n"
    "The newest experiment of that name counts (or give an id). Best is the point with the lowest mean validation "
    "loss\n"
    "at the ends of its runs, of those of which no run failed. Another spec takes its values with\n"
    "${best:EXPERIMENT.ARM.KEY}, such as ${best:quickstart_search.transformer_small.train.lr}.\n",
    options,
    1,
    1,
    run,
};

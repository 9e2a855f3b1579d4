/* tfx compare: what one set of arms saves against another. */
#include "framework/analysis/compare.h"

#include "framework/cli/database.h"
#include "framework/report/compare_text.h"
#include "framework/report/run_table.h"

/* The endpoints of an experiment, and with --curve what lies between them. */
static tfx_status read_store(const tfx_cli_args *a, const char *experiment, tfx_endpoints *ends, tfx_endpoints *curves,
                             tfx_error *err)
{
    tfx_store *store = tfx_cli_open_database(a, err);
    tfx_id id = store ? tfx_report_find_experiment(store, experiment, err) : 0;
    if (id && tfx_endpoints_read(ends, store, id, 0, err) == TFX_OK && curves)
        tfx_endpoints_read(curves, store, id, 1, err);
    tfx_store_close(store);
    return err->status;
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    const char *by = tfx_cli_value(a, "by"), *csv = tfx_cli_value(a, "csv");
    int kind = tfx_cost_kind_named(by ? by : "flops", "--by", err), curve = tfx_cli_flag(a, "curve");
    size_t first = csv ? 0 : 1; /* of the arguments that name arms */
    tfx_endpoints ends = {0}, curves = {0};
    if (kind < 0)
        return 0;
    if (!tfx_cli_arg(a, first + 1) || tfx_cli_arg(a, first + 2))
        tfx_fail(err, TFX_E_INVALID, "compare: expected %s and two sets of arms; see tfx compare --help",
                 csv ? "--csv FILE" : "an experiment");
    else if (csv && curve)
        tfx_fail(err, TFX_E_INVALID, "--curve: a CSV file has endpoints only");
    else if (!csv)
        read_store(a, tfx_cli_arg(a, 0), &ends, curve ? &curves : NULL, err);
    tfx_comparison c = {.a = tfx_cli_arg(a, first),
                        .b = tfx_cli_arg(a, first + 1),
                        .file = csv,
                        .cost = (tfx_cost_kind)kind,
                        .excluding = tfx_cli_flag(a, "excl")};
    if (csv && err->status == TFX_OK)
        tfx_endpoints_read_csv(&ends, csv, &c.notes, err);
    if (err->status == TFX_OK && tfx_compare(&c, &ends, curve ? &curves : NULL, err) == TFX_OK)
        tfx_report_comparison(&c, tfx_cli_flag(a, "json"), stdout);
    tfx_comparison_finish(&c);
    tfx_endpoints_finish(&ends);
    tfx_endpoints_finish(&curves);
    return 0;
}

static const tfx_cli_option options[] = {
    {"by", "COST", 0, "flops (default), tokens or seconds"},
    {"excl", NULL, 0, "costs of the last stage alone, without those of its ancestors"},
    {"curve", NULL, 0, "count points of B in the middle of schedules, too: overstates what A saves"},
    {"csv", "FILE", 0, "a table of endpoints in place of an experiment: columns arm, loss, flops, ..."},
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_compare = {
    "compare",
    "EXPERIMENT A B [--by COST] [--excl] [--curve] [--json] [--db FILE] | --csv FILE A B [...]",
    "What the arms A save against the arms B: cost at equal loss, loss at equal cost.",
    "  tfx compare quickstart tokenformer_grown tokenformer_large\n"
    "  tfx compare ladder grown 'large*' --by tokens\n"
    "  tfx compare --csv published.csv grown scratch_100B,scratch_300B --excl\n\n"
    "A and B are names of arms, separated by commas; * stands for any text, and the name of a swept arm for all of "
    "its\n"
    "points. Losses of B between its endpoints are interpolated in the logarithm of cost, and never beyond them.\n"
    "Columns of a CSV file: arm, loss, and any of flops, tokens, seconds; flops_excl and so on for costs without\n"
    "ancestors; seed, where runs with the same one saw the same data.\n",
    options,
    2,
    3,
    run,
};

/* tfx fit: a scaling law from endpoints. */
#include <string.h>

#include "framework/analysis/saved_fit.h"
#include "framework/base/memory.h"
#include "framework/cli/database.h"
#include "framework/plugin/option_text.h"
#include "framework/report/fit_table.h"
#include "framework/report/run_table.h"

#define MOST_REPLICATES 100000

static tfx_status read_params(const tfx_cli_args *a, tfx_fit_params *p, tfx_error *err)
{
    long long replicates, seed;
    const char *delta = tfx_cli_value(a, "delta");
    p->delta = TFX_FIT_DELTA;
    if (delta && (tfx_option_read_real(delta, &p->delta) || p->delta < 1e-9))
        tfx_fail(err, TFX_E_INVALID, "fit: --delta: expected a number from 1e-9, such as 1e-3, found '%s'", delta);
    if (tfx_cli_int(a, "bootstrap", TFX_FIT_REPLICATES, 0, MOST_REPLICATES, &replicates, err) == 0 &&
        tfx_cli_int(a, "seed", 1, 0, INT64_MAX, &seed, err) == 0) {
        p->replicates = (size_t)replicates;
        p->seed = (uint64_t)seed;
    }
    return err->status;
}

/* What each --forecast asks for. The shell splits `--forecast N=1G D=20G`: arguments with an equals sign are part of
 * it. */
static tfx_status read_forecasts(const tfx_cli_args *a, const tfx_law *law, tfx_fit_report *r, tfx_error *err)
{
    const char *const *texts = tfx_cli_values(a, "forecast", &r->n_forecasts);
    r->forecasts = TFX_NEW_ARRAY(tfx_forecast, r->n_forecasts);
    for (size_t i = 0; i < r->n_forecasts && err->status == TFX_OK; i++) {
        tfx_text text = {0};
        tfx_text_add(&text, "%s", texts[i]);
        for (size_t k = 0; tfx_cli_arg(a, k); k++)
            if (strchr(tfx_cli_arg(a, k), '='))
                tfx_text_add(&text, " %s", tfx_cli_arg(a, k));
        tfx_forecast_read(law, text.s, "fit: --forecast", r->forecasts[i].x, err);
        tfx_text_free(&text);
    }
    return err->status;
}

/* Where the points come from: what to call it, and the experiment, if it is a single one. */
typedef struct origin {
    char *name;
    tfx_id experiment;
} origin;

/* The points of the experiments that the arguments name, or of the file. */
static tfx_status read_points(const tfx_cli_args *a, const tfx_law *law, tfx_observations *o, origin *from,
                              tfx_error *err)
{
    const char *csv = tfx_cli_value(a, "csv");
    tfx_text names = {0};
    tfx_id *experiments = NULL;
    size_t n = 0, cap = 0, n_arms;
    const char *const *arms = tfx_cli_values(a, "arms", &n_arms);
    tfx_store *store = csv ? NULL : tfx_cli_open_database(a, err);
    for (size_t i = 0; tfx_cli_arg(a, i) && store && err->status == TFX_OK; i++) {
        if (strchr(tfx_cli_arg(a, i), '='))
            continue;
        tfx_text_add(&names, "%s%s", n ? ", " : "", tfx_cli_arg(a, i));
        *TFX_APPEND(experiments, n, cap) = tfx_report_find_experiment(store, tfx_cli_arg(a, i), err);
    }
    for (size_t i = 0; i < n_arms; i++)
        tfx_text_add(&names, "%s%s%s", i ? ", " : " (arms ", arms[i], i + 1 < n_arms ? "" : ")");
    from->name = csv ? tfx_strdup(csv) : names.s;
    from->experiment = n == 1 ? experiments[0] : 0;
    if (err->status == TFX_OK && csv)
        tfx_observations_read_csv(o, law, csv, err);
    else if (err->status == TFX_OK)
        tfx_observations_read_runs(o, law, store, experiments, n, arms, n_arms, err);
    tfx_store_close(store);
    free(experiments);
    return tfx_observations_check(o, from->name, err);
}

/* Points come from experiments or from a file; KEY=VALUE is part of a forecast. */
static tfx_status check_arguments(const tfx_cli_args *a, tfx_error *err)
{
    size_t n_forecasts, n_arms;
    const char *csv = tfx_cli_value(a, "csv"), *experiment = NULL, *value = NULL;
    tfx_cli_values(a, "forecast", &n_forecasts);
    tfx_cli_values(a, "arms", &n_arms);
    for (size_t i = 0; tfx_cli_arg(a, i); i++)
        *(strchr(tfx_cli_arg(a, i), '=') ? &value : &experiment) = tfx_cli_arg(a, i);
    if (value && !n_forecasts)
        return tfx_fail(err, TFX_E_INVALID, "fit: expected --forecast before '%s'", value);
    if (!csv && !experiment)
        return tfx_fail(err, TFX_E_INVALID, "fit: expected experiments or --csv FILE, found neither");
    if (csv && experiment)
        return tfx_fail(err, TFX_E_INVALID, "fit: expected experiments or --csv FILE, found both ('%s', --csv %s)",
                        experiment, csv);
    if (csv && (n_arms || (tfx_cli_value(a, "db") && !tfx_cli_value(a, "save"))))
        return tfx_fail(err, TFX_E_INVALID, "fit: --%s is about experiments of a database, found --csv %s",
                        n_arms ? "arms" : "db", csv);
    return TFX_OK;
}

/* Before the work of fitting. */
static tfx_status check_name(const char *name, tfx_error *err)
{
    if (name && (!*name || strchr(name, '@')))
        return tfx_fail(err, TFX_E_INVALID, "fit: --save: expected a name without '@', found '%s'", name);
    return TFX_OK;
}

static tfx_status save(const tfx_cli_args *a, const tfx_fit *fit, const origin *from, tfx_error *err)
{
    const char *name = tfx_cli_value(a, "save");
    tfx_store *store = name ? tfx_store_open(tfx_cli_database(a), TFX_STORE_WRITE, err) : NULL;
    if (store)
        tfx_saved_fit_add(store, name, fit, from->experiment, from->name, err);
    tfx_store_close(store);
    return err->status;
}

static int list(const tfx_cli_args *a, tfx_error *err)
{
    tfx_store *store = NULL;
    if (tfx_cli_arg(a, 0) || tfx_cli_value(a, "csv") || tfx_cli_value(a, "save"))
        tfx_fail(err, TFX_E_INVALID, "fit: --list makes no fit: expected it with --db and --json alone");
    else
        store = tfx_cli_open_database(a, err);
    if (store)
        tfx_report_fits(store, tfx_cli_flag(a, "json"), stdout, err);
    tfx_store_close(store);
    return 0;
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    if (tfx_cli_flag(a, "list"))
        return list(a, err);
    const char *form = tfx_cli_value(a, "form");
    origin from = {0};
    const tfx_law *law = tfx_law_find(form ? form : "chinchilla", err);
    tfx_fit_params params = {0};
    tfx_observations observations = {0};
    tfx_fit fit = {0};
    tfx_frontier frontier;
    tfx_fit_report r = {.observations = &observations, .fit = &fit};
    if (err->status != TFX_OK)
        tfx_error_prefix(err, "fit: --form");
    else if (check_arguments(a, err) == TFX_OK && read_params(a, &params, err) == TFX_OK &&
             check_name(tfx_cli_value(a, "save"), err) == TFX_OK && read_forecasts(a, law, &r, err) == TFX_OK &&
             read_points(a, law, &observations, &from, err) == TFX_OK) {
        r.source = from.name;
        tfx_fit_init(&fit, &observations, &params);
        for (size_t i = 0; i < r.n_forecasts; i++)
            tfx_forecast_make(&r.forecasts[i], &fit);
        r.frontier = tfx_frontier_init(&frontier, &fit, &observations) ? &frontier : NULL;
        if (save(a, &fit, &from, err) == TFX_OK)
            (tfx_cli_flag(a, "json") ? tfx_report_fit_json : tfx_report_fit)(&r, stdout);
    }
    free(from.name);
    free(r.forecasts);
    tfx_fit_finish(&fit);
    tfx_observations_finish(&observations);
    return 0;
}

static const tfx_cli_option options[] = {
    {"csv", "FILE", 0, "points from a file with a header: params, tokens, loss"},
    {"form", "NAME", 0, "chinchilla (default), kaplan, power or grown; see docs/fitting.md"},
    {"forecast", "N=..,D=..", 1, "what the law expects there"},
    {"bootstrap", "N", 0, "replicates for the intervals (default: 1000; 0: none)"},
    {"seed", "S", 0, "of what the bootstrap draws (default: 1)"},
    {"delta", "X", 0, "where Huber's loss changes from squares to lengths, in log L (default: 1e-3)"},
    {"arms", "PATTERN", 1, "only runs of arms with such a name, as 'small*'"},
    {"save", "NAME", 0, "keep the fit in the database, for --forecast of tfx plan and tfx run"},
    {"list", NULL, 0, "list the fits that were saved"},
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_fit = {
    "fit",
    "EXPERIMENT... | --csv FILE [--form NAME] [--arms PATTERN]... [--forecast N=.. D=..]... [--bootstrap N] [--seed S] "
    "[--delta X] [--save NAME] [--json] [--db FILE]",
    "Fit a scaling law to losses at the end of training, with intervals, frontier and forecasts.",
    "  tfx fit sizes --arms 'small*'\n"
    "  tfx fit sizes --save sizes\n"
    "  tfx fit --list --json\n"
    "  tfx fit --csv points.csv --forecast N=1.4G D=28G\n"
    "  tfx fit --csv flops.csv --form power --json\n",
    options,
    0,
    -1,
    run,
};

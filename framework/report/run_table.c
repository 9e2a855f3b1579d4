/* Run tables: see framework/report/run_table.h. */
#include "framework/report/run_table.h"

#include "framework/base/suggest.h"
#include "framework/base/text.h"
#include "framework/report/table.h"
#include "framework/store/queries.h"
#include "framework/store/queries_fits.h"
#include "framework/store/queries_report.h"

static tfx_status print_failures(tfx_store *s, tfx_id experiment, FILE *out, tfx_error *err)
{
    tfx_rows *q = tfx_query_failures(s, experiment, err);
    while (tfx_rows_next(q, err))
        fprintf(out, "run %s (%s, seed %s) failed: %s\n", tfx_rows_as_text(q, 0), tfx_rows_as_text(q, 1),
                tfx_rows_as_text(q, 2), tfx_rows_as_text(q, 3));
    tfx_rows_close(q);
    return err->status;
}

const tfx_column tfx_arms_columns[] = {
    {"arm", TFX_CELL_ARM},
    {"val loss", TFX_CELL_LOSS},
    {"± seeds", TFX_CELL_LOSS},
    {"bits/byte", TFX_CELL_LOSS},
    {NULL},
    {"seeds", TFX_CELL_PLAIN},
    {NULL},
    {"first size", TFX_CELL_COUNT},
    {"last size", TFX_CELL_COUNT},
    {"tokens", TFX_CELL_COUNT},
    {"FLOPs incl", TFX_CELL_FLOPS},
    {"FLOPs excl", TFX_CELL_FLOPS},
    {"time", TFX_CELL_SECONDS},
    {NULL},
    {NULL},
    {NULL},
};

tfx_status tfx_report_arms(tfx_store *s, tfx_id experiment, int json, FILE *out, tfx_error *err)
{
    tfx_rows *q = tfx_query_report(s, TFX_REPORT_OUTCOMES, experiment, err);
    tfx_table_print(q, tfx_arms_columns, json ? TFX_FORMAT_JSON : TFX_FORMAT_TEXT, out, err);
    tfx_rows_close(q);
    return err->status;
}

/* The same, when at least one arm has several seeds. */
static tfx_status print_means(tfx_store *s, tfx_id experiment, FILE *out, tfx_error *err)
{
    tfx_rows *q = tfx_query_report(s, TFX_REPORT_OUTCOMES, experiment, err);
    int several = 0;
    while (tfx_rows_next(q, err))
        several |= tfx_rows_int(q, 5, 0, err) > 1;
    if (several) {
        fputc('\n', out);
        tfx_rows_rewind(q);
        tfx_table_print(q, tfx_arms_columns, TFX_FORMAT_TEXT, out, err);
    }
    tfx_rows_close(q);
    return err->status;
}

/* What was expected of runs, beside what came out. */
static tfx_status print_forecasts(tfx_store *s, tfx_id experiment, FILE *out, tfx_error *err)
{
    static const tfx_column columns[] = {
        {"run", TFX_CELL_PLAIN},     {"arm", TFX_CELL_PLAIN},     {"seed", TFX_CELL_PLAIN},
        {"by fit", TFX_CELL_PLAIN},  {"forecast", TFX_CELL_LOSS}, {"95% low", TFX_CELL_LOSS},
        {"95% high", TFX_CELL_LOSS}, {"came out", TFX_CELL_LOSS}, {"inside", TFX_CELL_PLAIN},
    };
    tfx_rows *q = tfx_query_forecasts(s, experiment, err);
    if (tfx_rows_next(q, err)) {
        fputc('\n', out);
        tfx_rows_rewind(q);
        tfx_table_print(q, columns, TFX_FORMAT_TEXT, out, err);
    }
    tfx_rows_close(q);
    return err->status;
}

tfx_status tfx_report_experiment(tfx_store *s, tfx_id experiment, int json, FILE *out, tfx_error *err)
{
    static const tfx_column columns[] = {
        {"run", TFX_CELL_PLAIN},        {"arm", TFX_CELL_PLAIN},     {"seed", TFX_CELL_PLAIN},
        {"parameters", TFX_CELL_COUNT}, {"tokens", TFX_CELL_COUNT},  {"FLOPs incl", TFX_CELL_FLOPS},
        {"FLOPs excl", TFX_CELL_FLOPS}, {"val loss", TFX_CELL_LOSS}, {"bits/byte", TFX_CELL_LOSS},
        {"seconds", TFX_CELL_TENTHS},   {"status", TFX_CELL_PLAIN},
    };
    tfx_rows *q = tfx_query_outcomes(s, experiment, err);
    tfx_table_print(q, columns, json ? TFX_FORMAT_JSON : TFX_FORMAT_TEXT, out, err);
    tfx_rows_close(q);
    if (err->status == TFX_OK && !json && print_failures(s, experiment, out, err) == TFX_OK &&
        print_means(s, experiment, out, err) == TFX_OK)
        print_forecasts(s, experiment, out, err);
    return err->status;
}

tfx_status tfx_report_runs(tfx_store *s, const char *experiment, const char *const *tags, size_t n_tags, int json,
                           FILE *out, tfx_error *err)
{
    static const tfx_column columns[] = {
        {"run", TFX_CELL_PLAIN},        {"experiment", TFX_CELL_PLAIN},    {"arm", TFX_CELL_PLAIN},
        {"seed", TFX_CELL_PLAIN},       {"status", TFX_CELL_PLAIN},        {"model", TFX_CELL_PLAIN},
        {"parameters", TFX_CELL_COUNT}, {"step", TFX_CELL_PLAIN},          {"tokens", TFX_CELL_COUNT},
        {"FLOPs incl", TFX_CELL_FLOPS}, {"val loss", TFX_CELL_LOSS},       {"bits/byte", TFX_CELL_LOSS},
        {"time", TFX_CELL_SECONDS},     {"started (UTC)", TFX_CELL_PLAIN}, {"tags", TFX_CELL_PLAIN},
    };
    if (experiment && !tfx_store_newest_experiment(s, experiment, err) &&
        !tfx_report_find_experiment(s, experiment, err))
        return err->status;
    tfx_rows *q = tfx_query_runs(s, experiment, tags, n_tags, json, err);
    tfx_table_print(q, columns, json ? TFX_FORMAT_JSON : TFX_FORMAT_TEXT, out, err);
    tfx_rows_close(q);
    return err->status;
}

static void fail_unknown(tfx_store *s, const char *name, tfx_error *err)
{
    tfx_rows *q = tfx_query_experiment_names(s, err);
    tfx_suggest known = {.name = name};
    while (tfx_rows_next(q, err))
        tfx_suggest_add(&known, "%s", tfx_rows_as_text(q, 0));
    tfx_rows_close(q);
    tfx_fail(err, TFX_E_INVALID, "database %s has no experiment '%s'", tfx_store_path(s), name);
    tfx_suggest_end(&known, NULL, err);
}

tfx_id tfx_report_find_experiment(tfx_store *s, const char *name, tfx_error *err)
{
    tfx_id number, id = 0;
    if (tfx_parse_integer(name, &number) && tfx_store_has_experiment(s, number, err))
        id = number;
    if (!id && err->status == TFX_OK)
        id = tfx_store_newest_experiment(s, name, err);
    if (!id && err->status == TFX_OK)
        fail_unknown(s, name, err);
    return id;
}

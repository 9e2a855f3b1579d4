/* Saved fits: see framework/analysis/saved_fit.h. */
#include "framework/analysis/saved_fit.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "framework/analysis/fit_json.h"
#include "framework/base/json.h"
#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/store/queries_fits.h"
#include "framework/store/record_fit.h"

static char *finish_text(cJSON *json)
{
    char *text = tfx_json_text(json, 0);
    cJSON_Delete(json);
    return text;
}

/* [[theta of the estimate], [of the first replicate], ...] */
static char *replicates_json(const tfx_fit *f)
{
    int n = (int)f->law->n_coefficients;
    cJSON *all = cJSON_CreateArray();
    cJSON_AddItemToArray(all, cJSON_CreateDoubleArray(f->theta, n));
    for (size_t i = 0; f->replicates && i < f->params.replicates; i++)
        cJSON_AddItemToArray(all, cJSON_CreateDoubleArray(f->replicates + i * (size_t)n, n));
    return finish_text(all);
}

/* {"N": [least, most], ...} */
static char *ranges_json(const tfx_fit *f)
{
    cJSON *all = cJSON_CreateObject();
    for (size_t k = 0; k < f->law->n_variables; k++)
        cJSON_AddItemToObject(all, f->law->variables[k].symbol,
                              cJSON_CreateDoubleArray((const double[]){f->least[k], f->most[k]}, 2));
    return finish_text(all);
}

tfx_id tfx_saved_fit_add(tfx_store *s, const char *name, const tfx_fit *f, tfx_id experiment, const char *source,
                         tfx_error *err)
{
    char *ranges = ranges_json(f), *replicates = replicates_json(f);
    char *coefficients = finish_text(tfx_fit_coefficients_json(f));
    tfx_fit_row row = {.name = name,
                       .source = source,
                       .form = f->law->name,
                       .experiment = experiment,
                       .delta = f->params.delta,
                       .objective = f->objective,
                       .seed = (int64_t)f->params.seed,
                       .points = (int64_t)f->n_observations,
                       .flops_fixed = f->cost.measured ? f->cost.fixed : (double)NAN,
                       .flops_per_parameter = f->cost.measured ? f->cost.per_parameter : (double)NAN,
                       .ranges_json = ranges,
                       .coefficients_json = coefficients,
                       .replicates_json = replicates};
    tfx_id id = tfx_store_add_fit(s, &row, err);
    free(ranges);
    free(coefficients);
    free(replicates);
    return id;
}

/* Whether `list` is n finite numbers, and which. */
static int read_numbers(const cJSON *list, size_t n, double *out)
{
    size_t k = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (k == n || !cJSON_IsNumber(item) || !isfinite(item->valuedouble))
            return 0;
        out[k++] = item->valuedouble;
    }
    return k == n;
}

static int read_ranges(tfx_fit *f, const cJSON *ranges)
{
    int good = ranges != NULL;
    for (size_t k = 0; k < f->law->n_variables && good; k++) {
        double range[2] = {0};
        good = read_numbers(cJSON_GetObjectItem(ranges, f->law->variables[k].symbol), 2, range);
        f->least[k] = range[0];
        f->most[k] = range[1];
    }
    return good;
}

static int read_replicates(tfx_fit *f, const cJSON *all)
{
    size_t n = f->law->n_coefficients, rows = 0;
    const cJSON *row;
    int count = cJSON_GetArraySize(all);
    if (count < 1)
        return 0;
    f->params.replicates = (size_t)count - 1;
    f->replicates = f->params.replicates ? TFX_NEW_ARRAY(double, f->params.replicates *n) : NULL;
    cJSON_ArrayForEach(row, all)
    {
        if (!read_numbers(row, n, rows ? f->replicates + (rows - 1) * n : f->theta))
            return 0;
        rows++;
    }
    f->law->values(f->theta, f->values);
    return 1;
}

static void read_cost(tfx_token_cost *c, tfx_rows *q, tfx_error *err)
{
    *c = (tfx_token_cost){tfx_rows_real(q, TFX_SAVED_FLOPS_FIXED, err),
                          tfx_rows_real(q, TFX_SAVED_FLOPS_PER_PARAMETER, err), .measured = 1};
    if (!(c->fixed >= 0 && c->per_parameter > 0))
        *c = tfx_token_cost_of(&(tfx_observations){0});
}

static tfx_status fail_unknown(tfx_store *s, const char *name, tfx_error *err)
{
    tfx_suggest known = {.name = name};
    tfx_rows *q = tfx_query_fits(s, 0, err);
    while (tfx_rows_next(q, err))
        tfx_suggest_add(&known, "%s", tfx_rows_as_text(q, 1));
    tfx_rows_close(q);
    tfx_fail(err, TFX_E_INVALID, "database %s has no fit '%s'", tfx_store_path(s), name);
    return tfx_suggest_end(&known, "`tfx fit ... --save NAME` makes one", err);
}

tfx_status tfx_saved_fit_load(tfx_saved_fit *out, tfx_store *s, const char *name, tfx_error *err)
{
    tfx_rows *q = tfx_query_fit(s, name, err);
    *out = (tfx_saved_fit){0};
    if (tfx_rows_next(q, err)) {
        cJSON *ranges = cJSON_Parse(tfx_rows_text(q, TFX_SAVED_RANGES, err));
        cJSON *replicates = cJSON_Parse(tfx_rows_text(q, TFX_SAVED_REPLICATES, err));
        out->id = tfx_rows_int(q, TFX_SAVED_ID, 1, err);
        out->name = tfx_strdup(name);
        out->source = tfx_rows_copy(q, TFX_SAVED_SOURCE, err);
        out->fit.law = tfx_law_find(tfx_rows_text(q, TFX_SAVED_FORM, err), err);
        out->fit.n_observations = (size_t)tfx_rows_int(q, TFX_SAVED_POINTS, 1, err);
        read_cost(&out->fit.cost, q, err);
        if (err->status == TFX_OK && (!read_ranges(&out->fit, ranges) || !read_replicates(&out->fit, replicates)))
            tfx_fail(err, TFX_E_DATA, "database %s: fit '%s': expected its ranges and replicates as tfx writes them",
                     tfx_store_path(s), name);
        cJSON_Delete(ranges);
        cJSON_Delete(replicates);
    } else if (err->status == TFX_OK)
        fail_unknown(s, name, err);
    tfx_rows_close(q);
    return err->status;
}

void tfx_saved_fit_finish(tfx_saved_fit *f)
{
    tfx_fit_finish(&f->fit);
    free(f->name);
    free(f->source);
    *f = (tfx_saved_fit){0};
}

/* Fits as JSON: see framework/report/fit_table.h. */
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "framework/analysis/fit_json.h"
#include "framework/base/json.h"
#include "framework/report/fit_table.h"

static cJSON *frontier(const tfx_fit *f, const tfx_frontier *r)
{
    cJSON *o = cJSON_CreateObject(), *budgets = cJSON_AddArrayToObject(o, "budgets");
    cJSON *cost = cJSON_AddObjectToObject(o, "flops_per_token");
    cJSON_AddNumberToObject(cost, "fixed", r->cost.fixed);
    cJSON_AddNumberToObject(cost, "per_parameter", r->cost.per_parameter);
    cJSON_AddBoolToObject(cost, "measured", r->cost.measured);
    cJSON_AddItemToObject(o, "a", tfx_estimate_json(r->a, &r->a_interval));
    cJSON_AddItemToObject(o, "b", tfx_estimate_json(r->b, &r->b_interval));
    for (size_t i = 0; i < r->n_budgets; i++) {
        const tfx_optimum *best = &r->budgets[i].optimum;
        cJSON *b = cJSON_CreateObject();
        cJSON_AddNumberToObject(b, "flops", r->budgets[i].flops);
        cJSON_AddBoolToObject(b, "beyond_points", r->budgets[i].beyond);
        cJSON *beyond = cJSON_AddObjectToObject(b, "times_beyond_points");
        for (size_t k = 0; k < 2; k++)
            cJSON_AddNumberToObject(beyond, f->law->variables[k].symbol,
                                    tfx_forecast_beyond(f, (const double[]){best->n, best->d}, k));
        cJSON_AddItemToObject(b, "N", tfx_estimate_json(best->n, &best->n_interval));
        cJSON_AddItemToObject(b, "D", tfx_estimate_json(best->d, &best->d_interval));
        cJSON_AddItemToObject(b, "loss", tfx_estimate_json(best->loss, &best->loss_interval));
        cJSON_AddItemToArray(budgets, b);
    }
    return o;
}

static cJSON *forecasts(const tfx_fit_report *r)
{
    cJSON *all = cJSON_CreateArray();
    for (size_t i = 0; i < r->n_forecasts; i++) {
        const tfx_forecast *f = &r->forecasts[i];
        const tfx_law *law = r->fit->law;
        cJSON *o = cJSON_CreateObject(), *beyond = NULL;
        for (size_t k = 0; k < law->n_variables; k++)
            cJSON_AddNumberToObject(o, law->variables[k].symbol, f->x[k]);
        cJSON_AddItemToObject(o, "loss", tfx_estimate_json(f->loss, &f->interval));
        beyond = cJSON_AddObjectToObject(o, "times_beyond_points");
        for (size_t k = 0; k < law->n_variables; k++)
            cJSON_AddNumberToObject(beyond, law->variables[k].symbol, tfx_forecast_beyond(r->fit, f->x, k));
        cJSON_AddItemToArray(all, o);
    }
    return all;
}

static cJSON *points(const tfx_fit_report *r)
{
    const tfx_law *law = r->fit->law;
    cJSON *all = cJSON_CreateArray();
    for (size_t i = 0; i < r->observations->n; i++) {
        const tfx_observation *p = &r->observations->items[i];
        cJSON *o = cJSON_CreateObject();
        cJSON_AddNumberToObject(o, p->line ? "line" : "run", p->line ? p->line : (double)p->run);
        for (size_t k = 0; k < law->n_variables; k++)
            cJSON_AddNumberToObject(o, law->variables[k].symbol, p->x[k]);
        cJSON_AddNumberToObject(o, "loss", p->loss);
        cJSON_AddNumberToObject(o, "fitted", p->loss * exp(-r->fit->log_residuals[i]));
        cJSON_AddNumberToObject(o, "log_residual", r->fit->log_residuals[i]);
        cJSON_AddItemToArray(all, o);
    }
    return all;
}

static cJSON *notes(const tfx_text *text)
{
    cJSON *all = cJSON_CreateArray();
    for (const char *s = text->s; s && *s;) {
        size_t n = strcspn(s, "\n");
        char note[1024];
        snprintf(note, sizeof(note), "%.*s", (int)n, s);
        cJSON_AddItemToArray(all, cJSON_CreateString(note));
        s += n + (s[n] == '\n');
    }
    return all;
}

void tfx_report_fit_json(const tfx_fit_report *r, FILE *out)
{
    const tfx_fit *f = r->fit;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "source", r->source);
    cJSON_AddStringToObject(o, "form", f->law->name);
    cJSON_AddStringToObject(o, "formula", f->law->formula);
    cJSON_AddNumberToObject(o, "points", (double)f->n_observations);
    cJSON_AddNumberToObject(o, "delta", f->params.delta);
    cJSON_AddNumberToObject(o, "starts", (double)f->law->n_starts);
    cJSON_AddNumberToObject(o, "replicates", f->replicates ? (double)f->params.replicates : 0);
    cJSON_AddNumberToObject(o, "seed", (double)f->params.seed);
    cJSON_AddItemToObject(o, "coefficients", tfx_fit_coefficients_json(f));
    tfx_json_add_number(o, "objective", f->objective);
    tfx_json_add_number(o, "r2_log", f->r2_log);
    if (r->frontier)
        cJSON_AddItemToObject(o, "frontier", frontier(r->fit, r->frontier));
    cJSON_AddItemToObject(o, "forecasts", forecasts(r));
    cJSON_AddItemToObject(o, "residuals", points(r));
    cJSON_AddItemToObject(o, "notes", notes(&r->observations->notes));
    tfx_json_print(o, out);
    cJSON_Delete(o);
}

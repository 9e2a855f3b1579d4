/* Forecasts of a plan: see framework/report/forecast_table.h. */
#include "framework/report/forecast_table.h"

#include <cjson/cJSON.h>
#include <math.h>

#include "framework/analysis/fit_json.h"
#include "framework/report/table.h"

static void print_forecast(const tfx_arm_forecast *a, FILE *out)
{
    char flops[32];
    fprintf(out, "%-24s  %10s", a->plan->arm->name, tfx_cell_format(flops, TFX_CELL_FLOPS, a->flops));
    if (!a->fit) {
        fprintf(out, "  no fit is about such an arm\n");
        return;
    }
    const tfx_interval *i = &a->forecast.interval;
    fprintf(out, "  %8.4f", a->forecast.loss);
    if (i->known)
        fprintf(out, "  %.4f to %.4f", i->low_95, i->high_95);
    else
        fprintf(out, "  %16s", i->n ? "unbounded" : "");
    fprintf(out, "  %s", a->fit->name);
    const tfx_law *law = a->fit->fit.law;
    for (size_t k = 0; k < law->n_variables; k++) {
        double times = tfx_forecast_beyond(&a->fit->fit, a->forecast.x, k);
        if (times > 1)
            fprintf(out, "; %s is %.3g times beyond its points", law->variables[k].symbol, times);
    }
    fputs("\n", out);
}

/* Of each pair the side that is cheaper; the other has the same answer from its own loss. */
static void print_savings(const tfx_arm_forecast *arms, size_t n, FILE *out)
{
    int any = 0;
    char flops[32];
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            tfx_saving s;
            if (!tfx_saving_of(&s, &arms[i], &arms[k]) || !(s.saved > 0))
                continue;
            if (!any++)
                fprintf(out, "\n%-24s  %-24s  %16s  %7s  %s\n", "arm", "against", "its FLOPs to it", "saved", "95%");
            fprintf(out, "%-24s  %-24s  %16s  %6.1f%%", arms[i].plan->arm->name, arms[k].plan->arm->name,
                    isfinite(s.other_flops) ? tfx_cell_format(flops, TFX_CELL_FLOPS, s.other_flops)
                                            : "never reaches it",
                    100 * s.saved);
            if (s.interval.known)
                fprintf(out, "  %.1f%% to %.1f%%", 100 * s.interval.low_95, 100 * s.interval.high_95);
            fputs("\n", out);
        }
}

void tfx_report_forecasts(const tfx_arm_forecast *arms, size_t n, FILE *out)
{
    fprintf(out, "\n%-24s  %10s  %8s  %16s  %s\n", "arm", "FLOPs incl", "forecast", "95%", "by");
    for (size_t i = 0; i < n; i++)
        print_forecast(&arms[i], out);
    print_savings(arms, n, out);
}

static cJSON *arm_json(const tfx_arm_forecast *a)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "arm", a->plan->arm->name);
    cJSON_AddNumberToObject(o, "flops_incl", a->flops);
    if (!a->fit) {
        cJSON_AddNullToObject(o, "fit");
        return o;
    }
    const tfx_law *law = a->fit->fit.law;
    cJSON_AddStringToObject(o, "fit", a->fit->name);
    cJSON_AddStringToObject(o, "form", law->name);
    for (size_t k = 0; k < law->n_variables; k++)
        cJSON_AddNumberToObject(o, law->variables[k].symbol, a->forecast.x[k]);
    cJSON_AddItemToObject(o, "loss", tfx_estimate_json(a->forecast.loss, &a->forecast.interval));
    cJSON *beyond = cJSON_AddObjectToObject(o, "times_beyond_points");
    for (size_t k = 0; k < law->n_variables; k++)
        cJSON_AddNumberToObject(beyond, law->variables[k].symbol, tfx_forecast_beyond(&a->fit->fit, a->forecast.x, k));
    return o;
}

cJSON *tfx_report_forecasts_json(const tfx_arm_forecast *arms, size_t n)
{
    cJSON *o = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(o, "arms");
    cJSON *savings = cJSON_AddArrayToObject(o, "savings");
    for (size_t i = 0; i < n; i++) {
        cJSON_AddItemToArray(list, arm_json(&arms[i]));
        for (size_t k = 0; k < n; k++) {
            tfx_saving s;
            if (!tfx_saving_of(&s, &arms[i], &arms[k]))
                continue;
            cJSON *pair = cJSON_CreateObject();
            cJSON_AddItemToArray(savings, pair);
            cJSON_AddStringToObject(pair, "arm", arms[i].plan->arm->name);
            cJSON_AddStringToObject(pair, "against", arms[k].plan->arm->name);
            tfx_json_add_number(pair, "other_flops", s.other_flops);
            cJSON_AddItemToObject(pair, "saved", tfx_estimate_json(s.saved, &s.interval));
        }
    }
    return o;
}

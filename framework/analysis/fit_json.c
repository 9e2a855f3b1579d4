/* Fits as JSON: see framework/analysis/fit_json.h. */
#include "framework/analysis/fit_json.h"

#include <cjson/cJSON.h>
#include <math.h>

void tfx_json_add_number(cJSON *to, const char *key, double x)
{
    if (isfinite(x))
        cJSON_AddNumberToObject(to, key, x);
    else
        cJSON_AddNullToObject(to, key);
}

static void add_range(cJSON *to, const char *key, int known, double low, double high)
{
    cJSON_AddItemToObject(to, key,
                          known ? cJSON_CreateDoubleArray((const double[]){low, high}, 2) : cJSON_CreateNull());
}

cJSON *tfx_estimate_json(double x, const tfx_interval *i)
{
    cJSON *o = cJSON_CreateObject();
    tfx_json_add_number(o, "estimate", x);
    tfx_json_add_number(o, "standard_error", i->error);
    add_range(o, "interval_80", i->known, i->low_80, i->high_80);
    add_range(o, "interval_95", i->known, i->low_95, i->high_95);
    return o;
}

cJSON *tfx_fit_coefficients_json(const tfx_fit *f)
{
    cJSON *all = cJSON_CreateObject();
    for (size_t k = 0; k < f->law->n_coefficients; k++) {
        cJSON *c = tfx_estimate_json(f->values[k], &f->intervals[k]);
        cJSON_AddBoolToObject(c, "identified", !f->doubts[k]);
        if (f->doubts[k])
            cJSON_AddStringToObject(c, "doubt", f->doubts[k]);
        cJSON_AddItemToObject(all, f->law->coefficients[k].name, c);
    }
    return all;
}

#include "framework/report/coordinate_table.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "framework/base/json.h"

static int dims_differ(const tfx_coordinates *models, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < i; k++)
            if (models[i].dim == models[k].dim)
                return 0;
    return 1;
}

static double size_of(const tfx_coordinates *c, int by_dim)
{
    return by_dim ? (double)c->dim : (double)c->n_params;
}

tfx_status tfx_coordinates_comparable(const tfx_coordinates *models, uint32_t n, tfx_error *err)
{
    int by_dim = dims_differ(models, n);
    for (uint32_t i = 0; i < n; i++) {
        const tfx_coordinates *c = &models[i];
        for (uint32_t k = 0; k < i; k++)
            if (size_of(c, by_dim) == size_of(&models[k], by_dim))
                return tfx_fail(err, TFX_E_INVALID,
                                "expected models of different sizes; found [model %s] and [model %s], both of %" PRIu64
                                " parameters",
                                models[k].model->name, c->model->name, c->n_params);
        for (uint32_t k = 0; k < c->n && k < models->n; k++)
            if (strcmp(c->items[k].layer, models->items[k].layer))
                return tfx_fail(err, TFX_E_INVALID,
                                "expected models of the same layers; found %s in [model %s], where [model %s] has %s",
                                c->items[k].layer, c->model->name, models->model->name, models->items[k].layer);
        if (c->n != models->n)
            return tfx_fail(err, TFX_E_INVALID,
                            "expected models of the same layers; found %" PRIu32 " in [model %s] and %" PRIu32
                            " in [model %s]",
                            models->n, models->model->name, c->n, c->model->name);
    }
    return TFX_OK;
}

/* ---- exponents ---- */

static double value_of(const tfx_coordinate_report *r, uint32_t model, uint32_t layer, int change)
{
    const tfx_coordinate *c = &r->models[model].items[layer];
    return change ? c->change : c->start;
}

/* Of the size, in what the layer gives or how that changes; NaN where there is none. */
static double exponent(const tfx_coordinate_report *r, uint32_t layer, int change)
{
    int by_dim = dims_differ(r->models, r->n);
    double x = 0, y = 0, xx = 0, xy = 0, n = (double)r->n;
    for (uint32_t i = 0; i < r->n; i++) {
        double a = log(size_of(&r->models[i], by_dim)), b = log(value_of(r, i, layer, change));
        x += a;
        y += b;
        xx += a * a;
        xy += a * b;
    }
    double slope = (n * xy - x * y) / (n * xx - x * x);
    return isfinite(slope) ? slope : NAN;
}

/* ---- text ---- */

static void print_half(const tfx_coordinate_report *r, uint32_t layer, int change, FILE *out)
{
    for (uint32_t i = 0; i < r->n; i++)
        fprintf(out, "  %9.4g", value_of(r, i, layer, change));
    fprintf(out, "  %8.2f%s", exponent(r, layer, change), change ? "\n" : "  ");
}

static void print_head(const tfx_coordinate_report *r, int width, FILE *out)
{
    int half = (int)(11 * r->n + 12), by_dim = dims_differ(r->models, r->n);
    fprintf(out, "%-*s  %-*s  %s\n%-*s", width, "", half, "  mean |x| at the start", "mean |change|", width, "layer");
    for (int change = 0; change < 2; change++) {
        for (uint32_t i = 0; i < r->n; i++)
            fprintf(out, "  %9.9g", size_of(&r->models[i], by_dim));
        fprintf(out, "  %8s%s", "exponent", change ? "\n" : "  ");
    }
}

void tfx_coordinates_print(const tfx_coordinate_report *r, FILE *out)
{
    int width = 5;
    double most = 0;
    uint32_t where = 0;
    for (uint32_t i = 0; i < r->models->n; i++)
        width = (int)strlen(r->models->items[i].layer) > width ? (int)strlen(r->models->items[i].layer) : width;
    fprintf(out,
            "parametrization %s, optimizer %s, lr %g (arm %s), %" PRId64 " step%s of %" PRId64 " rows, %zu seed%s\n",
            r->train->mup ? "mup" : "standard", r->train->optimizer.name, r->train->lr, r->arm, r->steps,
            r->steps == 1 ? "" : "s", r->train->micro_batch, r->n_seeds, r->n_seeds == 1 ? "" : "s");
    fprintf(out, "by %s:", dims_differ(r->models, r->n) ? "width" : "parameters");
    for (uint32_t i = 0; i < r->n; i++)
        fprintf(out, "%s %s", i ? "," : "", r->models[i].model->name);
    fprintf(out, "\n\n");
    print_head(r, width, out);
    for (uint32_t i = 0; i < r->models->n; i++) {
        fprintf(out, "%-*s", width, r->models->items[i].layer);
        print_half(r, i, 0, out);
        print_half(r, i, 1, out);
        double e = exponent(r, i, 1);
        if (!(fabs(e) <= fabs(most))) {
            most = e;
            where = i;
        }
    }
    fprintf(out,
            "\nThe exponent of a change that is farthest from 0: %.2f (%s)\n"
            "0: a step changes as much in a wide model as in a narrow one. Above 0: more, so that wide models need a "
            "lower lr.\n",
            most, r->models->items[where].layer);
}

/* ---- JSON ---- */

static void add_numbers(cJSON *o, const char *key, const tfx_coordinate_report *r, uint32_t layer, int change)
{
    cJSON *list = cJSON_AddArrayToObject(o, key);
    for (uint32_t i = 0; i < r->n; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(value_of(r, i, layer, change)));
}

cJSON *tfx_coordinates_json(const tfx_coordinate_report *r)
{
    cJSON *o = cJSON_CreateObject(), *models = cJSON_AddArrayToObject(o, "models"), *layers;
    for (uint32_t i = 0; i < r->n; i++) {
        cJSON *m = cJSON_CreateObject();
        cJSON_AddItemToArray(models, m);
        cJSON_AddStringToObject(m, "model", r->models[i].model->name);
        cJSON_AddNumberToObject(m, "dim", (double)r->models[i].dim);
        cJSON_AddNumberToObject(m, "parameters", (double)r->models[i].n_params);
    }
    cJSON_AddStringToObject(o, "arm", r->arm);
    cJSON_AddStringToObject(o, "parametrization", r->train->mup ? "mup" : "standard");
    cJSON_AddNumberToObject(o, "lr", r->train->lr);
    cJSON_AddNumberToObject(o, "steps", (double)r->steps);
    cJSON_AddNumberToObject(o, "seeds", (double)r->n_seeds);
    cJSON_AddStringToObject(o, "size", dims_differ(r->models, r->n) ? "dim" : "parameters");
    layers = cJSON_AddArrayToObject(o, "layers");
    for (uint32_t i = 0; i < r->models->n; i++) {
        cJSON *l = cJSON_CreateObject();
        cJSON_AddItemToArray(layers, l);
        cJSON_AddStringToObject(l, "layer", r->models->items[i].layer);
        add_numbers(l, "start", r, i, 0);
        cJSON_AddNumberToObject(l, "start_exponent", exponent(r, i, 0));
        add_numbers(l, "change", r, i, 1);
        cJSON_AddNumberToObject(l, "change_exponent", exponent(r, i, 1));
    }
    return o;
}

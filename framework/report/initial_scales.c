#include "framework/report/initial_scales.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "framework/base/block_rows.h"
#include "framework/base/json.h"
#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/model/initialise.h"
#include "framework/report/table.h"
#include "framework/train/initial.h"

/* ---- parameters ---- */

/* Parameters of one name, shape and initialisation in several blocks are one line. */
typedef struct line {
    char *layer; /* "blocks.*.ffn" where it stands for several */
    char *param;
    const tfx_initial_param *first;
    uint32_t n;
    double least, most; /* standard deviation */
} line;

static char *layer_of(const char *path)
{
    return tfx_strndup(path, (size_t)(strrchr(path, '.') - path));
}

static const char *param_of(const char *path)
{
    return strrchr(path, '.') + 1;
}

/* What a line is about: the path, and what must be the same in all of it. */
static char *key_of(const tfx_initial_param *p)
{
    const tfx_state_tensor *t = p->tensor;
    char shape[TFX_SHAPE_TEXT];
    return tfx_printf("%s\t%s %d %.17g %.17g", t->name, tfx_format_shape(shape, t->n_dims, t->dims), (int)t->init.kind,
                      t->init.mean, tfx_param_std(t));
}

/* The lines of a model; the caller frees them, and `layer` and `param` of each. */
static line *gather(const tfx_initial *x, uint32_t *n)
{
    tfx_block_rows rows = {0};
    for (uint32_t i = 0; i < x->n_params; i++)
        tfx_block_rows_add(&rows, key_of(&x->params[i]));
    tfx_block_rows_group(&rows, x->plan->model->n_blocks);
    line *all = TFX_NEW_ARRAY(line, rows.n);
    for (uint32_t i = 0; i < rows.n; i++) {
        const tfx_block_row *row = &rows.items[i];
        const tfx_initial_param *first = &x->params[row->of[0]];
        *strchr(row->text, '\t') = '\0';
        all[i] = (line){layer_of(row->text), tfx_strdup(param_of(row->text)), first, row->n, first->std, first->std};
        for (uint32_t k = 1; k < row->n; k++) {
            double std = x->params[row->of[k]].std;
            all[i].least = std < all[i].least ? std : all[i].least;
            all[i].most = std > all[i].most ? std : all[i].most;
        }
    }
    *n = rows.n;
    tfx_block_rows_finish(&rows);
    return all;
}

static char *std_text(const line *l)
{
    char least[32], most[32];
    snprintf(least, sizeof(least), "%.4g", l->least);
    snprintf(most, sizeof(most), "%.4g", l->most);
    return strcmp(least, most) ? tfx_printf("%s to %s", least, most) : tfx_strdup(least);
}

static int wider(int width, const char *text)
{
    return (int)strlen(text) > width ? (int)strlen(text) : width;
}

static void print_params(const tfx_initial *x, FILE *out)
{
    uint32_t n;
    line *all = gather(x, &n);
    char shape[TFX_SHAPE_TEXT];
    int layer = 5, param = 9, dims = 5, rates = 0;
    for (uint32_t i = 0; i < n; i++) {
        const tfx_state_tensor *t = all[i].first->tensor;
        layer = wider(layer, all[i].layer);
        param = wider(param, all[i].param);
        dims = wider(dims, tfx_format_shape(shape, t->n_dims, t->dims));
        rates |= t->rate != 0;
    }
    fprintf(out, "%-*s  %-*s  %-*s  %7s  %-14s  %s%s\n", layer, "layer", param, "parameter", dims, "shape", "tensors",
            "init", rates ? "lr times  " : "", "std");
    for (uint32_t i = 0; i < n; i++) {
        const line *l = &all[i];
        const tfx_state_tensor *t = l->first->tensor;
        char *init = tfx_init_text(t), *std = std_text(l);
        fprintf(out, "%-*s  %-*s  %-*s  %7" PRIu32 "  %-14s  ", layer, l->layer, param, l->param, dims,
                tfx_format_shape(shape, t->n_dims, t->dims), l->n, init);
        if (rates)
            fprintf(out, "%-8.4g  ", t->rate);
        fprintf(out, "%s\n", std);
        free(init);
        free(std);
        free(l->layer);
        free(l->param);
    }
    free(all);
}

/* ---- the stream ---- */

static void print_writes(const tfx_initial *x, FILE *out)
{
    int where = wider(5, x->scales.embedding);
    for (uint32_t i = 0; i < x->n_writes; i++)
        where = wider(where, x->writes[i].writer);
    fprintf(out, "%-*s  %10s  %11s  %8s\n", where, "where", "stream rms", "written rms", "ratio");
    fprintf(out, "%-*s  %10s  %11.4g\n", where, x->scales.embedding, "", x->embedding);
    for (uint32_t i = 0; i < x->n_writes; i++) {
        const tfx_initial_write *w = &x->writes[i];
        fprintf(out, "%-*s  %10.4g  %11.4g  %8.3g\n", where, w->writer, w->stream, w->written, w->ratio);
    }
    fprintf(out, "%-*s  %10s  %11.4g\n\n", where, "logits", "", x->logits);
    fprintf(out, "loss %.4f on the first %" PRId64 " tokens of the validation split; ln(%" PRId64 ") = %.4f\n", x->loss,
            x->plan->context, x->plan->model->vocab, log((double)x->plan->model->vocab));
}

static char *warning(const tfx_initial *x, const tfx_initial_write *w)
{
    const tfx_model_spec *m = x->plan->spec;
    if (!isfinite(w->stream) || !isfinite(w->written))
        return tfx_printf("%s:%d: [model %s]: %s writes rms %.4g into a stream of rms %.4g, which is not finite: "
                          "look at the layers and at their initialisation",
                          m->file, m->line, m->name, w->writer, w->written, w->stream);
    return tfx_printf("%s:%d: [model %s]: %s writes rms %.4g into a stream of rms %.4g, %.3g times as much (above %g), "
                      "so that what came before hardly counts from there on; lower the std of what writes there "
                      "(such as init_std = fan_in, value_std = fan_in), or raise that of the embedding",
                      m->file, m->line, m->name, w->writer, w->written, w->stream, w->ratio, TFX_INITIAL_RATIO);
}

/* `arms`: the names of those that start with the model. */
static void print(const tfx_initial *x, const char *arms, FILE *out)
{
    fprintf(out, "model %s (%s), seed %" PRId64 "\n\n", x->plan->model->name, arms, x->seed);
    print_params(x, out);
    fputc('\n', out);
    print_writes(x, out);
    for (uint32_t i = 0; i < x->n_writes; i++)
        if (tfx_initial_drowns(&x->writes[i])) {
            char *text = warning(x, &x->writes[i]);
            fprintf(out, "warning: %s\n", text);
            free(text);
        }
}

/* ---- JSON ---- */

static cJSON *params_json(const tfx_initial *x)
{
    cJSON *list = cJSON_CreateArray();
    for (uint32_t i = 0; i < x->n_params; i++) {
        const tfx_initial_param *p = &x->params[i];
        const tfx_state_tensor *t = p->tensor;
        cJSON *o = cJSON_CreateObject(), *shape;
        char *layer = layer_of(t->name);
        cJSON_AddItemToArray(list, o);
        cJSON_AddStringToObject(o, "layer", layer);
        cJSON_AddStringToObject(o, "parameter", param_of(t->name));
        shape = cJSON_AddArrayToObject(o, "shape");
        for (uint32_t k = 0; k < t->n_dims; k++)
            cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)t->dims[k]));
        cJSON_AddStringToObject(o, "init", t->init.kind == TFX_INIT_NORMAL ? "normal" : "constant");
        cJSON_AddNumberToObject(o, "init_mean", t->init.mean);
        cJSON_AddNumberToObject(o, "init_std", tfx_param_std(t));
        cJSON_AddNumberToObject(o, "lr", t->rate != 0 ? t->rate : 1);
        cJSON_AddNumberToObject(o, "mean", p->mean);
        cJSON_AddNumberToObject(o, "std", p->std);
        free(layer);
    }
    return list;
}

/* What is not finite is null. */
static cJSON *json_of(const tfx_initial *x)
{
    cJSON *o = cJSON_CreateObject(), *writes, *warnings;
    cJSON_AddStringToObject(o, "model", x->plan->model->name);
    cJSON_AddItemToObject(o, "parameters", params_json(x));
    cJSON_AddNumberToObject(o, "embedding_rms", x->embedding);
    writes = cJSON_AddArrayToObject(o, "writes");
    warnings = cJSON_CreateArray();
    for (uint32_t i = 0; i < x->n_writes; i++) {
        const tfx_initial_write *w = &x->writes[i];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddItemToArray(writes, item);
        cJSON_AddStringToObject(item, "writer", w->writer);
        cJSON_AddNumberToObject(item, "stream_rms", w->stream);
        cJSON_AddNumberToObject(item, "written_rms", w->written);
        cJSON_AddNumberToObject(item, "ratio", w->ratio);
        if (tfx_initial_drowns(w)) {
            char *text = warning(x, w);
            cJSON_AddItemToArray(warnings, cJSON_CreateString(text));
            free(text);
        }
    }
    cJSON_AddNumberToObject(o, "logits_rms", x->logits);
    cJSON_AddNumberToObject(o, "tokens", (double)x->plan->context);
    cJSON_AddNumberToObject(o, "loss", x->loss);
    cJSON_AddNumberToObject(o, "uniform_loss", log((double)x->plan->model->vocab));
    cJSON_AddItemToObject(o, "warnings", warnings);
    return o;
}

/* ---- all of them ---- */

static const tfx_model_spec *first_model(const tfx_arm_plan *p)
{
    return p->stages[0]->spec;
}

/* Whether no earlier arm starts with the model of arm i. */
static int is_new(tfx_arm_plan *const *arms, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (first_model(arms[k]) == first_model(arms[i]))
            return 0;
    return 1;
}

static void print_all(const tfx_experiment *e, tfx_arm_plan *const *arms, const tfx_initial *found, FILE *out)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n_arms; i++) {
        tfx_text names = {0};
        if (!is_new(arms, i))
            continue;
        for (size_t k = i; k < e->n_arms; k++)
            if (first_model(arms[k]) == first_model(arms[i]))
                tfx_text_add(&names, "%s%s", k == i ? "arm " : ", ", arms[k]->arm->name);
        if (n)
            fputc('\n', out);
        print(&found[n++], names.s, out);
        tfx_text_free(&names);
    }
}

static void print_all_json(const tfx_experiment *e, tfx_arm_plan *const *arms, const tfx_initial *found, FILE *out)
{
    cJSON *o = cJSON_CreateObject(), *models;
    size_t n = 0;
    cJSON_AddStringToObject(o, "experiment", e->name);
    cJSON_AddNumberToObject(o, "seed", (double)e->seeds[0]);
    models = cJSON_AddArrayToObject(o, "models");
    for (size_t i = 0; i < e->n_arms; i++) {
        if (!is_new(arms, i))
            continue;
        cJSON *model = json_of(&found[n++]), *names = cJSON_AddArrayToObject(model, "arms");
        cJSON_AddItemToArray(models, model);
        for (size_t k = i; k < e->n_arms; k++)
            if (first_model(arms[k]) == first_model(arms[i]))
                cJSON_AddItemToArray(names, cJSON_CreateString(arms[k]->arm->name));
    }
    tfx_json_print(o, out);
    cJSON_Delete(o);
}

tfx_status tfx_initial_report(const tfx_experiment *e, tfx_arm_plan *const *arms, const tfx_registry *registry,
                              const tfx_device *device, int json, FILE *out, tfx_error *err)
{
    tfx_initial *found = TFX_NEW_ARRAY(tfx_initial, e->n_arms);
    size_t n = 0;
    for (size_t i = 0; i < e->n_arms && err->status == TFX_OK; i++)
        if (is_new(arms, i))
            tfx_initial_measure(&found[n++], e, arms[i]->arm, first_model(arms[i]), registry, device, err);
    if (err->status == TFX_OK)
        (json ? print_all_json : print_all)(e, arms, found, out);
    for (size_t i = 0; i < n; i++)
        tfx_initial_finish(&found[i]);
    free(found);
    return err->status;
}

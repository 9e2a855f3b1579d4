#include "framework/train/coordinates.h"

#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/plan/data.h"
#include "framework/plugin/calls/loader_calls.h"
#include "framework/train/engine.h"

typedef struct measuring {
    tfx_coordinates *out;
    const tfx_experiment *e;
    const tfx_device *device;
    tfx_stage_plan *plan;
    tfx_placement *layers; /* its outputs are what the layers give */
    tfx_loader *loader;    /* of one seed */
    int64_t vocab;         /* of its data */
    double lr;
    int64_t steps;
    float **at_start; /* by layer, of one seed */
    tfx_error *err;
} measuring;

static const tfx_tensor *result(const measuring *m, uint32_t i)
{
    return m->layers->program.tensors[m->layers->outputs[i]];
}

static uint64_t elements(const tfx_tensor *t)
{
    return tfx_shape_elements(t->n_dims, t->dims);
}

static void name_layers(measuring *m, const tfx_made_values *made)
{
    tfx_coordinates *c = m->out;
    static const char layer[] = "layer ";
    c->items = TFX_NEW_ARRAY(tfx_coordinate, made->n);
    m->at_start = TFX_NEW_ARRAY(float *, made->n);
    for (c->n = 0; c->n < made->n; c->n++) {
        const char *by = made->items[c->n].by;
        by += strncmp(by, layer, strlen(layer)) ? 0 : strlen(layer);
        c->items[c->n].layer = tfx_strdup(c->n + 1 == made->n ? "logits" : by);
        m->at_start[c->n] = tfx_alloc(elements(result(m, c->n)) * sizeof(float));
    }
}

/* ---- one seed ---- */

static tfx_status set_batch(const measuring *m, tfx_engine *engine, uint64_t index)
{
    const tfx_stage_plan *s = m->plan;
    tfx_batch batch = {.rows = s->micro_batch, .context = s->context, .vocab = m->vocab, .index = index};
    batch.inputs = TFX_NEW_ARRAY(int32_t, batch.rows * batch.context);
    batch.targets = TFX_NEW_ARRAY(int32_t, batch.rows * batch.context);
    if (tfx_call_loader_next_batch(m->e->loader.impl, m->loader, &batch, "[data] training", m->err) == TFX_OK)
        tfx_engine_set_batch(engine, batch.inputs, batch.targets);
    free(batch.inputs);
    free(batch.targets);
    return m->err->status;
}

static tfx_status open_loader(measuring *m, int64_t seed)
{
    tfx_loader_info info;
    if (m->loader)
        tfx_call_loader_close(m->e->loader.impl, m->loader);
    m->loader = NULL;
    if (tfx_data_open(m->e, TFX_SPLIT_TRAIN, m->plan->micro_batch, m->plan->context, (uint64_t)seed, &m->loader, &info,
                      m->err) != TFX_OK)
        return m->err->status;
    m->vocab = info.vocab;
    if (info.vocab > m->plan->model->vocab) {
        tfx_fail(m->err, TFX_E_INVALID, "expected a model for the data's %lld different tokens; found vocab = %lld",
                 (long long)info.vocab, (long long)m->plan->model->vocab);
        tfx_model_spec_locate(m->plan->spec, m->err);
    }
    return m->err->status;
}

static double distance(const float *x, const float *from, uint64_t n)
{
    double sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += fabs((double)x[i] - (from ? (double)from[i] : 0.0));
    return sum / (double)n;
}

/* Of the batch that is set. Adds to the means of all seeds. */
static tfx_status observe(measuring *m, tfx_engine *engine, int after)
{
    if (tfx_engine_execute_other(engine, &m->layers->program, m->err) != TFX_OK)
        return m->err->status;
    for (uint32_t i = 0; i < m->out->n; i++) {
        const tfx_tensor *t = result(m, i);
        uint64_t n = elements(t);
        double share = 1.0 / (double)m->e->n_seeds;
        if (!after) {
            tfx_engine_read(engine, t, 0, m->at_start[i], n * sizeof(float));
            m->out->items[i].start += share * distance(m->at_start[i], NULL, n);
            continue;
        }
        float *x = tfx_alloc(n * sizeof(float));
        tfx_engine_read(engine, t, 0, x, n * sizeof(float));
        m->out->items[i].change += share * distance(x, m->at_start[i], n);
        free(x);
    }
    return TFX_OK;
}

/* After so many steps. An engine that has executed another program is good for nothing else. */
static tfx_status observe_after(measuring *m, int64_t seed, int64_t steps)
{
    tfx_engine *engine = tfx_engine_create(m->device, m->plan, m->err);
    if (engine && open_loader(m, seed) == TFX_OK)
        tfx_engine_initialise(engine, (uint64_t)seed, m->err);
    for (int64_t i = 0; i < steps && m->err->status == TFX_OK; i++) {
        float loss, norm;
        if (set_batch(m, engine, (uint64_t)i) != TFX_OK)
            break;
        tfx_engine_set_step(engine, m->lr, (uint64_t)seed, (uint64_t)i);
        if (tfx_engine_pass(engine, &loss, m->err) == TFX_OK)
            tfx_engine_update(engine, &norm, m->err);
    }
    if (m->err->status == TFX_OK && open_loader(m, seed) == TFX_OK && set_batch(m, engine, 0) == TFX_OK)
        observe(m, engine, steps > 0);
    tfx_engine_destroy(engine);
    return m->err->status;
}

/* ---- a model ---- */

static void plan(measuring *m, const tfx_stage_params *p)
{
    tfx_made_values made = {0};
    m->plan = tfx_stage_plan_create(p, m->err);
    if (m->plan)
        m->layers = tfx_stage_layers_create(m->plan, p->registry, p->device, 0, &made, m->err);
    if (m->layers && tfx_stage_check_other(m->plan, p->device, &m->layers->program, m->err) == TFX_OK) {
        m->out->dim = m->plan->model->dim;
        m->out->n_params = m->plan->n_params;
        name_layers(m, &made);
    }
    tfx_made_values_finish(&made);
}

tfx_status tfx_coordinates_measure(tfx_coordinates *out, const tfx_experiment *e, const tfx_train_config *train,
                                   const tfx_model_spec *model, const tfx_registry *registry, const tfx_device *device,
                                   int64_t steps, tfx_error *err)
{
    tfx_train_config one = *train;
    one.batch = one.micro_batch;
    *out = (tfx_coordinates){.model = model};
    measuring m = {.out = out, .e = e, .device = device, .lr = train->lr, .steps = steps, .err = err};
    plan(&m, &(tfx_stage_params){.registry = registry, .device = device, .model = model, .train = &one});
    for (size_t i = 0; i < e->n_seeds && err->status == TFX_OK; i++)
        if (observe_after(&m, e->seeds[i], 0) == TFX_OK)
            observe_after(&m, e->seeds[i], steps);
    if (m.loader)
        tfx_call_loader_close(e->loader.impl, m.loader);
    for (uint32_t i = 0; m.at_start && i < out->n; i++)
        free(m.at_start[i]);
    free(m.at_start);
    tfx_placement_destroy(m.layers);
    tfx_stage_plan_destroy(m.plan);
    return err->status;
}

void tfx_coordinates_finish(tfx_coordinates *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        free(c->items[i].layer);
    free(c->items);
    *c = (tfx_coordinates){0};
}

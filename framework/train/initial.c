#include "framework/train/initial.h"

#include <math.h>

#include "framework/base/memory.h"
#include "framework/plan/data.h"
#include "framework/plugin/calls/loader_calls.h"
#include "framework/train/engine.h"

#define PIECE ((uint64_t)1 << 16)

/* Of x - about, so that the squares of a small spread around a large mean are not lost. */
typedef struct moments {
    double about, sum, squares;
} moments;

static void add(moments *m, const float *x, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        double d = (double)x[i] - m->about;
        m->sum += d;
        m->squares += d * d;
    }
}

static void measure_params(tfx_initial *x, tfx_engine *engine)
{
    const tfx_state_layout *state = &x->plan->state;
    tfx_state_io io = tfx_engine_io(engine);
    float *piece = TFX_NEW_ARRAY(float, PIECE);
    x->params = TFX_NEW_ARRAY(tfx_initial_param, state->n);
    for (uint32_t i = 0; i < state->n; i++) {
        const tfx_state_tensor *t = &state->tensors[i];
        moments m = {.about = t->init.mean};
        if (t->kind != TFX_STATE_PARAM)
            continue;
        for (uint64_t at = 0; at < t->elements; at += PIECE) {
            uint64_t n = t->elements - at < PIECE ? t->elements - at : PIECE;
            io.read(io.ctx, t, at * sizeof(float), piece, n * sizeof(float));
            add(&m, piece, n);
        }
        double n = (double)t->elements, mean = m.sum / n, variance = m.squares / n - mean * mean;
        x->params[x->n_params++] = (tfx_initial_param){t, m.about + mean, variance < 0 ? 0 : sqrt(variance)};
    }
    free(piece);
}

static double rms(double squares, uint64_t n)
{
    return sqrt(squares / (double)n);
}

static double read_rms(tfx_engine *engine, const tfx_placement *p, uint32_t output, uint64_t elements)
{
    float squares;
    tfx_engine_read(engine, p->program.tensors[p->outputs[output]], 0, &squares, sizeof(squares));
    return rms((double)squares, elements);
}

static double logits_rms(const tfx_initial *x, tfx_engine *engine)
{
    uint64_t all = (uint64_t)x->plan->context * (uint64_t)x->plan->model->vocab;
    moments m = {0};
    float *piece = TFX_NEW_ARRAY(float, PIECE);
    for (uint64_t at = 0; at < all; at += PIECE) {
        uint64_t n = all - at < PIECE ? all - at : PIECE;
        tfx_engine_logits(engine, at, n, piece);
        add(&m, piece, n);
    }
    free(piece);
    return rms(m.squares, all);
}

/* The first row of the validation split becomes the engine's batch. */
static tfx_status set_row(const tfx_initial *x, const tfx_experiment *e, tfx_engine *engine, tfx_error *err)
{
    int64_t context = x->plan->context;
    tfx_loader *loader;
    tfx_loader_info info;
    if (tfx_data_open(e, TFX_SPLIT_VAL, 1, context, 0, &loader, &info, err) != TFX_OK)
        return err->status;
    tfx_batch batch = {.rows = 1,
                       .context = context,
                       .vocab = info.vocab,
                       .inputs = TFX_NEW_ARRAY(int32_t, context),
                       .targets = TFX_NEW_ARRAY(int32_t, context)};
    if (tfx_call_loader_next_batch(e->loader.impl, loader, &batch, "[data] validation", err) == TFX_OK)
        tfx_engine_set_batch(engine, batch.inputs, batch.targets);
    tfx_call_loader_close(e->loader.impl, loader);
    free(batch.inputs);
    free(batch.targets);
    return err->status;
}

static tfx_status run(tfx_initial *x, tfx_engine *engine, tfx_error *err)
{
    const tfx_scales *scales = &x->scales;
    float sum;
    if (tfx_engine_eval(engine, &sum, err) != TFX_OK)
        return err->status;
    x->loss = (double)sum / (double)x->plan->context;
    x->logits = logits_rms(x, engine);
    if (tfx_engine_execute_other(engine, &scales->placement->program, err) != TFX_OK)
        return err->status;
    x->embedding = read_rms(engine, scales->placement, 0, scales->embedding_elements);
    x->writes = TFX_NEW_ARRAY(tfx_initial_write, scales->n_places);
    for (x->n_writes = 0; x->n_writes < scales->n_places; x->n_writes++) {
        const tfx_scale_place *place = &scales->places[x->n_writes];
        tfx_initial_write *w = &x->writes[x->n_writes];
        w->writer = place->writer;
        w->stream = read_rms(engine, scales->placement, 1 + 2 * x->n_writes, place->elements);
        w->written = read_rms(engine, scales->placement, 2 + 2 * x->n_writes, place->elements);
        w->ratio = w->written == 0 ? 0 : w->written / w->stream;
    }
    return TFX_OK;
}

tfx_status tfx_initial_measure(tfx_initial *out, const tfx_experiment *e, const tfx_arm *arm,
                               const tfx_model_spec *model, const tfx_registry *registry, const tfx_device *device,
                               tfx_error *err)
{
    tfx_stage_params p = {
        .registry = registry, .device = device, .model = model, .train = &arm->train, .eval_rows = 1, .eval_only = 1};
    tfx_engine *engine = NULL;
    *out = (tfx_initial){.seed = e->seeds[0]};
    out->plan = tfx_stage_plan_create(&p, err);
    if (out->plan && tfx_scales_create(&out->scales, out->plan, registry, device, err) == TFX_OK &&
        tfx_stage_check_other(out->plan, device, &out->scales.placement->program, err) == TFX_OK)
        engine = tfx_engine_create(device, out->plan, err);
    if (engine && tfx_engine_initialise(engine, (uint64_t)out->seed, err) == TFX_OK &&
        set_row(out, e, engine, err) == TFX_OK) {
        measure_params(out, engine);
        run(out, engine, err);
    }
    tfx_engine_destroy(engine);
    return err->status;
}

void tfx_initial_finish(tfx_initial *x)
{
    tfx_scales_finish(&x->scales);
    tfx_stage_plan_destroy(x->plan);
    free(x->params);
    free(x->writes);
    *x = (tfx_initial){0};
}

int tfx_initial_drowns(const tfx_initial_write *w)
{
    return !(w->ratio <= TFX_INITIAL_RATIO);
}

#include "framework/conformance/growth_case.h"

#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "framework/model/growth_apply.h"
#include "framework/train/engine.h"

static const char head[] = "[experiment]\nname = check\nbackend = cpu\nbackend.threads = 1\n"
                           "[data]\nloader = synthetic\nloader.vocab = 11\n"
                           "[train]\nsteps = 4\nbatch = 2\nlr = 1e-3\n";

static tfx_stage_plan *plan(tfx_growth_case *c, const char *name)
{
    const tfx_model_spec *model = tfx_experiment_model(c->experiment, name, c->err);
    const tfx_stage_params p = {.registry = c->registry,
                                .device = &c->device,
                                .model = model,
                                .train = &c->experiment->arms[0].train,
                                .eval_only = 1};
    return model ? tfx_stage_plan_create(&p, c->err) : NULL;
}

tfx_status tfx_growth_case_open(tfx_growth_case *c, const tfx_registry *registry, const char *from, const char *to,
                                const char *scaling, tfx_error *err)
{
    *c = (tfx_growth_case){.registry = registry, .err = err};
    char *text = tfx_printf(
        "%s[model small]\n%s[model large]\n%s[scaling grow]\npolicy = schedule\npolicy.models = large\n"
        "policy.steps = 4\n%s[arm grown]\nmodel = small\nscaling = grow\n",
        head, from, to, scaling);
    c->experiment = tfx_experiment_parse(registry, text, "made-up spec", err);
    free(text);
    if (c->experiment && tfx_device_open(&c->device, c->experiment, err) == TFX_OK) {
        c->from = plan(c, "small");
        c->to = c->from ? plan(c, "large") : NULL;
    }
    return err->status;
}

void tfx_growth_case_close(tfx_growth_case *c)
{
    tfx_stage_plan_destroy(c->from);
    tfx_stage_plan_destroy(c->to);
    tfx_device_close(&c->device);
    tfx_experiment_destroy(c->experiment);
    *c = (tfx_growth_case){0};
}

tfx_growth_map *tfx_growth_case_map(tfx_growth_case *c, uint64_t seed)
{
    return tfx_event_map_create(&c->experiment->arms[0], 1, c->from, c->to, c->registry, seed, c->err);
}

tfx_status tfx_growth_case_claim(tfx_growth_case *c, const tfx_growth_map *map, tfx_growth_claim *claim)
{
    *claim = (tfx_growth_claim){0};
    return tfx_growth_prove(c->from->model, c->to->model, map, c->registry, claim, c->err);
}

/* ---- numbers ---- */

static const tfx_state_tensor *find(const tfx_stage_plan *s, const char *path)
{
    return &s->state.tensors[tfx_state_find(&s->state, path)];
}

/* Random numbers around what the layer starts with; fixed parameters keep that. */
static float *values_of(const tfx_state_tensor *t)
{
    float *x = TFX_NEW_ARRAY(float, t->elements);
    double spread = t->flags & TFX_PARAM_FIXED ? 0 : 0.3;
    tfx_random_normal(3, tfx_random_stream(t->name), 0, t->elements, t->init.mean, spread, x);
    return x;
}

static void fill_old(const tfx_stage_plan *s, tfx_engine *e)
{
    tfx_state_io io = tfx_engine_io(e);
    for (uint32_t i = 0; i < s->state.n; i++) {
        const tfx_state_tensor *t = &s->state.tensors[i];
        if (t->kind != TFX_STATE_PARAM)
            continue;
        float *x = values_of(t);
        io.write(io.ctx, t, 0, x, t->bytes);
        free(x);
    }
}

static void fill_new(tfx_growth_case *c, const tfx_growth_map *map, tfx_engine *e)
{
    const tfx_model_view *from = tfx_growth_map_from(map), *to = tfx_growth_map_to(map);
    tfx_state_io io = tfx_engine_io(e);
    for (uint32_t i = 0; i < to->n_params; i++) {
        const tfx_map_param *p = tfx_growth_map_param(map, i);
        const tfx_state_tensor *t = find(c->to, to->params[i]->path);
        float **old = TFX_NEW_ARRAY(float *, p->n_sources), *x = TFX_NEW_ARRAY(float, t->elements);
        for (uint32_t k = 0; k < p->n_sources; k++)
            old[k] = values_of(find(c->from, from->params[p->sources[k].old]->path));
        tfx_growth_values(map, i, t, (const float *const *)old, 5, x);
        io.write(io.ctx, t, 0, x, t->bytes);
        for (uint32_t k = 0; k < p->n_sources; k++)
            free(old[k]);
        free(old);
        free(x);
    }
}

/* Logits of one evaluation; heap, or NULL. */
static float *logits_of(const tfx_stage_plan *s, tfx_engine *e, size_t *n, tfx_error *err)
{
    size_t n_tokens = (size_t)(s->rows * s->context);
    int32_t *tokens = TFX_NEW_ARRAY(int32_t, n_tokens);
    float sum, *out = NULL;
    for (size_t i = 0; i < n_tokens; i++)
        tokens[i] = (int32_t)(tfx_random_u64(2, 2, i) % (uint64_t)s->model->vocab);
    tfx_engine_set_batch(e, tokens, tokens);
    if (tfx_engine_eval(e, &sum, err) == TFX_OK) {
        *n = n_tokens * (size_t)s->model->vocab;
        out = TFX_NEW_ARRAY(float, *n);
        tfx_engine_logits(e, 0, *n, out);
    }
    free(tokens);
    return out;
}

tfx_status tfx_growth_case_compare(tfx_growth_case *c, const tfx_growth_map *map, double factor, double *off,
                                   double *size)
{
    tfx_engine *old = tfx_engine_create(&c->device, c->from, c->err);
    tfx_engine *new = old ? tfx_engine_create(&c->device, c->to, c->err) : NULL;
    size_t n = 0;
    *off = *size = 0;
    if (new) {
        fill_old(c->from, old);
        fill_new(c, map, new);
        float *before = logits_of(c->from, old, &n, c->err), *after = logits_of(c->to, new, &n, c->err);
        for (size_t i = 0; before && after && i < n; i++) {
            double expected = factor * (double)before[i], d = fabs((double)after[i] - expected);
            *off = d <= *off ? *off : d; /* a NaN stays */
            *size = fmax(*size, fabs(expected));
        }
        free(before);
        free(after);
    }
    tfx_engine_destroy(new);
    tfx_engine_destroy(old);
    return c->err->status;
}

/* ---- comparing maps ---- */

static int same_numbers(const double *a, const double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double x = a ? a[i] : 1, y = b ? b[i] : 1;
        if (memcmp(&x, &y, sizeof(x)))
            return 0;
    }
    return 1;
}

static int same_source(const tfx_map_source *a, const tfx_map_source *b, uint32_t n_factors)
{
    int same = a->old == b->old && same_numbers(&a->weight, &b->weight, 1);
    for (uint32_t k = 0; same && k < n_factors; k++) {
        const tfx_factor_map *x = &a->factors[k], *y = &b->factors[k];
        same = x->n == y->n && !memcmp(x->index, y->index, (size_t)x->n * sizeof(*x->index)) &&
               same_numbers(x->scale, y->scale, x->n) && same_numbers(x->gradient, y->gradient, x->n);
    }
    return same;
}

const char *tfx_growth_maps_differ(const tfx_growth_map *a, const tfx_growth_map *b)
{
    const tfx_model_view *to = tfx_growth_map_to(a);
    for (uint32_t i = 0; i < to->n_params; i++) {
        const tfx_map_param *x = tfx_growth_map_param(a, i), *y = tfx_growth_map_param(b, i);
        int same = x->n_sources == y->n_sources && x->fill == y->fill && same_numbers(&x->std, &y->std, 1);
        for (uint32_t k = 0; same && k < x->n_sources; k++)
            same = same_source(&x->sources[k], &y->sources[k], to->params[i]->n_factors);
        if (!same)
            return to->params[i]->path;
    }
    return NULL;
}

#include "framework/train/grow.h"

#include <assert.h>
#include <string.h>

#include "framework/base/bf16.h"
#include "framework/base/memory.h"
#include "framework/model/growth.h"
#include "framework/model/growth_apply.h"
#include "framework/model/initialise.h"
#include "framework/plan/event.h"
#include "framework/plan/origin.h"

/* One event while it goes on. */
typedef struct event {
    const tfx_arm_plan *plan;
    const tfx_stage_plan *from, *to;
    const tfx_growth_map *map;
    uint32_t *view_of; /* per tensor of the new state: the parameter of the map that it is, or belongs to */
    uint64_t seed;
    tfx_text *changes;
} event;

/* Of one tensor: what its sources are. */
typedef struct sources {
    float **data;
    uint64_t *n;
    uint32_t count;
} sources;

static void sources_finish(sources *s)
{
    for (uint32_t i = 0; s->data && i < s->count; i++)
        free(s->data[i]);
    free(s->data);
    free(s->n);
}

/* How many elements a tensor of the old model has that belongs to parameter p and is of the kind of t. */
static uint64_t old_elements(const tfx_model_param *p, const tfx_state_tensor *t)
{
    if (t->shape == TFX_STATE_LIKE_PARAM)
        return tfx_shape_elements(p->n_dims, p->dims);
    return t->grow_axis < 0 ? 1 : (uint64_t)p->dims[t->grow_axis];
}

static float *read_old(tfx_st_reader *r, const char *path, const char *name, uint64_t n, tfx_error *err)
{
    const tfx_st_tensor *f = tfx_st_find(r, name);
    float *data = NULL;
    if (!f || tfx_shape_elements(f->n_dims, f->dims) != n)
        tfx_fail(err, TFX_E_DATA, "%s: tensor %s is missing or has another size than planned", path, name);
    else if (!(data = malloc(sizeof(float) * n)))
        tfx_fail(err, TFX_E_MEMORY, "growing %s: out of memory", name);
    else
        tfx_st_read_f32(r, f, 0, n, data, err);
    return data;
}

/* Reads the tensors of the old model that tensor t of the new one is made of. */
static tfx_status read_sources(const event *e, tfx_st_reader *r, const char *path, const tfx_state_tensor *t,
                               uint32_t param, sources *s, tfx_error *err)
{
    const tfx_map_param *p = tfx_growth_map_param(e->map, param);
    const char *state = t->kind == TFX_STATE_PARAM ? "" : t->name + strlen(e->to->state.tensors[t->owner].name);
    *s = (sources){.data = TFX_NEW_ARRAY(float *, p->n_sources),
                   .n = TFX_NEW_ARRAY(uint64_t, p->n_sources),
                   .count = p->n_sources};
    for (uint32_t i = 0; i < p->n_sources && err->status == TFX_OK; i++) {
        const tfx_model_param *old = tfx_growth_map_from(e->map)->params[p->sources[i].old];
        char *name = tfx_printf("%s%s", old->path, state);
        s->n[i] = old_elements(old, t);
        s->data[i] = read_old(r, path, name, s->n[i], err);
        free(name);
    }
    return err->status;
}

/* In place, as the cast of an update rounds. */
static void round_to_bf16(float *data, uint64_t n)
{
    uint16_t *out = (uint16_t *)(void *)data;
    for (uint64_t i = 0; i < n; i++)
        out[i] = tfx_bf16_from_f32(data[i]);
}

static tfx_status make_param(const event *e, const tfx_state_tensor *t, uint32_t param, const float *const *old,
                             float *data, tfx_error *err)
{
    if (tfx_event_has_operator(e->plan->arm, e->to->index)) {
        tfx_growth_values(e->map, param, t, old, e->seed, data);
    } else {
        const tfx_state_tensor *before = &e->from->state.tensors[tfx_state_find(&e->from->state, t->name)];
        tfx_param_initialise(t, e->seed, 0, t->elements, data);
        tfx_growth_param(e->plan->arm->scaling.impl, e->plan->policy, before, t, old[0], e->seed, data, err);
    }
    if (err->status == TFX_OK) {
        tfx_growth_noise(e->map, param, old, e->to->noise, e->to->noise_old, e->seed, data);
        tfx_growth_describe(e->map, param, old, data, e->changes);
    }
    return err->status;
}

static void make_state(const event *e, const tfx_state_tensor *t, uint32_t param, const sources *s, float *data)
{
    const float *const *old = (const float *const *)s->data;
    int counts = t->shape == TFX_STATE_PER_SLICE; /* steps; under "keep" new slices take over the old count */
    if (t->shape != TFX_STATE_LIKE_PARAM)
        tfx_growth_slices(e->map, param, t->grow_axis, t->elements, old, s->n, counts && e->to->carry == TFX_STATE_KEEP,
                          data);
    else
        tfx_growth_moments(e->map, param, t->elements, old, t->power, data);
    if (t->dtype == TFX_BF16)
        round_to_bf16(data, t->elements);
}

/* The tensors of one kind, which are in a file of their own. */
static tfx_status grow_file(const event *e, tfx_state_kind kind, const char *checkpoint, const char *file,
                            const tfx_state_io *io, tfx_error *err)
{
    char *path = tfx_printf("%s/%s", checkpoint, file);
    tfx_st_reader *r = tfx_st_open(path, err);
    for (uint32_t i = 0; r && i < e->to->state.n && err->status == TFX_OK; i++) {
        const tfx_state_tensor *t = &e->to->state.tensors[i];
        if (t->kind != kind || t->in_place)
            continue;
        sources s;
        float *data = malloc(sizeof(float) * t->elements);
        if (!data)
            tfx_fail(err, TFX_E_MEMORY, "growing %s: out of memory", t->name);
        read_sources(e, r, path, t, e->view_of[i], &s, err);
        if (err->status == TFX_OK && kind == TFX_STATE_PARAM)
            make_param(e, t, e->view_of[i], (const float *const *)s.data, data, err);
        else if (err->status == TFX_OK)
            make_state(e, t, e->view_of[i], &s, data);
        if (err->status == TFX_OK)
            io->write(io->ctx, t, 0, data, t->bytes);
        sources_finish(&s);
        free(data);
    }
    tfx_st_close(r);
    free(path);
    return err->status;
}

static void write_places(const event *e, const tfx_state_io *io)
{
    for (uint32_t i = 0; i < e->to->state.n; i++) {
        const tfx_state_tensor *t = &e->to->state.tensors[i];
        if (!t->in_place)
            continue;
        float *places = TFX_NEW_ARRAY(float, t->elements);
        tfx_growth_places(e->map, e->view_of[i], t->grow_axis, t->elements, places);
        io->write(io->ctx, t, 0, places, t->bytes);
        free(places);
    }
}

/* Parameters are in the same order in the state and in its view. */
static uint32_t *find_views(const tfx_state_layout *s, const tfx_model_view *v)
{
    uint32_t *view_of = TFX_NEW_ARRAY(uint32_t, s->n), next = 0;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->tensors[i].kind == TFX_STATE_PARAM)
            view_of[i] = next++;
        else if (s->tensors[i].kind == TFX_STATE_OPTIMIZER)
            view_of[i] = view_of[s->tensors[i].owner];
    assert(next == v->n_params);
    return view_of;
}

tfx_status tfx_grow_from_checkpoint(const tfx_arm_plan *plan, uint32_t to, const char *checkpoint, uint64_t seed,
                                    tfx_engine *engine, tfx_text *changes, tfx_error *err)
{
    tfx_state_io io = tfx_engine_io(engine);
    tfx_stage_plan *from = to ? plan->stages[to - 1] : plan->origin->stage;
    event e = {.plan = plan,
               .from = from,
               .to = plan->stages[to],
               .seed = tfx_event_seed(seed, to), /* every event draws its own numbers */
               .changes = changes};
    tfx_growth_map *map = tfx_event_map_create(plan->arm, to, from, plan->stages[to], plan->registry, e.seed, err);
    if (!map)
        return err->status;
    e.map = map;
    e.view_of = find_views(&e.to->state, e.to->view);
    tfx_text_add(changes, "[");
    if (grow_file(&e, TFX_STATE_PARAM, checkpoint, TFX_CHECKPOINT_WEIGHTS, &io, err) == TFX_OK &&
        e.to->carry != TFX_STATE_RESET) /* a fresh engine's state is zero */
        grow_file(&e, TFX_STATE_OPTIMIZER, checkpoint, TFX_CHECKPOINT_OPTIMIZER, &io, err);
    write_places(&e, &io);
    tfx_text_add(changes, "]");
    free(e.view_of);
    tfx_growth_map_destroy(map);
    return err->status;
}

#include "framework/plan/stage.h"

#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/graph/autodiff.h"
#include "framework/graph/builder.h"
#include "framework/model/build.h"
#include "framework/plan/clip.h"
#include "framework/plugin/calls/backend_calls.h"
#include "framework/plugin/calls/optimizer_calls.h"

uint64_t tfx_stage_peak_bytes(const tfx_stage_plan *s)
{
    return s->state_bytes + s->arena_bytes + s->workspace_bytes;
}

/* Code, libraries with their buffers, checkpoint staging and the probe: measured as resident
 * memory beyond the plan (49 MB at 124M parameters), with room to spare. */
#define HOST_BASE_BYTES ((uint64_t)192 << 20)

uint64_t tfx_stage_host_bytes(const tfx_stage_plan *s)
{
    uint64_t largest = 0;
    for (uint32_t i = 0; s->index && i < s->state.n; i++)
        if (s->state.tensors[i].kind == TFX_STATE_PARAM && s->state.tensors[i].bytes > largest)
            largest = s->state.tensors[i].bytes;
    return HOST_BASE_BYTES + 2 * largest;
}

/* What the optimizer keeps for one parameter. */
typedef struct param_state {
    uint32_t param;             /* index in the state layout */
    uint32_t state[TFX_MAX_STATES];
    uint32_t accumulator;       /* or TFX_STATE_NONE */
} param_state;

typedef struct stage_builder {
    const tfx_stage_params *p;
    tfx_stage_plan *s;
    tfx_error *err;
    param_state *params; /* the trained ones */
    uint32_t n_params;
    size_t n_states;
    int64_t rows;
} stage_builder;

static void begin_graph(const stage_builder *b, tfx_graph *g, int training)
{
    tfx_graph_init(g, &b->s->state, b->err);
    g->registry = b->p->registry;
    g->ops = &b->s->ops;
    g->device = b->p->device->cls->device;
    g->training = training;
}

/* Mean cross-entropy of the model on the inputs, and the logits. */
static tfx_value build_loss(const stage_builder *b, tfx_graph *g, double scale, tfx_value *logits)
{
    tfx_value tokens = tfx_emit_state(g, b->s->tokens);
    tfx_value targets = tfx_emit_state(g, b->s->targets);
    g->dropout_key = tfx_emit_state(g, b->s->key);
    int regions = g->training && b->p->train->recompute == TFX_RECOMPUTE_BLOCK;
    *logits = tfx_model_build(b->s->model, g, tokens, regions);
    tfx_value per_token = tfx_emit_cross_entropy(g, *logits, targets);
    return tfx_emit_affine(g, tfx_emit_sum(g, per_token, 3, 0), scale, 0.0);
}

static void add_optimizer_state(stage_builder *b, const tfx_optimizer_class *cls)
{
    const tfx_train_config *train = b->p->train;
    tfx_state states[TFX_MAX_STATES];
    if (tfx_call_optimizer_states(cls, train->optimizer.options, states, &b->n_states, b->err) != TFX_OK) {
        tfx_plugin_use_locate(&train->optimizer, b->err);
        return;
    }
    uint32_t n = b->s->state.n; /* parameters only so far, besides inputs */
    b->params = TFX_NEW_ARRAY(param_state, n);
    for (uint32_t i = 0; i < n; i++) {
        tfx_state_tensor t = b->s->state.tensors[i];
        if (t.kind != TFX_STATE_PARAM || t.flags & TFX_PARAM_FIXED)
            continue;
        param_state *ps = &b->params[b->n_params++];
        ps->param = i;
        ps->accumulator = TFX_STATE_NONE;
        int64_t slices[TFX_MAX_DIMS];
        for (uint32_t d = 0; d < t.n_dims; d++)
            slices[d] = (int)d == t.grow_axis ? t.dims[d] : 1;
        for (size_t k = 0; k < b->n_states; k++) {
            char *name = tfx_printf("%s/%s", t.name, states[k].name);
            ps->state[k] = tfx_state_add(&b->s->state, TFX_STATE_OPTIMIZER, name, states[k].dtype, t.n_dims,
                                         states[k].shape == TFX_STATE_PER_SLICE ? slices : t.dims);
            b->s->state.tensors[ps->state[k]].owner = i;
            b->s->state.tensors[ps->state[k]].grow_axis = t.grow_axis;
            b->s->state.tensors[ps->state[k]].per_slice = states[k].shape == TFX_STATE_PER_SLICE;
            free(name);
        }
        if (b->s->n_micro > 1) {
            char *name = tfx_printf("%s/grad", t.name);
            ps->accumulator = tfx_state_add(&b->s->state, TFX_STATE_SCRATCH, name, TFX_F32, t.n_dims, t.dims);
            b->s->state.tensors[ps->accumulator].owner = i;
            free(name);
        }
    }
}

/* Emits clipping and every parameter's update; returns the gradient norm. */
static tfx_value build_updates(const stage_builder *b, tfx_graph *g, const tfx_optimizer_class *cls, tfx_value *grads)
{
    const tfx_train_config *train = b->p->train;
    tfx_builder builder;
    tfx_builder_for_graph(&builder, g);
    g->update = 1;
    tfx_value norm = tfx_grad_norm(g, grads, b->n_params);
    tfx_value factor = train->clip > 0 ? tfx_clip_factor(g, norm, train->clip) : TFX_POISON;
    tfx_value lr = tfx_emit_state(g, b->s->lr);
    for (uint32_t i = 0; i < b->n_params && g->err->status == TFX_OK; i++) {
        const param_state *ps = &b->params[i];
        const tfx_state_tensor *t = &b->s->state.tensors[ps->param];
        tfx_update u = {.struct_size = sizeof(u), .options = train->optimizer.options};
        u.param = tfx_emit_state(g, ps->param);
        u.grad = factor ? tfx_emit_binary(g, TFX_OP_MUL, grads[i], factor) : grads[i];
        u.lr = lr;
        u.decay = t->n_dims >= 2 && !(t->flags & TFX_PARAM_NO_DECAY);
        for (size_t k = 0; k < b->n_states; k++)
            u.state[k] = tfx_emit_cast(g, tfx_emit_state(g, ps->state[k]), TFX_F32);
        char *label = tfx_printf("%s (optimizer %s)", t->name, cls->name);
        g->path = label;
        tfx_call_optimizer_build_update(cls, &builder, t->name, b->n_states, &u);
        if (g->err->status == TFX_OK)
            tfx_emit_store(g, u.new_param, u.param);
        for (size_t k = 0; k < b->n_states && g->err->status == TFX_OK; k++) {
            tfx_value place = tfx_emit_state(g, ps->state[k]);
            tfx_emit_store(g, tfx_emit_cast(g, u.new_state[k], g->values[place].dtype), place);
        }
        g->path = NULL;
        free(label);
    }
    g->update = 0;
    return norm;
}

/* The gradient of every trained parameter, added to its accumulator if there is one. */
static void build_grads(const stage_builder *b, tfx_graph *g, tfx_value loss, double seed, tfx_value *grads)
{
    tfx_value *wrt = TFX_NEW_ARRAY(tfx_value, b->n_params);
    for (uint32_t i = 0; i < b->n_params; i++) {
        wrt[i] = tfx_emit_state(g, b->params[i].param);
        grads[i] = b->params[i].accumulator == TFX_STATE_NONE ? TFX_POISON
                                                              : tfx_emit_state(g, b->params[i].accumulator);
    }
    tfx_value *before = TFX_NEW_ARRAY(tfx_value, b->n_params);
    memcpy(before, grads, sizeof(*grads) * b->n_params);
    tfx_autodiff(g, loss, seed, wrt, b->n_params, grads);
    for (uint32_t i = 0; i < b->n_params; i++)
        if (grads[i] == before[i])
            tfx_graph_fail(g, "parameter %s does not influence the loss", b->s->state.tensors[b->params[i].param].name);
    free(before);
    free(wrt);
}

/* Whether byte counts of the graph and its state stay far from overflowing, however they are
 * added up. No machine has an exabyte, so nothing that could run is lost. */
static tfx_status check_total(tfx_graph *g)
{
    double total = 0;
    char text[32];
    for (tfx_value v = 1; v < g->n_values; v++)
        total += (double)tfx_value_elements(g, v) * (double)tfx_dtype_bytes(g->values[v].dtype);
    for (uint32_t i = 0; i < g->state->n; i++)
        total += (double)g->state->tensors[i].elements * (double)tfx_dtype_bytes(g->state->tensors[i].dtype);
    if (total > 0x1p60)
        return tfx_fail(g->err, TFX_E_INVALID, "the model's values take %s of memory together; no machine has that",
                        tfx_format_bytes(text, total));
    return TFX_OK;
}

static tfx_placement *finish_graph(const stage_builder *b, tfx_graph *g, const tfx_value *outputs, uint32_t n)
{
    tfx_placement_options options = {
        .fuse = (b->p->device->cls->capabilities & TFX_BACKEND_FUSES_POINTWISE) != 0,
        .reuse = !b->p->no_reuse,
    };
    tfx_placement *planned = NULL;
    if (g->err->status == TFX_OK && check_total(g) == TFX_OK)
        planned = tfx_placement_create(g, outputs, n, &options, b->err);
    tfx_graph_finish(g);
    return planned;
}

static void build_training(stage_builder *b)
{
    const tfx_optimizer_class *cls = b->p->train->optimizer.impl;
    tfx_stage_plan *s = b->s;
    double scale = 1.0 / ((double)s->micro_batch * (double)s->context);
    tfx_graph g;
    tfx_value logits, out[2];

    /* The first graph declares the parameters; the optimizer's state follows them. */
    begin_graph(b, &g, 1);
    out[0] = build_loss(b, &g, scale, &logits);
    if (b->err->status == TFX_OK)
        add_optimizer_state(b, cls);
    if (b->err->status != TFX_OK) {
        tfx_graph_finish(&g);
        return;
    }
    tfx_value *grads = TFX_NEW_ARRAY(tfx_value, b->n_params);
    build_grads(b, &g, out[0], 1.0 / (double)s->n_micro, grads);
    if (s->n_micro == 1) {
        out[1] = build_updates(b, &g, cls, grads);
        s->step = finish_graph(b, &g, out, 2);
    } else {
        for (uint32_t i = 0; i < b->n_params; i++)
            tfx_emit_store(&g, grads[i], tfx_emit_state(&g, b->params[i].accumulator));
        s->accumulate = finish_graph(b, &g, out, 1);

        begin_graph(b, &g, 0);
        for (uint32_t i = 0; i < b->n_params; i++)
            grads[i] = tfx_emit_state(&g, b->params[i].accumulator);
        out[0] = build_updates(b, &g, cls, grads);
        for (uint32_t i = 0; i < b->n_params; i++) {
            const tfx_state_tensor *t = &s->state.tensors[b->params[i].accumulator];
            tfx_emit_store(&g, tfx_emit_constant(&g, 0.0, t->n_dims, t->dims), grads[i]);
        }
        s->update = finish_graph(b, &g, out, 1);
    }
    free(grads);
}

static void build_eval(stage_builder *b)
{
    tfx_graph g;
    tfx_value out[2];
    begin_graph(b, &g, 0);
    out[0] = build_loss(b, &g, 1.0, &out[1]);
    b->s->eval = finish_graph(b, &g, out, 2);
}

/* What the backend has to say of one program: can it run all of it, and with how much
 * scratch memory. */
static void check_program(const stage_builder *b, const tfx_placement *planned)
{
    if (!planned || b->err->status != TFX_OK)
        return;
    const tfx_device *d = b->p->device;
    const tfx_program *p = &planned->program;
    b->s->arena_bytes = p->arena_bytes > b->s->arena_bytes ? p->arena_bytes : b->s->arena_bytes;
    for (uint32_t i = 0; i < p->n_steps; i++)
        for (uint32_t k = 0; k < p->steps[i]->n_nodes; k++)
            if (!tfx_call_backend_supports(d->cls, d->backend, p, p->steps[i]->nodes[k])) {
                /* Sizes beyond what kernels count are beyond the memory, too, and it is that
                 * which the user has to know. */
                if (b->s->state.bytes + b->s->arena_bytes <= tfx_call_backend_memory(d->cls, d->backend))
                    tfx_fail(b->err, TFX_E_UNSUPPORTED, "backend '%s' cannot execute %s as model '%s' uses it",
                             d->cls->name, tfx_op_name(p->steps[i]->nodes[k]->op), b->s->model->name);
                return;
            }
    b->s->workspace_bytes += tfx_call_backend_workspace(d->cls, d->backend, p); /* every program has its own */
}

static void sum_up(tfx_stage_plan *s)
{
    s->state_bytes = s->state.bytes;
    for (uint32_t i = 0; i < s->state.n; i++) {
        const tfx_state_tensor *t = &s->state.tensors[i];
        if (t->kind == TFX_STATE_PARAM) {
            s->n_params += t->elements;
            s->param_bytes += t->bytes;
        } else if (t->kind == TFX_STATE_OPTIMIZER) {
            s->optimizer_bytes += t->bytes;
        }
    }
    const tfx_placement *pass = s->step ? s->step : s->accumulate;
    if (pass) {
        double tokens = (double)s->micro_batch * (double)s->context;
        s->flops_per_token = pass->cost.flops / tokens;
        s->executed_flops = (pass->cost.flops + pass->cost.recomputed) * (double)s->n_micro;
        if (s->update) {
            /* An optimizer's own matrix products count like any others. */
            s->flops_per_token += s->update->cost.flops / (tokens * (double)s->n_micro);
            s->executed_flops += s->update->cost.flops;
        }
    }
    /* Every program sees the whole state, also the part declared after it was planned. */
    tfx_placement *all[] = {s->step, s->accumulate, s->update, s->eval};
    for (size_t i = 0; i < 4; i++)
        if (all[i])
            all[i]->program.state_bytes = s->state.bytes;
}

tfx_stage_plan *tfx_stage_plan_create(const tfx_stage_params *p, tfx_error *err)
{
    tfx_stage_plan *s = TFX_NEW(tfx_stage_plan);
    stage_builder b = {.p = p, .s = s, .err = err};
    s->model = tfx_model_create(p->registry, p->model, err);
    if (s->model) {
        s->batch = p->train->batch;
        s->micro_batch = p->train->micro_batch;
        s->n_micro = s->batch / s->micro_batch;
        s->context = s->model->context;
        int64_t rows[2] = {p->eval_only && p->eval_rows ? p->eval_rows : s->micro_batch, s->context}, key[1] = {2};
        s->tokens = tfx_state_add(&s->state, TFX_STATE_INPUT, "/tokens", TFX_I32, 2, rows);
        s->targets = tfx_state_add(&s->state, TFX_STATE_INPUT, "/targets", TFX_I32, 2, rows);
        s->lr = tfx_state_add(&s->state, TFX_STATE_INPUT, "/lr", TFX_F32, 0, NULL);
        s->key = tfx_state_add(&s->state, TFX_STATE_INPUT, "/key", TFX_I32, 1, key);
        if (!p->eval_only)
            build_training(&b);
        if (err->status == TFX_OK)
            build_eval(&b);
        check_program(&b, s->step);
        check_program(&b, s->accumulate);
        check_program(&b, s->update);
        check_program(&b, s->eval);
        if (err->status == TFX_OK)
            sum_up(s);
        else
            tfx_error_locate_in(err, p->model->file, p->model->line, "[model %s]", p->model->name);
    }
    free(b.params);
    if (err->status != TFX_OK) {
        tfx_stage_plan_destroy(s);
        return NULL;
    }
    return s;
}

void tfx_stage_plan_destroy(tfx_stage_plan *s)
{
    if (!s)
        return;
    tfx_placement_destroy(s->step);
    tfx_placement_destroy(s->accumulate);
    tfx_placement_destroy(s->update);
    tfx_placement_destroy(s->eval);
    tfx_state_finish(&s->state);
    tfx_model_destroy(s->model);
    free(s->ops.items);
    free(s);
}

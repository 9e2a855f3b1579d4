#include "framework/plan/optimizer.h"

#include <assert.h>

#include "framework/base/memory.h"
#include "framework/graph/builder.h"
#include "framework/plan/slices.h"
#include "framework/plugin/calls/optimizer_calls.h"

/* No name of a state: those have no spaces. */
#define ACCUMULATOR "grad sum"

/* Puts the place where the spec chose the optimizer before a message about it, unless the message is about
 * one of its options, which have places of their own. */
static void locate(const tfx_train_config *train, tfx_error *err)
{
    int line;
    const char *file = tfx_options_origin(train->options, "optimizer", &line);
    if (file && !tfx_options_blamed(train->optimizer.options, err->text))
        tfx_error_locate_in(err, file, line, "optimizer");
    else
        tfx_plugin_use_locate(&train->optimizer, err);
}

static uint32_t add_state(tfx_state_layout *s, uint32_t param, const tfx_state *state, tfx_state_kind kind)
{
    int per_slice = state->shape == TFX_STATE_PER_SLICE;
    tfx_state_tensor p = s->tensors[param];
    char *path = tfx_printf("%s/%s", p.name, state->name);
    for (uint32_t d = 0; per_slice && d < p.n_dims; d++)
        p.dims[d] = (int)d == p.grow_axis ? p.dims[d] : 1;
    uint32_t at = tfx_state_add(s, kind, path, state->dtype, p.n_dims, p.dims);
    s->tensors[at].owner = param;
    s->tensors[at].grow_axis = p.grow_axis;
    s->tensors[at].per_slice = per_slice;
    s->tensors[at].power = per_slice ? 0 : state->gradient_power;
    free(path);
    return at;
}

static int rates_differ(const tfx_trained_params *t)
{
    return t->rates.set && (t->rates.old != 1 || t->rates.new != 1);
}

static uint32_t n_places(const tfx_state_tensor *param)
{
    return param->n_dims ? param->n_dims : 1;
}

/* A vector along each axis that says which slices are in their old places. */
static void add_places(const tfx_trained_params *t, tfx_trained_param *p, tfx_state_layout *s)
{
    const tfx_state_tensor param = s->tensors[p->param];
    for (uint32_t axis = 0; axis < n_places(&param) && (t->slices || rates_differ(t)); axis++) {
        int64_t dims[TFX_MAX_DIMS];
        for (uint32_t d = 0; d < param.n_dims; d++)
            dims[d] = d == axis ? param.dims[d] : 1;
        char *path = tfx_printf("%s/" TFX_STATE_PLACES " %u", param.name, axis);
        uint32_t at = tfx_state_add(s, TFX_STATE_OPTIMIZER, path, TFX_F32, param.n_dims, dims);
        free(path);
        s->tensors[at].owner = p->param;
        s->tensors[at].grow_axis = (int)axis;
        s->tensors[at].in_place = 1;
        p->in_place[axis] = at;
    }
}

tfx_status tfx_optimizer_declare(tfx_trained_params *t, const tfx_train_config *train, int accumulate,
                                 tfx_state_layout *s, tfx_error *err)
{
    tfx_state states[TFX_MAX_STATES];
    const tfx_plugin_use *use = &train->optimizer;
    if (tfx_call_optimizer_states(use->impl, use->options, states, &t->n_states, err) != TFX_OK) {
        locate(train, err);
        return err->status;
    }
    for (size_t k = 0; k < t->n_states; k++)
        t->state_names[k] = tfx_strdup(states[k].name);
    const tfx_state accumulator = {sizeof(accumulator), ACCUMULATOR, TFX_STATE_LIKE_PARAM, train->gradients, 1};
    uint32_t n = s->n; /* inputs and parameters so far: an optimizer's state has no state */
    assert(!t->items && !s->frozen);
    t->items = TFX_NEW_ARRAY(tfx_trained_param, n);
    for (uint32_t i = 0; i < n; i++) {
        if (s->tensors[i].kind != TFX_STATE_PARAM || s->tensors[i].flags & TFX_PARAM_FIXED)
            continue;
        tfx_trained_param *p = &t->items[t->n++];
        p->param = i;
        for (size_t k = 0; k < t->n_states; k++)
            p->state[k] = add_state(s, i, &states[k], TFX_STATE_OPTIMIZER);
        p->accumulator = accumulate ? add_state(s, i, &accumulator, TFX_STATE_SCRATCH) : TFX_STATE_NONE;
        add_places(t, p, s);
    }
    return TFX_OK;
}

void tfx_optimizer_finish(tfx_trained_params *t)
{
    for (size_t k = 0; k < t->n_states; k++)
        free(t->state_names[k]);
    free(t->items);
    *t = (tfx_trained_params){0};
}

/* 1 for each element that is old, else 0: an element is old where all of its slices are in their old places. */
static tfx_value old_elements(const tfx_trained_param *p, tfx_graph *g)
{
    tfx_value old = tfx_emit_state(g, p->in_place[0]);
    for (uint32_t axis = 1; axis < n_places(&g->state->tensors[p->param]); axis++)
        old = tfx_emit_binary(g, TFX_OP_MUL, old, tfx_emit_state(g, p->in_place[axis]));
    return old;
}

/* The update of one parameter. */
static void emit_update(const tfx_trained_params *t, const tfx_trained_param *p, const tfx_train_config *train,
                        const tfx_builder *b, tfx_value grad, tfx_value factor, tfx_value lr, tfx_value *sums)
{
    tfx_graph *g = tfx_builder_graph(b);
    tfx_value before_clipping = tfx_emit_cast(g, grad, TFX_F32); /* here, so that it is not kept as f32 */
    const tfx_state_tensor *tensor = &g->state->tensors[p->param];
    const tfx_optimizer_class *cls = train->optimizer.impl;
    tfx_value old = sums || rates_differ(t) ? old_elements(p, g) : TFX_POISON;
    tfx_update u = {.struct_size = sizeof(u), .options = train->optimizer.options, .grad = before_clipping, .lr = lr};
    if (factor) /* one by one, right before its use, so that both become one pass over memory */
        u.grad = tfx_emit_binary(g, TFX_OP_MUL, u.grad, factor);
    if (rates_differ(t))
        u.lr = tfx_emit_binary(g, TFX_OP_MUL, tfx_emit_affine(g, old, t->rates.old - t->rates.new, t->rates.new), lr);
    u.param = tfx_emit_state(g, p->param);
    u.decay = tensor->n_dims >= 2 && !(tensor->flags & TFX_PARAM_NO_DECAY);
    for (size_t k = 0; k < t->n_states; k++)
        u.state[k] = tfx_emit_cast(g, tfx_emit_state(g, p->state[k]), TFX_F32);
    tfx_call_optimizer_build_update(cls, b, tensor->name, (const char *const *)t->state_names, t->n_states, &u);
    if (g->err->status == TFX_OK)
        tfx_emit_store(g, u.new_param, u.param);
    for (size_t k = 0; k < t->n_states && g->err->status == TFX_OK; k++) {
        tfx_value place = tfx_emit_state(g, p->state[k]);
        tfx_emit_store(g, tfx_emit_cast(g, u.new_state[k], g->values[place].dtype), place);
    }
    if (sums && g->err->status == TFX_OK)
        tfx_slice_sums(g, old, before_clipping, u.param, u.new_param, sums);
}

void tfx_optimizer_update(const tfx_trained_params *t, const tfx_train_config *train, tfx_graph *g,
                          const tfx_value *grads, tfx_value factor, tfx_value lr, tfx_value *sums)
{
    tfx_builder b;
    tfx_builder_for_graph(&b, g);
    for (uint32_t i = 0; i < t->n && g->err->status == TFX_OK; i++) {
        char *who = tfx_printf("optimizer %s, parameter %s", train->optimizer.name,
                               g->state->tensors[t->items[i].param].name);
        g->path = who;
        emit_update(t, &t->items[i], train, &b, grads[i], factor, lr, sums ? &sums[i * TFX_SLICE_SUMS] : NULL);
        g->path = NULL;
        if (g->err->status != TFX_OK)
            locate(train, g->err);
        free(who);
    }
}

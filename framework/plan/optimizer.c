#include "framework/plan/optimizer.h"

#include <assert.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/axes.h"
#include "framework/graph/builder.h"
#include "framework/graph/sites.h"
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
    tfx_state_tensor p = s->tensors[param];
    char *path = tfx_printf("%s/%s", p.name, state->name);
    int axis = state->shape == TFX_STATE_ALONG_AXIS ? (int)state->axis
               : state->shape == TFX_STATE_SCALAR   ? TFX_NOT_GROWABLE
                                                    : p.grow_axis;
    for (uint32_t d = 0; state->shape != TFX_STATE_LIKE_PARAM && d < p.n_dims; d++)
        p.dims[d] = (int)d == axis ? p.dims[d] : 1;
    uint32_t at = tfx_state_add(s, kind, path, state->dtype, p.n_dims, p.dims);
    s->tensors[at].owner = param;
    s->tensors[at].grow_axis = axis;
    s->tensors[at].shape = state->shape;
    s->tensors[at].power = state->shape == TFX_STATE_LIKE_PARAM ? state->gradient_power : 0;
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

/* What the graph and the spec say of a parameter. */
static void describe(tfx_trained_param *p, const tfx_train_config *train, const tfx_axes *axes,
                     const tfx_state_layout *s)
{
    const tfx_param_group *group = tfx_param_group_of(train, s->tensors[p->param].name);
    const tfx_param_axes *of = tfx_axes_of_param(axes, p->param);
    p->rate = group ? group->lr : 1;
    if (s->tensors[p->param].rate != 0)
        p->rate *= s->tensors[p->param].rate;
    p->decay = group ? group->decay : -1;
    for (uint32_t k = of ? of->first[0] : 0; of && k < of->first[of->n_axes];
         k++) { /* NULL: the graph has no use of it */
        const tfx_axis_member *m = &axes->members[k];
        p->marks[m->axis] |= axes->classes[m->cls].marks;
        p->roles[m->axis] |= m->roles;
    }
}

static tfx_param_info info_of(const tfx_trained_param *p, const tfx_state_layout *s)
{
    const tfx_state_tensor *t = &s->tensors[p->param];
    return (tfx_param_info){.struct_size = sizeof(tfx_param_info),
                            .path = t->name,
                            .flags = t->flags,
                            .grow_axis = t->grow_axis,
                            .n_dims = t->n_dims,
                            .dims = t->dims,
                            .marks = p->marks,
                            .roles = p->roles,
                            .decay = p->decay};
}

static tfx_status add_states(tfx_trained_param *p, const tfx_train_config *train, tfx_state_layout *s, tfx_error *err)
{
    tfx_state states[TFX_MAX_STATES];
    tfx_state_tensor param = s->tensors[p->param]; /* adding tensors may move it */
    tfx_param_info info = info_of(p, s);
    info.dims = param.dims;
    if (tfx_call_optimizer_states(train->optimizer.impl, train->optimizer.options, &info, states, &p->n_states, err) !=
        TFX_OK)
        locate(train, err);
    for (size_t k = 0; k < p->n_states; k++)
        p->state[k] = add_state(s, p->param, &states[k], TFX_STATE_OPTIMIZER);
    return err->status;
}

tfx_status tfx_optimizer_declare(tfx_trained_params *t, const tfx_train_config *train, int accumulate,
                                 const tfx_graph *g, tfx_state_layout *s, tfx_error *err)
{
    const tfx_state accumulator = {sizeof(accumulator), ACCUMULATOR, TFX_STATE_LIKE_PARAM, train->gradients, 1, 0};
    uint32_t n = s->n; /* inputs and parameters so far: an optimizer's state has no state */
    assert(!t->items && !s->frozen);
    t->items = TFX_NEW_ARRAY(tfx_trained_param, n);
    tfx_axes *axes = tfx_axes_create(g);
    for (uint32_t i = 0; i < n && err->status == TFX_OK; i++) {
        if (!tfx_state_is_trained(&s->tensors[i]))
            continue;
        tfx_trained_param *p = &t->items[t->n++];
        p->param = i;
        describe(p, train, axes, s);
        add_states(p, train, s, err);
        p->accumulator = accumulate ? add_state(s, i, &accumulator, TFX_STATE_SCRATCH) : TFX_STATE_NONE;
        add_places(t, p, s);
    }
    tfx_axes_destroy(axes);
    if (err->status == TFX_OK && !t->n)
        tfx_fail(err, TFX_E_INVALID, "no parameter is trained");
    return err->status;
}

void tfx_optimizer_finish(tfx_trained_params *t)
{
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
    tfx_param_info info = info_of(p, g->state);
    tfx_update u = {.struct_size = sizeof(u),
                    .options = train->optimizer.options,
                    .grad = before_clipping,
                    .lr = p->rate == 1 ? lr : tfx_emit_affine(g, lr, p->rate, 0.0),
                    .info = &info};
    if (factor) /* one by one, right before its use, so that both become one pass over memory */
        u.grad = tfx_emit_binary(g, TFX_OP_MUL, u.grad, factor);
    if (rates_differ(t))
        u.lr = tfx_emit_binary(g, TFX_OP_MUL, tfx_emit_affine(g, old, t->rates.old - t->rates.new, t->rates.new), u.lr);
    u.param = tfx_emit_state(g, p->param);
    u.decay = p->decay >= 0 ? p->decay : tensor->n_dims >= 2 && !(tensor->flags & TFX_PARAM_NO_DECAY);
    const char *names[TFX_MAX_STATES];
    for (size_t k = 0; k < p->n_states; k++) {
        names[k] = g->state->tensors[p->state[k]].name + strlen(tensor->name) + 1;
        u.state[k] = tfx_emit_cast(g, tfx_emit_state(g, p->state[k]), TFX_F32);
    }
    tfx_call_optimizer_build_update(cls, b, tensor->name, names, p->n_states, &u);
    if (g->err->status == TFX_OK)
        tfx_emit_store(g, u.new_param, u.param);
    for (size_t k = 0; k < p->n_states && g->err->status == TFX_OK; k++) {
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
        g->site = tfx_site_of(g, g->state->tensors[t->items[i].param].name, train->optimizer.name);
        emit_update(t, &t->items[i], train, &b, grads[i], factor, lr, sums ? &sums[i * TFX_SLICE_SUMS] : NULL);
        g->path = NULL;
        g->site = 0;
        if (g->err->status != TFX_OK)
            locate(train, g->err);
        free(who);
    }
}

#include "framework/plugin/calls/optimizer_calls.h"

#include <string.h>

#include "framework/base/text.h"
#include "framework/plugin/classes.h"
#include "framework/plugin/host.h"

static void check_state(tfx_call *c, const tfx_state *states, size_t i, uint32_t n_dims)
{
    const tfx_state *s = &states[i];
    if (!tfx_name_valid(s->name, 0)) {
        tfx_call_bug(c, "state %zu has no valid name", i);
        return;
    }
    for (size_t k = 0; k < i; k++)
        if (!strcmp(states[k].name, s->name))
            tfx_call_bug(c, "two states are called \"%s\"", s->name);
    if (s->shape < TFX_STATE_LIKE_PARAM || s->shape > TFX_STATE_SCALAR)
        tfx_call_bug(c, "state \"%s\" has the unknown shape %d", s->name, (int)s->shape);
    if (s->shape == TFX_STATE_ALONG_AXIS && s->axis >= n_dims)
        tfx_call_bug(c, "state \"%s\" is along axis %u of a parameter of rank %u", s->name, s->axis, n_dims);
    if (s->dtype != TFX_F32 && s->dtype != TFX_BF16)
        tfx_call_bug(c, "state \"%s\" has dtype %d; expected f32 (%d) or bf16 (%d)", s->name, (int)s->dtype, TFX_F32,
                     TFX_BF16);
}

tfx_status tfx_call_optimizer_states(const tfx_optimizer_class *cls, const tfx_options *options,
                                     const tfx_param_info *param, tfx_state states[TFX_MAX_STATES], size_t *n,
                                     tfx_error *err)
{
    int for_each = TFX_HAS(cls, states_for) != 0;
    const char *name = for_each ? "states_for" : "states";
    TFX_ROOMY(tfx_state) room[TFX_MAX_STATES];
    tfx_state *out[TFX_MAX_STATES];
    tfx_call c;
    memset(room, 0, sizeof(room));
    for (size_t i = 0; i < TFX_MAX_STATES; i++) {
        out[i] = &room[i].it;
        out[i]->struct_size = sizeof(tfx_state);
    }
    *n = 0;
    tfx_call_begin(&c, TFX_KIND_OPTIMIZER, cls, name, for_each ? param->path : NULL);
    tfx_status status = for_each ? cls->states_for(tfx_host_table(), options, param, out, n)
                                 : cls->states(tfx_host_table(), options, out, n);
    if (status == TFX_OK && *n > TFX_MAX_STATES)
        tfx_call_bug(&c, "`%s` declares %zu states; expected at most %d", name, *n, TFX_MAX_STATES);
    for (size_t i = 0; status == TFX_OK && !c.misuse && i < *n; i++) {
        states[i] = room[i].it;
        check_state(&c, states, i, param->n_dims);
    }
    status = tfx_call_end_named(&c, status, err);
    if (status != TFX_OK)
        *n = 0;
    return status;
}

/* A new value of the shape of the old one, which an operand that was broadcast does not have. */
static void check_value(const tfx_builder *b, const char *name, tfx_value value, tfx_value old)
{
    if (b->dtype(b, value) == TFX_F32 && tfx_call_same_shape(b, value, old))
        return;
    char shapes[2][TFX_SHAPE_TEXT];
    const tfx_value values[2] = {old, value};
    for (int i = 0; i < 2; i++) {
        int64_t dims[TFX_MAX_DIMS];
        for (uint32_t k = 0; k < b->rank(b, values[i]); k++)
            dims[k] = b->dim_of(b, values[i], (int)k);
        tfx_format_shape(shapes[i], b->rank(b, values[i]), dims);
    }
    b->error(b, "build_update gave a new value for %s of another shape or dtype: expected f32 %s; found %s %s", name,
             shapes[0], b->dtype(b, value) == TFX_F32 ? "f32" : "another dtype,", shapes[1]);
}

void tfx_call_optimizer_build_update(const tfx_optimizer_class *cls, const tfx_builder *b, const char *param,
                                     const char *const *names, size_t n_states, tfx_update *u)
{
    tfx_call c;
    tfx_error err = {0};
    tfx_call_begin(&c, TFX_KIND_OPTIMIZER, cls, "build_update", param);
    if (tfx_call_end(&c, cls->build_update(b, u), "", &err) != TFX_OK)
        b->error(b, "%s", err.text);
    else if (!u->new_param)
        b->error(b,
                 "build_update did not set new_param, the parameter's new value, or made it of a state that `states` "
                 "does not declare");
    else if (!tfx_call_is_value(b, u->new_param))
        b->error(b, "gave the parameter a value that does not exist");
    else
        check_value(b, "new_param", u->new_param, u->param);
    for (size_t k = 0; err.status == TFX_OK && k < n_states; k++)
        if (!u->new_state[k])
            b->error(b, "build_update did not set new_state[%zu], the new value of state \"%s\"", k, names[k]);
        else if (!tfx_call_is_value(b, u->new_state[k]))
            b->error(b, "gave state %zu a value that does not exist", k);
        else
            check_value(b, names[k], u->new_state[k], u->state[k]);
}

static const int64_t some_dims[2] = {64, 64};
static const uint32_t nothing[2] = {0, 0};
const tfx_param_info tfx_hidden_matrix = {.struct_size = sizeof(tfx_param_info),
                                          .path = "a matrix of a hidden layer",
                                          .grow_axis = TFX_NOT_GROWABLE,
                                          .n_dims = 2,
                                          .dims = some_dims,
                                          .marks = nothing,
                                          .roles = nothing,
                                          .decay = -1};

const char *tfx_state_shape_text(const tfx_state *s)
{
    switch (s->shape) {
    case TFX_STATE_PER_SLICE: return "per slice";
    case TFX_STATE_ALONG_AXIS: return s->axis ? "per column" : "per row";
    case TFX_STATE_SCALAR: return "one number";
    default: return "like the parameter";
    }
}

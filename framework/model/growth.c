#include "framework/model/growth.h"

#include <assert.h>
#include <string.h>

#include "framework/base/random.h"
#include "framework/base/text.h"
#include "framework/plugin/calls/scaling_calls.h"

static int connects(const tfx_state_tensor *old, const tfx_state_tensor *t)
{
    if (old->n_dims != t->n_dims)
        return 0;
    for (uint32_t i = 0; i < t->n_dims; i++) {
        int grows = (int)i == t->grow_axis;
        if (grows ? t->dims[i] < old->dims[i] : t->dims[i] != old->dims[i])
            return 0;
    }
    return 1;
}

/* Whether parameter `t` can grow out of what `from` has. */
static void check_param(const tfx_state_layout *from, const tfx_state_tensor *t, tfx_error *err)
{
    char a[TFX_SHAPE_TEXT], b[TFX_SHAPE_TEXT];
    uint32_t at = tfx_state_find(from, t->name);
    const tfx_state_tensor *old = at == TFX_STATE_NONE ? NULL : &from->tensors[at];
    if (!old)
        tfx_fail(err, TFX_E_INVALID, "parameter %s has nothing to grow from", t->name);
    else if ((old->flags ^ t->flags) & TFX_PARAM_FIXED)
        tfx_fail(err, TFX_E_INVALID, "parameter %s is trained in one and fixed in the other", t->name);
    else if (!connects(old, t))
        tfx_fail(err, TFX_E_INVALID, "parameter %s is %s and would be %s; only %s may change, and only to more",
                 t->name, tfx_format_shape(a, old->n_dims, old->dims), tfx_format_shape(b, t->n_dims, t->dims),
                 t->grow_axis < 0    ? "growable parameters"
                 : t->grow_axis == 0 ? "its first dimension"
                                     : "its growable dimension");
}

tfx_status tfx_growth_check(const tfx_state_layout *from, const char *from_model, const tfx_state_layout *to,
                            const char *to_model, tfx_error *err)
{
    for (uint32_t i = 0; i < to->n && err->status == TFX_OK; i++)
        if (to->tensors[i].kind == TFX_STATE_PARAM)
            check_param(from, &to->tensors[i], err);
    for (uint32_t i = 0; i < from->n && err->status == TFX_OK; i++)
        if (from->tensors[i].kind == TFX_STATE_PARAM && tfx_state_find(to, from->tensors[i].name) == TFX_STATE_NONE)
            tfx_fail(err, TFX_E_INVALID, "parameter %s would be lost", from->tensors[i].name);
    if (err->status != TFX_OK)
        tfx_error_prefix(err, "model '%s' cannot grow into '%s'", from_model, to_model);
    return err->status;
}

tfx_status tfx_growth_param(const tfx_scaling_class *cls, tfx_scaling *policy, const tfx_state_tensor *old,
                            const tfx_state_tensor *t, const float *old_data, uint64_t seed, float *data,
                            tfx_error *err)
{
    assert(connects(old, t)); /* tfx_growth_check came first */
    const char *dot = strrchr(t->name, '.');
    tfx_grown_param p = {
        .struct_size = sizeof(p),
        .path = t->name,
        .name = dot ? dot + 1 : t->name,
        .flags = t->flags,
        .n_dims = t->n_dims,
        .dims = t->dims,
        .old_dims = old->dims,
        .grow_axis = old->elements == t->elements ? TFX_NOT_GROWABLE : t->grow_axis,
        .seed = seed,
        .stream = tfx_random_stream(t->name),
        .old_data = old_data,
        .data = data,
    };
    return tfx_call_scaling_grow_param(cls, policy, &p, err);
}

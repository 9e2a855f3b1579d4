#include "framework/train/grow.h"

#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "framework/model/growth.h"
#include "framework/model/initialise.h"

static tfx_status read_old(tfx_st_reader *r, const char *path, const tfx_state_tensor *old, void *out, tfx_error *err)
{
    const tfx_st_tensor *f = tfx_st_find(r, old->name);
    if (!f || f->bytes != old->bytes)
        return tfx_fail(err, TFX_E_DATA, "%s: tensor %s is missing or has another size than planned", path, old->name);
    return tfx_st_read_raw(r, f, 0, old->bytes, out, err);
}

static tfx_status grow_params(const tfx_arm_plan *plan, uint32_t to, const char *path, uint64_t seed,
                              const tfx_state_io *io, tfx_text *changes, tfx_error *err)
{
    const tfx_state_layout *from = &plan->stages[to - 1]->state, *state = &plan->stages[to]->state;
    tfx_st_reader *r = tfx_st_open(path, err);
    for (uint32_t i = 0; r && i < state->n && err->status == TFX_OK; i++) {
        const tfx_state_tensor *t = &state->tensors[i];
        if (t->kind != TFX_STATE_PARAM)
            continue;
        const tfx_state_tensor *old = &from->tensors[tfx_state_find(from, t->name)];
        float *old_data = malloc(old->bytes), *data = malloc(t->bytes);
        if (!old_data || !data) {
            tfx_fail(err, TFX_E_MEMORY, "growing %s: out of memory", t->name);
        } else if (read_old(r, path, old, old_data, err) == TFX_OK) {
            tfx_param_initialise(t, seed, 0, t->elements, data);
            if (tfx_growth_param(plan->arm->scaling.impl, plan->policy, old, t, old_data, seed, data, err) == TFX_OK) {
                io->write(io->ctx, t, 0, data, t->bytes);
                tfx_growth_describe(old, old_data, t, data, changes);
            }
        }
        free(old_data);
        free(data);
    }
    tfx_st_close(r);
    return err->status;
}

static tfx_status grow_optimizer(const tfx_arm_plan *plan, uint32_t to, const char *path, const tfx_state_io *io,
                                 tfx_error *err)
{
    const tfx_state_layout *from = &plan->stages[to - 1]->state, *state = &plan->stages[to]->state;
    tfx_carry_state carry = plan->stages[to]->carry;
    if (carry == TFX_STATE_RESET)
        return TFX_OK; /* a fresh engine's state is zero */
    tfx_st_reader *r = tfx_st_open(path, err);
    for (uint32_t i = 0; r && i < state->n && err->status == TFX_OK; i++) {
        const tfx_state_tensor *t = &state->tensors[i];
        if (t->kind != TFX_STATE_OPTIMIZER)
            continue;
        const tfx_state_tensor *old = &from->tensors[tfx_state_find(from, t->name)];
        char *old_data = malloc(old->bytes), *data = malloc(t->bytes);
        /* Per-slice state counts steps; under "keep" new slices take over the old count. */
        int counts = t->per_slice;
        if (!old_data || !data) {
            tfx_fail(err, TFX_E_MEMORY, "growing %s: out of memory", t->name);
        } else if (read_old(r, path, old, old_data, err) == TFX_OK) {
            tfx_growth_state(old, t, t->grow_axis, counts && carry == TFX_STATE_KEEP, old_data, data);
            io->write(io->ctx, t, 0, data, t->bytes);
        }
        free(old_data);
        free(data);
    }
    tfx_st_close(r);
    return err->status;
}

tfx_status tfx_grow_from_checkpoint(const tfx_arm_plan *plan, uint32_t to, const char *checkpoint, uint64_t seed,
                                    tfx_engine *engine, tfx_text *changes, tfx_error *err)
{
    tfx_state_io io = tfx_engine_io(engine);
    char *model = tfx_printf("%s/" TFX_CHECKPOINT_WEIGHTS, checkpoint);
    char *optimizer = tfx_printf("%s/" TFX_CHECKPOINT_OPTIMIZER, checkpoint);
    /* Every event draws its own numbers. */
    uint64_t event_seed = tfx_random_u64(seed, tfx_random_stream("growth"), to);
    tfx_text_add(changes, "[");
    if (grow_params(plan, to, model, event_seed, &io, changes, err) == TFX_OK)
        grow_optimizer(plan, to, optimizer, &io, err);
    tfx_text_add(changes, "]");
    free(model);
    free(optimizer);
    return err->status;
}

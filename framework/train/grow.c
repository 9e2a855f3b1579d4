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

/* What one tensor of the old stage becomes in the new one. */
static tfx_status grow_tensor(const tfx_arm_plan *plan, tfx_carry_state carry, const tfx_state_tensor *old,
                              const void *old_data, const tfx_state_tensor *t, void *data, uint64_t seed,
                              tfx_text *changes, tfx_error *err)
{
    if (t->kind == TFX_STATE_OPTIMIZER) {
        /* Per-slice state counts steps; under "keep" new slices take over the old count. */
        tfx_growth_state(old, t, t->grow_axis, t->per_slice && carry == TFX_STATE_KEEP, old_data, data);
        return TFX_OK;
    }
    tfx_param_initialise(t, seed, 0, t->elements, data);
    if (tfx_growth_param(plan->arm->scaling.impl, plan->policy, old, t, old_data, seed, data, err) == TFX_OK)
        tfx_growth_describe(old, old_data, t, data, changes);
    return err->status;
}

/* The tensors of one kind, which are in a file of their own. */
static tfx_status grow_file(const tfx_arm_plan *plan, uint32_t to, tfx_state_kind kind, const char *checkpoint,
                            const char *file, uint64_t seed, const tfx_state_io *io, tfx_text *changes, tfx_error *err)
{
    const tfx_state_layout *from = &plan->stages[to - 1]->state, *state = &plan->stages[to]->state;
    char *path = tfx_printf("%s/%s", checkpoint, file);
    tfx_st_reader *r = tfx_st_open(path, err);
    for (uint32_t i = 0; r && i < state->n && err->status == TFX_OK; i++) {
        const tfx_state_tensor *t = &state->tensors[i];
        if (t->kind != kind)
            continue;
        const tfx_state_tensor *old = &from->tensors[tfx_state_find(from, t->name)];
        void *old_data = malloc(old->bytes), *data = malloc(t->bytes);
        if (!old_data || !data)
            tfx_fail(err, TFX_E_MEMORY, "growing %s: out of memory", t->name);
        else if (read_old(r, path, old, old_data, err) == TFX_OK &&
                 grow_tensor(plan, plan->stages[to]->carry, old, old_data, t, data, seed, changes, err) == TFX_OK)
            io->write(io->ctx, t, 0, data, t->bytes);
        free(old_data);
        free(data);
    }
    tfx_st_close(r);
    free(path);
    return err->status;
}

tfx_status tfx_grow_from_checkpoint(const tfx_arm_plan *plan, uint32_t to, const char *checkpoint, uint64_t seed,
                                    tfx_engine *engine, tfx_text *changes, tfx_error *err)
{
    tfx_state_io io = tfx_engine_io(engine);
    /* Every event draws its own numbers. */
    uint64_t event_seed = tfx_random_u64(seed, tfx_random_stream("growth"), to);
    tfx_text_add(changes, "[");
    if (grow_file(plan, to, TFX_STATE_PARAM, checkpoint, TFX_CHECKPOINT_WEIGHTS, event_seed, &io, changes, err) ==
            TFX_OK &&
        plan->stages[to]->carry != TFX_STATE_RESET) /* a fresh engine's state is zero */
        grow_file(plan, to, TFX_STATE_OPTIMIZER, checkpoint, TFX_CHECKPOINT_OPTIMIZER, 0, &io, NULL, err);
    tfx_text_add(changes, "]");
    return err->status;
}

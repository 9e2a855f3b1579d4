/* A small TokenFormer that is trained, saved and grown: what the tests of growth share. */
#ifndef TFX_TESTS_GROW_FIXTURE_H
#define TFX_TESTS_GROW_FIXTURE_H

#include "framework/checkpoint/files.h"
#include "framework/train/grow.h"
#include "tests/plan/stage_fixture.h"

enum { STEPS = 8 };
#define LR 1e-3

/* A chain of TokenFormers, 6/12 -> 10/20 -> 15/31 slots; without clipping, so that a step of
 * one parameter does not depend on the gradients of the others. */
#define START SPEC_HEAD SPEC_TRAIN "clip = 0\n" SPEC_TOKENFORMER
#define CHAIN \
    "[model middle]\nextends = tokenformer\nblocks.mixer.{q,k,v,o}.slots = 10\nblocks.ffn.slots = 20\n" \
    "[model large]\nextends = tokenformer\nblocks.mixer.{q,k,v,o}.slots = 15\nblocks.ffn.slots = 31\n" \
    "[scaling s]\npolicy = schedule\npolicy.models = middle, large\npolicy.steps = 5, 7\n"

typedef struct grown {
    fixture f;
    tfx_arm_plan *plan;
    tfx_engine *old, *new;
    char folder[64], *text;
    int32_t tokens[24], targets[24];
    float *logits_before;
    tfx_text changes;
} grown;

static inline const tfx_state_tensor *tensor(const tfx_stage_plan *s, const char *name)
{
    uint32_t at = tfx_state_find(&s->state, name);
    ck_assert_msg(at != TFX_STATE_NONE, "there is no %s", name);
    return &s->state.tensors[at];
}

static inline float *read_f32(tfx_engine *e, const tfx_state_tensor *t)
{
    tfx_state_io io = tfx_engine_io(e);
    float *data = tfx_alloc(t->elements * sizeof(float));
    if (t->dtype == TFX_F32) {
        io.read(io.ctx, t, 0, data, t->bytes);
        return data;
    }
    uint16_t *bits = tfx_alloc(t->bytes);
    io.read(io.ctx, t, 0, bits, t->bytes);
    for (uint64_t i = 0; i < t->elements; i++) {
        uint32_t wide = (uint32_t)bits[i] << 16;
        memcpy(&data[i], &wide, sizeof(wide));
    }
    free(bits);
    return data;
}

static inline float *logits(grown *g, tfx_engine *e)
{
    float sum, *out = TFX_NEW_ARRAY(float, 24 * VOCAB);
    tfx_engine_set_batch(e, g->tokens, g->targets);
    tfx_engine_eval(e, &sum, &g->f.err);
    fixture_ok(&g->f);
    tfx_engine_logits(e, 0, 24 * VOCAB, out);
    return out;
}

/* One step on batch number `index`. */
static inline void step(grown *g, tfx_engine *e, uint64_t index)
{
    float loss, norm;
    dice d = {.seed = 100 + index};
    for (int i = 0; i < 24; i++) {
        g->tokens[i] = (int32_t)dice_below(&d, VOCAB);
        g->targets[i] = (int32_t)dice_below(&d, VOCAB);
    }
    tfx_engine_set_batch(e, g->tokens, g->targets);
    tfx_engine_set_step(e, LR, 1, (uint32_t)index);
    tfx_engine_pass(e, &loss, &g->f.err);
    tfx_engine_update(e, &norm, &g->f.err);
    fixture_ok(&g->f);
}

static inline void save(grown *g, tfx_engine *e, const tfx_stage_plan *s)
{
    tfx_state_io io = tfx_engine_io(e);
    tfx_checkpoint_record record = {.at = {.position = {.struct_size = sizeof(tfx_loader_position)}}};
    tfx_checkpoint_written files;
    char *path = tfx_printf("%s/stage%u", g->folder, s->index);
    tfx_checkpoint_write(path, s->model->name, &s->state, &io, &record, 0, &files, &g->f.err);
    fixture_ok(&g->f);
    free(path);
}

/* Trains stage 0 for STEPS, saves it, and grows it into stage 1. */
static inline void grow_model(grown *g, const char *model, const char *policy, const char *arm)
{
    *g = (grown){0};
    g->text = tfx_printf("%s%s%s%s[arm a]\nmodel = tokenformer\nscaling = s\n%s", START, model, CHAIN, policy, arm);
    snprintf(g->folder, sizeof(g->folder), "/tmp/tfx-grow-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(g->folder));
    fixture_open(&g->f, g->text);
    g->plan = tfx_arm_plan_create(g->f.experiment, &g->f.experiment->arms[0], g->f.registry, &g->f.device, &g->f.err);
    fixture_ok(&g->f);
    g->old = tfx_engine_create(&g->f.device, g->plan->stages[0], &g->f.err);
    g->new = tfx_engine_create(&g->f.device, g->plan->stages[1], &g->f.err);
    tfx_engine_initialise(g->old, 1, &g->f.err);
    fixture_ok(&g->f);
    for (uint64_t i = 0; i < STEPS; i++)
        step(g, g->old, i);
    save(g, g->old, g->plan->stages[0]);
    g->logits_before = logits(g, g->old);
    char *path = tfx_printf("%s/stage0", g->folder);
    tfx_grow_from_checkpoint(g->plan, 1, path, 1, g->new, &g->changes, &g->f.err);
    fixture_ok(&g->f);
    free(path);
}

static inline void grow(grown *g, const char *policy, const char *arm)
{
    grow_model(g, "", policy, arm);
}

static inline void finish(grown *g)
{
    tfx_error err = {0};
    tfx_remove_dir(g->folder, &err);
    ck_assert_msg(err.status == TFX_OK, "%s", err.text);
    tfx_text_free(&g->changes);
    free(g->logits_before);
    tfx_engine_destroy(g->old);
    tfx_engine_destroy(g->new);
    tfx_arm_plan_destroy(g->plan);
    fixture_close(&g->f);
    free(g->text);
}

#endif

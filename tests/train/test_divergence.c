/* Divergence: which layer or parameter a loss that is not finite is blamed on, and what it is called. */
#include "framework/train/divergence.h"

#include "tests/check_main.h"
#include "tests/plan/stage_fixture.h"

/* Nothing of a block stays for the backward pass, so that all outputs together need a larger arena than the plan's. */
#define SPEC \
    SPEC_HEAD SPEC_TRAIN "[model m]\nn_blocks = 12\ndim = 8\ncontext = 6\nvocab = 11\nblocks = block_prenorm\n" \
                         "blocks.mixer = attention\nblocks.mixer.heads = 2\nblocks.ffn = mlp\n[arm a]\nmodel = m\n" \
                         "train.micro_batch = 1\ntrain.recompute = block\n"

enum { IN_EVALUATION, IN_STEP, AFTER_UPDATE };

typedef struct diverging {
    fixture f;
    tfx_stage_plan *plan;
    tfx_engine *engine;
    tfx_divergence d;
    tfx_run_standing at;
} diverging;

static const tfx_state_tensor *param(const diverging *x, const char *name)
{
    uint32_t at = tfx_state_find(&x->plan->state, name);
    ck_assert_msg(at != TFX_STATE_NONE, "there is no parameter %s", name);
    return &x->plan->state.tensors[at];
}

static void open_at(diverging *x, int64_t step, int when)
{
    fixture_open(&x->f, SPEC);
    x->plan = stage_plan(&x->f, "a", 0);
    x->engine = tfx_engine_create(&x->f.device, x->plan, &x->f.err);
    fixture_ok(&x->f);
    tfx_engine_initialise(x->engine, 3, &x->f.err);
    x->at = (tfx_run_standing){.step = step};
    x->d = (tfx_divergence){.what = "the loss is nan",
                            .in_step = when != IN_EVALUATION,
                            .updated = when == AFTER_UPDATE,
                            .engine = x->engine,
                            .stage = x->plan,
                            .registry = x->f.registry,
                            .device = &x->f.device,
                            .at = &x->at,
                            .seed = 3};
}

static void fill(diverging *x, const char *name, float value)
{
    const tfx_state_tensor *t = param(x, name);
    tfx_state_io io = tfx_engine_io(x->engine);
    for (uint64_t i = 0; i < t->elements; i++)
        io.write(io.ctx, t, i * sizeof(value), &value, sizeof(value));
}

static void close_with(diverging *x, const char *message)
{
    ck_assert_int_eq(tfx_fail_diverged(&x->d, &x->f.err), TFX_E_INTERNAL);
    ck_assert_str_eq(x->f.err.text, message);
    tfx_engine_destroy(x->engine);
    tfx_stage_plan_destroy(x->plan);
    fixture_close(&x->f);
}

#define INITIAL ", with the parameters as they were initialised: look at the initialisation and at the layers"
#define DIVERGED ": training has diverged; lower train.lr, or lengthen train.warmup"
#define LAYER(name) "; all parameters are finite, and layer " name " is the first whose output is not"

/* Both projections of one block: only their product is beyond f32. */
static const struct {
    int64_t step;
    int when;
    const char *message;
} intact[] = {
    {0, IN_EVALUATION, "step 0: the loss is nan" LAYER("blocks.1.ffn.down (linear)") INITIAL},
    {7, IN_EVALUATION, "step 7: the loss is nan" LAYER("blocks.1.ffn.down (linear)") DIVERGED},
    {1, IN_STEP, "step 1: the loss is nan" LAYER("blocks.1.ffn.down (linear)") INITIAL},
    {7, IN_STEP, "step 7: the loss is nan" LAYER("blocks.1.ffn.down (linear)") DIVERGED},
};

START_TEST(a_layer_is_named)
{
    diverging x;
    open_at(&x, intact[_i].step, intact[_i].when);
    fill(&x, "blocks.1.ffn.up.weight", 1e30f);
    fill(&x, "blocks.1.ffn.down.weight", 1e30f);
    fill(&x, "blocks.2.ffn.up.weight", 1e30f);
    fill(&x, "blocks.2.ffn.down.weight", 1e30f);
    close_with(&x, intact[_i].message);
}
END_TEST

/* The first step has spoiled everything, but how it began can be made again. */
START_TEST(the_first_update_is_undone)
{
    diverging x;
    open_at(&x, 1, AFTER_UPDATE);
    for (uint32_t i = 0; i < x.plan->state.n; i++)
        if (x.plan->state.tensors[i].kind == TFX_STATE_PARAM)
            fill(&x, x.plan->state.tensors[i].name, NAN);
    close_with(
        &x,
        "step 1: the loss is nan; all parameters are finite, and so is what every layer makes of that batch" INITIAL);
}
END_TEST

START_TEST(a_parameter_is_named)
{
    static const struct {
        int64_t step;
        int when;
        const char *message;
    } cases[] = {
        {0, IN_EVALUATION, "step 0: the loss is nan; parameter blocks.1.norm1.weight is not finite" INITIAL},
        {7, IN_EVALUATION, "step 7: the loss is nan; parameter blocks.1.norm1.weight is not finite" DIVERGED},
        {7, AFTER_UPDATE,
         "step 7: the loss is nan; the step has left parameter blocks.1.norm1.weight not "
         "finite" DIVERGED},
    };
    diverging x;
    open_at(&x, cases[_i].step, cases[_i].when);
    fill(&x, "blocks.1.norm1.weight", -INFINITY);
    close_with(&x, cases[_i].message);
}
END_TEST

/* What a later update made of the parameters does not tell where the loss before it came from. */
START_TEST(nothing_is_guessed)
{
    diverging x;
    open_at(&x, 7, AFTER_UPDATE);
    fill(&x, "blocks.1.ffn.up.weight", 1e30f);
    fill(&x, "blocks.1.ffn.down.weight", 1e30f);
    close_with(&x, "step 7: the loss is nan" DIVERGED);
}
END_TEST

static uint64_t no_memory(const tfx_backend *b)
{
    (void)b;
    return 1;
}

static tfx_status no_program(tfx_backend *b, const tfx_program *p, tfx_exec **out)
{
    (void)b, (void)p, (void)out;
    return TFX_E_MEMORY;
}

/* Looking for the layer may fail; the message is about the loss all the same. */
START_TEST(it_cannot_be_found_out)
{
    diverging x;
    open_at(&x, 0, IN_EVALUATION);
    tfx_engine_destroy(x.engine);
    x.engine = x.d.engine = tfx_engine_create(&x.f.unfused, x.plan, &x.f.err);
    fixture_ok(&x.f);
    if (_i)
        x.f.single.memory = no_memory;
    else
        x.f.single.compile = no_program;
    close_with(&x, "step 0: the loss is nan; all parameters are finite" INITIAL);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train/divergence");
    TCase *c = tcase_create("divergence");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, a_layer_is_named, 0, 4);
    tcase_add_test(c, the_first_update_is_undone);
    tcase_add_loop_test(c, a_parameter_is_named, 0, 3);
    tcase_add_test(c, nothing_is_guessed);
    tcase_add_loop_test(c, it_cannot_be_found_out, 0, 2);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

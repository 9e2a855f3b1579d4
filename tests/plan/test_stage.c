/* A stage's programs: ways of planning that must not change what is computed. */
#include "tests/check_main.h"
#include "tests/graph/memory_check.h"
#include "tests/plan/stage_fixture.h"

enum { STEPS = 4 };

static const char *const models[] = {
    SPEC_TRANSFORMER "blocks.mixer.{q,k,v,o}.bias = true\nembedding.positions = 6\n[arm a]\nmodel = transformer\n",
    SPEC_TOKENFORMER "[arm a]\nmodel = tokenformer\n",
    SPEC_TOKENFORMER "blocks.1.ffn.score = softmax\nblocks.0.ffn.score = gelu_l2_norm\nhead = linear\n[arm a]\n"
                     "model = tokenformer\n",
    SPEC_TRANSFORMER "[arm a]\nmodel = transformer\ntrain.batch = 4\ntrain.micro_batch = 1\n",
    SPEC_TOKENFORMER "[arm a]\nmodel = tokenformer\ntrain.optimizer.moments = bf16\n",
    SPEC_TOKENFORMER "[arm a]\nmodel = tokenformer\ntrain.optimizer = sgd\ntrain.micro_batch = 2\n"
                     "train.recompute = block\n",
    SPEC_TRANSFORMER "[arm a]\nmodel = transformer\ntrain.recompute = block\ntrain.clip = 0\n",
    SPEC_TRANSFORMER "blocks.mixer.{q,k,v,o}.bias = true\nembedding.positions = 6\n[arm a]\nmodel = transformer\n"
                     "train.compute = bf16\n",
    SPEC_TOKENFORMER "blocks.1.ffn.score = softmax\nblocks.0.ffn.score = gelu_l2_norm\nhead = linear\n[arm a]\n"
                     "model = tokenformer\ntrain.compute = bf16\ntrain.micro_batch = 2\n",
};
#define N_MODELS ((int)(sizeof(models) / sizeof(*models)))

/* Trains a few steps; losses and norms to log[2 * STEPS]. */
static void train(stage_runner *r, float *log)
{
    for (uint64_t i = 0; i < STEPS; i++)
        runner_step(r, i, 1e-2, log + 2 * i);
}

static int is_narrow(const char *spec)
{
    return strstr(spec, "compute = bf16") != NULL;
}

static char *spec_text(const char *train_keys, const char *rest)
{
    return tfx_printf("%s%s%s%s", SPEC_HEAD, SPEC_TRAIN, train_keys, rest);
}

START_TEST(sharing_memory_changes_no_bit)
{
    char *text = spec_text("", models[_i]), *state[2];
    float log[2][2 * STEPS];
    uint64_t arena[2];
    fixture f;
    fixture_open(&f, text);
    for (int k = 0; k < 2; k++) {
        stage_runner r;
        runner_open(&r, &f.device, stage_plan(&f, "a", k ? NO_REUSE : 0), 1);
        train(&r, log[k]);
        state[k] = runner_state(&r);
        arena[k] = r.plan->arena_bytes;
        if (k)
            ck_assert_msg(!memcmp(state[0], state[1], r.plan->state.bytes), "the state differs");
        runner_close(&r);
    }
    ck_assert_msg(!memcmp(log[0], log[1], sizeof(log[0])), "losses or norms differ");
    for (int i = 0; i < 2 * STEPS; i++)
        ck_assert_msg(isfinite(log[0][i]) && log[0][i] > 0, "step %d: %g", i / 2, (double)log[0][i]);
    ck_assert_uint_lt(arena[0] * 2, arena[1]); /* sharing did happen */
    free(state[0]);
    free(state[1]);
    free(text);
    fixture_close(&f);
}
END_TEST

/* The largest difference of any tensor, relative to its norm. */
static double state_gap(const tfx_state_layout *s, const char *a, const char *b)
{
    double worst = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        const tfx_state_tensor *t = &s->tensors[i];
        if (t->kind == TFX_STATE_INPUT || t->dtype != TFX_F32)
            continue;
        const float *x = (const float *)(a + t->offset), *y = (const float *)(b + t->offset);
        double gap = 0, size = 0;
        for (uint64_t k = 0; k < t->elements; k++) {
            gap += ((double)x[k] - (double)y[k]) * ((double)x[k] - (double)y[k]);
            size += (double)y[k] * (double)y[k];
        }
        gap = sqrt(gap) / (sqrt(size) + 1e-30);
        worst = gap <= worst ? worst : gap;
    }
    return worst;
}

START_TEST(fusing_changes_nothing)
{
    char *text = spec_text("", models[_i]), *state[2];
    double limit = is_narrow(text) ? 0x1p-10 : 1e-6; /* a last bit of f32 may decide how bf16 is rounded */
    float log[2][2 * STEPS];
    fixture f;
    fixture_open(&f, text);
    for (int k = 0; k < 2; k++) {
        stage_runner r;
        runner_open(&r, k ? &f.unfused : &f.device, stage_plan(&f, "a", k ? UNFUSED : 0), 1);
        const tfx_placement *pass = r.plan->programs[tfx_stage_pass(r.plan)].placement;
        int groups = 0;
        for (uint32_t i = 0; i < pass->program.n_steps; i++)
            groups += pass->program.steps[i]->n_nodes > 1;
        ck_assert_msg(k ? groups == 0 : groups > 10, "%d fused groups", groups);
        train(&r, log[k]);
        state[k] = runner_state(&r);
        if (k) {
            double gap = state_gap(&r.plan->state, state[0], state[1]);
            ck_assert_msg(gap <= limit, "the state differs by %g", gap);
        }
        runner_close(&r);
    }
    for (int i = 0; i < 2 * STEPS; i++)
        ck_assert_msg((double)fabsf(log[0][i] - log[1][i]) <= limit * (double)log[1][i], "step %d: %.9g and %.9g",
                      i / 2, (double)log[0][i], (double)log[1][i]);
    free(state[0]);
    free(state[1]);
    free(text);
    fixture_close(&f);
}
END_TEST

static void check_programs(const tfx_stage_plan *s, const char *label)
{
    for (int i = 0; i < TFX_N_PROGRAMS; i++) {
        const tfx_placement *placement = s->programs[i].placement;
        if (!placement)
            continue;
        ck_assert_uint_eq(placement->program.state_bytes, s->state.bytes);
        char *wrong = memory_check(placement, NULL, NULL, 0, 0);
        ck_assert_msg(!wrong, "%s, program %d: %s", label, i, wrong);
        ck_assert_uint_le(placement->program.arena_bytes, s->arena_bytes);
    }
}

START_TEST(no_two_values_overlap)
{
    char *text = spec_text("", models[_i]);
    fixture f;
    fixture_open(&f, text);
    for (int flags = 0; flags < 4; flags++) {
        tfx_stage_plan *s = stage_plan(&f, "a", flags);
        check_programs(s, text);
        tfx_stage_plan_destroy(s);
    }
    free(text);
    fixture_close(&f);
}
END_TEST

START_TEST(no_two_values_overlap_in_the_quickstart)
{
    static const char *const sets[] = {"data.loader=synthetic", "arm.*.train.steps=10"};
    fixture f;
    fixture_open_file(&f, "experiments/quickstart.ini", NULL, sets, 2);
    int stages = 0;
    for (size_t a = 0; a < f.experiment->n_arms; a++) {
        tfx_arm_plan *p = tfx_arm_plan_create(f.experiment, &f.experiment->arms[a], f.registry, &f.device, &f.err);
        fixture_ok(&f);
        for (uint32_t i = 0; i < p->n_stages; i++, stages++)
            check_programs(p->stages[i], f.experiment->arms[a].name);
        tfx_arm_plan_destroy(p);
    }
    ck_assert_int_ge(stages, 4);
    fixture_close(&f);
}
END_TEST

/* ---- recomputation ---- */

START_TEST(recomputation_changes_no_bit)
{
    static const char *const recompute[] = {"recompute = none\n", "recompute = block\n"};
    enum { n = 2 };
    char *state[n] = {0};
    float log[n][2 * STEPS];
    if (strstr(models[_i], "recompute"))
        return; /* it says so itself */
    for (int k = 0; k < n; k++) {
        char *text = spec_text(recompute[k], models[_i]);
        fixture f;
        stage_runner r;
        fixture_open(&f, text);
        runner_open(&r, &f.device, stage_plan(&f, "a", 0), 1);
        train(&r, log[k]);
        state[k] = runner_state(&r);
        const tfx_placement *pass = r.plan->programs[tfx_stage_pass(r.plan)].placement;
        ck_assert_msg((pass->cost.recomputed > 0) == (k == 1), "%g FLOPs recomputed", pass->cost.recomputed);
        if (k)
            ck_assert_msg(!memcmp(state[0], state[k], r.plan->state.bytes), "the state differs");
        runner_close(&r);
        fixture_close(&f);
        free(text);
    }
    for (int k = 0; k < n; k++) {
        ck_assert_msg(!memcmp(log[0], log[k], sizeof(log[0])), "losses or norms differ");
        free(state[k]);
    }
}
END_TEST

/* What is kept of each projection by parameter tokens is one tensor of scores. */
START_TEST(passes_make_again_what_they_can)
{
    static const char *const computes[] = {"compute = f32\n", "compute = bf16\n"};
    char *text = spec_text(computes[_i],
                           "[model deep]\nn_blocks = 12\ndim = 16\ncontext = 64\nvocab = 11\nblocks = block_prenorm\n"
                           "blocks.mixer = attention\nblocks.mixer.heads = 2\nblocks.mixer.{q,k,v,o} = pattention\n"
                           "blocks.mixer.{q,k,v,o}.slots = 16\nblocks.ffn = pattention\nblocks.ffn.slots = 64\n"
                           "[arm a]\nmodel = deep\n");
    fixture f;
    fixture_open(&f, text);
    tfx_stage_plan *s = stage_plan(&f, "a", 0);
    /* The stream before and between the layers, scores, q, k and v, what attention gives; and two rows of statistics. */
    const uint64_t kept = 16 + 16 + 4 * 16 + 64 + 3 * 16 + 16, tokens = 4 * 64;
    uint64_t expected = 12 * tokens * (kept * (_i ? 2 : 4) + 2 * 4);
    ck_assert_msg(s->arena_bytes > expected && s->arena_bytes * 10 < expected * 12, "%llu of %llu bytes",
                  (unsigned long long)s->arena_bytes, (unsigned long long)expected);
    ck_assert_double_eq(s->executed_flops, s->flops_per_token * tokens); /* no product is done again */
    tfx_stage_plan_destroy(s);
    fixture_close(&f);
    free(text);
}
END_TEST

START_TEST(recomputation_saves_memory)
{
    char *text = spec_text("", "[model deep]\nn_blocks = 12\ndim = 16\ncontext = 64\nvocab = 11\n"
                               "blocks.mixer.heads = 2\n"
                               "[arm kept]\nmodel = deep\n[arm again]\nmodel = deep\ntrain.recompute = block\n");
    fixture f;
    fixture_open(&f, text);
    tfx_stage_plan *kept = stage_plan(&f, "kept", 0), *again = stage_plan(&f, "again", 0);
    /* Kept per block: about 20 tensors of its width; recomputed: its input. */
    ck_assert_uint_lt(again->arena_bytes * 3, kept->arena_bytes);
    ck_assert_double_eq(again->flops_per_token, kept->flops_per_token); /* the work that counts is the same */
    ck_assert_double_gt(again->executed_flops, 1.15 * kept->executed_flops);
    ck_assert_double_le(again->executed_flops, 1.3334 * kept->executed_flops); /* one more forward pass at most */
    tfx_stage_plan_destroy(kept);
    tfx_stage_plan_destroy(again);
    fixture_close(&f);
    free(text);
}
END_TEST

static uint64_t memory_given;

static uint64_t memory_as_given(const tfx_backend *b)
{
    (void)b;
    return memory_given;
}

static uint64_t needed_by(const tfx_stage_plan *s)
{
    return tfx_stage_peak_bytes(s) + tfx_stage_host_bytes(s);
}

/* As few blocks as it takes; all of them where that is not enough. */
START_TEST(recomputation_by_memory)
{
    char *text = spec_text("", "[model deep]\nn_blocks = 12\ndim = 16\ncontext = 64\nvocab = 11\n"
                               "blocks.mixer.heads = 2\n[arm auto]\nmodel = deep\ntrain.recompute = auto\n"
                               "[arm none]\nmodel = deep\n[arm block]\nmodel = deep\ntrain.recompute = block\n");
    fixture f;
    fixture_open(&f, text);
    tfx_stage_plan *none = stage_plan(&f, "none", 0), *block = stage_plan(&f, "block", 0);
    ck_assert_int_eq(none->n_recomputed, 0);
    ck_assert_int_eq(block->n_recomputed, 12);
    uint64_t most = needed_by(none), least = needed_by(block), before = UINT64_MAX;
    ck_assert_uint_lt(least + (1 << 19), most);
    f.single.memory = memory_as_given;
    for (int64_t i = 0; i <= 12; i++) {
        memory_given = most - (most - least) * (uint64_t)i / 12 + (1 << 17); /* what growing may need is counted */
        tfx_stage_plan *s = stage_plan(&f, "auto", ALTERED);
        ck_assert_msg(s->n_recomputed <= i + 1 && s->n_recomputed + 2 >= i, "%lld blocks for %lld parts of 12",
                      (long long)s->n_recomputed, (long long)i);
        ck_assert(tfx_stage_fits(s, &f.unfused));
        ck_assert_uint_le(needed_by(s), before);
        before = needed_by(s);
        tfx_stage_plan_destroy(s);
    }
    memory_given = least - 1;
    tfx_stage_plan *s = stage_plan(&f, "auto", ALTERED);
    ck_assert_int_eq(s->n_recomputed, 12);
    ck_assert(!tfx_stage_fits(s, &f.unfused));
    tfx_stage_plan_destroy(s);
    tfx_stage_plan_destroy(none);
    tfx_stage_plan_destroy(block);
    fixture_close(&f);
    free(text);
}
END_TEST

START_TEST(narrow_activations_take_half_the_memory)
{
    char *text = spec_text("", "[model deep]\nn_blocks = 12\ndim = 16\ncontext = 64\nvocab = 11\n"
                               "blocks.mixer.heads = 2\n"
                               "[arm wide]\nmodel = deep\n[arm narrow]\nmodel = deep\ntrain.compute = bf16\n");
    fixture f;
    fixture_open(&f, text);
    tfx_stage_plan *wide = stage_plan(&f, "wide", 0), *narrow = stage_plan(&f, "narrow", 0);
    ck_assert_uint_lt(narrow->arena_bytes * 100, wide->arena_bytes * 60);
    ck_assert_double_eq(narrow->flops_per_token, wide->flops_per_token);
    ck_assert_uint_eq(narrow->param_bytes, wide->param_bytes);
    ck_assert_uint_gt(narrow->state.bytes, wide->state.bytes); /* copies */
    ck_assert_uint_lt(narrow->state.bytes, wide->state.bytes + wide->param_bytes);
    tfx_stage_plan_destroy(wide);
    tfx_stage_plan_destroy(narrow);
    fixture_close(&f);
    free(text);
}
END_TEST

/* ---- programs ---- */

static int supports_no_attention(const tfx_backend *b, const tfx_program *p, const tfx_node *node)
{
    (void)b, (void)p;
    return node->op != TFX_OP_ATTENTION;
}

START_TEST(what_the_backend_cannot_do)
{
    char *text = tfx_printf("%s%s%s[arm a]\nmodel = tokenformer\n", SPEC_HEAD, SPEC_TRAIN, SPEC_TOKENFORMER);
    fixture f;
    fixture_open(&f, text);
    f.single.supports = supports_no_attention;
    tfx_stage_params p = {.registry = f.registry,
                          .device = &f.unfused,
                          .model = f.experiment->arms[0].model,
                          .train = &f.experiment->arms[0].train};
    ck_assert_ptr_null(tfx_stage_plan_create(&p, &f.err));
    ERROR_SAYS(&f.err, "backend 'cpu' cannot execute attention as model 'tokenformer' uses it");
    ck_assert_int_eq(f.err.status, TFX_E_UNSUPPORTED);
    fixture_close(&f);
    free(text);
}
END_TEST

/* Programs keep scratch memory of their own while a stage runs, so all of it is planned. */
START_TEST(scratch_memory_of_all_programs)
{
    char *text = spec_text("",
                           SPEC_TRANSFORMER "[arm a]\nmodel = transformer\ntrain.batch = 4\ntrain.micro_batch = 1\n");
    fixture f;
    fixture_open(&f, text);
    tfx_stage_plan *s = stage_plan(&f, "a", 0);
    uint64_t total = 0, programs = 0;
    for (int i = 0; i < TFX_N_PROGRAMS; i++) {
        const tfx_placement *placement = s->programs[i].placement;
        if (!placement)
            continue;
        ck_assert_uint_eq(placement->program.state_bytes, s->state.bytes);
        uint64_t one = f.device.cls->workspace(f.device.backend, &placement->program);
        programs += one > 0;
        total += one;
    }
    ck_assert_uint_ge(programs, 2);
    ck_assert_uint_eq(s->workspace_bytes, total);
    tfx_stage_plan_destroy(s);
    fixture_close(&f);
    free(text);
}
END_TEST

START_TEST(a_backend_without_bf16)
{
    char *text = spec_text("", SPEC_TRANSFORMER "[arm a]\nmodel = transformer\ntrain.compute = bf16\n");
    fixture f;
    fixture_open(&f, text);
    f.single.capabilities &= ~(uint32_t)TFX_BACKEND_BF16;
    tfx_stage_params p = {.registry = f.registry,
                          .device = &f.unfused,
                          .model = f.experiment->arms[0].model,
                          .train = &f.experiment->arms[0].train};
    ck_assert_ptr_null(tfx_stage_plan_create(&p, &f.err));
    ERROR_SAYS(&f.err, "train.compute: backend 'cpu' does not compute in bf16; expected f32");
    fixture_close(&f);
    free(text);
}
END_TEST

START_TEST(evaluation_alone)
{
    char *text = tfx_printf("%s%s%s[arm a]\nmodel = tokenformer\n", SPEC_HEAD, SPEC_TRAIN, SPEC_TOKENFORMER);
    fixture f;
    fixture_open(&f, text);
    tfx_stage_params p = {.registry = f.registry,
                          .device = &f.device,
                          .model = f.experiment->arms[0].model,
                          .train = &f.experiment->arms[0].train,
                          .eval_only = 1,
                          .eval_rows = 3};
    tfx_stage_plan *s = tfx_stage_plan_create(&p, &f.err);
    fixture_ok(&f);
    for (int i = 0; i < TFX_N_PROGRAMS; i++)
        ck_assert_int_eq(s->programs[i].placement != NULL, i == TFX_PROGRAM_EVAL);
    ck_assert_int_eq(s->state.tensors[s->tokens].dims[0], 3);
    ck_assert_uint_eq(s->optimizer_bytes, 0);
    ck_assert_double_eq(s->flops_per_token, 0);
    check_programs(s, "eval");
    tfx_stage_plan_destroy(s);
    tfx_stage_plan_destroy(NULL);
    fixture_close(&f);
    free(text);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("plan/stage");
    TCase *c = tcase_create("stage");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, sharing_memory_changes_no_bit, 0, N_MODELS);
    tcase_add_loop_test(c, fusing_changes_nothing, 0, N_MODELS);
    tcase_add_loop_test(c, no_two_values_overlap, 0, N_MODELS);
    tcase_add_test(c, no_two_values_overlap_in_the_quickstart);
    tcase_add_loop_test(c, recomputation_changes_no_bit, 0, N_MODELS);
    tcase_add_loop_test(c, passes_make_again_what_they_can, 0, 2);
    tcase_add_test(c, recomputation_saves_memory);
    tcase_add_test(c, recomputation_by_memory);
    tcase_add_test(c, narrow_activations_take_half_the_memory);
    tcase_add_test(c, a_backend_without_bf16);
    tcase_add_test(c, what_the_backend_cannot_do);
    tcase_add_test(c, scratch_memory_of_all_programs);
    tcase_add_test(c, evaluation_alone);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

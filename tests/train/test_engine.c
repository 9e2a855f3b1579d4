/* The engine: a stage's programs on a device. Compared with the tests' own runner, which
 * fills the arena with NaN before every program: the engine does not, and whatever a run
 * leaves there must not matter. */
#include "framework/train/engine.h"

#include "framework/plugin/calls/loader_calls.h"
#include "framework/train/evaluate.h"
#include "tests/check_main.h"
#include "tests/plan/stage_fixture.h"

enum { STEPS = 3 };

static const char *const specs[] = {
    SPEC_TOKENFORMER "[arm a]\nmodel = tokenformer\n",
    SPEC_TRANSFORMER "[arm a]\nmodel = transformer\ntrain.micro_batch = 2\n",
    SPEC_TOKENFORMER "[arm a]\nmodel = tokenformer\ntrain.micro_batch = 1\ntrain.recompute = block\n"
                     "train.optimizer.moments = bf16\n",
    SPEC_TOKENFORMER "[arm a]\nmodel = tokenformer\ntrain.compute = bf16\n",
    SPEC_TRANSFORMER "[arm a]\nmodel = transformer\ntrain.micro_batch = 2\ntrain.compute = bf16\n",
};

static char *spec_text(const char *rest)
{
    return tfx_printf("%s%s%s", SPEC_HEAD, SPEC_TRAIN, rest);
}

static tfx_engine *engine_open(fixture *f, const tfx_stage_plan *plan, uint64_t seed)
{
    tfx_engine *e = tfx_engine_create(&f->device, plan, &f->err);
    fixture_ok(f);
    tfx_engine_initialise(e, seed, &f->err);
    fixture_ok(f);
    return e;
}

/* Gives the engine the batch that the runner has. */
static void copy_batch(const stage_runner *r, tfx_engine *e)
{
    int32_t *tokens = runner_read(r, &r->plan->state.tensors[r->plan->tokens]);
    int32_t *targets = runner_read(r, &r->plan->state.tensors[r->plan->targets]);
    tfx_engine_set_batch(e, tokens, targets);
    free(tokens);
    free(targets);
}

static char *engine_state(tfx_engine *e, const tfx_stage_plan *plan)
{
    tfx_state_io io = tfx_engine_io(e);
    char *state = tfx_alloc(plan->state.bytes);
    for (uint32_t i = 0; i < plan->state.n; i++)
        io.read(io.ctx, &plan->state.tensors[i], 0, state + plan->state.tensors[i].offset,
                plan->state.tensors[i].bytes);
    return state;
}

START_TEST(same_as_the_runner)
{
    char *text = spec_text(specs[_i]);
    fixture f;
    stage_runner r;
    fixture_open(&f, text);
    tfx_stage_plan *plan = stage_plan(&f, "a", 0);
    runner_open(&r, &f.device, stage_plan(&f, "a", 0), 3);
    tfx_engine *e = engine_open(&f, plan, 3);
    for (uint64_t step = 0; step < STEPS; step++) {
        float expected[2], loss = 0, norm;
        runner_step(&r, step, 1e-2, expected);
        for (int64_t i = 0; i < plan->n_micro; i++) {
            float one, sum;
            runner_batch(&r, step * (uint64_t)plan->n_micro + (uint64_t)i);
            copy_batch(&r, e);
            tfx_engine_eval(e, &sum, &f.err); /* leaves its own things in the arena */
            tfx_engine_set_step(e, 1e-2, 1, (uint32_t)step);
            tfx_engine_pass(e, &one, &f.err);
            fixture_ok(&f);
            loss += one / (float)plan->n_micro;
            ck_assert_double_eq_tol((double)sum / (double)(plan->micro_batch * plan->context), (double)one, 1e-5);
        }
        tfx_engine_update(e, &norm, &f.err);
        fixture_ok(&f);
        ck_assert_msg(loss == expected[0] && norm == expected[1], "step %d: loss %.9g, norm %.9g; expected %.9g, %.9g",
                      (int)step, (double)loss, (double)norm, (double)expected[0], (double)expected[1]);
    }
    char *a = runner_state(&r), *b = engine_state(e, plan);
    for (uint32_t i = 0; i < plan->state.n; i++) {
        const tfx_state_tensor *t = &plan->state.tensors[i];
        if (t->kind != TFX_STATE_INPUT)
            ck_assert_msg(!memcmp(a + t->offset, b + t->offset, t->bytes), "%s differs", t->name);
    }
    free(a);
    free(b);
    tfx_engine_destroy(e);
    tfx_engine_destroy(NULL);
    tfx_stage_plan_destroy(plan);
    runner_close(&r);
    fixture_close(&f);
    free(text);
}
END_TEST

START_TEST(initialisation)
{
    char *text = spec_text(specs[0]);
    fixture f;
    fixture_open(&f, text);
    tfx_stage_plan *plan = stage_plan(&f, "a", 0);
    tfx_engine *e = tfx_engine_create(&f.device, plan, &f.err);
    fixture_ok(&f);
    char *zero = engine_state(e, plan);
    for (uint64_t i = 0; i < plan->state.bytes; i++)
        if (zero[i])
            ck_abort_msg("a new engine's state is not zero at byte %llu", (unsigned long long)i);
    tfx_engine_initialise_fixed(e, &f.err);
    char *fixed = engine_state(e, plan);
    tfx_engine_initialise(e, 5, &f.err);
    char *first = engine_state(e, plan);
    tfx_engine_initialise(e, 5, &f.err);
    char *again = engine_state(e, plan);
    tfx_engine_initialise(e, 6, &f.err);
    char *other = engine_state(e, plan);
    ck_assert(!memcmp(first, again, plan->state.bytes));
    for (uint32_t i = 0; i < plan->state.n; i++) {
        const tfx_state_tensor *t = &plan->state.tensors[i];
        const float *x = (const float *)(first + t->offset);
        if (t->kind == TFX_STATE_PARAM && t->init.kind == TFX_INIT_NORMAL)
            ck_assert_msg(memcmp(first + t->offset, other + t->offset, t->bytes) && x[0] != 0 && x[0] != x[1], "%s",
                          t->name);
        else if (t->kind == TFX_STATE_PARAM)
            ck_assert_msg(x[0] == (float)t->init.mean, "%s", t->name);
        else
            ck_assert_msg(!memcmp(first + t->offset, zero + t->offset, t->bytes), "%s", t->name);
        int is_fixed = t->kind == TFX_STATE_PARAM && t->flags & TFX_PARAM_FIXED;
        ck_assert_msg(!memcmp(fixed + t->offset, (is_fixed ? first : zero) + t->offset, t->bytes), "%s", t->name);
    }
    ck_assert_float_eq(*(float *)(first + plan->state.tensors[tfx_state_find(&plan->state, "blocks.1.ffn.tau")].offset),
                       (float)sqrt(12.0));
    free(zero);
    free(fixed);
    free(first);
    free(again);
    free(other);
    tfx_engine_destroy(e);
    tfx_stage_plan_destroy(plan);
    fixture_close(&f);
    free(text);
}
END_TEST

/* State is read and written in pieces. */
START_TEST(pieces_of_state)
{
    char *text = spec_text(specs[0]);
    fixture f;
    fixture_open(&f, text);
    tfx_stage_plan *plan = stage_plan(&f, "a", 0);
    tfx_engine *e = tfx_engine_create(&f.device, plan, &f.err);
    fixture_ok(&f);
    tfx_state_io io = tfx_engine_io(e);
    const tfx_state_tensor *t = &plan->state.tensors[tfx_state_find(&plan->state, "norm.bias")];
    float out[8], piece[3];
    io.write(io.ctx, t, 0, (float[]){1, 2}, 8);
    io.write(io.ctx, t, 20, (float[]){6, 7, 8}, 12);
    io.read(io.ctx, t, 0, out, 32);
    ck_assert(!memcmp(out, (float[]){1, 2, 0, 0, 0, 6, 7, 8}, 32));
    io.read(io.ctx, t, 16, piece, 12);
    ck_assert(!memcmp(piece, (float[]){0, 6, 7}, 12));
    tfx_engine_destroy(e);
    tfx_stage_plan_destroy(plan);
    fixture_close(&f);
    free(text);
}
END_TEST

/* The key of the dropout masks, as the programs see it. */
static uint64_t dropout_key(tfx_engine *e, const tfx_stage_plan *plan, uint64_t seed, uint64_t pass)
{
    tfx_state_io io = tfx_engine_io(e);
    uint64_t key = 0;
    ck_assert_uint_eq(plan->state.tensors[plan->key].bytes, sizeof(key));
    tfx_engine_set_step(e, 1e-2, seed, pass);
    io.read(io.ctx, &plan->state.tensors[plan->key], 0, &key, sizeof(key));
    return key;
}

/* Seeds go up to 9e15: no bit of them, nor of the pass, may be lost on the way to the masks. */
START_TEST(every_bit_of_a_seed_counts)
{
    static const uint64_t numbers[] = {0, 1, 1ull << 31, 1ull << 32, (1ull << 32) + 1, 9000000000000000};
    enum { N = sizeof(numbers) / sizeof(*numbers) };
    uint64_t keys[N * N];
    char *text = spec_text(specs[0]);
    fixture f;
    fixture_open(&f, text);
    tfx_stage_plan *plan = stage_plan(&f, "a", 0);
    tfx_engine *e = engine_open(&f, plan, 1);
    for (int i = 0; i < N * N; i++) {
        keys[i] = dropout_key(e, plan, numbers[i / N], numbers[i % N]);
        for (int k = 0; k < i; k++)
            ck_assert_msg(keys[k] != keys[i], "seed %llu, pass %llu and seed %llu, pass %llu have the same masks",
                          (unsigned long long)numbers[k / N], (unsigned long long)numbers[k % N],
                          (unsigned long long)numbers[i / N], (unsigned long long)numbers[i % N]);
    }
    ck_assert_uint_eq(dropout_key(e, plan, 1, 1), dropout_key(e, plan, 1, 1));
    tfx_engine_destroy(e);
    tfx_stage_plan_destroy(plan);
    fixture_close(&f);
    free(text);
}
END_TEST

/* Training does what it is for: a chain of tokens with one successor each is learnt. */
START_TEST(it_learns)
{
    char *text = spec_text(specs[_i]);
    fixture f;
    fixture_open(&f, text);
    tfx_stage_plan *plan = stage_plan(&f, "a", 0);
    tfx_engine *e = engine_open(&f, plan, 1);
    uint64_t n = (uint64_t)(plan->micro_batch * plan->context);
    int32_t *tokens = TFX_NEW_ARRAY(int32_t, n), *targets = TFX_NEW_ARRAY(int32_t, n);
    dice d = {.seed = 4};
    float first = 0, last = 0, norm;
    for (uint32_t step = 0; step < 200; step++) {
        for (int64_t k = 0; k < plan->n_micro; k++) {
            for (uint64_t i = 0; i < n; i++) {
                tokens[i] = (int32_t)dice_below(&d, VOCAB);
                targets[i] = (tokens[i] * 3 + 1) % VOCAB;
            }
            tfx_engine_set_batch(e, tokens, targets);
            tfx_engine_set_step(e, 1e-2, 1, step);
            tfx_engine_pass(e, &last, &f.err);
        }
        tfx_engine_update(e, &norm, &f.err);
        fixture_ok(&f);
        first = step ? first : last;
    }
    ck_assert_msg(fabs((double)first - log(VOCAB)) < 0.2, "starts at %g", (double)first);
    ck_assert_msg(last < 0.2f, "ends at %g", (double)last);
    free(tokens);
    free(targets);
    tfx_engine_destroy(e);
    tfx_stage_plan_destroy(plan);
    fixture_close(&f);
    free(text);
}
END_TEST

/* Always the same tokens, the mean over all of them, and logits where they belong. */
START_TEST(evaluation)
{
    enum { BATCHES = 3 };
    char *text = spec_text(specs[1]);
    fixture f;
    fixture_open(&f, text);
    tfx_stage_plan *plan = stage_plan(&f, "a", 0);
    tfx_engine *e = engine_open(&f, plan, 1);
    tfx_evaluator v;
    f.experiment->eval_tokens = BATCHES * plan->micro_batch * plan->context;
    ck_assert_int_eq(tfx_evaluator_open(&v, f.experiment, plan, &f.err), TFX_OK);
    double loss, again, total = 0;
    volatile sig_atomic_t stop = 0;
    int stopped;
    tfx_evaluate(&v, e, NULL, NULL, &stopped, &loss, &f.err);
    tfx_evaluate(&v, e, &stop, NULL, &stopped, &again, &f.err);
    ck_assert(!stopped);
    fixture_ok(&f);
    ck_assert_double_eq(loss, again);
    /* The same from a loader of the test's own. */
    const tfx_loader_class *cls = f.experiment->loader.impl;
    tfx_loader_config config = {.struct_size = sizeof(config),
                                .options = f.experiment->loader.options,
                                .split = TFX_SPLIT_VAL,
                                .batch = plan->micro_batch,
                                .context = plan->context};
    tfx_loader *loader;
    ck_assert_int_eq(tfx_call_loader_open(cls, &config, &loader, &f.err), TFX_OK);
    int64_t rows = plan->micro_batch * plan->context;
    int32_t *tokens = TFX_NEW_ARRAY(int32_t, rows), *targets = TFX_NEW_ARRAY(int32_t, rows);
    int32_t *first = TFX_NEW_ARRAY(int32_t, rows), *left = TFX_NEW_ARRAY(int32_t, rows);
    float *logits = TFX_NEW_ARRAY(float, rows *VOCAB), sum;
    for (int i = 0; i < BATCHES; i++) {
        cls->next_batch(loader, tokens, targets);
        memcpy(i ? left : first, tokens, sizeof(*tokens) * (size_t)rows);
        tfx_engine_set_batch(e, tokens, targets);
        tfx_engine_eval(e, &sum, &f.err);
        tfx_engine_logits(e, 0, (size_t)(rows * VOCAB) - 5, logits);
        tfx_engine_logits(e, (uint64_t)(rows * VOCAB) - 5, 5, logits + rows * VOCAB - 5);
        for (int64_t k = 0; k < rows; k++) {
            double z = 0;
            for (int j = 0; j < VOCAB; j++)
                z += exp((double)logits[k * VOCAB + j]);
            total += log(z) - (double)logits[k * VOCAB + targets[k]];
        }
    }
    ck_assert_double_eq_tol(loss, total / (double)(BATCHES * rows), 1e-6);
    ck_assert_double_eq_tol(tfx_bits_per_byte(log(2.0), 0.5), 2, 1e-12);
    ck_assert(isnan(tfx_bits_per_byte(1, 0)));

    /* A probe of an unchanged model finds no difference; of a changed one, the largest. */
    tfx_probe probe;
    double delta;
    ck_assert_int_eq(tfx_probe_take(&probe, &v, e, plan, &f.err), TFX_OK);
    tfx_probe_compare(&probe, &v, e, &again, &delta, &f.err);
    ck_assert_double_eq(delta, 0);
    ck_assert_double_eq(again, probe.loss);
    const tfx_state_tensor *bias = &plan->state.tensors[tfx_state_find(&plan->state, "norm.weight")];
    float *scale = TFX_NEW_ARRAY(float, 8), largest = 0;
    for (int i = 0; i < 8; i++)
        scale[i] = 3; /* all logits threefold */
    for (uint64_t i = 0; i < probe.n; i++)
        largest = fmaxf(largest, fabsf(probe.logits[i]));
    tfx_state_io io = tfx_engine_io(e);
    io.write(io.ctx, bias, 0, scale, 32);
    tfx_probe_compare(&probe, &v, e, &again, &delta, &f.err);
    fixture_ok(&f);
    ck_assert_double_eq_tol(delta, 2 * (double)largest, 1e-5);
    ck_assert_double_ne(again, probe.loss);
    scale[0] = NAN;
    io.write(io.ctx, bias, 0, scale, 32);
    tfx_probe_compare(&probe, &v, e, &again, &delta, &f.err);
    ck_assert(isnan(delta));
    tfx_probe_finish(&probe);

    /* The first batch whose loss is not finite is the last one, and stays. */
    ck_assert_int_eq(tfx_evaluate(&v, e, NULL, NULL, &stopped, &loss, &f.err), TFX_OK);
    ck_assert(isnan(loss) && memcmp(first, left, sizeof(*left) * (size_t)rows) != 0);
    io.read(io.ctx, &plan->state.tensors[plan->tokens], 0, left, sizeof(*left) * (size_t)rows);
    ck_assert(!memcmp(first, left, sizeof(*left) * (size_t)rows));

    stop = 1;
    ck_assert_int_eq(tfx_evaluate(&v, e, &stop, NULL, &stopped, &loss, &f.err), TFX_OK);
    ck_assert(stopped && isnan(loss));

    /* A loader that gives tokens which it said there are none of is not believed. */
    v.vocab = 2;
    ck_assert_int_ne(tfx_evaluate(&v, e, NULL, NULL, &stopped, &loss, &f.err), TFX_OK);
    ERROR_SAYS(&f.err, "[data] validation", "inputs");
    f.err = (tfx_error){0};
    free(scale);
    free(tokens);
    free(targets);
    free(first);
    free(left);
    free(logits);
    tfx_call_loader_close(cls, loader);
    tfx_evaluator_close(&v);
    tfx_engine_destroy(e);
    tfx_stage_plan_destroy(plan);
    fixture_close(&f);
    free(text);
}
END_TEST

static tfx_status no_buffer(tfx_backend *b, uint64_t bytes, tfx_buffer **out)
{
    (void)b, (void)bytes, (void)out;
    return TFX_E_MEMORY;
}

START_TEST(memory_that_is_not_there)
{
    char *text = spec_text(specs[0]);
    fixture f;
    fixture_open(&f, text);
    tfx_stage_plan *plan = stage_plan(&f, "a", 0);
    f.single.buffer_create = no_buffer;
    ck_assert_ptr_null(tfx_engine_create(&f.unfused, plan, &f.err));
    ck_assert_int_eq(f.err.status, TFX_E_MEMORY);
    tfx_stage_plan_destroy(plan);
    fixture_close(&f);
    free(text);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train/engine");
    TCase *c = tcase_create("engine");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, same_as_the_runner, 0, sizeof(specs) / sizeof(*specs));
    tcase_add_test(c, initialisation);
    tcase_add_test(c, pieces_of_state);
    tcase_add_test(c, every_bit_of_a_seed_counts);
    tcase_add_loop_test(c, it_learns, 0, 3);
    tcase_add_test(c, evaluation);
    tcase_add_test(c, memory_that_is_not_there);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

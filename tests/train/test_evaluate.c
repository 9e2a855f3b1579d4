/* Evaluation: the same tokens, each counted once, whatever the batch; with a loader that goes to no place but
 * those it has told, as the ABI promises no more. */
#include "framework/train/evaluate.h"

#include "tests/check_main.h"
#include "tests/plan/stage_fixture.h"

enum { CONTEXT = 6, TEXT = 1003 };

static uint8_t text_at(int64_t i)
{
    return (uint8_t)((i * i + i / 7) % VOCAB);
}

/* ---- a loader of the ABI's first version: the built-in one behind checks ---- */

static tfx_loader_class strict;
static const tfx_loader_class *bytes;
static tfx_loader_position told[TEXT + 1];
static int n_told, n_rows, n_seeks;

static tfx_status strict_open(const tfx_host *host, const tfx_loader_config *config, tfx_loader **out)
{
    ck_assert_int_eq(config->batch, 1); /* a larger one might give other rows */
    n_told = n_rows = n_seeks = 0;
    return bytes->open(host, config, out);
}

static tfx_status strict_next(tfx_loader *l, int32_t *inputs, int32_t *targets)
{
    n_rows++;
    return bytes->next_batch(l, inputs, targets);
}

static void strict_tell(const tfx_loader *l, tfx_loader_position *out)
{
    ck_assert_uint_eq(out->struct_size, sizeof(*out));
    bytes->tell(l, out);
    told[n_told++] = *out;
}

static tfx_status strict_seek(tfx_loader *l, const tfx_loader_position *pos)
{
    int known = 0;
    static const tfx_loader_position start = {.struct_size = sizeof(start)};
    for (int i = 0; i < n_told; i++)
        known |= !memcmp(pos, &told[i], sizeof(*pos));
    ck_assert_msg(known || !memcmp(pos, &start, sizeof(start)), "batch %llu", (unsigned long long)pos->batch_index);
    n_seeks++;
    return bytes->seek(l, pos);
}

/* ---- one model on one text ---- */

typedef struct scene {
    fixture f;
    tfx_stage_plan *plan;
    tfx_engine *engine;
    tfx_evaluator v;
    char path[32];
} scene;

static void scene_open(scene *l, int64_t micro_batch, int64_t n, int64_t eval_tokens)
{
    strcpy(l->path, "/tmp/tfx-eval-XXXXXX");
    int fd = mkstemp(l->path);
    for (int64_t i = 0; i < n; i++) {
        uint8_t token = text_at(i);
        if (write(fd, &token, 1) != 1)
            ck_abort_msg("cannot write %s", l->path);
    }
    close(fd);
    char *text = tfx_printf("[experiment]\nname = test\nbackend = cpu\nbackend.threads = 2\n"
                            "[data]\nloader = bytes\nloader.train = %s\nloader.val = %s\neval_tokens = %lld\n"
                            "[train]\nsteps = 8\nbatch = 8\nmicro_batch = %lld\n" SPEC_TOKENFORMER
                            "[arm a]\nmodel = tokenformer\n",
                            l->path, l->path, (long long)eval_tokens, (long long)micro_batch);
    fixture_open(&l->f, text);
    free(text);
    bytes = l->f.experiment->loader.impl;
    strict = *bytes;
    strict.open = strict_open;
    strict.next_batch = strict_next;
    strict.tell = strict_tell;
    strict.seek = strict_seek;
    l->f.experiment->loader.impl = &strict;
    l->plan = stage_plan(&l->f, "a", 0);
    l->engine = tfx_engine_create(&l->f.device, l->plan, &l->f.err);
    fixture_ok(&l->f);
    tfx_engine_initialise(l->engine, 7, &l->f.err);
    tfx_evaluator_open(&l->v, l->f.experiment, l->plan, &l->f.err);
    fixture_ok(&l->f);
}

static void scene_close(scene *l)
{
    tfx_evaluator_close(&l->v);
    tfx_engine_destroy(l->engine);
    tfx_stage_plan_destroy(l->plan);
    unlink(l->path);
    fixture_close(&l->f);
}

static double evaluated(scene *l)
{
    double loss;
    int stopped;
    tfx_evaluate(&l->v, l->engine, NULL, NULL, &stopped, &loss, &l->f.err);
    fixture_ok(&l->f);
    return loss;
}

/* The mean over these windows one by one, read from the text itself. */
static double expected(scene *l, const tfx_validation_set *set)
{
    int64_t rows = l->plan->micro_batch, left = set->tokens;
    int32_t *in = TFX_NEW_ARRAY(int32_t, rows * CONTEXT), *targets = TFX_NEW_ARRAY(int32_t, rows * CONTEXT);
    double total = 0;
    for (int64_t i = 0; i < set->windows; i++) {
        int64_t first = tfx_validation_set_window(set, i) * CONTEXT;
        float sum;
        for (int64_t t = 0; t < rows * CONTEXT; t++)
            targets[t] = -1;
        for (int64_t t = 0; t < CONTEXT; t++, left--) {
            in[t] = text_at(first + t);
            targets[t] = left > 0 ? text_at(first + t + 1) : -1;
        }
        tfx_engine_set_batch(l->engine, in, targets);
        tfx_engine_eval(l->engine, &sum, &l->f.err);
        total += (double)sum;
    }
    free(in);
    free(targets);
    return total / (double)set->tokens;
}

/* Fewer tokens than the split has, more, as many; a multiple of a row and of a batch, and not. */
static const struct {
    int64_t n, eval_tokens, counted;
} cases[] = {{TEXT, 96, 96},      {TEXT, 97, 97},   {TEXT, 300, 300}, {TEXT, 1002, 1002},
             {TEXT, 65536, 1002}, {100, 65536, 96}, {8, 65536, 6},    {7, 1, 1}};

START_TEST(same_for_every_batch)
{
    double first = 0;
    for (int64_t micro_batch = 1; micro_batch <= 8; micro_batch *= 2) {
        scene l;
        scene_open(&l, micro_batch, cases[_i].n, cases[_i].eval_tokens);
        ck_assert_int_eq(l.v.set.tokens, cases[_i].counted);
        double loss = evaluated(&l);
        ck_assert_double_eq_tol(loss, expected(&l, &l.v.set), 1e-6);
        first = micro_batch == 1 ? loss : first;
        ck_assert_double_eq_tol(loss, first, 1e-6);
        scene_close(&l);
    }
}
END_TEST

/* What lies between is read through once. */
START_TEST(again_without_reading_through)
{
    scene l;
    scene_open(&l, 4, TEXT, 300);
    double loss = evaluated(&l);
    int rows = n_rows, seeks = n_seeks;
    ck_assert_int_gt(rows, 140); /* of the 167 windows */
    ck_assert_double_eq(evaluated(&l), loss);
    ck_assert_int_eq(n_rows - rows, 50);
    ck_assert_int_gt(n_seeks, seeks + 10);
    scene_close(&l);
}
END_TEST

/* Given up at any window, it begins anew; and so it does after a probe. */
START_TEST(after_an_interruption)
{
    scene l;
    scene_open(&l, 2, TEXT, 300);
    double loss = evaluated(&l), again, delta;
    tfx_probe probe;
    scene_close(&l);
    scene_open(&l, 2, TEXT, 300);
    volatile sig_atomic_t stop = 1;
    int stopped;
    tfx_evaluate(&l.v, l.engine, &stop, NULL, &stopped, &again, &l.f.err);
    ck_assert(stopped && isnan(again));
    ck_assert_int_eq(tfx_probe_take(&probe, &l.v, l.engine, l.plan, &l.f.err), TFX_OK);
    ck_assert_double_eq(evaluated(&l), loss);
    tfx_probe_compare(&probe, &l.v, l.engine, &again, &delta, &l.f.err);
    ck_assert_double_eq(again, probe.loss);
    ck_assert_double_eq(evaluated(&l), loss);
    /* The probe is on the first windows of the split. */
    tfx_validation_set start = {
        .context = CONTEXT, .tokens = 12, .windows = 2, .piece_windows = 2, .pieces = 1, .places = 1};
    ck_assert_double_eq_tol(probe.loss, expected(&l, &start), 1e-6);
    tfx_probe_finish(&probe);
    scene_close(&l);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train/evaluate");
    TCase *t = tcase_create("evaluate");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, same_for_every_batch, 0, sizeof(cases) / sizeof(*cases));
    tcase_add_test(t, again_without_reading_through);
    tcase_add_test(t, after_an_interruption);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

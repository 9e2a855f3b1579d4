/* Initial: what is measured of a model before its first step, and what it says when it cannot be. */
#include "framework/train/initial.h"

#include "tests/check_main.h"
#include "tests/plan/stage_fixture.h"

#define SPEC \
    SPEC_HEAD SPEC_TRAIN SPEC_TRANSFORMER SPEC_TOKENFORMER "[arm transformer]\nmodel = transformer\n" \
                                                           "[arm tokenformer]\nmodel = tokenformer\n"

static const char *const names[] = {"transformer", "tokenformer"};

static tfx_status measure(fixture *f, const char *arm_name, const tfx_device *device, tfx_initial *x)
{
    const tfx_arm *arm = tfx_experiment_arm(f->experiment, arm_name, &f->err);
    fixture_ok(f);
    return tfx_initial_measure(x, f->experiment, arm, arm->model, f->registry, device, &f->err);
}

/* The figures are the same with and without fusion: sums of squares change nothing of what is summed. */
START_TEST(figures)
{
    fixture f;
    tfx_initial x, y;
    fixture_open(&f, SPEC);
    measure(&f, names[_i], &f.device, &x);
    measure(&f, names[_i], &f.unfused, &y);
    fixture_ok(&f);
    ck_assert_uint_eq(x.n_writes, 4);
    ck_assert_str_eq(x.writes[2].writer, "blocks.1.mixer (attention)");
    ck_assert_str_eq(x.writes[3].writer, _i ? "blocks.1.ffn (pattention)" : "blocks.1.ffn (mlp)");
    ck_assert_double_eq(x.writes[0].stream, x.embedding);
    for (uint32_t i = 0; i < x.n_writes; i++) {
        ck_assert_double_eq_tol(x.writes[i].stream, y.writes[i].stream, 1e-6 * x.writes[i].stream);
        ck_assert_double_eq_tol(x.writes[i].written, y.writes[i].written, 1e-5 * x.writes[i].written);
        ck_assert(x.writes[i].written > 0);
        ck_assert_double_eq(x.writes[i].ratio, x.writes[i].written / x.writes[i].stream);
    }
    ck_assert_double_eq_tol(x.loss, y.loss, 1e-6);
    ck_assert_double_eq_tol(x.loss, log(VOCAB), 0.5);
    ck_assert(x.logits > 0);
    for (uint32_t i = 0; i < x.n_params; i++)
        ck_assert(x.params[i].tensor->init.kind == TFX_INIT_NORMAL ? x.params[i].std > 0 : x.params[i].std == 0);
    tfx_initial_finish(&x);
    tfx_initial_finish(&y);
    fixture_close(&f);
}
END_TEST

static uint64_t little_memory(const tfx_backend *b)
{
    (void)b;
    return 1000;
}

START_TEST(not_enough_memory)
{
    fixture f;
    tfx_initial x;
    fixture_open(&f, SPEC);
    f.single.memory = little_memory;
    ck_assert_int_eq(measure(&f, "transformer", &f.unfused, &x), TFX_E_INVALID);
    ERROR_SAYS(&f.err, ":", "[model transformer]: a pass over 1 x 6 tokens through the model needs",
               "this machine has 1.00 kB");
    tfx_initial_finish(&x);
    fixture_close(&f);
}
END_TEST

START_TEST(what_drowns)
{
    static const struct {
        double ratio;
        int drowns;
    } cases[] = {{0, 0}, {1, 0}, {5, 0}, {5.001, 1}, {INFINITY, 1}, {NAN, 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_int_eq(tfx_initial_drowns(&(tfx_initial_write){.ratio = cases[i].ratio}), cases[i].drowns);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train/initial");
    TCase *c = tcase_create("initial");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, figures, 0, 2);
    tcase_add_test(c, not_enough_memory);
    tcase_add_test(c, what_drowns);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

/* Curves of finished runs, which policies decide by, out of tests/store/sample.h. */
#include "tests/check_main.h"
#include "tests/store/sample.h"

static char *folder, *path;
static tfx_store *s;

static void set_up(void)
{
    s = sample_open(TFX_STORE_WRITE, &folder, &path);
}

static void tear_down(void)
{
    sample_close(s, folder, path);
}

static tfx_id finished(const char *experiment, const char *arm, int64_t seed)
{
    tfx_error err = {0};
    tfx_id run = tfx_store_finished_run(s, experiment, arm, seed, &err);
    ck_assert_msg(err.status == TFX_OK, "%s", err.text);
    return run;
}

START_TEST(which_run)
{
    ck_assert_int_eq(finished("growth", "large", 1), 1);
    ck_assert_int_eq(finished("growth", "large", 2), 2);
    ck_assert_int_eq(finished("growth", "large", 7), 1); /* the lowest seed */
    ck_assert_int_eq(finished("growth", "broken", 1), 0);
    ck_assert_int_eq(finished("onward", "more", 1), 0); /* still running */
    ck_assert_int_eq(finished("growth", "more", 1), 0);
    ck_assert_int_eq(finished("nothing", "large", 1), 0);
    OK(tfx_store_end_run(s, 2, TFX_RUN_INTERRUPTED, NULL, oops));
    ck_assert_int_eq(finished("growth", "large", 2), 1);
}
END_TEST

/* Of experiments of one name, the newest that has such a run counts. */
START_TEST(which_experiment)
{
    tfx_id e = 0, arm = 0, run = 0;
    OK(e = tfx_store_add_experiment(s, "growth", NULL, NULL, NULL, SAMPLE_SPEC, oops));
    OK(arm = tfx_store_add_arm(s, e, "large", "large", NULL, NULL, NULL, oops));
    OK(run = tfx_store_add_run(s, arm, 9, oops));
    ck_assert_int_eq(finished("growth", "large", 1), 1);
    OK(tfx_store_end_run(s, run, TFX_RUN_DONE, NULL, oops));
    ck_assert_int_eq(finished("growth", "large", 1), run);
}
END_TEST

static void check_losses(tfx_id run, const double (*expected)[2], size_t n)
{
    double *flops, *loss;
    size_t found;
    OK(tfx_store_val_losses(s, run, &flops, &loss, &found, oops));
    ck_assert_uint_eq(found, n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_double_eq(flops[i], expected[i][0]);
        ck_assert_double_eq(loss[i], expected[i][1]);
    }
    free(flops);
    free(loss);
}

START_TEST(losses)
{
    static const double large[][2] = {{0, 5}, {30000, 4}, {60000, 3}, {90000, 2}};
    static const double grown[][2] = {{0, 5}, {10000, 3.5}, {20000, 3}, {20000, 3}, {50000, 2.5}, {80000, 2}};
    check_losses(1, large, 4);
    check_losses(3, grown, 6);
    check_losses(5, NULL, 0);
    OK(tfx_store_supersede(s, 1, 20, oops)); /* a resume from step 20 */
    check_losses(1, large, 3);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("store/curves");
    TCase *c = tcase_create("curves");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, which_run);
    tcase_add_test(c, which_experiment);
    tcase_add_test(c, losses);
    suite_add_tcase(suite, c);
    return suite;
}

TFX_CHECK_MAIN(suite)

/* How long the rest takes, by what was done in the last minutes. */
#include "framework/train/pace.h"
#include "tests/check_main.h"

START_TEST(not_known_at_first)
{
    tfx_pace p = {0};
    ck_assert_double_lt(tfx_pace_time(&p, 10), 0);
    ck_assert_double_eq(tfx_pace_time(&p, 0), 0);
    tfx_pace_add(&p, 100, 0);
    ck_assert_double_lt(tfx_pace_time(&p, 10), 0);
    tfx_pace_add(&p, 102, 8); /* 4 per second */
    ck_assert_double_eq_tol(tfx_pace_time(&p, 10), 2.5, 1e-9);
    ck_assert_double_eq(tfx_pace_time(&p, 0), 0);
}
END_TEST

/* Whatever is heard how often. */
START_TEST(steady)
{
    static const double every[] = {0.1, 7, 300};
    for (int k = 0; k < 3; k++) {
        tfx_pace p = {0};
        for (int i = 0; i < 1000; i++)
            tfx_pace_add(&p, 5 + i * every[k], 3e9 * every[k]);
        ck_assert_double_eq_tol(tfx_pace_time(&p, 3e12), 1000, 1e-6);
    }
}
END_TEST

START_TEST(follows_a_change)
{
    tfx_pace p = {0};
    double now = 0;
    for (; now < 600; now++)
        tfx_pace_add(&p, now, 10);
    for (; now < 660; now++) /* a minute later, a factor e less counts of what was before */
        tfx_pace_add(&p, now, 2);
    ck_assert_double_eq_tol(100 / tfx_pace_time(&p, 100), 2 + 8 / 2.718281828, 0.05);
    for (; now < 1200; now++)
        tfx_pace_add(&p, now, 2);
    ck_assert_double_eq_tol(tfx_pace_time(&p, 100), 50, 0.1);
    tfx_pace_add(&p, now + 600, 0); /* nothing for ten minutes, as in a long evaluation */
    ck_assert_double_gt(tfx_pace_time(&p, 100), 1000);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train: pace");
    TCase *c = tcase_create("time");
    tcase_add_test(c, not_known_at_first);
    tcase_add_test(c, steady);
    tcase_add_test(c, follows_a_change);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

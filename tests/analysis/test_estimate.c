/* Means and intervals, against tables of Student's t and scipy:
 *
 *   x, y = [1.2, 1.5, 1.1, 1.9], [1.0, 1.1, 1.4]
 *   scipy.stats.t.interval(0.95, 3, np.mean(x), scipy.stats.sem(x))
 *   scipy.stats.ttest_ind(x, y, equal_var=False).confidence_interval(0.95) */
#include "framework/analysis/estimate.h"

#include <math.h>

#include "tests/check_main.h"

static const double x[] = {1.2, 1.5, 1.1, 1.9}, y[] = {1.0, 1.1, 1.4};

START_TEST(one_sample)
{
    tfx_estimate e = tfx_estimate_mean(x, 4);
    ck_assert_uint_eq(e.n, 4);
    ck_assert_double_eq_tol(e.mean, 1.425, 1e-12);
    ck_assert_double_eq_tol(e.sd, 0.35939764421413044, 1e-12);
    ck_assert_double_eq_tol(e.low, 0.8531181475, 1e-8);
    ck_assert_double_eq_tol(e.high, 1.9968818525, 1e-8);
    /* 12.706 is t(0.975, 1); two values are too few all the same. 4.3027 is t(0.975, 2). */
    e = tfx_estimate_mean(y, 3);
    ck_assert_double_eq_tol(e.high - e.mean, 4.302652729911275 * e.sd / sqrt(3), 1e-9);
}
END_TEST

START_TEST(too_few)
{
    tfx_estimate e = tfx_estimate_mean(x, 2);
    ck_assert_double_eq_tol(e.mean, 1.35, 1e-12);
    ck_assert_double_eq_tol(e.sd, 0.21213203435596423, 1e-12);
    ck_assert(isnan(e.low) && isnan(e.high));
    e = tfx_estimate_mean(x, 1);
    ck_assert(e.mean == 1.2 && isnan(e.sd) && isnan(e.low));
    e = tfx_estimate_mean(x, 0);
    ck_assert(isnan(e.mean) && isnan(e.low));
    e = tfx_estimate_difference(x, 4, y, 2);
    ck_assert(e.n == 2 && isnan(e.low));
}
END_TEST

START_TEST(two_samples)
{
    tfx_estimate e = tfx_estimate_difference(x, 4, y, 3);
    ck_assert_uint_eq(e.n, 3);
    ck_assert_double_eq_tol(e.mean, 0.2583333333333333, 1e-12);
    ck_assert_double_eq_tol(e.low, -0.3031977451, 1e-6);
    ck_assert_double_eq_tol(e.high, 0.8198644117, 1e-6);
}
END_TEST

START_TEST(without_spread)
{
    const double same[] = {2, 2, 2};
    tfx_estimate e = tfx_estimate_mean(same, 3);
    ck_assert(e.sd == 0 && e.low == 2 && e.high == 2);
    e = tfx_estimate_difference(same, 3, same, 3);
    ck_assert(e.mean == 0 && e.low == 0 && e.high == 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("analysis/estimate");
    TCase *t = tcase_create("estimate");
    tcase_add_test(t, one_sample);
    tcase_add_test(t, too_few);
    tcase_add_test(t, two_samples);
    tcase_add_test(t, without_spread);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

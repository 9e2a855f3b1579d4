/* Axes: where values lie, and that labels are round, few, in order and apart. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/report/scale.h"
#include "tests/check_main.h"

static char *labels(tfx_scale s, tfx_tick_kind kind)
{
    static char all[TFX_MAX_TICKS * 66];
    tfx_tick ticks[TFX_MAX_TICKS];
    size_t n = tfx_scale_ticks(&s, kind, ticks);
    *all = '\0';
    for (size_t i = 0; i < n; i++)
        strcat(strcat(all, i ? " | " : ""), ticks[i].label);
    return all;
}

START_TEST(places)
{
    tfx_scale s = tfx_scale_log(1e3, 1e5, 0);
    ck_assert_double_eq_tol(tfx_scale_at(&s, 1e3), 0, 1e-12);
    ck_assert_double_eq_tol(tfx_scale_at(&s, 1e4), 0.5, 1e-12);
    ck_assert_double_eq_tol(tfx_scale_at(&s, 1e5), 1, 1e-12);
    s = tfx_scale_linear(0, 8, 0.25);
    ck_assert_double_eq_tol(tfx_scale_at(&s, 0), 2.0 / 12, 1e-12);
    ck_assert_double_eq_tol(tfx_scale_at(&s, 8), 10.0 / 12, 1e-12);
    /* One value alone lies in the middle. */
    s = tfx_scale_log(7, 7, 0.1);
    ck_assert_double_eq_tol(tfx_scale_at(&s, 7), 0.5, 1e-9);
    s = tfx_scale_linear(-3, -3, 0.1);
    ck_assert_double_eq_tol(tfx_scale_at(&s, -3), 0.5, 1e-9);
    /* So do costs that differ by a step; others are as on any axis. */
    s = tfx_scale_cost(4e12, 4.004e12, 0.1);
    ck_assert(fabs(tfx_scale_at(&s, 4e12) - 0.5) < 0.01 && fabs(tfx_scale_at(&s, 4.004e12) - 0.5) < 0.01);
    ck_assert_str_eq(labels(s, TFX_TICK_POWER),
                     "3.5×10<sup>12</sup> | 4×10<sup>12</sup> | 4.5×10<sup>12</sup> | 5×10<sup>12</sup>");
    s = tfx_scale_cost(1e3, 1e5, 0);
    ck_assert_double_eq_tol(tfx_scale_at(&s, 1e4), 0.5, 1e-12);
}
END_TEST

START_TEST(words)
{
    ck_assert_str_eq(labels(tfx_scale_log(1.8, 3.6, 0), TFX_TICK_NUMBER), "2 | 2.5 | 3 | 3.5");
    ck_assert_str_eq(labels(tfx_scale_log(2e11, 9e12, 0), TFX_TICK_POWER),
                     "2×10<sup>11</sup> | 5×10<sup>11</sup> | 10<sup>12</sup> | 2×10<sup>12</sup> | "
                     "5×10<sup>12</sup>");
    ck_assert_str_eq(labels(tfx_scale_log(9e9, 1e18, 0), TFX_TICK_POWER),
                     "10<sup>10</sup> | 10<sup>12</sup> | 10<sup>14</sup> | 10<sup>16</sup> | 10<sup>18</sup>");
    ck_assert_str_eq(labels(tfx_scale_log(2e-4, 2e-2, 0), TFX_TICK_POWER),
                     "3×10<sup>-4</sup> | 10<sup>-3</sup> | 3×10<sup>-3</sup> | 0.01");
    ck_assert_str_eq(labels(tfx_scale_log(9e3, 1.1e6, 0), TFX_TICK_COUNT), "10k | 30k | 100k | 300k | 1M");
    ck_assert_str_eq(labels(tfx_scale_log(8, 4000, 0), TFX_TICK_SECONDS), "10 s | 30 s | 2 min | 10 min | 30 min");
    ck_assert_str_eq(labels(tfx_scale_linear(0, 100, 0), TFX_TICK_COUNT), "0 | 20 | 40 | 60 | 80 | 100");
    ck_assert_str_eq(labels(tfx_scale_linear(-1, 1, 0), TFX_TICK_NUMBER), "-1 | -0.5 | 0 | 0.5 | 1");
}
END_TEST

/* Of any span from a hair to thirty decades, at any place. */
START_TEST(any_span)
{
    srand(1);
    for (int i = 0; i < 5000; i++) {
        double low = pow(10, 40.0 * rand() / RAND_MAX - 10), ratio = pow(10, pow(10, 4.5 * rand() / RAND_MAX - 3));
        tfx_scale s = i % 2 ? tfx_scale_log(low, low * ratio, 0.02) : tfx_scale_linear(low, low * ratio, 0.02);
        for (int kind = TFX_TICK_NUMBER; kind <= TFX_TICK_SECONDS; kind++) {
            tfx_tick ticks[TFX_MAX_TICKS];
            size_t n = tfx_scale_ticks(&s, (tfx_tick_kind)kind, ticks);
            /* One assertion for all: each is a message to another process. */
            int fine = n >= 1 && n <= TFX_MAX_TICKS;
            for (size_t k = 0; k < n; k++)
                fine &= ticks[k].at >= -1e-6 && ticks[k].at <= 1 + 1e-6 && *ticks[k].label &&
                        (k == 0 || ticks[k].at - ticks[k - 1].at >= 0.059);
            ck_assert_msg(fine, "%zu ticks from %g, times %g", n, low, ratio);
        }
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("report/scale");
    TCase *t = tcase_create("scale");
    tcase_add_test(t, places);
    tcase_add_test(t, words);
    tcase_add_test(t, any_span);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

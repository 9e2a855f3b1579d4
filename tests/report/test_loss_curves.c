/* Curves in memory, of the sample database of tests/store/sample.h; thinning; and what HTML must not take for its own. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/report/html.h"
#include "tests/check_main.h"
#include "tests/store/sample.h"

START_TEST(sample)
{
    char *folder, *path;
    tfx_store *s = sample_open(TFX_STORE_READ, &folder, &path);
    tfx_loss_curves c;
    OK(tfx_loss_curves_load(s, 1, 1000, &c, oops));
    ck_assert_uint_eq(c.n_arms, 3);
    ck_assert_uint_eq(c.n_evaluations, 4 * 2 + 6 * 2);
    ck_assert_uint_eq(c.n_kept, c.n_evaluations);
    ck_assert_str_eq(c.arms[1].arm, "grown");
    ck_assert_uint_eq(c.arms[1].n_runs, 2);
    ck_assert_uint_eq(c.arms[1].mean.n, 6);
    const tfx_loss_point *last = &c.arms[1].mean.points[5];
    ck_assert_double_eq_tol(last->loss, 2.05, 1e-12);
    ck_assert_int_eq(last->stage, 1);
    ck_assert_double_eq(last->cost[TFX_COST_FLOPS][TFX_SIDE_INCL], 80000);
    ck_assert_double_eq(last->cost[TFX_COST_FLOPS][TFX_SIDE_EXCL], 60000);
    ck_assert_double_eq(last->cost[TFX_COST_TOKENS][TFX_SIDE_INCL], 400);
    ck_assert_double_eq(last->cost[TFX_COST_SECONDS][TFX_SIDE_EXCL], 20);
    ck_assert_ptr_eq(tfx_arm_main_curve(&c.arms[1]), &c.arms[1].mean);
    ck_assert_ptr_null(tfx_arm_main_curve(&c.arms[2])); /* it failed before an evaluation */
    tfx_loss_curves_finish(&c);
    OK(tfx_loss_curves_load(s, 2, 1000, &c, oops)); /* one seed: no mean; the ancestors' costs are in it */
    ck_assert_uint_eq(c.arms[0].mean.n, 0);
    ck_assert_ptr_eq(tfx_arm_main_curve(&c.arms[0]), &c.arms[0].runs[0]);
    ck_assert_double_eq(c.arms[0].runs[0].points[0].cost[TFX_COST_FLOPS][TFX_SIDE_INCL], 80000);
    tfx_loss_curves_finish(&c);
    sample_close(s, folder, path);
}
END_TEST

/* Where a seed was not evaluated there is no mean, and a loss that is not finite is no point. */
START_TEST(gaps)
{
    char *folder, *path;
    tfx_store *s = sample_open(TFX_STORE_WRITE, &folder, &path);
    tfx_loss_curves c;
    sample_metric(s, 1, 1, "val_loss", 40, 120000, 1.9);
    sample_metric(s, 2, 2, "val_loss", 45, 125000, 1.8);
    sample_metric(s, 1, 1, "val_loss", 50, 150000, NAN);
    sample_metric(s, 2, 2, "val_loss", 50, 150000, 1.7);
    OK(tfx_loss_curves_load(s, 1, 1000, &c, oops));
    ck_assert_uint_eq(c.arms[0].runs[0].n, 5);
    ck_assert_uint_eq(c.arms[0].runs[1].n, 6);
    ck_assert_uint_eq(c.arms[0].mean.n, 4);
    tfx_loss_curves_finish(&c);
    /* One that has just begun beside one that is far ahead cuts no mean short: the one ahead stands for the arm. */
    sample_metric(s, 2, 2, "val_loss", 90, 270000, 1.6);
    OK(tfx_loss_curves_load(s, 1, 1000, &c, oops));
    ck_assert_uint_eq(c.arms[0].n_mean, 1);
    ck_assert_uint_eq(c.arms[0].mean.n, 0);
    ck_assert_ptr_eq(tfx_arm_main_curve(&c.arms[0]), &c.arms[0].runs[1]);
    tfx_loss_curves_finish(&c);
    sample_close(s, folder, path);
}
END_TEST

START_TEST(thinning)
{
    enum { N = 100000, BUDGET = 400 };
    tfx_loss_curve c = {.points = TFX_NEW_ARRAY(tfx_loss_point, N), .n = N};
    for (size_t i = 0; i < N; i++)
        c.points[i] = (tfx_loss_point){.stage = i >= 30000, .step = (int64_t)i, .loss = 3 - log((double)i + 1) / 9};
    c.points[77777].loss = 9; /* a spike must not get lost */
    c.points[55555].loss = 0.5;
    tfx_loss_curve_thin(&c, BUDGET);
    ck_assert_msg(c.n >= BUDGET / 2 && c.n <= BUDGET + 8, "%zu points", c.n);
    int high = 0, low = 0, end_of_stage = 0, begin_of_stage = 0;
    size_t early = 0;
    for (size_t i = 0; i < c.n; i++) {
        ck_assert(i == 0 || c.points[i].step > c.points[i - 1].step);
        high |= c.points[i].step == 77777;
        low |= c.points[i].step == 55555;
        end_of_stage |= c.points[i].step == 29999;
        begin_of_stage |= c.points[i].step == 30000;
        early += c.points[i].step < 100;
    }
    ck_assert(high && low && end_of_stage && begin_of_stage);
    ck_assert_int_eq(c.points[0].step, 0);
    ck_assert_int_eq(c.points[c.n - 1].step, N - 1);
    ck_assert_msg(early >= 10, "%zu points of the first 100", early); /* a logarithmic axis shows them large */
    free(c.points);
}
END_TEST

static char *printed(void print(FILE *, const char *), const char *text)
{
    char *s = NULL;
    size_t n;
    FILE *out = open_memstream(&s, &n);
    print(out, text);
    fclose(out);
    return s;
}

START_TEST(escapes)
{
    char *s = printed(tfx_html_text, "a < b & \"c\" > 'd'\x01\n\xc3\xa9");
    ck_assert_str_eq(s, "a &lt; b &amp; &quot;c&quot; &gt; &#39;d&#39;\n\xc3\xa9");
    free(s);
    s = printed(tfx_html_json_string, "</script> \"\\\n");
    ck_assert_str_eq(s, "\"\\u003c/script\\u003e \\u0022\\u005c\\u000a\"");
    free(s);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("report/loss_curves");
    TCase *t = tcase_create("loss_curves");
    tcase_add_test(t, sample);
    tcase_add_test(t, gaps);
    tcase_add_test(t, thinning);
    tcase_add_test(t, escapes);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

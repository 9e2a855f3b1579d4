/* Learning-rate schedules at the steps where something happens, and over whole runs against
 * the formulas of their papers written with the number of steps done, n = step + 1. */
#include <math.h>

#include "framework/train/learning_rate.h"
#include "tests/check_main.h"

static tfx_train_config config(tfx_lr_schedule schedule, double warmup)
{
    return (tfx_train_config){
        .lr = 8e-4, .min_lr = 2e-4, .schedule = schedule, .warmup = warmup, .decay_fraction = 0.2};
}

static void check(const tfx_train_config *t, double step, int64_t steps, double expected)
{
    double lr = tfx_learning_rate(t, step, steps);
    ck_assert_msg(fabs(lr - expected) <= 1e-12, "schedule %d, step %g of %lld: %.12g, expected %.12g", (int)t->schedule,
                  step, (long long)steps, lr, expected);
}

START_TEST(warm_up)
{
    for (int k = TFX_LR_CONSTANT; k <= TFX_LR_WSD; k++) {
        tfx_train_config t = config((tfx_lr_schedule)k, 0.1);
        check(&t, 0, 100, 0.8e-4); /* not 0: every step counts */
        check(&t, 4, 100, 4e-4);
        check(&t, 9, 100, 8e-4);
    }
}
END_TEST

/* A fraction that is a whole number of steps is that number, however it rounds. */
START_TEST(whole_warm_ups)
{
    for (int64_t steps = 1; steps <= 2000; steps++)
        for (int64_t hundredths = 0; hundredths < 100; hundredths++) {
            tfx_train_config t = config(TFX_LR_CONSTANT, (double)hundredths / 100);
            int64_t warm = (steps * hundredths + 99) / 100; /* rounded up, in integers */
            double last = tfx_learning_rate(&t, (double)warm - 1, steps),
                   before = tfx_learning_rate(&t, (double)warm - 2, steps);
            if (warm >= 2 && (fabs(last - 8e-4) > 1e-12 || before > 8e-4 - 1e-9))
                ck_abort_msg("%lld%% of %lld steps: %.9g, %.9g", (long long)hundredths, (long long)steps, before, last);
        }
}
END_TEST

START_TEST(after_the_warm_up)
{
    tfx_train_config constant = config(TFX_LR_CONSTANT, 0.1), linear = config(TFX_LR_LINEAR, 0.1);
    tfx_train_config cosine = config(TFX_LR_COSINE, 0.1), wsd = config(TFX_LR_WSD, 0.1);
    for (int64_t step = 10; step < 100; step++) {
        double n = (double)step + 1, done = (n - 10) / 90;
        check(&constant, n - 1, 100, 8e-4);
        check(&linear, n - 1, 100, 8e-4 * (1 - done) + 2e-4 * done);
        check(&cosine, n - 1, 100, 2e-4 + (8e-4 - 2e-4) * pow(cos(done * acos(-1.0) / 2), 2));
        check(&wsd, n - 1, 100, n <= 80 ? 8e-4 : 8e-4 - 6e-4 * (n - 80) / 20);
    }
    check(&linear, 99, 100, 2e-4); /* the last step has min_lr */
    check(&cosine, 99, 100, 2e-4);
    check(&wsd, 99, 100, 2e-4);
    check(&cosine, 54, 100, 5e-4); /* half way */
}
END_TEST

START_TEST(edges)
{
    tfx_train_config t = config(TFX_LR_COSINE, 0);
    check(&t, 0, 1, 2e-4); /* the only step is the last one */
    check(&t, 0, 2, 5e-4);
    t = config(TFX_LR_LINEAR, 0);
    check(&t, 0, 4, 8e-4 - 6e-4 / 4);
    check(&t, 3, 4, 2e-4);
    t = config(TFX_LR_CONSTANT, 0);
    check(&t, 0, 1, 8e-4);
    t = config(TFX_LR_COSINE, 0.01); /* less than a step warms up over one */
    check(&t, 0, 10, 8e-4);
    check(&t, 0, 1, 8e-4);
    t = config(TFX_LR_WSD, 0);
    t.decay_fraction = 0;
    check(&t, 9, 10, 8e-4);
    t.decay_fraction = 1;
    check(&t, 0, 10, 8e-4 - 0.6e-4);
    check(&t, 9, 10, 2e-4);
    t = config(TFX_LR_COSINE, 0.99); /* no step left to fall in */
    check(&t, 9, 10, 8e-4);
    check(&t, 10, 10, 8e-4);
    t = config(TFX_LR_COSINE, 0.1);
    check(&t, 100, 100, 2e-4); /* past the end */
    check(&t, 1000, 100, 2e-4);
    t.min_lr = 0;
    check(&t, 99, 100, 0);
    t.min_lr = t.lr;
    check(&t, 50, 100, 8e-4);
}
END_TEST

/* Three stages of 40, 30 and 30 steps under one schedule; the first ends after 10, the second after 12. */
START_TEST(early_ends)
{
    tfx_stage_plan stages[3] = {{.first_step = 0, .schedule_steps = 100},
                                {.first_step = 40, .schedule_steps = 100},
                                {.first_step = 70, .schedule_steps = 100}};
    ck_assert(tfx_schedule_done(&stages[0], 0, 40) == 40); /* as planned: the sum of steps, exactly */
    ck_assert(tfx_schedule_done(&stages[1], 40, 30) == 70);
    ck_assert(tfx_schedule_done(&stages[2], 70, 29) == 99);
    double done = tfx_schedule_done(&stages[0], 0, 10);
    ck_assert(done == 10);
    ck_assert(tfx_schedule_done(&stages[1], done, 0) == 10);                      /* no jump */
    ck_assert_double_eq_tol(tfx_schedule_done(&stages[1], done, 1), 11.5, 1e-12); /* 90 in 60 */
    done = tfx_schedule_done(&stages[1], done, 12);
    ck_assert_double_eq_tol(done, 28, 1e-12);
    ck_assert_double_eq_tol(tfx_schedule_done(&stages[2], done, 10), 52, 1e-12); /* 72 in 30 */
    ck_assert(tfx_schedule_done(&stages[2], done, 30) == 100);                   /* the end is reached */
    /* One that starts anew in stage 1 does not know of stage 0. */
    stages[1].schedule_first = stages[2].schedule_first = 40;
    stages[1].schedule_steps = stages[2].schedule_steps = 60;
    ck_assert(tfx_schedule_done(&stages[1], 0, 30) == 30);
    ck_assert(tfx_schedule_done(&stages[2], 30, 30) == 60);
    tfx_train_config linear = config(TFX_LR_LINEAR, 0);
    check(&linear, 49.5, 100, 8e-4 - 6e-4 * 0.505); /* between two steps */
}
END_TEST

/* The paper's: 600k steps, 1% warm-up, 6e-4 to 6e-5. */
START_TEST(the_paper)
{
    tfx_train_config t = {.lr = 6e-4, .min_lr = 6e-5, .schedule = TFX_LR_COSINE, .warmup = 0.01};
    check(&t, 5999, 600000, 6e-4);
    check(&t, 2999, 600000, 3e-4);
    check(&t, 599999, 600000, 6e-5);
    check(&t, 6000 + 297000 - 1, 600000, (6e-4 + 6e-5) / 2);
    double last = INFINITY;
    for (int64_t step = 5999; step < 600000; step += 7) {
        double lr = tfx_learning_rate(&t, (double)step, 600000);
        ck_assert_msg(lr < last, "step %lld: not falling", (long long)step);
        last = lr;
        if (step > 20000)
            step += 1000;
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train/learning_rate");
    TCase *c = tcase_create("schedule");
    tcase_add_test(c, warm_up);
    tcase_add_test(c, whole_warm_ups);
    tcase_add_test(c, after_the_warm_up);
    tcase_add_test(c, edges);
    tcase_add_test(c, the_paper);
    tcase_add_test(c, early_ends);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

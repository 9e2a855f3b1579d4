/* Losses between points, against numbers worked out by hand. */
#include "framework/analysis/curve.h"

#include <math.h>

#include "tests/check_main.h"

#define NEAR(x, y) ck_assert_double_eq_tol(x, y, 1e-12 * fabs((double)(y)))

/* A factor of 10 in cost for each step; the loss falls by 1, then 0.5. */
static const tfx_curve_point three[] = {{1e2, 3}, {1e3, 2}, {1e4, 1.5}};

START_TEST(between_points)
{
    tfx_on_curve cost;
    ck_assert_int_eq(tfx_curve_cost(three, 3, 2.5, &cost), TFX_REACH_WITHIN);
    NEAR(cost.line, sqrt(1e5));
    NEAR(cost.gap, 10);
    ck_assert_int_eq(tfx_curve_cost(three, 3, 1.6, &cost), TFX_REACH_WITHIN);
    NEAR(cost.line, pow(10, 3.8));
    NEAR(tfx_curve_loss(three, 3, sqrt(1e5), TFX_SAME_COST).line, 2.5);
    NEAR(tfx_curve_loss(three, 3, pow(10, 3.8), TFX_SAME_COST).line, 1.6);
}
END_TEST

START_TEST(at_points)
{
    for (int i = 0; i < 3; i++) {
        tfx_on_curve cost;
        ck_assert_int_eq(tfx_curve_cost(three, 3, three[i].loss, &cost), TFX_REACH_WITHIN);
        NEAR(cost.line, three[i].cost);
        NEAR(cost.least, three[i].cost);
        tfx_on_curve loss = tfx_curve_loss(three, 3, three[i].cost, TFX_SAME_COST);
        ck_assert(loss.line == three[i].loss && loss.least == three[i].loss && loss.gap == 1);
    }
    ck_assert_double_eq(tfx_curve_loss(three, 1, 1e2, TFX_SAME_COST).line, 3);
}
END_TEST

START_TEST(beyond_points)
{
    tfx_on_curve cost;
    ck_assert_int_eq(tfx_curve_cost(three, 3, 1.4, &cost), TFX_REACH_NEVER);
    ck_assert(isnan(cost.line));
    ck_assert_int_eq(tfx_curve_cost(three, 3, 3.5, &cost), TFX_REACH_BEFORE);
    ck_assert_double_eq(cost.line, 1e2);
    ck_assert(isnan(tfx_curve_loss(three, 3, 98, TFX_SAME_COST).line) &&
              isnan(tfx_curve_loss(three, 3, 1.02e4, TFX_SAME_COST).line));
    /* Whole steps do not meet a budget exactly: there and at points in the middle, it is the point's. */
    ck_assert_double_eq(tfx_curve_loss(three, 3, 99.5, TFX_SAME_COST).line, 3);
    ck_assert_double_eq(tfx_curve_loss(three, 3, 1.005e4, TFX_SAME_COST).line, 1.5);
    ck_assert_double_eq(tfx_curve_loss(three, 3, 995, TFX_SAME_COST).line, 2);
    ck_assert_double_eq(tfx_curve_loss(three, 3, 1005, TFX_SAME_COST).line, 2);
}
END_TEST

/* The lowest that a convex curve can be between 1e3 and 1e4: on the steeper of the lines through its neighbours. Between 1e2
 * and 1e3 there is the one behind. */
START_TEST(convex)
{
    const tfx_curve_point four[] = {{1e2, 3}, {1e3, 2}, {1e4, 1.5}, {1e5, 1.4}};
    tfx_on_curve cost, loss = tfx_curve_loss(four, 4, pow(10, 3.2), TFX_SAME_COST);
    NEAR(loss.line, 1.9);
    NEAR(loss.least, 1.8);                                                  /* from 1e2 on, 1 for each factor of ten */
    NEAR(tfx_curve_loss(four, 4, pow(10, 3.9), TFX_SAME_COST).least, 1.51); /* back from 1e5, 0.1 for each */
    NEAR(tfx_curve_loss(four, 4, pow(10, 2.5), TFX_SAME_COST).least, 2.25); /* back from 1e4 */
    NEAR(tfx_curve_loss(four, 4, pow(10, 4.5), TFX_SAME_COST).least, 1.4); /* 1.25, from 1e3 on: below the next point */
    ck_assert_int_eq(tfx_curve_cost(four, 4, 1.8, &cost), TFX_REACH_WITHIN);
    NEAR(cost.least, pow(10, 3.2));
    NEAR(cost.line, pow(10, 3.4));
    ck_assert_int_eq(tfx_curve_cost(four, 4, 1.51, &cost), TFX_REACH_WITHIN);
    NEAR(cost.least, pow(10, 3.9));
    tfx_curve_cost(four, 2, 2.5, &cost); /* two points alone: it may fall right behind the first */
    ck_assert_double_eq(cost.least, 1e2);
    /* With noise the line may be the lower one. */
    const tfx_curve_point bent[] = {{1e2, 3}, {1e3, 2.9}, {1e4, 1}};
    ck_assert_double_eq(tfx_curve_loss(bent, 3, 3e3, TFX_SAME_COST).least,
                        tfx_curve_loss(bent, 3, 3e3, TFX_SAME_COST).line);
    tfx_curve_cost(bent, 3, 2, &cost);
    ck_assert_double_eq(cost.least, cost.line);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("analysis/curve");
    TCase *t = tcase_create("curve");
    tcase_add_test(t, between_points);
    tcase_add_test(t, at_points);
    tcase_add_test(t, beyond_points);
    tcase_add_test(t, convex);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

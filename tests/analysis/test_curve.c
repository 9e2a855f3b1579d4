/* Losses between points, against numbers worked out by hand. */
#include "framework/analysis/curve.h"

#include <math.h>

#include "tests/check_main.h"

#define NEAR(x, y) ck_assert_double_eq_tol(x, y, 1e-12 * fabs((double)(y)))

/* A factor of 10 in cost for each step; the loss falls by 1, then 0.5. */
static const tfx_curve_point three[] = {{1e2, 3}, {1e3, 2}, {1e4, 1.5}};

START_TEST(between_points)
{
    double cost;
    ck_assert_int_eq(tfx_curve_cost(three, 3, 2.5, &cost), TFX_REACH_WITHIN);
    NEAR(cost, sqrt(1e5));
    ck_assert_int_eq(tfx_curve_cost(three, 3, 1.6, &cost), TFX_REACH_WITHIN);
    NEAR(cost, pow(10, 3.8));
    NEAR(tfx_curve_loss(three, 3, sqrt(1e5), TFX_SAME_COST), 2.5);
    NEAR(tfx_curve_loss(three, 3, pow(10, 3.8), TFX_SAME_COST), 1.6);
}
END_TEST

START_TEST(at_points)
{
    for (int i = 0; i < 3; i++) {
        double cost;
        ck_assert_int_eq(tfx_curve_cost(three, 3, three[i].loss, &cost), TFX_REACH_WITHIN);
        NEAR(cost, three[i].cost);
        NEAR(tfx_curve_loss(three, 3, three[i].cost, TFX_SAME_COST), three[i].loss);
    }
    ck_assert_double_eq(tfx_curve_loss(three, 1, 1e2, TFX_SAME_COST), 3);
}
END_TEST

START_TEST(beyond_points)
{
    double cost;
    ck_assert_int_eq(tfx_curve_cost(three, 3, 1.4, &cost), TFX_REACH_NEVER);
    ck_assert(isnan(cost));
    ck_assert_int_eq(tfx_curve_cost(three, 3, 3.5, &cost), TFX_REACH_BEFORE);
    ck_assert_double_eq(cost, 1e2);
    ck_assert(isnan(tfx_curve_loss(three, 3, 98, TFX_SAME_COST)) &&
              isnan(tfx_curve_loss(three, 3, 1.02e4, TFX_SAME_COST)));
    /* Whole steps do not meet a budget exactly. */
    ck_assert_double_eq(tfx_curve_loss(three, 3, 99.5, TFX_SAME_COST), 3);
    ck_assert_double_eq(tfx_curve_loss(three, 3, 1.005e4, TFX_SAME_COST), 1.5);
}
END_TEST

/* Noise, or a run that went wrong: it counts with the loss of the cheaper one. */
START_TEST(losses_that_rise)
{
    tfx_curve_point points[] = {{1e4, 1.5}, {1e2, 3}, {1e3, 3.5}};
    double cost;
    tfx_curve_make(points, 3);
    ck_assert_double_eq(points[0].cost, 1e2);
    ck_assert_int_eq(tfx_curve_cost(points, 3, 2.5, &cost), TFX_REACH_WITHIN);
    NEAR(cost, pow(10, 3 + 1 / 3.));
    NEAR(tfx_curve_loss(points, 3, sqrt(1e5), TFX_SAME_COST), 3);
}
END_TEST

/* Several learning rates at each of two budgets: the curve is that of the best ones. */
START_TEST(searched)
{
    tfx_curve_point points[] = {{1e2, 3}, {1e2, 7}, {1e3, 5}, {1e3, 2}, {1e2, 4}};
    double cost;
    tfx_curve_make(points, 5);
    ck_assert_int_eq(tfx_curve_cost(points, 5, 2.5, &cost), TFX_REACH_WITHIN);
    NEAR(cost, sqrt(1e5));
    NEAR(tfx_curve_loss(points, 5, sqrt(1e5), TFX_SAME_COST), 2.5);
}
END_TEST

/* Two runs of one cost: neither order divides by zero. */
START_TEST(equal_costs)
{
    tfx_curve_point points[] = {{1e2, 3}, {1e2, 2}, {1e2, 2}, {1e3, 1}};
    double cost;
    tfx_curve_make(points, 4);
    ck_assert_double_eq(tfx_curve_loss(points, 4, 1e2, TFX_SAME_COST), 2);
    ck_assert_int_eq(tfx_curve_cost(points, 4, 1.5, &cost), TFX_REACH_WITHIN);
    ck_assert(isfinite(cost) && cost > 1e2 && cost < 1e3);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("analysis/curve");
    TCase *t = tcase_create("curve");
    tcase_add_test(t, between_points);
    tcase_add_test(t, at_points);
    tcase_add_test(t, beyond_points);
    tcase_add_test(t, losses_that_rise);
    tcase_add_test(t, searched);
    tcase_add_test(t, equal_costs);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

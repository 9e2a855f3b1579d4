/* Fits: laws that made their data are found again, to the digit; what can not be told is said; frontier and forecasts
 * against their definitions. tests/e2e/test_fit.py compares with SciPy. */
#include <math.h>
#include <string.h>

#include "framework/analysis/forecast.h"
#include "framework/analysis/frontier.h"
#include "framework/analysis/minimise.h"
#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "tests/check_main.h"

static const double true_theta[] = {0.5247, 6.0073, 0.34, 6.0179, 0.28};

static const tfx_law *find(const char *name)
{
    tfx_error err = {0};
    return tfx_law_find(name, &err);
}

/* A grid of four sizes and four budgets of tokens, with relative noise. */
static tfx_observations grid(const double *theta, double noise)
{
    tfx_observations o = {.law = find("chinchilla")};
    for (int i = 0; i < 16; i++) {
        tfx_observation *p = TFX_APPEND(o.items, o.n, o.cap);
        float z;
        tfx_random_normal(7, 1, (uint64_t)i, 1, 0, noise, &z);
        p->x[0] = 2e7 * pow(4, i % 4);
        p->x[1] = 3e8 * pow(5, i / 4);
        p->loss = tfx_law_loss(o.law, theta, p->x) * exp(z);
        p->line = i + 2;
    }
    return o;
}

static tfx_fit fit_of(const tfx_observations *o, size_t replicates)
{
    tfx_fit f;
    tfx_fit_init(&f, o, &(tfx_fit_params){TFX_FIT_DELTA, replicates, 5});
    return f;
}

static double bowl(void *ctx, const double *t, double *gradient)
{
    /* Rosenbrock's valley, whose minimum is 0 at (1, 1). */
    double a = 1 - t[0], b = t[1] - t[0] * t[0];
    ++*(int *)ctx;
    if (gradient) {
        gradient[0] = -2 * a - 400 * t[0] * b;
        gradient[1] = 200 * b;
    }
    return a * a + 100 * b * b;
}

START_TEST(minimiser)
{
    int calls = 0;
    double theta[] = {-1.2, 1};
    ck_assert_double_le(tfx_minimise(bowl, &calls, 2, theta, 1e-12, 500), 1e-10);
    ck_assert_double_le(tfx_minimise_exactly(bowl, &calls, 2, theta), 1e-24);
    ck_assert_double_eq_tol(theta[0], 1, 1e-11);
    ck_assert_double_eq_tol(theta[1], 1, 1e-11);
    ck_assert_int_lt(calls, 400);
}
END_TEST

START_TEST(exact_data)
{
    tfx_observations o = grid(true_theta, 0);
    tfx_fit f = fit_of(&o, 0);
    for (int k = 0; k < 5; k++)
        ck_assert_double_eq_tol(f.theta[k], true_theta[k], 1e-6);
    ck_assert_double_le(f.objective, 1e-16);
    ck_assert_uint_ge(f.n_agree, 2); /* all that reach 0, whatever their last digits */
    ck_assert_double_eq_tol(f.r2_log, 1, 1e-9);
    ck_assert_double_eq_tol(f.values[1], exp(6.0073), 1e-3);
    for (int k = 0; k < 5; k++)
        ck_assert_ptr_null(f.doubts[k]);
    tfx_fit_finish(&f);
    tfx_observations_finish(&o);
}
END_TEST

START_TEST(same_seed_same_bits)
{
    tfx_observations o = grid(true_theta, 0.005);
    tfx_fit a = fit_of(&o, 40), b = fit_of(&o, 40);
    ck_assert_mem_eq(a.theta, b.theta, sizeof(a.theta));
    ck_assert_mem_eq(a.replicates, b.replicates, 40 * 5 * sizeof(double));
    ck_assert(a.intervals[2].known);
    ck_assert_double_lt(a.intervals[2].low_95, a.intervals[2].low_80);
    ck_assert_double_lt(a.intervals[2].low_80, a.intervals[2].high_80);
    ck_assert_double_lt(a.intervals[2].high_80, a.intervals[2].high_95);
    ck_assert_double_gt(a.intervals[2].error, 0);
    tfx_fit_finish(&a);
    tfx_fit_finish(&b);
    tfx_observations_finish(&o);
}
END_TEST

START_TEST(what_is_not_identified)
{
    /* Losses that do not depend on D: its exponent may be anything. */
    double theta[] = {0.5247, 6.0073, 0.34, -90, 0.28};
    tfx_observations o = grid(theta, 0.01);
    tfx_fit f = fit_of(&o, 100);
    ck_assert_ptr_nonnull(f.doubts[4]);
    tfx_fit_finish(&f);
    tfx_observations_finish(&o);
}
END_TEST

START_TEST(what_ended_at_its_bound)
{
    /* As if E were -0.2: the estimate is 0, where E has no slope. Some draws want more, and must get it. */
    tfx_observations o = {.law = find("power")};
    for (int i = 0; i < 14; i++) {
        tfx_observation *p = TFX_APPEND(o.items, o.n, o.cap);
        float z;
        tfx_random_normal(3, 1, (uint64_t)i, 1, 0, 0.02, &z);
        p->x[0] = pow(10, 15 + 0.6 * i);
        p->loss = (28 * pow(p->x[0], -0.05) - 0.2) * exp(z);
    }
    tfx_fit f = fit_of(&o, 100);
    ck_assert_double_lt(f.values[0], 1e-3);
    ck_assert_str_eq(f.doubts[0], "it ended at 0, its bound");
    ck_assert_double_lt(f.intervals[0].low_95, 1e-3);
    ck_assert_double_gt(f.intervals[0].high_95, 0.05);
    tfx_fit_finish(&f);
    tfx_observations_finish(&o);
}
END_TEST

START_TEST(frontier)
{
    tfx_observations o = grid(true_theta, 0.003);
    tfx_fit f = fit_of(&o, 50);
    tfx_frontier r;
    ck_assert(tfx_frontier_init(&r, &f, &o));
    ck_assert(!r.cost.measured);
    ck_assert_double_eq(r.cost.fixed, 0);
    ck_assert_double_eq(r.cost.per_parameter, 6);
    ck_assert_double_eq_tol(r.a + r.b, 1, 1e-12);
    ck_assert_double_eq_tol(r.a, f.values[4] / (f.values[2] + f.values[4]), 1e-12);
    /* From the decade above the least, 6 * 2e7 * 3e8, to two above the most, 6 * 1.28e9 * 3.75e10. */
    ck_assert_double_eq(r.budgets[0].flops, 1e17);
    ck_assert_double_eq(r.budgets[r.n_budgets - 1].flops, 1e22);
    ck_assert(r.budgets[r.n_budgets - 1].beyond && !r.budgets[0].beyond);
    for (size_t i = 0; i < r.n_budgets; i++) {
        tfx_optimum best = r.budgets[i].optimum;
        ck_assert_double_eq_tol(6 * best.n * best.d, r.budgets[i].flops, 1e-9 * r.budgets[i].flops);
        ck_assert(best.loss_interval.known && best.loss_interval.low_95 <= best.loss_interval.high_95);
        /* No other division of it does better. */
        for (double shift = 0.9; shift < 1.2; shift += 0.2)
            ck_assert_double_lt(best.loss, tfx_law_loss(f.law, f.theta, (double[]){best.n * shift, best.d / shift}));
    }
    tfx_fit_finish(&f);
    tfx_observations_finish(&o);
}
END_TEST

/* Where a token costs more than 6 N, the best division is of what it does cost. */
START_TEST(token_cost)
{
    tfx_observations o = grid(true_theta, 0.003);
    tfx_frontier r;
    for (size_t i = 0; i < o.n; i++)
        o.items[i].flops = 7.5 * o.items[i].x[0] * o.items[i].x[1];
    tfx_fit f = fit_of(&o, 0);
    ck_assert(tfx_frontier_init(&r, &f, &o));
    ck_assert(r.cost.measured);
    ck_assert_double_eq_tol(r.cost.per_parameter, 7.5, 1e-6);
    ck_assert_double_le(r.cost.fixed, 1e-3 * 7.5 * 2e7);
    tfx_fit_finish(&f);
    for (size_t i = 0; i < o.n; i++)
        o.items[i].flops = (1e9 + 6 * o.items[i].x[0]) * o.items[i].x[1];
    f = fit_of(&o, 20);
    ck_assert(tfx_frontier_init(&r, &f, &o));
    ck_assert_double_eq_tol(r.cost.fixed, 1e9, 1);
    ck_assert_double_eq_tol(r.cost.per_parameter, 6, 1e-8);
    for (size_t i = 0; i < r.n_budgets; i++) {
        double flops = r.budgets[i].flops;
        tfx_optimum best = r.budgets[i].optimum;
        ck_assert_double_eq_tol((1e9 + 6 * best.n) * best.d, flops, 1e-9 * flops);
        ck_assert_double_eq_tol(best.loss, tfx_law_loss(f.law, f.theta, (double[]){best.n, best.d}), 1e-12);
        for (double shift = 0.99; shift < 1.02; shift += 0.02) {
            double n = best.n * shift;
            ck_assert_double_lt(best.loss, tfx_law_loss(f.law, f.theta, (double[]){n, flops / (1e9 + 6 * n)}));
        }
        ck_assert(best.n_interval.low_95 < best.n && best.n < best.n_interval.high_95);
    }
    tfx_fit_finish(&f);
    /* A line that would cost less than nothing is none: proportional, by the geometric mean. */
    double sum = 0;
    for (size_t i = 0; i < o.n; i++) {
        o.items[i].flops = (6 * o.items[i].x[0] - 1e8) * o.items[i].x[1];
        sum += log(o.items[i].flops / o.items[i].x[0] / o.items[i].x[1]) / (double)o.n;
    }
    tfx_token_cost c = tfx_token_cost_of(&o);
    ck_assert_double_eq(c.fixed, 0);
    ck_assert_double_eq_tol(c.per_parameter, exp(sum), 1e-9);
    tfx_observations_finish(&o);
    c = tfx_token_cost_of(&o);
    ck_assert(!c.measured && c.per_parameter == 6);
}
END_TEST

START_TEST(forecasts)
{
    tfx_observations o = grid(true_theta, 0.003);
    tfx_fit f = fit_of(&o, 50);
    tfx_forecast c;
    tfx_error err = {0};
    ck_assert_int_eq(tfx_forecast_read(o.law, "d=20G, N=1.4G", "--forecast", c.x, &err), TFX_OK);
    ck_assert_double_eq(c.x[0], 1.4e9);
    ck_assert_double_eq(c.x[1], 2e10);
    tfx_forecast_make(&c, &f);
    ck_assert_double_eq(c.loss, tfx_law_loss(f.law, f.theta, c.x));
    ck_assert(c.interval.low_95 < c.loss && c.loss < c.interval.high_95);
    ck_assert_double_eq_tol(tfx_forecast_beyond(&f, c.x, 0), 1.4e9 / 1.28e9, 1e-9);
    ck_assert_double_eq(tfx_forecast_beyond(&f, c.x, 1), 1);
    tfx_fit_finish(&f);
    tfx_observations_finish(&o);
}
END_TEST

START_TEST(forecast_mistakes)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"N=1G", "o: expected D=VALUE (training tokens), found 'N=1G'"},
        {"N=1G D=0", "o: D: expected a number above 0, such as 124M or 1.24e8, found '0'"},
        {"N=1G D=1G N=2G", "o: N is there twice"},
        {"N=1G D", "o: expected NAME=VALUE, found 'D'"},
        {"N=1G D2=1G", "o: the form chinchilla has no D2; did you mean \"D\"?"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tfx_error err = {0};
        double x[TFX_LAW_VARIABLES];
        tfx_forecast_read(find("chinchilla"), cases[i].text, "o", x, &err);
        ck_assert_str_eq(err.text, cases[i].expected);
    }
}
END_TEST

START_TEST(checks)
{
    tfx_observations o = grid(true_theta, 0.01);
    tfx_error err = {0};
    o.items[3] = o.items[2];
    o.items[3].line = 5;
    ck_assert_int_eq(tfx_observations_check(&o, "t.csv", &err), TFX_OK);
    ck_assert_str_eq(o.notes.s, "1 point repeats another, number for number (line 5 is line 4); it counts twice\n");
    for (size_t i = 0; i < o.n; i++)
        o.items[i].x[1] = 20 * o.items[i].x[0] * (1 + 0.01 * (double)(i / 4));
    tfx_observations_check(&o, "t.csv", &err);
    ck_assert_ptr_nonnull(strstr(o.notes.s, "N and D change together (correlation 1.0000"));
    o.n = 6;
    tfx_observations_check(&o, "t.csv", &err);
    ck_assert_str_eq(err.text,
                     "t.csv: too few points for the form chinchilla: it has 5 coefficients, expected at least 7 "
                     "points, found 6");
    o.n = 16;
    err = (tfx_error){0};
    for (size_t i = 0; i < o.n; i++)
        o.items[i].x[0] = 1e7 * (double)(1 + i % 2);
    tfx_observations_check(&o, "t.csv", &err);
    ck_assert_str_eq(err.text,
                     "t.csv: the form chinchilla is not identified by these points: expected at least 3 different "
                     "values of N (parameters), found 2");
    tfx_observations_finish(&o);
}
END_TEST

START_TEST(intervals)
{
    double values[1001];
    for (int i = 0; i <= 1000; i++)
        values[i] = (i * 8) % 1001;
    tfx_interval i = tfx_interval_of(values, 1001);
    ck_assert(i.known);
    ck_assert_double_eq_tol(i.low_95, 25, 1e-9);
    ck_assert_double_eq_tol(i.low_80, 100, 1e-9);
    ck_assert_double_eq_tol(i.high_80, 900, 1e-9);
    ck_assert_double_eq_tol(i.high_95, 975, 1e-9);
    ck_assert_double_eq_tol(i.error, sqrt(1001 * 1002 / 12.0), 1e-6);
    for (int k = 0; k < 26; k++)
        values[k] = INFINITY;
    ck_assert(!tfx_interval_of(values, 1001).known);
    ck_assert(!tfx_interval_of(values, 0).known);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("fit");
    TCase *c = tcase_create("fit");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, minimiser);
    tcase_add_test(c, exact_data);
    tcase_add_test(c, same_seed_same_bits);
    tcase_add_test(c, what_is_not_identified);
    tcase_add_test(c, what_ended_at_its_bound);
    tcase_add_test(c, frontier);
    tcase_add_test(c, token_cost);
    tcase_add_test(c, forecasts);
    tcase_add_test(c, forecast_mistakes);
    tcase_add_test(c, checks);
    tcase_add_test(c, intervals);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

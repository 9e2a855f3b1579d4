/* Laws: derivatives against differences, that moving the centre changes nothing, and the printed formula. */
#include <math.h>
#include <string.h>

#include "framework/analysis/law.h"
#include "tests/check_main.h"

/* For each law a plausible theta of centres 0, and a place. */
static const struct sample {
    const char *law;
    double theta[TFX_LAW_COEFFICIENTS], x[TFX_LAW_VARIABLES];
} samples[] = {
    {"chinchilla", {0.5, 6, 0.34, 7, 0.3}, {3e8, 7e9}},
    {"kaplan", {2.4, 3.1, -2.6, -2.3}, {3e8, 7e9}},
    {"power", {0.4, 6, 0.13}, {2e19, 0}},
    {"grown", {0.3, 8, 0.14, 0.3, 0.008}, {4e9, 2e9}},
};

#define N_SAMPLES (int)(sizeof(samples) / sizeof(*samples))

static const tfx_law *law_of(int i)
{
    tfx_error err = {0};
    return tfx_law_find(samples[i].law, &err);
}

START_TEST(derivatives)
{
    const tfx_law *law = law_of(_i);
    double theta[TFX_LAW_COEFFICIENTS], gradient[TFX_LAW_COEFFICIENTS],
        u[2] = {log(samples[_i].x[0]), log(samples[_i].x[1])};
    memcpy(theta, samples[_i].theta, sizeof(theta));
    law->predict(theta, u, gradient);
    for (size_t k = 0; k < law->n_coefficients; k++) {
        double h = 1e-6, at = theta[k];
        theta[k] = at + h;
        double above = law->predict(theta, u, NULL);
        theta[k] = at - h;
        double below = law->predict(theta, u, NULL);
        theta[k] = at;
        ck_assert_double_eq_tol(gradient[k], (above - below) / (2 * h), 1e-7 * (1 + fabs(gradient[k])));
    }
}
END_TEST

START_TEST(moving_the_centre)
{
    const tfx_law *law = law_of(_i);
    double theta[TFX_LAW_COEFFICIENTS], shift[2] = {17.5, 22.25}, u[2] = {log(samples[_i].x[0]), log(samples[_i].x[1])};
    memcpy(theta, samples[_i].theta, sizeof(theta));
    double before = law->predict(theta, u, NULL);
    law->move(theta, shift);
    u[0] -= shift[0];
    u[1] -= shift[1];
    ck_assert_double_eq_tol(law->predict(theta, u, NULL), before, 1e-12);
}
END_TEST

/* The formulas with their coefficients as they are printed. */
static double by_formula(const char *law, const double *v, const double *x)
{
    if (!strcmp(law, "chinchilla"))
        return v[0] + v[1] / pow(x[0], v[2]) + v[3] / pow(x[1], v[4]);
    if (!strcmp(law, "kaplan"))
        return pow(pow(v[0] / x[0], v[1] / v[3]) + v[2] / x[1], v[3]);
    if (!strcmp(law, "power"))
        return v[0] + v[1] / pow(x[0], v[2]);
    return v[0] + v[1] * pow(x[0], -v[2]) * pow(x[1], -v[3] + v[4] * log(x[0]));
}

START_TEST(formulas)
{
    const tfx_law *law = law_of(_i);
    double values[TFX_LAW_COEFFICIENTS], expected;
    law->values(samples[_i].theta, values);
    expected = by_formula(law->name, values, samples[_i].x);
    ck_assert_double_eq_tol(tfx_law_loss(law, samples[_i].theta, samples[_i].x), expected, 1e-9 * expected);
}
END_TEST

START_TEST(extreme_scales)
{
    /* No term overflows: e^2000 of a term that is multiplied by e^-2000. */
    tfx_error err = {0};
    const tfx_law *law = tfx_law_find("chinchilla", &err);
    double theta[] = {0.5, 2000, 100, -5000, 0.3}, u[] = {20, 20}, gradient[5];
    ck_assert_double_eq_tol(law->predict(theta, u, gradient), log(exp(0.5) + 1), 1e-12);
    for (int k = 0; k < 5; k++)
        ck_assert(isfinite(gradient[k]));
}
END_TEST

/* Hoffmann et al. 2022, appendix D.3. */
START_TEST(published_grid)
{
    tfx_error err = {0};
    const tfx_law *law = tfx_law_find("chinchilla", &err);
    static const double origin[2];
    double least[5], most[5];
    ck_assert_uint_eq(law->n_starts, 4500);
    for (size_t i = 0; i < law->n_starts; i++) {
        double theta[5];
        law->start(i, origin, 1, theta);
        for (int k = 0; k < 5; k++) {
            least[k] = i && least[k] < theta[k] ? least[k] : theta[k];
            most[k] = i && most[k] > theta[k] ? most[k] : theta[k];
        }
    }
    static const double expected[5][2] = {{-1, 1}, {0, 25}, {0, 2}, {0, 25}, {0, 2}};
    for (int k = 0; k < 5; k++) {
        ck_assert_double_eq(least[k], expected[k][0]);
        ck_assert_double_eq(most[k], expected[k][1]);
    }
}
END_TEST

START_TEST(unknown_name)
{
    tfx_error err = {0};
    ck_assert_ptr_null(tfx_law_find("chinchila", &err));
    ck_assert_str_eq(err.text, "there is no form 'chinchila'; did you mean \"chinchilla\"?");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("law");
    TCase *c = tcase_create("law");
    tcase_add_loop_test(c, derivatives, 0, N_SAMPLES);
    tcase_add_loop_test(c, moving_the_centre, 0, N_SAMPLES);
    tcase_add_loop_test(c, formulas, 0, N_SAMPLES);
    tcase_add_test(c, extreme_scales);
    tcase_add_test(c, published_grid);
    tcase_add_test(c, unknown_name);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

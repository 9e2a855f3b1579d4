/* Laws: see framework/analysis/law.h. */
#include "framework/analysis/law.h"

#include <math.h>
#include <string.h>

#include "framework/base/suggest.h"

/* log(sum exp(x)), and the share of each term. Hoffmann et al. 2022 fit in this way, equation 3: no term is ever
 * too large or too small for a double. Most of a fit's time is spent here, so nothing is computed that is known. */
static double log_sum_exp(const double *x, size_t n, double *share)
{
    size_t most = 0;
    double sum = 1;
    for (size_t i = 1; i < n; i++)
        most = x[i] > x[most] ? i : most;
    for (size_t i = 0; i < n; i++) {
        share[i] = i == most ? 1 : exp(x[i] - x[most]);
        sum += i == most ? 0 : share[i];
    }
    for (size_t i = 0; i < n; i++)
        share[i] *= 1 / sum;
    return x[most] + log(sum);
}

/* Takes digit after digit off i: which of `n` values comes next. */
static size_t digit(size_t *i, size_t n)
{
    size_t d = *i % n;
    *i /= n;
    return d;
}

#define N_OF(list) (sizeof(list) / sizeof((list)[0]))

/* Starts of the laws that have no published grid: the reducible part of the loss at the centre, as a multiple of the
 * mean loss; what is irreducible is the rest of it or less. */
static const double parts[] = {0.03, 0.1, 0.3, 0.6}, rests[] = {0.1, 0.6, 1};

static void start_parts(size_t *i, double log_loss, double *irreducible, double *reducible)
{
    double part = parts[digit(i, N_OF(parts))], rest = rests[digit(i, N_OF(rests))];
    *reducible = log_loss + log(part);
    *irreducible = log_loss + log((1 - part) * rest);
}

/* ---- chinchilla: theta = e, a, alpha, b, beta ---- */

static double chinchilla_predict(const double *t, const double *u, double *gradient)
{
    double share[3], terms[3] = {t[0], t[1] - t[2] * u[0], t[3] - t[4] * u[1]}, y = log_sum_exp(terms, 3, share);
    if (gradient) {
        gradient[0] = share[0];
        gradient[1] = share[1];
        gradient[2] = -share[1] * u[0];
        gradient[3] = share[2];
        gradient[4] = -share[2] * u[1];
    }
    return y;
}

static void chinchilla_move(double *t, const double *shift)
{
    t[1] -= t[2] * shift[0];
    t[3] -= t[4] * shift[1];
}

/* Appendix D.3 there: alpha and beta from {0, 0.5, .., 2}, e from {-1, -0.5, .., 1}, a and b from {0, 5, .., 25}. */
static void chinchilla_start(size_t i, const double *centre, double log_loss, double *t)
{
    (void)log_loss;
    t[0] = -1 + 0.5 * (double)digit(&i, 5);
    t[1] = 5 * (double)digit(&i, 6);
    t[2] = 0.5 * (double)digit(&i, 5);
    t[3] = 5 * (double)digit(&i, 6);
    t[4] = 0.5 * (double)digit(&i, 5);
    chinchilla_move(t, centre);
}

static void chinchilla_values(const double *t, double *v)
{
    v[0] = exp(t[0]);
    v[1] = exp(t[1]);
    v[2] = t[2];
    v[3] = exp(t[3]);
    v[4] = t[4];
}

static tfx_two_terms chinchilla_two_terms(const double *t)
{
    return (tfx_two_terms){{t[1], t[3]}, {t[2], t[4]}};
}

/* ---- kaplan: theta = p, q, log alpha_N, log alpha_D, where p = alpha_N log N_c, q = alpha_D log D_c: what the loss
 * would be at the centre if there were no end of data, or of parameters ---- */

static double kaplan_predict(const double *t, const double *u, double *gradient)
{
    double alpha_n = exp(t[2]), alpha_d = exp(t[3]), share[2];
    double terms[2] = {(t[0] - alpha_n * u[0]) / alpha_d, t[1] / alpha_d - u[1]}, y = log_sum_exp(terms, 2, share);
    if (gradient) {
        gradient[0] = share[0];
        gradient[1] = share[1];
        gradient[2] = -share[0] * alpha_n * u[0];
        /* by alpha_D: y itself, and what is divided by it */
        gradient[3] = alpha_d * (y - share[0] * terms[0] - share[1] * (terms[1] + u[1]));
    }
    return alpha_d * y;
}

static void kaplan_move(double *t, const double *shift)
{
    t[0] -= exp(t[2]) * shift[0];
    t[1] -= exp(t[3]) * shift[1];
}

static void kaplan_start(size_t i, const double *centre, double log_loss, double *t)
{
    static const double exponents[] = {0.02, 0.05, 0.1, 0.2, 0.5}, limits[] = {1, 0.9, 0.6, 0.3};
    (void)centre;
    t[2] = log(exponents[digit(&i, 5)]);
    t[3] = log(exponents[digit(&i, 5)]);
    t[0] = log_loss + log(limits[digit(&i, 4)]);
    t[1] = log_loss + log(limits[digit(&i, 4)]);
}

static void kaplan_values(const double *t, double *v)
{
    v[1] = exp(t[2]);
    v[3] = exp(t[3]);
    v[0] = exp(t[0] / v[1]);
    v[2] = exp(t[1] / v[3]);
}

/* Where the sum is least is where its power is. */
static tfx_two_terms kaplan_two_terms(const double *t)
{
    double alpha_n = exp(t[2]), alpha_d = exp(t[3]);
    return (tfx_two_terms){{t[0] / alpha_d, t[1] / alpha_d}, {alpha_n / alpha_d, 1}};
}

/* ---- power: theta = e, a, alpha ---- */

static double power_predict(const double *t, const double *u, double *gradient)
{
    double share[2], terms[2] = {t[0], t[1] - t[2] * u[0]}, y = log_sum_exp(terms, 2, share);
    if (gradient) {
        gradient[0] = share[0];
        gradient[1] = share[1];
        gradient[2] = -share[1] * u[0];
    }
    return y;
}

static void power_move(double *t, const double *shift)
{
    t[1] -= t[2] * shift[0];
}

static void power_start(size_t i, const double *centre, double log_loss, double *t)
{
    static const double exponents[] = {0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5};
    (void)centre;
    t[2] = exponents[digit(&i, N_OF(exponents))];
    start_parts(&i, log_loss, &t[0], &t[1]);
}

static void power_values(const double *t, double *v)
{
    v[0] = exp(t[0]);
    v[1] = exp(t[1]);
    v[2] = t[2];
}

/* ---- grown: theta = e, a, alpha_1, alpha_2, alpha_3 ---- */

static double grown_predict(const double *t, const double *u, double *gradient)
{
    double share[2], terms[2] = {t[0], t[1] - t[2] * u[0] - t[3] * u[1] + t[4] * u[0] * u[1]};
    double y = log_sum_exp(terms, 2, share);
    if (gradient) {
        gradient[0] = share[0];
        gradient[1] = share[1];
        gradient[2] = -share[1] * u[0];
        gradient[3] = -share[1] * u[1];
        gradient[4] = share[1] * u[0] * u[1];
    }
    return y;
}

static void grown_move(double *t, const double *shift)
{
    t[1] += -t[2] * shift[0] - t[3] * shift[1] + t[4] * shift[0] * shift[1];
    t[2] -= t[4] * shift[1];
    t[3] -= t[4] * shift[0];
}

static void grown_start(size_t i, const double *centre, double log_loss, double *t)
{
    static const double exponents[] = {0, 0.05, 0.1, 0.3}, interactions[] = {0, 0.01};
    (void)centre;
    t[2] = exponents[digit(&i, N_OF(exponents))];
    t[3] = exponents[digit(&i, N_OF(exponents))];
    t[4] = interactions[digit(&i, N_OF(interactions))];
    start_parts(&i, log_loss, &t[0], &t[1]);
}

static void grown_values(const double *t, double *v)
{
    v[0] = exp(t[0]);
    v[1] = exp(t[1]);
    memcpy(v + 2, t + 2, 3 * sizeof(*v));
}

/* ---- the table ---- */

#define N_AND_D \
    { \
        {"N", "params", "parameters", "parameters", 3}, \
        { \
            "D", "tokens", NULL, "training tokens", 3 \
        } \
    }

static const tfx_law chinchilla = {
    .name = "chinchilla",
    .formula = "L(N, D) = E + A / N^alpha + B / D^beta",
    .source = "Hoffmann et al. 2022, arXiv:2203.15556, approach 3",
    .n_variables = 2,
    .n_coefficients = 5,
    .n_starts = 5 * 6 * 5 * 6 * 5,
    .variables = N_AND_D,
    .coefficients = {{"E", 1}, {"A", 1}, {"alpha", 0}, {"B", 1}, {"beta", 0}},
    .predict = chinchilla_predict,
    .move = chinchilla_move,
    .start = chinchilla_start,
    .values = chinchilla_values,
    .two_terms = chinchilla_two_terms,
};

static const tfx_law kaplan = {
    .name = "kaplan",
    .formula = "L(N, D) = ((N_c / N)^(alpha_N / alpha_D) + D_c / D)^alpha_D",
    .source = "Kaplan et al. 2020, arXiv:2001.08361, equation 1.5",
    .n_variables = 2,
    .n_coefficients = 4,
    .n_starts = 5 * 5 * 4 * 4,
    .variables = N_AND_D,
    .coefficients = {{"N_c", 1}, {"alpha_N", 0}, {"D_c", 1}, {"alpha_D", 0}},
    .predict = kaplan_predict,
    .move = kaplan_move,
    .start = kaplan_start,
    .values = kaplan_values,
    .two_terms = kaplan_two_terms,
};

static const tfx_law power = {
    .name = "power",
    .formula = "L(C) = E + A / C^alpha",
    .source = "Henighan et al. 2020, arXiv:2010.14701, equation 1.1",
    .n_variables = 1,
    .n_coefficients = 3,
    .n_starts = 7 * N_OF(parts) * N_OF(rests),
    .variables = {{"C", "flops", NULL, "training FLOPs", 3}},
    .coefficients = {{"E", 1}, {"A", 1}, {"alpha", 0}},
    .predict = power_predict,
    .move = power_move,
    .start = power_start,
    .values = power_values,
};

static const tfx_law grown = {
    .name = "grown",
    .formula = "L(D1, D2) = E + A D1^-alpha_1 D2^(-alpha_2 + alpha_3 log D1)",
    .source = "Liew and Kato 2025, arXiv:2510.06548",
    .n_variables = 2,
    .n_coefficients = 5,
    .n_starts = 4 * 4 * 2 * N_OF(parts) * N_OF(rests),
    .variables = {{"D1", "tokens_before", "tokens", "tokens before growth", 2},
                  {"D2", "tokens_after", "tokens2", "tokens after growth", 3}},
    .coefficients = {{"E", 1}, {"A", 1}, {"alpha_1", 0}, {"alpha_2", 0}, {"alpha_3", 0}},
    .predict = grown_predict,
    .move = grown_move,
    .start = grown_start,
    .values = grown_values,
};

const tfx_law *const tfx_laws[] = {&chinchilla, &kaplan, &power, &grown};
const size_t tfx_n_laws = N_OF(tfx_laws);

const tfx_law *tfx_law_find(const char *name, tfx_error *err)
{
    const tfx_law *found = NULL;
    tfx_suggest known = {.name = name};
    for (size_t i = 0; i < tfx_n_laws; i++) {
        tfx_suggest_add(&known, "%s", tfx_laws[i]->name);
        if (!strcmp(name, tfx_laws[i]->name))
            found = tfx_laws[i];
    }
    if (!found)
        tfx_fail(err, TFX_E_INVALID, "there is no form '%s'", name);
    tfx_suggest_end(&known, NULL, err);
    return found;
}

double tfx_law_loss(const tfx_law *law, const double *theta, const double *x)
{
    double u[TFX_LAW_VARIABLES];
    for (size_t i = 0; i < law->n_variables; i++)
        u[i] = log(x[i]);
    return exp(law->predict(theta, u, NULL));
}

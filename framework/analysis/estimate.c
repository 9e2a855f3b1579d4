#include "framework/analysis/estimate.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

static double mean_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return n ? sum / (double)n : NAN;
}

/* Of the sample, about its mean. */
static double variance_of(const double *values, size_t n, double mean)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (values[i] - mean) * (values[i] - mean);
    return n > 1 ? sum / (double)(n - 1) : NAN;
}

static void set_interval(tfx_estimate *e, double error, double freedom)
{
    double reach = gsl_cdf_tdist_Pinv(0.975, freedom) * error;
    e->low = e->mean - reach;
    e->high = e->mean + reach;
}

tfx_estimate tfx_estimate_mean(const double *values, size_t n)
{
    tfx_estimate e = {.n = n, .mean = mean_of(values, n), .low = NAN, .high = NAN};
    e.sd = sqrt(variance_of(values, n, e.mean));
    if (n >= TFX_ESTIMATE_LEAST)
        set_interval(&e, e.sd / sqrt((double)n), (double)n - 1);
    return e;
}

tfx_estimate tfx_estimate_difference(const double *a, size_t n_a, const double *b, size_t n_b)
{
    double mean_a = mean_of(a, n_a), mean_b = mean_of(b, n_b);
    tfx_estimate e = {.n = n_a < n_b ? n_a : n_b, .mean = mean_a - mean_b, .sd = NAN, .low = NAN, .high = NAN};
    if (e.n >= TFX_ESTIMATE_LEAST) {
        double va = variance_of(a, n_a, mean_a) / (double)n_a, vb = variance_of(b, n_b, mean_b) / (double)n_b;
        /* Welch and Satterthwaite; samples without any spread leave nothing to be unsure of. */
        double freedom = (va + vb) * (va + vb) / (va * va / (double)(n_a - 1) + vb * vb / (double)(n_b - 1));
        set_interval(&e, sqrt(va + vb), va + vb > 0 ? freedom : 1);
    }
    return e;
}

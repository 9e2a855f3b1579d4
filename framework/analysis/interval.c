/* Intervals: see framework/analysis/interval.h. */
#include "framework/analysis/interval.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

tfx_interval tfx_interval_of(double *values, size_t n)
{
    size_t finite = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(values[i]))
            values[finite++] = values[i];
    if (finite < 2 || n - finite > n / 40)
        return (tfx_interval){n, 0, NAN, NAN, NAN, NAN, NAN};
    gsl_sort(values, 1, finite);
    return (tfx_interval){n,
                          1,
                          gsl_stats_sd(values, 1, finite),
                          gsl_stats_quantile_from_sorted_data(values, 1, finite, 0.025),
                          gsl_stats_quantile_from_sorted_data(values, 1, finite, 0.1),
                          gsl_stats_quantile_from_sorted_data(values, 1, finite, 0.9),
                          gsl_stats_quantile_from_sorted_data(values, 1, finite, 0.975)};
}

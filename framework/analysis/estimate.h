/* Estimates: a mean over seeds, with its spread and an interval where there are seeds enough for one. */
#ifndef TFX_ANALYSIS_ESTIMATE_H
#define TFX_ANALYSIS_ESTIMATE_H

#include <stddef.h>

/* With fewer values there is no interval. */
#define TFX_ESTIMATE_LEAST 3

typedef struct tfx_estimate {
    size_t n;
    double mean, sd;  /* sd: of the sample (n - 1); NaN below two values */
    double low, high; /* 95% of Student's t about the mean; NaN: no interval */
} tfx_estimate;

/* Of one sample; mean is NaN when it is empty. */
tfx_estimate tfx_estimate_mean(const double *values, size_t n);
/* Of the mean of `a` less that of `b`, which are not paired: Welch's interval. sd is NaN; n is the smaller of both. */
tfx_estimate tfx_estimate_difference(const double *a, size_t n_a, const double *b, size_t n_b);

#endif

/* Intervals: what replicates say of a number's uncertainty, by percentiles. */
#ifndef TFX_ANALYSIS_INTERVAL_H
#define TFX_ANALYSIS_INTERVAL_H

#include <stddef.h>

typedef struct tfx_interval {
    size_t n;     /* replicates */
    int known;    /* 0: there are none, or too many in which the number is not finite: the rest is NaN */
    double error; /* standard deviation of the replicates */
    double low_95, low_80, high_80, high_95;
} tfx_interval;

/* Of one number in each replicate; sorts them. Those that are not finite are left out, but for more than one in forty
 * of them no end of the 95% interval could be told. */
tfx_interval tfx_interval_of(double *values, size_t n);

#endif

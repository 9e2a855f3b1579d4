/* The median of measurements, which it sorts. */
#ifndef TFX_BENCH_MEDIAN_H
#define TFX_BENCH_MEDIAN_H

#include <stdlib.h>

static inline int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static inline double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof(*x), ascending);
    return x[n / 2];
}

#endif

/* What the interpreter of graphs knows of ops of networks: norms, rope, attention, rows of a table. */
#ifndef TFX_TESTS_INTERPRETER_NETWORKS_H
#define TFX_TESTS_INTERPRETER_NETWORKS_H

#include <math.h>
#include <stdlib.h>

#include "tests/graph/lab.h"

/* A row of n numbers. */
static inline void normalise_row(const double *x, int64_t n, tfx_norm kind, double eps, double *out)
{
    double mean = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        mean += kind == TFX_NORM_LAYER ? x[i] / (double)n : 0;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    double by = sqrt((kind == TFX_NORM_L2 ? squares : squares / (double)n) + eps);
    for (int64_t i = 0; i < n; i++)
        out[i] = by == 0 ? 0 : (x[i] - mean) / by;
}

/* [rows, time, heads, dim]; pairs (i, i + n / 2) of the first n elements of each head. */
static inline void rotate_rows(shape s, const double *x, int64_t n, int64_t sign, double base, double *out)
{
    for (uint64_t at = 0; at < shape_count(s); at++) {
        int64_t i = (int64_t)at % s.d[3], time = (int64_t)at / (s.d[3] * s.d[2]) % s.d[1];
        int64_t pair = i < n / 2 ? i : i - n / 2;
        double angle = (double)sign * (double)time * pow(base, -2.0 * (double)pair / (double)n);
        if (i >= n)
            out[at] = x[at];
        else if (i < n / 2)
            out[at] = x[at] * cos(angle) - x[at + (uint64_t)(n / 2)] * sin(angle);
        else
            out[at] = x[at] * cos(angle) + x[at - (uint64_t)(n / 2)] * sin(angle);
    }
}

/* [rows, time, heads, dim]; each time sees those up to it. */
static inline void attend(shape s, const double *q, const double *k, const double *v, double scale, double *out)
{
    int64_t step = s.d[2] * s.d[3];
    double *weight = TFX_NEW_ARRAY(double, s.d[1]);
    for (int64_t row = 0; row < s.d[0] * s.d[1] * s.d[2]; row++) {
        int64_t head = row % s.d[2], time = row / s.d[2] % s.d[1],
                start = row / s.d[2] / s.d[1] * s.d[1] * step + head * s.d[3];
        double total = 0, *to = out + start + time * step;
        for (int64_t u = 0; u <= time; u++) {
            double score = 0;
            for (int64_t i = 0; i < s.d[3]; i++)
                score += q[start + time * step + i] * k[start + u * step + i];
            total += weight[u] = exp(scale * score);
        }
        for (int64_t i = 0; i < s.d[3]; i++) {
            to[i] = 0;
            for (int64_t u = 0; u <= time; u++)
                to[i] += weight[u] / total * v[start + u * step + i];
        }
    }
    free(weight);
}

#endif

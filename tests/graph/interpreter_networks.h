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
static inline void attend(shape s, int64_t key_heads, const tfx_graph_node *n, const double *q, const double *k,
                          const double *v, double *out)
{
    int64_t time = s.d[1], heads = s.d[2], dims = s.d[3], window = n->ints[1] ? n->ints[1] : time;
    double *weight = TFX_NEW_ARRAY(double, time), cap = n->reals[1];
    for (int64_t row = 0; row < s.d[0] * time * heads; row++) {
        int64_t head = row % heads, t = row / heads % time, b = row / heads / time;
        int64_t last = n->ints[0] & TFX_ATTENTION_BIDIRECTIONAL ? time - 1 : t;
        const double *query = q + row * dims;
        double total = 0,
               slope = n->ints[0] & TFX_ATTENTION_ALIBI ? exp2(-8.0 * (double)(head + 1) / (double)heads) : 0;
        for (int64_t i = 0; i < dims; i++)
            out[row * dims + i] = 0;
        for (int64_t pass = 0; pass < 2; pass++)
            for (int64_t u = 0; u <= last; u++) {
                int64_t at = ((b * time + u) * key_heads + head * key_heads / heads) * dims,
                        away = t > u ? t - u : u - t;
                double score = 0;
                if (away >= window)
                    continue;
                for (int64_t i = 0; i < dims; i++)
                    score += query[i] * k[at + i];
                score *= n->reals[0];
                score = (cap > 0 ? cap * tanh(score / cap) : score) - slope * (double)away;
                if (!pass)
                    total += weight[u] = exp(score);
                for (int64_t i = 0; i < dims && pass; i++)
                    out[row * dims + i] += weight[u] / total * v[at + i];
            }
    }
    free(weight);
}

#endif

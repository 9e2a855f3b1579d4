/* Frontier: how a fitted law of N and D divides a budget between the two.
 *
 * For A / N^alpha + B / D^beta and a cost of C = k N D FLOPs the loss is least at (Hoffmann et al. 2022, equation 4)
 *     N = G (C/k)^a, D = (C/k)^b / G, a = beta / (alpha + beta), b = alpha / (alpha + beta),
 *     G = (alpha A / (beta B))^(1 / (alpha + beta)). */
#ifndef TFX_ANALYSIS_FRONTIER_H
#define TFX_ANALYSIS_FRONTIER_H

#include "framework/analysis/fit.h"

typedef struct tfx_optimum {
    double n, d, loss; /* NaN: the law has none, because more of one of them does not lower the loss */
    tfx_interval n_interval, d_interval, loss_interval;
} tfx_optimum;

typedef struct tfx_budget {
    double flops;
    int beyond; /* more than any observation took */
    tfx_optimum optimum;
} tfx_budget;

#define TFX_FRONTIER_BUDGETS 16

typedef struct tfx_frontier {
    double flops_per_nd; /* k: FLOPs per parameter and token */
    int measured;        /* it is the observations' geometric mean; otherwise 6 */
    double a, b;
    tfx_interval a_interval, b_interval;
    tfx_budget budgets[TFX_FRONTIER_BUDGETS]; /* powers of ten, from the observations' least to 100 times their most */
    size_t n_budgets;
} tfx_frontier;

/* 0: the law is not one that divides a budget (tfx_law.two_terms). */
int tfx_frontier_init(tfx_frontier *r, const tfx_fit *f, const tfx_observations *o);
/* The best division of so many FLOPs, at k FLOPs per parameter and token. */
tfx_optimum tfx_frontier_optimum(const tfx_fit *f, double flops_per_nd, double flops);

#endif

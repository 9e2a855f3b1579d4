/* Frontier: how a fitted law of N and D divides a budget between the two.
 *
 * The loss A / N^alpha + B / D^beta is least, for a cost of C = (f + k N) D FLOPs, where N solves
 *     alpha A / N^alpha = beta B / D^beta k N / (f + k N).
 * With f = 0 that is (Hoffmann et al. 2022, equation 4)
 *     N = G (C/k)^a, D = (C/k)^b / G, a = beta / (alpha + beta), b = alpha / (alpha + beta),
 *     G = (alpha A / (beta B))^(1 / (alpha + beta)),
 * and otherwise comes to it as C grows. */
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
    tfx_token_cost cost;
    double a, b; /* exponents of N and D, for large budgets */
    tfx_interval a_interval, b_interval;
    tfx_budget budgets[TFX_FRONTIER_BUDGETS]; /* powers of ten, from the observations' least to 100 times their most */
    size_t n_budgets;
} tfx_frontier;

/* 0: the law is not one that divides a budget (tfx_law.two_terms). */
int tfx_frontier_init(tfx_frontier *r, const tfx_fit *f, const tfx_observations *o);
/* The best division of so many FLOPs, at what a token costs by the fit's observations. */
tfx_optimum tfx_frontier_optimum(const tfx_fit *f, double flops);

#endif

/* Fit: a law's coefficients from observations, with what is known of their uncertainty.
 *
 * BFGS from every start of the law's grid, first a few iterations from each, then more from the best of them, until
 * the best is exact. Intervals by the bootstrap: observations are drawn with replacement, as many as there are, and
 * the law is fitted again, from the estimate and from what other starts ended at. */
#ifndef TFX_ANALYSIS_FIT_H
#define TFX_ANALYSIS_FIT_H

#include "framework/analysis/interval.h"
#include "framework/analysis/observations.h"
#include "framework/analysis/token_cost.h"

typedef struct tfx_fit_params {
    double delta; /* of Huber's loss */
    size_t replicates;
    uint64_t seed; /* of what the bootstrap draws */
} tfx_fit_params;

#define TFX_FIT_DELTA 1e-3 /* as in all published fits of this kind */
#define TFX_FIT_REPLICATES 1000

typedef struct tfx_fit {
    const tfx_law *law;
    tfx_fit_params params;
    size_t n_observations;
    double least[TFX_LAW_VARIABLES], most[TFX_LAW_VARIABLES]; /* the observations' range of each variable */
    double theta[TFX_LAW_COEFFICIENTS];                       /* of centres 0, as in law.h */
    double *replicates; /* [params.replicates][law->n_coefficients] theta of each; NULL: none */
    double values[TFX_LAW_COEFFICIENTS];
    tfx_interval intervals[TFX_LAW_COEFFICIENTS];
    const char *doubts[TFX_LAW_COEFFICIENTS]; /* why a coefficient is not identified; NULL: it is */
    tfx_token_cost cost;                      /* of a law of N and D (tfx_law.two_terms) */
    double objective;                         /* Huber's sum at the estimate */
    double r2_log;                            /* of log L: the part of its variance that the law explains */
    size_t n_finalists, n_agree;              /* starts that were followed to the end; those that ended at the best */
    size_t worst;                             /* the observation that is furthest from the law */
    double *log_residuals;                    /* [n_observations] log of the observed loss over the law's */
} tfx_fit;

/* The observations have been checked (tfx_observations_check). */
void tfx_fit_init(tfx_fit *f, const tfx_observations *o, const tfx_fit_params *params);
void tfx_fit_finish(tfx_fit *f);

/* A number that follows from a law's coefficients, such as a loss: of the estimate, and of each replicate. */
typedef double (*tfx_fit_number)(const tfx_law *law, const double *theta, const void *ctx);
tfx_interval tfx_fit_interval(const tfx_fit *f, tfx_fit_number number, const void *ctx);

#endif

/* Misfit: how far a law is from observations, and the one number that a fit makes small.
 *
 * Of each observation log L as the law has it less log L as it was, in coordinates about the middle of the data; of
 * these Huber's loss: r^2 / 2 up to delta, beyond it delta (|r| - delta / 2), summed. Hoffmann et al. 2022 take delta =
 * 1e-3. The sum, and not the mean: a minimiser that stops at a given slope stops early on the mean, which is what
 * Besiroglu et al. 2024 (arXiv:2404.10102) found behind the published coefficients. */
#ifndef TFX_ANALYSIS_MISFIT_H
#define TFX_ANALYSIS_MISFIT_H

#include "framework/analysis/observations.h"

typedef struct tfx_misfit {
    const tfx_law *law;
    size_t n;
    double (*u)[TFX_LAW_VARIABLES]; /* [n] log x - centre */
    double *log_loss;               /* [n] */
    double *weight;                 /* [n] how often each counts; 1 */
    double centre[TFX_LAW_VARIABLES], mean_log_loss;
    double delta;
} tfx_misfit;

void tfx_misfit_init(tfx_misfit *r, const tfx_observations *o, double delta);
/* The same observations with weights of their own, all 0; what they share must outlive it. */
tfx_misfit tfx_misfit_reweighted(const tfx_misfit *r);
void tfx_misfit_finish_reweighted(tfx_misfit *r);
void tfx_misfit_finish(tfx_misfit *r);

/* A tfx_objective of a tfx_misfit: Huber's sum divided by delta, which is of the size of the residuals. */
double tfx_misfit_objective(void *misfit, const double *theta, double *gradient);

#endif

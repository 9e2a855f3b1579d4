/* Token cost: the FLOPs that training on one token takes, by the size of the model: fixed + per_parameter N.
 *
 * Kaplan et al. 2020 count 6 N. Attention, and weights that are used more often or less often than once for each token, make
 * it something else, and more so the smaller the models are; in a family of models it is close to a straight line. */
#ifndef TFX_ANALYSIS_TOKEN_COST_H
#define TFX_ANALYSIS_TOKEN_COST_H

#include "framework/analysis/observations.h"

typedef struct tfx_token_cost {
    double fixed, per_parameter; /* at least 0, and above 0 */
    int measured;                /* 0: it is 6 N, because FLOPs of observations are not known */
} tfx_token_cost;

/* Of observations of a law of N and D; of none, 6 N. The straight line with the least squares of relative differences. Where that has a
 * negative end, or all observations are of one size, it is proportional to N, by the geometric mean. */
tfx_token_cost tfx_token_cost_of(const tfx_observations *o);
double tfx_token_cost_at(const tfx_token_cost *c, double n);

#endif

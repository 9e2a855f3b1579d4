/* Forecasts: the loss that a fitted law expects of a model that was not trained. */
#ifndef TFX_ANALYSIS_FORECAST_H
#define TFX_ANALYSIS_FORECAST_H

#include "framework/analysis/fit.h"

typedef struct tfx_forecast {
    double x[TFX_LAW_VARIABLES];
    double loss;
    tfx_interval interval; /* of the law; what another seed would change comes on top */
} tfx_forecast;

/* x from "N=1.4G,D=20G" (or with blanks): each of the law's variables once. `option` is what a message blames. */
tfx_status tfx_forecast_read(const tfx_law *law, const char *text, const char *option, double *x, tfx_error *err);

/* The loss at f's x, and its interval. */
void tfx_forecast_make(tfx_forecast *f, const tfx_fit *fit);

/* How many times x is beyond the observations' values of a variable, below or above; 1: it is among them. */
double tfx_forecast_beyond(const tfx_fit *f, const double *x, size_t variable);

#endif

/* Forecasts of arms: what saved fits expect of planned runs, before they are trained. */
#ifndef TFX_ANALYSIS_ARM_FORECAST_H
#define TFX_ANALYSIS_ARM_FORECAST_H

#include "framework/analysis/forecast.h"
#include "framework/analysis/saved_fit.h"
#include "framework/plan/arm.h"

/* A fit, and the arms that it is about: those that the pattern matches, or all (NULL). */
typedef struct tfx_fit_choice {
    tfx_saved_fit saved;
    const char *pattern;
} tfx_fit_choice;

typedef struct tfx_arm_forecast {
    const tfx_arm_plan *plan;
    const tfx_saved_fit *fit; /* the first that is about such an arm; NULL: there is none, and no forecast */
    tfx_forecast forecast;
    double flops; /* of the whole run, ancestors included */
} tfx_arm_forecast;

/* A law of N and D is about arms that are trained from scratch, `grown` about those that grow, `power` about both. */
tfx_arm_forecast tfx_arm_forecast_of(const tfx_arm_plan *plan, const tfx_fit_choice *choices, size_t n);

/* What an arm saves against another one at equal loss. */
typedef struct tfx_saving {
    double other_flops;    /* what the other arm's model takes to come to this arm's loss; INFINITY: it never does */
    double saved;          /* 1 - flops / other_flops */
    tfx_interval interval; /* of saved */
} tfx_saving;

/* Whether it can be told: both have a forecast, and the other's law is one of N and D. */
int tfx_saving_of(tfx_saving *out, const tfx_arm_forecast *arm, const tfx_arm_forecast *other);

#endif

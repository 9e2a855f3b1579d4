/* Forecasts: what --forecast of the verbs that work on a spec asks for. Internal to framework/cli. */
#ifndef TFX_CLI_FORECASTS_H
#define TFX_CLI_FORECASTS_H

#include "framework/analysis/arm_forecast.h"
#include "framework/cli/session.h"
#include "framework/train/selection.h"

/* Members of a tfx_cli_option. */
#define TFX_CLI_FORECAST_OPTION \
    "forecast", "FIT[@ARMS]", 1, "what a saved fit (tfx fit --save) expects of the arms, or of those with such a name"

typedef struct tfx_forecasts {
    tfx_fit_choice *choices;
    tfx_arm_forecast *arms; /* [session->experiment->n_arms]; NULL: none was asked for */
    size_t n_choices, n_arms;
} tfx_forecasts;

/* Those of every arm of the session, which has been planned, by fits of the database. */
tfx_status tfx_forecasts_make(tfx_forecasts *f, const tfx_cli_args *a, const tfx_session *s, const char *db,
                              tfx_error *err);
/* Records them with the chosen runs of an experiment, which have not begun. */
tfx_status tfx_forecasts_record(const tfx_forecasts *f, tfx_store *store, tfx_id experiment,
                                const tfx_selection *chosen, tfx_error *err);
void tfx_forecasts_finish(tfx_forecasts *f);

#endif

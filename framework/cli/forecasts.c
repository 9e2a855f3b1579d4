/* Forecasts: see framework/cli/forecasts.h. */
#include "framework/cli/forecasts.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/store/record_fit.h"

static tfx_status load_choices(tfx_forecasts *f, const char *const *texts, const char *db, tfx_error *err)
{
    tfx_store *store = tfx_store_open(db, TFX_STORE_READ, err);
    f->choices = TFX_NEW_ARRAY(tfx_fit_choice, f->n_choices);
    for (size_t i = 0; i < f->n_choices && err->status == TFX_OK; i++) {
        const char *at = strchr(texts[i], '@');
        char *name = tfx_strndup(texts[i], at ? (size_t)(at - texts[i]) : strlen(texts[i]));
        f->choices[i].pattern = at ? at + 1 : NULL;
        tfx_saved_fit_load(&f->choices[i].saved, store, name, err);
        free(name);
    }
    if (err->status != TFX_OK)
        tfx_error_prefix(err, "--forecast");
    tfx_store_close(store);
    return err->status;
}

tfx_status tfx_forecasts_make(tfx_forecasts *f, const tfx_cli_args *a, const tfx_session *s, const char *db,
                              tfx_error *err)
{
    const char *const *texts = tfx_cli_values(a, "forecast", &f->n_choices);
    if (!f->n_choices || load_choices(f, texts, db, err) != TFX_OK)
        return err->status;
    f->n_arms = s->experiment->n_arms;
    f->arms = TFX_NEW_ARRAY(tfx_arm_forecast, f->n_arms);
    for (size_t i = 0; i < f->n_arms; i++)
        f->arms[i] = tfx_arm_forecast_of(s->plans[i], f->choices, f->n_choices);
    return TFX_OK;
}

tfx_status tfx_forecasts_record(const tfx_forecasts *f, tfx_store *store, tfx_id experiment,
                                const tfx_selection *chosen, tfx_error *err)
{
    tfx_id *runs = NULL;
    size_t n = 0;
    if (!f->arms || tfx_selection_runs(chosen, store, experiment, 0, &runs, &n, err) != TFX_OK)
        return err->status;
    tfx_store_begin(store, err);
    for (size_t i = 0; i < n && err->status == TFX_OK; i++) {
        tfx_run_info info = {0};
        tfx_store_run_info(store, runs[i], &info, err);
        for (size_t k = 0; k < f->n_arms && err->status == TFX_OK; k++) {
            const tfx_arm_forecast *c = &f->arms[k];
            if (c->fit && !strcmp(c->plan->arm->name, info.arm_name))
                tfx_store_add_forecast(store, runs[i], c->fit->id, c->forecast.loss, c->forecast.interval.low_95,
                                       c->forecast.interval.high_95, err);
        }
        tfx_run_info_finish(&info);
    }
    if (err->status == TFX_OK)
        tfx_store_commit(store, err);
    else
        tfx_store_rollback(store);
    free(runs);
    return err->status;
}

void tfx_forecasts_finish(tfx_forecasts *f)
{
    for (size_t i = 0; i < f->n_choices && f->choices; i++)
        tfx_saved_fit_finish(&f->choices[i].saved);
    free(f->choices);
    free(f->arms);
    *f = (tfx_forecasts){0};
}

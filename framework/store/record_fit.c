/* Store: fits and forecasts. */
#include "framework/store/record_fit.h"

#include "framework/store/statement.h"

tfx_id tfx_store_add_fit(tfx_store *s, const tfx_fit_row *row, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "saving a fit", &e);
    if (tfx_sql_int(s, &e, "SELECT count(*) FROM fit WHERE name = ?", "t", row->name))
        tfx_fail(&e, TFX_E_INVALID, "database %s has a fit '%s' already: expected another name", s->path, row->name);
    tfx_id id = tfx_sql_insert(s, &e,
                               "INSERT INTO fit (name, experiment, source, form, delta, seed, points, objective, "
                               "flops_fixed, flops_per_parameter, ranges, coefficients, replicates, created) "
                               "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, " TFX_SQL_NOW ")",
                               "tkttriirrrttt", row->name, row->experiment, row->source, row->form, row->delta,
                               row->seed, row->points, row->objective, row->flops_fixed, row->flops_per_parameter,
                               row->ranges_json, row->coefficients_json, row->replicates_json);
    return tfx_write_leave(s, &e, err) == TFX_OK ? id : 0;
}

tfx_status tfx_store_add_forecast(tfx_store *s, tfx_id run, tfx_id fit, double loss, double low, double high,
                                  tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "recording a forecast", &e);
    tfx_sql_do(s, &e,
               "INSERT INTO forecast (run, fit, loss, low, high, created) VALUES (?, ?, ?, ?, ?, " TFX_SQL_NOW ") "
               "ON CONFLICT (run, fit) DO NOTHING",
               "kkrrr", run, fit, loss, low, high);
    return tfx_write_leave(s, &e, err);
}

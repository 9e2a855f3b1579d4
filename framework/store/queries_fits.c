#include "framework/store/queries_fits.h"

#include "framework/store/statement.h"

tfx_rows *tfx_query_ends(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    return tfx_sql_rows(
        s, err,
        "WITH RECURSIVE " TFX_SQL_SEARCHED ", up (run, checkpoint) AS ("
        "SELECT s.run, s.parent_checkpoint FROM stage s JOIN run r ON r.id = s.run JOIN arm a ON a.id = r.arm "
        "WHERE a.experiment = ?1 AND s.number = 0 AND s.superseded = 0 AND s.parent_checkpoint IS NOT NULL "
        "UNION SELECT up.run, l.parent FROM up JOIN lineage_edge l ON l.child = up.checkpoint AND l.parent < l.child) "
        "SELECT e.run, e.arm, e.decayed, e.parameters, e.tokens_incl, e.tokens_excl, e.flops_incl, e.val_loss, "
        "EXISTS (SELECT 1 FROM growth_event g WHERE g.run = e.run AND g.superseded = 0), "
        "EXISTS (SELECT 1 FROM up JOIN growth_event g ON g.to_checkpoint = up.checkpoint WHERE up.run = "
        "e.run), " TFX_SQL_BETTER " FROM endpoint e JOIN arm a ON a.experiment = e.experiment_id AND a.name = e.arm "
        "WHERE e.experiment_id = ?1 AND e.final AND e.val_loss IS NOT NULL ORDER BY e.run",
        "k", experiment);
}

tfx_rows *tfx_query_fits(tfx_store *s, int everything, tfx_error *err)
{
    return tfx_sql_rows(s, err,
                        everything
                            ? "SELECT id, name, experiment, source, form, delta, seed, points, objective, "
                              "flops_fixed, flops_per_parameter, ranges, coefficients, created FROM fit ORDER BY id"
                            : "SELECT id, name, form, points, objective, source, "
                              "replace(substr(created, 1, 16), 'T', ' ') FROM fit ORDER BY id",
                        "");
}

tfx_rows *tfx_query_fit(tfx_store *s, const char *name, tfx_error *err)
{
    return tfx_sql_rows(
        s, err,
        "SELECT id, form, points, ranges, replicates, flops_fixed, flops_per_parameter, source FROM fit WHERE name = ?",
        "t", name);
}

tfx_rows *tfx_query_forecasts(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    return tfx_sql_rows(s, err,
                        "SELECT run, arm, seed, fit, forecast, low, high, val_loss, inside FROM forecast_score "
                        "WHERE experiment_id = ? ORDER BY run, fit",
                        "k", experiment);
}

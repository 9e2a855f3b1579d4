#include "framework/store/queries_report.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/store/statement.h"

/* `:experiment` stands for the id. */
static const char *const statements[TFX_REPORT_QUERIES] = {
    [TFX_REPORT_EXPERIMENT] =
        "SELECT e.name, e.description, e.spec_path, e.profile,\n"
        "       replace(substr(e.created, 1, 16), 'T', ' ') || ' UTC' AS created, e.spec, s.text\n"
        "FROM experiment e JOIN spec s ON s.hash = e.spec\n"
        "WHERE e.id = :experiment",
    /* Sums of squares are taken about the mean: sum(x * x) - n * mean^2 would lose all digits. */
    [TFX_REPORT_OUTCOMES] =
        "WITH ended AS (\n"
        "    SELECT *, avg(val_loss) OVER (PARTITION BY arm) AS mean\n"
        "    FROM run_summary WHERE experiment_id = :experiment AND status = 'done')\n"
        "SELECT a.name AS arm, avg(d.val_loss) AS val_loss,\n"
        "       sqrt(sum((d.val_loss - d.mean) * (d.val_loss - d.mean)) / nullif(count(d.val_loss) - 1, 0)) AS std,\n"
        "       avg(d.bits_per_byte) AS bits_per_byte, (SELECT count(*) FROM run WHERE arm = a.id) AS runs,\n"
        "       count(d.run) AS done,\n"
        "       (SELECT count(*) FROM growth_event g JOIN run r ON r.id = g.run\n"
        "        WHERE r.arm = a.id AND g.superseded = 0) AS growths,\n"
        "       (SELECT max(s.parameters) FROM stage s JOIN run r ON r.id = s.run\n"
        "        WHERE r.arm = a.id AND s.number = 0 AND s.superseded = 0) AS first_parameters,\n"
        "       max(d.parameters) AS parameters, avg(d.tokens_incl) AS tokens_incl, avg(d.flops_incl) AS flops_incl,\n"
        "       avg(d.flops_excl) AS flops_excl, avg(d.seconds_incl) AS seconds_incl, a.twin, a.twin_of,\n"
        "       coalesce(a.base, a.name) AS base\n"
        "FROM arm a LEFT JOIN ended d ON d.arm = a.name\n"
        "WHERE a.experiment = :experiment GROUP BY a.id ORDER BY a.id",
    [TFX_REPORT_RUNS] = "SELECT v.run, v.arm, v.seed, v.status, v.model, v.parameters, v.stages, v.steps_incl,\n"
                        "       v.tokens_incl, v.flops_incl, v.flops_excl, v.val_loss, v.bits_per_byte,\n"
                        "       v.seconds_incl, v.detail, v.tags\n"
                        "FROM run_summary v JOIN run r ON r.id = v.run\n"
                        "WHERE v.experiment_id = :experiment ORDER BY r.arm, v.seed",
    [TFX_REPORT_CURVES] =
        "SELECT arm, seed, run, stage, parameters, step, flops_incl, flops_excl, tokens_incl, tokens_excl,\n"
        "       seconds_incl, seconds_excl, val_loss\n"
        "FROM scaling_curve WHERE experiment_id = :experiment\n"
        "ORDER BY (SELECT r.arm FROM run r WHERE r.id = run), seed, run, stage, step",
    [TFX_REPORT_ENDPOINTS] =
        "SELECT arm, seed, run, stage, final, parameters, flops_incl, flops_excl, tokens_incl, tokens_excl,\n"
        "       seconds_incl, seconds_excl, val_loss, peak_lr, decayed\n"
        "FROM endpoint WHERE experiment_id = :experiment\n"
        "ORDER BY (SELECT r.arm FROM run r WHERE r.id = run), seed, run, stage",
    [TFX_REPORT_ENDS] = "SELECT arm, seed, run, stage, model, parameters, val_loss, decayed, data_order, eval_hash,\n"
                        "       flops_incl, flops_excl, tokens_incl, tokens_excl, seconds_incl, seconds_excl\n"
                        "FROM endpoint WHERE experiment_id = :experiment AND final = 1\n"
                        "ORDER BY (SELECT r.arm FROM run r WHERE r.id = run), seed, flops_incl, stage",
    [TFX_REPORT_GROWTH] =
        "SELECT v.arm, v.seed, g.run, g.step, g.parameters_before, g.parameters_after, g.keeps_function,\n"
        "       g.probe_loss_after - g.probe_loss_before AS probe_delta_loss, g.probe_max_abs_delta_logit,\n"
        "       g.from_model, g.to_model, g.policy, g.reason\n"
        "FROM growth_event g JOIN run_summary v ON v.run = g.run\n"
        "WHERE v.experiment_id = :experiment AND g.superseded = 0 ORDER BY g.run, g.step, g.id",
    [TFX_REPORT_SWEPT] = "SELECT a.base, k.key, k.value, v.seed, v.run, v.val_loss\n"
                         "FROM arm a JOIN json_each(a.point) k JOIN run r ON r.arm = a.id JOIN endpoint v ON v.run = "
                         "r.id AND v.final = 1\n"
                         "WHERE a.experiment = :experiment AND v.val_loss IS NOT NULL ORDER BY a.id, v.seed, k.id",
    /* A checkpoint is recorded after what it descends from: rows that say otherwise would lead around for ever. */
    [TFX_REPORT_LINEAGE] =
        "WITH RECURSIVE family (run, checkpoint) AS (\n"
        "    SELECT r.id, 9e18 FROM run r JOIN arm a ON a.id = r.arm WHERE a.experiment = :experiment\n"
        "    UNION\n"
        "    SELECT c.run, c.id\n"
        "    FROM family f\n"
        "    JOIN stage s ON s.run = f.run AND s.number = 0 AND s.superseded = 0\n"
        "    JOIN checkpoint c ON c.id = s.parent_checkpoint AND c.run <> s.run AND c.id < f.checkpoint)\n"
        "SELECT v.experiment_id = :experiment AS own, v.experiment, v.arm, v.seed, v.run, s.number AS stage,\n"
        "       s.parameters, b.flops + coalesce(o.flops, 0.0) AS flops_start,\n"
        "       coalesce((SELECT n.flops + coalesce(o.flops, 0.0) FROM stage_start n\n"
        "                 WHERE n.run = v.run AND n.number = s.number + 1), v.flops_incl) AS flops_end,\n"
        "       v.val_loss, p.run AS parent_run, v.status\n"
        "FROM (SELECT DISTINCT run FROM family) f\n"
        "JOIN run_summary v ON v.run = f.run\n"
        "JOIN stage s ON s.run = f.run AND s.superseded = 0\n"
        "JOIN stage_start b ON b.stage = s.id\n"
        "LEFT JOIN run_ancestors o ON o.run = f.run\n"
        "LEFT JOIN checkpoint p ON s.number = 0 AND p.id = s.parent_checkpoint AND p.run <> s.run\n"
        "ORDER BY own, (SELECT r.arm FROM run r WHERE r.id = v.run), v.seed, v.run, s.number",
    [TFX_REPORT_SLICES] = "SELECT arm, stage, steps_since_growth,\n"
                          "       avg(energy_share) FILTER (WHERE part = 'new') AS new_energy_share,\n"
                          "       avg(update_ratio) FILTER (WHERE part = 'old') AS old_update_ratio,\n"
                          "       avg(update_ratio) FILTER (WHERE part = 'new') AS new_update_ratio,\n"
                          "       sum(dead_slots) FILTER (WHERE part = 'new') AS dead_slots,\n"
                          "       sum(slots) FILTER (WHERE part = 'new') AS slots\n"
                          "FROM slice_curve WHERE experiment_id = :experiment AND slots IS NOT NULL\n"
                          "GROUP BY arm, stage, steps_since_growth\n"
                          "ORDER BY min(run), stage, steps_since_growth",
    [TFX_REPORT_CLAIMS] =
        "SELECT c.text, c.verdict, c.created,\n"
        "       (SELECT group_concat(r.value, char(10)) FROM json_each(c.evidence, '$.reasons') r) AS reasons,\n"
        "       (SELECT group_concat(json_extract(l.value, '$.lint') || ': ' || f.value, char(10))\n"
        "        FROM json_each(c.evidence, '$.lints') l, json_each(l.value, '$.failures') f) AS failures\n"
        "FROM claim c WHERE c.experiment = :experiment\n"
        "      AND c.id = (SELECT max(id) FROM claim WHERE experiment = :experiment AND text = c.text)\n"
        "ORDER BY c.id DESC",
    [TFX_REPORT_FITS] =
        "SELECT f.name AS fit, f.form, f.points, c.key AS coefficient, json_extract(c.value, '$.estimate') AS "
        "estimate,\n"
        "       json_extract(c.value, '$.standard_error') AS standard_error,\n"
        "       json_extract(c.value, '$.interval_95[0]') AS low, json_extract(c.value, '$.interval_95[1]') AS high,\n"
        "       json_extract(c.value, '$.doubt') AS doubt\n"
        "FROM fit f, json_each(f.coefficients) c\n"
        "WHERE f.experiment = :experiment\n"
        "      OR f.id IN (SELECT fit FROM forecast c JOIN run r ON r.id = c.run JOIN arm a ON a.id = r.arm\n"
        "                  WHERE a.experiment = :experiment)\n"
        "ORDER BY f.id, c.id",
    [TFX_REPORT_FORECASTS] = "SELECT arm, seed, run, fit, forecast, low, high, val_loss, miss, inside, decayed\n"
                             "FROM forecast_score WHERE experiment_id = :experiment\n"
                             "ORDER BY (SELECT r.arm FROM run r WHERE r.id = run), seed, fit",
    [TFX_REPORT_NOTES] =
        "SELECT replace(substr(n.created, 1, 16), 'T', ' ') AS written, n.run, a.name AS arm, r.seed, n.text AS note\n"
        "FROM note n LEFT JOIN run r ON r.id = n.run LEFT JOIN arm a ON a.id = r.arm\n"
        "WHERE n.experiment = :experiment OR a.experiment = :experiment ORDER BY n.id",
    [TFX_REPORT_PLUGINS] = "SELECT p.name, p.version, p.abi, p.hash, count(*) AS runs\n"
                           "FROM run_plugin l JOIN plugin p ON p.id = l.plugin JOIN run r ON r.id = l.run\n"
                           "JOIN arm a ON a.id = r.arm\n"
                           "WHERE a.experiment = :experiment GROUP BY p.id ORDER BY p.name, p.id",
    [TFX_REPORT_ENVIRONMENTS] =
        "SELECT v.tfx_version, v.abi_version, v.git_commit, v.host, v.os, v.cpu, v.n_cores, v.memory_bytes,\n"
        "       v.backend, v.libraries, count(*) AS runs\n"
        "FROM run r JOIN arm a ON a.id = r.arm JOIN environment v ON v.id = r.environment\n"
        "WHERE a.experiment = :experiment GROUP BY v.id ORDER BY v.id",
    [TFX_REPORT_METRICS] =
        "SELECT a.name AS arm, r.seed, m.run, s.number AS stage, m.name, m.step, m.tokens, m.flops,\n"
        "       m.seconds, m.value\n"
        "FROM arm a JOIN run r ON r.arm = a.id JOIN metric m ON m.run = r.id AND m.superseded = 0\n"
        "JOIN stage s ON s.id = m.stage\n"
        "WHERE a.experiment = :experiment ORDER BY a.id, r.seed, m.step, m.id",
    [TFX_REPORT_STARTS] =
        "SELECT r.id AS run, a.name AS arm, r.seed, CAST(strftime('%s', r.started) AS REAL) AS started\n"
        "FROM run r JOIN arm a ON a.id = r.arm\n"
        "WHERE a.experiment = :experiment AND r.started IS NOT NULL ORDER BY a.id, r.seed",
};

char *tfx_report_sql(tfx_report_query which, tfx_id experiment)
{
    static const char stands_for[] = ":experiment";
    assert(which < TFX_REPORT_QUERIES);
    tfx_text sql = {0};
    const char *at = statements[which], *next;
    while ((next = strstr(at, stands_for))) {
        tfx_text_add(&sql, "%.*s%" PRId64, (int)(next - at), at, experiment);
        at = next + strlen(stands_for);
    }
    tfx_text_add(&sql, "%s", at);
    return sql.s;
}

tfx_rows *tfx_query_report(tfx_store *s, tfx_report_query which, tfx_id experiment, tfx_error *err)
{
    char *sql = tfx_report_sql(which, experiment);
    tfx_rows *rows = tfx_sql_rows(s, err, sql, "");
    free(sql);
    return rows;
}

tfx_rows *tfx_query_metrics(tfx_store *s, tfx_id run, tfx_error *err)
{
    return tfx_sql_rows(
        s, err, "SELECT name, step, seconds, value FROM metric WHERE run = ? AND superseded = 0 ORDER BY step, id", "k",
        run);
}

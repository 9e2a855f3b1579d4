#include "framework/store/queries.h"

#include <assert.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/store/queries_report.h"
#include "framework/store/statement.h"

static tfx_rows *by_id(tfx_store *s, const char *sql, tfx_id id, tfx_error *err)
{
    return tfx_sql_rows(s, err, sql, "k", id);
}

/* ---- several runs: all of it reads the view run_summary ---- */

tfx_rows *tfx_query_outcomes(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    return by_id(s,
                 "SELECT run, arm, seed, parameters, tokens, flops_incl, flops_excl, val_loss, bits_per_byte, seconds, "
                 "status FROM run_summary WHERE experiment_id = ? ORDER BY run",
                 experiment, err);
}

tfx_rows *tfx_query_failures(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    return by_id(s,
                 "SELECT run, arm, seed, detail FROM run_summary WHERE experiment_id = ? AND status = 'failed' AND "
                 "detail IS NOT NULL ORDER BY run",
                 experiment, err);
}

/* " AND " and a condition on the runs of run_summary. */
static void add_tag(tfx_text *sql, const char *tag)
{
    const char *equals = strchr(tag, '=');
    char *key = equals ? tfx_strndup(tag, (size_t)(equals - tag)) : tfx_strdup(tag);
    char *quoted = equals ? sqlite3_mprintf("key = %Q AND value = %Q", key, equals + 1)
                          : sqlite3_mprintf("key = %Q", key);
    tfx_text_add(sql, " AND EXISTS (SELECT 1 FROM run_tag WHERE run = run_summary.run AND %s)", quoted);
    sqlite3_free(quoted);
    free(key);
}

tfx_rows *tfx_query_runs(tfx_store *s, const char *experiment, const char *const *tags, size_t n_tags, int everything,
                         tfx_error *err)
{
    tfx_text sql = {0};
    tfx_text_add(&sql,
                 "SELECT %s FROM run_summary WHERE (?1 IS NULL OR experiment = ?1 OR "
                 "CAST(experiment_id AS TEXT) = ?1)",
                 everything ? "*"
                            : "run, experiment, arm, seed, status, model, parameters, steps, tokens, flops_incl, "
                              "val_loss, bits_per_byte, seconds, replace(substr(started, 1, 16), 'T', ' '), tags");
    for (size_t i = 0; i < n_tags; i++)
        add_tag(&sql, tags[i]);
    tfx_text_add(&sql, " ORDER BY run DESC");
    tfx_rows *rows = tfx_sql_rows(s, err, sql.s, "t", experiment);
    tfx_text_free(&sql);
    return rows;
}

tfx_rows *tfx_query_experiment_names(tfx_store *s, tfx_error *err)
{
    return tfx_sql_rows(s, err, "SELECT DISTINCT name FROM experiment", "");
}

tfx_rows *tfx_query_arm_names(tfx_store *s, const char *experiment, tfx_error *err)
{
    return tfx_sql_rows(s, err,
                        "SELECT DISTINCT a.name FROM arm a JOIN experiment e ON e.id = a.experiment WHERE e.name = ?",
                        "t", experiment);
}

tfx_rows *tfx_query_curve(tfx_store *s, tfx_id experiment, const char *cost, tfx_error *err)
{
    char *sql = tfx_printf("SELECT arm, seed, run, stage, model, %s, val_loss, bits_per_byte FROM scaling_curve "
                           "WHERE experiment_id = ? ORDER BY (SELECT arm FROM run WHERE id = run), arm, seed, step, "
                           "stage",
                           cost);
    tfx_rows *rows = by_id(s, sql, experiment, err);
    free(sql);
    return rows;
}

tfx_rows *tfx_query_twins(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    return by_id(s,
                 "WITH " TFX_SQL_SEARCHED "SELECT a.name, a.twin, a.twin_of, a.base, " TFX_SQL_BETTER
                 " FROM arm a WHERE a.experiment = ?1 ORDER BY a.id",
                 experiment, err);
}

tfx_rows *tfx_query_endpoints(tfx_store *s, tfx_id experiment, int curve, tfx_error *err)
{
    static const char all[] = "SELECT p.arm, p.seed, p.run, p.stage, p.model, p.parameters, p.val_loss, 0, "
                              "s.data || ' ' || s.micro_batch || ' ' || s.context || ' ' || p.seed, s.eval_hash, "
                              "p.flops_incl, p.flops_excl, p.tokens_incl, p.tokens_excl, p.seconds_incl, "
                              "p.seconds_excl FROM scaling_curve p JOIN stage s ON s.run = p.run AND "
                              "s.number = p.stage AND s.superseded = 0 WHERE p.experiment_id = ? "
                              "ORDER BY (SELECT arm FROM run WHERE id = p.run), p.seed, p.flops_incl, p.stage";
    return curve ? by_id(s, all, experiment, err) : tfx_query_report(s, TFX_REPORT_ENDS, experiment, err);
}

tfx_rows *tfx_query_unfinished(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    return by_id(s,
                 "SELECT a.name, r.seed, r.status FROM run r JOIN arm a ON a.id = r.arm WHERE a.experiment = ? AND "
                 "r.status <> 'done' ORDER BY a.id, r.seed",
                 experiment, err);
}

/* ---- one run ---- */

static const struct run_part {
    const char *some, *all; /* all NULL: the same */
} run_parts[] = {
    [TFX_PART_RUN] =
        {"SELECT r.id AS run, e.id AS experiment_id, e.name AS experiment, e.description, e.spec_path, "
         "e.profile, e.spec AS spec_hash, a.name AS arm, a.model AS first_model, a.scaling, a.start, a.train, "
         "r.seed, r.status, r.detail, r.directory, r.host, r.pid, r.created, r.started, r.ended, v.model, "
         "v.parameters, v.steps, v.steps_incl, v.tokens, v.tokens_incl, v.flops_incl, v.flops_excl, "
         "v.val_loss, v.bits_per_byte, v.seconds, v.seconds_incl FROM run r JOIN arm a ON a.id = r.arm JOIN experiment "
         "e ON e.id = a.experiment "
         "JOIN run_summary v ON v.run = r.id WHERE r.id = ?",
         NULL},
    [TFX_PART_STAGES] = {"SELECT number, model, parameters, flops_per_token, first_step, steps, planned_steps, "
                         "planned_peak_bytes, peak_rss_bytes, parent_checkpoint, "
                         "replace(substr(started, 1, 19), 'T', ' ') FROM stage WHERE run = ? AND superseded = 0 "
                         "ORDER BY number",
                         "SELECT * FROM stage WHERE run = ? AND superseded = 0 ORDER BY number"},
    [TFX_PART_METRICS] = {"SELECT l.name, l.value, s.number AS stage, l.step, l.tokens, l.flops, l.seconds "
                          "FROM metric_latest l JOIN stage s ON s.id = l.stage WHERE l.run = ? ORDER BY l.name",
                          NULL},
    [TFX_PART_CHECKPOINTS] = {"SELECT c.id, s.number AS stage, c.step, c.tokens, c.flops, c.seconds, c.val_loss, "
                              "c.reason, c.bytes, c.parent, CASE WHEN c.deleted IS NULL THEN c.path ELSE "
                              "'(files removed)' END, substr(c.hash, 1, 12) FROM checkpoint c JOIN stage s ON "
                              "s.id = c.stage WHERE c.run = ? AND c.superseded = 0 ORDER BY c.step, c.id",
                              "SELECT c.*, s.number AS stage_number FROM checkpoint c JOIN stage s ON s.id = c.stage "
                              "WHERE c.run = ? AND c.superseded = 0 ORDER BY c.step, c.id"},
    [TFX_PART_GROWTH_EVENTS] = {"SELECT id, step, from_model, to_model, policy, parameters_before, parameters_after, "
                                "carried_parameters, probe_loss_before, probe_loss_after, probe_max_abs_delta_logit, "
                                "seconds, from_checkpoint, to_checkpoint, reason FROM growth_event WHERE run = ? AND "
                                "superseded = 0 ORDER BY id",
                                "SELECT * FROM growth_event WHERE run = ? AND superseded = 0 ORDER BY id"},
    [TFX_PART_PLUGINS] = {"SELECT p.name, p.version, p.abi, p.hash, p.path FROM run_plugin l JOIN plugin p ON "
                          "p.id = l.plugin WHERE l.run = ? ORDER BY p.name",
                          NULL},
    [TFX_PART_ENVIRONMENT] = {"SELECT v.tfx_version, v.abi_version, v.git_commit, v.host, v.os, v.cpu, v.n_cores, "
                              "v.memory_bytes, v.backend, v.libraries FROM run r JOIN environment v ON "
                              "v.id = r.environment WHERE r.id = ?",
                              NULL},
    /* Rows of one step are in the order of the parameters. */
    [TFX_PART_SLICES] =
        {"SELECT s.number, m.step, m.parameter, m.part, m.elements, m.gradient_norm, "
         "m.update_norm / nullif(m.weight_norm, 0), m.weight_norm, m.energy_share, m.dead_slots, m.slots "
         "FROM slice_metric m JOIN stage s ON s.id = m.stage WHERE m.run = ? AND m.superseded = 0 "
         "ORDER BY m.step, m.id",
         "SELECT m.*, s.number AS stage_number, m.update_norm / nullif(m.weight_norm, 0) AS update_ratio "
         "FROM slice_metric m JOIN stage s ON s.id = m.stage WHERE m.run = ? AND m.superseded = 0 "
         "ORDER BY m.step, m.id"},
    [TFX_PART_TAGS] = {"SELECT key, value FROM run_tag WHERE run = ? ORDER BY key", NULL},
#define NOTES(time) \
    "SELECT iif(run IS NULL, 'experiment', 'run') AS about, " time " AS created, text FROM note WHERE run = ?1 OR " \
    "experiment = (SELECT a.experiment FROM run r JOIN arm a ON a.id = r.arm WHERE r.id = ?1) ORDER BY id"
    [TFX_PART_NOTES] = {NOTES("replace(substr(created, 1, 16), 'T', ' ')"), NOTES("created")},
};

tfx_rows *tfx_query_run(tfx_store *s, tfx_id run, tfx_run_part part, int everything, tfx_error *err)
{
    assert((size_t)part < sizeof(run_parts) / sizeof(*run_parts));
    const struct run_part *p = &run_parts[part];
    return by_id(s, everything && p->all ? p->all : p->some, run, err);
}

/* ---- lineage ---- */

tfx_rows *tfx_query_ancestry(tfx_store *s, tfx_id checkpoint, tfx_error *err)
{
    return by_id(
        s,
        "SELECT ancestor AS checkpoint, distance, ancestor_parent AS parent, growth_event, experiment_id, "
        "experiment, arm, seed, run, stage, model, parameters, step, tokens, flops, seconds, val_loss, reason, "
        "path, hash, deleted, superseded, steps_incl, tokens_incl, flops_incl, seconds_incl FROM lineage "
        "WHERE checkpoint = ? ORDER BY distance DESC, ancestor",
        checkpoint, err);
}

tfx_rows *tfx_query_growth_events(tfx_store *s, tfx_id checkpoint, tfx_error *err)
{
    return by_id(s,
                 "SELECT id AS growth_event, from_checkpoint, to_checkpoint, run, step, policy, from_model, to_model, "
                 "parameters_before, parameters_after, carried_parameters, probe_loss_before, probe_loss_after, "
                 "probe_loss_after - probe_loss_before AS probe_delta_loss, probe_max_abs_delta_logit, seconds, "
                 "superseded FROM growth_event WHERE id IN (SELECT growth_event FROM lineage WHERE checkpoint = ?) "
                 "ORDER BY id",
                 checkpoint, err);
}

tfx_rows *tfx_query_growth_event(tfx_store *s, tfx_id event, tfx_error *err)
{
    return by_id(s,
                 "SELECT from_model, to_model, policy, parameters_before, parameters_after, carried_parameters, "
                 "probe_loss_before, probe_loss_after, probe_max_abs_delta_logit FROM growth_event WHERE id = ?",
                 event, err);
}

int tfx_query_is_origin(tfx_store *s, tfx_id checkpoint, tfx_error *err)
{
    return tfx_sql_int(s, err,
                       "SELECT 1 FROM lineage_edge l JOIN checkpoint c ON c.id = l.child JOIN checkpoint p ON "
                       "p.id = l.parent WHERE l.parent = ? AND (l.growth_event IS NOT NULL OR c.run <> p.run)",
                       "k", checkpoint) != 0;
}

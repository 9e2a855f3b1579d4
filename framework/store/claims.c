#include "framework/store/claims.h"

#include "framework/store/statement.h"

/* For WITH RECURSIVE: run r and all that it descends from. */
#define TFX_SQL_ABOVE \
    "RECURSIVE above (run) AS (VALUES (r.id) UNION SELECT c.run FROM above x JOIN stage g ON g.run = x.run AND " \
    "g.superseded = 0 JOIN checkpoint c ON c.id = g.parent_checkpoint) "

tfx_id tfx_store_add_claim(tfx_store *s, tfx_id experiment, const char *text, const char *verdict, const char *evidence,
                           tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "recording a claim", &e);
    tfx_id id = tfx_sql_insert(
        s, &e, "INSERT INTO claim (experiment, text, verdict, evidence, created) VALUES (?, ?, ?, ?, " TFX_SQL_NOW ")",
        "kttt", experiment, text, verdict, evidence);
    return tfx_write_leave(s, &e, err) == TFX_OK ? id : 0;
}

tfx_rows *tfx_query_claims(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    return tfx_sql_rows(s, err,
                        "SELECT c.id AS claim, e.name AS experiment, c.text, c.verdict, "
                        "replace(substr(c.created, 1, 16), 'T', ' ') AS created, c.evidence "
                        "FROM claim c JOIN experiment e ON e.id = c.experiment WHERE ?1 IS NULL OR e.id = ?1 "
                        "ORDER BY c.id DESC",
                        "k", experiment);
}

/* A learning rate was searched for when it is one of a sweep of learning rates in this very experiment, of runs that are done
 * and differ in nothing else, or the reference to the best of a sweep, of the same model: one of its name and, where the
 * search is there still, of its parameters and FLOPs per token. Another one is better when the arms differ in nothing else. */
tfx_rows *tfx_query_claim_facts(tfx_store *s, tfx_id experiment, tfx_error *err)
{
    return tfx_sql_rows(
        s, err,
        "WITH " TFX_SQL_SEARCHED
        "SELECT r.id, a.name, r.seed, r.status, p.val_loss, p.decayed, p.peak_lr, p.last_lr, p.eval_hash, "
        "substr(v.backend, 1, instr(v.backend || ',', ',') - 1), v.tfx_version, "
        "coalesce((SELECT CASE WHEN count(DISTINCT json_extract(b.point, '$.\"train.lr\"')) > 1 THEN count(*) END "
        "FROM arm b JOIN run t ON t.arm = b.id WHERE b.experiment = a.experiment AND b.base = a.base AND "
        "t.status = 'done' AND json_type(b.point, '$.\"train.lr\"') IS NOT NULL AND "
        "json_remove(b.point, '$.\"train.lr\"') = json_remove(a.point, '$.\"train.lr\"')), "
        "(SELECT f.points * f.seeds FROM spec_reference f WHERE f.experiment = a.experiment AND "
        "f.expression = a.lr_search AND f.source_model = a.model AND NOT EXISTS (SELECT 1 FROM stage o JOIN stage x "
        "JOIN run y ON y.id = x.run JOIN arm z ON z.id = y.arm WHERE o.run = r.id AND o.number = 0 AND o.superseded = "
        "0 "
        "AND z.experiment = f.source_experiment AND z.name = f.source_arm AND x.number = 0 AND x.superseded = 0 AND "
        "(x.parameters, x.flops_per_token) IS NOT (o.parameters, o.flops_per_token)))), "
        "(SELECT max(l.superseded) FROM lineage l WHERE l.checkpoint = (SELECT max(id) FROM checkpoint WHERE run = "
        "r.id AND superseded = 0)), "
        "EXISTS (WITH " TFX_SQL_ABOVE
        "SELECT 1 FROM above x JOIN outside_start o ON o.run = x.run WHERE o.flops <= 0), " TFX_SQL_BETTER
        ", v.host || ', ' || v.cpu || ', ' || v.backend, a.model, "
        "(WITH " TFX_SQL_ABOVE
        "SELECT w.host || ', ' || w.cpu || ', ' || w.backend FROM above x JOIN run y ON y.id = x.run "
        "JOIN environment w ON w.id = y.environment WHERE (w.host, w.cpu, w.backend) IS NOT (v.host, v.cpu, "
        "v.backend)), coalesce(json_extract(a.train, '$.compute'), 'f32') "
        "FROM arm a JOIN run r ON r.arm = a.id LEFT JOIN environment v ON v.id = r.environment "
        "LEFT JOIN endpoint p ON p.run = r.id AND p.final = 1 AND p.experiment_id = ?1 "
        "WHERE a.experiment = ?1 ORDER BY a.id, r.seed",
        "k", experiment);
}

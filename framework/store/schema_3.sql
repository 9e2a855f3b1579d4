-- What version 3 changes. Arms start from checkpoints of other runs: an arm says from which, run_ancestors counts also
-- what was spent outside of this database, and costs that include ancestors are in every view.

ALTER TABLE arm ADD COLUMN start TEXT; -- as the spec says; NULL: from its initialisation

-- Runs that started from a checkpoint that no row of this database is about. Its folder says what was spent on it.
CREATE TABLE outside_start (
    run     INTEGER PRIMARY KEY REFERENCES run (id),
    path    TEXT NOT NULL,
    hash    TEXT NOT NULL, -- of its model.safetensors
    steps   INTEGER NOT NULL,
    tokens  INTEGER NOT NULL,
    flops   REAL NOT NULL,
    seconds REAL NOT NULL
);

DROP VIEW run_ancestors;
CREATE VIEW run_ancestors AS
WITH RECURSIVE above (run, checkpoint, ancestor_run, steps, tokens, flops, seconds) AS (
    SELECT s.run, c.id, c.run, c.step, c.tokens, c.flops, c.seconds
    FROM stage s JOIN checkpoint c ON c.id = s.parent_checkpoint AND c.run <> s.run
    WHERE s.number = 0 AND s.superseded = 0
    UNION ALL
    SELECT a.run, c.id, c.run, c.step, c.tokens, c.flops, c.seconds
    FROM above a
    JOIN stage s ON s.run = a.ancestor_run AND s.number = 0 AND s.superseded = 0
    JOIN checkpoint c ON c.id = s.parent_checkpoint AND c.run <> s.run AND c.id < a.checkpoint),
spent (run, steps, tokens, flops, seconds) AS (
    SELECT run, steps, tokens, flops, seconds FROM above
    UNION ALL
    SELECT run, steps, tokens, flops, seconds FROM outside_start
    UNION ALL
    SELECT a.run, o.steps, o.tokens, o.flops, o.seconds FROM above a JOIN outside_start o ON o.run = a.ancestor_run)
SELECT run, count(*) AS runs, sum(steps) AS steps, sum(tokens) AS tokens, sum(flops) AS flops,
       sum(seconds) AS seconds
FROM spent GROUP BY run;

DROP VIEW run_summary;
CREATE VIEW run_summary AS
WITH spent AS (
    SELECT r.id AS run,
           max(coalesce((SELECT max(step) FROM metric_latest WHERE run = r.id), 0),
               coalesce((SELECT max(step) FROM checkpoint WHERE run = r.id AND superseded = 0), 0)) AS steps,
           max(coalesce((SELECT max(tokens) FROM metric_latest WHERE run = r.id), 0),
               coalesce((SELECT max(tokens) FROM checkpoint WHERE run = r.id AND superseded = 0), 0)) AS tokens,
           max(coalesce((SELECT max(flops) FROM metric_latest WHERE run = r.id), 0.0),
               coalesce((SELECT max(flops) FROM checkpoint WHERE run = r.id AND superseded = 0), 0.0)) AS flops,
           max(coalesce((SELECT max(seconds) FROM metric_latest WHERE run = r.id), 0.0),
               coalesce((SELECT max(seconds) FROM checkpoint WHERE run = r.id AND superseded = 0), 0.0)) AS seconds
    FROM run r)
SELECT e.id AS experiment_id, e.name AS experiment, a.name AS arm, r.seed, r.id AS run, r.status,
       s.model, s.parameters, s.number + 1 AS stages, x.steps, x.tokens,
       x.flops - coalesce(b.flops, 0.0) AS flops_excl, x.flops + coalesce(o.flops, 0.0) AS flops_incl,
       v.value AS val_loss, p.value AS bits_per_byte, x.seconds,
       x.steps + coalesce(o.steps, 0) AS steps_incl, x.tokens + coalesce(o.tokens, 0) AS tokens_incl,
       x.seconds + coalesce(o.seconds, 0.0) AS seconds_incl,
       r.created, r.started, r.ended, r.detail
FROM experiment e
JOIN arm a ON a.experiment = e.id
JOIN run r ON r.arm = a.id
JOIN spent x ON x.run = r.id
LEFT JOIN stage s ON s.id = (SELECT id FROM stage WHERE run = r.id AND superseded = 0
                             ORDER BY number DESC LIMIT 1)
LEFT JOIN stage_start b ON b.stage = s.id
LEFT JOIN run_ancestors o ON o.run = r.id
LEFT JOIN metric_latest v ON v.run = r.id AND v.name = 'val_loss'
LEFT JOIN metric_latest p ON p.run = r.id AND p.name = 'val_bpb';

DROP VIEW lineage;
CREATE VIEW lineage AS
WITH RECURSIVE up (checkpoint, ancestor, distance) AS (
    SELECT id, id, 0 FROM checkpoint
    UNION
    SELECT up.checkpoint, l.parent, up.distance + 1 FROM up JOIN lineage_edge l ON l.child = up.ancestor
                                                          AND l.parent < l.child)
SELECT up.checkpoint, up.distance, up.ancestor, l.parent AS ancestor_parent, l.growth_event,
       g.from_model, g.to_model, g.probe_loss_before, g.probe_loss_after, g.probe_max_abs_delta_logit,
       e.id AS experiment_id, e.name AS experiment, a.name AS arm, r.seed, c.run, s.number AS stage, s.model,
       s.parameters, c.step, c.tokens, c.flops, c.seconds,
       c.step + coalesce(o.steps, 0) AS steps_incl, c.tokens + coalesce(o.tokens, 0) AS tokens_incl,
       c.flops + coalesce(o.flops, 0.0) AS flops_incl, c.seconds + coalesce(o.seconds, 0.0) AS seconds_incl,
       c.val_loss, c.reason, c.path, c.hash, c.deleted, c.superseded
FROM up
JOIN checkpoint c ON c.id = up.ancestor
JOIN stage s ON s.id = c.stage
JOIN run r ON r.id = c.run
JOIN arm a ON a.id = r.arm
JOIN experiment e ON e.id = a.experiment
LEFT JOIN run_ancestors o ON o.run = c.run
LEFT JOIN lineage_edge l ON l.child = c.id
LEFT JOIN growth_event g ON g.id = l.growth_event;

-- What version 2 changes. A column that was always 0 goes: run_ancestors works it out. The whole of a
-- checkpoint gets a hash. And views that follow
-- lineage end on any file: a checkpoint is recorded after what it descends from, and rows that say otherwise
-- (CHECK does not hold in a damaged file) are not followed.

ALTER TABLE checkpoint DROP COLUMN ancestor_flops;
ALTER TABLE checkpoint ADD COLUMN json_hash TEXT; -- of checkpoint.json, which has those of all files; NULL: format 1

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
    JOIN checkpoint c ON c.id = s.parent_checkpoint AND c.run <> s.run AND c.id < a.checkpoint)
SELECT run, count(*) AS runs, sum(steps) AS steps, sum(tokens) AS tokens, sum(flops) AS flops,
       sum(seconds) AS seconds
FROM above GROUP BY run;

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
       s.parameters, c.step, c.tokens, c.flops, c.seconds, c.val_loss, c.reason, c.path, c.hash,
       c.deleted, c.superseded
FROM up
JOIN checkpoint c ON c.id = up.ancestor
JOIN stage s ON s.id = c.stage
JOIN run r ON r.id = c.run
JOIN arm a ON a.id = r.arm
JOIN experiment e ON e.id = a.experiment
LEFT JOIN lineage_edge l ON l.child = c.id
LEFT JOIN growth_event g ON g.id = l.growth_event;

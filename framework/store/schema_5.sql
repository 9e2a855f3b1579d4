-- What version 5 changes. A stage has the learning rate that its schedule came from and the one that it ended with, so
-- that losses at the end of a schedule can be told from those in the middle of one.

ALTER TABLE stage ADD COLUMN peak_lr REAL; -- of the schedule it is in; NULL: no step, or recorded by an earlier version
ALTER TABLE stage ADD COLUMN last_lr REAL; -- of its last step
-- NULL in all of these: recorded by an earlier version.
ALTER TABLE stage ADD COLUMN context INTEGER;
ALTER TABLE stage ADD COLUMN micro_batch INTEGER;
ALTER TABLE stage ADD COLUMN data TEXT;           -- hash of the loader's name and options
ALTER TABLE stage ADD COLUMN eval_tokens INTEGER; -- NULL, too: not evaluated yet
ALTER TABLE stage ADD COLUMN eval_hash TEXT;      -- of the tokens that its evaluations predict, in their order

-- Where an arm is one of several that a section of the spec made.
ALTER TABLE arm ADD COLUMN sweep TEXT; -- the [sweep] of the spec; NULL: not swept
ALTER TABLE arm ADD COLUMN base TEXT;  -- the name of the arm that it is a point of
ALTER TABLE arm ADD COLUMN point TEXT CHECK (point IS NULL OR json_valid(point)); -- its keys and values of the sweep

ALTER TABLE arm ADD COLUMN twin TEXT;    -- scratch, random_base or no_growth; NULL: no twin
ALTER TABLE arm ADD COLUMN twin_of TEXT; -- the name of the arm that it is to be compared with

-- What the spec of an experiment took from the results of another one: ${best:...}. The numbers stay when that is removed.
CREATE TABLE spec_reference (
    experiment        INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    expression        TEXT NOT NULL, -- "best:search.small.train.lr"
    value             TEXT NOT NULL,
    source_experiment INTEGER NOT NULL,
    source_arm        TEXT NOT NULL, -- the point that was best
    source_runs       TEXT NOT NULL, -- its runs: "3, 4"
    val_loss          REAL,          -- mean over them
    points            INTEGER NOT NULL, -- that were tried
    seeds             INTEGER NOT NULL, -- of that point
    PRIMARY KEY (experiment, expression)
) WITHOUT ROWID;

-- One row per stage that has ended and was evaluated at its end, of any run. Stages of earlier versions have their
-- learning rates from their arm and from the metrics.
CREATE VIEW endpoint AS
SELECT experiment_id, experiment, arm, seed, run, stage, final, model, parameters, flops_per_token,
       steps_excl, steps_incl, tokens_excl, tokens_incl, flops_excl, flops_incl, seconds_excl, seconds_incl,
       val_loss, bits_per_byte, peak_lr, last_lr, last_lr <= 0.1 * peak_lr * (1 + 1e-9) AS decayed,
       data_order, eval_tokens, eval_hash
FROM (SELECT e.id AS experiment_id, e.name AS experiment, a.name AS arm, r.seed, r.id AS run, s.number AS stage,
             r.status = 'done' AND NOT EXISTS (SELECT 1 FROM stage l WHERE l.run = r.id AND l.superseded = 0
                                                                       AND l.number > s.number) AS final,
             s.model, s.parameters, s.flops_per_token,
             m.step - b.steps AS steps_excl, m.step + coalesce(o.steps, 0) AS steps_incl,
             m.tokens - b.tokens AS tokens_excl, m.tokens + coalesce(o.tokens, 0) AS tokens_incl,
             m.flops - b.flops AS flops_excl, m.flops + coalesce(o.flops, 0.0) AS flops_incl,
             m.seconds - b.seconds AS seconds_excl, m.seconds + coalesce(o.seconds, 0.0) AS seconds_incl,
             m.value AS val_loss,
             (SELECT p.value FROM metric p WHERE p.run = m.run AND p.name = 'val_bpb' AND p.step = m.step
                                                 AND p.stage = m.stage AND p.superseded = 0) AS bits_per_byte,
             coalesce(s.peak_lr, CAST(json_extract(a.train, '$.lr') AS REAL)) AS peak_lr,
             coalesce(s.last_lr, (SELECT p.value FROM metric p WHERE p.run = r.id AND p.name = 'lr'
                                                  AND p.step = m.step AND p.stage = s.id AND p.superseded = 0)) AS last_lr,
             s.data || ' ' || s.micro_batch || ' ' || s.context || ' ' || r.seed AS data_order,
             s.eval_tokens, s.eval_hash
      FROM experiment e
      JOIN arm a ON a.experiment = e.id
      JOIN run r ON r.arm = a.id
      JOIN stage s ON s.run = r.id AND s.superseded = 0 AND s.steps IS NOT NULL
      CROSS JOIN metric m ON m.run = r.id AND m.name = 'val_loss' AND m.step = s.first_step + s.steps AND m.stage = s.id
                       AND m.superseded = 0
      JOIN stage_start b ON b.stage = s.id
      LEFT JOIN run_ancestors o ON o.run = r.id);

-- What people say about runs and experiments.
CREATE TABLE run_tag (
    run   INTEGER NOT NULL REFERENCES run (id),
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) WITHOUT ROWID;

CREATE TABLE note (
    id         INTEGER PRIMARY KEY,
    experiment INTEGER REFERENCES experiment (id), -- one of the two
    run        INTEGER REFERENCES run (id),
    text       TEXT NOT NULL,
    created    TEXT NOT NULL,
    CHECK ((experiment IS NULL) <> (run IS NULL))
);

-- With tags. What a run has spent is what its last row says, of metrics or of checkpoints: nothing is added up, so that
-- thousands of runs are listed at once.
DROP VIEW run_summary;
CREATE VIEW run_summary AS
SELECT e.id AS experiment_id, e.name AS experiment, a.name AS arm, r.seed, r.id AS run, r.status,
       s.model, s.parameters, s.number + 1 AS stages, max(coalesce(l.step, 0), coalesce(c.step, 0)) AS steps,
       max(coalesce(l.tokens, 0), coalesce(c.tokens, 0)) AS tokens,
       max(coalesce(l.flops, 0.0), coalesce(c.flops, 0.0)) - coalesce(b.flops, 0.0) AS flops_excl,
       max(coalesce(l.flops, 0.0), coalesce(c.flops, 0.0)) + coalesce(o.flops, 0.0) AS flops_incl,
       v.value AS val_loss, p.value AS bits_per_byte,
       max(coalesce(l.seconds, 0.0), coalesce(c.seconds, 0.0)) AS seconds,
       max(coalesce(l.step, 0), coalesce(c.step, 0)) + coalesce(o.steps, 0) AS steps_incl,
       max(coalesce(l.tokens, 0), coalesce(c.tokens, 0)) + coalesce(o.tokens, 0) AS tokens_incl,
       max(coalesce(l.seconds, 0.0), coalesce(c.seconds, 0.0)) + coalesce(o.seconds, 0.0) AS seconds_incl,
       r.created, r.started, r.ended, r.detail,
       (SELECT group_concat(key || '=' || value, ', ') FROM (SELECT key, value FROM run_tag WHERE run = r.id ORDER BY key))
           AS tags
FROM experiment e
JOIN arm a ON a.experiment = e.id
JOIN run r ON r.arm = a.id
LEFT JOIN metric_latest l ON l.run = r.id AND l.name = (SELECT name FROM metric_latest WHERE run = r.id
                                                        ORDER BY step DESC, seconds DESC LIMIT 1)
LEFT JOIN checkpoint c ON c.id = (SELECT id FROM checkpoint WHERE run = r.id AND superseded = 0
                                  ORDER BY step DESC, id DESC LIMIT 1)
LEFT JOIN stage s ON s.id = (SELECT id FROM stage WHERE run = r.id AND superseded = 0
                             ORDER BY number DESC LIMIT 1)
LEFT JOIN stage_start b ON b.stage = s.id
LEFT JOIN run_ancestors o ON o.run = r.id
LEFT JOIN metric_latest v ON v.run = r.id AND v.name = 'val_loss'
LEFT JOIN metric_latest p ON p.run = r.id AND p.name = 'val_bpb';

-- The same rows as before, but metric, the big table, is always read by its index, for runs that are known (CROSS JOIN is
-- SQLite's way to say so).
DROP VIEW scaling_curve;
CREATE VIEW scaling_curve AS
SELECT e.id AS experiment_id, e.name AS experiment, a.name AS arm, r.seed, r.id AS run,
       s.number AS stage, s.model, s.parameters, m.step, m.tokens, m.flops, m.seconds,
       m.step - b.steps AS steps_excl, m.step + coalesce(o.steps, 0) AS steps_incl,
       m.tokens - b.tokens AS tokens_excl, m.tokens + coalesce(o.tokens, 0) AS tokens_incl,
       m.flops - b.flops AS flops_excl, m.flops + coalesce(o.flops, 0.0) AS flops_incl,
       m.seconds - b.seconds AS seconds_excl, m.seconds + coalesce(o.seconds, 0.0) AS seconds_incl,
       m.value AS val_loss,
       (SELECT p.value FROM metric p WHERE p.run = m.run AND p.name = 'val_bpb' AND p.step = m.step
                                           AND p.stage = m.stage AND p.superseded = 0) AS bits_per_byte
FROM experiment e
JOIN arm a ON a.experiment = e.id
JOIN run r ON r.arm = a.id
CROSS JOIN metric m ON m.run = r.id AND m.name = 'val_loss' AND m.superseded = 0
JOIN stage s ON s.id = m.stage
JOIN stage_start b ON b.stage = s.id
LEFT JOIN run_ancestors o ON o.run = r.id;

-- Windows and ancestors are worked out for each run or checkpoint on its own, as a list that json_each reads, so that
-- asking about one costs what one costs. SQLite takes a condition into neither of them by itself.
DROP VIEW cost_to_loss;
CREATE VIEW cost_to_loss AS
SELECT e.id AS experiment_id, e.name AS experiment, a.name AS arm, r.seed, r.id AS run, c.stage, c.model, c.parameters,
       c.val_loss AS loss, coalesce((SELECT value FROM metric WHERE id = j.value ->> 2), 9e999) AS loss_before, c.step,
       c.steps_excl, c.steps_incl, c.tokens_excl, c.tokens_incl, c.flops_excl, c.flops_incl, c.seconds_excl, c.seconds_incl
FROM experiment e
JOIN arm a ON a.experiment = e.id
JOIN run r ON r.arm = a.id
CROSS JOIN json_each((
    SELECT json_group_array(json_array(step, number, before))
    FROM (SELECT step, number, lag(id) OVER (ORDER BY step, number) AS before
          FROM (SELECT m.id, m.step, s.number, m.value,
                       min(m.value) OVER (ORDER BY m.step, s.number
                                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS best_before
                FROM metric m JOIN stage s ON s.id = m.stage
                WHERE m.run = r.id AND m.name = 'val_loss' AND m.superseded = 0 AND m.value IS NOT NULL)
          WHERE best_before IS NULL OR value < best_before))) j
CROSS JOIN scaling_curve c ON c.run = r.id AND c.step = j.value ->> 0 AND c.stage = j.value ->> 1;

DROP VIEW lineage;
CREATE VIEW lineage AS
SELECT k.id AS checkpoint, j.value ->> 1 AS distance, c.id AS ancestor, l.parent AS ancestor_parent, l.growth_event,
       g.from_model, g.to_model, g.probe_loss_before, g.probe_loss_after, g.probe_max_abs_delta_logit,
       e.id AS experiment_id, e.name AS experiment, a.name AS arm, r.seed, c.run, s.number AS stage, s.model,
       s.parameters, c.step, c.tokens, c.flops, c.seconds,
       c.step + coalesce(o.steps, 0) AS steps_incl, c.tokens + coalesce(o.tokens, 0) AS tokens_incl,
       c.flops + coalesce(o.flops, 0.0) AS flops_incl, c.seconds + coalesce(o.seconds, 0.0) AS seconds_incl,
       c.val_loss, c.reason, c.path, c.hash, c.deleted, c.superseded
FROM checkpoint k
CROSS JOIN json_each((
    WITH RECURSIVE up (id, distance) AS (
        SELECT k.id, 0
        UNION
        SELECT l.parent, up.distance + 1 FROM up JOIN lineage_edge l ON l.child = up.id AND l.parent < l.child)
    SELECT json_group_array(json_array(id, distance)) FROM up)) j
JOIN checkpoint c ON c.id = j.value ->> 0
JOIN stage s ON s.id = c.stage
JOIN run r ON r.id = c.run
JOIN arm a ON a.id = r.arm
JOIN experiment e ON e.id = a.experiment
LEFT JOIN run_ancestors o ON o.run = c.run
LEFT JOIN lineage_edge l ON l.child = c.id
LEFT JOIN growth_event g ON g.id = l.growth_event;

-- Rows that a resume stepped back before are found by their run, too, without a look at all others.
CREATE INDEX metric_superseded ON metric (run) WHERE superseded <> 0;
CREATE INDEX slice_metric_superseded ON slice_metric (run) WHERE superseded <> 0;

-- A scaling law that was fitted and saved, with all that a forecast by it takes.
CREATE TABLE fit (
    id           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE,
    experiment   INTEGER REFERENCES experiment (id) ON DELETE SET NULL, -- NULL: its points are of several, or of a file
    source       TEXT NOT NULL,                                         -- the experiments or the file, as they were named
    form         TEXT NOT NULL,
    delta        REAL NOT NULL,    -- of Huber's loss
    seed         INTEGER NOT NULL, -- of the bootstrap
    points       INTEGER NOT NULL,
    objective    REAL,             -- the sum of Huber losses
    flops_fixed  REAL,             -- a token costs flops_fixed + flops_per_parameter * N; NULL: not measured, or no such law
    flops_per_parameter REAL,
    ranges       TEXT NOT NULL CHECK (json_valid(ranges)),
    coefficients TEXT NOT NULL CHECK (json_valid(coefficients)),
    replicates   TEXT NOT NULL CHECK (json_valid(replicates)),
    created      TEXT NOT NULL
);

-- What a fit expected of a run before it began.
CREATE TABLE forecast (
    run     INTEGER NOT NULL REFERENCES run (id),
    fit     INTEGER NOT NULL REFERENCES fit (id),
    loss    REAL NOT NULL,
    low     REAL, -- ends of the 95% interval; NULL: not known
    high    REAL,
    created TEXT NOT NULL,
    PRIMARY KEY (run, fit)
) WITHOUT ROWID;

-- Forecasts beside what came out; val_loss is NULL until the run is done.
CREATE VIEW forecast_score AS
SELECT e.id AS experiment_id, e.name AS experiment, a.name AS arm, r.seed, r.id AS run, f.name AS fit, f.form,
       c.loss AS forecast, c.low, c.high, p.val_loss, p.val_loss - c.loss AS miss,
       p.val_loss BETWEEN c.low AND c.high AS inside, p.decayed, c.created, r.started
FROM forecast c
JOIN fit f ON f.id = c.fit
JOIN run r ON r.id = c.run
JOIN arm a ON a.id = r.arm
JOIN experiment e ON e.id = a.experiment
LEFT JOIN endpoint p ON p.run = r.id AND p.final;

-- What was claimed of an experiment, and what came of it.
CREATE TABLE claim (
    id         INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    text       TEXT NOT NULL,
    verdict    TEXT NOT NULL CHECK (verdict IN ('supported', 'refuted', 'undecided', 'refused')),
    evidence   TEXT NOT NULL CHECK (json_valid(evidence)),
    created    TEXT NOT NULL
);

-- Experiments that people have removed. Their ids and those of their runs and checkpoints are not given again.
CREATE TABLE removed (
    experiment      INTEGER PRIMARY KEY,
    name            TEXT NOT NULL,
    runs            INTEGER NOT NULL,
    last_run        INTEGER NOT NULL, -- the highest ids that there were
    last_checkpoint INTEGER NOT NULL,
    removed         TEXT NOT NULL -- when
);

-- The tables and views of a tfx database in version 1; schema_2.sql has what version 2 changes. Every table,
-- view and column is explained in docs/database.md, with a query for each question people ask.
--
-- Rules that hold everywhere: ids are never reused for something else; times are UTC text
-- (ISO 8601); a number that is not finite is NULL; rows are never deleted. A row that a
-- resume from an older checkpoint made obsolete has superseded = 1 and does not count.

CREATE TABLE spec (
    hash TEXT PRIMARY KEY, -- XXH3-128 of text
    text TEXT NOT NULL
);

CREATE TABLE environment (
    id           INTEGER PRIMARY KEY,
    tfx_version  TEXT NOT NULL,
    abi_version  TEXT NOT NULL,
    git_commit   TEXT,
    host         TEXT NOT NULL,
    os           TEXT NOT NULL,
    cpu          TEXT NOT NULL,
    n_cores      INTEGER NOT NULL,
    memory_bytes INTEGER NOT NULL,
    backend      TEXT NOT NULL,
    libraries    TEXT CHECK (libraries IS NULL OR json_valid(libraries))
);

CREATE TABLE plugin (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL,
    version TEXT NOT NULL,
    abi     TEXT NOT NULL,
    path    TEXT NOT NULL,
    hash    TEXT NOT NULL, -- of the file
    UNIQUE (name, version, abi, path, hash)
);

CREATE TABLE experiment (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL, -- not unique: every call of `tfx run` on new text is a row
    description TEXT,
    spec_path   TEXT,
    profile     TEXT,
    spec        TEXT NOT NULL REFERENCES spec (hash),
    created     TEXT NOT NULL
);
CREATE INDEX experiment_name ON experiment (name);

CREATE TABLE arm (
    id         INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES experiment (id),
    name       TEXT NOT NULL,
    model      TEXT NOT NULL,
    scaling    TEXT,
    train      TEXT CHECK (train IS NULL OR json_valid(train)),
    UNIQUE (experiment, name)
);

CREATE TABLE run (
    id          INTEGER PRIMARY KEY,
    arm         INTEGER NOT NULL REFERENCES arm (id),
    seed        INTEGER NOT NULL,
    status      TEXT NOT NULL DEFAULT 'planned'
                CHECK (status IN ('planned', 'running', 'done', 'interrupted', 'failed')),
    detail      TEXT, -- why it failed
    directory   TEXT,
    environment INTEGER REFERENCES environment (id),
    host        TEXT,
    pid         INTEGER,
    created     TEXT NOT NULL,
    started     TEXT,
    ended       TEXT,
    UNIQUE (arm, seed)
);

CREATE TABLE run_plugin (
    run    INTEGER NOT NULL REFERENCES run (id),
    plugin INTEGER NOT NULL REFERENCES plugin (id),
    PRIMARY KEY (run, plugin)
) WITHOUT ROWID;

CREATE TABLE stage (
    id                 INTEGER PRIMARY KEY,
    run                INTEGER NOT NULL REFERENCES run (id),
    number             INTEGER NOT NULL CHECK (number >= 0),
    model              TEXT NOT NULL,
    parameters         INTEGER NOT NULL,
    flops_per_token    REAL NOT NULL,
    first_step         INTEGER NOT NULL,
    planned_steps      INTEGER NOT NULL,
    steps              INTEGER, -- NULL while it runs
    planned_peak_bytes INTEGER,
    peak_rss_bytes     INTEGER,
    parent_checkpoint  INTEGER REFERENCES checkpoint (id),
    started            TEXT NOT NULL,
    ended              TEXT,
    superseded         INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX stage_live ON stage (run, number) WHERE superseded = 0;
CREATE INDEX stage_run ON stage (run);

-- The big one: several rows per logged step. The index holds only rows that count, so two
-- values of one metric at one place cannot both count.
CREATE TABLE metric (
    id         INTEGER PRIMARY KEY,
    run        INTEGER NOT NULL REFERENCES run (id),
    stage      INTEGER NOT NULL REFERENCES stage (id),
    name       TEXT NOT NULL,
    step       INTEGER NOT NULL,
    tokens     INTEGER NOT NULL,
    flops      REAL NOT NULL,
    seconds    REAL NOT NULL,
    value      REAL,
    superseded INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX metric_live ON metric (run, name, step, stage) WHERE superseded = 0;

-- The newest row of each metric of each run, so that listing runs never reads metric.
CREATE TABLE metric_latest (
    run     INTEGER NOT NULL REFERENCES run (id),
    name    TEXT NOT NULL,
    stage   INTEGER NOT NULL REFERENCES stage (id),
    step    INTEGER NOT NULL,
    tokens  INTEGER NOT NULL,
    flops   REAL NOT NULL,
    seconds REAL NOT NULL,
    value   REAL,
    PRIMARY KEY (run, name)
) WITHOUT ROWID;

CREATE TABLE checkpoint (
    id             INTEGER PRIMARY KEY,
    run            INTEGER NOT NULL REFERENCES run (id),
    stage          INTEGER NOT NULL REFERENCES stage (id),
    step           INTEGER NOT NULL,
    tokens         INTEGER NOT NULL,
    flops          REAL NOT NULL,
    seconds        REAL NOT NULL,
    ancestor_flops REAL NOT NULL DEFAULT 0,
    path           TEXT NOT NULL, -- folder, relative to the database's folder
    hash           TEXT NOT NULL, -- of model.safetensors
    bytes          INTEGER NOT NULL,
    val_loss       REAL,
    parent         INTEGER REFERENCES checkpoint (id),
    reason         TEXT NOT NULL
                   CHECK (reason IN ('periodic', 'stage_end', 'grown', 'interrupted', 'final')),
    created        TEXT NOT NULL,
    deleted        TEXT, -- when its files were removed
    superseded     INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX checkpoint_run ON checkpoint (run, step);
CREATE INDEX checkpoint_path ON checkpoint (path);

CREATE TABLE growth_event (
    id                        INTEGER PRIMARY KEY,
    run                       INTEGER NOT NULL REFERENCES run (id),
    from_checkpoint           INTEGER NOT NULL REFERENCES checkpoint (id),
    to_checkpoint             INTEGER NOT NULL REFERENCES checkpoint (id),
    step                      INTEGER NOT NULL,
    from_model                TEXT NOT NULL,
    to_model                  TEXT NOT NULL,
    policy                    TEXT NOT NULL,
    parameters_before         INTEGER NOT NULL,
    parameters_after          INTEGER NOT NULL,
    carried_parameters        INTEGER NOT NULL,
    parameter_changes         TEXT CHECK (parameter_changes IS NULL OR json_valid(parameter_changes)),
    probe_loss_before         REAL,
    probe_loss_after          REAL,
    probe_max_abs_delta_logit REAL,
    seconds                   REAL,
    created                   TEXT NOT NULL,
    superseded                INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX growth_event_run ON growth_event (run);

-- A checkpoint is always recorded after its parent, so edges cannot form a loop.
CREATE TABLE lineage_edge (
    child        INTEGER NOT NULL REFERENCES checkpoint (id),
    parent       INTEGER NOT NULL REFERENCES checkpoint (id),
    growth_event INTEGER REFERENCES growth_event (id), -- NULL: training
    PRIMARY KEY (child, parent),
    CHECK (child > parent)
) WITHOUT ROWID;
CREATE INDEX lineage_edge_parent ON lineage_edge (parent);

-- What ancestors in other runs spent before a run began: a run that started from another
-- run's checkpoint, which may itself have started from another one's, and so on.
CREATE VIEW run_ancestors AS
WITH RECURSIVE above (run, checkpoint, ancestor_run, steps, tokens, flops, seconds) AS (
    SELECT s.run, c.id, c.run, c.step, c.tokens, c.flops, c.seconds
    FROM stage s JOIN checkpoint c ON c.id = s.parent_checkpoint AND c.run <> s.run
    WHERE s.number = 0 AND s.superseded = 0
    UNION ALL
    SELECT a.run, c.id, c.run, c.step, c.tokens, c.flops, c.seconds
    FROM above a
    JOIN stage s ON s.run = a.ancestor_run AND s.number = 0 AND s.superseded = 0
    JOIN checkpoint c ON c.id = s.parent_checkpoint AND c.run <> s.run)
SELECT run, count(*) AS runs, sum(steps) AS steps, sum(tokens) AS tokens, sum(flops) AS flops,
       sum(seconds) AS seconds
FROM above GROUP BY run;

-- What a run had spent when each of its stages began. Checkpoints of step first_step are
-- those written on both sides of the growth event, at the same cost.
CREATE VIEW stage_start AS
SELECT s.id AS stage, s.run, s.number, s.first_step AS steps,
       coalesce((SELECT max(tokens) FROM checkpoint WHERE run = s.run AND step <= s.first_step
                                                          AND superseded = 0), 0) AS tokens,
       coalesce((SELECT max(flops) FROM checkpoint WHERE run = s.run AND step <= s.first_step
                                                         AND superseded = 0), 0.0) AS flops,
       coalesce((SELECT max(seconds) FROM checkpoint WHERE run = s.run AND step <= s.first_step
                                                           AND superseded = 0), 0.0) AS seconds
FROM stage s WHERE s.superseded = 0;

-- One row per evaluation of each run. *_excl: spent in this stage alone; *_incl: spent by
-- everything that this model descends from.
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
JOIN metric m ON m.run = r.id AND m.name = 'val_loss' AND m.superseded = 0
JOIN stage s ON s.id = m.stage
JOIN stage_start b ON b.stage = s.id
LEFT JOIN run_ancestors o ON o.run = r.id;

-- One row per run, as in the table at the end of `tfx run`. Reads metric_latest only.
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

-- One row per evaluation that beat all earlier ones of its run: the run reaches every loss
-- from `loss` up to (not including) `loss_before` here, at this cost. So "what did it cost
-- this run to reach L" is always at most one row: loss <= L AND L < loss_before.
CREATE VIEW cost_to_loss AS
SELECT experiment_id, experiment, arm, seed, run, stage, model, parameters,
       val_loss AS loss, coalesce(best_before, 9e999) AS loss_before, step,
       steps_excl, steps_incl, tokens_excl, tokens_incl, flops_excl, flops_incl, seconds_excl, seconds_incl
FROM (SELECT *, min(val_loss) OVER (PARTITION BY run ORDER BY step, stage
                                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS best_before
      FROM scaling_curve WHERE val_loss IS NOT NULL)
WHERE best_before IS NULL OR val_loss < best_before;

-- Every checkpoint with itself (distance 0) and each of its ancestors. growth_event is the
-- event that made `ancestor` out of the checkpoint before it, NULL when training did.
CREATE VIEW lineage AS
WITH RECURSIVE up (checkpoint, ancestor, distance) AS (
    SELECT id, id, 0 FROM checkpoint
    UNION
    SELECT up.checkpoint, l.parent, up.distance + 1 FROM up JOIN lineage_edge l ON l.child = up.ancestor)
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

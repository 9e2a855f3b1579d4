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

-- One row per stage that has ended and was evaluated at its end, of any run. Stages of earlier versions have their
-- learning rates from the metrics.
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
             coalesce(s.peak_lr, (SELECT max(p.value) FROM metric p WHERE p.run = r.id AND p.name = 'lr'
                                                      AND p.step <= m.step AND p.superseded = 0)) AS peak_lr,
             coalesce(s.last_lr, (SELECT p.value FROM metric p WHERE p.run = r.id AND p.name = 'lr'
                                                  AND p.step = m.step AND p.stage = s.id AND p.superseded = 0)) AS last_lr,
             s.data || ' ' || s.micro_batch || ' ' || s.context || ' ' || r.seed AS data_order,
             s.eval_tokens, s.eval_hash
      FROM experiment e
      JOIN arm a ON a.experiment = e.id
      JOIN run r ON r.arm = a.id
      JOIN stage s ON s.run = r.id AND s.superseded = 0 AND s.steps IS NOT NULL
      JOIN metric m ON m.run = r.id AND m.name = 'val_loss' AND m.step = s.first_step + s.steps AND m.stage = s.id
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

-- With tags.
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
       r.created, r.started, r.ended, r.detail,
       (SELECT group_concat(key || '=' || value, ', ') FROM (SELECT key, value FROM run_tag WHERE run = r.id ORDER BY key))
           AS tags
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

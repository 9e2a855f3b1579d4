-- What version 5 changes. A stage has the learning rate that its schedule came from and the one that it ended with, so
-- that losses at the end of a schedule can be told from those in the middle of one.

ALTER TABLE stage ADD COLUMN peak_lr REAL; -- of the schedule it is in; NULL: no step, or recorded by an earlier version
ALTER TABLE stage ADD COLUMN last_lr REAL; -- of its last step

-- One row per stage that has ended and was evaluated at its end, of any run. Stages of earlier versions have their
-- learning rates from the metrics.
CREATE VIEW endpoint AS
SELECT experiment_id, experiment, arm, seed, run, stage, final, model, parameters, flops_per_token,
       steps_excl, steps_incl, tokens_excl, tokens_incl, flops_excl, flops_incl, seconds_excl, seconds_incl,
       val_loss, bits_per_byte, peak_lr, last_lr, last_lr <= 0.1 * peak_lr * (1 + 1e-9) AS decayed
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
                                                  AND p.step = m.step AND p.stage = s.id AND p.superseded = 0)) AS last_lr
      FROM experiment e
      JOIN arm a ON a.experiment = e.id
      JOIN run r ON r.arm = a.id
      JOIN stage s ON s.run = r.id AND s.superseded = 0 AND s.steps IS NOT NULL
      JOIN metric m ON m.run = r.id AND m.name = 'val_loss' AND m.step = s.first_step + s.steps AND m.stage = s.id
                       AND m.superseded = 0
      JOIN stage_start b ON b.stage = s.id
      LEFT JOIN run_ancestors o ON o.run = r.id);

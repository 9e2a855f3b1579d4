-- What version 4 changes. A growth event has what was claimed of it by argument, beside what the probe measured, and
-- why its policy wanted it. What happens to old and new slices after growth is measured.

-- 1: it keeps the function; 0: that could not be shown; NULL: recorded by an earlier version
ALTER TABLE growth_event ADD COLUMN keeps_function INTEGER;
ALTER TABLE growth_event ADD COLUMN argument TEXT; -- for that, or why there is none
ALTER TABLE growth_event ADD COLUMN reason TEXT; -- as the policy says; NULL: the stage had all its steps

-- One parameter at one measured step of a stage that began with growth: its old slices, or its new ones.
CREATE TABLE slice_metric (
    id            INTEGER PRIMARY KEY,
    run           INTEGER NOT NULL REFERENCES run (id),
    stage         INTEGER NOT NULL REFERENCES stage (id),
    step          INTEGER NOT NULL, -- optimizer steps done in the run
    parameter     TEXT NOT NULL,    -- its path
    part          TEXT NOT NULL CHECK (part IN ('old', 'new')),
    elements      INTEGER NOT NULL,
    gradient_norm REAL,             -- before clipping
    update_norm   REAL,             -- of the new parameter less the old one
    weight_norm   REAL,             -- before the update
    slots         INTEGER,          -- NULL: no slots that add to an output; then these, too:
    energy_share  REAL,             -- of the output's energy
    dead_slots    INTEGER,
    superseded    INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX slice_metric_place ON slice_metric (run, step, parameter, part) WHERE superseded = 0;

-- The same with names, and the step counted from the growth event.
CREATE VIEW slice_curve AS
SELECT e.id AS experiment_id, e.name AS experiment, a.name AS arm, r.seed, r.id AS run,
       s.number AS stage, s.model, m.step, m.step - s.first_step AS steps_since_growth, m.parameter, m.part, m.elements,
       m.gradient_norm, m.update_norm, m.weight_norm, m.update_norm / nullif(m.weight_norm, 0) AS update_ratio,
       m.slots, m.energy_share, m.dead_slots
FROM slice_metric m
JOIN stage s ON s.id = m.stage
JOIN run r ON r.id = m.run
JOIN arm a ON a.id = r.arm
JOIN experiment e ON e.id = a.experiment
WHERE m.superseded = 0;

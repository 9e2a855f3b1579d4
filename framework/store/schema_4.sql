-- What version 4 changes. A growth event has what was claimed of it by argument, beside what the probe measured, and
-- why its policy wanted it.

-- 1: it keeps the function; 0: that could not be shown; NULL: recorded by an earlier version
ALTER TABLE growth_event ADD COLUMN keeps_function INTEGER;
ALTER TABLE growth_event ADD COLUMN argument TEXT; -- for that, or why there is none
ALTER TABLE growth_event ADD COLUMN reason TEXT; -- as the policy says; NULL: the stage had all its steps

-- What version 6 adds: from which search an arm has its learning rate, so that a number that is the same by chance is not taken for one
-- that was searched for.

ALTER TABLE arm ADD COLUMN lr_search TEXT; -- the reference that its train.lr is: "best:search.small.train.lr"; NULL: none, or
                                           -- recorded by an earlier version
ALTER TABLE spec_reference ADD COLUMN source_model TEXT; -- the model that source_arm begins with; NULL: it was removed before
                                                         -- version 6
UPDATE spec_reference SET source_model = (SELECT a.model FROM arm a
    WHERE a.experiment = spec_reference.source_experiment AND a.name = spec_reference.source_arm);

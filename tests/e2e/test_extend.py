#!/usr/bin/env python3
"""`tfx run --extend`: an experiment that gets more seeds, arms and points of a sweep. What was executed stays, what is
added comes to the bits that it would have come to from the start, and a spec that says something else changes nothing."""
import contextlib
import fcntl
import sqlite3

from harness import *

FIRST = TINY.replace("seeds = 1, 2", "seeds = 2").replace("steps = 12", "steps = 4") + """
[sweep lr]
arms = transformer
train.lr = 1e-3, 3e-3
"""
LONGER = FIRST.replace("seeds = 2", "seeds = 1, 2").replace("train.lr = 1e-3, 3e-3", "train.lr = 3e-3, 1e-3, 9e-3") + """
[arm tail]
model = transformer
start = arm:transformer[lr=3e-3]@end
train.steps = 2
"""


def rows(f):
    """Everything that is recorded."""
    names = [name for (name,) in f.sql("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
    return {name: f.sql(f"SELECT * FROM {name}") for name in names}


def runs(f):
    return f.sql("SELECT a.name, r.seed, r.status FROM run r JOIN arm a ON a.id = r.arm ORDER BY 1, 2")


def ids(f):
    return {(arm, seed): run for run, arm, seed in f.sql("SELECT r.id, a.name, r.seed FROM run r JOIN arm a ON a.id = r.arm")}


def test_longer():
    with folder(FIRST) as f, folder(LONGER) as at_once:
        f.tfx("run", "tiny.ini")
        first = ids(f)
        before = f.sql("SELECT * FROM run ORDER BY id"), f.sql("SELECT * FROM metric ORDER BY id")
        (f.path / "tiny.ini").write_text(LONGER)
        # The new arm has another length: steps are not what all arms have in common any more.
        message(f.tfx("run", "tiny.ini", "--resume", status=2), "other settings", "--extend")
        p = f.start("run", "tiny.ini", "--extend", "--arm", "grown", "--seed", 1, env=crashing(20))
        p.communicate()
        expect(p.returncode != 0, "it was killed", p.returncode)
        same(f.one("SELECT count(*) FROM experiment"), 1, "experiments")
        same(len(runs(f)), 10, "all runs are recorded")
        f.tfx("run", "tiny.ini", "--resume")
        same({status for *_, status in runs(f)}, {"done"}, "what became of them")
        after = ids(f)
        for run in first:
            same(after[run], first[run], f"the id of {run}")
        expect(all(row in f.sql("SELECT * FROM run ORDER BY id") for row in before[0]), "rows of runs stay")
        expect(set(before[1]) <= set(f.sql("SELECT * FROM metric")), "so do metrics")
        same(f.one("SELECT count(*) FROM spec"), 1, "specs that something stands on")
        tidy(f)
        whole(f)
        at_once.tfx("run", "tiny.ini")
        expected = ids(at_once)
        same(sorted(after), sorted(expected), "runs")
        for run in expected:
            same_outcome(outcome(f, after[run]), outcome(at_once, expected[run]), f"{run}")
        best = [[(g["best"]["arm"], g["best"]["val_loss"], g["points"]) for g in x.json("best", "tiny")] for x in (f, at_once)]
        same(best[0], best[1], "the best of the wider sweep")
        # Nothing is left to add or to execute.
        recorded = rows(f)
        f.tfx("run", "tiny.ini", "--extend")
        same(rows(f), recorded, "once more")


def test_of_an_earlier_version():
    """A spec that was recorded before some key was there is the same spec: that key has its default."""
    with folder(FIRST) as f:
        f.tfx("run", "tiny.ini", "--arm", "grown")
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:
            c.execute("UPDATE spec SET text = replace(replace(text, 'compute = f32\n', ''), 'slice_every = 0\n', '')")
            c.commit()
        same(f.sql("SELECT count(*) FROM spec WHERE text LIKE '%compute = f32%' OR text LIKE '%slice_every = %'"), [(0,)], "as it was then")
        r = f.tfx("run", "tiny.ini", "--resume", "--set", "train.compute=bf16", status=2)
        expect("was run with other settings" in r.stderr, "another value than the default is another spec", r.stderr)
        f.tfx("run", "tiny.ini", "--resume")
        same({status for _, _, status in runs(f)}, {"done"}, "resumed")
        (f.path / "tiny.ini").write_text(LONGER)
        f.tfx("run", "tiny.ini", "--extend")
        same(f.sql("SELECT id FROM experiment"), [(1,)], "one experiment")
        same({status for _, _, status in runs(f)}, {"done"}, "extended")


def test_values_of_searches():
    final = FIRST[:FIRST.index("[arm ")].replace("name = tiny", "name = final") + """
[arm one]
model = transformer
train.lr = ${best:tiny.transformer.train.lr}
"""
    with folder(FIRST) as f:
        f.tfx("run", "tiny.ini")
        (f.path / "final.ini").write_text(final)
        f.tfx("run", "final.ini")
        taken = f.one("SELECT value FROM spec_reference")
        # The search is done again, and another rate is best.
        f.tfx("run", "tiny.ini", "--set", "sweep.lr.train.lr=1e-5, 2e-5")
        (f.path / "final.ini").write_text(final + "[arm two]\nmodel = ${best:tiny.transformer.model}\ntrain.lr = 1\n")
        f.tfx("run", "final.ini", "--extend")
        same(f.sql("SELECT experiment, expression, value, source_experiment FROM spec_reference ORDER BY expression"),
             [(2, "best:tiny.transformer.model", "transformer", 3), (2, "best:tiny.transformer.train.lr", taken, 1)],
             "values of then, and of now")
        same({status for *_, status in runs(f)}, {"done"}, "runs")


def test_interrupted_past_the_start():
    """A run that goes on leaves what it comes to, and nothing that it has passed."""
    with folder(FIRST) as f:
        args = "run", "tiny.ini", "--set", "train.checkpoint_every=1", "--set", "train.keep_checkpoints=1"
        step = resume = ()
        while not step or step[0][0] is None or step[0][0] < 2:  # a kill comes after about a step
            f.tfx(*args, "--arm", "transformer[lr=3e-3]", *resume, status=None, env=crashing(60))
            step, resume = f.sql("SELECT max(step) FROM checkpoint"), ("--resume",)
        expect(step[0][0] < 4, "it was killed in the middle", step)
        args += ("--extend",)
        recorded = rows(f)
        (f.path / "tiny.ini").write_text(FIRST + "[arm tail]\nmodel = transformer\nstart = arm:transformer[lr=3e-3]@step:1\n"
                                         "train.steps = 2\n")
        message(f.tfx(*args, status=2), "[arm tail]: run", "has left no checkpoint to start from there, and is past it")
        same(rows(f), recorded, "what is recorded")
        (f.path / "tiny.ini").write_text(LONGER)
        f.tfx(*args)
        same({status for *_, status in runs(f)}, {"done"}, "runs")


def test_refused():
    with folder(FIRST) as f:
        message(f.tfx("run", "tiny.ini", "--extend", status=2), "nothing to extend: there is no such database")
        f.tfx("run", "tiny.ini", "--seed", 2)
        recorded = rows(f)

        def refused(text, *words):
            (f.path / "tiny.ini").write_text(text)
            message(f.tfx("run", "tiny.ini", "--extend", status=2), *words)
            same(rows(f), recorded, "what is recorded")
        refused(LONGER.replace("lr = 3e-3\n", "lr = 2e-3\n"), "tiny.ini: [arm grown] train.lr: recorded 0.003, found 0.002")
        refused(LONGER.replace("n_blocks = 2", "n_blocks = 1"), "tiny.ini: [model transformer] n_blocks: recorded 2, found 1")
        refused(LONGER.replace("seeds = 1, 2", "seeds = 1, 3"), "tiny.ini: [experiment] seeds: recorded 2, found 1, 3")
        refused(LONGER.replace("1e-3, 9e-3", "9e-3"), "expected [arm transformer[lr=1e-3]], which was recorded; found none")
        refused(LONGER.replace("@end", "@step:3"), "[arm tail]: run", "arm transformer[lr=3e-3], seed 2",
                "has left no checkpoint to start from there, and is past it")
        refused(LONGER.replace("[model tokenformer_48]", "[model tokenformer_49]").replace("tokenformer_48", "tokenformer_49"),
                "expected [model tokenformer_48], which was recorded; found none")
        refused(LONGER.replace("name = tiny", "name = tinny"), "nothing to extend: experiment 'tinny' has not been run yet")
        # Models that nobody uses may come, go, and change.
        for unused in ("[model spare]\nextends = transformer\n", "[model spare]\nextends = transformer\nn_blocks = 1\n", ""):
            (f.path / "tiny.ini").write_text(FIRST + unused)
            f.tfx("run", "tiny.ini", "--extend", "--seed", 2)
        recorded = rows(f)
        (f.path / "tiny.ini").write_text(LONGER)
        message(f.tfx("run", "tiny.ini", "--extend", "--resume", status=2), "expected --extend or --resume, found both")
        message(f.tfx("run", "tiny.ini", "--extend", "--forecast", "x", status=2), "expected --forecast or --extend, found both")
        fd = os.open(f.path / f.one("SELECT directory FROM run WHERE id = 1"), os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_EX)
        message(f.tfx("run", "tiny.ini", "--extend", status=2), "run 1 (arm transformer[lr=1e-3], seed 2) is being executed")
        os.close(fd)
        same(rows(f), recorded, "what is recorded")
        f.tfx("run", "tiny.ini", "--extend")
        same({status for *_, status in runs(f)}, {"done"}, "runs")


main(globals())

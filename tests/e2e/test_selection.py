#!/usr/bin/env python3
"""Parts of an experiment: `tfx run --arm --seed` executes some runs, and the rest can follow in the same row."""
from harness import *

ALL = [("grown", 1), ("grown", 2), ("transformer", 1), ("transformer", 2)]


def runs(f, status=None, experiment=None):
    rows = f.sql("SELECT a.name, r.seed, r.status, a.experiment FROM run r JOIN arm a ON a.id = r.arm ORDER BY 1, 2")
    return [(arm, seed) for arm, seed, s, e in rows if status in (None, s) and experiment in (None, e)]


def experiments(f):
    return f.one("SELECT count(*) FROM experiment")


def test_parts_come_together():
    with folder() as f, folder() as whole_one:
        f.tfx("run", "tiny.ini", "--arm", "transformer", "--seed", 2)
        same((runs(f), runs(f, "done")), (ALL, [("transformer", 2)]), "all are recorded, one is executed")
        # A name that is given twice counts once.
        r = f.tfx("run", "tiny.ini", "--arm", "grown", "--arm", "grown", "--seed=1")
        same((experiments(f), runs(f, "done")), (1, [("grown", 1), ("transformer", 2)]), "the same experiment")
        same([line.split()[-1] for line in r.stdout.splitlines()[2:6]], ["planned", "done", "done", "planned"],
             "the table shows the whole experiment")
        f.tfx("run", "tiny.ini", "--resume", "--seed", 1)
        same(runs(f, "planned"), [("grown", 2)], "a resume of a part")
        f.tfx("run", "tiny.ini", "--resume")
        same((experiments(f), runs(f, "done")), (1, ALL), "and of the rest")
        tidy(f)
        whole_one.tfx("run", "tiny.ini")
        for run in range(1, 5):
            same_outcome(outcome(f, run), outcome(whole_one, run), f"run {run}, in parts and at once")

        f.tfx("run", "tiny.ini", "--arm", "transformer", "--seed", 2)
        same((experiments(f), runs(f, "done", 2)), (2, [("transformer", 2)]), "once more is another experiment")
        f.tfx("run", "tiny.ini", "--arm", "grown", "--seed", 2, "--set", "train.lr=1e-3")
        same((experiments(f), runs(f, "done", 3)), (3, [("grown", 2)]), "and so are other settings")


def test_side_by_side():
    with folder() as f:
        both = [f.start("run", "tiny.ini", "--arm", arm, stderr=subprocess.DEVNULL) for arm in ("transformer", "grown")]
        for p in both:
            p.communicate()
        same([p.returncode for p in both], [0, 0], "exit statuses")
        same((experiments(f), runs(f, "done")), (1, ALL), "one experiment")
        tidy(f)


def test_a_part_is_interrupted():
    with folder() as f:
        r = f.tfx("run", "tiny.ini", "--arm", "grown", "--seed", 1, env=crashing(40), status=3)
        expect("was killed by signal 9" in r.stderr, "the kill is told", r.stderr)
        same((runs(f, "failed"), len(runs(f, "planned"))), ([("grown", 1)], 3), "one has failed, three are planned")
        f.tfx("run", "tiny.ini", "--arm", "grown", "--seed", 1, "--resume")
        same((experiments(f), runs(f, "done")), (1, [("grown", 1)]), "only the part is resumed")


def test_a_run_is_executed_once():
    """Two commands may have found the same run planned; the second one comes too late."""
    with folder() as f:
        f.tfx("run", "tiny.ini", "--arm", "transformer", "--seed", 1)
        run = f.one("SELECT id FROM run WHERE status = 'done'")
        before = outcome(f, run)
        r = f.tfx("run", "--worker", run, "--db", "tfx.db", status=None)
        expect(r.returncode not in (0, 130) and "is done already" in r.stderr, "the second execution is refused", r.stderr)
        same_outcome(outcome(f, run), before, "the run")


def test_a_part_must_fit_alone():
    with folder() as f:
        huge = ("--set", "arm.grown.train.batch=100000000")
        message(f.tfx("run", "tiny.ini", *huge, status=2), "of memory")
        f.tfx("run", "tiny.ini", *huge, "--arm", "transformer", "--seed", 1)
        same(runs(f, "done"), [("transformer", 1)], "what is not selected need not fit")


def test_refused():
    with folder() as f:
        before = f.files()
        message(f.tfx("run", "tiny.ini", "--arm", "transfomer", status=2), "--arm", 'did you mean "transformer"?')
        message(f.tfx("run", "tiny.ini", "--arm", "", status=2), "--arm")
        for seed in ("3", "one", "1x", "", "99999999999999999999"):
            message(f.tfx("run", "tiny.ini", "--seed", seed, status=2), "--seed", "tiny.ini", "(1, 2)", f"'{seed}'")
        message(f.tfx("run", "tiny.ini", "--arm", status=2), "--arm needs a value")
        same(f.files(), before, "nothing is written")


main(globals())

#!/usr/bin/env python3
"""Growth by the curve of a larger model's run in the same database: at the step that an independent computation says,
and at the same step when the run is killed and the database has another curve meanwhile."""
from harness import *

HEAD = TINY[:TINY.index("[scaling grow]")].replace("seeds = 1, 2", "seeds = 1")
LARGE = HEAD.replace("name = tiny", "name = large") + """
[arm next]
model = tokenformer_32

[arm last]
model = tokenformer_48
"""
SPEC = HEAD + """
[scaling grow]
policy = returns
policy.models = tokenformer_32, tokenformer_48
policy.max_steps = 40, 4
policy.experiment = large
policy.arms = next, last
policy.half_life = 2
policy.patience = 2

[arm grown]
model = tokenformer_16
scaling = grow
"""
COMMON = ["--set", "train.eval_every=1", "--set", "train.log_every=1", "--set", "data.eval_tokens=512"]
SETTINGS = [*COMMON, "--set", "train.steps=40", "--set", "train.schedule=linear", "--set", "train.min_lr=0"]


def points(f, run, stage=None):
    """(step, FLOPs, loss) of a run's evaluations; of one stage those that the policy is asked about."""
    return f.sql("SELECT m.step, m.flops, m.value FROM metric m JOIN stage s ON s.id = m.stage WHERE m.run = ? AND "
                 "m.name = 'val_loss' AND m.superseded = 0 AND (? IS NULL OR (s.number = ? AND m.step > s.first_step)) "
                 "ORDER BY m.step, s.number", run, stage, stage)


def lines(points, half_life=2):
    """(step, loss, gain per FLOP, observations) by the line through the observations so far, from sums over all."""
    found = []
    for n in range(2, len(points) + 1):
        weights = [2 ** ((i - n + 1) / half_life) for i in range(n)]
        total = sum(weights)
        mx = sum(w * x for w, (_, x, _) in zip(weights, points)) / total
        my = sum(w * y for w, (_, _, y) in zip(weights, points)) / total
        xy = sum(w * (x - mx) * (y - my) for w, (_, x, y) in zip(weights, points))
        xx = sum(w * (x - mx) ** 2 for w, (_, x, _) in zip(weights, points))
        if xx > 0:
            found.append((points[n - 1][0], my + xy / xx * (points[n - 1][1] - mx), -xy / xx, n))
    return found


def larger_gain(curve, loss):
    """What the larger model gains where it first comes to that loss; None where its curve does not reach."""
    first = [line for i, line in enumerate(curve) if all(line[1] < before[1] for before in curve[:i])]
    if loss > first[0][1]:
        return None
    return next((gain for _, value, gain, _ in first if value <= loss), None)


def decisions(present, curve, half_life=2):
    """(step, gain, gain of the larger model, whether it says so) after each observation."""
    for step, loss, gain, n in lines(present, half_life):
        larger = larger_gain(curve, loss) if n >= 2 * half_life else None
        yield step, gain, larger, larger is not None and gain < larger


def growth_step(present, curve, patience=2, min_step=0):
    in_a_row = 0
    for step, gain, larger, so in decisions(present, curve):
        in_a_row = in_a_row + 1 if so else 0
        if in_a_row >= patience and step >= min_step:
            return step, gain, larger
    return None


def grown_at(f, run=3):
    return [step for (step,) in f.sql("SELECT step FROM growth_event WHERE run = ? AND superseded = 0 ORDER BY step", run)]


def reference(f, *more):
    (f.path / "large.ini").write_text(LARGE)
    f.tfx("run", "large.ini", *COMMON, "--set", "train.steps=60", *more)


def test_where_it_grows():
    with folder(SPEC) as f:
        reference(f)
        f.tfx("run", "tiny.ini", *SETTINGS)
        first = growth_step(points(f, 3, 0), lines(points(f, 1)))
        at = grown_at(f)
        expect(first and 6 < first[0] < 40, "the first stage ends by a decision, and not at once", (first, at))
        same(at[0], first[0], "the step of the first growth")
        second = growth_step(points(f, 3, 1), lines(points(f, 2)))
        same(at[1], second[0] if second else at[0] + 40, "the step of the second")
        said = f.tfx("show", 3, "--log").stdout
        expect(f"step {at[0]}  returns: the validation loss falls by {first[1]:.4g} per FLOP, and that of arm next of large fell "
               f"by {first[2]:.4g}" in said, "why it grew", said)
        expect("compared with run 1, arm next of experiment large" in said, "with what", said)
        later = first[0] + 3
        f.tfx("run", "tiny.ini", *SETTINGS, "--set", f"scaling.grow.policy.min_steps={later}")
        decided = growth_step(points(f, 4, 0), lines(points(f, 1)), min_step=later)
        same(grown_at(f, 4)[0], decided[0] if decided else 40, "not before min_steps")


def test_a_curve_that_does_not_reach():
    """A larger model that has learnt nothing says nothing about losses below its own."""
    with folder(SPEC) as f:
        reference(f, "--set", "train.lr=1e-6")
        f.tfx("run", "tiny.ini", *SETTINGS)
        same(grown_at(f), [40, 80], "it grows where the stages end")
        said = f.tfx("show", 3, "--log").stdout
        expect("returns: " not in said, "without a reason", said)


def test_killed_while_the_database_changes():
    """What was taken from the database stays with the run, to the bit."""
    settings = [*SETTINGS, "--set", "train.checkpoint_every=3"]
    with folder(SPEC) as f:
        reference(f)
        log = f.path / "log"
        f.tfx("run", "tiny.ini", *settings, env=preload({"CRASH_IN": "worker", "CRASH_LOG": str(log)}))
        right, decided = outcome(f, 3), grown_at(f)[0]
        expect(decided < 40, "it grows by a decision", decided)
        changes = [line.split(" ", 2) for line in log.read_text().splitlines()]
        named = next(int(n) for n, call, path in changes if call == "renameat2" and path.endswith("-stage_end"))
        first = next(int(n) for n, call, path in changes if call == "renameat2" and path.endswith("-periodic"))
    for at in ((first + named) // 2, named - 1, named + 2):
        with folder(SPEC) as f:
            reference(f)
            f.tfx("run", "tiny.ini", *settings, status=None, env=crashing(at))
            expect(f.one("SELECT status FROM run WHERE id = 3") != "done", f"the run ended at change {at}")
            # A newer experiment of the same name, of which the first model would be compared with another curve.
            reference(f, "--arm", "next", "--set", "train.lr=1e-6", "--set", "train.steps=10")
            f.tfx("run", "tiny.ini", *settings, "--resume")
            same_outcome(outcome(f, 3), right, f"killed at change {at}, {at - named} from the decision's checkpoint")


def test_extended():
    """An arm that is added to an experiment is compared with a curve, which must be there beforehand."""
    small = HEAD + "[arm small]\nmodel = tokenformer_16\n"
    settings = [*COMMON, "--set", "train.steps=16"]
    with folder(small) as f, folder(SPEC) as alone:
        f.tfx("run", "tiny.ini", *settings)
        (f.path / "tiny.ini").write_text(small + SPEC[len(HEAD):])
        tables = "experiment", "spec", "arm", "run"
        before = [f.sql(f"SELECT * FROM {table}") for table in tables]
        message(f.tfx("run", "tiny.ini", *settings, "--extend", status=2), "policy.experiment: database", "has no experiment 'large'")
        same([f.sql(f"SELECT * FROM {table}") for table in tables], before, "what is recorded")
        reference(f)
        f.tfx("run", "tiny.ini", *settings, "--extend")
        reference(alone)
        alone.tfx("run", "tiny.ini", *settings)
        same_outcome(outcome(f, 4), outcome(alone, 3), "the arm that was added")
        # What has grown keeps what it decided by; its experiment may get longer without it.
        f.tfx("rename", "large", "larger")
        (f.path / "tiny.ini").write_text(small + SPEC[len(HEAD):] + "[arm more]\nmodel = tokenformer_32\n")
        f.tfx("run", "tiny.ini", *settings, "--extend")
        same(f.sql("SELECT DISTINCT status FROM run"), [("done",)], "runs")


def test_refused():
    def refused(f, *words, settings=()):
        before = f.files()
        r = f.tfx("run", "tiny.ini", *SETTINGS, *[w for s in settings for w in ("--set", f"scaling.grow.{s}")], status=2)
        message(r, *words)
        same(f.files(), before, "nothing is written")
    with folder(SPEC) as f:
        refused(f, "policy.experiment: there is no database tfx.db with an experiment 'large'")
        plan = f.tfx("plan", "tiny.ini", *SETTINGS)
        expect("a run would stop here: " in plan.stderr and "there is no database" in plan.stderr, "a plan says so", plan.stderr)
        (f.path / "large.ini").write_text(LARGE)
        f.tfx("run", "large.ini", "--arm", "next", "--set", "train.steps=2", "--set", "train.lr=1e30", status=3)
        refused(f, "policy.arms: experiment 'large' of database", "has no finished run of arm 'next' yet")
        reference(f)
        refused(f, "policy.experiment: database", "has no experiment 'lage'; did you mean \"large\"?",
                settings=["policy.experiment=lage"])
        refused(f, "policy.arms: experiment 'large' of database", "has no arm 'nxt'; did you mean \"next\"?",
                settings=["policy.arms=nxt,last"])
        refused(f, "policy.arms: expected one for each of the 2 models; found 1", settings=["policy.arms=next"])
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c, c:
            c.execute("UPDATE metric SET superseded = 1 WHERE name = 'val_loss' AND step > 0 AND "
                      "run = (SELECT max(run.id) FROM run JOIN arm ON arm.id = run.arm WHERE name = 'next')")
        refused(f, "policy.arms: run ", "arm 'next', has 1 validation losses; expected 2 at least")
        refused(f, "policy.half_life: ", "stage 0 has 39 at most, evaluations", settings=["policy.patience=40"])


main(globals())

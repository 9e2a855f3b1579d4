#!/usr/bin/env python3
"""Growth that the loss decides: at the step that an independent computation says, and at the same step, to the same
bits, when the run is killed or interrupted before, at and after the decision."""
import math

from harness import *

SPEC = TINY[:TINY.index("[scaling grow]")].replace("seeds = 1, 2", "seeds = 1") + """
[scaling grow]
policy = plateau
policy.models = tokenformer_32, tokenformer_48
policy.max_steps = 20, 4
policy.half_life = 3
policy.patience = 2
policy.slope = 0

[arm grown]
model = tokenformer_16
scaling = grow
"""
SETTINGS = ["--set", "train.steps=30", "--set", "train.log_every=1", "--arm", "grown"]
NEVER = ["--set", "scaling.grow.policy.patience=5"]  # that often in a row no loss rises here


def losses(f, name, stage):
    """(step, ln FLOPs, loss) of what the policy is asked about: not of the evaluation that a stage begins with."""
    return [(step, math.log(flops), value) for step, flops, value in
            f.sql("SELECT m.step, m.flops, m.value FROM metric m JOIN stage s ON s.id = m.stage WHERE m.name = ? AND "
                  "m.superseded = 0 AND s.number = ? AND m.step > s.first_step ORDER BY m.step", name, stage)]


def slopes(points, half_life):
    """(step, -slope) after each observation, from the sums over all of them."""
    found = []
    for n in range(2, len(points) + 1):
        weights = [2 ** ((i - n + 1) / half_life) for i in range(n)]
        total = sum(weights)
        mx = sum(w * x for w, (_, x, _) in zip(weights, points)) / total
        my = sum(w * y for w, (_, _, y) in zip(weights, points)) / total
        xy = sum(w * (x - mx) * (y - my) for w, (_, x, y) in zip(weights, points))
        xx = sum(w * (x - mx) ** 2 for w, (_, x, _) in zip(weights, points))
        found.append((points[n - 1][0], -xy / xx, n))
    return found


def growth_step(points, limit, half_life=3, patience=2, min_step=0):
    """The step of the decision; None: it never comes."""
    below = 0
    for step, slope, n in slopes(points, half_life):
        below = below + 1 if n >= 2 * half_life and slope < limit else 0
        if below >= patience and step >= min_step:
            return step
    return None


def choose(points, wanted, half_life=3, patience=2):
    """A limit under which growth comes at about that step and which no slope is close to."""
    found = sorted(s for step, s, n in slopes(points, half_life) if n >= 2 * half_life)
    between = [(a + b) / 2 for a, b in zip(found, found[1:])]
    reached = [(abs(step - wanted), limit, step) for limit in between if (step := growth_step(points, limit))]
    expect(reached, "some limit leads to growth", found)
    return min(reached)[1:]


def grown_at(f):
    return [step for (step,) in f.sql("SELECT step FROM growth_event WHERE superseded = 0 ORDER BY step")]


def test_where_it_grows():
    for kind, every in (("train", 0), ("val", 1), ("val", 2)):
        settings = [*SETTINGS, "--set", f"train.eval_every={every}", "--set", f"scaling.grow.policy.loss={kind}"]
        with folder(SPEC) as f:
            f.tfx("run", "tiny.ini", *settings, *NEVER)
            same(grown_at(f), [30, 50], "without a decision it grows where the stages end")
            limit, expected = choose(losses(f, f"{kind}_loss", 0), 20)
        with folder(SPEC) as f:
            f.tfx("run", "tiny.ini", *settings, "--set", f"scaling.grow.policy.slope={limit!r}")
            at = grown_at(f)
            same(at[0], expected, f"the step of the first growth, {kind} loss, eval_every {every}")
            # The second model begins with no observations.
            second = growth_step(losses(f, f"{kind}_loss", 1), limit)
            if second == at[0] + 20:
                second = None  # its planned end, where nobody is asked
            same(at[1], second or at[0] + 20, "the step of the second")
            row = f.sql("SELECT 1 FROM metric WHERE name = 'train_loss' AND step = ?", at[0])
            expect(row, "the step at which it grows has a row")
            said = f.tfx("show", 1, "--log").stdout
            n, slope = next((n, slope) for step, slope, n in slopes(losses(f, f"{kind}_loss", 0), 3) if step == at[0])
            word = "training" if kind == "train" else "validation"
            reasons = [reason for (reason,) in f.sql("SELECT reason FROM growth_event ORDER BY step")]
            same([r is not None for r in reasons], [True, second is not None], "events that the policy has reasons for")
            expect(f"plateau: {reasons[0]}\n" in said, "the database says the same as the log", reasons)
            expect(reasons[0] in f.tfx("show", 1).stdout and f.json("show", 1)["growth_events"][0]["reason"] == reasons[0],
                   "and so does tfx show")
            expect(f"step {at[0]}  plateau: the {word} loss falls by {slope:.4g} per factor e of FLOPs, below {limit:.4g} at 2 "
                   in said, f"why it grew, after {n} observations", said)
        with folder(SPEC) as f:
            f.tfx("run", "tiny.ini", *settings, "--set", f"scaling.grow.policy.slope={limit!r}",
                  "--set", "scaling.grow.policy.min_steps=25", "--set", "scaling.grow.policy.max_steps=26, 4")
            same(grown_at(f)[0], growth_step(losses(f, f"{kind}_loss", 0), limit, min_step=25) or 30, "not before min_steps")


def test_one_schedule_over_all_stages():
    """A stage that ends early leaves more of the schedule to the others: no jump, and min_lr in the last step."""
    settings = [*SETTINGS, "--set", "scaling.grow.policy.slope=1e6", "--set", "scaling.grow.event.schedule=continue"]
    for schedule in ("linear", "cosine", "wsd"):
        with folder(SPEC) as f:
            f.tfx("run", "tiny.ini", *settings, "--set", f"train.schedule={schedule}", "--set", "train.decay_fraction=0.5",
                  "--set", "train.warmup=2", "--set", "train.min_lr=1e-4")
            same(grown_at(f), [7, 14], "growth as early as can be")
            lr = [value for (value,) in f.sql("SELECT value FROM metric WHERE name = 'lr' ORDER BY step")]
            same(len(lr), 18, "steps")
            expect(abs(lr[-1] - 1e-4) < 1e-12, f"{schedule}: the last step has min_lr", lr)
            falls = [a - b for a, b in zip(lr[1:], lr[2:])]
            expect(min(falls) >= 0 and lr[1] == max(lr), f"{schedule}: after the warm-up it only falls", lr)
            # One planned step of 54 is this much at most; stages go through 54 - 7 planned steps in 24 and the rest in 4.
            expect(max(falls[:6]) <= 2.9e-3 * 3 / 52, f"{schedule}: the first stage has the rates of the plan", lr)
            for first, last, left, steps in ((7, 14, 47, 24),):
                expect(max(falls[first:last - 2]) <= 2.9e-3 * 3.2 / 52 * left / steps, f"{schedule}: no jump at growth", lr)


def test_killed_around_the_decision():
    """A checkpoint at every other step, so that the state of the policy is kept at many moments."""
    settings = [*SETTINGS, "--set", "train.eval_every=3", "--set", "train.checkpoint_every=2",
                "--set", "scaling.grow.event.schedule=continue"]
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", *settings, *NEVER)
        limit, expected = choose(losses(f, "train_loss", 0), 18)
    settings += ["--set", f"scaling.grow.policy.slope={limit!r}"]
    with folder(SPEC) as f:
        log = f.path / "log"
        f.tfx("run", "tiny.ini", *settings, env=preload({"CRASH_IN": "worker", "CRASH_LOG": str(log)}))
        same(grown_at(f)[0], expected, "growth")
        right = outcome(f, 1)
        changes = [line.split(" ", 2) for line in log.read_text().splitlines()]
        named = next(int(n) for n, call, path in changes if call == "renameat2" and path.endswith("-stage_end"))
    moments = [(at, signal.SIGKILL) for at in (named // 2, named - 25, named - 9, named - 1, named, named + 2, named + 12)]
    moments += [(at, signal.SIGINT) for at in (named // 3, named - 14, named - 6)]
    for at, sig in moments:
        with folder(SPEC) as f:
            f.tfx("run", "tiny.ini", *settings, status=None, env=crashing(at, sig=sig))
            expect(f.one("SELECT status FROM run") != "done", f"the run ended at change {at}")
            f.tfx("run", "tiny.ini", *settings, "--resume")
            same_outcome(outcome(f, 1), right, f"{sig.name} at change {at}, {at - named} from the decision's checkpoint")


def test_what_a_plan_knows():
    """Stages that the policy may end are bounds; those of a policy that does not decide are not."""
    with folder(SPEC) as f:
        stages = f.json("plan", "tiny.ini", *SETTINGS[:-2])["arms"][0]["stages"]
        same([s["may_end_early"] for s in stages], [True, True, False], "stages that may end early")
        text = f.tfx("plan", "tiny.ini", *SETTINGS[:-2]).stdout
        for steps, bound in ((30, "<="), (20, "<="), (4, " ")):
            expect(f"{bound}{steps} " in text, f"{bound}{steps} steps", text)
        expect("<=: the policy may end the stage before" in text, "what that means", text)
    with folder() as f:
        plan = f.tfx("plan", "tiny.ini").stdout
        expect("<=" not in plan, "schedule ends no stage early", plan)


def test_no_evaluations():
    with folder(SPEC) as f:
        r = f.tfx("run", "tiny.ini", *SETTINGS, "--set", "train.eval_every=0", "--set", "scaling.grow.policy.loss=val", status=2)
        message(r, "expected train.eval_every above 0", "found 0")
        same(f.files(), ["tiny.ini", "train.txt", "val.txt"], "nothing is written")


def test_refused():
    for settings, words in ((["policy.max_steps=4"], ("policy.max_steps", "one entry for each of the 2 models; found 1")),
                            (["policy.min_steps=12"], ("policy.min_steps: expected at most 11, the last of the 12 steps of stage 0", "found 12")),
                            (["policy.min_steps=11", "policy.loss=val"],
                             ("policy.half_life: ", "7 observations", "1 more for patience", "stage 0 has 2 at most, evaluations of its 12 steps")),
                            (["policy.min_steps=11", "policy.loss=val", "policy.half_life=0.5", "policy.patience=1"],
                             ("policy.min_steps: expected at most 10,", "found 11")),
                            (["policy.patience=7"], ("policy.half_life: ", "12 observations", "stage 0 has 11 at most, all but the last of its 12")),
                            (["policy.half_life=0.5", "policy.patience=4", "policy.max_steps=4,20"],
                             ("policy.half_life: ", "5 observations", "stage 1 has 3 at most, all but the last of its 4")),
                            (["policy.patience=0"], ("patience", "integer, 1 to 1T")),
                            (["policy.loss=valid"], ("loss", "one of: train, val", "did you mean \"val\"?")),
                            (["operator.values=zero"], ("operator.values", "no gradient")),
                            (["policy.models="], ("policy.models", "at least one model"))):
        with folder(SPEC) as f:
            r = f.tfx("plan", "tiny.ini", *[w for s in settings for w in ("--set", f"scaling.grow.{s}")], status=2)
            message(r, *words)


main(globals())

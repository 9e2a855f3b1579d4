#!/usr/bin/env python3
"""Lengths in FLOPs: steps as an independent computation rounds them, sums that are right to half a step, and arms that
are trained from scratch for what others spend while they grow."""
from harness import *

BUDGET = TINY[:TINY.index("[scaling grow]")].replace("steps = 12\n", "").replace("seeds = 1, 2", "seeds = 1") + """
[scaling grow]
policy = budget
policy.models = tokenformer_32, tokenformer_48
policy.flops = 3e9
policy.fractions = 0.25, 0.35, 0.4

[arm grown]
model = tokenformer_16
scaling = grow

[arm scratch]
model = tokenformer_48
train.flops = 3e9
"""


def stages(f, *settings):
    plan = f.json("plan", "tiny.ini", *[x for s in settings for x in ("--set", s)])
    return {a["arm"]: a["stages"] for a in plan["arms"]}


def per_step(stage):
    return stage["flops_per_token"] * stage["batch"] * 32


def rounded(stages, flops):
    """Each to the nearest step of what it and the stages before it have not spent."""
    owed, steps = 0.0, []
    for stage, share in zip(stages, flops):
        n = int((share + owed) / per_step(stage) + 0.5)
        owed += share - n * per_step(stage)
        steps.append(n)
    return steps


def test_budget():
    """Each share to the nearest step, with what is left over by the shares before it."""
    moved = 0
    for written, fractions in (("3e9", (0.25, 0.35, 0.4)), ("2.9G", (1 / 3, 1 / 3, 1 / 3)), ("2.8e9", (0.6, 0.1, 0.3)),
                               ("5.15e9", (0.25, 0.35, 0.4)), ("1.1G", (0.2, 0.3, 0.5))):
        total = float(written.replace("G", "e9"))
        with folder(BUDGET) as f:
            found = stages(f, f"scaling.grow.policy.flops={written}", f"arm.scratch.train.flops={written}",
                           "scaling.grow.policy.fractions=" + ",".join(f"{x:.8f}" for x in fractions))
        grown, scratch = found["grown"], found["scratch"]
        steps = [s["steps"] for s in grown]
        same(steps, rounded(grown, [total * x for x in fractions]), f"steps of {written} in {fractions}")
        spent = sum(s["flops"] for s in grown)
        expect(abs(spent - total) <= per_step(grown[-1]) / 2, f"{written} in {fractions} is spent to half a step", spent)
        same(scratch[0]["steps"], rounded(scratch, [total])[0], "steps from scratch")
        moved += any(int(total * x / per_step(s) + 0.5) != n for x, s, n in zip(fractions, grown, steps))
    expect(moved, "somewhere a remainder makes a step more or less")


def test_what_a_run_spends():
    with folder(BUDGET) as f:
        planned = stages(f)["grown"]
        f.tfx("run", "tiny.ini", "--set", "scaling.grow.event.2.train.batch=6")
        batches = f.json("plan", "tiny.ini", "--set", "scaling.grow.event.2.train.batch=6")["arms"][0]["stages"]
        same([s["batch"] for s in batches], [4, 4, 6], "batches")
        for run, arm in ((1, "grown"), (2, "scratch")):
            same(f.one("SELECT status FROM run WHERE id = ?", run), "done", arm)
            spent = f.one("SELECT flops FROM metric_latest WHERE run = ? AND name = 'train_loss'", run)
            expect(abs(spent - 3e9) <= per_step(batches[-1] if run == 1 else planned[-1]) / 2, f"what {arm} has spent", spent)
        same([n for (n,) in f.sql("SELECT steps FROM stage WHERE run = 1 ORDER BY number")], [s["steps"] for s in batches],
             "steps of each stage")


def test_schedule_in_flops():
    """The first model takes what [train] says, in whatever unit."""
    spec = BUDGET.replace("policy = budget", "policy = schedule").replace("policy.fractions = 0.25, 0.35, 0.4\n", "")
    for train, first in (("flops=1e9", None), ("steps=7", 7), ("tokens=1281", 11)):
        with folder(spec) as f:
            grown = stages(f, "scaling.grow.policy.flops=1.2e9,2.05e9", f"train.{train}")["grown"]
        shares = [1e9 if first is None else first * per_step(grown[0]), 1.2e9, 2.05e9]
        same([s["steps"] for s in grown], rounded(grown, shares), f"steps with train.{train}")


def test_resolved():
    with folder(BUDGET) as f:
        resolved = f.tfx("plan", "tiny.ini", "--resolved").stdout
        expect("policy.flops = 3000000000\n" in resolved and "train.flops = 3000000000\n" in resolved, "what was written", resolved)
        expect("steps =" not in resolved and "tokens = 0" not in resolved, "what was not", resolved)
        (f.path / "again.ini").write_text(resolved)
        same(f.tfx("plan", "again.ini", "--resolved").stdout, resolved, "resolved twice")


def test_nothing_says_how_long():
    """Only a policy that says it for all stages makes [train] needless."""
    spec = BUDGET.replace("policy = budget", "policy = schedule").replace("policy.fractions = 0.25, 0.35, 0.4\n", "")
    with folder(spec) as f:
        r = f.tfx("plan", "tiny.ini", "--set", "scaling.grow.policy.flops=1e9,1e9", status=2)
        message(r, "tiny.ini:", "[arm grown]: train.steps: expected integer, 1 to 1T, or else train.tokens or train.flops",
                "how long stage 0 is; found none of them")


def test_another_arm():
    """As many FLOPs or tokens as another arm spends, what that started from included, and parts of it."""
    spec = BUDGET.replace("train.flops = 3e9", "train.flops = arm:grown") + """
[arm part]
model = tokenformer_16
train.tokens = 0.25 * arm:branch

[arm branch]
start = arm:trunk@step:6
train.steps = 5

[arm trunk]
model = transformer
train.steps = 8

[arm equal]
model = transformer
train.flops = arm:branch
"""
    with folder(spec) as f:
        plan = {a["arm"]: a for a in f.json("plan", "tiny.ini")["arms"]}
        steps = {name: [s["steps"] for s in a["stages"]] for name, a in plan.items()}
        same(steps["scratch"], rounded(plan["scratch"]["stages"], [plan["grown"]["flops"]]), "steps from scratch")
        same((steps["equal"], steps["part"]), ([11], [3]), "6 steps and 5; a quarter of their 1408 tokens")
        same(plan["scratch"]["budget"], {"flops": "arm:grown"}, "the plan says why")
        same(plan["part"]["budget"], {"tokens": "0.25 * arm:branch"}, "the plan says why")
        expect("budget" not in plan["trunk"], "an arm with a length of its own", plan["trunk"])
        text = f.tfx("plan", "tiny.ini").stdout
        expect("length: [arm part] trains for 352 tokens, 0.25 of what [arm branch] spends.\n" in text, "the plan", text)
        resolved = f.tfx("plan", "tiny.ini", "--resolved").stdout
        expect("train.tokens = 352\n" in resolved and "arm:trunk@step:6" in resolved and "= arm:grown" not in resolved,
               "what is stored has the numbers", resolved)
        f.tfx("run", "tiny.ini", "--arm", "part", "--arm", "scratch")
        same(f.sql("SELECT a.name, s.steps FROM stage s JOIN run r ON r.id = s.run JOIN arm a ON a.id = r.arm ORDER BY 1"),
             [("part", 3), ("scratch", *steps["scratch"])], "steps of the runs, without those that they are as long as")
        same(json.loads(f.one("SELECT train FROM arm WHERE name = 'part'"))["tokens"], "352", "the recorded setting")


def test_resumed_with_other_jobs():
    """How many threads a run gets is none of the spec's, also where that is written anew with the numbers of budgets."""
    with folder(BUDGET.replace("train.flops = 3e9", "train.flops = 0.1 * arm:grown")) as f:
        f.tfx("run", "tiny.ini", "--arm", "scratch", "--jobs", 2)
        f.tfx("run", "tiny.ini", "--resume")
        same(f.sql("SELECT x.id, count(*) FROM experiment x JOIN arm a ON a.experiment = x.id JOIN run r ON r.arm = a.id WHERE "
                   "r.status = 'done' GROUP BY x.id"), [(1, 2)], "one experiment")


def test_another_arm_refused():
    with folder(BUDGET) as f:
        for value, words in (("arm:growm", ['there is no [arm growm]', 'did you mean "grown"?']),
                             ("arm:scratch", ["[arm scratch] is as long as [arm scratch]"]),
                             ("1e-9 * arm:grown", ["[arm scratch]: flops: expected at least half of the"])):
            message(f.tfx("plan", "tiny.ini", "--set", f"arm.scratch.train.flops={value}", status=2),
                    "--set arm.scratch.train.flops", *words)


main(globals())

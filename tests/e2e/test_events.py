#!/usr/bin/env python3
"""What a growth event does besides growing: learning rates of old and new slices, settings of [train] that change, and
noise."""
import math

from harness import *

SPEC = TINY.replace("seeds = 1, 2", "seeds = 1").replace("policy.steps = 8, 8", "policy.steps = 1, 2")
SLOTS = 16  # old ones of block 0's query


def settings(*keys):
    return ["--arm", "grown", *(w for key in keys for w in ("--set", f"scaling.grow.{key}"))]


def weights(f, reason, nth=0):
    """Of the newest run."""
    path = f.sql("SELECT path FROM checkpoint WHERE run = (SELECT MAX(run) FROM checkpoint) AND reason = ? ORDER BY id",
                 reason)[nth][0]
    return {n: floats(t) for n, t in safetensors(f.path / path / "model.safetensors")[0].items()}


def grown(*keys):
    """Weights right after the first growth, and a step later."""
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", *settings(*keys))
        return weights(f, "grown"), weights(f, "stage_end", 1)


def moved(before, after, name, old):
    """By how much each element of the old, or the new, slots of a key or value moved."""
    width = 32
    cut = slice(0, SLOTS * width) if old else slice(SLOTS * width, None)
    return [b - a for a, b in zip(before[name][cut], after[name][cut])]


def test_frozen():
    key, norm = "blocks.0.mixer.q.key", "norm.weight"
    for which, old_moves, new_moves in (("lr_old", False, True), ("lr_new", True, False)):
        before, after = grown(f"event.{which}=0")
        same(any(moved(before, after, key, True)), old_moves, f"{which} = 0: old slots move")
        same(any(moved(before, after, key, False)), new_moves, f"{which} = 0: new slots move")
        same(before[norm] != after[norm], old_moves, f"{which} = 0: what does not grow moves")


def test_all_frozen():
    before, after = grown("event.lr_old=0", "event.lr_new=0")
    same(after, before, "nothing moves")


def test_factors():
    """Plain gradient descent from the same weights: steps are as long as the rates say."""
    plain = ["--set", "train.optimizer=sgd", "--set", "train.optimizer.momentum=0", "--set", "train.clip=0"]
    steps = {}
    for factors in ((1, 1), (0.5, 3)):
        with folder(SPEC) as f:
            f.tfx("run", "tiny.ini", *settings(f"event.lr_old={factors[0]}", f"event.lr_new={factors[1]}"), *plain)
            steps[factors] = weights(f, "grown"), weights(f, "stage_end", 1)
    same(steps[1, 1][0], steps[0.5, 3][0], "weights right after growth")
    for name in ("blocks.0.mixer.q.key", "blocks.1.mixer.o.key"):
        for old, factor in ((True, 0.5), (False, 3)):
            usual, changed = (moved(*steps[k], name, old) for k in ((1, 1), (0.5, 3)))
            expect(any(usual), f"{name} moves")
            # A weight has 24 bits, and a step is what is left between two of them.
            expect(all(abs(b - factor * a) < 1e-6 for a, b in zip(usual, changed)), f"{name} moves {factor} times as far",
                   max(abs(b - factor * a) for a, b in zip(usual, changed)))


def test_the_next_steps_are_those_of_the_small_model():
    """Growth that keeps the function, with what is new frozen: AdamW goes on as if nothing had happened. Only the clipping of
    gradients would see the new ones."""
    twin = SPEC.replace("[arm transformer]\nmodel = transformer", "[arm twin]\nmodel = tokenformer_16\ntrain.steps = 21") \
        + "[model deep]\nextends = tokenformer_16\nn_blocks = 4\n"
    fixed = ["--set", "train.clip=0", "--set", "train.schedule=constant", "--set", "train.warmup=0"]
    grow = [w for key in ("policy.steps=9", "event.lr_new=0", "event.schedule=continue") for w in ("--set", f"scaling.grow.{key}")]
    for more in (["operator=slots", "policy.models=tokenformer_48"],
                 ["operator=zero_blocks", "operator.place=between", "policy.models=deep"]):
        with folder(twin) as f:
            f.tfx("run", "tiny.ini", *fixed, *grow, *(w for key in more for w in ("--set", f"scaling.grow.{key}")))
            small, grown = ([x for (x,) in f.sql("SELECT value FROM metric JOIN run ON run.id = metric.run JOIN arm ON "
                                                 "arm.id = run.arm WHERE arm.name = ? AND metric.name = 'train_loss' "
                                                 "ORDER BY step", arm)] for arm in ("twin", "grown"))
            same((len(small), len(grown)), (21, 21), "steps")
            off = max(abs(a - b) for a, b in zip(small, grown))
            expect(off < 2e-5, f"{more}: losses are those of the twin that did not grow", off)
            expect(max(small[12:]) - min(small[12:]) > 1e-3, "they change from step to step", small[12:])


def test_training_changes():
    keys = ["event.train.batch=6", "event.2.train.batch=8", "event.2.train.lr=1e-4", "event.2.train.schedule=constant",
            "event.2.train.warmup=0"]
    follow = ("event.train.micro_batch = 6", "event.2.train.micro_batch = 8", "event.2.train.min_lr = 1e-05")
    with folder(SPEC) as f:
        plan = f.json("plan", "tiny.ini", *settings(*keys)[2:])
        f.tfx("run", "tiny.ini", *settings(*keys))
        tokens = [t for (t,) in f.sql("SELECT tokens FROM checkpoint WHERE reason = 'stage_end' OR reason = 'final' ORDER BY id")]
        same(tokens, [12 * 4 * 32, (12 * 4 + 6) * 32, (12 * 4 + 6 + 2 * 8) * 32], "tokens at the ends of stages")
        same(f.sql("SELECT value FROM metric WHERE name = 'lr' AND step > 13"), [(1e-4,), (1e-4,)], "learning rates")
        stages = [a for a in plan["arms"] if a["arm"] == "grown"][0]["stages"]
        same([s["batch"] for s in stages], [4, 6, 8], "batches of the plan")
        resolved = f.tfx("plan", "tiny.ini", *settings(*keys)[2:], "--resolved").stdout
        for line in ("event.2.train.lr = 0.0001", *follow):
            expect(f"\n{line}\n" in resolved, f"the resolved spec has {line}", resolved)


def test_noise():
    """Copied values get noise in proportion to what they are copies of, old ones in their places only when asked to."""
    deep = SPEC + "[model deep]\nextends = tokenformer_16\nn_blocks = 3\n"
    stack = ["operator=stack", "policy.models=deep", "policy.steps=1"]
    with folder(deep) as f:
        f.tfx("run", "tiny.ini", *settings(*stack, "event.noise=0.1"))
        old, new = weights(f, "stage_end"), weights(f, "grown")
        f.tfx("run", "tiny.ini", *settings(*stack, "event.noise_old=0.2"))
        all_old = weights(f, "grown")
    name = "ffn.value"
    same(new[f"blocks.1.{name}"], old[f"blocks.1.{name}"], "old blocks")
    same(new["blocks.2.ffn.tau"], old["blocks.0.ffn.tau"], "what is never trained")
    same(all_old[f"blocks.2.{name}"], old[f"blocks.0.{name}"], "copies, with noise for old values alone")
    for noisy, source, level in ((new[f"blocks.2.{name}"], old[f"blocks.0.{name}"], 0.1),
                                 (all_old[f"blocks.1.{name}"], old[f"blocks.1.{name}"], 0.2)):
        rms = math.sqrt(sum(x * x for x in source) / len(source))
        std = math.sqrt(sum((a - b) ** 2 for a, b in zip(noisy, source)) / len(source))
        expect(abs(std / rms / level - 1) < 0.1, f"noise of {level}", std / rms)


def test_killed_with_frozen_slots():
    """The places of slices are in the checkpoints: a resumed run freezes the same."""
    keys = settings("event.lr_old=0", "event.lr_new=2", "event.noise=0.01", "policy.steps=6, 6")
    more = ["--set", "train.checkpoint_every=2"]
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", *keys, *more)
        right = outcome(f, 2)
    for at in (30, 45, 60, 75, 90):
        with folder(SPEC) as f:
            r = f.tfx("run", "tiny.ini", *keys, *more, status=None, env=crashing(at))
            if r.returncode:
                f.tfx("run", "tiny.ini", *keys, *more, "--resume")
            same_outcome(outcome(f, 2), right, f"killed at change {at}")


def test_policy_that_says_how_stages_train():
    """What a policy says of a stage holds where the spec does not say it."""
    phases = {"TFX_PLUGIN_PATH": str(HELPERS)}
    keys = ["policy=phases", "policy.model=tokenformer_32"]
    for more, rates, batch in (([], [5e-3 / 3e1, 4e-3 / 3e1, 1e-4], 6),
                               (["event.train.batch=2", "event.train.lr=1e-3", "event.train.schedule=constant",
                                 "event.train.warmup=0"], [1e-3] * 3, 2)):
        with folder(SPEC) as f:
            f.tfx("run", "tiny.ini", *settings(*keys, *more), env=phases)
            found = [r for (r,) in f.sql("SELECT value FROM metric WHERE name = 'lr' AND step > 12 ORDER BY step")]
            expect(all(math.isclose(a, b, rel_tol=1e-5) for a, b in zip(found, rates, strict=True)), "rates", found)
            same(f.one("SELECT MAX(tokens) FROM checkpoint"), (12 * 4 + 3 * batch) * 32, "tokens")
            same(weights(f, "grown")["norm.weight"], weights(f, "final")["norm.weight"], "what is old is frozen")
    for wrong in ("batch", "lr", "min_lr", "schedule", "lr_old", "noise"):
        with folder(SPEC) as f:
            r = f.tfx("plan", "tiny.ini", *settings(*keys, f"policy.wrong={wrong}")[2:], status=None, env=phases)
            expect(r.returncode in (1, 2), f"wrong {wrong}: exit status", r.returncode)
            message(r, "bug in the plugin", "stage 1", wrong)


def test_refused():
    for keys, words in ((["event.train.optimizer=sgd"], ('unknown key "event.train.optimizer"', "cannot change train.optimizer")),
                        (["event.train.bach=4"], ("event.train.bach", 'did you mean "batch"?')),
                        (["event.lr_old=-1"], ("event.lr_old: expected number, 0 to",)),
                        (["event.noise=much"], ("event.noise: expected number",)),
                        (["event.schedule=continue", "event.2.train.lr=1e-4"],
                         ("growth event 2 continues the learning-rate schedule", "event.schedule = restart"))):
        with folder(SPEC) as f:
            message(f.tfx("plan", "tiny.ini", *settings(*keys)[2:], status=2), *words)
    with folder(SPEC) as f:
        message(f.tfx("plan", "tiny.ini", "--set", "train.micro_batch=4", *settings("event.train.batch=6")[2:], status=2),
                "micro_batch: expected a divisor of batch (6); found 4")


main(globals())

#!/usr/bin/env python3
"""muP: initial weights and first steps against the table of the paper, computed here from the shapes alone; that growth
derives them anew; and `tfx check-mup`, on a parametrization that is right and on one that is not."""
import math

from harness import *

LR = 3e-3
MODELS = """
[model base]
n_blocks = 2
dim = 16
context = 32
vocab = 256
blocks = block_prenorm
blocks.mixer = attention
blocks.mixer.heads = 2
blocks.ffn = mlp
head = linear
embedding.init_std = 1
blocks.mixer.{q,k,v,o}.init_std = fan_in
blocks.ffn.{up,down}.init_std = fan_in

[model wide]
extends = base
n_blocks = 3
dim = 64
blocks.mixer.heads = 8

[model middle]
extends = base
dim = 32
blocks.mixer.heads = 4

[model large]
extends = base
dim = 64
blocks.mixer.heads = 8
"""
HEAD = TINY[:TINY.index("[model transformer]")].replace("seeds = 1, 2", "seeds = 1")
SPEC = HEAD + MODELS + """
[arm wide]
model = wide
"""
MUP = ["--set", "train.parametrization=mup", "--set", "train.mup_base=base"]
# One step, whose length is nothing but lr and the gradient's direction.
STEP = ["--set", "train.steps=1", "--set", "train.schedule=constant", "--set", "train.warmup=0", "--set", "train.clip=0",
        "--set", "train.eval_every=0", "--set", "train.checkpoint_every=0", "--set", "train.optimizer.weight_decay=0"]
STILL = [*STEP, "--set", "train.lr=1e-30", "--set", "train.min_lr=0"]


def weights(f, *settings, reason="final"):
    f.tfx("run", "tiny.ini", *settings, "--db", "one.db")
    path = f.one("SELECT path FROM checkpoint WHERE reason = ? ORDER BY id DESC LIMIT 1", reason, db="one.db")
    found = {n: floats(t) for n, t in safetensors(f.path / path / "model.safetensors")[0].items()}
    (f.path / "one.db").unlink()
    return found


def by_paper(name, optimizer):
    """What the initial weights and the learning rate are multiplied by at 4 times the width (Yang et al. 2022, tables 3 and 8)."""
    adam = optimizer == "adamw"
    if name == "embedding.weight" or ".norm" in name or name.startswith("norm."):
        return 1, 1 if adam else 4
    if name == "head.weight":
        return 1 / 4, 1 / 4
    return 1 / 2, 1 / 4 if adam else 1


def median(values):
    return sorted(values)[len(values) // 2]


def test_initial_weights():
    """What the layer asks for at the base's width counts, also where it asks for less at a larger one."""
    fixed = "\n".join(l for l in SPEC.split("\n") if "fan_in" not in l)
    for spec, follows in ((fixed, False), (SPEC, True)):
        with folder(spec) as f:
            plain, found = weights(f, *STILL), weights(f, *STILL, *MUP)
            shown = {f"{p['layer']}.{p['parameter']}": p for p in f.json("plan", "tiny.ini", "--init", *MUP)["models"][0]["parameters"]}
            same(sorted(plain), sorted(found), "parameters")
            for name, values in found.items():
                factor, lr = by_paper(name, "adamw")
                factor = 1 if follows and factor == 1 / 2 else factor
                worst = max(abs(a - factor * b) for a, b in zip(values, plain[name]))
                expect(worst <= 1e-6 * max(map(abs, plain[name])) + 1e-29, f"{name} times {factor}", worst)
                same(shown[name]["lr"], lr, f"lr of {name} in the plan")


def test_first_step():
    with folder(SPEC) as f:
        for optimizer, lr in (("adamw", LR), ("sgd", 1)):
            settings = [*MUP, "--set", f"train.optimizer={optimizer}"]
            before = weights(f, *settings, *STILL)
            after = weights(f, *settings, *STEP, "--set", f"train.lr={lr}")
            if optimizer == "sgd": # as long as the gradient is: against a step for which groups undo the rule
                rule = {n: by_paper(n, optimizer)[1] for n in before}
                patterns = {r: ", ".join(sorted(n for n in before if rule[n] == r)) for r in set(rule.values())}
                undo = [x for i, (r, match) in enumerate(sorted(patterns.items()))
                        for x in ("--set", f"train.group.g{i}.match={match}", "--set", f"train.group.g{i}.lr={1 / r}")]
                plain = weights(f, *settings, *STEP, *undo, "--set", f"train.lr={lr}")
                for name in before:
                    moved = sum(abs(a - b) for a, b in zip(after[name], before[name]))
                    reference = sum(abs(a - b) for a, b in zip(plain[name], before[name]))
                    expect(abs(moved - rule[name] * reference) <= 2e-2 * moved, f"sgd's step of {name}", (moved, reference, rule[name]))
                continue
            for name in before:
                moved = [abs(a - b) for a, b in zip(after[name], before[name]) if a != b]
                expect(abs(median(moved) / (LR * by_paper(name, optimizer)[1]) - 1) < 1e-2, f"{optimizer}'s step of {name}",
                       (median(moved), LR * by_paper(name, optimizer)[1]))


def test_growth_derives_them_anew():
    """A step of a grown model is as long as one of that size: 16 slots, then 32 and 48, of a base with 16."""
    spec = TINY.replace("seeds = 1, 2", "seeds = 1").replace("policy.steps = 8, 8", "policy.steps = 1, 1\nevent.optimizer = reset")
    with folder(spec) as f:
        f.tfx("run", "tiny.ini", "--arm", "grown", *STEP, "--set", f"train.lr={LR}", "--set", "arm.grown.train.parametrization=mup",
              "--set", "arm.grown.train.mup_base=tokenformer_16")
        stages = f.sql("SELECT number, slots.path, ends.path FROM stage JOIN checkpoint ends ON ends.run = stage.run AND ends.stage = stage.id "
                       "AND ends.reason IN ('stage_end', 'final') JOIN checkpoint slots ON slots.run = stage.run AND slots.stage = stage.id "
                       "AND slots.reason = 'grown' ORDER BY number")
        same([s[0] for s in stages], [1, 2], "stages that began with growth")
        for number, start, end in stages:
            a, b = ({n: floats(t) for n, t in safetensors(f.path / path / "model.safetensors")[0].items()} for path in (start, end))
            for name, rate in (("blocks.0.ffn.value", 1 / (number + 1)), ("blocks.0.ffn.key", 1), ("norm.weight", 1)):
                moved = median([abs(x - y) for x, y in zip(a[name], b[name]) if x != y])
                expect(abs(moved / (LR * rate) - 1) < 2e-2, f"stage {number}: the step of {name}", (moved, LR * rate))


def test_vocabulary_and_context_are_no_widths():
    with folder(SPEC) as f:
        settings = [*MUP, "--set", "model.base.embedding.positions=32"]
        shown = [{f"{p['layer']}.{p['parameter']}": (p["lr"], p["init_std"]) for p in f.json("plan", "tiny.ini", "--init", *settings, *more)["models"][0]["parameters"]}
                 for more in ([], ["--set", "model.wide.vocab=512", "--set", "model.wide.embedding.positions=64"])]
        same(shown[1], shown[0], "rates and scales")
        same(shown[0]["embedding.position"][0], 1, "the rate of positions")


def test_custom_op():
    """What it computes with is looked at as what it lowers to."""
    with folder(SPEC) as f:
        settings = [x for k in ("base.blocks.ffn=square_mlp", "base.blocks.ffn.hidden=16", "wide.blocks.ffn.hidden=64")
                    for x in ("--set", "model." + k)]
        spec = "\n".join(l for l in SPEC.split("\n") if not l.startswith("blocks.ffn.{up,down}"))
        f.spec.write_text(spec)
        found = f.json("plan", "tiny.ini", "--init", *settings, *MUP, env={"TFX_PLUGIN_PATH": str(HELPERS)})["models"][0]["parameters"]
        for p in found:
            if ".ffn" in p["layer"]:
                same((p["lr"], p["init_std"]), (0.25, 0.05), f"{p['layer']}.{p['parameter']}")
        expect(any(".ffn" in p["layer"] for p in found), "there are some", found)


def check(f, *arguments):
    return f.json("check-mup", "tiny.ini", *arguments)


def test_check_mup():
    with folder(SPEC) as f:
        for settings, right in ((MUP, True), ([], False)):
            found = check(f, "base", "middle", "large", *settings, "--steps", 4, "--set", "train.lr=1e-2", "--set", "experiment.seeds=1, 2, 3")
            same([(m["model"], m["dim"]) for m in found["models"]], [("base", 16), ("middle", 32), ("large", 64)], "models")
            same((found["parametrization"], found["steps"], found["size"]), ("mup" if right else "standard", 4, "dim"), "what was checked")
            exponents = {l["layer"]: l["change_exponent"] for l in found["layers"]}
            if right:
                expect(max(map(abs, exponents.values())) < 0.35, "nothing depends on the width", exponents)
            else:
                expect(exponents["logits"] > 0.6 and exponents["blocks.0 (block_prenorm)"] > 0.6, "wide models change more", exponents)
        # The exponents are those of the figures beside them.
        for l in found["layers"]:
            for key in ("start", "change"):
                x, y = [math.log(m["dim"]) for m in found["models"]], [math.log(v) for v in l[key]]
                mx, my = sum(x) / len(x), sum(y) / len(y)
                slope = sum((a - mx) * (b - my) for a, b in zip(x, y)) / sum((a - mx) ** 2 for a in x)
                expect(abs(slope - l[f"{key}_exponent"]) < 1e-9, f"exponent of {l['layer']}", (slope, l))
        lost = check(f, "base", "middle", "--set", "train.lr=1e38")["layers"][-1]
        expect(lost["change_exponent"] is None and lost["start_exponent"] is not None, "what is not finite is null", lost)
        text = f.tfx("check-mup", "tiny.ini", "base", "middle", *MUP).stdout
        expect("parametrization mup" in text and "by width: base, middle" in text and "blocks.1.ffn.down (linear)" in text, "the table", text)


def test_mistakes():
    with folder(SPEC) as f:
        for settings, words in (
                (["train.parametrization=mup"], ["mup_base: expected the [model NAME]", "found nothing"]),
                (["train.parametrization=mup", "train.mup_base=bse"], ["mup_base", "there is no [model bse]", '"base"']),
                (["train.parametrization=mups"], ["mups", "standard", "mup"]),
                ([*MUP[1::2], "train.optimizer=muon"], ["muon", "how long its steps are"]),
                ([*MUP[1::2], "model.*.head=tied"], ["embedding.weight", "4 times as wide", "0.25", "logit_scale", "found 1"]),
                ([*MUP[1::2], "model.wide.blocks.ffn=glu"], ["blocks.0.ffn.", "[model base] has not"])):
            r = f.tfx("plan", "tiny.ini", *[x for s in settings for x in ("--set", s)], status=2)
            message(r, *words)
        f.tfx("plan", "tiny.ini", *MUP, "--set", "model.base.head=tied", "--set", "model.wide.head=tied",
              "--set", "model.wide.embedding.logit_scale=0.25")
        for arguments, words in ((["base"], ["two models or more", "found 1"]), (["base", "bse"], ["bse", "base"]),
                                 (["base", "base"], ["different sizes", "[model base]"]), (["base", "wide"], ["same layers", "[model wide]"]),
                                 (["--set", "model.large.vocab=99"], ["[model large]", "vocab = 99"]),
                                 (["--steps", "0"], ["--steps"]), (["--arm", "wid"], ["wid", "wide"])):
            r = f.tfx("check-mup", "tiny.ini", *arguments, status=2)
            for word in words:
                expect(word in r.stderr.splitlines()[-1], f"the message says '{word}'", r.stderr)


main(globals())

#!/usr/bin/env python3
"""Layers beyond those of the two papers: they train, generate, grow, resume to the same bits, and what they report is recorded."""
from harness import *

BASE = TINY.replace("seeds = 1, 2", "seeds = 1")
VARIANTS = {
    "grouped": "blocks.mixer.kv_heads = 1",
    "windowed": "blocks.mixer.window = 5\nblocks.mixer.rotary = 0.5",
    "alibi": "blocks.mixer.alibi = yes",
    "capped": "blocks.mixer.soft_cap = 3\nblocks.mixer.qk_norm = yes",
    "gated": "blocks.ffn = glu",
    "low_rank": "blocks.mixer.{q,k,v,o} = low_rank\nblocks.mixer.{q,k,v,o}.rank = 8",
}
ROUTED = {
    "top_k": "blocks.mixer.{q,k,v,o}.top_k = 4\nblocks.ffn.top_k = 16",
    "mixture": "blocks.ffn = mixture_pattention\nblocks.ffn.slots = 64\nblocks.ffn.groups = 4\nblocks.ffn.active = 2",
}


def spec():
    text = BASE
    for name, keys in VARIANTS.items():
        text += f"\n[model {name}]\nextends = transformer\n{keys}\n[arm {name}]\nmodel = {name}\n"
    for name, keys in ROUTED.items():
        text += f"\n[model {name}]\nextends = tokenformer_16\n{keys}\n[arm {name}]\nmodel = {name}\n"
    return text + """
[model mixture_wide]
extends = mixture
blocks.ffn.slots = 96

[scaling widen]
policy = schedule
policy.models = mixture_wide
policy.steps = 6

[arm mixture_grown]
model = mixture
scaling = widen
"""


NAMES = [*VARIANTS, *ROUTED, "mixture_grown"]


def losses(f, arm):
    """Of each step, as whoever made it last has it."""
    return [*dict(f.sql("SELECT step, value FROM metric JOIN run ON run.id = metric.run JOIN arm ON arm.id = run.arm "
                        "WHERE arm.name = ? AND metric.name = 'train_loss' ORDER BY step, metric.rowid", arm)).values()]


def test_all_learn():
    with folder(spec()) as f:
        f.tfx("run", "tiny.ini", *(w for n in NAMES for w in ("--arm", n)), "--set", "train.steps=30")
        for name in NAMES:
            found = losses(f, name)
            expect(found[-1] < found[0] - 0.3, f"{name} learns", found)


def test_reports_are_recorded():
    with folder(spec()) as f:
        f.tfx("run", "tiny.ini", "--arm", "mixture", "--arm", "mixture_grown")
        for name, least, most in (("loss.balance", 0.5, 2.0), ("layer.busiest_group", 0.25, 0.5)):
            rows = f.sql("SELECT step, value FROM metric WHERE name = ? AND run = (SELECT MIN(run) FROM metric) ORDER BY step", name)
            same([s for s, _ in rows], list(range(1, 13)), f"steps with {name}")
            expect(all(least <= x <= most for _, x in rows), f"{name} from {least} to {most}", rows)
        same(f.sql("SELECT COUNT(*) FROM metric WHERE name = 'loss.balance'")[0][0], 12 + 18, "rows, those of both stages among them")


def test_routing_is_balanced():
    """The loss does what it is for."""
    shares = {}
    for weight in (0, 1):
        with folder(spec()) as f:
            f.tfx("run", "tiny.ini", "--arm", "mixture", "--set", "train.steps=60", "--set", f"model.mixture.blocks.ffn.balance={weight}",
                  "--set", "model.mixture.blocks.ffn.router_std=1")
            shares[weight] = f.sql("SELECT AVG(value) FROM metric WHERE name = 'loss.balance' AND step > 50")[0][0]
    expect(shares[1] < shares[0] - 0.01, "rows spread", shares)


def test_growth_keeps_the_function():
    with folder(spec()) as f:
        f.tfx("run", "tiny.ini", "--arm", "mixture_grown")
        (delta,) = f.sql("SELECT probe_max_abs_delta_logit FROM growth_event")[0]
        expect(delta < 1e-4, "logits after growth are those before", delta)


def test_resumed_to_the_same_bits():
    arms = ["--arm", "mixture", "--arm", "windowed"]
    with folder(spec()) as f:
        f.tfx("run", "tiny.ini", *arms)
        whole = {a: losses(f, a) for a in ("mixture", "windowed")}
    with folder(spec()) as f:
        f.tfx("run", "tiny.ini", *arms, env=crashing(40), status=None)
        expect(f.sql("SELECT COUNT(*) FROM run WHERE status <> 'done'")[0][0] > 0, "it was killed")
        f.tfx("run", "tiny.ini", *arms, "--resume")
        same({a: losses(f, a) for a in whole}, whole, "losses")


FUSED = [w for k in ("mixer.{q,k,v,o}", "ffn") for w in ("--set", f"model.tokenformer_16.blocks.{k}.fused=yes")]


def test_fused_pattention():
    """The custom op, its gradient, evaluation and growth compute what core ops do; with any number of threads, and made again."""
    found = {}
    with folder(BASE) as f:
        for name, settings in (("core", []), ("fused", FUSED), ("threads", [*FUSED, "--set", "experiment.backend.threads=2"]),
                               ("again", [*FUSED, "--set", "train.recompute=block"])):
            f.tfx("run", "tiny.ini", "--arm", "grown", *settings, "--db", name + ".db")
            found[name] = [v for (v,) in f.sql("SELECT value FROM metric WHERE name IN ('train_loss', 'val_loss') ORDER BY step, name",
                                               db=name + ".db")]
        worst = max(abs(a - b) for a, b in zip(found["core"], found["fused"], strict=True))
        expect(worst < 1e-4, "one op and core ops give the same losses", worst)
        same(found["threads"], found["fused"], "losses on two threads")
        same(found["again"], found["fused"], "losses where blocks are made again")
        ops = {o["op"] for u in f.json("graph", "tiny.ini", "--arm", "grown", *FUSED)["units"] for o in u["ops"]}
        expect({"tfx.pattention/1", "tfx.pattention_grad/1"} <= ops, "both ops are executed", ops)
        final = f.one("SELECT id FROM checkpoint WHERE reason = 'final'", db="fused.db")
        f.tfx("generate", final, "--prompt", "The ", "--tokens", 40, "--db", "fused.db")
        flops = [[t["flops_per_token"] for a in f.json("plan", "tiny.ini", *s)["arms"] for t in a["stages"]] for s in ([], FUSED)]
        same(flops[1], flops[0], "FLOPs per token of all stages")


def test_mistakes():
    refused = [
        ("grouped.blocks.mixer.kv_heads=3", "blocks.0.mixer (attention): kv_heads: expected a divisor of heads (2); found 3"),
        ("top_k.blocks.ffn.top_k=65", "top_k: expected at most slots (64); found 65"),
        ("top_k.blocks.ffn.fused=yes", "fused: expected top_k = 0; found 16"),
        ("mixture.blocks.ffn.groups=5", "groups: expected a divisor of slots (64); found 5"),
        ("mixture.blocks.ffn.active=5", "active: expected at most groups (4); found 5"),
    ]
    with folder(spec()) as f:
        for setting, says in refused:
            r = f.tfx("plan", "tiny.ini", "--set", "model." + setting, status=None)
            expect(r.returncode != 0 and says in r.stderr, f"{setting} is refused", r.stderr)


def test_what_looks_ahead_is_not_generated_from():
    with folder(spec()) as f:
        f.tfx("run", "tiny.ini", "--arm", "windowed", "--set", "model.windowed.blocks.mixer.causal=no", "--set", "train.steps=4")
        (path,) = f.sql("SELECT path FROM checkpoint ORDER BY id DESC")[0]
        r = f.tfx("generate", path, "--prompt", "abc", "--tokens", "4", status=None)
        expect(r.returncode != 0 and "later" in r.stderr, "a model that looks ahead is refused", r.stderr)


main(globals())

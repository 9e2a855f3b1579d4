#!/usr/bin/env python3
"""What is measured of old and new slices after growth: against checkpoints before and after a step, without any effect on
what is trained, and across a kill."""
import math

from harness import *

SPEC = TINY.replace("seeds = 1, 2", "seeds = 1").replace("policy.steps = 8, 8", "policy.steps = 4, 3")
EVERY_STEP = ["--arm", "grown", "--set", "train.slice_every=1", "--set", "train.checkpoint_every=1",
              "--set", "train.keep_checkpoints=100"]
RUN = "(SELECT max(run) FROM checkpoint)"
COLUMNS = "step, parameter, part, elements, gradient_norm, update_norm, weight_norm, slots, energy_share, dead_slots"


def slices(f, db="tfx.db"):
    return f.sql(f"SELECT {COLUMNS} FROM slice_metric WHERE run = {RUN} AND superseded = 0 ORDER BY step, id", db=db)


def norms(values, places, shape):
    """Of old elements, which are old along every axis, and of new ones; and how many they are."""
    squares, count, inner = [0.0, 0.0], [0, 0], math.prod(shape[1:])
    for i, x in enumerate(values):
        at = (i // inner, i % inner) if len(shape) == 2 else (i,)
        new = not all(p[k] for p, k in zip(places, at))
        squares[new] += x * x
        count[new] += 1
    return [math.sqrt(x) for x in squares], count


def close(found, right, what, bound=1e-5):
    expect(abs(found - right) <= bound * right, what, f"expected: {right}\nfound:    {found}")


def test_against_checkpoints():
    """The weights before a step, and how they moved, old and new apart."""
    for more in ([], ["--set", "train.micro_batch=2"]):
        with folder(SPEC) as f:
            f.tfx("run", "tiny.ini", *EVERY_STEP, *more)
            for step in (12, 14, 16, 17):
                reason = "grown" if step in (12, 16) else "periodic"
                paths = [f.one(f"SELECT path FROM checkpoint WHERE run = {RUN} AND step = ? AND reason = ?", s, r)
                         for s, r in ((step, reason), (step + 1, "periodic"))]
                before, after = (safetensors(f.path / p / "model.safetensors")[0] for p in paths)
                state = safetensors(f.path / paths[0] / "optimizer.safetensors")[0]
                rows = {(r[1], r[2]): r[3:] for r in slices(f) if r[0] == step + 1}
                trained = [n for n in before if not n.endswith("tau")]
                same({n for n, _ in rows}, set(trained), f"step {step + 1}: parameters")
                for name in trained:
                    shape = before[name][1]
                    places = [floats(state[f"{name}/in place {a}"]) for a in range(len(shape))]
                    old, new = floats(before[name]), floats(after[name])
                    weights, count = norms(old, places, shape)
                    updates, _ = norms([b - a for a, b in zip(old, new)], places, shape)
                    for k, part in enumerate(("old", "new")):
                        same((name, part) in rows, count[k] > 0, f"{name}: there is a part {part}")
                        if count[k]:
                            elements, _, update, weight, *_ = rows[name, part]
                            same(elements, count[k], f"step {step + 1}, {name}, {part}: elements")
                            close(weight, weights[k], f"step {step + 1}, {name}, {part}: weight norm")
                            close(update, updates[k], f"step {step + 1}, {name}, {part}: update norm")
                grown = [n for n in trained if (n, "new") in rows]
                same(sorted(grown), sorted(n for n in trained if n.endswith((".key", ".value"))), "what has grown")
            for step, total in f.sql("SELECT step, sqrt(sum(gradient_norm * gradient_norm)) FROM slice_metric GROUP BY step"):
                norm = f.one("SELECT value FROM metric WHERE name = 'grad_norm' AND step = ?", step)
                close(total, norm, f"step {step}: the gradient norm, from its parts")


def test_energies():
    """Shares of a value's slots add up to 1. New slots with zero keys add nothing at first; a step later they do."""
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", *EVERY_STEP)
        rows = [r for r in slices(f) if r[7] is not None]
        same({r[1].split(".")[-1] for r in rows}, {"value"}, "parameters with slots that add to an output")
        for step in range(13, 20):
            for name in {r[1] for r in rows}:
                both = {r[2]: r[7:] for r in rows if r[0] == step and r[1] == name}
                old, new = both["old"], both["new"]
                same((old[0], new[0]), (64, 64) if "ffn" in name and step < 17 else (128, 64) if "ffn" in name else
                     (16, 16) if step < 17 else (32, 16), f"{name}: slots")
                close(old[1] + new[1], 1, f"{name}: shares")
                if step in (13, 17):
                    same((new[1], new[2]), (0, new[0]), f"step {step}, {name}: new slots are dead")
                else:
                    expect(0 < new[1] < 0.9 and new[2] < new[0], f"step {step}, {name}: new slots live", new)


def test_hidden_units():
    """Units of an MLP are found in the graph, like slots."""
    wide = TINY + "[model wide]\nextends = transformer\nblocks.ffn.hidden = 192\n[scaling widen]\npolicy = schedule\n" \
        "policy.models = wide\npolicy.steps = 2\noperator = slots\noperator.keys = normal\n"
    with folder(wide) as f:
        f.tfx("run", "tiny.ini", "--seed", 1, "--arm", "transformer", "--set", "arm.transformer.scaling=widen",
              "--set", "train.slice_every=1")
        rows = [r for r in slices(f) if r[0] == 13 and r[7] is not None]
        same([(r[1], r[2], r[7], r[9]) for r in rows],
             [(f"blocks.{b}.ffn.down.weight", part, slots, 0) for b in (0, 1) for part, slots in (("old", 128), ("new", 64))],
             "parts with slots")


def test_changes_nothing():
    """Steps at which slices are measured train to the same bits; which those are."""
    found = {}
    for every in (0, 1, 3):
        with folder(SPEC) as f:
            f.tfx("run", "tiny.ini", "--arm", "grown", "--set", f"train.slice_every={every}")
            found[every] = outcome(f, f.one(f"SELECT {RUN}"))
            found[every].pop("files")  # optimizer state has the places, too
            same(f.sql("SELECT DISTINCT step FROM slice_metric ORDER BY step"),
                 [(s,) for s in {0: (), 1: range(13, 20), 3: (13, 16, 17)}[every]], f"slice_every = {every}: steps")
    for every in (1, 3):
        same_outcome(found[every], found[0], f"slice_every = {every}")


def test_killed():
    """What a resumed run measures is what one measures that was never killed."""
    more = EVERY_STEP[:4] + ["--set", "train.checkpoint_every=2"]
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", *more)
        right = slices(f)
        expect(len(right) > 0, "there are slices")
    stepped_back = 0
    for at in (60, 230, 252, 276, 288):
        with folder(SPEC) as f:
            r = f.tfx("run", "tiny.ini", *more, status=None, env=crashing(at))
            if r.returncode:
                f.tfx("run", "tiny.ini", *more, "--resume")
            same(slices(f), right, f"killed at change {at}")
            stepped_back += f.one("SELECT count(*) FROM slice_metric WHERE superseded = 1")
    expect(stepped_back > 0, "some of these runs repeat steps that they had measured")


def test_start_from_a_grown_stage():
    """Which slices are old there does not matter to an arm that starts from it, with the optimizer's state or without."""
    more = SPEC + "[arm more]\nmodel = tokenformer_32\nstart = arm:grown@stage:1\ntrain.steps = 3\n"
    final = {}
    for every in (0, 1):
        for way in ("keep", "reset"):
            with folder(more) as f:
                f.tfx("run", "tiny.ini", "--arm", "grown", "--arm", "more", "--set", f"train.slice_every={every}",
                      "--set", f"arm.more.start.optimizer={way}")
                run = f.one("SELECT run FROM run_summary WHERE arm = 'more'")
                final[every, way] = outcome(f, run)["files"]
                same(f.one("SELECT count(*) FROM slice_metric WHERE run = ?", run), 0, "nothing to measure in it")
    for way in ("keep", "reset"):
        same(final[1, way] == final[0, way], True, f"{way}: the same weights and optimizer state")
    expect(final[0, "keep"] != final[0, "reset"], "the optimizer's state matters")


def test_show():
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", "--set", "train.slice_every=2")
        run = f.one("SELECT run FROM run_summary WHERE arm = 'grown'")
        rows = f.json("show", run, "--slices")
        same(len(rows), f.one("SELECT count(*) FROM slice_metric"), "rows as JSON")
        same([(r["step"], r["parameter"], r["part"]) for r in rows], [r[:3] for r in slices(f)], "their order")
        same({r["stage_number"] for r in rows}, {1, 2}, "their stages")
        first = next(r for r in rows if r["part"] == "new")
        expect(first["weight_norm"] == 0 and first["update_ratio"] is None, "a ratio to nothing", first)
        text = f.tfx("show", run, "--slices").stdout.splitlines()
        same(len(text), 2 + len(rows), "lines of text")
        for word in ("parameter", "grad norm", "update/weight", "energy share"):
            expect(word in text[0], f"a column {word}", text[0])
        message(f.tfx("show", 1, "--slices", status=2), "run 1 has no measurements of slices", "train.slice_every")
        same(f.json("show", 1, "--slices"), [], "none, as JSON")
        message(f.tfx("show", 77, "--slices", status=2), "has no run 77")
        message(f.tfx("show", run, "--slices", "--log", status=2), "show: expected one of --spec, --log", "found 2")
        ratio, right = f.one("SELECT update_ratio, update_norm / weight_norm FROM slice_curve WHERE part = 'old' LIMIT 1")
        same(ratio, right, "the view's ratio")
        same(f.sql("SELECT DISTINCT stage, step, steps_since_growth FROM slice_curve ORDER BY step"),
             [(1, 13, 1), (1, 15, 3), (2, 17, 1), (2, 19, 3)], "steps of the view")


def test_plan():
    """The programs that measure, and the vectors that say which slices are old, are in the plan."""
    with folder(SPEC) as f:
        def stages(*settings):
            plan = f.json("plan", "tiny.ini", *settings)
            return [a for a in plan["arms"] if a["arm"] == "grown"][0]["stages"]
        plain, measured = stages(), stages("--set", "train.slice_every=50")
        same(measured[0]["peak_bytes"], plain[0]["peak_bytes"], "memory of the first stage, which has nothing to measure")
        for a, b in zip(plain[1:], measured[1:]):
            expect(b["optimizer_bytes"] > a["optimizer_bytes"] and b["workspace_bytes"] > a["workspace_bytes"], "memory",
                   f"{a}\n{b}")
        message(f.tfx("plan", "tiny.ini", "--set", "train.slice_every=-1", status=2), "slice_every: expected integer, 0 to")
        message(f.tfx("plan", "tiny.ini", "--set", "train.slices_every=5", status=2), "slices_every", 'did you mean "slice_every"?')


main(globals())

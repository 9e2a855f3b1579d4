#!/usr/bin/env python3
"""Twins of arms that grow: what they are, that they spend the same, and that growth before the first step survives
kills."""
from harness import *

TWINS = TINY.replace("seeds = 1, 2", "seeds = 1").replace("checkpoint_every = 4\n", "") + """twins = scratch, random_base, no_growth
twin.scratch.train.lr = 1e-3
"""
NAMES = ["grown", "grown.scratch", "grown.random_base", "grown.no_growth"]


def plan(f, *settings):
    arms = f.json("plan", "tiny.ini", *[x for s in settings for x in ("--set", s)])["arms"]
    return {a["arm"]: a for a in arms}


def models(arm):
    return [s["model"] for s in arm["stages"]]


def test_plan():
    with folder(TWINS) as f:
        found = plan(f)
        same(list(found), ["transformer", *NAMES], "twins come behind their arm")
        chain = ["tokenformer_16", "tokenformer_32", "tokenformer_48"]
        same([models(found[n]) for n in NAMES], [chain, chain[2:], chain, chain[:1]], "models")
        same([s["steps"] > 0 for s in found["grown.random_base"]["stages"]], [False, False, True], "stages with steps")
        for n in NAMES[1:]:
            last = found[n]["stages"][-1]
            expect(abs(found[n]["flops"] - found["grown"]["flops"]) <= last["flops"] / last["steps"] / 2, f"{n}: the same FLOPs", found[n])
        same([found[n]["stages"][-1]["lr"] for n in NAMES], [3e-3, 1e-3, 3e-3, 3e-3], "the arm's rate, or their own")
        text = f.tfx("plan", "tiny.ini").stdout
        expect("length: [arm grown.no_growth] trains for" in text and "as many as [arm grown] spends." in text, "plan", text)
        resolved = f.tfx("plan", "tiny.ini", "--resolved").stdout
        expect("twins" not in resolved and "[arm grown.random_base]\nmodel = tokenformer_16\nscaling = grow\nscaling.when = start\n"
               "twin = random_base\ntwin.of = grown\n" in resolved, "resolved", resolved)
        (f.path / "again.ini").write_text(resolved)
        same(f.tfx("plan", "again.ini", "--resolved").stdout, resolved, "resolved twice")


def test_runs():
    with folder(TWINS) as f:
        f.tfx("run", "tiny.ini", *[x for n in NAMES[1:] for x in ("--arm", n)])
        same(f.sql("SELECT name, twin, twin_of FROM arm ORDER BY id"),
             [("transformer", None, None), ("grown", None, None), *((n, n.split(".")[1], "grown") for n in NAMES[1:])], "arms")
        steps = {n: [s["steps"] for s in a["stages"]] for n, a in plan(f).items()}
        run = f.one("SELECT r.id FROM run r JOIN arm a ON a.id = r.arm WHERE a.twin = 'random_base'")
        same(f.sql("SELECT number, model, steps, ended IS NOT NULL FROM stage WHERE run = ? ORDER BY number", run),
             [(i, f"tokenformer_{16 * (i + 1)}", steps["grown.random_base"][i], 1) for i in range(3)], "stages")
        events = f.sql("SELECT step, from_model, to_model, probe_loss_before, probe_loss_after, reason FROM growth_event WHERE "
                       "run = ? ORDER BY id", run)
        same([e[:3] + e[5:] for e in events], [(0, "tokenformer_16", "tokenformer_32", None), (0, "tokenformer_32", "tokenformer_48", None)],
             "both growths come before the first step")
        # As any growth here, it changes nothing that the model computes, which is still what its initialisation does.
        expect(all(abs(e[3] - e[4]) < 1e-6 for e in events) and events[0][3] > 5, "the probe", events)
        same(f.sql("SELECT stage, final, decayed FROM endpoint WHERE run = ?", run), [(2, 1, 1)], "one end that counts")
        same(f.one("SELECT flops_incl = flops_excl FROM run_summary WHERE run = ?", run), 1, "nothing was spent before")
        same(f.sql("SELECT s.number FROM metric m JOIN stage s ON s.id = m.stage WHERE m.run = ? AND m.name = 'val_loss' AND "
                   "m.step = 0", run), [(2,)], "evaluated where training starts")
        tidy(f)


def test_survives_kills():
    """Killed at every change to the disk while it grows, the run goes on to the same bits."""
    only = ["--arm", "grown.random_base", "--set", "arm.grown.twin.random_base.train.flops=1e8"]
    with folder(TWINS) as f:
        f.tfx("run", "tiny.ini", *only)
        run = f.one("SELECT id FROM run WHERE status = 'done'")
        expected = outcome(f, run)
    for at in range(6, 60, 4):
        with folder(TWINS) as f:
            r = f.tfx("run", "tiny.ini", *only, status=None, env=crashing(at))
            if r.returncode == 0:
                break
            f.tfx("run", "tiny.ini", *only, "--resume")
            same_outcome(outcome(f, run), expected, f"killed at change {at}")
            tidy(f)
    expect(at > 30, "kills in all parts of growing", at)


STARTS = TWINS.replace("twins = scratch, random_base, no_growth\ntwin.scratch.train.lr = 1e-3\n", "") + """
[scaling append]
operator = slots
operator.keys = zero

[arm trunk]
model = tokenformer_16

[arm branch]
model = tokenformer_32
scaling = append
start = arm:trunk@step:8
train.steps = 4
twins = no_growth, random_base, scratch

[arm later]
start = arm:trunk@end
model = tokenformer_16
scaling = grow
twins = no_growth
"""


def test_arms_that_start_elsewhere():
    with folder(STARTS) as f:
        found = plan(f)
        same(models(found["branch.scratch"]), ["tokenformer_32"], "from scratch")
        same(models(found["branch.random_base"]), ["tokenformer_16", "tokenformer_32"], "an untrained base grows as the branch does")
        same(models(found["branch.no_growth"]), ["tokenformer_16"], "the trunk's model")
        same(models(found["later.no_growth"]), ["tokenformer_16"], "the first model")
        # What the trunk spent up to there counts, so the twin of the trunk's model has 8 steps for it and some for the branch.
        spent = found["branch"]["flops"] + found["branch"]["start"]["flops_before"]
        for twin in ("scratch", "random_base", "no_growth"):
            a = found[f"branch.{twin}"]
            expect("start" not in a, "they start from their initialisation", a)
            expect(abs(a["flops"] - spent) <= a["stages"][-1]["flops"] / a["stages"][-1]["steps"] / 2, f"{twin}: equal FLOPs", a)
        f.tfx("run", "tiny.ini", "--arm", "branch.random_base")
        same(f.sql("SELECT step, from_model, to_model FROM growth_event"), [(0, "tokenformer_16", "tokenformer_32")], "growth")


def test_swept_twins():
    """One search for both sides: the twin is as long as any of the arm's points."""
    with folder(TWINS + "\n[sweep rates]\narms = grown, grown.scratch\ntrain.lr = 1e-3, 2e-3\n") as f:
        found = plan(f)
        same([n for n in found if "scratch" in n], ["grown.scratch[lr=1e-3]", "grown.scratch[lr=2e-3]"], "points of the twin")
        steps = {n: a["stages"][-1]["steps"] for n, a in found.items()}
        same(steps["grown.scratch[lr=1e-3]"], steps["grown.random_base"], "as long as without a sweep")


def test_refused():
    with folder(TWINS) as f:
        for settings, words in ((["arm.grown.twins=scrach"], ["twins: expected scratch, random_base or no_growth", 'mean "scratch"?']),
                                (["arm.grown.twins=scratch,scratch"], ["twins: expected different names; found scratch twice"]),
                                (["arm.transformer.twins=scratch"], ["twins: expected an arm that grows; [arm transformer] has no scaling"]),
                                (["arm.grown.twins=no_growth"], ["twin.scratch.train.lr: expected scratch among the twins of [arm grown]"]),
                                (["arm.grown.twin.scrach.train.lr=1"], ["twin.scrach.train.lr: expected scratch, ", 'mean "scratch"?']),
                                (["arm.grown.twin.scratch.train.rl=1"], ["unknown key \"train.rl\" in [arm grown.scratch]", 'mean "train.lr"?']),
                                (["arm.grown.scaling=grwo"], ["there is no [scaling grwo]", 'mean "grow"?']),
                                (["scaling.grow.policy.models=tokenformer_33,tokenformer_48"], ['tokenformer_33']),
                                (["arm.transformer.scaling.when=start"], ["scaling.when: expected a scaling beside it; found none"]),
                                (["arm.grown.scaling.when=later"], ["scaling.when", "policy, start"])):
            r = f.tfx("plan", "tiny.ini", *[x for s in settings for x in ("--set", s)], status=2)
            message(r, *words)
        f.spec.write_text(TWINS + "\n[arm grown.scratch]\nmodel = transformer\n")
        message(f.tfx("plan", "tiny.ini", status=2), 'twins: one would be called "grown.scratch": there is such an arm already')
        f.spec.write_text(STARTS.replace("arm:trunk@step:8", "checkpoint:x"))
        message(f.tfx("plan", "tiny.ini", status=2), "twins: random_base: expected an arm with a model of this spec to begin with",
                "[arm branch] starts from a checkpoint")
        f.spec.write_text(STARTS.replace("arm:trunk@step:8", "arm:grown@end"))
        message(f.tfx("plan", "tiny.ini", status=2), "expected [arm branch] to start from an arm that does not grow itself; found [arm grown]")


def test_gain():
    """What growing is made of: the parts, against the tables, and their sum."""
    with folder(TWINS.replace("seeds = 1", "seeds = 1, 2, 3")) as f:
        f.tfx("run", "tiny.ini", *[x for n in NAMES for x in ("--arm", n)])
        loss = {n: dict(f.sql("SELECT seed, val_loss FROM run_summary WHERE arm = ?", n)) for n in NAMES}
        parts = {"inheritance": ("grown", "grown.random_base"), "start": ("grown.random_base", "grown.scratch"),
                 "architecture": ("grown.scratch", "grown.no_growth"), "sum": ("grown", "grown.no_growth")}
        got = f.json("gain", "tiny", "grown")
        same(list(got), list(parts), "parts")
        text = f.tfx("gain", "tiny", "grown").stdout
        for name, (a, b) in parts.items():
            (arm,) = got[name]["arms"]
            mean = sum(loss[a][s] - loss[b][s] for s in (1, 2, 3)) / 3
            expect(arm["paired"] and abs(arm["difference"]["mean"] - mean) < 1e-12, name, arm)
            expect(f"{name:13} {mean:+.4f} (" in text and f"{a} - {b}" in text, f"{name} for people", text)
        total = sum(got[n]["arms"][0]["difference"]["mean"] for n in list(parts)[:3])
        expect(abs(total - got["sum"]["arms"][0]["difference"]["mean"]) < 1e-12, "the parts add up", got)
        def gain_of_page():
            f.tfx("report", "tiny", "-o", "report.html")
            page = (f.path / "report.html").read_text()
            return page[page.index('<section id="gain">'):].split("</section>")[0] if 'id="gain"' in page else None
        section = gain_of_page()
        for name in parts:
            (row,) = [r for r in section.split("</tr>") if f'part: ">{name}<' in r]
            expect(f'{got[name]["arms"][0]["difference"]["mean"]:+.4f} (' in row, f"{name} in the report", row)
        message(f.tfx("gain", "tiny", "grwn", status=2), "no arm 'grwn'", 'did you mean "grown"?')
        message(f.tfx("gain", "tiny", "transformer", status=2), "arm 'transformer' has no twin 'random_base'", "[arm transformer]")
        def fail(which):
            with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c, c:
                c.execute(f"UPDATE run SET status = 'failed' WHERE arm = (SELECT id FROM arm WHERE twin = 'scratch') AND {which}")
        # Other data in one of the four: what it is in has no pairs.
        def data(text):
            with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c, c:
                c.execute("UPDATE stage SET data = ? WHERE run IN (SELECT r.id FROM run r JOIN arm a ON a.id = r.arm "
                          "WHERE a.twin = 'no_growth')", (text,))
        before = f.one("SELECT DISTINCT data FROM stage")
        data("other")
        text = f.tfx("gain", "tiny", "grown").stdout
        expect("seeds: 3, not paired in architecture, sum\n" in text, "parts that are not paired", text)
        data(before)
        # A seed that one of the four does not have is left out of all parts, which add up.
        fail("seed = 2")
        text = f.tfx("gain", "tiny", "grown").stdout
        for arm in ("grown", "grown.random_base", "grown.no_growth"):
            expect(f"seed 2 of '{arm}' left out: 'grown.scratch' has no decayed end with it\n" in text, "what is left out", text)
        expect("seeds: 2, paired; fewer than 3, so no interval" in text and " (" not in text.split("seeds:")[0], "two seeds", text)
        means = {n: sum(loss[a][s] - loss[b][s] for s in (1, 3)) / 2 for n, (a, b) in parts.items()}
        for name, part in f.json("gain", "tiny", "grown").items():
            expect(abs(part["arms"][0]["difference"]["mean"] - means[name]) < 1e-12, f"{name} of two seeds", part)
            expect("seed 2 of 'grown' left out" in part["notes"], "notes", part["notes"])
        expect("seed 2 of &#39;grown&#39; left out" in (section := gain_of_page()) or "seed 2 of 'grown' left out" in section,
               "and in the report", section)
        fail("1")
        message(f.tfx("gain", "tiny", "grown", status=2), "have no decayed ends with a seed in common")
        same(gain_of_page(), None, "nor has the report the table")


SEARCHED = TWINS.replace("twin.scratch.train.lr = 1e-3\n", "") + """
[sweep rates]
arms = grown, grown.scratch
train.lr = 1e-5, 3e-3
"""


def test_gain_of_searched():
    """Of a search of learning rates, the best counts, on both sides: any other makes a part large that is not."""
    with folder(SEARCHED) as f:
        f.tfx("run", "tiny.ini")
        same([(a["a"], a["b"]) for a in f.json("gain", "tiny", "grown").values()],
             [("grown[lr=3e-3]", "grown.random_base"), ("grown.random_base", "grown.scratch[lr=3e-3]"),
              ("grown.scratch[lr=3e-3]", "grown.no_growth"), ("grown[lr=3e-3]", "grown.no_growth")], "arms of the parts")
        same(f.json("gain", "tiny", "grown[lr=1e-5]")["sum"]["a"], "grown[lr=1e-5]", "the point that is asked for")
        f.tfx("report", "tiny", "-o", "report.html")
        page = (f.path / "report.html").read_text()
        saves = page[page.index("What growing saves"):]
        saves = saves[:saves.index("</table>")]
        expect("grown[lr=3e-3]" in saves and "grown.random_base" in saves, "what growing saves", saves)
        expect("1e-5" not in saves, "a point that is not the best says nothing of growing", saves)
        headline = page[:page.index("Loss against cost")]
        expect("grown[lr=3e-3]" in headline and "1e-5" not in headline, "nor does the headline have it", headline[-3000:])
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c, c:
            c.execute("UPDATE run SET status = 'failed' WHERE arm = (SELECT id FROM arm WHERE name = 'grown.scratch[lr=3e-3]')")
        same(f.json("gain", "tiny", "grown")["start"]["b"], "grown.scratch[lr=1e-5]", "the best of those that did not fail")
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c, c:
            c.execute("UPDATE run SET status = 'planned' WHERE status = 'failed'")
        message(f.tfx("gain", "tiny", "grown", status=2), "more than one twin 'scratch'", "grown.scratch[lr=1e-5]", "a search of learning rates")


main(globals())

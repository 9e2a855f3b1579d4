#!/usr/bin/env python3
"""Sweeps: points as arms of their own, in the database and on the command line; the best of them; and specs that take
its settings."""
from harness import *

SEARCH = TINY[:TINY.index("[scaling grow]")].replace("steps = 12", "steps = 3").replace("checkpoint_every = 4\n", "") + """
[arm small]
model = transformer

[arm large]
model = tokenformer_16

[sweep rates]
arms = small, large
train.lr = 1e-3, 3e-3, 9e-3
"""


def test_points():
    with folder(SEARCH) as f:
        names = [f"{arm}[lr={lr}]" for arm in ("small", "large") for lr in ("1e-3", "3e-3", "9e-3")]
        same([a["arm"] for a in f.json("plan", "tiny.ini")["arms"]], names, "the arms of the plan")
        f.tfx("run", "tiny.ini", "--arm", "small", "--seed", 1)
        same(f.sql("SELECT name, sweep, base, point FROM arm ORDER BY id"),
             [(n, "rates", n.split("[")[0], json.dumps({"train.lr": n[n.index("=") + 1:-1]}, separators=(",", ":")))
              for n in names], "rows of the arms")
        done = "SELECT a.name FROM run r JOIN arm a ON a.id = r.arm WHERE r.status = 'done' AND r.seed = 1 ORDER BY r.id"
        same([n for (n,) in f.sql(done)], names[:3], "--arm with the name of a swept arm is all of its points")
        f.tfx("run", "tiny.ini", "--arm", names[4], "--seed", 1)
        same([n for (n,) in f.sql(done)], names[:3] + names[4:5], "--arm with the name of a point is that point")
        same(f.sql("SELECT id FROM experiment"), [(1,)], "one experiment")
        lr = {n: json.loads(t)["lr"] for n, t in f.sql("SELECT name, train FROM arm")}
        same([lr[n] for n in names[:3]], ["0.001", "0.003", "0.009"], "learning rates")
        r = f.tfx("run", "tiny.ini", "--arm", "smal", status=2)
        message(r, "run: --arm: ", "there is no [arm smal]", 'did you mean "small"?')


def test_resolved_and_set():
    with folder(SEARCH) as f:
        resolved = f.tfx("plan", "tiny.ini", "--set", "sweep.rates.train.lr=1e-3", "--resolved").stdout
        (f.path / "again.ini").write_text(resolved)
        same(f.tfx("plan", "again.ini", "--resolved").stdout, resolved, "resolved twice")
        f.tfx("run", "again.ini", "--seed", 2)
        same(f.sql("SELECT name, sweep, base FROM arm ORDER BY id"),
             [("small[lr=1e-3]", "rates", "small"), ("large[lr=1e-3]", "rates", "large")],
             "arms of a resolved spec are points all the same")


FINAL = SEARCH[:SEARCH.index("[arm small]")].replace("name = tiny", "name = final") + """
[vars]
rate = ${best:tiny.small.train.lr}

[arm winner]
model = ${best:tiny.small.model}
train.lr = ${rate}
train.batch = ${best:tiny.small.train.batch}
"""


def means(f, experiment):
    """Mean final losses over the seeds of each point of each arm, computed here."""
    out = {}
    for base, name, loss in f.sql("SELECT a.base, a.name, avg(s.val_loss) FROM run_summary s JOIN run r ON r.id = s.run JOIN "
                                  "arm a ON a.id = r.arm WHERE a.experiment = ? AND s.status = 'done' GROUP BY a.id",
                                  experiment):
        out.setdefault(base, {})[name] = loss
    return out


def test_best():
    with folder(SEARCH) as f:
        f.tfx("run", "tiny.ini", "--set", "sweep.rates.train.lr=1e-3,3e-3,9e-3,1e30", status=3)
        groups = {g["arm"]: g for g in f.json("best", "tiny")}
        same(list(groups), ["small", "large"], "one group for each arm of the spec")
        text = f.tfx("best", "tiny").stdout
        for arm, losses in means(f, 1).items():
            first, second = sorted(losses, key=losses.get)[:2]
            g = groups[arm]
            same((g["best"]["arm"], g["runner_up"]["arm"], g["points"]), (first, second, 4), "best and runner-up")
            same((g["failed"], g["not_done"], g["best"]["seeds"]), ([f"{arm}[lr=1e30]"], [], 2), "what failed")
            expect(abs(g["best"]["val_loss"] - losses[first]) < 1e-12, "the mean over seeds", g)
            lr = g["best"]["point"]["train.lr"]
            same(g["edges"], {"train.lr": "lowest"} if lr == "1e-3" else {}, "a higher rate was tried, and failed")
            expect(f"{arm}: {arm}[lr=1e30] failed with 2 of 2 seeds.\n" in text and f"{losses[first]:.4f}" in text, "text", text)
        # Two models, one sweep.
        same([g["model"] for g in f.json("best", "tiny", "--by", "model")], ["transformer", "tokenformer_16"], "by model")
        by_sweep = f.json("best", "tiny", "--by", "sweep")
        same([(g["sweep"], g["points"]) for g in by_sweep], [("rates", 8)], "by sweep")
        message(f.tfx("best", "tiny", "--by", "arms", status=2), "best: --by: expected arm, model or sweep", 'mean "arm"?')
        message(f.tfx("best", "tinny", status=2), "has no experiment 'tinny'", 'did you mean "tiny"?')


def test_edges_and_open_points():
    with folder(SEARCH) as f:
        f.tfx("run", "tiny.ini", "--arm", "small[lr=1e-3]", "--arm", "small[lr=3e-3]")
        f.tfx("run", "tiny.ini", "--arm", "large[lr=1e-3]", "--seed", 1)
        small, large = f.json("best", "tiny")
        # What is not done was not tried: of two rates, either is an edge.
        side = {"small[lr=1e-3]": "lowest", "small[lr=3e-3]": "highest"}[small["best"]["arm"]]
        same((small["edges"], small["not_done"]), ({"train.lr": side}, ["small[lr=9e-3]"]), "edge and open point")
        same((large["best"]["arm"], large["runner_up"], large["edges"], large["not_done"]),
             ("large[lr=1e-3]", None, {}, ["large[lr=1e-3]", "large[lr=3e-3]", "large[lr=9e-3]"]), "one that has begun")
        text = f.tfx("best", "tiny").stdout
        expect(f"is the {side} tried: widen the sweep." in text and "not done: large[lr=1e-3] (1 of 2 seeds)" in text,
               "text", text)
        (f.path / "final.ini").write_text(FINAL)
        message(f.tfx("plan", "final.ini", status=2), "final.ini:", "model: ${best:tiny.small.model}: the search is not over",
                "runs of 1 of 3 points of arm 'small' are not done, such as 'small[lr=9e-3]'", "tiny.ini --resume executes them")


def test_taken():
    with folder(SEARCH) as f:
        final = f.path / "final.ini"
        final.write_text(FINAL)
        message(f.tfx("plan", "final.ini", status=2), "there is no database tfx.db", "run its spec first")
        f.tfx("run", "tiny.ini", "--arm", "small")
        best = min(means(f, 1)["small"].items(), key=lambda x: x[1])
        rate = best[0][len("small[lr="):-1]

        plan = f.json("plan", "final.ini")
        same(plan["arms"][0]["stages"][0]["lr"], float(rate), "the learning rate of the plan")
        same({v["expression"]: v["value"] for v in plan["values"]},
             {"best:tiny.small.train.lr": rate, "best:tiny.small.model": "transformer", "best:tiny.small.train.batch": "4"},
             "what was taken")
        text = f.tfx("plan", "final.ini").stdout
        expect(f"value: ${{best:tiny.small.train.lr}} is {rate}, of {best[0]} in experiment 1: val loss {best[1]:.4f} over "
               "2 seeds, the best of 3 points.\n" in text, "the plan says where it is from", text)
        expect("${" not in f.tfx("plan", "final.ini", "--resolved").stdout, "the resolved spec has values")

        # Of another database, and for a verb that makes a spec of its own from this one.
        (f.path / "tfx.db").rename(f.path / "other.db")
        message(f.tfx("plan", "final.ini", status=2), "there is no database tfx.db")
        same(f.json("plan", "final.ini", "--db", "other.db")["arms"][0]["stages"][0]["lr"], float(rate), "with --db")
        checkpoint = f.one("SELECT path FROM checkpoint WHERE reason = 'final' LIMIT 1", db="other.db")
        message(f.tfx("grow", checkpoint, "--model", "final.ini:transformr", "--db", "other.db", status=2),
                "there is no [model transformr]")
        (f.path / "other.db").rename(f.path / "tfx.db")

        f.tfx("run", "final.ini", "--seed", 1)
        runs = f.one("SELECT group_concat(r.id, ', ') FROM run r JOIN arm a ON a.id = r.arm WHERE a.name = ?", best[0])
        same(f.sql("SELECT expression, value, source_experiment, source_arm, source_runs, val_loss, points, seeds FROM "
                   "spec_reference WHERE experiment = 2 AND expression = 'best:tiny.small.train.lr'"),
             [("best:tiny.small.train.lr", rate, 1, best[0], runs, best[1], 3, 2)], "what is recorded")

        # A newer search has another result. What has begun goes on with the old one, what begins now has the new one.
        f.tfx("run", "tiny.ini", "--set", "sweep.rates.train.lr=2e-3")
        same(f.json("plan", "final.ini")["arms"][0]["stages"][0]["lr"], 2e-3, "the newest search")
        f.tfx("run", "final.ini", "--resume")
        done = "SELECT a.experiment, json_extract(a.train, '$.lr'), count(*) FROM run r JOIN arm a ON a.id = r.arm WHERE " \
               "a.name = 'winner' AND r.status = 'done' GROUP BY a.id ORDER BY a.id"
        same([(e, float(lr), n) for e, lr, n in f.sql(done)], [(2, float(rate), 2)], "the same experiment goes on")
        f.tfx("run", "final.ini", "--seed", 2)
        f.tfx("run", "tiny.ini", "--set", "sweep.rates.train.lr=5e-3", "--arm", "small", "--seed", 1)  # not over
        f.tfx("run", "final.ini", "--resume")
        same([(e, float(lr), n) for e, lr, n in f.sql(done)], [(2, float(rate), 2), (4, 2e-3, 2)], "and so does the next")
        r = f.tfx("run", "final.ini", "--resume", "--set", "train.clip=3", status=2)
        expect("nothing to resume: experiment 'final' was run with other settings" in r.stderr, "other settings", r.stderr)

        for bad, words in (("bset:tiny.small.train.lr", ["unknown variable ${bset:tiny.small.train.lr}"]),
                           ("best:tinny.small.train.lr", ["has no experiment 'tinny'; run its spec first", 'mean "tiny"?']),
                           ("best:tiny.smal.train.lr", ["has no arm 'smal'", 'did you mean "small"?']),
                           ("best:tiny.small", ["has no arm 'small' with a key behind it"])):
            final.write_text(FINAL.replace("best:tiny.small.train.lr", bad).replace("${best:tiny.small.model}", "transformer"))
            message(f.tfx("plan", "final.ini", status=2), "final.ini:", "rate: ", *words)


def test_variables_that_nothing_uses():
    """They need no search; those that others are made of do, where they are used."""
    with folder(SEARCH) as f:
        f.tfx("run", "tiny.ini", "--set", "sweep.rates.train.lr=2e-3")
        final = f.path / "final.ini"
        vars = "rate = ${best:tiny.small.train.lr}\nspare = ${best:nowhere.small.train.lr}\nspare_too = x ${spare}\nagain = ${rate}"
        text = FINAL.replace("rate = ${best:tiny.small.train.lr}", vars).replace("train.lr = ${rate}", "train.lr = ${again}")
        final.write_text(text)
        f.tfx("run", "final.ini", "--seed", 1)
        same(f.one("SELECT json_extract(train, '$.lr') FROM arm WHERE name = 'winner'"), "0.002", "of a variable of a variable")
        same([e for (e,) in f.sql("SELECT expression FROM spec_reference WHERE experiment = 2 ORDER BY 1")],
             ["best:tiny.small.model", "best:tiny.small.train.batch", "best:tiny.small.train.lr"], "what was taken")
        final.write_text(text.replace("train.lr = ${again}", "train.lr = ${spare}"))
        line = 1 + text.splitlines().index("spare = ${best:nowhere.small.train.lr}")
        message(f.tfx("plan", "final.ini", status=2), f"final.ini:{line}: spare: ", "has no experiment 'nowhere'")


def test_profiles_that_are_not_chosen():
    """What they take is checked, and not recorded."""
    with folder(SEARCH) as f:
        f.tfx("run", "tiny.ini", "--set", "sweep.rates.train.lr=2e-3")
        (f.path / "final.ini").write_text(FINAL.replace("${rate}", "1e-3").replace("rate = $", "unused = 1 ; $") + """
[profile searched]
arm.winner.train.lr = ${best:tiny.large.train.lr}
""")
        f.tfx("run", "final.ini", "--seed", 1)
        took = "SELECT expression FROM spec_reference WHERE experiment = ? ORDER BY 1"
        two = ["best:tiny.small.model", "best:tiny.small.train.batch"]
        same([e for (e,) in f.sql(took, 2)], two, "without the profile")
        f.tfx("run", "final.ini", "--seed", 1, "--profile", "searched")
        same([e for (e,) in f.sql(took, 3)], ["best:tiny.large.train.lr", *two], "with it")
        message(f.tfx("plan", "final.ini", "--set", "train.lr=${best:tiny.large.train.rl}", status=2),
                'nothing is recorded of "train.rl" of arm', 'did you mean "train.lr"?')


main(globals())

#!/usr/bin/env python3
"""Sweeps: points as arms of their own, in the database and on the command line."""
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


main(globals())

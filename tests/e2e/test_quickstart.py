#!/usr/bin/env python3
"""What README.md says of experiments/quickstart.ini and quickstart_search.ini: all arms spend the same FLOPs, all
models start by the same rule, each rate is one that the search tried for that model; and tools/quickstart finds its
answers."""
import re

from harness import *

QUICKSTART, SEARCH = (SOURCE / "experiments" / name for name in ("quickstart.ini", "quickstart_search.ini"))
DATA = ["--set", "data.loader.train=train.txt", "--set", "data.loader.val=val.txt"]
ARMS = ["transformer_small", "transformer_large", "tokenformer_small_on", "tokenformer_large", "tokenformer_grown"]
MODELS = ["transformer_small", "tokenformer_small", "transformer_large", "tokenformer_large"]
RATES = [1e-3, 2e-3, 4e-3, 8e-3]


def sections(f, spec):
    """{"arm a": {key: value}} of the resolved spec."""
    found = {}
    for line in f.tfx("plan", spec, "--resolved", *DATA).stdout.splitlines():
        if line.startswith("["):
            found[line[1:-1]] = here = {}
        elif line:
            key, _, value = line.partition(" =")
            here[key] = value.strip()
    return found


def test_same_flops():
    with folder() as f:
        plan = {a["arm"]: a for a in f.json("plan", QUICKSTART, *DATA)["arms"]}
        same(list(plan), ARMS, "arms")
        for arm in ARMS:
            ratio = plan[arm]["flops"] / plan["tokenformer_grown"]["flops"]
            expect(abs(ratio - 1) < 0.01, f"{arm} spends the FLOPs of tokenformer_grown within 1%", ratio)


def test_one_rule_for_all_models():
    with folder() as f:
        spec = sections(f, QUICKSTART)
        same([s[len("model "):] for s in spec if s.startswith("model ")], ["transformer_small", "transformer_large", "tokenformer_small", "tokenformer_large"], "models")
        for name, settings in spec.items():
            if not name.startswith("model "):
                continue
            stds = {k: v for k, v in settings.items() if k.endswith("_std")}
            expect(len(stds) > 6 and set(stds.values()) == {"fan_in"}, f"[{name}] starts as its fan-in says", stds)
            same(settings["embedding.logit_scale"], "rsqrt_dim", f"[{name}]: the factor of the logits")
            expect("true" not in [v for k, v in settings.items() if k.endswith("residual_init")], f"[{name}] has no other rule", settings)


def test_rates_are_searched():
    with folder() as f:
        quickstart, search = sections(f, QUICKSTART), sections(f, SEARCH)
        tried = {}
        for name, arm in search.items():
            if name.startswith("arm ") and "scaling" not in arm:
                tried.setdefault(arm["model"], []).append(float(arm["train.lr"]))
        same(tried, {model: RATES for model in MODELS}, "rates of each model from scratch")
        for name in MODELS:
            same(search[f"model {name}"], quickstart[f"model {name}"], f"[model {name}]")
        for name in ARMS:
            arm = quickstart[f"arm {name}"]
            expect(float(arm["train.lr"]) in tried[arm["model"]], f"{name} has a rate that was tried", arm)
        different = {k for k in quickstart["train"] if quickstart["train"][k] != search["train"].get(k)}
        same(different, {"eval_every"}, "what the search does otherwise, beside steps and rates")
        # The grown arm is the one of the quickstart, in both kinds of schedule.
        grown = {tuple(search[f"scaling {a['scaling']}"][k] for k in ("event.schedule", "policy.steps")) + (a["train.steps"], a["train.lr"])
                 for a in search.values() if "scaling" in a}
        arm, scaling = quickstart["arm tokenformer_grown"], quickstart["scaling grow"]
        same(grown, {(how, scaling["policy.steps"], arm["train.steps"], rate) for how in ("continue", "restart") for rate in ("0.002", "0.004")},
             "grown arms of the search")


def test_attribution():
    """The query that tools/quickstart ends with, of which every arm must be one of the spec."""
    script = (SOURCE / "tools" / "quickstart").read_text()
    query = re.search(r'build/tfx sql "\n(.*?)"\n\n', script, re.S)[1].replace('\\"', '"')
    with folder() as f:
        f.tfx("run", QUICKSTART, *DATA, "--set", "arm.*.train.steps=1", "--set", "scaling.grow.policy.steps=1",
              "--set", "data.eval_tokens=128", "--set", "train.batch=1", "--set", "train.warmup=0")
        rows = json.loads(f.tfx("sql", query, "--json").stdout)
        losses = dict(f.sql("SELECT arm, val_loss FROM run_summary"))
        same(sorted(losses), sorted(ARMS), "arms")
        same(len(rows), 6, "questions")
        same({r["arm"] for r in rows} | {r["than"] for r in rows}, set(ARMS), "arms that are asked about")
        for r in rows:
            same(r["val loss"], f"{losses[r['arm']] - losses[r['than']]:+.3f}", r["what"])
        # And the page that it says it has written.
        f.tfx(*re.search(r"^build/tfx (report .*)$", script, re.M)[1].split())
        (page,) = f.path.glob("*.html")
        expect(f"$root/{page.name}" in script, "where the page is", page)
        for arm in ARMS:
            expect(arm in page.read_text(), "every arm is in it", arm)


main(globals())

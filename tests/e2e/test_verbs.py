#!/usr/bin/env python3
"""The verbs that look at an experiment, before and after it ran."""
import math

from harness import *


def test_plan():
    with folder() as f:
        text = f.tfx("plan", "tiny.ini")
        for word in ("tokenformer_48", "57.4k", "FLOPs", "peak"):
            expect(word in text.stdout, f"the plan has {word}", text.stdout)
        same(text.stderr, "", "stderr of a plan")
        plan = f.json("plan", "tiny.ini")
        stages = {(a["arm"], s["stage"]): s for a in plan["arms"] for s in a["stages"]}
        same([(k, s["model"], s["first_step"], s["steps"]) for k, s in stages.items()],
             [(("transformer", 0), "transformer", 0, 12), (("grown", 0), "tokenformer_16", 0, 12),
              (("grown", 1), "tokenformer_32", 12, 8), (("grown", 2), "tokenformer_48", 20, 8)], "stages")
        # Embedding, two norms' weight and bias per block and at the end, q k v o, and an MLP of four times the width.
        same(stages["transformer", 0]["parameters"], 256 * 32 + 5 * 2 * 32 + 2 * (4 * 32 * 32 + 2 * 4 * 32 * 32), "parameters")
        for n, slots in enumerate((16, 32, 48)):
            # Keys, values and tau of each pattention; the last norm is the only one with parameters.
            same(stages["grown", n]["parameters"], 256 * 32 + 2 * 32 + 2 * (4 * (2 * slots * 32 + 1) + 2 * 4 * slots * 32 + 1),
                 "parameters of a TokenFormer")
        same(f.files(), ["tiny.ini", "train.txt", "val.txt"], "a plan writes nothing")
        f.tfx("run", "tiny.ini", "--set", "experiment.seeds=1")
        for run, arm in ((1, "transformer"), (2, "grown")):
            for number, parameters, flops, peak, rss in f.sql(
                    "SELECT number, parameters, flops_per_token, planned_peak_bytes, peak_rss_bytes FROM stage WHERE run = ?", run):
                s = stages[arm, number]
                same((parameters, flops, peak), (s["parameters"], s["flops_per_token"], s["peak_bytes"]), "what was planned")


def test_plan_of_time():
    """Steps of small stages are executed, of equal ones once; a stage whose steps take long has the speed of products."""
    def stages(f, *options):
        plan = f.json("plan", "tiny.ini", *options)
        return plan["device_flops_per_second"], {(a["arm"], s["stage"]): s for a in plan["arms"] for s in a["stages"]}

    long = ("--set", "arm.transformer.train.batch=4000", "--set", "arm.transformer.train.micro_batch=4")
    with folder(TINY + "[arm longer]\nmodel = transformer\ntrain.steps = 24\n") as f:
        _, small = stages(f)
        same({s["seconds_measured"] for s in small.values()}, {True}, "all are measured")
        same(small["longer", 0]["seconds"], 2 * small["transformer", 0]["seconds"], "twice the steps of one model")
        text = f.tfx("plan", "tiny.ini").stdout
        expect("by the fastest of a few executed now" in text and "GFLOP/s" not in text, "how it is known", text)
        speed, large = stages(f, *long)
        same([k for k, s in large.items() if not s["seconds_measured"]], [("transformer", 0)], "the long one is not")
        s = large["transformer", 0]
        expect(abs(s["seconds"] - s["executed_flops"] / (0.85 * speed)) < 1e-9 * s["seconds"], "it is reckoned", s)
        text = f.tfx("plan", "tiny.ini", *long).stdout
        expect("executed now on this machine; of larger stages at" in text and "GFLOP/s" in text, "what is known how", text)


def test_growth_that_changes_the_function():
    """What the plan says of slots is what the probe of a run finds, and the run says it, too."""
    for score, keeps in (("l2_norm_gelu", True), ("softmax", False)):
        with folder() as f:
            sets = ["--set", f"model.tokenformer_16.blocks.ffn.score={score}", "--set", "experiment.seeds=1"]
            arms = f.json("plan", "tiny.ini", *sets)["arms"]
            stages = next(a["stages"] for a in arms if a["arm"] == "grown")
            planned = f.tfx("plan", "tiny.ini", *sets).stdout
            said = f.tfx("run", "tiny.ini", *sets).stderr
            expect("growth" not in stages[0], "nothing grows into the first stage", stages[0])
            for s in stages[1:]:
                same(s["growth"]["keeps_function"], keeps, (score, s["growth"]))
                same(s["growth"]["logit_factor"], 1 if keeps else None, (score, s["growth"]))
                says = f"into {s['model']} {'keeps' if keeps else 'may change'} the function: {s['growth']['argument']}"
                expect(f"growth: arm grown {says}.\n" in planned, says, planned)
                expect(f"growth {says}\n" in said, says, said)
                expect(("what is new in slots adds zero" if keeps else "layer blocks.0.ffn (pattention), softmax: element ")
                       in says, "the argument", says)
            for claimed, argument, delta in f.sql("SELECT keeps_function, argument, probe_max_abs_delta_logit FROM growth_event ORDER BY id"):
                same(delta < 1e-3, keeps, (score, delta))
                same(claimed, int(keeps), "what the event records")
                expect(argument in [s["growth"]["argument"] for s in stages[1:]], "its argument", argument)


def test_resolved_text_is_a_fixed_point():
    """What --resolved prints is a spec that says the same thing, wherever it lies; profile and settings included."""
    profile = "\n[profile small]\ntrain.steps = 3\nmodel.*.context = 16\n"
    with folder(TINY + profile) as f:
        options = ["--profile", "small", "--set", "train.optimizer.beta1=0.8", "--set", "data.loader.val=./val.txt",
                   "--set", "model.transformer.blocks.1.ffn=pattention", "--set", "model.transformer.blocks.1.ffn.slots=5"]
        resolved = f.tfx("plan", "tiny.ini", "--resolved", *options).stdout
        for line in ("steps = 3", "context = 16", "optimizer.beta1 = 0.8", f"loader.val = {f.path}/val.txt",
                     "head = tied", "blocks = block_prenorm", "blocks.norm1.eps = 1e-05", "blocks.ffn.activation = gelu_erf",
                     "blocks.1.ffn = pattention", "blocks.1.ffn.slots = 5", "blocks.1.mixer.heads = 2"):
            expect(line in resolved.splitlines(), f"it has '{line}'", resolved)
        elsewhere = f.path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "again.ini").write_text(resolved)
        same(f.tfx("plan", "elsewhere/again.ini", "--resolved").stdout, resolved, "resolved twice")
        f.tfx("run", "tiny.ini", *options)
        f.tfx("run", "again.ini", cwd=elsewhere)
        for run in range(1, 5):
            same_outcome(outcome(f, run, "elsewhere/tfx.db"), outcome(f, run), f"run {run} from the resolved text")
        same(f.one("SELECT profile FROM experiment"), "small", "the profile")
        again = f.path / "stored.ini"
        again.write_text(f.tfx("show", 1, "--spec").stdout)
        same(f.tfx("plan", "stored.ini", "--resolved").stdout, resolved, "the stored spec")


def test_tokens():
    """Lengths in tokens are rounded up to whole steps of 4 rows of 32 tokens; the resolved spec says what was written."""
    def stages(f, *settings):
        plan = f.json("plan", "tiny.ini", *[x for s in settings for x in ("--set", s)])
        return {a["arm"]: [s["steps"] for s in a["stages"]] for a in plan["arms"]}
    with folder() as f:
        same(stages(f, "train.tokens=1281"), {"transformer": [11], "grown": [11, 8, 8]}, "steps of 1281 tokens")
        same(stages(f, "train.tokens=1.28k", "arm.grown.train.steps=3", "scaling.grow.policy.tokens=128,129"),
             {"transformer": [10], "grown": [3, 1, 2]}, "steps of each stage")
        resolved = f.tfx("plan", "tiny.ini", "--resolved", "--set", "train.tokens=1281").stdout
        expect("\ntokens = 1281\n" in resolved and "\nsteps =" not in resolved, "what was written", resolved)
        (f.path / "again.ini").write_text(resolved)
        same(f.tfx("plan", "again.ini", "--resolved").stdout, resolved, "resolved twice")


def test_warm_up_in_steps():
    """A quarter of 12 steps is 3 steps."""
    with folder() as f:
        f.tfx("run", "tiny.ini", "--set", "arm.grown.drop=true", "--set", "train.warmup=0.25")
        f.tfx("run", "tiny.ini", "--set", "arm.grown.drop=true", "--set", "train.warmup=3", "--db", "b.db")
        rates = "SELECT step, value FROM metric WHERE run = 1 AND name = 'lr' ORDER BY step"
        expect(len(f.sql(rates)) == 12, "12 steps")
        same(f.sql(rates, db="b.db"), f.sql(rates), "learning rates")


def test_plugins_of_defaults_are_replaced():
    """A layer that a socket has by default takes its options along, like one that the spec names."""
    base = TINY.replace("blocks.mixer.heads = 2\nblocks.ffn = mlp", "blocks.mixer.heads = 2\nblocks.ffn.hidden = 64")
    with folder(base) as f:
        (f.path / "more.ini").write_text("[experiment]\nextends = tiny.ini\n[model transformer]\n"
                                         "blocks.ffn = pattention\nblocks.ffn.slots = 64\n")
        resolved = f.tfx("plan", "more.ini", "--resolved").stdout
        expect("blocks.ffn.slots = 64" in resolved and "hidden" not in resolved, "the old layer's option is gone", resolved)
        f.tfx("plan", "tiny.ini", "--set", "model.transformer.blocks.ffn=linear")


QUERIES = ["INSERT INTO spec VALUES ('a', 'b')", "DELETE FROM metric", "UPDATE run SET status = 'done'", "DROP TABLE run",
           "ATTACH 'other.db' AS o", "VACUUM INTO 'other.db'", "PRAGMA journal_mode = DELETE", "PRAGMA user_version = 9",
           "SELECT 1; DELETE FROM metric", "CREATE TEMP TABLE t (a)", "BEGIN", "REPLACE INTO spec VALUES ('a', 'b')",
           "WITH x AS (SELECT 1) DELETE FROM metric", "PRAGMA writable_schema = 1", "SELECT load_extension('x')"]


def same_rows(found, expected, what):
    """Rows as JSON has them: printing may cost a number its last bit."""
    def close(a, b):
        return math.isclose(a, b, rel_tol=1e-14) if isinstance(a, float) and isinstance(b, float) else a == b
    expect(len(found) == len(expected) and all(len(a) == len(b) and all(map(close, a, b))
                                               for a, b in zip(found, expected)), what, f"{found}\n{expected}")


def test_reading():
    with folder() as f:
        f.tfx("run", "tiny.ini")
        rows = f.sql("SELECT run, arm, seed, val_loss FROM run_summary ORDER BY run DESC")

        found = f.json("runs")
        same_rows([(r["run"], r["arm"], r["seed"], r["val_loss"]) for r in found], rows, "runs, newest first")
        text = f.tfx("runs", "--experiment", "tiny").stdout
        same(len(text.splitlines()), 2 + len(rows), "lines of runs")
        message(f.tfx("runs", "--experiment", "tinny", status=2), "tinny")

        shown = f.json("show", 3)
        same((shown["arm"], shown["seed"], shown["status"], len(shown["stages"])), ("grown", 1, "done", 3), "show")
        for key, table in (("checkpoints", "checkpoint"), ("growth_events", "growth_event"), ("stages", "stage")):
            same([r["id"] for r in shown[key]], [i for (i,) in f.sql(f"SELECT id FROM {table} WHERE run = 3")], key)
        same(len(shown["plugins"]), f.one("SELECT count(*) FROM run_plugin WHERE run = 3"), "plugins of the run")
        text = f.tfx("show", 3).stdout
        for word in ("tokenformer_48", "stage_end", "max |delta logit|", "pattention", " thread", "runs/tiny/3"):
            expect(word in text, f"show has {word}", text)
        for wrong in ("99", "0", "x", "-1"):
            message(f.tfx("show", wrong, status=2), wrong)

        final, path = f.one("SELECT id, path FROM checkpoint WHERE run = 3 AND reason = 'final'")
        lineage = f.json("lineage", final)["checkpoints"]
        same([(c["checkpoint"], c["reason"]) for c in lineage],
             f.sql("SELECT ancestor, reason FROM lineage WHERE checkpoint = ? ORDER BY distance DESC", final), "lineage")
        text = f.tfx("lineage", final).stdout
        same(text.count("grows: "), 2, "growth in the lineage")
        same(f.tfx("lineage", path).stdout, text, "lineage by folder")
        same(f.tfx("lineage", f"{f.path}/{path}/", cwd="/", status=2).stdout, "", "no database elsewhere")
        same(f.tfx("lineage", final, "--db", f.path / "tfx.db", cwd="/").stdout, text, "lineage from elsewhere")
        message(f.tfx("lineage", 999, status=2), "999")

        for x, column in (("flops", "flops_incl"), ("tokens", "tokens_incl"), ("seconds", "seconds_incl"), ("steps", "steps_incl")):
            curve = f.json("curve", "tiny", "--x", x)
            same_rows([(c["run"], float(c[column]), c["val_loss"]) for c in curve],
                      f.sql(f"SELECT run, {column} * 1.0, val_loss FROM scaling_curve ORDER BY run, step, stage"),
                      f"curve over {x}")
        excluding = f.json("curve", "tiny", "--excluding")
        same(min(c["flops_excl"] for c in excluding if c["stage"] == 2), 0, "a stage's own cost starts at 0")
        csv = f.tfx("curve", "tiny", "--csv").stdout.splitlines()
        same(len(csv), 1 + len(excluding), "lines of CSV")
        message(f.tfx("curve", "tiny", "--x", "time", status=2), "flops, tokens, seconds, steps", "'time'")
        message(f.tfx("curve", "tiny", "--json", "--csv", status=2), "--json or --csv")

        same_rows([(r["run"], r["val_loss"]) for r in f.json("sql", "SELECT run, val_loss FROM run_summary ORDER BY run DESC")],
                  [(r[0], r[3]) for r in rows], "sql as JSON")
        same(f.tfx("sql", "SELECT 1 AS a, NULL AS b, 'x,\"y' AS c", "--csv").stdout.splitlines()[1], '1,,"x,""y"', "sql as CSV")
        before = f.sql("SELECT count(*), total(value) FROM metric") + f.sql("SELECT * FROM run")
        for query in QUERIES:
            r = f.tfx("sql", query, status=2)
            expect(r.stdout == "" and r.stderr.startswith("tfx: "), f"{query} is refused", r.stderr)
        same(f.sql("SELECT count(*), total(value) FROM metric") + f.sql("SELECT * FROM run"), before, "the database")
        same([p.name for p in f.path.glob("*.db")], ["tfx.db"], "databases")
        whole(f)


def test_plugins():
    with folder() as f:
        listed = f.json("plugin", "list")
        names = {(c["kind"], c["name"]) for p in listed["plugins"] for c in p["classes"]}
        for kind, built_in in (("layer", "linear pattention attention mlp block_prenorm embedding layernorm layernorm_nonparam "
                                "rmsnorm"), ("optimizer", "adamw sgd"), ("loader", "bytes tokens synthetic"),
                               ("scaling", "schedule"), ("backend", "cpu"), ("tokenizer", "bytes")):
            for name in built_in.split():
                expect((kind, name) in names, f"{kind} {name} is there", names)
        text = f.tfx("plugin", "list").stdout
        for p in listed["plugins"]:
            shown = {s["path"]: s for s in f.json("plugin", "show", p["name"])}  # and others with a class of that name
            expect(p["path"] in text and shown[p["path"]]["hash"] == p["hash"], f"plugin {p['name']}")
        expect("slots" in f.tfx("plugin", "show", "pattention").stdout, "options are shown")
        message(f.tfx("plugin", "show", "patention", status=2), 'did you mean "pattention"?')


main(globals())

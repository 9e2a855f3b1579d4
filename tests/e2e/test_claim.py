#!/usr/bin/env python3
"""tfx claim: verdicts where the interval says so, and claims that are refused because a comparison would not be fair, each
time with the run that is to blame."""
import resource
import signal

from harness import *

SEARCH = TINY.replace("name = tiny", "name = search").replace("seeds = 1, 2", "seeds = 1") + """
[sweep lr]
arms = transformer, grown
train.lr = 3e-3, 6e-3
"""
SPEC = TINY.replace("seeds = 1, 2", "seeds = 1, 2, 3").replace("lr = 3e-3", "lr = ${best:search.transformer.train.lr}") + """
[arm long]
model = transformer
train.steps = 40
[arm short]
model = transformer
train.steps = 20
[arm constant]
model = transformer
train.schedule = constant
[arm by_hand]
model = transformer
train.lr = 6e-3
[model odd]
extends = transformer
context = 24
[arm odd]
model = odd
[arm tuned]
model = transformer
train.steps = 20
[sweep tuned]
arms = tuned
train.lr = 3e-3, 1e-5
[arm trunk]
model = transformer
[arm branch]
start = arm:trunk@step:8
train.steps = 4
"""


@contextlib.contextmanager
def searched(*run):
    with folder(SPEC) as f:
        (f.path / "search.ini").write_text(SEARCH)
        f.tfx("run", "search.ini")
        f.tfx("run", "tiny.ini", *run)
        yield f


def claim(f, text, verdict, *args):
    got = json.loads(f.tfx("claim", "tiny", text, "--json", *args, status=0 if verdict == "supported" else 1).stdout)
    same(got["verdict"], verdict, text + "\n" + json.dumps(got, indent=1))
    return got


def refused(f, text, **lints):
    """Refused by these lints alone, each of which says these words."""
    got = claim(f, text, "refused")
    same({l["lint"].replace("-", "_") for l in got["lints"] if not l["holds"]}, set(lints), "lints that fail")
    for lint in got["lints"]:
        for words in [lints[lint["lint"].replace("-", "_")]] if not lint["holds"] else []:
            expect(words in "\n".join(lint["failures"]), f"{lint['lint']}: {words}", lint)


def change(f, sql, *args):
    with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:
        c.execute(sql, args)
        c.commit()


def run_of(f, arm, seed):
    return f.one("SELECT run FROM run_summary WHERE experiment = 'tiny' AND arm = ? AND seed = ?", arm, seed)


def test_verdicts():
    with searched("--arm", "transformer", "--arm", "short", "--arm", "long") as f:
        arm = f.json("compare", "tiny", "short", "transformer,long")["arms"][0]
        # Between two endpoints of B its losses are anywhere between a line and them, and the verdict must hold for all of that.
        for kind, names, sign, unit in (("saves {} {}{} flops at equal loss", ("saved", "least_saved"), 100, "%"),
                                        ("lowers loss by {} {}{} at equal flops", ("difference", "most_difference"), -1, "")):
            ends = sorted(sign * arm[name][end] for name in names for end in ("low", "high"))
            low, high, beside = ends[0], ends[-1], (ends[-1] - ends[0]) / 10
            expect(low < sign * arm[names[0]]["low" if sign > 0 else "high"] - beside, "lines alone would say more", arm)
            for op, number, verdict in ((">=", low - beside, "supported"), (">=", (low + high) / 2, "undecided"),
                                        (">", high + beside, "refuted"), ("<=", high + beside, "supported"),
                                        ("<", low - beside, "refuted")):
                got = claim(f, "short " + kind.format(op, f"{number:.6f}", unit) + " vs transformer,long", verdict)
                expect(all(l["holds"] for l in got["lints"]), "every lint holds", got["lints"])
        # What B never reaches within its endpoints is a bound, and may be enough.
        claim(f, "long saves >= -5% flops at equal loss vs transformer,short", "undecided")
        claim(f, "transformer saves <= 90% flops at equal loss vs short,long", "supported")
        claim(f, "transformer saves >= 95% flops at equal loss vs short,long", "refuted")

        same(f.one("SELECT count(*) FROM claim"), 13, "claims that are kept")
        text, verdict, evidence = f.one("SELECT text, verdict, evidence FROM claim ORDER BY id DESC LIMIT 1")
        same((text, verdict), ("transformer saves >= 95% flops at equal loss vs short,long", "refuted"), "the newest")
        expect(len(json.loads(evidence)["comparison"]["arms"][0]["pairs"]) == 3, "its evidence", evidence)
        listed = f.json("claim", "--list", "tiny")
        same([c["verdict"] for c in listed[:3]], ["refuted", "supported", "undecided"], "newest first")
        same(f.json("claim", "--list", "search"), [], "of another experiment")
        listed = f.tfx("claim", "--list", "tiny").stdout.splitlines()
        same(len(listed), 13, "a line for each")
        expect(listed[0].startswith("refuted    20") and listed[0].endswith("tiny: " + text), "the newest", listed[0])
        text = f.tfx("claim", "tiny", "transformer saves <= 90% flops at equal loss vs short,long").stdout
        expect(text.startswith("supported: transformer saves") and "ok   seeds" in text, "for people", text)

        # Lower than all of B by what seeds differ in is no bound.
        claim(f, "long saves >= -150% flops at equal loss vs short", "supported")
        for seed, lower in ((1, 1e-4), (2, 2e-3), (3, 4e-3)):
            loss = f.one("SELECT val_loss FROM run_summary WHERE run = ?", run_of(f, "short", seed))
            change(f, "UPDATE metric SET value = ? WHERE run = ? AND name = 'val_loss' AND step = 40", loss - lower, run_of(f, "long", seed))
        claim(f, "long saves >= -150% flops at equal loss vs short", "undecided")

        # What is worse is said as such, not as a minus of what is better.
        change(f, "UPDATE metric SET value = value + 0.43 WHERE name = 'val_loss' AND run IN (SELECT run FROM run_summary WHERE "
                  "experiment = 'tiny' AND arm = 'short')")
        arm = f.json("compare", "tiny", "short", "transformer,long")["arms"][0]
        worse = arm["difference"]
        expect(worse["mean"] > 0 and arm["saved"]["mean"] < 0, "short is worse than a line over the others", arm)
        text = f.tfx("claim", "tiny", "short lowers loss by > 0 at equal flops vs transformer,long", status=1).stdout
        expect(f"  short raises the loss by {worse['mean']:.4g} ({worse['low']:.4g} to {worse['high']:.4g}, 95%, 3 paired seeds); at "
               f"worst it raises the loss by {arm['most_difference']['mean']:.4g} (" in text, "more loss", text)
        text = f.tfx("claim", "tiny", "short saves > 0% flops at equal loss vs transformer,long", status=1).stdout
        expect(f"  short needs {-100 * arm['saved']['mean']:.4g}% more (" in text, "more FLOPs", text)


def test_no_verdict():
    """What could not be kept is no verdict, and has not the status of one."""
    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    with folder() as f:
        f.tfx("run", "tiny.ini")
        r = f.tfx("claim", "tiny", "grown lowers loss by > 0 at equal flops vs transformer", status=2, preexec_fn=limited)
        message(r, "database tfx.db")
        same(f.one("SELECT count(*) FROM claim"), 0, "claims")


def test_refused():
    with searched() as f:
        by_hand, constant, odd = (run_of(f, a, 1) for a in ("by_hand", "constant", "odd"))
        refused(f, "short saves >= 1% flops at equal loss vs constant",
                decayed=f"run {constant} (constant, seed 1) ended at a learning rate of 0.006; its peak is 0.006")
        refused(f, "by_hand saves >= 1% flops at equal loss vs long",
                learning_rate=f"run {by_hand} (by_hand, seed 1): its learning rate 0.006 was not searched for")
        # The best of a search is what counts of it; sentences about learning rates have both.
        refused(f, "short lowers loss by > 0 at equal flops vs tuned[lr=1e-5]",
                learning_rate=f"run {run_of(f, 'tuned[lr=1e-5]', 2)} (tuned[lr=1e-5], seed 2): tuned[lr=3e-3], of the same search, "
                "is better and not in the claim")
        claim(f, "tuned[lr=3e-3] lowers loss by > 0 at equal flops vs tuned[lr=1e-5]", "supported")
        # Of all points of a search the best is what the claim is about; of one that is named, that one.
        for a, points in (("tuned", ["3e-3"]), ("tuned[lr=1e-5]", ["1e-5"])):
            text = f.tfx("claim", "tiny", f"{a} lowers loss by > 0 at equal flops vs short", status=1).stdout
            same([p for p in ("3e-3", "1e-5") if f"  tuned[lr={p}] raises the loss by" in text], points, text)
        refused(f, "short lowers loss by > 0 at equal flops vs odd",
                learning_rate=f"run {odd} (odd, seed 1): its learning rate 0.006 was not searched for with its model odd",
                validation=f"run {odd} (odd, seed 1) was evaluated on other tokens than run {run_of(f, 'short', 1)}")
        # A claim says it of all runs; a comparison is an error.
        message(f.tfx("compare", "tiny", "short", "odd", status=2), "'odd' (seed 1) was evaluated on other tokens than 'short' (seed 3)",
                "their losses cannot be compared")
        change(f, "UPDATE stage SET eval_hash = 'the same'")
        refused(f, "short lowers loss by > 0 at equal flops vs odd", learning_rate="model odd", seeds="not paired: the training data")
        # A search with another model is none, whatever rate it came to; nor is one of something else.
        refused(f, "grown lowers loss by > -9 at equal flops vs long", learning_rate="not searched for with its model tokenformer_16")
        change(f, "UPDATE stage SET parameters = parameters + 1 WHERE run = ?", run_of(f, "short", 2))
        refused(f, "short lowers loss by > -9 at equal flops vs long",
                learning_rate=f"run {run_of(f, 'short', 2)} (short, seed 2): its learning rate 0.006 was not searched for with its model transformer")
        change(f, "UPDATE stage SET parameters = parameters - 1 WHERE run = ?", run_of(f, "short", 2))
        change(f, "UPDATE arm SET point = json_set(point, '$.\"train.warmup\"', name) WHERE base = 'tuned'")
        refused(f, "tuned lowers loss by > -9 at equal flops vs short", learning_rate="its learning rate 0.003 was not searched for")
        change(f, "UPDATE arm SET point = json_remove(point, '$.\"train.warmup\"') WHERE base = 'tuned'")
        refused(f, "short saves > 0% flops at equal loss vs long excluding ancestors",
                ancestors="the claim leaves out what ancestors spent")
        claim(f, "branch lowers loss by > -9 at equal flops vs transformer", "supported")

        change(f, "UPDATE checkpoint SET superseded = 1 WHERE run = ? AND step = 8", run_of(f, "trunk", 2))
        refused(f, "branch lowers loss by > -9 at equal flops vs transformer",
                superseded=f"run {run_of(f, 'branch', 2)} (branch, seed 2) stands on a checkpoint that no longer counts")
        # An arm that was recorded before there was a choice computes in f32.
        change(f, "UPDATE arm SET train = json_remove(train, '$.compute') WHERE name = 'transformer'")
        claim(f, "short saves > -900% flops at equal loss vs transformer,long", "supported")
        change(f, "UPDATE arm SET train = json_set(train, '$.compute', 'bf16') WHERE name = 'long'")
        refused(f, "short saves > -900% flops at equal loss vs transformer,long",
                rules=f"run {run_of(f, 'long', 1)} (long, seed 1) computes in bf16, run {run_of(f, 'transformer', 1)} "
                      "(transformer, seed 1) in f32")
        change(f, "UPDATE arm SET train = json_set(train, '$.compute', 'f32')")
        # Runs of one experiment share a row of `environment` here.
        change(f, "INSERT INTO environment SELECT 99, '0.0.9', abi_version, git_commit, host, os, cpu, n_cores, memory_bytes, "
                  "backend, libraries FROM environment LIMIT 1")
        change(f, "UPDATE run SET environment = 99 WHERE id = ?", run_of(f, "long", 3))
        refused(f, "short saves > 0% flops at equal loss vs transformer,long",
                rules=f"run {run_of(f, 'long', 3)} (long, seed 3) was made by tfx 0.0.9")
        # On another machine it computes the same, but not in the same time.
        change(f, "UPDATE environment SET tfx_version = (SELECT tfx_version FROM environment WHERE id < 99), host = 'fast'")
        claim(f, "short saves > -900% flops at equal loss vs transformer,long", "supported")
        change(f, "UPDATE environment SET host = 'slow' WHERE id < 99")
        refused(f, "short saves > -900% seconds at equal loss vs transformer,long",
                rules=f"run {run_of(f, 'long', 3)} (long, seed 3) took its seconds on fast, ")
        change(f, "UPDATE run SET environment = (SELECT environment FROM run WHERE id = 1)")
        change(f, "UPDATE run SET environment = 99 WHERE id = ?", run_of(f, "trunk", 1))
        claim(f, "branch lowers loss by > -9 at equal flops vs transformer", "refused")  # of the checkpoint above, alone
        got = claim(f, "branch lowers loss by > -9 at equal seconds vs transformer", "refused")
        expect(f"run {run_of(f, 'branch', 1)} (branch, seed 1) took its seconds on slow" in json.dumps(got["lints"]) and
               "what it started from on fast" in json.dumps(got["lints"]), "an ancestor's machine", got["lints"])
        change(f, "UPDATE run SET environment = (SELECT environment FROM run WHERE id = 1)")
        # What an ancestor started from counts as well.
        change(f, "INSERT INTO outside_start VALUES (?, 'elsewhere', 'x', 0, 0, 0, 0)", run_of(f, "trunk", 3))
        change(f, "UPDATE checkpoint SET superseded = 0 WHERE run = ? AND step = 8", run_of(f, "trunk", 2))
        refused(f, "branch lowers loss by > -9 at equal flops vs transformer",
                ancestors=f"run {run_of(f, 'branch', 3)} (branch, seed 3) started from a checkpoint outside of the database")
        # A search of twice the effort for one side.
        change(f, "UPDATE arm SET lr_search = 'best:other.long.train.lr' WHERE name = 'long'")
        change(f, "INSERT INTO spec_reference SELECT experiment, 'best:other.long.train.lr', value, source_experiment, 'x', '1', "
                  "1.0, 4, 1, 'transformer' FROM spec_reference LIMIT 1")
        refused(f, "short saves > 0% flops at equal loss vs transformer,long",
                learning_rate="2 runs were tried for its learning rate, for that of run")
        change(f, "UPDATE arm SET lr_search = NULL WHERE name = 'long'") # as an earlier version has it
        refused(f, "short saves > 0% flops at equal loss vs transformer,long",
                learning_rate="its learning rate 0.006 was not searched for with its model transformer")
        f.tfx("run", "tiny.ini", "--extend")
        claim(f, "short saves > -900% flops at equal loss vs transformer,long", "supported")
        # A search that is removed was one all the same.
        f.tfx("rm", "search", "--yes")
        claim(f, "short saves > -900% flops at equal loss vs transformer,long", "supported")
        change(f, "UPDATE run SET status = 'failed' WHERE id = ?", run_of(f, "long", 2))
        refused(f, "short saves > 0% flops at equal loss vs transformer,long",
                finished=f"run {run_of(f, 'long', 2)} (long, seed 2) is failed",
                seeds="'long' has no seed 2, which others of 'transformer,long' have")
        change(f, "UPDATE run SET status = 'failed' WHERE id = ?", run_of(f, "short", 2))
        refused(f, "short saves > 0% flops at equal loss vs transformer",
                finished=f"run {run_of(f, 'short', 2)} (short, seed 2) is failed", seeds="short: 2 seeds done, at least 3")


def test_two_seeds_and_mistakes():
    with searched("--arm", "short", "--arm", "long", "--seed", "1", "--seed", "2") as f:
        got = claim(f, "short saves > 0% flops at equal loss vs long", "refused")
        failures = {l["lint"]: l["failures"] for l in got["lints"] if not l["holds"]}
        same(set(failures), {"finished", "seeds"}, f"two seeds, the third one is planned: {failures}")
        expect("long: 2 seeds done, at least 3 are needed" in failures["seeds"], "seeds", failures)
        rows = f.one("SELECT count(*) FROM claim")
        for text, *words in (
                ("", "expected arms after word 0"),
                ("short", "expected 'saves' or 'lowers' after word 1, found the end"),
                ("short save >= 3% flops at equal loss vs long", "word 2: expected 'saves' or 'lowers', found 'save'"),
                ("short saves => 3% flops at equal loss vs long", "word 3: expected >=, >, <= or <, found '=>'"),
                ("short saves >= 3 flops at equal loss vs long", "word 4: expected a number with %", "found '3'"),
                ("short saves >= 120% flops at equal loss vs long", "word 4: expected less than 100%"),
                ("short saves >= nan% flops at equal loss vs long", "word 4: expected a number with %"),
                ("short saves >= 3% watts at equal loss vs long", "word 5: expected flops, tokens or seconds, found 'watts'"),
                ("short saves >= 3% flops at equal loss vs", "expected arms after word 9, found the end"),
                ("short lowers loss by > 2% at equal flops vs long", "word 6: expected a number, such as 0.02"),
                ("short saves >= 3% flops at equal loss vs long please", "word 11: expected the end, or 'excluding ancestors'"),
                ("short saves >= 3% flops at equal loss vs sh*", "arm 'short' is on both sides: 'short' and 'sh*'"),
                ("shrt saves >= 3% flops at equal loss vs long", "no arm 'shrt'", 'did you mean "short"?'),
                ("short saves >= 3% flops at equal loss vs lung", "no arm 'lung'", 'did you mean "long"?')):
            message(f.tfx("claim", "tiny", text, status=2), *words)
        message(f.tfx("claim", "tiny", status=2), "expected an experiment and a claim")
        message(f.tfx("claim", "tny", "x", status=2), 'did you mean "tiny"?')
        message(f.tfx("claim", "tiny", "a saves >= 1% flops at equal loss vs b", "--db", "none.db", status=2), "none.db")
        same((f.one("SELECT count(*) FROM claim"), (f.path / "none.db").exists()), (rows, False), "nothing was recorded")


main(globals())

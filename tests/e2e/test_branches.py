#!/usr/bin/env python3
"""Arms that start from checkpoints of other runs: the same bits as the run that they branch from, costs with and without
it, kills, parts, several processes, and mistakes."""
from harness import *

# One constant-rate trunk, which checkpoints and evaluates at other steps than those where others start.
SPEC = TINY.replace("seeds = 1, 2", "seeds = 1").replace("lr = 3e-3", "lr = 3e-3\nwarmup = 0\nschedule = constant") + """
[arm tail]
model = transformer
start = arm:transformer@step:7
train.steps = 5

[arm cool]
extends = tail
start = arm:tail@step:3
start.data = restart
start.optimizer = reset
train.steps = 4
train.schedule = linear

[arm from_grown]
model = tokenformer_32
start = arm:grown@stage:1
start.optimizer = keep
train.steps = 3
"""


def run_of(f, arm, seed=1):
    return f.one("SELECT max(r.id) FROM run r JOIN arm a ON a.id = r.arm WHERE a.name = ? AND r.seed = ?", arm, seed)


def metric(f, arm, name, seed=1):
    return dict(f.sql("SELECT step, value FROM metric WHERE run = ? AND name = ? AND superseded = 0", run_of(f, arm, seed),
                      name))


def tensors(f, arm, reason="final"):
    path = f.one("SELECT path FROM checkpoint WHERE run = ? AND reason = ? AND superseded = 0", run_of(f, arm), reason)
    return [safetensors(f.path / path / name)[0] for name in ("model.safetensors", "optimizer.safetensors")]


def status(f):
    return dict(f.sql("SELECT arm, status FROM run_summary"))


def shell(f, query):
    """The sqlite3 program, or where it is not installed the same library."""
    if shutil.which("sqlite3"):
        return subprocess.run(["sqlite3", "-readonly", "tfx.db", query], cwd=f.path, text=True, capture_output=True,
                              check=True).stdout.split("\n")[:-1]
    return ["|".join("" if x is None else str(x) for x in row) for row in f.sql(query)]


def plugins(f):
    """Environment with the layer square_mlp, which has dropout."""
    (f.path / "plugins").mkdir()
    for name in ("square.so", "square_mlp.so"):
        shutil.copy(HELPERS / name, f.path / "plugins")
    return {"TFX_PLUGIN_PATH": str(f.path / "plugins")}


def test_a_branch_is_the_continuation():
    for settings in ([], ["--set", "train.micro_batch=2", "--set", "train.optimizer.moments=bf16",
                          "--set", "train.compute=bf16", "--set", "train.recompute=block"],
                     ["--set", "model.transformer.blocks.ffn=square_mlp",  # masks go on, too
                      "--set", "model.transformer.blocks.ffn.dropout=0.3"]):
        with folder(SPEC) as f:
            f.tfx("run", "tiny.ini", *settings, "--arm", "tail", env=plugins(f))
            trunk, tail = metric(f, "transformer", "train_loss"), metric(f, "tail", "train_loss")
            same(tail, {step - 7: loss for step, loss in trunk.items() if step > 7}, f"losses, {settings}")
            same(metric(f, "tail", "val_loss")[5], metric(f, "transformer", "val_loss")[12], f"validation, {settings}")
            same(tensors(f, "tail"), tensors(f, "transformer"), f"parameters and optimizer state, {settings}")
            tidy(f)


def test_what_is_not_kept():
    """Without the state the first update is another one; with data from their beginning the first loss is."""
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", "--arm", "tail")
        kept = metric(f, "tail", "train_loss")
        f.tfx("run", "tiny.ini", "--arm", "tail", "--set", "arm.tail.start.optimizer=reset")
        reset = metric(f, "tail", "train_loss")
        expect(reset[1] == kept[1] and reset[2] != kept[2], "a reset optimizer", [kept, reset])
        f.tfx("run", "tiny.ini", "--arm", "tail", "--set", "arm.tail.start.data=restart")
        again = metric(f, "tail", "train_loss")
        expect(again[1] != kept[1], "data from their beginning", [kept, again])
        same(metric(f, "tail", "val_loss")[0], f.one("SELECT val_loss FROM scaling_curve WHERE run = ? AND step = 0",
                                                     run_of(f, "tail")), "the start is evaluated")


def test_costs_and_lineage():
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini")
        same(set(status(f).values()), {"done"}, "all runs")
        step = 4 * 32
        per_token = f.one("SELECT flops_per_token FROM stage WHERE run = ?", run_of(f, "cool"))
        ids = {arm: run_of(f, arm) for arm in status(f)}
        # 7 steps of the trunk, not its 12; then 3 of tail's 5.
        same(shell(f, "SELECT arm, steps, steps_incl, tokens, tokens_incl FROM run_summary WHERE arm IN ('tail', 'cool') "
                      "ORDER BY run"), [f"tail|5|12|{5 * step}|{12 * step}", f"cool|4|14|{4 * step}|{14 * step}"], "runs")
        same(shell(f, "SELECT run, runs, steps, tokens FROM run_ancestors ORDER BY run"),
             sorted([f"{ids['tail']}|1|7|{7 * step}", f"{ids['cool']}|2|10|{10 * step}",
                     f"{ids['from_grown']}|1|20|{20 * step}"]), "ancestors")
        rows = shell(f, "SELECT step, flops, flops_excl, flops_incl, tokens_incl FROM scaling_curve WHERE arm = 'cool' "
                        "ORDER BY step")
        same([[float(x) for x in r.split("|")] for r in rows],
             [[s, s * step * per_token, s * step * per_token, (10 + s) * step * per_token, (10 + s) * step] for s in (0, 4)],
             "the curve")
        same(shell(f, "SELECT DISTINCT steps_incl - steps_excl FROM cost_to_loss WHERE arm = 'cool'"), ["10"], "cost to loss")
        # A grown trunk: its first stage counts, too.
        small, large = [r[0] for r in f.sql("SELECT flops_per_token FROM stage WHERE run = ? ORDER BY number LIMIT 2",
                                            ids["grown"])]
        same(float(shell(f, "SELECT flops_incl FROM run_summary WHERE arm = 'from_grown'")[0]),
             step * (12 * small + 8 * large + 3 * large), "FLOPs with a grown trunk")
        # Seconds add up as well.
        own, before, all_of_it = map(float, shell(f, "SELECT s.seconds, o.seconds, s.seconds_incl FROM run_summary s JOIN "
                                                     "run_ancestors o USING (run) WHERE s.arm = 'cool'")[0].split("|"))
        expect(before > 0 and abs(own + before - all_of_it) < 1e-9, "seconds", [own, before, all_of_it])

        final = f.one("SELECT id FROM checkpoint WHERE run = ? AND reason = 'final'", ids["cool"])
        way = f.sql("SELECT arm, step, steps_incl, flops, flops_incl FROM lineage WHERE checkpoint = ? ORDER BY distance", final)
        same([r[:3] for r in way], [("cool", 4, 14), ("tail", 3, 10), ("transformer", 7, 7), ("transformer", 4, 4)], "way up")
        same([round(r[4] / r[3] * r[1]) for r in way], [14, 10, 7, 4], "FLOPs on the way")
        text = f.tfx("lineage", final).stdout
        expect(f"run {ids['tail']}: tiny / tail" in text and "including ancestors" in text, "the drawing", text)
        document = f.json("lineage", final)
        same([c["tokens_incl"] for c in document["checkpoints"]], [4 * step, 7 * step, 10 * step, 14 * step], "as JSON")
        shown = f.json("show", ids["cool"])
        same((shown["start"], shown["steps_incl"], shown["stages"][0]["parent_checkpoint"]),
             ("arm:tail@step:3", 14, f.one("SELECT id FROM checkpoint WHERE run = ? AND step = 3", ids["tail"])), "tfx show")
        curve = f.json("curve", "tiny", "--x", "steps")
        same([r["steps_incl"] for r in curve if r["arm"] == "cool"], [10, 14], "tfx curve")
        tidy(f)


def test_checkpoints_stay():
    """Whatever the trunk would keep for itself: those that others start from, with optimizer state where it is needed."""
    lean = ["--set", "train.keep_stages=false", "--set", "train.keep_optimizer=false", "--set", "train.keep_checkpoints=1",
            "--set", "train.checkpoint_every=1", "--set", "arm.cool.start=arm:transformer@end",
            "--set", "arm.cool.start.optimizer=keep"]
    with folder(SPEC) as f, folder(SPEC) as rich:
        f.tfx("run", "tiny.ini", *lean)
        same(f.sql("SELECT a.name, c.step, c.reason FROM checkpoint c JOIN run r ON r.id = c.run JOIN arm a ON a.id = r.arm "
                   "WHERE c.deleted IS NULL AND a.name IN ('transformer', 'grown') AND c.reason <> 'final' ORDER BY 1, 2"),
             [("grown", 20, "stage_end"), ("transformer", 7, "periodic")], "what stays")
        has = {arm: bool(f.sql("SELECT 1 FROM checkpoint WHERE run = ? AND reason = 'final'", run_of(f, arm)))
               and (f.path / f.one("SELECT path FROM checkpoint WHERE run = ? AND reason = 'final'", run_of(f, arm))
                    / "optimizer.safetensors").exists() for arm in ("transformer", "grown", "tail")}
        same(has, {"transformer": True, "grown": False, "tail": False}, "optimizer state at the end")
        planned = {a["arm"]: a["disk_bytes"] for a in f.json("plan", "tiny.ini", *lean)["arms"]}
        for arm, most in planned.items():
            used = sum(p.stat().st_size for p in (f.path / "runs/tiny" / str(run_of(f, arm))).rglob("*.safetensors"))
            expect(used < most * 1.2 + 20000, f"{arm} takes {used} bytes, planned {most}")
        tidy(f)
        rich.tfx("run", "tiny.ini", "--set", "arm.cool.start=arm:transformer@end", "--set", "arm.cool.start.optimizer=keep",
                 "--set", "train.keep_checkpoints=100", "--set", "train.checkpoint_every=1")
        for arm in ("tail", "cool", "from_grown"):
            same(metric(f, arm, "train_loss"), metric(rich, arm, "train_loss"), f"losses of {arm}")


def undisturbed():
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini")
        return {run: outcome(f, run) for (run,) in f.sql("SELECT id FROM run")}


def test_killed_again_and_again():
    """Trunks and branches, each some changes to the disk further."""
    expected = undisturbed()
    with folder(SPEC) as f:
        kills = 0
        for attempt in range(100):
            resume = ["--resume"] if attempt else []
            r = f.tfx("run", "tiny.ini", *resume, status=None, env=crashing(25 + 3 * attempt))
            whole(f)
            kills += r.stderr.count("was killed by signal 9")
            if r.returncode == 0:
                break
        expect(r.returncode == 0 and kills > 6, f"done after some kills, not after {kills}", r.stderr)
        for run, o in expected.items():
            same_outcome(outcome(f, run), o, f"run {run}, killed {kills} times in all")
        tidy(f)


def test_killed_around_the_start():
    """A trunk between the checkpoint for the branch and its row; a branch before it has anything of its own."""
    with folder(SPEC) as f:
        log = f.path / "log"
        f.tfx("run", "tiny.ini", "--arm", "transformer", env=preload({"CRASH_IN": "worker", "CRASH_LOG": str(log)}))
        changes = [line.split(" ", 2) for line in log.read_text().splitlines()]
        named = [int(n) for n, call, path in changes if call == "renameat2" and path.endswith("step-00000007-periodic")]
        same(len(named), 1, "the checkpoint for the branch")
    only = ["--arm", "tail"]
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", *only)
        expected = {arm: outcome(f, run_of(f, arm)) for arm in ("transformer", "tail")}
    for at in range(named[0], named[0] + 4):
        with folder(SPEC) as f:
            r = f.tfx("run", "tiny.ini", *only, status=3, env=crashing(at))
            expect("(arm transformer, seed 1) was killed" in r.stderr, "the trunk was killed", r.stderr)
            f.tfx("run", "tiny.ini", *only, "--arm", "transformer", "--resume")
            for arm, o in expected.items():
                same_outcome(outcome(f, run_of(f, arm)), o, f"{arm}, {at - named[0]} changes after its checkpoint's name")
            tidy(f)
    for at in (1, 3, 5, 8, 12):
        with folder(SPEC) as f:
            f.tfx("run", "tiny.ini", "--arm", "transformer")
            f.tfx("run", "tiny.ini", *only, status=3, env=crashing(at))
            f.tfx("run", "tiny.ini", *only, "--resume")
            same_outcome(outcome(f, run_of(f, "tail")), expected["tail"], f"a branch killed at change {at}")
            tidy(f)


def test_a_branch_alone():
    """What it starts from comes with it, once."""
    with folder(SPEC) as f:
        r = f.tfx("run", "tiny.ini", "--arm", "cool")
        for arm in ("transformer", "tail"):
            expect(f"(arm {arm}, seed 1) is executed, too" in r.stderr, "it says so", r.stderr)
        same({a for a, s in status(f).items() if s == "done"}, {"transformer", "tail", "cool"}, "the way down to it")
        before = outcome(f, run_of(f, "transformer"))
        r = f.tfx("run", "tiny.ini", "--arm", "from_grown")
        expect("(arm grown, seed 1) is executed, too" in r.stderr, "another trunk", r.stderr)
        r = f.tfx("run", "tiny.ini", "--resume")
        expect("executed, too" not in r.stderr, "nothing is left to add", r.stderr)
        same((f.one("SELECT count(*) FROM experiment"), set(status(f).values())), (1, {"done"}), "one experiment")
        same_outcome(outcome(f, run_of(f, "transformer")), before, "the trunk is trained once")


def test_order_in_the_file_does_not_matter():
    upside_down = SPEC.split("[arm tail]")[0].split("[arm transformer]")[0] + """
[arm late]
model = transformer
start = arm:early@end
train.steps = 2
[arm early]
model = transformer
start = arm:transformer@step:7
train.steps = 2
[arm transformer]
model = transformer
"""
    with folder(upside_down) as f:
        f.tfx("run", "tiny.ini")
        same(f.sql("SELECT arm, status FROM run_summary ORDER BY started"),
             [("transformer", "done"), ("early", "done"), ("late", "done")], "the order")


def test_a_trunk_fails():
    with folder(SPEC) as f:
        diverges = ["--set", "arm.transformer.train.lr=1e30", "--set", "arm.transformer.train.clip=0"]
        f.tfx("run", "tiny.ini", *diverges, status=3)
        run = run_of(f, "transformer")
        same(status(f), {"transformer": "failed", "tail": "failed", "cool": "failed", "grown": "done",
                         "from_grown": "done"}, "others go on")
        details = dict(f.sql("SELECT arm, detail FROM run_summary WHERE status = 'failed'"))
        expect(f"its start, run {run} (arm transformer, seed 1), failed, without the checkpoint for "
               "arm:transformer@step:7" in details["tail"], "why", details["tail"])
        expect(f"run {run_of(f, 'tail')} (arm tail, seed 1), failed" in details["cool"], "why in turn", details["cool"])


def test_a_trunk_fails_later():
    """What it left before is whole, and is started from."""
    with folder(SPEC) as f:
        log = f.path / "log"
        f.tfx("run", "tiny.ini", "--arm", "transformer", env=preload({"CRASH_IN": "worker", "CRASH_LOG": str(log)}))
        n = len(log.read_text().splitlines())
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", "--arm", "transformer", env=crashing(n - 3), status=3)
        r = f.tfx("run", "tiny.ini", "--arm", "tail")
        same((status(f)["tail"], status(f)["transformer"]), ("done", "failed"), "the trunk is left as it is")
        expect("executed, too" not in r.stderr, "nor is it said", r.stderr)
        f.tfx("run", "tiny.ini", "--resume")
        same(set(status(f).values()), {"done"}, "all the rest")


def start_trunk(f, *settings):
    """A command that executes the trunk, and the process that does so, stopped where it holds up nobody else."""
    p = f.start("run", "tiny.ini", *settings, "--arm", "transformer", stderr=subprocess.DEVNULL)
    wait_for(lambda: (f.path / "tfx.db").exists() and f.sql("SELECT 1 FROM sqlite_schema WHERE name = 'metric'") and
             f.sql("SELECT 1 FROM metric"), "the trunk trains")
    worker = f.one("SELECT pid FROM run WHERE status = 'running'")
    while True:
        os.kill(worker, signal.SIGSTOP)
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db", timeout=1)) as c:
            try:
                c.execute("BEGIN IMMEDIATE")
                return p, worker
            except sqlite3.OperationalError:  # it was writing
                os.kill(worker, signal.SIGCONT)


def start_waiting(f, *settings):
    with open(f.path / "said", "w") as said:
        p = f.start("run", "tiny.ini", *settings, "--arm", "tail", stderr=said)
    wait_for(lambda: "waits for run" in (f.path / "said").read_text(), "the branch waits")
    return p


def test_side_by_side():
    """A branch waits for a trunk that another command executes, and can be stopped while it does."""
    quiet = ["--set", "arm.transformer.train.checkpoint_every=0", "--set", "arm.transformer.train.eval_every=0",
             "--set", "arm.transformer.train.log_every=1000000"]
    long = [*quiet, "--set", "arm.transformer.train.steps=1500", "--set", "arm.tail.start=arm:transformer@step:1499"]
    with folder(SPEC) as f:
        trunk, worker = start_trunk(f, *long)
        branch = start_waiting(f, *long)
        os.kill(worker, signal.SIGCONT)
        for p in (trunk, branch):
            p.communicate()
            same(p.returncode, 0, "exit status")
        expect("executed, too" not in (f.path / "said").read_text(), "the trunk is executed once")
        same((status(f)["transformer"], status(f)["tail"], f.one("SELECT count(*) FROM experiment")), ("done", "done", 1),
             "both are done in one experiment")
    with folder(SPEC) as f:
        trunk, worker = start_trunk(f, *long)
        branch = start_waiting(f, *long)
        branch.send_signal(signal.SIGINT)
        branch.communicate()
        same((branch.returncode, status(f)["tail"]), (130, "interrupted"), "a branch that was stopped while it waited")
        os.kill(worker, signal.SIGKILL)
        trunk.communicate()
        same((trunk.returncode, status(f)["transformer"]), (3, "failed"), "the trunk was killed")


def from_elsewhere(start, **more):
    """SPEC with one arm only, which starts there."""
    keys = "".join(f"{k} = {v}\n" for k, v in {"start": start, "train.steps": 3, **more}.items())
    return SPEC.split("[arm transformer]")[0] + "[arm more]\nmodel = transformer\n" + keys


def test_runs_and_checkpoints():
    with folder(SPEC) as f, folder(SPEC) as other:
        f.tfx("run", "tiny.ini", "--arm", "tail")
        tail, step = run_of(f, "tail"), 4 * 32
        final = f.one("SELECT path FROM checkpoint WHERE run = ? AND reason = 'final'", tail)
        expected = None
        for start in (f"run:{tail}@end", f"run:{tail}@step:5", f"run:{tail}@stage:0", f"checkpoint:{final}",
                      f"checkpoint:{f.path / final}/"):
            f.spec.write_text(from_elsewhere(start))
            planned = f.json("plan", "tiny.ini")["arms"][0]["start"]
            same((planned["steps_before"], planned["tokens_before"], planned["optimizer"], planned["data"]),
                 (12, 12 * step, "keep", "continue"), f"plan of {start}")
            f.tfx("run", "tiny.ini")
            found = metric(f, "more", "train_loss")
            expected = expected or found
            same(found, expected, f"losses from {start}")
            same(f.sql("SELECT steps_incl, tokens_incl FROM run_summary WHERE run = ?", run_of(f, "more")),
                 [(15, 15 * step)], f"costs from {start}")
            same(f.one("SELECT count(*) FROM lineage l JOIN checkpoint c ON c.id = l.checkpoint WHERE c.run = ? AND "
                       "c.reason = 'final' AND l.run = ?", run_of(f, "more"), tail) > 0, True, f"lineage of {start}")
        same(f.sql("SELECT * FROM outside_start"), [], "all of them are known here")
        # From another folder the database knows nothing; the checkpoint's own record tells what was spent.
        other.spec.write_text(from_elsewhere(f"checkpoint:{f.path / final}"))
        r = other.tfx("run", "tiny.ini", status=2)  # the copied texts have another path: is it the same data?
        expect("start.data = continue" in r.stderr and "other data" in r.stderr, "other data", r.stderr)
        copied = from_elsewhere(f"checkpoint:{f.path / final}").replace("loader.train = ", f"loader.train = {f.path}/").replace(
            "loader.val = ", f"loader.val = {f.path}/")
        other.spec.write_text(copied)
        other.tfx("run", "tiny.ini")
        same(metric(other, "more", "train_loss"), expected, "losses from outside")
        same(other.sql("SELECT steps_incl, tokens_incl FROM run_summary"), [(15, 15 * step)], "costs from outside")
        same(other.one("SELECT steps, tokens, hash FROM outside_start"),
             (12, 12 * step, f.one("SELECT hash FROM checkpoint WHERE run = ? AND reason = 'final'", tail)), "what is recorded")
        # And a branch of that: outside costs are passed on.
        other.spec.write_text(copied + "[arm next]\nmodel = transformer\nstart = arm:more@end\ntrain.steps = 2\n")
        other.tfx("run", "tiny.ini")
        same(other.sql("SELECT steps_incl FROM run_summary WHERE arm = 'next'"), [(17,)], "costs of a branch of it")


def test_the_documented_ones():
    """The ten lines of docs/spec.md, a tenth as long, and experiments/cooldowns.ini, small."""
    page = (SOURCE / "docs" / "spec.md").read_text().partition("## Starting from another run")[2]
    arms = page.partition("```ini\n")[2].partition("```")[0]
    expect(len(arms.splitlines()) <= 10 and arms.count("start = arm:trunk@") == 2, "ten lines", arms)
    model = SPEC[SPEC.index("[model transformer]"):SPEC.index("[model tokenformer_16]")].replace("transformer]", "small]")
    head = SPEC[:SPEC.index("[model")].replace("schedule = constant", "schedule = linear\nmin_lr = 0")
    with folder(head + model + arms.replace("00\n", "0\n")) as f:
        f.tfx("run", "tiny.ini")
        same(f.sql("SELECT arm, steps, steps_incl FROM run_summary ORDER BY run"),
             [("trunk", 80, 80), ("budget_500", 10, 50), ("budget_1000", 20, 100)], "steps")
        same([metric(f, arm, "lr")[last] for arm, last in (("trunk", 80), ("budget_500", 10), ("budget_1000", 20))],
             [3e-3, 0, 0], "the last rate")
        same(f.one("SELECT max(value) FROM metric WHERE name = 'lr' AND run = ? AND step = 1", run_of(f, "budget_500")),
             3e-3 * 0.9, "the first rate of a cooldown")
    with folder((SOURCE / "experiments" / "cooldowns.ini").read_text().replace("../data/linux-doc/", "")) as f:
        arms = {"trunk": 48, "budget_150": 3, "budget_300": 6, "budget_600": 12, "cosine_600": 60}
        small = [f"arm.{arm}.train.steps={n}" for arm, n in arms.items()]
        small += [f"arm.budget_{n}.start=arm:trunk@step:{n * 8 // 100}" for n in (150, 300, 600)]
        small += ["model.small.n_blocks=1", "model.small.dim=32", "model.small.context=32", "data.eval_tokens=256",
                  "arm.trunk.train.warmup=3", "arm.cosine_600.train.warmup=3"]
        f.tfx("run", "tiny.ini", *[x for s in small for x in ("--set", s)])
        same(dict(f.sql("SELECT arm, steps_incl FROM run_summary")),
             {"trunk": 48, "budget_150": 15, "budget_300": 30, "budget_600": 60, "cosine_600": 60}, "equal budgets")


def test_planned():
    with folder(SPEC) as f:
        text = f.tfx("plan", "tiny.ini").stdout
        expect("start: [arm tail] from step 7 of arm transformer, optimizer state kept, data continued; 896 tokens and "
               in text, "a step", text)
        expect("start: [arm cool] from step 3 of arm tail, optimizer state reset, data restarted; 1.28k tokens" in text,
               "a branch of a branch", text)
        expect("from the end of stage 1 of arm grown" in text, "a stage", text)
        arms = {a["arm"]: a for a in f.json("plan", "tiny.ini")["arms"]}
        same(list(arms), ["transformer", "grown", "tail", "cool", "from_grown"], "the order")
        same((arms["cool"]["start"]["steps_before"], "start" in arms["grown"]), (10, False), "as JSON")
        resolved = f.tfx("plan", "tiny.ini", "--resolved").stdout
        expect("start = arm:tail@step:3\nstart.optimizer = reset\nstart.data = restart\n" in resolved, "resolved", resolved)


def test_refused():
    tail = SPEC.split("[arm cool]")[0]
    cases = [
        ("arm:transfomer@end", (), 'there is no [arm transfomer]; did you mean "transformer"?'),
        ("arm:transformer@step:13", (), "expected a step from 1 to 12", "found 13"),
        ("arm:transformer@step:0", (), "expected arm:NAME@POINT", "step:N (from 1)", '"arm:transformer@step:0"'),
        ("arm:grown@stage:3", (), "expected a stage from 0 to 2", "found 3"),
        ("arm:tail@end", (), "[arm tail] starts from [arm tail]"),
        ("arm:transformer@stop", (), "expected arm:NAME@POINT"),
        ("arm:transformer@stpe:3", (), "expected arm:NAME@POINT", 'did you mean "step"?'),
        ("amr:transformer@end", (), "expected arm:NAME@POINT", 'did you mean "arm"?'),
        ("arm:grown@end", (), "[arm tail]", "the end of arm grown", "expected the model that is there ('tokenformer_48')",
         "found 'transformer'", "whose scaling has no policy grows there"),
        ("arm:transformer@end", ("train.optimizer=sgd",), "start.optimizer = keep", "of adamw", "is sgd",
         "start.optimizer = reset"),
        ("arm:transformer@end", ("train.optimizer.moments=bf16",), "start.optimizer = keep", "f32", "bf16"),
        ("arm:transformer@end", ("train.micro_batch=2",), "start.data = continue", "micro_batch", "start.data = restart"),
        ("run:1@end", (), "tfx.db"),
        ("run:x@end", (), "expected arm:NAME@POINT"),
        ("checkpoint:nowhere", (), "nowhere", "No such file"),
        ("checkpoint:", (), "expected arm:NAME@POINT"),
    ]
    with folder(SPEC) as f:
        before = f.files()
        line = tail[:tail.index("start = arm")].count("\n") + 1
        for start, more, *words in cases:
            f.spec.write_text(tail.replace("arm:transformer@step:7", start) + "".join(
                m.replace("=", " = ") + "\n" for m in more))
            for verb in ("run", "plan"):
                r = f.tfx(verb, "tiny.ini", status=2)
                message(r, f"tiny.ini:{line}: start: ", *words)
            same(f.files(), before, f"nothing is written for {start}")
        f.spec.write_text(SPEC)
        message(f.tfx("plan", "tiny.ini", "--set", "arm.transformer.start=arm:cool@end", status=2),
                "[arm tail] starts from [arm transformer], which starts from [arm cool], which starts from [arm tail]")
        message(f.tfx("plan", "tiny.ini", "--set", "arm.grown.start.data=restart", status=2),
                "start.data: expected a start beside it; found none")
        message(f.tfx("plan", "tiny.ini", "--set", "arm.tail.start.data=again", status=2), "one of: continue, restart")


def test_refused_runs():
    """What a database and a folder hold is looked at before step 0."""
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", "--arm", "transformer", "--set", "train.keep_optimizer=false", "--set", "train.checkpoint_every=5")
        run, n = run_of(f, "transformer"), f.one("SELECT count(*) FROM experiment")
        path = f.one("SELECT path FROM checkpoint WHERE step = 10")
        final = f.one("SELECT path FROM checkpoint WHERE reason = 'final'")
        for start, more, *words in [
                (f"run:{run}@step:8", {}, f"run:{run}@step:8: run {run} (arm transformer, seed 1) has no such checkpoint; "
                                          "it has those of steps 5, 7, 10, 12"),
                (f"run:{run}@stage:1", {}, "no such checkpoint"),
                ("run:99@end", {}, "99"),
                (f"run:{run}@end", {}, "start.optimizer = keep", "has no optimizer state"),
                (f"checkpoint:{final}", {}, "start.optimizer = keep", "has no optimizer state"),
                (f"run:{run}@step:10", {"model": "tokenformer_16"}, "expected the model that is there ('transformer')"),
                (f"run:{run}@step:10", {"train.optimizer": "sgd"}, "of adamw", "is sgd"),
                (f"checkpoint:{path}", {"train.micro_batch": 2}, "micro_batch was 4, and it is 2")]:
            text = from_elsewhere(start, **more).replace("model = transformer\nstart", "start" if "model" in more
                                                         else "model = transformer\nstart")
            f.spec.write_text(text)
            message(f.tfx("run", "tiny.ini", status=2), "start: [arm more]", *words)
        f.spec.write_text(from_elsewhere(f"run:{run}@step:10").replace("seeds = 1", "seeds = 2"))
        message(f.tfx("run", "tiny.ini", status=2), "seed was 1, and there is a seed 2", "start.data = restart")
        weights = f.path / path / "model.safetensors"
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
        for start in (f"run:{run}@step:10", f"checkpoint:{path}"):
            f.spec.write_text(from_elsewhere(start))
            message(f.tfx("run", "tiny.ini", status=2), "start: [arm more]", "expected content hash")
        same(f.one("SELECT count(*) FROM experiment"), n, "nothing is recorded")


main(globals())

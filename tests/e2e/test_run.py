#!/usr/bin/env python3
"""A whole experiment: what `tfx run` prints and what it leaves in the database and on disk. Everything
is read with Python alone, and growth is checked from the weights, not from what tfx says of it."""
import math
import shutil
import statistics
import subprocess

from harness import *

STEPS, BATCH, CONTEXT = 12, 4, 32
ARMS = {"transformer": 1, "grown": 3}  # number of stages


def check_printed(f, r):
    """The table on stdout, and plain lines on stderr when it is not a terminal."""
    lines = r.stdout.splitlines()
    expect(lines[0].split()[:2] == ["run", "arm"] and set(lines[1]) == {"-", " "}, "the table has a head", r.stdout)
    summary = f.sql("SELECT run, arm, seed, val_loss FROM run_summary ORDER BY run")
    for line, (run, arm, seed, loss) in zip(lines[2:], summary):
        same(line.split()[:3], [str(run), arm, str(seed)], "a row of the table")
        expect(f"{loss:.4f}" in line.split() and line.split()[-1] == "done", "loss and status of the row", line)
    expect("\r" not in r.stderr and "\033" not in r.stderr, "stderr in a file has plain lines", r.stderr)
    expect(r.stderr.count("grew tokenformer_16 (24.6k) -> tokenformer_32 (41.0k)") == 2, "growth is told", r.stderr)
    for arm in ARMS:
        expect(f"{arm} seed 2  step {STEPS}  val loss" in r.stderr, f"evaluations of {arm} are told", r.stderr)


def check_arms(f, r):
    """Means over seeds, at the end of what `tfx run` prints as well."""
    printed = f.tfx("arms", "tiny").stdout
    expect(r.stdout.endswith("\n" + printed), "the run ends with what tfx arms prints", r.stdout)
    rows = f.json("arms", "tiny")
    same([row["arm"] for row in rows], list(ARMS), "arms, as the spec has them")
    for row in rows:
        runs = f.sql("SELECT val_loss, flops_incl, tokens_incl FROM run_summary WHERE arm = ?", row["arm"])
        losses = [run[0] for run in runs]
        same((row["runs"], row["done"]), (2, 2), "seeds")
        expect(math.isclose(row["val_loss"], statistics.mean(losses), rel_tol=1e-15), "mean loss", row)
        expect(math.isclose(row["std"], statistics.stdev(losses), rel_tol=1e-12), "their deviation", row)
        same((row["flops_incl"], row["tokens_incl"]), runs[0][1:], "costs")
        expect(f"{statistics.mean(losses):.4f}" in printed, "the mean is printed", printed)
    message(f.tfx("arms", "tinny", status=2), "no experiment 'tinny'", 'did you mean "tiny"')


def check_metrics(f, run, arm, last):
    rows = f.sql("SELECT name, step, tokens, flops, seconds, value, s.number, s.flops_per_token, s.first_step "
                 "FROM metric m JOIN stage s ON s.id = m.stage WHERE m.run = ? ORDER BY m.id", run)
    for name in ("train_loss", "lr", "grad_norm", "tokens_per_second"):
        same([r[1] for r in rows if r[0] == name], list(range(1, last + 1)), f"steps of {name}")
    starts = {"transformer": [0], "grown": [0, 12, 20]}[arm]
    evaluated = {*starts, *range(5, last + 1, 5), last}
    same(sorted(r[1] for r in rows if r[0] == "val_loss"), sorted([*evaluated, *starts[1:]]),
         "steps with an evaluation, and again after growth")
    flops = {}
    for name, step, tokens, cost, seconds, value, stage, per_token, first in rows:
        same(tokens, step * BATCH * CONTEXT, "tokens of a metric")
        expect(value is not None and math.isfinite(value), f"{name} at step {step} is a number", value)
        flops.setdefault((stage, first, per_token), []).append((step, cost))
    base = 0
    for (stage, first, per_token), costs in sorted(flops.items()):
        for step, cost in costs:
            expect(math.isclose(cost, base + (step - first) * BATCH * CONTEXT * per_token, rel_tol=1e-12),
                   f"FLOPs at step {step}", cost)
        base = max(c for _, c in costs)
    losses = [r[5] for r in rows if r[0] == "val_loss"]
    expect(losses[0] > 5.3 and losses[-1] < losses[0] - 0.5, "it learns", losses)
    for step in starts[1:]:  # before and after growth
        before, after = [r[5] for r in rows if r[0] == "val_loss" and r[1] == step]
        expect(abs(before - after) < 1e-5, "the loss continues through growth", (before, after))


def check_checkpoints(f, run, stages):
    shown = {c["id"]: c for c in f.json("show", run)["checkpoints"]}
    rows = f.sql("SELECT id, step, path, hash, bytes, parent, reason, deleted, val_loss FROM checkpoint WHERE run = ? "
                 "ORDER BY id", run)
    same([r[6] for r in rows if r[6] != "periodic"], ["stage_end", "grown"] * (stages - 1) + ["final"], "reasons")
    same([r[5] for r in rows], [None] + [r[0] for r in rows[:-1]], "parents")
    periodic = [r for r in rows if r[6] == "periodic"]
    same([bool(r[7]) for r in periodic], [True] * (len(periodic) - 2) + [False] * 2, "two periodic ones stay")
    for id, step, path, digest, size, parent, reason, deleted, loss in rows:
        same(shown[id]["hash"], digest, "tfx show's hash")
        folder = f.path / path
        if deleted:
            expect(not folder.exists(), "the files of a removed checkpoint", path)
            continue
        same(sorted(p.name for p in folder.iterdir()), ["checkpoint.json", "model.safetensors", "optimizer.safetensors"],
             "files of a checkpoint")
        same(sum(p.stat().st_size for p in folder.iterdir()), size, "bytes of a checkpoint")
        tool = shutil.which("xxh128sum")
        if tool:
            found = subprocess.run([tool, folder / "model.safetensors"], capture_output=True, text=True).stdout
            same(found.split()[0], digest, "xxh128sum's hash")
        tensors, metadata = safetensors(folder / "model.safetensors")
        same(metadata["step"], str(step), "step in the metadata")
        count = sum(math.prod(shape) for _, shape, _ in tensors.values())
        same(count, f.one("SELECT s.parameters FROM stage s JOIN checkpoint c ON c.stage = s.id WHERE c.id = ?", id),
             "parameters in the file")
        state, _ = safetensors(folder / "optimizer.safetensors")
        trained = {n for n in tensors if not n.endswith(".tau")}
        same({n.rsplit("/", 1)[0] for n in state}, trained, "parameters with optimizer state")


def check_growth(f, run):
    events = f.sql("SELECT from_checkpoint, to_checkpoint, step, from_model, to_model, parameters_before, "
                   "parameters_after, carried_parameters, parameter_changes, probe_loss_before, probe_loss_after, "
                   "probe_max_abs_delta_logit FROM growth_event WHERE run = ? ORDER BY step", run)
    same([(e[2], e[3], e[4]) for e in events],
         [(12, "tokenformer_16", "tokenformer_32"), (20, "tokenformer_32", "tokenformer_48")], "growth events")
    for a, b, _, _, _, n_before, n_after, carried, changes, loss_before, loss_after, delta in events:
        expect(delta < 1e-4 and abs(loss_before - loss_after) < 1e-4, "growth changes no output", (delta, loss_after))
        old, new = ({"model": safetensors(f.path / p / "model.safetensors")[0],
                     "state": safetensors(f.path / p / "optimizer.safetensors")[0]}
                    for p in (f.one("SELECT path FROM checkpoint WHERE id = ?", id) for id in (a, b)))
        same((n_before, carried, n_after), tuple(sum(math.prod(t[1]) for t in m["model"].values())
                                                 for m in (old, old, new)), "counted parameters")
        grown = {n for n in new["model"] if new["model"][n][1] != old["model"][n][1]}
        same(grown, {n for n in new["model"] if n.endswith((".key", ".value"))}, "what grew")
        same({c["path"]: (c["from"], c["to"]) for c in json.loads(changes)},
             {n: (old["model"][n][1], new["model"][n][1]) for n in grown}, "recorded changes")
        for n, (_, _, data) in new["model"].items():
            before = old["model"][n][2]
            same(data[:len(before)], before, f"old values of {n}")
            added = data[len(before):]
            if n.endswith(".key"):
                expect(added and not any(added), f"new rows of {n} are zero")
            elif n.endswith(".value"):
                values = struct.unpack(f"<{len(added) // 4}f", added)
                expect(0.05 < math.sqrt(sum(v * v for v in values) / len(values)) < 0.5 and len(set(values)) > 99,
                       f"new rows of {n} are random")
        for n, (_, _, data) in new["state"].items():
            before = old["state"][n][2]
            expect(data[:len(before)] == before and not any(data[len(before):]), f"optimizer state {n}")


def check_views(f, runs):
    for run, (arm, seed) in runs.items():
        last = ARMS[arm] * 8 + 4
        summary = f.one("SELECT arm, seed, status, steps, tokens, stages FROM run_summary WHERE run = ?", run)
        same(summary, (arm, seed, "done", last, last * BATCH * CONTEXT, ARMS[arm]), "run_summary")
        incl, excl = f.one("SELECT flops_incl, flops_excl FROM run_summary WHERE run = ?", run)
        parts = f.sql("SELECT (steps * ? * ?) * flops_per_token FROM stage WHERE run = ? ORDER BY number", BATCH, CONTEXT, run)
        expect(math.isclose(incl, sum(p for (p,) in parts)) and math.isclose(excl, parts[-1][0]), "FLOPs", (incl, excl))
        n = f.one("SELECT count(*) FROM metric WHERE run = ? AND name = 'val_loss'", run)
        same(f.one("SELECT count(*) FROM scaling_curve WHERE run = ?", run), n, "rows of scaling_curve")
        best = f.one("SELECT min(value) FROM metric WHERE run = ? AND name = 'val_loss'", run)
        same(f.one("SELECT min(loss) FROM cost_to_loss WHERE run = ?", run), best, "best loss in cost_to_loss")
        final = f.one("SELECT id FROM checkpoint WHERE run = ? AND reason = 'final'", run)
        up = [r[0] for r in f.sql("SELECT reason FROM lineage WHERE checkpoint = ? ORDER BY distance", final)]
        if arm == "grown":
            same(up, ["final", "periodic", "grown", "stage_end", "periodic", "grown", "stage_end", "periodic", "periodic"],
                 "lineage")
        else:
            same(up, ["final", "periodic", "periodic"], "lineage")


def check_provenance(f, runs):
    listed = {p["path"]: p for p in f.json("plugin", "list")["plugins"]}
    resolved = f.tfx("plan", "tiny.ini", "--resolved").stdout
    for run, (arm, _) in runs.items():
        used = f.sql("SELECT name, version, abi, path, hash FROM plugin p JOIN run_plugin u ON u.plugin = p.id "
                     "WHERE u.run = ?", run)
        expected = {"adamw", "attention", "block_prenorm", "bytes", "cpu", "embedding", "layernorm"}
        expected |= {"linear", "mlp"} if arm == "transformer" else {"layernorm_nonparam", "pattention", "schedule", "slots"}
        same({u[0] for u in used}, expected, f"plugins of {arm}")
        for name, version, abi, path, digest in used:
            p = listed[path]
            same((p["name"], p["version"], p["abi"], p["hash"]), (name, version, abi, digest), "a plugin")
        same(f.tfx("show", run, "--spec").stdout, resolved, "the stored spec")
    same(f.one("SELECT text FROM spec"), resolved, "the spec's text")
    same(len(f.sql("SELECT * FROM environment")), 1, "environments")
    version, host, cores, backend, libraries = f.one("SELECT tfx_version, host, n_cores, backend, libraries FROM environment")
    expect(version in f.tfx("--version").stdout and host == os.uname().nodename and " thread" in backend
           and "sqlite" in json.loads(libraries) and cores == os.cpu_count(), "the environment", (version, host, backend))
    same(f.one("SELECT name, description, profile, spec_path FROM experiment"),
         ("tiny", "Everything that a run can do, small", None, str(f.spec)), "the experiment")


def test_everything():
    with folder() as f:
        r = f.tfx("run", "tiny.ini")
        runs = {run: (arm, seed) for run, arm, seed in
                f.sql("SELECT r.id, a.name, r.seed FROM run r JOIN arm a ON a.id = r.arm")}
        same(sorted(runs.values()), [("grown", 1), ("grown", 2), ("transformer", 1), ("transformer", 2)], "runs")
        same(f.sql("SELECT DISTINCT status, detail, started IS NOT NULL, ended IS NOT NULL FROM run"),
             [("done", None, 1, 1)], "status of all runs")
        tidy(f)
        check_printed(f, r)
        check_arms(f, r)
        for run, (arm, seed) in runs.items():
            check_metrics(f, run, arm, ARMS[arm] * 8 + 4)
            check_checkpoints(f, run, ARMS[arm])
            if arm == "grown":
                check_growth(f, run)
        check_views(f, runs)
        check_provenance(f, runs)
        same(f.one("SELECT count(*) FROM metric WHERE superseded") + f.one("SELECT count(*) FROM stage WHERE superseded"),
             0, "superseded rows")

        # Nothing depends on the seed's neighbours, the folder, the time, or what else was asked for.
        with folder() as g:
            table = json.loads(g.tfx("run", "tiny.ini", "--json").stdout)
            rows = table["runs"] if isinstance(table, dict) else table
            same(sorted((r["arm"], r["seed"], r["status"]) for r in rows),
                 [("grown", 1, "done"), ("grown", 2, "done"), ("transformer", 1, "done"), ("transformer", 2, "done")],
                 "the table as JSON")
            for run in runs:
                same_outcome(outcome(g, run), outcome(f, run), f"run {run}, a second time")
        hashes = f.sql("SELECT hash FROM checkpoint WHERE reason = 'final'")
        same(len(set(hashes)), 4, "different models have different hashes")


main(globals())

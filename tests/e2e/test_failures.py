#!/usr/bin/env python3
"""What goes wrong while an experiment runs: a worker that crashes, training that diverges, a disk that
takes no more, and checkpoints that somebody has damaged."""
import re
import resource

from harness import *

ONE_SEED = ["--set", "experiment.seeds=1"]


def status(f):
    return f.sql("SELECT a.name, r.status, r.detail FROM run r JOIN arm a ON a.id = r.arm ORDER BY r.id")


def test_worker_crashes():
    # The first arm changes the disk often enough to meet its end; the second one does not.
    settings = [*ONE_SEED, "--set", "arm.transformer.train.checkpoint_every=1",
                "--set", "arm.grown.train.checkpoint_every=0"]
    with folder() as f, folder() as g:
        g.tfx("run", "tiny.ini", *settings)
        log = f.path / "log"
        g.tfx("run", "tiny.ini", *settings, env=preload({"CRASH_IN": "worker", "CRASH_LOG": str(log)}))
        counts = [int(line.split()[0]) for line in log.read_text().splitlines()]
        arms = [a for a, b in zip(counts, [*counts[1:], 0]) if b < a]  # changes of each worker
        expect(arms[0] > arms[1] + 4, "the first arm changes the disk more often", arms)
        log.unlink()

        r = f.tfx("run", "tiny.ini", *settings, status=3, env=crashing(arms[1] + 2, sig=signal.SIGSEGV))
        expect("killed by signal 11" in r.stderr, "the crash is told", r.stderr)
        rows = status(f)
        same([row[:2] for row in rows], [("transformer", "failed"), ("grown", "done")], "status of the arms")
        expect("signal 11 (Segmentation fault)" in rows[0][2], "why it failed", rows)
        expect("failed" in r.stdout and "done" in r.stdout, "the table has both", r.stdout)
        whole(f)
        f.tfx("run", "tiny.ini", *settings, "--resume")
        for run in (1, 2):
            same_outcome(outcome(f, run), outcome(g, run), f"run {run}, resumed after a crash")
        tidy(f)


def test_training_diverges():
    with folder() as f:
        r = f.tfx("run", "tiny.ini", *ONE_SEED, "--set", "arm.transformer.train.optimizer=sgd",
                  "--set", "arm.transformer.train.lr=1e30", "--set", "arm.transformer.train.clip=0", status=3)
        rows = status(f)
        same([row[:2] for row in rows], [("transformer", "failed"), ("grown", "done")], "status of the arms")
        expect("diverged" in rows[0][2] and "step " in rows[0][2] and "diverged" in r.stderr, "why it failed", rows)
        whole(f)


def test_validation_diverges():
    """The only step has a finite loss, and leaves parameters that have none."""
    with folder() as f:
        r = f.tfx("run", "tiny.ini", *ONE_SEED, "--set", "arm.transformer.train.optimizer=sgd",
                  "--set", "arm.transformer.train.steps=1", "--set", "arm.transformer.train.lr=1e30",
                  "--set", "arm.transformer.train.min_lr=1e30", "--set", "arm.transformer.train.warmup=0",
                  "--set", "arm.transformer.train.clip=0", status=3)
        rows = status(f)
        same([row[:2] for row in rows], [("transformer", "failed"), ("grown", "done")], "status of the arms")
        expect("validation loss" in rows[0][2] and "diverged" in rows[0][2] and rows[0][2] in r.stderr, "why it failed", rows)
        expect("all parameters are finite" in rows[0][2], "where it is not from", rows)
        same(f.one("SELECT count(*) FROM metric WHERE run = 1 AND name = 'val_loss'"), 1, "evaluations before")
        whole(f)


def test_not_finite_from_the_start():
    """No learning rate is to blame when no step has been made."""
    with folder() as f:
        plugins = f.path / "plugins"
        plugins.mkdir()
        shutil.copy(HELPERS / "undefined.so", plugins)
        layer = "layer blocks.1.norm1 (undefined) is the first whose output is not"
        # In training alone, it is a step that finds it, and has spoiled the parameters by then unless it has passes left.
        for place, micro_batch, words in (("everywhere", 4, "step 0: the validation loss is nan"),
                                          ("training", 4, "step 1: the loss is nan and the gradient norm nan"),
                                          ("training", 2, "step 1: the loss is nan at learning rate")):
            db = f"{place}-{micro_batch}.db"
            r = f.tfx("run", "tiny.ini", *ONE_SEED, "--db", db, "--set", "model.transformer.blocks.1.norm1=undefined",
                      "--set", f"model.transformer.blocks.1.norm1.in={place}", "--set", f"train.micro_batch={micro_batch}",
                      status=3, env={"TFX_PLUGIN_PATH": str(plugins)})
            detail = f.one("SELECT detail FROM run WHERE id = 1", db=db)
            for part in (words, layer, "initialised"):
                expect(part in detail, f"the message says '{part}'", detail)
            expect("diverged" not in detail and "-nan" not in r.stderr, "nothing that misleads", r.stderr)


def log_of(f, run):
    """The lines of a run's log, without their times."""
    lines = f.tfx("show", run, "--log").stdout.splitlines()
    for line in lines:
        expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  .+", line), "a line with its time", line)
    return [line[22:] for line in lines]


def test_log():
    """A run's log tells its story over a crash and a resume; errors are in it, and name the arm on stderr."""
    diverging = ["--set", "arm.transformer.train.optimizer=sgd", "--set", "arm.transformer.train.lr=1e30",
                 "--set", "arm.transformer.train.clip=0"]
    with folder() as f:
        r = f.tfx("run", "tiny.ini", "--set", "train.steps=4", *diverging, status=3)
        detail = f.one("SELECT detail FROM run WHERE id = 1")
        expect(f"tfx: transformer seed 1: {detail}\n" in r.stderr, "stderr names the arm", r.stderr)
        log = log_of(f, 1)
        expect(log[0].startswith("run 1 of experiment tiny: arm transformer, seed 1"), "how it begins", log)
        same(log[-1], detail, "how it failed")
        log = log_of(f, 3)
        for words in ("val loss", "grew tokenformer_16", "(stage_end)", "(grown)", "(final)", "done"):
            expect(any(words in line for line in log), f"the log says '{words}'", log)
    with folder() as f:
        f.tfx("run", "tiny.ini", *ONE_SEED, status=3, env=crashing(40, sig=signal.SIGSEGV))
        expect("killed by signal 11" in log_of(f, 1)[-1], "a crash is in the log", log_of(f, 1))
        message(f.tfx("show", 77, "--log", status=2), "no run 77")
        # A full disk takes no lines, and stops nothing.
        log = next(f.path.glob("runs/tiny/1/log.txt"))
        before = log.read_text()
        log.rename(f.path / "before")
        log.symlink_to("/dev/full")
        r = f.tfx("run", "tiny.ini", *ONE_SEED, "--resume")
        same(r.stderr.count("No space left"), 1, "said once")
        same(f.one("SELECT status FROM run WHERE id = 1"), "done", "status")
        expect("killed by signal 11" in before, "the log of before", before)
    with folder() as f:
        f.tfx("run", "tiny.ini", *ONE_SEED, status=3, env=crashing(40))
        f.tfx("run", "tiny.ini", *ONE_SEED, "--resume")
        log = log_of(f, 1)
        expect(sum(line.startswith("run 1 of experiment") for line in log) == 2 and log[-1] == "done",
               "a resume goes on with the log", log)
        (f.path / "runs/tiny/1/log.txt").unlink()
        message(f.tfx("show", 1, "--log", status=2), "log.txt", "No such file")


def test_signal_is_lost():
    """The end of a worker is noticed even when its signal never arrives."""
    with folder() as f:
        f.tfx("run", "tiny.ini", *ONE_SEED, "--set", "train.steps=1", env=preload({"CRASH_DEAF": "1"}), timeout=120)
        same([row[:2] for row in status(f)], [("transformer", "done"), ("grown", "done")], "status of the arms")


def test_disk_takes_no_more():
    """A limit on the size of files stands for a full disk: larger than the database, smaller than a checkpoint."""
    settings = [*ONE_SEED, "--set", "model.*.dim=256", "--set", "train.steps=3"]
    with folder() as f, folder() as g:
        g.tfx("run", "tiny.ini", *settings)

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000000, 1000000))

        r = f.tfx("run", "tiny.ini", *settings, status=3, preexec_fn=limit)
        for arm, state, detail in status(f):
            same(state, "failed", f"status of {arm}")
            expect("safetensors" in detail and "File too large" in detail, "what could not be written", detail)
        same(f.sql("SELECT * FROM checkpoint"), [], "recorded checkpoints")
        same([p.name for p in f.path.glob("runs/*/*/*") if p.name != "log.txt"], [], "folders of checkpoints")
        whole(f)
        f.tfx("run", "tiny.ini", *settings, "--resume")
        for run in (1, 2):
            same_outcome(outcome(f, run), outcome(g, run), f"run {run}, resumed when there was room again")
        tidy(f)


def flip(path):
    data = bytearray(path.read_bytes())
    data[-7] ^= 16
    path.write_bytes(data)


def change(path, old, new):
    text = path.read_text()
    expect(old in text, f"{path} has {old}", text)
    path.write_text(text.replace(old, new))


def flip_last(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def older(path, *names):
    """Files of the run's first checkpoint in place of those of the newest."""
    first = sorted(path.parent.glob("step-*"))[0]
    expect(first != path, "there is an older checkpoint")
    for name in names:
        shutil.copy(first / name, path / name)


def as_format_1(path):
    (path / "checkpoint.json").rename(path / "progress.json")


DAMAGES = {
    "a changed byte in the weights": (lambda p: flip(p / "model.safetensors"), "model.safetensors", "damaged"),
    "no weights": (lambda p: (p / "model.safetensors").unlink(), "model.safetensors"),
    "half an optimizer state": (lambda p: os.truncate(p / "optimizer.safetensors", 1000), "optimizer.safetensors"),
    "no optimizer state": (lambda p: (p / "optimizer.safetensors").unlink(), "optimizer.safetensors"),
    "an empty optimizer state": (lambda p: (p / "optimizer.safetensors").write_bytes(b""), "optimizer.safetensors"),
    "a changed bit of optimizer state": (lambda p: flip_last(p / "optimizer.safetensors"), "optimizer.safetensors",
                                         "damaged"),
    "an older optimizer state": (lambda p: older(p, "optimizer.safetensors"), "optimizer.safetensors",
                                 "another checkpoint"),
    "an older record": (lambda p: older(p, "checkpoint.json"), "checkpoint.json", "another checkpoint"),
    "an older checkpoint": (lambda p: older(p, "checkpoint.json", "optimizer.safetensors", "model.safetensors"),
                            "checkpoint.json", "another checkpoint"),
    "no record": (lambda p: (p / "checkpoint.json").unlink(), "checkpoint.json"),
    "half a record": (lambda p: os.truncate(p / "checkpoint.json", 40), "checkpoint.json"),
    "another position": (lambda p: change(p / "checkpoint.json", '"batch_index":\t"8"', '"batch_index":\t"9"'),
                         "checkpoint.json", "damaged"),
    "another stage": (lambda p: change(p / "checkpoint.json", '"stage":\t"0"', '"stage":\t"7"'), "checkpoint.json"),
    "a checkpoint of format 1": (as_format_1, "format 1", "0.1.0"),
}


def test_damaged_checkpoints():
    with folder() as g:
        g.tfx("run", "tiny.ini", *ONE_SEED)
        undamaged = {run: outcome(g, run) for run in (1, 2)}
    with folder() as f:
        # Both arms are killed; the first one behind its second periodic checkpoint.
        log, copy = f.path / "log", f.path / "copy"
        with folder() as g:
            g.tfx("run", "tiny.ini", *ONE_SEED, env=preload({"CRASH_IN": "worker", "CRASH_LOG": str(log)}))
        at = next(int(line.split()[0]) for line in log.read_text().splitlines()
                  if "renameat2" in line and "step-00000008-periodic" in line) + 8
        log.unlink()
        f.tfx("run", "tiny.ini", *ONE_SEED, status=3, env=crashing(at))
        newest = f.path / f.one("SELECT path FROM checkpoint WHERE run = 1 ORDER BY id DESC LIMIT 1")
        same(newest.name, "step-00000008-periodic", "the newest checkpoint")
        shutil.copytree(newest, copy)
        for what, (damage, *words) in DAMAGES.items():
            damage(newest)
            kept = {p: p.read_bytes() for p in f.path.rglob("*") if p.is_file() and "tfx.db" not in p.name
                    and p.name != "log.txt" and "runs/tiny/2" not in str(p)}
            metrics = f.sql("SELECT * FROM metric WHERE run = 1 ORDER BY id")
            checkpoints = f.sql("SELECT * FROM checkpoint WHERE run = 1 ORDER BY id")
            r = f.tfx("run", "tiny.ini", *ONE_SEED, "--resume", status=3)
            arm, state, detail = status(f)[0]
            same(state, "failed", f"status with {what}")
            for word in [*words, "of step 4, is whole", f"remove the folder {newest} "]:
                expect(word in detail and word in r.stderr, f"{what}: the message says '{word}'", detail + r.stderr)
            same(f.sql("SELECT * FROM metric WHERE run = 1 ORDER BY id"), metrics, f"metrics with {what}")
            same(f.sql("SELECT * FROM checkpoint WHERE run = 1 ORDER BY id"), checkpoints, f"checkpoints with {what}")
            for p, data in kept.items():
                expect(p.read_bytes() == data, f"{what}: {p} is untouched")
            shutil.rmtree(newest, ignore_errors=True)
            shutil.copytree(copy, newest)
        # Whoever removes it, as the message says, goes on from the one before; without any there is no going on.
        older = f.path / f.one("SELECT path FROM checkpoint WHERE run = 1 AND step = 4")
        shutil.rmtree(newest)
        shutil.move(older, f.path / "away")
        f.tfx("run", "tiny.ini", *ONE_SEED, "--resume", status=3)
        expect("step-00000008" in status(f)[0][2] and "whole" not in status(f)[0][2], "no checkpoint is left", status(f)[0][2])
        shutil.move(f.path / "away", older)
        f.tfx("run", "tiny.ini", *ONE_SEED, "--resume", "--arm", "transformer")
        same_outcome(outcome(f, 1), undamaged[1], "run 1, resumed from an older checkpoint")
        expect("continues from step 4 " in f.tfx("show", 1, "--log").stdout, "it stepped back")
        shutil.rmtree(copy)
        # With its checkpoint put back, the run still ends as if nothing had happened.
        f.tfx("run", "tiny.ini", *ONE_SEED, "--resume")
        for run in (1, 2):
            same_outcome(outcome(f, run), undamaged[run], f"run {run}, resumed after repair")
        tidy(f)

        # Eval and generate do not take damaged weights either.
        final, path = f.one("SELECT id, path FROM checkpoint WHERE run = 2 AND reason = 'final'")
        flip(f.path / path / "model.safetensors")
        for command in (["eval", "tiny.ini", "--arm", "grown"], ["eval", "tiny.ini", "--arm", "grown", "--checkpoint", final],
                        ["generate", final, "--prompt", "The"]):
            message(f.tfx(*command, status=2), "model.safetensors", "damaged")


main(globals())

#!/usr/bin/env python3
"""Interrupted and killed runs: `tfx run --resume` continues to the same bits and the same rows as a run
that nobody disturbed, wherever it was stopped. crash.c says how a process is stopped at chosen places."""
from harness import *

ONE_SEED = ["--set", "experiment.seeds=1"]
_undisturbed = {}


def undisturbed(settings, env):
    """Outcomes of the runs of tiny.ini with these settings."""
    key = tuple(settings)
    if key not in _undisturbed:
        with folder() as f:
            f.tfx("run", "tiny.ini", *settings, env=env)
            _undisturbed[key] = {run: outcome(f, run) for (run,) in f.sql("SELECT id FROM run")}
    return _undisturbed[key]


def check(f, settings, what, env=None):
    for run, expected in undisturbed(settings, env).items():
        same_outcome(outcome(f, run), expected, f"run {run}, {what}")
    tidy(f)


def recorded(f):
    return (f.path / "tfx.db").exists() and f.sql("SELECT 1 FROM sqlite_schema WHERE name = 'run'") \
        and f.sql("SELECT 1 FROM run")


def kill_until_done(settings, where, every, sig=signal.SIGKILL):
    """Kills the run at its `every`-th change to the disk, resumes it, kills it again, until it is done."""
    with folder() as f:
        for attempt in range(100):
            resume = ["--resume"] if recorded(f) else []
            # Two steps forward: what the first attempts do not reach, later ones do.
            r = f.tfx("run", "tiny.ini", *settings, *resume, status=None, env=crashing(every + 2 * attempt, where, sig))
            if recorded(f):
                whole(f)
            if r.returncode == 0:
                break
        expect(r.returncode == 0 and attempt > 2, f"done after some kills, not after {attempt}", r.stderr)
        check(f, settings, f"killed {attempt} times")


def test_worker_killed_again_and_again():
    kill_until_done(ONE_SEED, "worker", 30)


def test_other_settings_killed_again_and_again():
    """Accumulated gradients, bf16, moments in bf16, recomputation, and only the newest checkpoint kept."""
    kill_until_done([*ONE_SEED, "--set", "train.micro_batch=2", "--set", "train.optimizer.moments=bf16",
                     "--set", "train.compute=bf16", "--set", "train.recompute=block", "--set", "train.keep_stages=false",
                     "--set", "train.keep_optimizer=false"], "worker", 35)


def test_killed_around_growth_and_the_end():
    """Between the moment when a stage's last checkpoint, the grown one or the final one gets its name, and the
    row that goes with it: what a resume must tell apart."""
    with folder() as f:
        log = f.path / "log"
        f.tfx("run", "tiny.ini", *ONE_SEED, env=preload({"CRASH_IN": "worker", "CRASH_LOG": str(log)}))
        changes = [line.split(" ", 2) for line in log.read_text().splitlines()]
    # In order, and the growing arm comes last, so that of each kind its last one is found.
    named = {reason: int(n) for n, call, path in changes for reason in ("stage_end", "grown", "final")
             if call == "renameat2" and path.endswith("-" + reason)}
    same(set(named), {"stage_end", "grown", "final"}, "checkpoints of a growing run")
    for reason, first in named.items():
        for at in range(first, first + 4):
            with folder() as f:
                r = f.tfx("run", "tiny.ini", *ONE_SEED, status=None, env=crashing(at))
                if at > int(changes[-1][0]):
                    continue
                same(r.returncode, 3, f"exit status of a worker killed at change {at}")
                whole(f)
                f.tfx("run", "tiny.ini", *ONE_SEED, "--resume")
                check(f, ONE_SEED, f"killed {at - first} changes after the {reason} checkpoint got its name")


def test_parent_killed():
    for at in (3, 9):
        with folder() as f:
            f.tfx("run", "tiny.ini", *ONE_SEED, status=-signal.SIGKILL, env=crashing(at, "parent"))
            f.tfx("run", "tiny.ini", *ONE_SEED, *(["--resume"] if recorded(f) else []))
            check(f, ONE_SEED, f"parent killed at change {at}")


LONG = ["--set", "train.steps=100000", "--set", "train.checkpoint_every=1000000", "--set", "experiment.seeds=1"]


def start_long(f, *more, **options):
    """A run that does not end by itself, when it has trained a little; with its worker's process id."""
    p = f.start("run", "tiny.ini", *LONG, *more, **options)
    wait_for(lambda: recorded(f) and f.sql("SELECT 1 FROM metric WHERE name = 'train_loss' AND step > 3"),
             "the run trains", p)
    return p, f.one("SELECT pid FROM run WHERE status = 'running'")


def ended(p, status, what):
    out, err = p.communicate()
    same(p.returncode, status, f"exit status of {what}\n{err}")
    expect("interrupted" in out and "planned" in out, f"the table of {what}", out)
    return err


def test_interrupt_resume_refuse():
    with folder() as f:
        p, worker = start_long(f)
        try:
            r = f.tfx("run", "tiny.ini", *LONG, "--resume", status=2)
            message(r, "run 1 (arm transformer, seed 1)", f"process {worker}")
            # Nor can its worker be started a second time, by whatever accident.
            r = f.tfx("run", "--worker", 1, status=2)
            expect(f"process {worker}" in r.stderr, "the second worker names the first", r.stderr)
            same(f.one("SELECT status, pid FROM run WHERE id = 1"), ("running", worker), "the run goes on")
        finally:
            p.send_signal(signal.SIGINT)
        err = ended(p, 130, "an interrupted run")
        expect("--resume" in err, "it says how to go on", err)
        same(f.sql("SELECT status, detail FROM run ORDER BY id"), [("interrupted", None), ("planned", None)], "status")
        step = f.one("SELECT step FROM checkpoint WHERE reason = 'interrupted'")
        same(f.one("SELECT max(step) FROM metric"), step, "the step that it finished")
        whole(f)

        # Interrupted again before the first step: nothing new to save, nothing lost.
        for attempt in range(2):
            r = f.tfx("run", "tiny.ini", *LONG, "--resume", status=130, env=crashing(1, "worker", signal.SIGINT))
        same(f.one("SELECT count(*) FROM checkpoint"), 1, "checkpoints")
        whole(f)

        message(f.tfx("run", "tiny.ini", *LONG, "--set", "train.lr=1", "--resume", status=2),
                "nothing to resume", "other settings")
        message(f.tfx("run", "tiny.ini", *LONG, "--set", "experiment.name=other", "--resume", status=2),
                "'other' has not been run")


def test_interrupted_before_anything():
    """A large spec takes a while to check; it can be left at once, and nothing has been written."""
    with folder() as f:
        before = f.files()
        p = f.start("run", "tiny.ini", "--set", "model.*.n_blocks=1500")
        def caught():
            status = pathlib.Path(f"/proc/{p.pid}/status").read_text()
            return int(status.split("SigCgt:")[1].split()[0], 16) >> (signal.SIGINT - 1) & 1

        wait_for(caught, "it catches signals", p)
        p.send_signal(signal.SIGINT)
        p.communicate()
        same(p.returncode, 130, "exit status")
        same(f.files(), before, "files in the folder")


def test_interrupted_where_only_the_newest_stays():
    more = ["--set", "train.keep_stages=false"]
    with folder() as f:
        p, _ = start_long(f, *more)
        p.send_signal(signal.SIGINT)
        ended(p, 130, "an interrupted run")
        for attempt in range(2):
            f.tfx("run", "tiny.ini", *LONG, *more, "--resume", status=130, env=crashing(1, "worker", signal.SIGINT))
            whole(f)
        same(f.one("SELECT count(*) FROM checkpoint WHERE deleted IS NULL"), 1, "checkpoints")


def says(process, words):
    """Reads what a process says until it has said these words."""
    said = []
    for line in process.stderr:
        said.append(line)
        if words in line:
            return
    raise Failure(f"tfx ended before it said: {words}\n{''.join(said)}")


def test_interrupted_in_evaluations():
    """Nobody waits for the end of a long evaluation: it is given up, and made first thing after a resume, in the
    middle of a stage as well as at its end and at that of the run."""
    settings = [*ONE_SEED, "--set", "train.eval_every=6", "--set", "data.loader=slow", "--set",
                "data.eval_tokens=25600", "--set", "train.checkpoint_every=6"]
    with folder() as f:
        plugins = f.path / "plugins"
        plugins.mkdir()
        shutil.copy(HELPERS / "slow.so", plugins)
        env = {"TFX_PLUGIN_PATH": str(plugins)}
        resume = []
        # The worker reads the set for an evaluation, at both ends of a stage as well, and for the probes of a growth.
        for run, step, evaluation in ((1, 6, 2), (1, 12, 2), (2, 12, 3), (2, 28, 11)):
            p = f.start("run", "tiny.ini", *settings, *resume, env={**env, "SLOW_EVALUATION": str(evaluation)})
            says(p, f"evaluation {evaluation} is slow")
            p.send_signal(signal.SIGINT)
            p.communicate()
            same(p.returncode, 130, "exit status")
            same(f.sql("SELECT 1 FROM metric m JOIN stage s ON s.id = m.stage WHERE m.run = ? AND m.name = 'val_loss' "
                       "AND m.step = ? AND s.first_step < m.step", run, step), [], f"evaluations of step {step}")
            same(f.one("SELECT step, reason FROM checkpoint WHERE run = ? ORDER BY id DESC LIMIT 1", run),
                 (step, "interrupted"), "the newest checkpoint")
            whole(f)
            resume = ["--resume"]
        f.tfx("run", "tiny.ini", *settings, "--resume", env=env)
        check(f, settings, "interrupted in evaluations", env)
        same(f.one("SELECT count(*), count(deleted) FROM checkpoint WHERE reason = 'interrupted'"), (4, 4),
             "checkpoints of interruptions, and those whose files went with the next one")


def test_keyboard_and_sigterm():
    """Control-C reaches the command and its worker together; a supervisor sends SIGTERM to the command."""
    with folder() as f:
        p, _ = start_long(f, start_new_session=True)
        os.killpg(p.pid, signal.SIGINT)
        ended(p, 130, "a run after control-C")
        same(f.one("SELECT status FROM run WHERE id = 1"), "interrupted", "status")
    with folder() as f:
        p, _ = start_long(f)
        p.send_signal(signal.SIGTERM)
        ended(p, 130, "a run after SIGTERM")
        same(f.one("SELECT status FROM run WHERE id = 1"), "interrupted", "status")


def test_worker_dies_with_the_command():
    with folder() as f:
        p, worker = start_long(f)
        p.kill()
        p.communicate()
        wait_for(lambda: gone(worker), "the worker's end")
        same(f.one("SELECT status FROM run WHERE id = 1"), "running", "nobody was left to say more")
        whole(f)
        p = f.start("run", "tiny.ini", *LONG, "--resume")
        wait_for(lambda: f.one("SELECT pid FROM run WHERE id = 1") != worker, "the resumed worker", p)
        p.send_signal(signal.SIGINT)
        ended(p, 130, "the resumed run")


def children(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


def gone(pid):
    """Whether a process has ended, also when nobody has waited for it yet."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


def members(session):
    """The living processes of a session."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rsplit(")", 1)[1].split()[3]) == session and not gone(stat.parent.name):
                found.append(stat.parent.name)
    return found


def session_ends(session, what):
    deadline = time.monotonic() + 20
    while members(session):
        if time.monotonic() > deadline:
            os.killpg(session, signal.SIGKILL)
            raise Failure(f"{what}: the worker outlives its command")
        time.sleep(0.01)


def test_worker_dies_with_the_command_from_the_start():
    with folder() as f:
        # At the first moment of the worker's own that a test can reach: before main.
        p = f.start("run", "tiny.ini", *LONG, env=preload({"CRASH_IN": "worker", "CRASH_PARENT": "1"}),
                    start_new_session=True)
        same(p.wait(), -signal.SIGKILL, "the command's end")
        session_ends(p.pid, "killed by its worker")
    for after in range(12):
        with folder() as f:
            p = f.start("run", "tiny.ini", *LONG, start_new_session=True)
            wait_for(lambda: children(p.pid), "it has a worker", p)
            time.sleep(after * 0.0003)
            p.kill()
            session_ends(p.pid, f"killed {after * 0.3:.1f} ms after the worker appeared")
            p.communicate()


def test_one_process_for_a_run():
    """Whatever the program is called, and whatever the database says of the process that executes a run."""
    with folder() as f:
        shutil.copy(TFX, f.path / "tfx2")
        plugins = {"TFX_PLUGIN_PATH": str(BUILD / "plugins")}

        def tfx2(*args):
            return subprocess.run([f.path / "tfx2", *args], cwd=f.path, env=environment(plugins), text=True,
                                  capture_output=True, timeout=60)

        with subprocess.Popen([f.path / "tfx2", "run", "tiny.ini", *LONG], cwd=f.path, env=environment(plugins),
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
            try:
                wait_for(lambda: recorded(f) and f.sql("SELECT 1 FROM metric WHERE name = 'train_loss' AND step > 3"),
                         "the run trains", p)
                worker = f.one("SELECT pid FROM run WHERE status = 'running'")
                message(f.tfx("run", "tiny.ini", *LONG, "--resume", status=2, timeout=60), f"process {worker}",
                        "stop it first")
                r = tfx2("run", "tiny.ini", *LONG, "--resume")
                same(r.returncode, 2, "exit status of a second program")
                message(r, f"process {worker}", os.uname().nodename)
                with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c, c:
                    c.execute("UPDATE run SET status = 'interrupted', pid = NULL WHERE id = 1")
                message(f.tfx("run", "tiny.ini", *LONG, "--resume", status=2, timeout=60), "run 1",
                        "is being executed")
            finally:
                p.send_signal(signal.SIGINT)
                p.communicate()
        same(f.one("SELECT sum(superseded) FROM metric"), 0, "superseded rows")
        same(f.one("SELECT status FROM run WHERE id = 1"), "interrupted", "status")


def test_resume_of_a_finished_experiment():
    with folder() as f:
        r = f.tfx("run", "tiny.ini", *ONE_SEED)
        before = {name: f.sql(f"SELECT * FROM {name}") for name in ("run", "metric", "checkpoint", "stage")}
        same(f.tfx("run", "tiny.ini", *ONE_SEED, "--resume").stdout, r.stdout, "the table again")
        same({name: f.sql(f"SELECT * FROM {name}") for name in before}, before, "nothing has changed")


main(globals())

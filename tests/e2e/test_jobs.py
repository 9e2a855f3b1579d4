#!/usr/bin/env python3
"""`tfx run --jobs N`: runs that are executed at once give the same bits, keep out of each other's way, fit together into
memory, and wait for what they start from; kills and interruptions."""
from harness import *

CORES = len(os.sched_getaffinity(0))
BRANCHES = TINY.replace("seeds = 1, 2", "seeds = 1") + """
[arm tail]
model = transformer
start = arm:transformer@step:4
train.steps = 5
"""


def statuses(f):
    if not (f.path / "tfx.db").exists() or not f.sql("SELECT 1 FROM sqlite_schema WHERE name = 'run_summary'"):
        return {}
    return {f"{arm} {seed}": status for arm, seed, status in f.sql("SELECT arm, seed, status FROM run_summary")}


def running(f):
    return [run for run, status in statuses(f).items() if status == "running"]


def outcomes(f):
    return {run: outcome(f, run) for (run,) in f.sql("SELECT id FROM run")}


def share(jobs):
    return max(1, CORES // jobs)


_alone = {}


def alone(threads):
    """What the runs of tiny.ini come to one after the other, with so many threads."""
    if threads not in _alone:
        with folder() as f:
            f.tfx("run", "tiny.ini", "--set", f"experiment.backend.threads={threads}")
            _alone[threads] = outcomes(f)
    return _alone[threads]


def check(f, threads, what):
    for run, expected in alone(threads).items():
        same_outcome(outcome(f, run), expected, f"run {run}, {what}")
    tidy(f)


def test_any_number_of_threads():
    """Own products add up in one order, by whatever instructions and threads: every digit is the same."""
    with folder() as f:
        own = "kernels" in f.tfx("--version").stdout
        f.tfx("run", "tiny.ini", "--set", "experiment.backend.products=plain", "--set", "experiment.backend.threads=1")
        expected = outcomes(f)
    for products, threads in [("plain", 3)] + [("auto", 1), ("auto", 2)] * own:
        with folder() as f:
            f.tfx("run", "tiny.ini", "--set", f"experiment.backend.products={products}", "--set", f"experiment.backend.threads={threads}")
            for run, outcome_of_one in expected.items():
                same_outcome(outcome(f, run), outcome_of_one, f"run {run}, {products} with {threads} threads")


def test_the_same_bits():
    for jobs in (2, 4):
        with folder() as f:
            r = f.tfx("run", "tiny.ini", "--jobs", jobs)
            check(f, share(jobs), f"--jobs {jobs}")
            said = f"tfx: up to {jobs} runs at once, each with {share(jobs)} compute thread"
            expect(said in r.stderr, "it says how cores are shared", r.stderr)
            expect(("wait for each other" in r.stderr) == (jobs * share(jobs) > CORES), "and when there are too few", r.stderr)
            (backend,), = f.sql("SELECT DISTINCT e.backend FROM run r JOIN environment e ON e.id = r.environment")
            expect(f", {share(jobs)} thread" in backend, "the environment has the number of threads", backend)


def test_threads_of_the_spec():
    with folder() as f:
        r = f.tfx("run", "tiny.ini", "--jobs", 2, "--set", f"experiment.backend.threads={CORES + 1}")
        expect(f"warning: 2 runs at once with {CORES + 1} threads each (backend.threads) on {CORES} core" in r.stderr,
               "more threads than cores", r.stderr)
        check(f, CORES + 1, "threads set by the spec")


def test_refused():
    with folder() as f:
        before = f.files()
        for jobs in ("0", "-1", "two", "", "2x", "1025"):
            message(f.tfx("run", "tiny.ini", "--jobs", jobs, status=2), "--jobs", "from 1 to 1024", f"'{jobs}'")
        message(f.tfx("run", "tiny.ini", "--jobs", status=2), "--jobs needs a value")
        same(f.files(), before, "nothing is written")


def test_one_fails():
    with folder() as f:
        f.tfx("run", "tiny.ini", "--jobs", 3, "--set", "arm.transformer.train.lr=1e30", "--set",
              "arm.transformer.train.clip=0", status=3)
        same(statuses(f), {"transformer 1": "failed", "transformer 2": "failed", "grown 1": "done", "grown 2": "done"},
             "others go on")
        tidy(f)


def start_two(f, *more):
    """Two runs that do not end by themselves, when both train."""
    p = f.start("run", "tiny.ini", "--jobs", 2, "--set", "train.steps=100000", "--set", "train.checkpoint_every=1000000",
                "--arm", "transformer", *more)
    wait_for(lambda: len(running(f)) == 2 and f.one("SELECT count(DISTINCT run) FROM metric WHERE name = 'train_loss'") == 2,
             "two runs train", p)
    return p, [pid for (pid,) in f.sql("SELECT pid FROM run WHERE status = 'running' ORDER BY id")]


def test_one_is_killed():
    with folder() as f:
        p, workers = start_two(f)
        os.kill(workers[0], signal.SIGKILL)
        wait_for(lambda: statuses(f)["transformer 1"] == "failed", "the death is recorded", p)
        same(statuses(f)["transformer 2"], "running", "the other one goes on")
        p.send_signal(signal.SIGINT)
        err = p.communicate()[1]
        expect("run 1 (arm transformer, seed 1) was killed by signal 9" in err, "it is told", err)
        same(p.returncode, 130, "exit status")
        same(f.sql("SELECT run, reason FROM checkpoint"), [(2, "interrupted")], "checkpoints")


def test_interrupted():
    for stop in (lambda p, workers: p.send_signal(signal.SIGINT), lambda p, workers: p.send_signal(signal.SIGTERM),
                 lambda p, workers: os.kill(workers[1], signal.SIGINT)):  # one of the processes alone
        with folder() as f:
            p, workers = start_two(f)
            stop(p, workers)
            p.communicate()
            same(p.returncode, 130, "exit status")
            same({run: s for run, s in statuses(f).items() if "transformer" in run},
                 {"transformer 1": "interrupted", "transformer 2": "interrupted"}, "statuses")
            same(f.sql("SELECT run, reason FROM checkpoint ORDER BY run"), [(1, "interrupted"), (2, "interrupted")],
                 "checkpoints")
            whole(f)


def test_killed_and_resumed():
    """The command and all its processes die at once, wherever they are; what is left is finished."""
    for at in (5, 8):
        with folder() as f:
            f.tfx("run", "tiny.ini", "--jobs", 3, env=crashing(25 + at, "worker"), status=3)  # each in its own place
            whole(f)
            p = f.start("run", "tiny.ini", "--jobs", 3, "--resume")
            wait_for(lambda: f.one("SELECT count(*) FROM checkpoint WHERE superseded = 0") > 4 + at, "some more", p)
            p.kill()
            p.communicate()
            f.tfx("run", "tiny.ini", "--jobs", 3, "--resume")
            check(f, share(3), "killed twice")


def test_once_each():
    """A second command does not execute what the first one does."""
    with folder() as f:
        p, workers = start_two(f)
        try:
            message(f.tfx("run", "tiny.ini", "--jobs", 2, "--set", "train.steps=100000", "--set",
                          "train.checkpoint_every=1000000", "--arm", "transformer", "--resume", status=2),
                    "is being executed by process")
        finally:
            p.send_signal(signal.SIGINT)
            p.communicate()


def test_memory():
    """What is planned for the runs must fit together; 192 MiB of a process are counted besides the model."""
    endless = ["--set", "train.steps=1000000", "--set", "train.checkpoint_every=0", "--set", "train.eval_every=0"]
    for megabytes, at_once in ((300, 1), (500, 2)):
        with folder() as f:
            p = f.start("run", "tiny.ini", "--jobs", 3, *endless,
                        env=preload({"SMALL_MEMORY": str(megabytes * 10**6)}, "small.so"))
            wait_for(lambda: len(running(f)) >= at_once, f"{at_once} runs", p)
            time.sleep(0.7)  # the queue is looked at five times a second
            found = len(running(f))
            p.send_signal(signal.SIGINT)
            p.communicate()
            same((found, p.returncode), (at_once, 130), f"runs at once in {megabytes} MB, of 3")
    with folder() as f:
        r = f.tfx("run", "tiny.ini", "--jobs", 3, status=2, env=preload({"SMALL_MEMORY": "100000000"}, "small.so"))
        expect("this machine has 100" in r.stderr, "one that does not fit alone", r.stderr)


def test_a_branch_waits():
    """It starts when its trunk has left the checkpoint, and not when the trunk is done."""
    with folder(BRANCHES) as f:
        p = f.start("run", "tiny.ini", "--jobs", 3, "--set", "arm.transformer.train.steps=1000000",
                    "--set", "arm.transformer.train.checkpoint_every=0")
        wait_for(lambda: statuses(f).get("tail 1") == "done" and statuses(f)["grown 1"] == "done", "all but the trunk", p)
        same(statuses(f)["transformer 1"], "running", "the trunk goes on")
        p.send_signal(signal.SIGINT)
        err = p.communicate()[1]
        expect("waits for run" not in err, "no process was started to wait", err)
        same(f.one("SELECT c.step FROM run r JOIN stage s ON s.run = r.id JOIN checkpoint c ON c.id = s.parent_checkpoint "
                   "WHERE r.id = (SELECT run FROM run_summary WHERE arm = 'tail')"), 4, "where it started")


def test_a_trunk_fails():
    with folder(BRANCHES) as f:
        f.tfx("run", "tiny.ini", "--jobs", 3, "--set", "arm.transformer.train.lr=1e30", "--set",
              "arm.transformer.train.clip=0", status=3)
        same(statuses(f), {"transformer 1": "failed", "grown 1": "done", "tail 1": "failed"}, "statuses")
        detail = f.one("SELECT detail FROM run_summary WHERE arm = 'tail'")
        expect("its start, run" in detail and "failed, without the checkpoint for arm:transformer@step:4" in detail, "why",
               detail)


main(globals(), all_cores=True)

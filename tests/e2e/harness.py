"""What the end-to-end tests have in common: a folder with a text and a spec, the program, and
what a run has left behind. A test is a file of functions called test_*; main() runs them all, or
those named on the command line."""
import contextlib
import fcntl
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = pathlib.Path(os.environ["TFX_SOURCE_ROOT"])
BUILD = pathlib.Path(os.environ["TFX_BUILD_ROOT"])
TFX = BUILD / "tfx"
HERE = SOURCE / "tests" / "e2e"
HELPERS = BUILD / "tests" / "e2e"  # the shared objects that this folder builds
TINY = (HERE / "tiny.ini").read_text()


def made_text(length):
    """Sentences of words that are frequent or rare and like to follow each other: something to learn, and the same for ever."""
    number = random.Random(1).random  # the one function of that module whose numbers are promised to stay
    syllables = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
    words = ["".join(syllables[int(70 * number())] for _ in range(1 + int(3 * number()))) for _ in range(300)]
    text, word = "", 0
    while len(text) < length:
        sentence = []
        for _ in range(4 + int(12 * number())):
            word = (7 * word + int(40 * number() ** 3)) % len(words)
            sentence.append(words[word])
        text += " ".join(sentence).capitalize() + (".\n" if number() < 0.3 else ". ")
    return text[:length].encode()


CORPUS = made_text(100_000)


class Failure(Exception):
    pass


def expect(condition, what, shown=""):
    if not condition:
        raise Failure(f"{what}\n{shown}" if shown != "" else what)


def same(found, expected, what):
    expect(found == expected, what, f"expected: {expected}\nfound:    {found}")


class Folder:
    """A project folder of its own, with a text and a spec."""

    def __init__(self, path, spec=TINY):
        self.path = pathlib.Path(path)
        cut, end = len(CORPUS) * 4 // 10 * 2, len(CORPUS) // 2 * 2  # even: whole 16-bit tokens, too
        (self.path / "train.txt").write_bytes(CORPUS[:cut])
        (self.path / "val.txt").write_bytes(CORPUS[cut:end])
        self.spec = self.path / "tiny.ini"
        self.spec.write_text(spec)
        self.started = []

    def tfx(self, *args, status=0, env=None, **more):
        """Runs the program here and expects this exit status (None: any)."""
        more.setdefault("cwd", self.path)
        for stream in ("stdout", "stderr"):
            more.setdefault(stream, subprocess.PIPE)
        args = [a if isinstance(a, bytes) else str(a) for a in args]
        r = subprocess.run([TFX, *args], env=environment(env), text=True, errors="replace", **more)
        if status is not None:
            expect(r.returncode == status, f"tfx {' '.join(map(str, args))}: exit status {r.returncode}, "
                                           f"expected {status}", f"{r.stdout}\n{r.stderr}")
        return r

    def start(self, *args, env=None, **more):
        more.setdefault("cwd", self.path)
        more.setdefault("stderr", subprocess.PIPE)
        self.started.append(subprocess.Popen([TFX, *map(str, args)], env=environment(env), text=True,
                                             stdout=subprocess.PIPE, **more))
        return self.started[-1]

    def json(self, *args, **more):
        return json.loads(self.tfx(*args, "--json", **more).stdout)

    def sql(self, query, *args, db="tfx.db"):
        with contextlib.closing(sqlite3.connect(self.path / db)) as c:
            return c.execute(query, args).fetchall()

    def one(self, query, *args, db="tfx.db"):
        rows = self.sql(query, *args, db=db)
        expect(len(rows) == 1, f"one row of {query}", rows)
        return rows[0][0] if len(rows[0]) == 1 else rows[0]

    def files(self):
        return sorted(str(p.relative_to(self.path)) for p in self.path.rglob("*"))


def environment(changes):
    env = {k: v for k, v in os.environ.items() if k != "TFX_PLUGIN_PATH"}
    env.update(changes or {})
    return env


def temporary_root():
    """In memory where there is room: every row and every checkpoint waits for the disk otherwise."""
    shm = "/dev/shm"
    if "TMPDIR" in os.environ or not os.access(shm, os.W_OK) or shutil.disk_usage(shm).free < 1 << 30:
        return None
    return shm


@contextlib.contextmanager
def folder(spec=TINY):
    path = tempfile.mkdtemp(prefix="tfx-e2e-", dir=temporary_root())
    f = Folder(path, spec)
    try:
        yield f
    finally:
        for p in f.started:  # by a test that failed
            if p.poll() is None:
                p.kill()
        shutil.rmtree(path, ignore_errors=True)


def crashing(at, where="worker", sig=signal.SIGKILL):
    """Environment in which the program gets a signal before its at-th change to the disk (crash.c)."""
    return preload({"CRASH_AT": str(at), "CRASH_IN": where, "CRASH_SIGNAL": str(int(sig))})


def killed_copies(f, *command, every, least):
    """Copies of a folder in which the command was killed before its first change to the disk, before that `every` changes
    later, and so on, until it came to its end: pairs of the change and the copy. At least `least` were killed."""
    kills = 0
    for at in itertools.count(1, every):
        with folder() as copy:
            shutil.copytree(f.path, copy.path, dirs_exist_ok=True)
            killed = copy.tfx(*command, status=None, env=crashing(at, "parent")).returncode != 0
            yield at, copy
        kills += killed
        if not killed:
            break
    expect(kills >= least, "it was killed", kills)


def preload(env, library="crash.so"):
    asan = os.environ.get("ASAN_OPTIONS", "")
    # A sanitizer wants to be first, and to turn a crash into an exit.
    return {**env, "LD_PRELOAD": str(HELPERS / library),
            "ASAN_OPTIONS": asan + ":verify_asan_link_order=0:handle_segv=0"}


def safetensors(path):
    """{name: (dtype, shape, bytes)} and the metadata of a safetensors file."""
    data = pathlib.Path(path).read_bytes()
    (n,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + n])
    metadata = header.pop("__metadata__", {})
    body = data[8 + n:]
    return {k: (t["dtype"], t["shape"], body[slice(*t["data_offsets"])]) for k, t in header.items()}, metadata


def floats(tensor):
    dtype, _, data = tensor
    same(dtype, "F32", "dtype")
    return struct.unpack(f"<{len(data) // 4}f", data)


def outcome(f, run, db="tfx.db"):
    """Everything about a finished run that must not depend on interruptions. Times and speeds differ
    between any two runs, and so do the checkpoints that an interruption leaves."""
    root = (f.path / db).parent
    model, final = {}, f.one("SELECT path, hash FROM checkpoint WHERE run = ? AND reason = 'final' AND superseded = 0",
                             run, db=db)
    for name in ("model.safetensors", "optimizer.safetensors"):
        p = root / final[0] / name
        model[name] = p.read_bytes() if p.exists() else None
    return {
        "status": f.one("SELECT status FROM run WHERE id = ?", run, db=db),
        "hash": final[1],
        "files": model,
        "metrics": f.sql("SELECT s.number, m.name, m.step, m.tokens, m.flops, m.value FROM metric m "
                         "JOIN stage s ON s.id = m.stage WHERE m.run = ? AND m.superseded = 0 "
                         "AND m.name <> 'tokens_per_second' ORDER BY m.name, m.step, s.number", run, db=db),
        "latest": f.sql("SELECT l.name, s.number, l.step, l.tokens, l.flops, l.value FROM metric_latest l "
                        "JOIN stage s ON s.id = l.stage WHERE l.run = ? AND l.name <> 'tokens_per_second' "
                        "ORDER BY l.name", run, db=db),
        "stages": f.sql("SELECT number, model, parameters, first_step, planned_steps, steps, ended IS NOT NULL, "
                        "peak_rss_bytes > 0 FROM stage WHERE run = ? AND superseded = 0 ORDER BY number", run, db=db),
        "checkpoints": f.sql("SELECT c.step, s.number, c.reason, c.hash, c.val_loss, c.tokens, c.flops, "
                             "c.deleted IS NOT NULL FROM checkpoint c JOIN stage s ON s.id = c.stage "
                             "WHERE c.run = ? AND c.superseded = 0 AND reason <> 'interrupted' "
                             "ORDER BY c.step, s.number, c.id", run, db=db),
        "growth": f.sql("SELECT g.step, g.from_model, g.to_model, g.parameters_before, g.parameters_after, "
                        "g.carried_parameters, g.parameter_changes, g.reason, g.probe_loss_before, g.probe_loss_after, "
                        "g.probe_max_abs_delta_logit, a.reason, b.reason FROM growth_event g "
                        "JOIN checkpoint a ON a.id = g.from_checkpoint JOIN checkpoint b ON b.id = g.to_checkpoint "
                        "WHERE g.run = ? AND g.superseded = 0 ORDER BY g.step", run, db=db),
        "lineage": f.sql("SELECT l.from_model, l.to_model FROM lineage l JOIN checkpoint c ON c.id = l.checkpoint "
                         "WHERE c.run = ? AND c.reason = 'final' AND c.superseded = 0 AND l.growth_event IS NOT NULL "
                         "ORDER BY l.distance", run, db=db),
    }


def same_outcome(found, expected, what):
    for key in expected:
        if found[key] == expected[key]:
            continue
        if key == "files":
            names = [n for n in expected[key] if found[key][n] != expected[key][n]]
            raise Failure(f"{what}: other bytes in {', '.join(names)}")
        if isinstance(expected[key], list):
            missing = [r for r in expected[key] if r not in found[key]]
            extra = [r for r in found[key] if r not in expected[key]]
            raise Failure(f"{what}: {key}: missing {missing}, too many {extra}, "
                          f"{len(found[key])} rows for {len(expected[key])}")
        raise Failure(f"{what}: {key}: expected {expected[key]}, found {found[key]}")


def whole(f, db="tfx.db"):
    """What must hold of a database and its folders at any time, however a run has ended."""
    same(f.sql("PRAGMA integrity_check", db=db), [("ok",)], "integrity of the database")
    same(f.sql("PRAGMA foreign_key_check", db=db), [], "foreign keys of the database")
    root = (f.path / db).parent
    newest = {p for (p,) in f.sql("SELECT path FROM checkpoint c WHERE superseded = 0 AND id = (SELECT max(id) FROM "
                                  "checkpoint WHERE run = c.run AND superseded = 0)", db=db)}
    for path, size in f.sql("SELECT path, bytes FROM checkpoint WHERE deleted IS NULL AND superseded = 0", db=db):
        # An older one may have been caught between its removal and its row's; never a half of it.
        if path in newest or (root / path).exists():
            names = {p.name for p in (root / path).iterdir()} if (root / path).is_dir() else set()
            expect({"model.safetensors", "checkpoint.json"} <= names, f"{path}: a recorded checkpoint is whole", names)
            same(sum(p.stat().st_size for p in (root / path).iterdir()), size, f"{path}: size of its files")


def tidy(f, db="tfx.db"):
    """After everything has ended: on disk are the recorded checkpoints and nothing else."""
    whole(f, db)
    root = (f.path / db).parent
    recorded = {path for (path,) in f.sql("SELECT path FROM checkpoint WHERE deleted IS NULL", db=db)}
    # What a kill leaves of a folder that is being removed goes with the next checkpoint.
    found = {str(p.relative_to(root)) for p in root.glob("runs/*/*/*") if not p.name.endswith(".old") and p.name != "log.txt"}
    same(found, recorded, "folders of checkpoints")
    same([n for n in f.files() if n.endswith(("-wal", "-shm"))], [], "files beside the database")


def wait_for(condition, what, process=None):
    """Polls until the condition holds; a test that waits forever is stopped by its runner."""
    while not condition():
        if process and process.poll() is not None:
            raise Failure(f"tfx ended with {process.returncode} before {what}\n{process.stderr.read()}")
        time.sleep(0.002)


def message(r, *words, lines=1):
    """The one message of a refusal: on stderr alone, starting with the program's name, with these words."""
    same(r.stdout, "", "stdout of a refused command")
    found = r.stderr.splitlines()
    expect(len(found) == lines and found[0].startswith("tfx: "), f"a message of {lines} line", r.stderr)
    for w in words:
        expect(w in r.stderr, f"the message says '{w}'", r.stderr)


def take_core():
    """A core that no other test has: as many tests as there are cores run at once, and threads of each that wait for those
    of the others take longer than one thread does."""
    for core in sorted(os.sched_getaffinity(0)):
        lock = os.open(pathlib.Path(tempfile.gettempdir()) / f"tfx-test-core-{os.getuid()}-{core}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            os.sched_setaffinity(0, {core})
            return  # with the lock, until the process ends


def main(tests, all_cores=False):
    if not all_cores:
        take_core()
    tests = {k: v for k, v in tests.items() if k.startswith("test_") and callable(v)}
    failed = 0
    for name in sys.argv[1:] or tests:
        started = time.monotonic()
        try:
            tests[name]()
            result = "ok"
        except Failure as e:
            failed += 1
            result = f"FAILED: {e}\n{''.join(traceback.format_tb(e.__traceback__)[1:])}"
        print(f"{name} ({time.monotonic() - started:.1f} s) {result}", flush=True)
    sys.exit(1 if failed else 0)

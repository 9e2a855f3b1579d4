#!/usr/bin/env python3
"""Where and beside what the program runs: odd folders and names, streams that are closed or lead nowhere,
and several commands on one database."""
import stat
import subprocess
import threading

from harness import *

ONE_SEED = ["--set", "experiment.seeds=1"]


def test_odd_names():
    """Spaces, quotes and letters beyond ASCII in every path; the database elsewhere; a cwd of no importance."""
    with folder() as f, folder() as g:
        g.tfx("run", "tiny.ini", *ONE_SEED)
        home = f.path / "Über uns; 'a' \"b\" # 100%"
        home.mkdir()
        for name, new in (("tiny.ini", "größe 模型.ini"), ("train.txt", "train ünd.txt"), ("val.txt", "va l.txt")):
            (f.path / name).rename(home / new)
        spec = home / "größe 模型.ini"
        spec.write_text(TINY.replace("train.txt", "train ünd.txt").replace("val.txt", "va l.txt"))
        store = f.path / "the store"
        store.mkdir()
        db = "the store/db é.sqlite"
        f.tfx("run", spec, "--db", f.path / db, *ONE_SEED, cwd="/")
        for run in (1, 2):
            same_outcome(outcome(f, run, db), outcome(g, run), f"run {run} among odd names")
        tidy(f, db)
        same(sorted(p.name for p in f.path.iterdir()), sorted([home.name, "the store"]), "the folder")
        same(sorted(p.name for p in store.iterdir()), ["db é.sqlite", "runs"], "the database's folder")
        same(f.one("SELECT spec_path FROM experiment", db=db), str(spec), "the spec's path")
        final = f.one("SELECT id FROM checkpoint WHERE run = 2 AND reason = 'final'", db=db)
        text = f.tfx("eval", spec.name, "--arm", "grown", "--db", "../" + db, *ONE_SEED, cwd=home).stdout
        expect("loss " in text, "eval from the spec's folder", text)
        same(f.tfx("generate", final, "--db", db, "--prompt", "é", "--tokens", 3).stdout[0], "é", "generate")
        message(f.tfx("run", spec, "--db", "no such folder/tfx.db", status=None), "no such folder/tfx.db")
        # The whole folder moves: paths in the database are relative to it.
        moved = f.path / "moved"
        store.rename(moved)
        f.tfx("generate", final, "--db", "moved/db é.sqlite", "--prompt", "a", "--tokens", 3)


def test_two_databases_in_one_folder():
    """Both have a run 1 of the same experiment; neither touches the other's files. Nor does a new
    database touch what is left of one that was removed."""
    with folder() as f:
        f.tfx("run", "tiny.ini", *ONE_SEED, "--db", "a.db")
        before = {run: outcome(f, run, "a.db") for run in (1, 2)}
        f.tfx("run", "tiny.ini", *ONE_SEED, "--db", "b.db", "--set", "train.lr=1e-2")
        for run in (1, 2):
            same_outcome(outcome(f, run, "a.db"), before[run], f"run {run} after another database's")
            expect(outcome(f, run, "b.db")["hash"] != before[run]["hash"], "the other run is another one")
        whole(f, "a.db")
        whole(f, "b.db")
        files = {p: p.read_bytes() for p in f.path.rglob("*.safetensors")}
        (f.path / "a.db").unlink()
        f.tfx("run", "tiny.ini", *ONE_SEED, "--db", "a.db", "--set", "train.lr=1e-4")
        for p, data in files.items():
            expect(p.read_bytes() == data, f"{p} is untouched")


def test_two_runs_at_once():
    with folder() as f, folder() as g:
        g.tfx("run", "tiny.ini", *ONE_SEED)
        both = [f.start("run", "tiny.ini", *ONE_SEED) for _ in range(2)]
        readers = threading.Event()

        def read():
            """Somebody looks while they run; nobody is locked out."""
            while not readers.is_set():
                r = f.tfx("runs", status=None)
                if r.returncode and "no database" not in r.stderr and "empty" not in r.stderr:
                    problems.append(r.stderr)

        problems = []
        reader = threading.Thread(target=read)
        reader.start()
        for p in both:
            out, err = p.communicate()
            same(p.returncode, 0, f"exit status of one of two\n{err}")
        readers.set()
        reader.join()
        same(problems, [], "what a reader was told")
        same(f.one("SELECT count(*) FROM experiment"), 2, "experiments")
        arms = dict(f.sql("SELECT r.id, a.name FROM run r JOIN arm a ON a.id = r.arm"))
        same(len(arms), 4, "runs")
        for run, arm in arms.items():
            same_outcome(outcome(f, run), outcome(g, 1 if arm == "transformer" else 2), f"run {run}, beside another")
        whole(f)


def as_nobody():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def test_read_only_folder():
    with folder() as f:
        before = f.files()
        for p in [*f.path.rglob("*"), f.path]:
            p.chmod(0o555 if p.is_dir() else 0o444)
        try:
            try: # a build below a private home folder is out of another user's reach
                reachable = f.tfx("--version", status=None, preexec_fn=as_nobody).returncode == 0
            except PermissionError:
                reachable = False
            if not reachable:
                print("test_read_only_folder: skipped, the program cannot be run by another user")
                return
            r = f.tfx("run", "tiny.ini", status=None, preexec_fn=as_nobody)
            expect(r.returncode in (1, 2), "a run where nothing can be written", r.stderr)
            message(r, "tfx.db")
            same(f.files(), before, "files in the folder")
            f.tfx("plan", "tiny.ini", preexec_fn=as_nobody)
        finally:
            for p in [f.path, *f.path.rglob("*")]:
                p.chmod(stat.S_IRWXU)


def test_streams():
    settings = [*ONE_SEED, "--set", "train.steps=4", "--set", "train.checkpoint_every=0",
                "--set", "scaling.grow.policy.steps=2,2"]
    with folder() as f, folder() as g:
        g.tfx("run", "tiny.ini", *settings)
        quick = f"'{TFX}' run tiny.ini {' '.join(settings)}"

        def shell(command, status):
            r = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=f.path, env=environment(None), text=True,
                               capture_output=True)
            expect(r.returncode in status, f"{command}: exit status {r.returncode}", r.stdout + r.stderr)
            return r

        # Nobody reads, a full device, or no stream at all: training does not mind, and no file is written into.
        for n, (streams, status) in enumerate([("2>&1 | true", (0, 1, 141)), ("2>/dev/full | head -1", (0, 1, 141)),
                                               ("2>&-", (0,)), ("<&- >&- 2>&-", (1,)), ("2>err", (0,))]):
            shell(f"{quick} --db {n}.db {streams}", status)
            same(f.sql("SELECT DISTINCT status FROM run", db=f"{n}.db"), [("done",)], f"runs with {streams}")
            for run in (1, 2):
                same_outcome(outcome(f, run, f"{n}.db"), outcome(g, run), f"run {run} with {streams}")
            whole(f, f"{n}.db")
        err = (f.path / "err").read_text()
        expect("\r" not in err and "\033" not in err and "val loss" in err, "stderr in a file", err)

        r = shell(f"'{TFX}' runs --db 0.db | head -1", (0, 141))
        expect(r.stdout.startswith("run ") and len(r.stdout.splitlines()) == 1, "the first line", r.stdout)
        r = shell(f"'{TFX}' runs --db 0.db >/dev/full", (1,))
        expect("standard output" in r.stderr, "a full device is told", r.stderr)
        for verb in ("runs", "report tiny -o -"):
            r = shell(f"'{TFX}' {verb} --db 0.db >/dev/full", (1,))
            expect("No space left" in r.stderr or "not all of it could be written" in r.stderr, "why", r.stderr)
        r = shell(f"'{TFX}' runs --db 0.db >&-", (1,))
        expect("standard output" in r.stderr, "a closed stdout is told", r.stderr)


main(globals())

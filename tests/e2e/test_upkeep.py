#!/usr/bin/env python3
"""tfx gc: which checkpoints' files go and which never do, kills in the middle, leftovers, other processes, mistakes."""
import fcntl

from harness import *

# A trunk that two arms start from, one of them not executed yet, and a run that grows.
SPEC = TINY.replace("seeds = 1, 2", "seeds = 1").replace("checkpoint_every = 4", "checkpoint_every = 3\n"
                                                         "keep_checkpoints = 100") + """
[arm tail]
model = transformer
start = arm:transformer@step:6
train.steps = 2

[arm later]
extends = tail
start = arm:transformer@step:9
"""


def run_all(f):
    f.tfx("run", "tiny.ini", "--arm", "tail", "--arm", "grown")


def removed(f, *args):
    return [r["path"] for r in f.json("gc", *args)["removed"]]


def stored(f):
    """(arm, step, reason) of each checkpoint that has files, as rows and as folders."""
    rows = f.sql("SELECT a.name, c.step, c.reason, c.path FROM checkpoint c JOIN run r ON r.id = c.run JOIN arm a ON "
                 "a.id = r.arm WHERE c.deleted IS NULL ORDER BY 1, 2, c.id")
    same(sorted(r[3] for r in rows), sorted(str(p.relative_to(f.path)) for p in f.path.glob("runs/*/*/step-*")), "folders")
    return [r[:3] for r in rows]


# What stays of SPEC whatever the policy: origins, a start of a planned arm, and the newest.
NEEDED = [("grown", 12, "stage_end"), ("grown", 20, "stage_end"), ("grown", 28, "final"), ("tail", 2, "final"),
          ("transformer", 6, "periodic"), ("transformer", 9, "periodic"), ("transformer", 12, "final")]


def test_policies():
    with folder(SPEC) as f:
        run_all(f)
        everything = stored(f)
        text = f.tfx("gc").stdout
        expect("Nothing has been removed" in text and "a run that is not done starts there" in text, "a dry run", text)
        same(stored(f), everything, "a dry run removes nothing")
        plan = f.json("gc")
        same((plan["done"], len(plan["removed"]) + len(plan["kept"])), (False, len(everything)), "the plan")
        same(plan["bytes"], sum(r["bytes"] for r in plan["removed"]), "bytes")
        paths = removed(f, "--keep-newest", 2)
        same(len(removed(f)) - len(paths), 1, "a second one of grown; that of transformer is needed, tail has one")
        best = dict(f.sql("SELECT run, path FROM checkpoint c WHERE val_loss = (SELECT min(val_loss) FROM checkpoint WHERE "
                          "run = c.run) ORDER BY id"))
        expect(not set(best.values()) & set(removed(f, "--keep-newest", 0, "--keep-best")), "best ones stay", best)
        same([p for p in removed(f, "--keep-stages") if "grown" in p.split("-")[-1]], [], "both sides of growth stay")
        expect(any(p.endswith("-grown") for p in removed(f)), "otherwise those after it go")
        before = {p: f.one("SELECT bytes FROM checkpoint WHERE path = ?", p) for p in removed(f)}
        free = sum(p.stat().st_size for path in before for p in (f.path / path).iterdir())
        done = f.json("gc", "--yes")
        same((done["done"], done["bytes"]), (True, free), "what was freed")
        same(stored(f), NEEDED, "what stays")
        same(removed(f), [], "again")
        same(f.one("SELECT count(*) FROM checkpoint"), len(everything), "rows stay")
        whole(f)
        # Nothing that was needed is gone: the other arm still runs, and lets its start go.
        f.tfx("run", "tiny.ini", "--resume")
        f.tfx("gc", "--yes", "--keep-newest", 0)
        same(stored(f), [n for n in NEEDED if n[2] not in ("final",)], "origins stay for ever")
        tidy(f)


def test_unfinished():
    """A run that is not done keeps what it goes on from, and comes to the same bits."""
    with folder(SPEC) as f, folder(SPEC) as undisturbed:
        run_all(undisturbed)
        f.tfx("run", "tiny.ini", "--arm", "grown", "--arm", "transformer", status=None, env=crashing(60))
        f.tfx("gc", "--yes", "--keep-newest", 0)
        expect(f.sql("SELECT 1 FROM checkpoint c JOIN run r ON r.id = c.run WHERE r.status <> 'done' AND deleted IS NULL"),
               "an unfinished run has a checkpoint")
        f.tfx("run", "tiny.ini", "--resume")
        for run in (1, 2):
            expected, found = outcome(undisturbed, run), outcome(f, run)
            for o in (expected, found):
                o["checkpoints"] = [c[:7] for c in o["checkpoints"]]  # whether files are there is another question
            same_outcome(found, expected, f"run {run}")


def test_executed():
    """The folder of a run that a process executes is locked; nothing of it goes."""
    with folder(SPEC) as f:
        run_all(f)
        directory = f.one("SELECT r.directory FROM run r JOIN arm a ON a.id = r.arm WHERE a.name = 'grown'")
        fd = os.open(f.path / directory, os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_EX)
        before = f.files()
        kept = [k for k in f.json("gc", "--yes")["kept"] if k["path"].startswith(directory + "/")]
        same({k["why"] for k in kept}, {"its run is being executed"}, "why")
        same([x for x in before if x.startswith(directory)], [x for x in f.files() if x.startswith(directory)], "files")
        os.close(fd)
        expect(removed(f, "--yes"), "later they go")


def test_killed():
    """At any change to the disk: every row that says so has its whole folder, and another call finishes the work."""
    with folder(SPEC) as f:
        run_all(f)
        for at, g in killed_copies(f, "gc", "--yes", every=5, least=6):
            for path, size in g.sql("SELECT path, bytes FROM checkpoint WHERE deleted IS NULL"):
                expect((g.path / path).is_dir(), f"kill {at}: {path} is there")
                same(sum(p.stat().st_size for p in (g.path / path).iterdir()), size, f"kill {at}: {path} is whole")
            g.tfx("gc", "--yes")
            same(stored(g), NEEDED, f"after kill {at}")
            same([x for x in g.files() if ".tmp-" in x], [], f"leftovers after kill {at}")
            whole(g)


def test_leftovers():
    """Folders that tfx named and no row is about go; anything else stays."""
    with folder(SPEC) as f:
        run_all(f)
        f.tfx("gc", "--yes")
        ours = f.path / "runs/tiny/1"
        left = [ours / "step-00000003-periodic", ours / "step-00000004-final.tmp-77", ours / "step-00000004-final.tmp-77.old",
                f.path / "runs/tiny/3.tmp-5.old", f.path / "runs/tiny/98"]
        mine = [ours / "step-3-mine", ours / "step-00000003-mine", ours / "notes.tmp-7", f.path / "runs/tiny/notes",
                f.path / "runs/tiny/99", f.path / "runs/other/7"]
        for p in left + mine:
            p.mkdir(parents=True)
            if p.name != "98":
                (p / "file").write_text("x" * 10)
        fresh = f.path / "runs/tiny/97"  # empty, too, but somebody may just have made it
        fresh.mkdir()
        os.utime(left[-1], (1, 1))
        locked = ours / "step-00000005-periodic.tmp-78"
        locked.mkdir()
        fd = os.open(locked, os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_EX)
        same(set(removed(f)), {str(p.relative_to(f.path)) for p in left}, "listed")
        unknown = {k["path"] for k in f.json("gc")["kept"] if k["why"] == "no run of this database"}
        same(unknown, {"runs/tiny/99", "runs/other/7"}, "runs of nobody")
        same(set(removed(f, "tiny")), {str(p.relative_to(f.path)) for p in left[:3]}, "of one experiment")
        f.tfx("gc", "--yes")
        same([p for p in left if p.exists()], [], "what is left of leftovers")
        same([p for p in mine + [fresh, locked] if not p.exists()], [], "what was not ours")
        os.close(fd)
        # Another database in the same folder has runs of its own.
        f.tfx("run", "tiny.ini", "--arm", "transformer", "--db", "b.db")
        before = f.files()
        f.tfx("gc", "--yes")
        same([x for x in f.files() if x not in (str(locked.relative_to(f.path)),)],
             [x for x in before if x not in (str(locked.relative_to(f.path)),)], "runs of another database")


def test_refused():
    with folder(SPEC) as f:
        message(f.tfx("gc", status=2), "no database tfx.db")
        expect(not (f.path / "tfx.db").exists(), "no database is made")
        f.tfx("run", "tiny.ini", "--arm", "transformer")
        before = f.files()
        message(f.tfx("gc", "tinny", "--yes", status=2), 'did you mean "tiny"?')
        message(f.tfx("gc", "--keep-newest", "-1", "--yes", status=2), "--keep-newest: expected a whole number")
        message(f.tfx("gc", "--keep-bset", "--yes", status=2), 'did you mean "--keep-best"?')
        # What cannot be read might be needed.
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:
            c.execute("UPDATE arm SET start = 'arm:transformer@stp:3' WHERE name = 'later'")
            c.commit()
        message(f.tfx("gc", "--yes", status=None), "recorded arm", "start: expected arm:NAME@POINT")
        same(f.files(), before, "files after mistakes")


main(globals())

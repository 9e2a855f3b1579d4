#!/usr/bin/env python3
"""tfx rm and tfx db: a whole experiment goes and nothing else does, kills in the middle, what is refused, ids, space."""
import fcntl

from harness import *

SPEC = TINY.replace("seeds = 1, 2", "seeds = 1")
HEIR = SPEC[:SPEC.index("[arm ")].replace("name = tiny", "name = heir") + """[arm on]
model = transformer
start = run:1@step:8
train.steps = 2
"""


def tables(f):
    """Rows of each table that is about experiments."""
    names = [n for (n,) in f.sql("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    return {n: f.one(f"SELECT count(*) FROM \"{n}\"") for n in names if n not in ("plugin", "environment", "removed")}


def test_removes():
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", "--set", "train.slice_every=5")
        before, files = tables(f), f.files()
        f.tfx("run", "tiny.ini", "--set", "train.slice_every=5", "--set", "train.steps=11")
        f.tfx("run", "tiny.ini", "--set", "train.slice_every=5", "--set", "train.steps=11", "--resume")
        f.tfx("tag", 3, "a=b")
        f.tfx("note", 3, "gone")
        f.tfx("note", "tiny", "gone")
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:  # rows that do not count go, too
            c.execute("UPDATE metric SET superseded = 1 WHERE run = 4 AND step = 5")
            c.execute("INSERT INTO fit SELECT 1, 'law', 2, 's', 'power', 1, 1, 3, 1, NULL, NULL, '{}', '{}', '[]', '2025'")
            c.execute("INSERT INTO forecast VALUES (1, 1, 2.0, NULL, NULL, '2025')")
            c.execute("INSERT INTO forecast VALUES (3, 1, 2.0, NULL, NULL, '2025')")
            c.execute("UPDATE slice_metric SET superseded = 1 WHERE run = 4 AND step = 15")
            c.commit()
        everything = tables(f)
        expect(all(everything[t] > before[t] for t in before if before[t]), "each table has rows of it", everything)
        planned = f.json("rm", 2)
        same((planned["done"], planned["runs"], planned["name"]), (False, 2, "tiny"), "a dry run")
        expect(planned["bytes"] == f.one("SELECT sum(bytes) FROM checkpoint WHERE run > 2 AND deleted IS NULL"), "bytes")
        expect("Nothing has been removed" in f.tfx("rm", "tiny").stdout, "a dry run, as text")
        same(tables(f), everything, "a dry run removes nothing")
        f.tfx("rm", "tiny", "--yes")
        same(tables(f), {**before, "fit": 1, "forecast": 1}, "rows")
        same(f.sql("SELECT fit.experiment, run FROM fit, forecast"), [(None, 1)], "a fit stays, and what it expects of others")
        same(f.files(), files, "files")
        tidy(f)
        # Ids are not given again.
        f.tfx("run", "tiny.ini", "--set", "arm.grown.drop=true", "--set", "train.steps=2")
        same(f.sql("SELECT max(experiment_id), max(run) FROM run_summary"), [(3, 5)], "ids")
        same(f.sql("SELECT experiment, name, runs, last_run FROM removed"), [(2, "tiny", 2, 4)], "what was removed")
        checkpoint = f.one("SELECT min(id) FROM checkpoint WHERE run = 5")
        expect(checkpoint > f.one("SELECT last_checkpoint FROM removed"), "ids of checkpoints", checkpoint)


def test_refused():
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", "--arm", "transformer")
        (f.path / "heir.ini").write_text(HEIR)
        before = f.files()

        def refused(*words):
            rows = tables(f)
            message(f.tfx("rm", 1, "--yes", status=2), *words)
            same(tables(f), rows, "rows")
            same([x for x in before if x not in f.files()], [], "files")
        f.tfx("run", "heir.ini", status=None, env=crashing(1))  # recorded, not begun
        same(f.one("SELECT count(*) FROM run WHERE status <> 'done' AND arm IN (SELECT id FROM arm WHERE start IS NOT NULL)"), 1,
             "a run that is not done")
        refused("run 3 of experiment 2, which is not done, starts from its checkpoint")
        f.tfx("run", "heir.ini", "--resume")
        refused("other runs have started from its checkpoints", "run 3 (experiment 2, heir)")
        f.tfx("rm", "heir", "--yes")
        fd = os.open(f.path / "runs/tiny/1", os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_EX)
        refused("run 1 (arm transformer, seed 1) is being executed, or files of it are removed")
        message(f.tfx("db", "vacuum", status=2), "run 1 (arm transformer, seed 1) is being executed, or files")
        os.close(fd)
        message(f.tfx("rm", "tinny", "--yes", status=2), 'did you mean "tiny"?')
        message(f.tfx("rm", 77, "--yes", status=2), "no experiment '77'")
        message(f.tfx("rm", status=2), "expected EXPERIMENT")
        message(f.tfx("rm", 1, "--db", "none.db", "--yes", status=2), "no database none.db")
        f.tfx("rm", 1, "--yes")
        same([x for x in f.files() if x.startswith("runs/")], [], "folders")


def test_killed():
    """At any change to the disk: no row says that files are there which are not, and another call finishes."""
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", "--set", "train.steps=4")
        f.tfx("run", "tiny.ini", "--arm", "transformer", "--set", "train.steps=5")
        for at, g in killed_copies(f, "rm", 1, "--yes", every=4, least=5):
            for (path,) in g.sql("SELECT path FROM checkpoint WHERE deleted IS NULL"):
                expect((g.path / path / "checkpoint.json").exists(), f"kill {at}: {path} is whole")
            if g.sql("SELECT 1 FROM experiment WHERE id = 1"):
                g.tfx("rm", 1, "--yes")
            g.tfx("gc", "--keep-newest", 9, "--yes")
            same([x for x in g.files() if x.startswith("runs/tiny/1")], [], f"folders after kill {at}")
            same(g.sql("SELECT id FROM experiment"), [(2,)], f"experiments after kill {at}")
            tidy(g)


def test_file():
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", "--set", "arm.grown.drop=true", "--set", "train.steps=4")
        expect("whole" in f.tfx("db", "check").stdout, "a whole file")
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:
            c.execute("INSERT INTO metric (run, stage, name, step, tokens, flops, seconds, value) WITH RECURSIVE n (x) AS "
                      "(VALUES (100) UNION ALL SELECT x + 1 FROM n WHERE x < 20000) SELECT 1, 1, 'lr', x, x, x, x, x FROM n")
            c.execute("DELETE FROM metric WHERE step >= 100")
            c.commit()
        before = (f.path / "tfx.db").stat().st_size
        text = f.tfx("db", "vacuum").stdout
        after = (f.path / "tfx.db").stat().st_size
        expect(after < before / 2 and "before" in text, "a smaller file", f"{before} {after} {text}")
        whole(f)
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:
            c.execute("UPDATE stage SET run = 99")
            c.commit()
        message(f.tfx("db", "check", status=None), "is damaged", "of stage refers to a row of run", lines=2)
        for verb in ("vacuum", "check"):
            message(f.tfx("db", verb, "--db", "none.db", status=2), "no database none.db")
        message(f.tfx("db", "vacum", status=2), "expected 'tfx db vacuum' or 'tfx db check'")


main(globals())

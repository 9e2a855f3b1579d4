#!/usr/bin/env python3
"""`tfx export`: every number that counts, and event files as TensorBoard reads them, decoded here by themselves."""
import calendar
import csv
import io
import math

from harness import *

ROWS = ("SELECT a.name, r.seed, m.run, s.number, m.name, m.step, m.tokens, m.flops, m.seconds, m.value FROM metric m "
        "JOIN run r ON r.id = m.run JOIN arm a ON a.id = r.arm JOIN stage s ON s.id = m.stage WHERE m.superseded = 0 "
        "ORDER BY a.id, r.seed, m.step, m.id")
COLUMNS = ["arm", "seed", "run", "stage", "name", "step", "tokens", "flops", "seconds", "value"]


# ---- event files, after tensorflow/core/lib/io/record_writer.h and tensorflow/core/util/event.proto ----

def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff


def records(data):
    while data:
        length, check = struct.unpack("<QI", data[:12])
        same(check, masked(data[:8]), "checksum of a length")
        record, data = data[12:12 + length], data[12 + length:]
        same(len(record), length, "length of a record")
        same(struct.unpack("<I", data[:4])[0], masked(record), "checksum of a record")
        data = data[4:]
        yield record


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def fields(data):
    """{number: [value]} of a protocol buffer: integers, or the bytes of the rest."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            n = {1: 8, 5: 4}.get(kind)
            if n is None:
                same(kind, 2, "kind of a field")
                n, at = varint(data, at)
            value, at = data[at:at + n], at + n
        found.setdefault(key >> 3, []).append(value)
    return found


def events(path):
    """(wall time, step, tag, value) of an event file."""
    first, *rest = [fields(r) for r in records(path.read_bytes())]
    same(first[3], [b"brain.Event:2"], "version of the file")
    result = []
    for e in rest:
        (summary,) = e[5]
        (value,) = fields(summary)[1]
        v = fields(value)
        result.append((struct.unpack("<d", e[1][0])[0], e[2][0], v[1][0].decode(), struct.unpack("<f", v[2][0])[0]))
    return result


def as_float(x):
    return struct.unpack("<f", struct.pack("<f", math.nan if x is None else x))[0]


# ----

def run_with_a_resume(f):
    """Rows that do not count, and a value that is not finite."""
    f.tfx("run", "tiny.ini", "--set", "experiment.seeds=1")
    with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:
        c.execute("UPDATE metric SET superseded = 1 WHERE run = 1 AND step = 12")
        c.execute("UPDATE metric SET value = NULL WHERE run = 2 AND step = 4 AND name = 'train_loss'")
        c.commit()


def test_tables():
    with folder() as f:
        run_with_a_resume(f)
        expected = f.sql(ROWS)
        expect(len(expected) > 50, "there are rows")
        lines = [json.loads(line) for line in f.tfx("export", "tiny", "--jsonl").stdout.splitlines()]
        same([list(line) for line in lines[:1]], [COLUMNS], "keys")
        same([tuple(line.values()) for line in lines], expected, "JSON lines")
        head, *rows = csv.reader(io.StringIO(f.tfx("export", "tiny", "--csv").stdout))
        same(head, COLUMNS, "columns")
        kinds = (str, int, int, int, str, int, int, float, float, lambda x: float(x) if x else None)
        same([tuple(k(x) for k, x in zip(kinds, row)) for row in rows], expected, "CSV")


def test_tensorboard():
    with folder() as f:
        run_with_a_resume(f)
        r = f.tfx("export", "tiny", "--tensorboard", "out/events")
        same(r.stderr, "2 runs: tensorboard --logdir out/events\n", "what is said")
        for arm, run in (("transformer", 1), ("grown", 2)):
            (file,) = (f.path / "out" / "events" / arm / "seed-1").iterdir()
            expect("tfevents" in file.name, "TensorBoard looks for this in names", file.name)
            began = calendar.timegm(time.strptime(f.one("SELECT started FROM run WHERE id = ?", run)[:19], "%Y-%m-%dT%H:%M:%S"))
            rows = f.sql("SELECT seconds, step, name, value FROM metric WHERE run = ? AND superseded = 0 ORDER BY step, id", run)
            expected = [(began + s, step, name.replace("train_", "train/").replace("val_", "val/"), as_float(value))
                        for s, step, name, value in rows]
            same([repr(e) for e in events(file)], [repr(e) for e in expected], "events")
            expect({"train/loss", "val/loss", "val/bpb", "lr"} <= {e[2] for e in expected}, "tags", expected[:3])
        before = {p: p.read_bytes() for p in (f.path / "out").rglob("*") if p.is_file()}
        f.tfx("export", "tiny", "--tensorboard", "out/events")
        same({p: p.read_bytes() for p in (f.path / "out").rglob("*") if p.is_file()}, before, "the same files again")


def test_names():
    """Names of arms that cannot be folders, or would lead elsewhere."""
    names = ["a/b", "a%2fb", "..", ".", "a:b", "\u00fcber"]
    with folder(TINY) as f:
        f.tfx("run", "tiny.ini", "--set", "experiment.seeds=1", "--arm", "transformer")
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:
            for name in [*names, "x" * 300, "x" * 299 + "y"]:
                c.execute("INSERT INTO arm (experiment, name, model) VALUES (1, ?, 'm')", (name,))
                c.execute("INSERT INTO run (arm, seed, status, created, started) VALUES (last_insert_rowid(), 1, 'failed', '', "
                          "'2026-01-01T00:00:00.000Z')")
            c.commit()
        outside = f.files()
        f.tfx("export", "tiny", "--tensorboard", "events")
        found = {p.name for p in (f.path / "events").iterdir()}
        same({n for n in found if not n.startswith("x")}, {"transformer", "a%2fb", "a%252fb", "%2e.", "%2e", "a%3ab", "\u00fcber"},
             "folders")
        same(len([n for n in found if n.startswith("x") and len(n) == 200]), 2, "long names stay apart")
        same([n for n in f.files() if not n.startswith("events")], outside, "nothing elsewhere")


def test_mistakes():
    with folder() as f:
        f.tfx("run", "tiny.ini", "--set", "experiment.seeds=1", "--arm", "transformer")
        for args, words in (((), "expected one of --csv, --jsonl and --tensorboard DIR, found none"),
                            (("--csv", "--jsonl"), "found several"), (("--csv", "--tensorboard", "x"), "found several"),
                            (("--tensorboard",), "--tensorboard needs a value")):
            message(f.tfx("export", "tiny", *args, status=2), words)
        message(f.tfx("export", "tinny", "--csv", status=2), "no experiment 'tinny'; did you mean \"tiny\"?")
        (f.path / "file").write_text("")
        message(f.tfx("export", "tiny", "--tensorboard", "file", status=1), "file")
        with open("/dev/full", "w") as full:
            f.tfx("export", "tiny", "--csv", status=1, stdout=full)


main(globals())

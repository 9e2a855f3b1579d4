#!/usr/bin/env python3
"""Tags, notes and other names of what was run, and mistakes with them."""
from harness import *

LEAN = ["--set", "arm.grown.drop=true", "--set", "train.steps=3"]


def test_tags():
    with folder() as f:
        f.tfx("run", "tiny.ini", *LEAN)
        same(f.tfx("tag", 1, 2, "baseline=yes", "lr=3e-3").stdout, "", "nothing to say")
        f.tfx("tag", 2, "lr=")
        same(f.json("tag"), [{"run": r, "experiment": "tiny", "arm": "transformer", "seed": r, "key": k, "value": v}
                             for r, k, v in ((1, "baseline", "yes"), (1, "lr", "3e-3"), (2, "baseline", "yes"))], "all tags")
        same([t["key"] for t in f.json("tag", 2)], ["baseline"], "tags of one")
        same([r["run"] for r in f.json("runs", "--tag", "baseline", "--tag", "lr=3e-3")], [1], "runs with a tag")
        same([r["tags"] for r in f.json("runs")], ["baseline=yes", "baseline=yes, lr=3e-3"], "tags of runs")
        expect("baseline=yes, lr=3e-3" in f.tfx("runs").stdout, "the table has tags")
        same(f.json("show", 1)["tags"], [{"key": "baseline", "value": "yes"}, {"key": "lr", "value": "3e-3"}], "show")
        before = f.sql("SELECT * FROM run_tag")
        for wrong, words in (((1, 99, "a=b"), "has no run 99"), (("x", "a=b"), "expected the id of a run, found 'x'"),
                             ((1, "a b=c"), "only letters, digits, -, _ and . are allowed"), ((1, "=c"), "it is empty"),
                             ((1, 2), "expected KEY=VALUE after the runs 1, 2"), (("a=b",), "the id of a run beside 'a=b'"),
                             ((99,), "has no run 99"), ((1, "a=b", "--json"), "--json is for listing"), ((1, "a=b", b"c=d\xff"), "c: expected a value in UTF-8, found the byte 0xff"),
                             ((1, "a=b", "--db", "none.db"), "no database none.db")):
            message(f.tfx("tag", *wrong, status=2), words)
        same(f.sql("SELECT * FROM run_tag"), before, "tags after mistakes")
        expect(not (f.path / "none.db").exists(), "no database is made")


def test_notes():
    with folder() as f:
        f.tfx("run", "tiny.ini", *LEAN)
        f.tfx("note", 1, "the first\nof two lines")
        f.tfx("note", "tiny", "of all")
        f.tfx("note", "--experiment", 1, "by its id")
        f.tfx("note", 2, "another's")
        notes = f.json("note", 1)
        same([(n["about"], n["text"]) for n in notes],
             [("run", "the first\nof two lines"), ("experiment", "of all"), ("experiment", "by its id")], "notes of a run")
        same(f.json("show", 1)["notes"], notes, "show")
        same([n["text"] for n in f.json("note", "tiny")], ["of all", "by its id"], "notes of an experiment")
        same(len(f.tfx("note", 1).stdout.splitlines()), 2 + 3, "lines of notes")
        expect("Notes" in f.tfx("show", 2).stdout and "another's" in f.tfx("show", 2).stdout, "show as text")
        for wrong, words in (((99, "x"), "has no run 99"), ((99,), "has no run 99"), (("tinny", "x"), 'did you mean "tiny"?'),
                             ((1, " "), "expected a text"), ((), "the id of a run, or the name"), ((0, "x"), "found '0'"),
                             (("--experiment", "tiny", "a", "b"), "found 'a' and 'b'"), ((1, "x", "--json"), "--json is for"),
                             ((1, "x", "y"), "one argument too many: 'y'"),
                             ((1, b"caf\xe9"), "expected a text in UTF-8, found the byte 0xe9")):
            message(f.tfx("note", *wrong, status=2), words)
        same(f.one("SELECT count(*) FROM note"), 4, "notes after mistakes")


def test_rename():
    """A run that was stopped goes on from the spec as it was, under the new name."""
    with folder() as f:
        f.tfx("run", "tiny.ini", *LEAN, "--seed", 1)
        text = f.tfx("rename", "tiny", "first-try").stdout
        expect("Experiment 1, tiny, is now first-try." in text and "runs/tiny" in text, "what it says", text)
        f.tfx("run", "tiny.ini", *LEAN, "--resume")
        same(f.sql("SELECT experiment, run, status FROM run_summary"), [("first-try", 1, "done"), ("first-try", 2, "done")],
             "resumed")
        same(f.sql("SELECT directory FROM run"), [("runs/tiny/1",), ("runs/first-try/2",)], "folders")
        f.tfx("run", "tiny.ini", *LEAN)
        same(f.one("SELECT name FROM experiment WHERE id = 2"), "tiny", "a new one has the name of the spec")
        f.tfx("rename", 1, "old")
        for wrong, words in ((("tinny", "x"), 'did you mean "tiny"?'), (("tiny", "a/b"), "only letters"), (("tiny", ""), "start"),
                             ((77, "x"), "no experiment '77'"), ((1, "old"), "is called old already"), (("old", "2"), "it is a number, as ids are")):
            message(f.tfx("rename", *wrong, status=2), words)
        same(f.sql("SELECT name FROM experiment ORDER BY id"), [("old",), ("tiny",)], "names")
        tidy(f)


main(globals())

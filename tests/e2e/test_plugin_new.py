#!/usr/bin/env python3
"""tfx plugin new: each kind is written, built with its own build file without a warning, and passes its own test; what
cannot be is refused, and nothing is written. Argument: a C compiler, then the names of tests."""
import re
import subprocess

from harness import *

COMPILER = sys.argv.pop(1)
TEMPLATES = SOURCE / "tools" / "plugin-template"
KINDS = ["layer", "optimizer", "loader", "scaling", "operator", "op", "tokenizer", "backend"]
STRICT = "-O2 -Wall -Wextra -Werror -pedantic"


def make(path, *targets, status=0, **variables):
    """Runs make in the folder, by default with the headers of this tree and this program."""
    values = {"TFX_INCLUDE": SOURCE / "include", "TFX_PROGRAM": TFX, "CC": COMPILER, "CFLAGS": STRICT, **variables}
    r = subprocess.run(["make", *targets, *[f"{k}={v}" for k, v in values.items()]], cwd=path, env=environment(None),
                       capture_output=True, text=True)
    expect(r.returncode == 0 if status == 0 else r.returncode != 0, f"make {targets} in {path}: status {r.returncode}",
           r.stdout + r.stderr)
    return r


def test_every_kind():
    same(sorted(p.name for p in TEMPLATES.iterdir() if p.is_dir()), sorted(KINDS), "a folder for each kind")
    with folder() as f:
        for kind in KINDS:
            name = f"its_{kind}"
            r = f.tfx("plugin", "new", kind, name)
            written = sorted(p.name for p in (f.path / name).iterdir())
            files = sorted([*(p.name for p in (TEMPLATES / kind).iterdir()), "Makefile"])
            same(written, sorted(n.replace("my_plugin", name) for n in files), f"the files of a {kind}")
            same(sorted(r.stdout.splitlines()[:-2]), [f"{name}/{n}" for n in written], "what is printed")
            same(r.stdout.splitlines()[-1], f"cd {name} && make test TFX_INCLUDE={SOURCE / 'include'} TFX_PROGRAM={TFX}", "what comes next")
            for p in (f.path / name).iterdir():
                expect("my_plugin" not in p.read_text(), f"{kind}: {p.name} has its name throughout")
            same(make(f.path / name).stderr, "", f"what the compiler says of a {kind}")
            r = make(f.path / name, "test")
            expect(f"{name}: all is well" in r.stdout, f"the test of a {kind} passes", r.stdout)
            (c,) = [c for p in f.json("plugin", "show", name, env={"TFX_PLUGIN_PATH": str(f.path / name)})
                    for c in p["classes"] if c["kind"] != "op"]
            expect(c["name"] == name and c["summary"], "its class", c)
            make(f.path / name, "clean")
            same(sorted(p.name for p in (f.path / name).iterdir()), written, "make clean leaves what was written")


def test_a_layer_is_short():
    lines = (TEMPLATES / "layer" / "my_plugin.c").read_text().splitlines()
    expect(len(lines) <= 60, "a layer has at most 60 lines", len(lines))


def test_its_tests_can_fail():
    """What each test looks at is broken, and it says so, whatever `tfx plugin check` finds."""
    for kind, old, new, word in [
        ("layer", "b->unary(b, TFX_RELU, b->matmul(b, x, down, TFX_TRANS_B, 1.0))",
         "b->softmax(b, b->matmul(b, x, down, TFX_TRANS_B, 1.0))", "growing changed what the model computes"),
        ("optimizer", "b->sub(b, u->param", "b->add(b, u->param", "the loss is"),
        ("loader", "l->epoch = p[0];", "l->epoch = 0;", "have the same loss"),
        ("scaling", "return s->stale >= s->patience;", "return 0;", "expected growth at a step from 15 to 59"),
        ("operator", "g->set_class(g, cls, index, NULL, share)", "g->set_class(g, cls, index, NULL, NULL)",
         "does not keep the function"),
        ("op", "p *= r;", "p += r;", "differ by"),
        ("tokenizer", "length = t->lengths[i];\n            }", "}", "expected fewer tokens than bytes"),
        ("backend", "sum += (double)x[trans_a", "sum -= (double)x[trans_a", "losses differ"),
    ]:
        with folder() as f:
            f.tfx("plugin", "new", kind, "broken")
            for p in (f.path / "broken").glob("*.[ch]"):
                if old in p.read_text():
                    p.write_text(p.read_text().replace(old, new))
                    break
            else:
                raise Failure(f"{kind}: there is no '{old}'")
            make(f.path / "broken", CFLAGS="-O1 -w")
            (f.path / "broken" / "out").mkdir()
            r = subprocess.run(["sh", "test.sh"], cwd=f.path / "broken", capture_output=True, text=True,
                               env=environment({"TFX_PLUGIN_PATH": ".", "TFX_PROGRAM": str(TFX)}))
            expect(r.returncode != 0, f"{kind}: the test fails", r.stdout + r.stderr)
            expect(word in r.stderr, f"{kind}: the test says '{word}'", r.stdout + r.stderr)


def test_policy_is_exact_after_a_kill():
    """The policy of the template decides as if nothing had happened, wherever the run was killed."""
    with folder() as f:
        f.tfx("plugin", "new", "scaling", "stall")
        make(f.path / "stall")
        env = {"TFX_PLUGIN_PATH": str(f.path / "stall")}
        spec = f.path / "stall" / "stall.ini"
        f.tfx("run", spec, "--db", "whole.db", env=env)
        event = "SELECT step, probe_loss_before FROM growth_event"
        expected, kills = f.sql(event, db="whole.db"), 0
        for at in range(20, 400, 60):
            db = f"killed-{at}/tfx.db"
            (f.path / f"killed-{at}").mkdir()
            r = f.tfx("run", spec, "--db", db, env={**env, **crashing(at)}, status=None)
            if r.returncode:
                kills += 1
                f.tfx("run", spec, "--db", db, "--resume", env=env, status=None)
            same(f.sql(event, db=db), expected, f"the growth after a kill at change {at}")
        expect(kills > 2, "it was killed", kills)


def test_refused():
    with folder() as f:
        (f.path / "there").mkdir()
        (f.path / "file").touch()
        before = f.files()
        for args, words in [
            (["layer"], ["expected", "NAME"]),
            (["trainer", "x"], ['(layer, optimizer, loader, scaling, operator, op, tokenizer, backend); found "trainer"']),
            (["laier", "x"], ['found "laier"', 'did you mean "layer"?']),
            (["layer", "9lives"], ["begins with a letter", '"9lives"']),
            (["layer", "a-b"], ["letters, digits and '_'", '"a-b"']),
            (["layer", "a/b"], ["letters, digits and '_'", '"a/b"']),
            (["layer", ""], ["begins with a letter", 'found ""']),
            (["layer", "a" * 49], ["at most 48"]),
            (["layer", "mlp"], ['there is a plugin "mlp" already', "mlp.so", "another name"]),
            (["loader", "adamw"], ['there is a plugin "adamw" already']),
            (["layer", "there"], ["there: expected a folder that is not there yet; found a folder"]),
            (["layer", "x", "-o", "file"], ["file: expected a folder that is not there yet; found a file"]),
            (["layer", "x", "-o", "no/where"], ["no", "No such file or directory"]),
        ]:
            message(f.tfx("plugin", "new", *args, status=2 if "no/where" not in args else 1), *words)
            same(f.files(), before, f"files after plugin new {args}")
        # A class of another name than its plugin's, and in a folder of one's own.
        f.tfx("plugin", "new", "op", "mine", "-o", "elsewhere")
        make(f.path / "elsewhere")
        message(f.tfx("plugin", "new", "layer", "mine", status=2, env={"TFX_PLUGIN_PATH": str(f.path / "elsewhere")}),
                'there is a plugin "mine" already', "elsewhere/mine.so")


def test_full_disk():
    """Whichever file the disk has no room for, nothing is left."""
    with folder() as f:
        before = f.files()
        for limit in (0, 1, 3):
            r = subprocess.run(["sh", "-c", f"ulimit -f {limit}; trap '' XFSZ; exec \"$0\" plugin new loader lines", TFX],
                               cwd=f.path, env=environment(None), capture_output=True, text=True)
            expect(r.returncode == 1 and "writing lines/" in r.stderr and len(r.stderr.splitlines()) == 1,
                   f"files of at most {limit} blocks", r.stdout + r.stderr)
            same(f.files(), before, "files in the folder")


def test_headers_are_found_by_pkg_config():
    with folder() as f:
        f.tfx("plugin", "new", "layer", "mine")
        r = make(f.path / "mine", status=2, TFX_INCLUDE="", PKG_CONFIG_PATH="/nonexistent")
        expect("pkg-config does not know tfx: make TFX_INCLUDE=FOLDER" in r.stderr, "it says what to do", r.stderr)
        (f.path / "tfx.pc").write_text(f"Name: tfx\nDescription: plugin headers\nVersion: 1\nCflags: -I{SOURCE}/include\n")
        r = subprocess.run(["make"], cwd=f.path / "mine", env=environment({"PKG_CONFIG_PATH": str(f.path)}),
                           capture_output=True, text=True)
        same((r.returncode, r.stderr), (0, ""), "make")
        expect((f.path / "mine" / "mine.so").exists(), "it is built")


main(globals())

#!/usr/bin/env python3
"""Plugins from outside of the tree: the layers of docs/writing-a-layer.md, built and used as the page says,
and a custom op with a kernel of its own. Argument: a C compiler, then the names of tests."""
import re
import subprocess

from harness import *

COMPILER = sys.argv.pop(1)
PAGE = (SOURCE / "docs" / "writing-a-layer.md").read_text()


HEAD = TINY[TINY.index("[experiment]"):TINY.index("[model transformer]")].replace("seeds = 1, 2", "seeds = 1")


def blocks(kind):
    return re.findall(rf"^```{kind}(?: ([\w.]+))?\n(.*?)^```$", PAGE, re.S | re.M)


def test_layers_of_the_guide():
    with folder() as f:
        for name, text in blocks("c"):
            (f.path / name).write_text(text)
        for _, text in blocks("sh"):
            commands = "\n".join(line for line in text.splitlines() if line.startswith("cc "))
            r = subprocess.run(["sh", "-euc", re.sub(r"^cc ", COMPILER + " ", commands, flags=re.M)], cwd=f.path,
                               env={**os.environ, "TFX": str(SOURCE)}, capture_output=True, text=True)
            same((r.returncode, r.stderr), (0, ""), "the compiler")
        env = {"TFX_PLUGIN_PATH": str(f.path)}
        page = "".join(text for _, text in blocks("ini"))
        for name, text in (("page.ini", page), ("parallel.ini", page.replace("block_prenorm", "block_parallel"))):
            (f.path / name).write_text(HEAD + text)
            db = name + ".db"
            # A shorter and narrower run than the page's: what is tested is that it learns and grows.
            f.tfx("run", name, "--db", db, "--set", "model.*.dim=32", "--set", "model.*.context=32",
                  "--set", "model.*.n_blocks=2", "--set", "scaling.widen.policy.steps=20", "--set", "train.steps=20", env=env)
            losses = [v for (v,) in f.sql("SELECT value FROM metric WHERE name = 'val_loss' ORDER BY id", db=db)]
            expect(losses[-1] < losses[0] - 0.5, f"{name} learns", losses)
            before, after, delta, carried, total = f.one(
                "SELECT probe_loss_before, probe_loss_after, probe_max_abs_delta_logit, carried_parameters, parameters_before "
                "FROM growth_event", db=db)
            expect(abs(before - after) < 1e-5 and delta < 1e-4 and carried == total, "growth keeps the function", (before, after, delta))
            final = f.path / f.one("SELECT path FROM checkpoint WHERE reason = 'final'", db=db)
            tensors, _ = safetensors(final / "model.safetensors")
            same(tensors["blocks.0.ffn.gate"][1], [512, 32], "the grown gate")
            expect("swiglu" in [n for (n,) in f.sql("SELECT name FROM plugin", db=db)], "the plugin is recorded")
            same(dict(f.sql("SELECT name, path FROM plugin", db=db))["swiglu"], str(f.path / "swiglu.so"), "its path")


# A model may look ahead: it trains and is evaluated, but no text can be drawn from it.
LOOKAHEAD = """
[model looker]
n_blocks = 2
dim = 32
context = 32
vocab = 256
blocks.mixer = {mixer}
{heads}
[arm looker]
model = looker
"""


def test_another_blas():
    """A library that brings a BLAS takes the place of the backend's for whoever is loaded later: said, and not computed with."""
    with folder() as f:
        for command in ("plan", "run"):
            message(f.tfx(command, "tiny.ini", "--set", "experiment.backend.products=openblas", status=2, env=preload({}, "blas.so")), "cpu: matrix products would be those of",
                    "blas.so", "in place of", "openblas")
        same([x for x in f.files() if "runs" in x], [], "nothing was executed")


def test_generation_needs_causal_layers():
    with folder() as f:
        shutil.copy(HELPERS / "lookahead.so", f.path)
        env = {"TFX_PLUGIN_PATH": str(f.path)}
        for mixer, heads in (("lookahead", ""), ("attention", "blocks.mixer.heads = 2")):
            (f.path / "tiny.ini").write_text(HEAD + LOOKAHEAD.format(mixer=mixer, heads=heads))
            db = mixer + ".db"
            f.tfx("run", "tiny.ini", "--db", db, env=env)
            f.tfx("eval", "tiny.ini", "--db", db, env=env)
            final = f.one("SELECT id FROM checkpoint WHERE reason = 'final'", db=db)
            if mixer == "lookahead":
                r = f.tfx("generate", final, "--db", db, "--prompt", "The ", env=env, status=2)
                message(r, "model 'looker' is not causal", "from position 17 on", "later positions")
                same(r.stdout, "", "standard output")
            else:
                f.tfx("generate", final, "--db", db, "--prompt", "The ", env=env)


def test_generation_by_windows():
    """Where positions meet in something else than attention, a text is continued window by window, and several are not."""
    with folder() as f:
        shutil.copy(HELPERS / "shift.so", f.path)
        env = {"TFX_PLUGIN_PATH": str(f.path)}
        (f.path / "tiny.ini").write_text(HEAD + LOOKAHEAD.format(mixer="shift", heads=""))
        f.tfx("run", "tiny.ini", env=env)
        final = f.one("SELECT id FROM checkpoint WHERE reason = 'final'")
        text = f.tfx("generate", final, "--prompt", "The ", "--tokens", 40, env=env).stdout
        same(len(text.encode(errors="replace")) >= 44, True, "it goes on beyond the context")
        r = f.tfx("generate", final, "--prompt", "The ", "--prompt", "A", env=env, status=2)
        message(r, "model 'looker' needs its whole window for each token (slice is of positions)", "expected one prompt, found 2")


def test_outside_is_as_inside():
    """A layer of the tree, built outside of it as anyone would: the same program, which is then exactly as fast, and the same bits."""
    with folder(TINY.replace("seeds = 1, 2", "seeds = 1")) as f:
        (f.path / "plugins").mkdir()
        subprocess.run(["sh", "-euc", f"{COMPILER} -O2 -shared -fPIC -I $TFX/include $TFX/plugins/layer/mlp.c -o plugins/mlp.so -lm"],
                       cwd=f.path, env={**os.environ, "TFX": str(SOURCE)}, check=True)
        graphs, found = [], []
        for n, env in enumerate(({}, {"TFX_PLUGIN_PATH": str(f.path / "plugins")})):
            graphs.append(f.json("graph", "tiny.ini", "--arm", "transformer", env=env))
            f.tfx("run", "tiny.ini", "--arm", "transformer", "--db", f"{n}.db", env=env)
            found.append(f.sql("SELECT step, name, value FROM metric WHERE name IN ('train_loss', 'val_loss') ORDER BY step, name",
                               db=f"{n}.db"))
        same(graphs[1], graphs[0], "the program")
        same(found[1], found[0], "losses")
        used = dict(f.sql("SELECT name, path FROM run_plugin JOIN plugin p ON p.id = plugin", db="1.db"))
        same(used["mlp"], str(f.path / "plugins" / "mlp.so"), "the plugin of that run")


def test_other_plugins_on_resume():
    """A run that goes on with other files of its plugins says so, once."""
    with folder(TINY.replace("seeds = 1, 2", "seeds = 1")) as f:
        (f.path / "plugins").mkdir()

        def build(level):
            subprocess.run(["sh", "-euc", f"{COMPILER} {level} -shared -fPIC -I $TFX/include $TFX/plugins/layer/mlp.c -o plugins/mlp.so -lm"],
                           cwd=f.path, env={**os.environ, "TFX": str(SOURCE)}, check=True)

        env = {"TFX_PLUGIN_PATH": str(f.path / "plugins")}
        args = ["run", "tiny.ini", "--arm", "transformer"]
        build("-O2")
        f.tfx(*args, env={**env, **crashing(40)}, status=None)
        status = "SELECT status FROM run_summary WHERE arm = 'transformer'"
        expect(f.one(status) != "done", "it was killed")
        same("other files" in f.tfx(*args, "--resume", env={**env, **crashing(20)}, status=None).stderr, False, "the same plugins")
        build("-O1")
        r = f.tfx(*args, "--resume", env=env)
        lines = [line for line in r.stderr.splitlines() if "other files of these plugins" in line]
        expect(len(lines) == 1 and lines[0].endswith(": mlp"), "another mlp is told", r.stderr)
        same(f.one(status), "done", "the run")


SQUARE = """
[model transformer]
n_blocks = 2
dim = 32
context = 32
vocab = 256
blocks.mixer.heads = 2
blocks.ffn = square_mlp
blocks.ffn.op = {op}

[arm transformer]
model = transformer
"""


def test_custom_op():
    found = {}
    with folder() as f:
        plugins = f.path / "plugins"
        plugins.mkdir()
        for name in ("square.so", "square_mlp.so"):
            shutil.copy(HELPERS / name, plugins)
        env = {"TFX_PLUGIN_PATH": str(plugins)}
        shown = f.json("plugin", "show", "square_mlp", env=env)
        same(sorted((c["kind"], c["name"]) for c in shown[0]["classes"]), [("layer", "endless"), ("layer", "square_mlp")],
             "the plugin's layers")
        for op in ("square", "square_elsewhere", "square_forward", "square_other"):
            (f.path / "tiny.ini").write_text(HEAD + SQUARE.format(op=f"e2e.{op}/1"))
            db = op + ".db"
            f.tfx("run", "tiny.ini", "--db", db, "--set", "train.steps=30", env=env)
            found[op] = [v for (v,) in f.sql("SELECT value FROM metric WHERE name = 'val_loss' ORDER BY step", db=db)]
            train = [v for (v,) in f.sql("SELECT value FROM metric WHERE name = 'train_loss' ORDER BY step", db=db)]
            r = f.json("eval", "tiny.ini", "--db", db, env=env)
            same(f"{r['loss']:.12f}", f"{found[op][-1]:.12f}", f"eval with {op}")
            used = {name for (name,) in f.sql("SELECT name FROM run_plugin JOIN plugin p ON p.id = plugin", db=db)}
            expect({"square", "square_mlp"} <= used, "the run names the plugin of the op and that of the layer", used)
            if op != "square_other":
                expect(train[-1] < train[0] - 0.5, f"{op} learns", train)
        for op in ("square_elsewhere", "square_forward"):
            worst = max(abs(a - b) for a, b in zip(found["square"], found[op]))
            expect(worst < 1e-4, f"the kernel and the lowering of {op} give the same losses", worst)
        expect(abs(found["square"][0] - found["square_other"][0]) > 1e-3, "the kernel is what runs", found)

        before = f.files()
        (f.path / "tiny.ini").write_text(HEAD + SQUARE.format(op="e2e.sqare/1"))
        message(f.tfx("run", "tiny.ini", env=env, status=2), "blocks.0.ffn (square_mlp)", "e2e.sqare/1", "e2e.square/1")
        (f.path / "tiny.ini").write_text(HEAD + SQUARE.format(op="e2e.square/1"))
        message(f.tfx("run", "tiny.ini", "--set", "model.*.blocks.ffn.scale=-1", env=env, status=2),
                "blocks.0.ffn (square_mlp)", "e2e.square/1", "positive scale")
        message(f.tfx("run", "tiny.ini", "--set", "model.*.blocks.ffn=endless", env=env, status=2),
                "blocks.ffn.inner.inner", "nested more than", "'endless'")
        same(f.files(), before, "files in the folder")


def test_dropout_resumes():
    """Masks belong to a step, so a run that was killed draws the ones that it would have drawn."""
    spec = HEAD + SQUARE.replace("op = {op}", "dropout = 0.3")
    expected = []
    for at in (0, 25, 40):
        with folder(spec) as f:
            plugins = f.path / "plugins"
            plugins.mkdir()
            for name in ("square.so", "square_mlp.so"):
                shutil.copy(HELPERS / name, plugins)
            env = {"TFX_PLUGIN_PATH": str(plugins)}
            settings = ["--set", "train.steps=24", "--set", "train.micro_batch=2", "--set", "train.recompute=block"]
            if at:
                f.tfx("run", "tiny.ini", *settings, env={**env, **crashing(at)}, status=3)
                f.tfx("run", "tiny.ini", *settings, "--resume", env=env)
                same_outcome(outcome(f, 1), expected[0], f"killed at change {at}")
            else:
                f.tfx("run", "tiny.ini", *settings, env=env)
                expected.append(outcome(f, 1))
                f.tfx("run", "tiny.ini", *settings, "--set", "model.*.blocks.ffn.dropout=0", "--db", "dry.db", env=env)
                expect(outcome(f, 1, "dry.db")["hash"] != expected[0]["hash"], "dropout changes the weights")


def test_growth_before_its_time():
    """A policy may end a stage early; the learning-rate schedule then restarts at that step, and a resume
    behind it sees the same rates."""
    arms = TINY[:TINY.index("[scaling grow]")].replace("seeds = 1, 2", "seeds = 1")
    spec = arms + """
[scaling early]
policy = early
policy.model = tokenformer_32
policy.at = 5

[arm grown]
model = tokenformer_16
scaling = early
"""
    env = {"TFX_PLUGIN_PATH": str(BUILD / "tests" / "e2e")}
    with folder(spec) as f:
        r = f.tfx("run", "tiny.ini", "--set", "train.warmup=0.25", env=env)
        same(f.sql("SELECT step FROM growth_event"), [(5,)], "the growth event")
        # What a plugin has to say names the arm, and goes to the run's log, with the time.
        said = "warning: grows after 5 steps"
        expect(f"tfx: grown: {said}\n" in r.stderr, "a plugin's line on stderr", r.stderr)
        log = (f.path / f.one("SELECT directory FROM run WHERE id = (SELECT run FROM growth_event)") / "log.txt").read_text()
        expect(re.search(rf"^\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ  {said}$", log, re.M), "and in the log of the run", log)
        others = [p.read_text() for p in f.path.glob("runs/*/*/log.txt")]
        same(sum(said in text for text in others), 1, "logs that have it")
        lr = dict(f.sql("SELECT step, value FROM metric WHERE name = 'lr'"))
        same(sorted(lr), list(range(1, 14)), "steps")
        # Twelve planned steps warm up over three; the eight after growth over two.
        for step, expected in ((1, 1e-3), (2, 2e-3), (3, 3e-3), (6, 1.5e-3), (7, 3e-3), (13, 3e-4)):
            expect(abs(lr[step] - expected) < 1e-9, f"learning rate of step {step}", lr)
        whole_run = outcome(f, 1)
        log = f.path / "log"
        f.tfx("run", "tiny.ini", "--db", "log.db", "--set", "train.warmup=0.25",
              env={**env, **preload({"CRASH_IN": "worker", "CRASH_LOG": str(log)})})
        at = next(int(line.split()[0]) for line in log.read_text().splitlines() if "step-00000008-periodic" in line)
    with folder(spec) as f:
        f.tfx("run", "tiny.ini", "--set", "train.warmup=0.25", status=3, env={**env, **crashing(at + 20)})
        same(f.one("SELECT max(step) FROM checkpoint"), 8, "the checkpoint behind growth")
        f.tfx("run", "tiny.ini", "--set", "train.warmup=0.25", "--resume", env=env)
        same_outcome(outcome(f, 1), whole_run, "resumed behind growth")



def compiled(f, name, flags=()):
    """The folder of a plugin, compiled from tests/e2e/NAME.c as a user would."""
    plugins = f.path / "plugins"
    plugins.mkdir(exist_ok=True)
    command = COMPILER.split() + ["-shared", "-fPIC", "-fvisibility=hidden", "-I", SOURCE / "include", *flags,
                                  HERE / f"{name}.c", "-o", plugins / f"{name}.so"]
    r = subprocess.run(command, capture_output=True, text=True)
    same((r.returncode, r.stderr), (0, ""), "the compiler")
    return plugins


def no_sanitizer_report(env):
    """A sanitizer would turn the signal into an exit."""
    return {**env, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0:handle_abort=0:handle_sigfpe=0"}


def test_crash_while_planning():
    """A signal in a plugin ends the program as it would anyhow, but not without a word."""
    with folder(HEAD + SQUARE.replace("square_mlp\nblocks.ffn.op = {op}", "crashy")) as f:
        env = no_sanitizer_report({"TFX_PLUGIN_PATH": str(compiled(f, "crashy"))})
        before = f.files()
        for how, number, name in (("segv", 11, "SIGSEGV"), ("abort", 6, "SIGABRT"), ("divide", 8, "SIGFPE"),
                                  ("recursion", 11, "SIGSEGV")):
            for verb in ("plan", "run"):
                r = f.tfx(verb, "tiny.ini", "--set", f"model.*.blocks.ffn.how={how}", env=env, status=-number)
                message(r, f"layer crashy ({f.path}/plugins/crashy.so) crashed in `build` for blocks.0.ffn ({name})")
        r = f.tfx("plan", "tiny.ini", "--set", "data.loader=crashy", "--set", "data.loader.in=open",
                  "--set", "model.*.blocks.ffn.how=no", env=env, status=-11)
        expect("loader crashy (" in r.stderr and "crashed in `open` for train (SIGSEGV)" in r.stderr, "the loader", r.stderr)
        # One that somebody sends is no crash of a plugin.
        r = f.tfx("plan", "tiny.ini", "--set", "model.*.blocks.ffn.how=kill", env=env, status=-11)
        same(r.stderr, "", "what is said of a signal from elsewhere")
        same(f.files(), before, "files in the folder")
        compiled(f, "crashy", ["-DAT_LOAD"])
        r = f.tfx("plugin", "list", env=env, status=-11)
        message(r, f"{f.path}/plugins/crashy.so crashed while it was loaded (SIGSEGV)")


def test_crash_of_a_run():
    """The parent records what the worker said, also of a crash on the loader's thread, and goes on."""
    with folder(HEAD.replace("seeds = 1", "seeds = 1, 2") + SQUARE.replace("square_mlp\nblocks.ffn.op = {op}", "crashy")) as f:
        env = no_sanitizer_report({"TFX_PLUGIN_PATH": str(compiled(f, "crashy"))})
        words = f"loader crashy ({f.path}/plugins/crashy.so) crashed in `next_batch` (SIGSEGV)"
        r = f.tfx("run", "tiny.ini", "--set", "data.loader=crashy", "--set", "data.loader.in=next_batch",
                  "--set", "model.*.blocks.ffn.how=no", env=env, status=3)
        expect(f"tfx: transformer seed 1: {words}\n" in r.stderr, "the worker says it, and its arm", r.stderr)
        expect(f"run 1 (arm transformer, seed 1) was killed by signal 11 (Segmentation fault): {words}\n" in r.stderr, "the parent says it", r.stderr)
        same(f.sql("SELECT status, detail FROM run"),
             [("failed", f"killed by signal 11 (Segmentation fault): {words}"), ("done", None)], "the runs")
        # In a kernel it is the backend that was called, perhaps on a thread of its own. No vjp: evaluation runs it.
        r = f.tfx("run", "tiny.ini", "--db", "kernel.db", "--set", "model.*.blocks.ffn.how=kernel", env=env, status=3)
        expect("tfx: transformer seed 1: backend cpu (" in r.stderr and "/cpu.so) crashed in `run` for all kernels, those of custom ops "
               f"included (SIGSEGV), in {f.path}/plugins/crashy.so\n" in r.stderr, "the kernel", r.stderr)


main(globals())

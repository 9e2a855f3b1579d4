#!/usr/bin/env python3
"""Everything that a user can get wrong before step 0: one clear message, exit status 2, and nothing on
disk, neither a database nor a folder."""
import re
import subprocess

from harness import *

BUDGET = ["scaling.grow.policy=budget", "scaling.grow.policy.models=tokenformer_32,tokenformer_48"]

# What is wrong, the words that the message must have, and the settings that make it wrong.
SETTINGS = [
    ("unknown key", ['unknown key "stesp" in [train]', 'did you mean "steps"?'], ["train.stesp=3"]),
    ("unknown option of a plugin", ["--set model.tokenformer_16.blocks.ffn.slot: ", "'slot'", 'did you mean "slots"?'], ["model.tokenformer_16.blocks.ffn.slot=3"]),
    ("wrong type", ["steps", "expected integer", '"abc"'], ["train.steps=abc"]),
    ("a fraction for an integer", ["batch", "integer", '"1.5"'], ["train.batch=1.5"]),
    ("out of range", ["steps", "1 to", '"0"'], ["train.steps=0"]),
    ("not a number", ["lr", '"nan"'], ["train.lr=nan"]),
    ("a warm-up of more than all steps", ["--set", "[arm transformer]: warmup: expected at most the 12 steps", "found 13"],
     ["train.warmup=13"]),
    ("a warm-up of more than a stage", ["[arm grown]: warmup: expected at most the 8 steps", "stage 1; found 9"],
     ["arm.grown.train.warmup=9"]),
    ("a warm-up and a decay of more than all steps", ["warmup", "12 steps", "decay_fraction of 0.5; found 7"],
     ["train.warmup=7", "train.schedule=wsd", "train.decay_fraction=0.5"]),
    ("a warm-up of one step and a half", ["warmup", "a whole number of steps; found 1.5"], ["train.warmup=1.5"]),
    ("neither steps nor tokens nor FLOPs", ["steps", "or else tokens or flops", '"0"'], ["train.steps=0"]),
    ("tokens that are no number", ["tokens", "integer, 0 to 9000T", '"many"'], ["train.tokens=many"]),
    ("a stage in steps and in tokens", ["policy.tokens: expected one of steps, tokens and flops; found two of them"],
     ["scaling.grow.policy.steps=8,8", "scaling.grow.policy.tokens=1k,1k"]),
    ("fewer FLOPs than half a step", ["--set", "[arm transformer]: flops: expected at least half of the", "found 100 for stage 0"],
     ["train.flops=100"]),
    ("more FLOPs than can be counted", ["[arm transformer]: flops: expected at most 1T steps", "found 1e+40"], ["train.flops=1e40"]),
    ("a stage of fewer FLOPs than half a step", ["--set scaling.grow.policy.flops: expected at least half", "'tokenformer_32'", "stage 1"],
     ["scaling.grow.policy.flops=100,1e9"]),
    ("a budget without FLOPs", ["[scaling grow]", 'missing key "policy.flops"'], BUDGET + ["scaling.grow.policy.fractions=0.5,0.5"]),
    ("a budget with a share too few", ["policy.fractions: expected one for the arm's own model and one for each of the 2 models; found 2"],
     BUDGET + ["scaling.grow.policy.flops=1e9", "scaling.grow.policy.fractions=0.5,0.5"]),
    ("a budget of more than all", ["policy.fractions: expected a sum of 1; found 1.1"],
     BUDGET + ["scaling.grow.policy.flops=1e9", "scaling.grow.policy.fractions=0.5,0.5,0.1"]),
    ("a budget with no share", ["policy.fractions: expected numbers above 0; found 0"],
     BUDGET + ["scaling.grow.policy.flops=1e9", "scaling.grow.policy.fractions=0.5,0.5,0"]),
    ("a budget below a step", ["policy.flops: expected at least half of the", "stage 0"],
     BUDGET + ["scaling.grow.policy.flops=100", "scaling.grow.policy.fractions=0.5,0.25,0.25"]),
    ("tokens for one of two stages", ["policy.tokens: expected one entry for each of the 2 models; found 1"],
     ["scaling.grow.policy.tokens=1k"]),
    ("an arm that is dropped and changed twice", ["[arm grown]", "drop", "true or false", '"x"'], ["arm.grown.drop=x"]),
    ("no arm that stays", ["at least one [arm NAME]"], ["arm.*.drop=true"]),
    ("min_lr above lr", ["min_lr", "0.003"], ["train.min_lr=1"]),
    ("a choice that is none", ["recompute", "none, block", '"yes"'], ["train.recompute=yes"]),
    ("missing training data", ["--set", "loader.train", "nope.txt", "No such file"], ["data.loader.train=nope.txt"]),
    ("missing validation data", ["--set", "loader.val", "nope.txt", "No such file"], ["data.loader.val=nope.txt"]),
    ("a folder as data", ["sub", "folder"], ["data.loader.val=sub"]),
    ("empty data", ["empty.ini"], ["data.loader.train=empty.ini"]),
    ("data shorter than a row", ["too short", "100001"], ["model.*.context=100000"]),
    ("an option of every model's layers that is none", ["--set model.transformer.blocks.mixer.Heads: ", 'did you mean "heads"?'],
     ["model.*.blocks.mixer.Heads=2"]),
    ("a vocabulary smaller than the data's", ["vocab = 100", "255"], ["model.*.vocab=100"]),
    ("tokens beyond the stated vocabulary", ["train.txt", "vocabulary of 256"],
     ["data.loader=tokens", "data.loader.train=train.txt", "data.loader.val=val.txt", "data.loader.vocab=256"]),
    ("growth into another width", ["[arm grown]", "operator slots: embedding.weight grows from 32 to 64", "residual stream"],
     ["model.tokenformer_32.dim=64", "model.tokenformer_48.dim=64"]),
    ("growth into fewer slots", ["[arm grown]", "blocks.0.mixer.q.slots is 16 and would be 8"],
     ["model.tokenformer_32.blocks.mixer.q.slots=8"]),
    ("growth into another depth", ["[arm grown]", "blocks.2"], ["model.tokenformer_32.n_blocks=3"]),
    ("growth into another context", ["context"], ["model.tokenformer_32.context=64"]),
    ("growth into a model that does not exist", ["policy.models: there is no [model nope]", "tokenformer_32"],
     ["scaling.grow.policy.models=nope,tokenformer_48"]),
    ("a list that does not fit another", ["--set scaling.grow.policy.steps: expected one entry for each of the 2 models; found 1"], ["scaling.grow.policy.steps=8"]),
    ("new keys and new values both zero", ["operator.values", "no gradient"], ["scaling.grow.operator.values=zero"]),
    ("more memory than the machine has", ["--set model.transformer.dim: [arm transformer]", "needs", "TB of memory", "this machine has"],
     ["model.transformer.dim=65536", "model.transformer.n_blocks=64"]),
    ("a batch that no machine holds", ["--set train.batch: [arm transformer]", "TB of memory", "this machine has", "train.micro_batch"],
     ["train.batch=1000000000"]),
    ("a vocabulary that no machine holds", ["[arm transformer]", "TB of memory"],
     ["model.transformer.vocab=1000000000000"]),
    ("a width that no number counts", ["--set model.transformer.dim: [model transformer]: layer blocks.0.mixer.q (linear)", "more memory than any machine has"],
     ["model.transformer.dim=100000000000"]),
    ("values that no number adds up", ["[model transformer]", "PB of memory together"], ["model.transformer.dim=30000000"]),
    ("heads that do not divide", ["blocks.0.mixer (attention)", "heads: expected a divisor of the width 32; found 3"], ["model.transformer.blocks.mixer.heads=3"]),
    ("micro_batch that does not divide", ["micro_batch", "divisor of batch (4)", "3"], ["train.micro_batch=3"]),
    ("bf16 moments of an arm that cannot hold", ["--set arm.grown.train.optimizer.beta2: ", "0.999"],
     ["arm.grown.train.optimizer.moments=bf16", "arm.grown.train.optimizer.beta2=0.999"]),
    ("bf16 moments that cannot hold", ["beta2", "0.999"],
     ["train.optimizer.moments=bf16", "train.optimizer.beta2=0.999"]),
    ("an optimizer that does not exist", ['"adamz"', 'did you mean "adamw"?'], ["train.optimizer=adamz"]),
    ("a layer that does not exist", ['"mpl"', 'did you mean "mlp"?'], ["model.transformer.blocks.ffn=mpl"]),
    ("a backend that does not exist", ['"gpu"', '"cpu"'], ["experiment.backend=gpu"]),
    ("a block that does not exist", ["no block 7", "n_blocks is 2"], ["model.transformer.blocks.7.ffn=mlp"]),
    ("a name that leads out of runs/", ['".."'], ["experiment.name=.."]),
    ("a name with a slash", ['"a/b"'], ["experiment.name=a/b"]),
    ("a seed twice", ["seeds", "1 twice"], ["experiment.seeds=1,1"]),
    ("no seed", ["seeds", "at least one"], ["experiment.seeds="]),
    ("--set without =", ['no "="', "section.key=value"], ["train"]),
    ("--set of no section", ['"nosuch"', "model.NAME"], ["nosuch.x=1"]),
    ("--set of a model that does not exist", ["model.nope.dim"], ["model.nope.dim=1"]),
]

COMMANDS = [
    ("missing spec", ["missing.ini", "No such file"], ["run", "missing.ini"]),
    ("a folder as spec", ["sub", "directory"], ["run", "sub"]),
    ("an empty spec", ["empty.ini", "no [experiment] section"], ["run", "empty.ini"]),
    ("prose as spec", ["train.txt:", "expected"], ["run", "train.txt"]),
    ("no spec", ["expected a spec file"], ["run"]),
    ("two specs", ["one argument too many"], ["run", "tiny.ini", "tiny.ini"]),
    ("a profile that does not exist", ["--profile nope", "no [profile nope]"], ["run", "tiny.ini", "--profile", "nope"]),
    ("an unknown option", ["--resum", 'did you mean "--resume"?'], ["run", "tiny.ini", "--resum"]),
    ("a folder as database", ["sub", "expected a file"], ["run", "tiny.ini", "--db", "sub"]),
    ("prose as database", ["val.txt", "not an SQLite database"], ["run", "tiny.ini", "--db", "val.txt"]),
    ("nothing to resume", ["nothing to resume"], ["run", "tiny.ini", "--resume"]),
    ("a worker without a database", ["no database"], ["run", "--worker", "1"]),
    ("two formats of a plan", ["--json or --resolved"], ["plan", "tiny.ini", "--json", "--resolved"]),
]


def refuse(f, what, words, command, lines=1, **more):
    before = f.files()
    try:
        message(f.tfx(*command, status=2, **more), *words, lines=lines)
        same(f.files(), before, "files in the folder")
    except Failure as e:
        return f"{what}: {e}"


def report(failures):
    failures = [e for e in failures if e]
    expect(not failures, f"{len(failures)} refusals are not as they should be", "\n".join(failures))


def test_refused():
    with folder() as f:
        (f.path / "sub").mkdir()
        (f.path / "empty.ini").touch()
        report([refuse(f, what, words, command) for what, words, command in COMMANDS])
        report([refuse(f, what, words, ["run", "tiny.ini", *[x for s in settings for x in ("--set", s)]])
                for what, words, settings in SETTINGS])


def test_messages_name_file_and_line():
    for old, new, words in [
        ("steps = 12", "stesp = 12", ['unknown key "stesp" in [train]', 'did you mean "steps"?']),
        ("batch = 4", "batch = four", ["batch", "expected integer", '"four"']),
        ("checkpoint_every = 4", "checkpoint_every = 4\noptimizer.beta2 = 1", ["beta2", "0 to 0.999999", '"1"']),
        ("[arm grown]\nmodel = tokenformer_16", "[arm grown]\nmodel = tokenformer_61",
         ["tokenformer_61", 'did you mean "tokenformer_16"?']),
        ("extends = tokenformer_16\nblocks.mixer.{q,k,v,o}.slots = 32",
         "extends = tokenformer_99\nblocks.mixer.{q,k,v,o}.slots = 32", ["tokenformer_99"]),
        ("blocks.ffn = mlp", "blocks.fnn = mlp", ["fnn", "ffn"]),
        ("context = 32\nvocab = 256\nblocks = block_prenorm\nblocks.mixer = attention\nblocks.mixer.heads = 2\nblocks.ffn",
         "context = ${ctx}\nvocab = 256\nblocks = block_prenorm\nblocks.mixer = attention\nblocks.mixer.heads = 2\nblocks.ffn",
         ["ctx"]),
        ("[scaling grow]", "[scalign grow]", ["scalign", "scaling"]),
        ("policy.steps = 8, 8", "policy.steps = 8", ["policy.steps: expected one entry for each of the 2 models; found 1"]),
        ("policy.models = tokenformer_32,", "policy.models = tokenformr_32,",
         ["policy.models: there is no [model tokenformr_32]", 'did you mean "tokenformer_32"?']),
        ("policy.models = tokenformer_32, tokenformer_48", "policy.models = tokenformer_48, tokenformer_32",
         ["policy.models: [arm grown]: model 'tokenformer_48' cannot grow into 'tokenformer_32'"]),
        ("policy.steps = 8, 8", "policy.steps = 8, 8\noperator = slotz", ["operator: ", "slotz", 'did you mean "slots"?']),
        ("policy.steps = 8, 8", "policy.steps = 8, 8\noperator.kees = zero", ['unknown key "operator.kees"', 'did you mean "operator.keys"?']),
        ("policy.steps = 8, 8", "policy.steps = 8, 8\nevent.2.optimizer = forget", ["event.2.optimizer: ", "extend, keep, reset"]),
        ("policy.steps = 8, 8", "policy.steps = 8, 8\nevent.optimiser = keep", ['unknown key "event.optimiser"', 'did you mean "event.optimizer"?']),
        ("checkpoint_every = 4", "checkpoint_every = 4\noptimizer.moments = bf16\noptimizer.beta2 = 0.999",
         ["optimizer.beta2: expected at most 0.98", "0.999"]),
        ("blocks.mixer.heads = 2\nblocks.ffn = mlp", "blocks.mixer.heads = 3\nblocks.ffn = mlp",
         ["blocks.0.mixer (attention): heads: expected a divisor of the width 32; found 3"]),
        ("loader.val = val.txt", "loader.val = vel.txt", ["loader.val: ", "vel.txt", "No such file"]),
    ]:
        expect(TINY.count(old) == 1, f"'{old}' is once in tiny.ini")
        with folder(TINY.replace(old, new)) as f:
            r = f.tfx("run", "tiny.ini", status=2)
            message(r, *words)
            line = re.match(r"tfx: tiny\.ini:(\d+): ", r.stderr)
            expect(line, "the message names file and line", r.stderr)
            first = TINY[:TINY.index(old)].count("\n") + 1
            expect(first <= int(line[1]) <= first + new.count("\n"), f"the line is that of '{new}', {first}", r.stderr)
            same(f.files(), ["tiny.ini", "train.txt", "val.txt"], "files in the folder")


def test_unused_profiles():
    """Mistakes in a profile that nobody asked for, down to the options of layers and of models that arms grow into."""
    for setting, words in [
        ("train.stesp = 1", ['unknown key "stesp" in [train]', 'did you mean "steps"?']),
        ("train.steps = many", ["steps: expected integer", '"many"']),
        ("model.transformer.blocks.mixer.headz = 2", ["layer 'attention' (at blocks.mixer)", 'did you mean "heads"?']),
        ("model.tokenformer_48.blocks.ffn.slots = few", ["slots: expected integer", '"few"']),
    ]:
        with folder(TINY + f"\n[profile good]\ntrain.steps = 2\n\n[profile later]\n{setting}\n") as f:
            line = TINY.count("\n") + 6
            for command in (["run"], ["plan"], ["plan", "--profile", "good"]):
                report([refuse(f, setting, [f"tiny.ini:{line}: ", *words, "(with --profile later)"],
                               [command[0], "tiny.ini", *command[1:]])])
            message(f.tfx("plan", "tiny.ini", "--profile", "later", status=2), f"tiny.ini:{line}: ", *words)


def test_resolved_refuses_what_plan_refuses():
    with folder() as f:
        for setting, words in [("model.transformer.blocks.mixer.headz=2", ['did you mean "heads"?']),
                               ("model.transformer.blocks.mixer.heads=3", ["expected a divisor of the width 32; found 3"]),
                               ("model.tokenformer_32.blocks.ffn.slots=4", ["[arm grown]", "cannot grow"])]:
            for how in ([], ["--resolved"]):
                report([refuse(f, setting, words, ["plan", "tiny.ini", *how, "--set", setting])])


def test_broken_plugins():
    with folder(TINY.replace("blocks.ffn = mlp", "blocks.ffn = gated")) as f:
        plugins = f.path / "plugins"
        plugins.mkdir()
        linear = (BUILD / "plugins" / "linear.so").read_bytes()
        for what, data in [("half a plugin", linear[:len(linear) // 2]), ("a plugin of text", b"layer gated\n"),
                           ("an empty plugin", b""), ("a head of a plugin", linear[:100])]:
            (plugins / "gated.so").write_bytes(data)
            report([refuse(f, what, ['no layer "gated"', "plugins/gated.so was refused: "], ["run", "tiny.ini"],
                           env={"TFX_PLUGIN_PATH": str(plugins)})])


def test_read_only_disk():
    """What is there is read; what would be written names the reason, and a claim has no verdict. Needs a file system of its own."""
    with folder() as f:
        f.tfx("run", "tiny.ini", "--set", "experiment.seeds=1")
        there = f.path / "there"
        there.mkdir()
        mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "tmpfs", there], capture_output=True).returncode == 0
        if not mounted:
            print("test_read_only_disk: skipped, it must mount a file system")
            return
        try:
            shutil.copy(f.path / "tfx.db", there)
            subprocess.run(["mount", "-o", "remount,ro", there], check=True)
            same(len(f.json("runs", "--db", "there/tfx.db")), 2, "runs that are there")
            for status, args in ((1, ("note", 1, "x")), (1, ("tag", 1, "a=b")), (1, ("rename", "tiny", "x")),
                                 (2, ("claim", "tiny", "grown lowers loss by > 0 at equal flops vs transformer"))):
                message(f.tfx(*args, "--db", "there/tfx.db", status=status), "there/tfx.db", "Read-only file system")
        finally:
            subprocess.run(["umount", there], check=True)


def test_small_disk():
    """A spec whose checkpoints will not fit is refused before step 0. Needs a file system of a known size."""
    with folder() as f:
        small = f.path / "small"
        small.mkdir()
        mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small],
                                                       capture_output=True).returncode == 0
        if not mounted:
            print("test_small_disk: skipped, it must mount a file system")
            return
        try:
            report([refuse(f, "a disk of 1 MB", ["tiny.ini", "MB on disk", "free"],
                           ["run", "tiny.ini", "--db", "small/tfx.db"])])
            same(list(small.iterdir()), [], "files on the small disk")
        finally:
            subprocess.run(["umount", small], check=True)


main(globals())

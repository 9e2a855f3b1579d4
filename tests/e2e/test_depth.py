#!/usr/bin/env python3
"""Deeper models: stack against a list of blocks worked out here, zero_blocks that leave the function exactly as it was,
other ways at other events, and the blocks between old ones of docs/writing-an-operator.md."""
import math
import re

from harness import *

SPEC = """
[experiment]
name = depth

[data]
loader = bytes
loader.train = train.txt
loader.val = val.txt
eval_tokens = 512

[train]
steps = 6
batch = 3
lr = 3e-3
schedule = constant

[model transformer]
n_blocks = 3
dim = 20
context = 24
vocab = 256
blocks.mixer.heads = 2
blocks.ffn.hidden = 36

[model tokenformer]
n_blocks = 3
dim = 20
context = 24
vocab = 256
norm = rmsnorm
blocks.{norm1,norm2} = layernorm_nonparam
blocks.mixer.heads = 2
blocks.mixer.{q,k,v,o} = pattention
blocks.mixer.{q,k,v,o}.slots = 7
blocks.ffn = pattention
blocks.ffn.slots = 13

[model deep]
extends = transformer
n_blocks = 5

[model deep_tokenformer]
extends = tokenformer
n_blocks = 5

[scaling deepen]
policy = schedule
policy.models = deep
policy.steps = 6
operator = stack

[scaling deepen_tokenformer]
extends = deepen
policy.models = deep_tokenformer

[arm transformer]
model = transformer
scaling = deepen

[arm tokenformer]
model = tokenformer
scaling = deepen_tokenformer
"""


def set_all(*keys):
    return [w for key in keys for w in ("--set", f"scaling.*.{key}")]


def tensors(f, run, reason):
    path = f.one("SELECT path FROM checkpoint WHERE run = ? AND reason = ? ORDER BY id LIMIT 1", run, reason)
    return {name: t for file in ("model", "optimizer")
            for name, t in safetensors(f.path / path / f"{file}.safetensors")[0].items()}


def runs(f):
    return [run for (run,) in f.sql("SELECT id FROM run ORDER BY id")]


def check_blocks(f, sources, what):
    """Every tensor of new block i is that of old block sources[i], moments and counters included; -1: any."""
    for run in runs(f):
        old, new = tensors(f, run, "stage_end"), tensors(f, run, "grown")
        same({re.match(r"blocks\.(\d+)", n).group(1) for n in new if n.startswith("blocks.")},
             {str(i) for i in range(len(sources))}, "blocks")
        for name, tensor in new.items():
            block = re.match(r"blocks\.(\d+)\.(.*)", name)
            if not block:
                same(tensor, old[name], f"{what}: {name}")
            elif sources[int(block[1])] >= 0:
                same(tensor, old[f"blocks.{sources[int(block[1])]}.{block[2]}"], f"{what}: {name}")


def test_stack():
    for settings, sources in (([], [0, 1, 2, 0, 1]), (["operator.order=interleave"], [0, 0, 1, 1, 2]),
                              (["operator.sources=2, 1, 0, 0, 2"], [2, 1, 0, 0, 2])):
        with folder(SPEC) as f:
            f.tfx("run", "tiny.ini", *set_all(*settings))
            check_blocks(f, sources, f"stack {settings}")
            changed = f.sql("SELECT probe_max_abs_delta_logit FROM growth_event")
            expect(all(d > 1e-4 for (d,) in changed), "stacking changes the function", changed)


def test_zero_blocks():
    for place, sources in (("end", [0, 1, 2, -1, -1]), ("start", [-1, -1, 0, 1, 2]), ("between", [0, -1, 1, -1, 2])):
        for inside in ("copy", "fresh"):
            with folder(SPEC) as f:
                f.tfx("run", "tiny.ini", *set_all("operator=zero_blocks", f"operator.place={place}", f"operator.inside={inside}"))
                what = f"zero_blocks, {place}, {inside}"
                check_blocks(f, sources, what)
                for delta, before, after in f.sql("SELECT probe_max_abs_delta_logit, probe_loss_before, probe_loss_after "
                                                  "FROM growth_event"):
                    same((delta, before), (0, after), f"{what}: x + 0 is x, to the last bit")
                for run in runs(f):
                    check_new_blocks(tensors(f, run, "stage_end"), tensors(f, run, "grown"), tensors(f, run, "final"),
                                     sources, inside, what)


def check_new_blocks(old, new, final, sources, inside, what):
    """Writers are zero and learn; the rest is a copy of a neighbour, or fresh."""
    for i in (i for i, source in enumerate(sources) if source < 0):
        near = max([s for s in sources[:i] if s >= 0], default=0)
        for name in (n for n in new if n.startswith(f"blocks.{i}.") and "/" not in n):
            local = name.split(".", 2)[2]
            if re.search(r"(mixer\.o|ffn(\.down)?)\.(value|weight|bias)$", local):
                expect(not any(floats(new[name])), f"{what}: {name} is zero")
                expect(any(floats(final[name])), f"{what}: {name} learns")
            elif inside == "copy":
                same(new[name], old[f"blocks.{near}.{local}"], f"{what}: {name}")
            elif local.split(".")[-1] in ("key", "weight") and "norm" not in local:
                expect(new[name] != old[f"blocks.{near}.{local}"] and any(floats(new[name])), f"{what}: {name} is fresh")
            for state in ("m", "m_filled"):
                moments = new.get(f"{name}/{state}")
                copied = inside == "copy" and not re.search(r"(mixer\.o|ffn(\.down)?)\.(value|weight|bias)$", local)
                expect(not moments or any(floats(moments)) == copied, f"{what}: {name}/{state}")


def test_random_blocks():
    """The plainest map: old blocks where they were, new ones as initialised, without a past."""
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", *set_all("operator=random"))
        check_blocks(f, [0, 1, 2, -1, -1], "random")
        new = tensors(f, runs(f)[0], "grown")
        expect(any(floats(new["blocks.4.ffn.up.weight"])) and not any(floats(new["blocks.4.ffn.up.weight/m"])), "fresh")


def test_events_that_differ():
    """Blocks that write nothing at the first event, slots at the second, each with its own way for the optimizer."""
    spec = SPEC + "[model wide]\nextends = deep_tokenformer\nblocks.ffn.slots = 21\n"
    settings = ["--arm", "tokenformer", *set_all("policy.models=deep_tokenformer, wide", "policy.steps=6, 6",
                "operator.1=zero_blocks", "operator.1.place=between", "operator.2=slots", "operator.2.keys=normal",
                "event.1.optimizer=reset", "event.2.schedule=continue"), "--set", "arm.transformer.drop=true"]
    with folder(spec) as f:
        resolved = f.tfx("plan", "tiny.ini", *settings[2:], "--resolved").stdout
        for line in ("operator = stack", "operator.1 = zero_blocks", "operator.1.place = between", "operator.2.keys = normal",
                     "event.1.optimizer = reset", "event.2.schedule = continue"):
            expect(f"\n{line}\n" in resolved, f"the resolved spec has {line}", resolved)
        f.spec.write_text(resolved)
        same(f.tfx("plan", "tiny.ini", "--resolved").stdout, resolved, "the resolved text of the resolved text")
        f.tfx("run", "tiny.ini")
        first, second = f.sql("SELECT probe_max_abs_delta_logit FROM growth_event ORDER BY id")
        expect(first[0] == 0 and second[0] > 1e-5, "the first keeps the function, the second does not", (first, second))
        expect(not any(floats(tensors(f, 1, "grown")["embedding.weight/m"])), "the first event resets the optimizer")
        rates = [r for (r,) in f.sql("SELECT value FROM metric WHERE name = 'lr' ORDER BY step")]
        same(len(rates), 18, "steps")


def test_operator_of_the_docs(compiler=os.environ.get("CC", "cc")):
    """Blocks between the old ones: block 1 of 5 is half of old block 0 and half of 1."""
    page = (SOURCE / "docs" / "writing-an-operator.md").read_text()
    (source,) = re.findall(r"^```c interpolate\.c\n(.*?)^```$", page, flags=re.S | re.M)
    with folder(SPEC) as f:
        (f.path / "interpolate.c").write_text(source)
        subprocess.run([*compiler.split(), "-shared", "-fPIC", "-fvisibility=hidden", "-I", SOURCE / "include",
                        "interpolate.c", "-o", "interpolate.so"], cwd=f.path, check=True)
        env = {"TFX_PLUGIN_PATH": str(f.path)}
        f.tfx("run", "tiny.ini", *set_all("operator=interpolate"), env=env)
        check_blocks(f, [0, -1, 1, -1, 2], "interpolate")
        old, new = tensors(f, 1, "stage_end"), tensors(f, 1, "grown")
        for name in (n for n in new if n.startswith("blocks.1.")):
            for a, b, c in zip(*(floats(old[n]) for n in (name.replace("blocks.1.", "blocks.0."), name)), floats(new[name])):
                expected = a if name.endswith("_filled") else (a + b) / 2
                expect(math.isclose(c, expected, rel_tol=1e-6, abs_tol=1e-12), f"{name}: {c} is the mean of {a} and {b}")


def test_refused():
    for settings, words in ((["operator.sources=0, 1"], ("operator.sources", "one for each of the 5 blocks of 'deep'; found 2")),
                            (["operator.sources=0, 1, 2, 3, 0"], ("operator.sources", "blocks of 'transformer', 0 to 2; found 3")),
                            (["operator.order=twice"], ("order: expected", "append, interleave")),
                            (["policy.models=transformer"], ("operator stack", "more blocks than the 3", "'transformer' has 3")),
                            (["operator=zero_blocks", "operator.place=middle"], ("place: expected", "end, between, start"))):
        with folder(SPEC) as f:
            message(f.tfx("plan", "tiny.ini", *set_all(*settings), status=2), *words)
            expect(not (f.path / "tfx.db").exists(), "nothing is written")


main(globals())

#!/usr/bin/env python3
"""tfx plan --axes: each model once, classes with their members and roles, as JSON and as text."""
from harness import HELPERS, TINY, expect, folder, main, message, same

# Every size that could be taken for another one: width, hidden width and context are 64.
GPT2 = """
[model gpt2]
n_blocks = 4
dim = 64
context = 64
vocab = 256
embedding.positions = 64
blocks = block_prenorm
blocks.mixer = attention
blocks.mixer.heads = 4
blocks.mixer.{q,k,v,o}.bias = true
blocks.ffn = mlp
blocks.ffn.hidden = 64
head = linear

[arm gpt2]
model = gpt2
"""


def models(f, *options):
    return {m["model"]: m for m in f.json("plan", "tiny.ini", "--axes", *options)["models"]}


def classes(model):
    named = {c["name"]: c for c in model["classes"]}
    same(len(named), len(model["classes"]), "names are unique")
    return named


def members(cls):
    return {f"{m['parameter']}[{m['axis']}]": m["roles"] for m in cls["members"]}


def test_gpt2():
    with folder(TINY + GPT2) as f:
        model = models(f)["gpt2"]
        c = classes(model)
        expected = {"vocab": 256, "residual": 64, "embedding.positions": 64}
        for i in range(4):
            expected |= {f"blocks.{i}.mixer.heads": 4, f"blocks.{i}.mixer.head_dim": 16, f"blocks.{i}.ffn.hidden": 64}
        same({k: v["size"] for k, v in c.items()}, expected, "classes and sizes")
        same(members(c["vocab"]), {"embedding.weight[0]": ["consumed"], "head.weight[0]": ["produced"]},
             "members of vocab")
        same(members(c["blocks.3.ffn.hidden"]),
             {"blocks.3.ffn.up.weight[0]": ["produced"], "blocks.3.ffn.down.weight[1]": ["consumed"]},
             "members of hidden")
        same(members(c["blocks.0.mixer.heads"]),
             {f"blocks.0.mixer.{x}.{p}[0]": ["produced"] for x in "qkv" for p in ("weight", "bias")} |
             {"blocks.0.mixer.o.weight[1]": ["consumed"]}, "members of heads")
        same(c["residual"]["normalised"], ["layer norm"], "what is normalised")
        same(sorted(k for k, roles in members(c["residual"]).items() if "normalised" in roles),
             sorted(["embedding.weight[1]", "embedding.position[1]"] +
                    [f"blocks.{i}.{x}[0]" for i in range(4) for x in ("mixer.o.weight", "mixer.o.bias", "ffn.down.weight")]),
             "what goes into the norms")
        same((c["vocab"]["indexed"], c["vocab"]["rigid"]), (True, None), "the vocabulary")
        expect("input" in c["embedding.positions"]["rigid"], "positions are as many as the input has",
               c["embedding.positions"])
        same([p["parameter"] for p in model["parameters"] if p["writes_residual"]],
             [f"blocks.{i}.{x}" for i in range(4) for x in ("mixer.o.weight", "mixer.o.bias", "ffn.down.weight")],
             "what writes into the stream")
        q = next(p for p in model["parameters"] if p["parameter"] == "blocks.2.mixer.q.weight")
        same(q["axes"], [["blocks.2.mixer.heads", "blocks.2.mixer.head_dim"], ["residual"]], "axes of a projection")


def test_rotary():
    with folder() as f:
        c = classes(models(f, "--set", "model.transformer.blocks.mixer.rotary=0.5")["transformer"])
        expect(c["blocks.1.mixer.head_dim"]["rotated"] and not c["blocks.1.mixer.heads"]["rotated"], "head_dim is rotated")
        same(members(c["vocab"]), {"embedding.weight[0]": ["produced", "consumed"]}, "a tied table")


def test_tokenformer():
    with folder() as f:
        found = models(f)
        same(sorted(found), ["tokenformer_16", "tokenformer_32", "tokenformer_48", "transformer"], "each model once")
        for slots in (16, 32, 48):
            c = classes(found[f"tokenformer_{slots}"])
            for x in "qkvo":
                q = c[f"blocks.1.mixer.{x}.slots"]
                same((q["size"], q["normalised"]), (slots, ["l2 norm"]), "slots")
                same(members(q), {f"blocks.1.mixer.{x}.key[0]": ["produced", "normalised"],
                      f"blocks.1.mixer.{x}.value[0]": ["consumed"]},
                     "members of slots")
            same(c["blocks.0.ffn.slots"]["size"], 4 * slots, "slots of the feed-forward layer")


def test_custom_op():
    """It is looked at as what it lowers to, though the backend has a kernel for it."""
    with folder() as f:
        env = {"TFX_PLUGIN_PATH": str(HELPERS)}
        settings = [x for k in ("blocks.ffn=square_mlp", "blocks.ffn.hidden=48") for x in ("--set", "model.transformer." + k)]
        c = classes({m["model"]: m for m in f.json("plan", "tiny.ini", "--axes", *settings, env=env)["models"]}["transformer"])
        hidden = c["blocks.1.ffn.hidden"]
        same((hidden["size"], hidden["rigid"], members(hidden)),
             (48, None, {"blocks.1.ffn.up[0]": ["produced"], "blocks.1.ffn.down[0]": ["consumed"]}), "hidden units")


def test_text_groups_blocks():
    with folder(TINY + GPT2) as f:
        f.spec.write_text(TINY + GPT2.replace("ffn.hidden = 64", "ffn.hidden = 64\nblocks.2.ffn.hidden = 32"))
        lines = [" ".join(line.split()) for line in f.tfx("plan", "tiny.ini", "--axes").stdout.partition("model gpt2")[2].splitlines()]
        for line in ("blocks.{0-1,3}.ffn.hidden 64 x3", "blocks.2.ffn.hidden 32", "blocks.*.mixer.heads 4 x4",
                     "blocks.*.ffn.down.weight[0] produced, normalised, writes to the stream",
                     "blocks.*.mixer.o.weight[1.0] consumed", "residual 64 layer norm"):
            expect(line in lines, f"the line '{line}'", "\n".join(lines))
        text = f.tfx("plan", "tiny.ini", "--axes").stdout
        same([line for line in text.splitlines() if line != line.rstrip()], [], "lines that end in blanks")


def test_one_block():
    """A single block is called by its number, here and in what --init prints; a single head leaves the name of the other factor."""
    with folder(TINY.replace("n_blocks = 2", "n_blocks = 1").replace("heads = 2", "heads = 1")) as f:
        text = f.tfx("plan", "tiny.ini", "--axes").stdout
        for name in ("blocks.0.ffn.hidden", "blocks.0.mixer.head_dim", "blocks.0.ffn.slots"):
            expect(f"  {name} " in text, f"the class {name}", text)
        expect("blocks.*" not in text and " x1" not in text, "one block is not several", text)
        text = f.tfx("plan", "tiny.ini", "--init").stdout
        expect("\nblocks.0.ffn.down " in text and "blocks.*" not in text, "one block is not several", text)


def test_refused():
    with folder() as f:
        message(f.tfx("plan", "tiny.ini", "--axes", "--resolved", status=2), "expected --axes or --resolved, found both")
        message(f.tfx("plan", "tiny.ini", "--axes", "--json", "--resolved", status=2), "found both")
        message(f.tfx("plan", "tiny.ini", "--axes", "--init", status=2), "expected --axes or --init, found both")


main(globals())

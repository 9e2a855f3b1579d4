#!/usr/bin/env python3
"""`tfx plan --init`: what it prints of a Transformer and of a TokenFormer is computed again here, in double precision
and from the weights that a run started with."""
import math

from harness import *

CONTEXT, DIM, HEADS = 32, 32, 2
# Moves no parameter by even its last bit, so that the final checkpoint holds what initialisation made.
STILL = ["--set", "train.steps=1", "--set", "train.lr=1e-30", "--set", "train.min_lr=0",
         "--set", "data.eval_tokens=32", "--set", "train.checkpoint_every=0"]
SMALL = TINY.replace("scaling = grow\n", "").replace("[scaling grow]\npolicy = schedule\n"
                                                     "policy.models = tokenformer_32, tokenformer_48\npolicy.steps = 8, 8\n", "")


def rms(rows):
    values = [v for row in rows for v in row]
    return math.sqrt(sum(v * v for v in values) / len(values))


def close(found, expected, what, tolerance=2e-5):
    expect(math.isclose(found, expected, rel_tol=tolerance, abs_tol=1e-12), what, f"{found}, expected {expected}")


def add(a, b):
    return [[x + y for x, y in zip(p, q)] for p, q in zip(a, b)]


def gelu(x):
    return x / 2 * math.erfc(-x / math.sqrt(2))


class Model:
    """One row through the weights of a checkpoint, and the figures on the way."""

    def __init__(self, weights):
        self.w = {name: (shape, floats((dtype, shape, data))) for name, (dtype, shape, data) in weights.items()}

    def matrix(self, name):
        (n, d), values = self.w[name]
        return [values[i * d:(i + 1) * d] for i in range(n)]

    def norm(self, path, x):
        weight = self.w.get(path + ".weight", (None, [1] * DIM))[1]
        bias = self.w.get(path + ".bias", (None, [0] * DIM))[1]
        out = []
        for row in x:
            mean = sum(row) / len(row)
            scale = 1 / math.sqrt(sum((v - mean) ** 2 for v in row) / len(row) + 1e-5)
            out.append([(v - mean) * scale * g + b for v, g, b in zip(row, weight, bias)])
        return out

    def project(self, path, x):
        """linear [out, in], or a pattention."""
        if path + ".weight" in self.w:
            m = self.matrix(path + ".weight")
            return [[sum(a * b for a, b in zip(row, line)) for line in m] for row in x]
        keys, values, tau = self.matrix(path + ".key"), self.matrix(path + ".value"), self.w[path + ".tau"][1][0]
        out = []
        for row in x:
            a = [sum(p * q for p, q in zip(row, key)) for key in keys]
            size = math.sqrt(sum(v * v for v in a) + 1e-12)
            s = [gelu(tau * v / size) for v in a]
            out.append([sum(p * v[j] for p, v in zip(s, values)) for j in range(len(values[0]))])
        return out

    def attention(self, path, x):
        q, k, v = (self.project(f"{path}.{name}", x) for name in "qkv")
        width = DIM // HEADS
        out = [[] for _ in x]
        for h in range(HEADS):
            part = slice(h * width, (h + 1) * width)
            for t in range(len(x)):
                scores = [sum(a * b for a, b in zip(q[t][part], k[s][part])) / math.sqrt(width) for s in range(t + 1)]
                p = [math.exp(s) for s in scores]
                out[t] += [sum(p[s] * v[s][j] for s in range(t + 1)) / sum(p) for j in range(part.start, part.stop)]
        return self.project(path + ".o", out)

    def ffn(self, path, x):
        if path + ".key" in self.w:
            return self.project(path, x)
        return self.project(path + ".down", [[gelu(v) for v in row] for row in self.project(path + ".up", x)])

    def run(self, text):
        table = self.matrix("embedding.weight")
        x = [table[c] for c in text[:CONTEXT]]
        writes, embedding = [], rms(x)
        for block in ("blocks.0", "blocks.1"):
            for n, layer in ((1, "mixer"), (2, "ffn")):
                path = f"{block}.{layer}"
                inner = self.norm(f"{block}.norm{n}", x)
                written = self.attention(path, inner) if layer == "mixer" else self.ffn(path, inner)
                writes.append((path, rms(x), rms(written)))
                x = add(x, written)
        x = self.norm("norm", x)
        logits = [[sum(a * b for a, b in zip(row, line)) for line in table] for row in x]
        loss = sum(math.log(sum(map(math.exp, row))) - row[c] for row, c in zip(logits, text[1:CONTEXT + 1])) / CONTEXT
        return embedding, writes, rms(logits), loss


def test_figures():
    with folder(SMALL) as f:
        settings = STILL
        f.tfx("run", "tiny.ini", *settings)
        found = f.json("plan", "tiny.ini", "--init", *settings)
        same((found["experiment"], found["seed"]), ("tiny", 1), "what was measured")
        same([(m["model"], m["arms"]) for m in found["models"]],
             [("transformer", ["transformer"]), ("tokenformer_16", ["grown"])], "models")
        text = (f.path / "val.txt").read_bytes()
        for m in found["models"]:
            run = f.one("SELECT run FROM run_summary WHERE arm = ? AND seed = 1", m["arms"][0])
            path = f.one("SELECT path FROM checkpoint WHERE run = ? AND reason = 'final'", run)
            weights, _ = safetensors(f.path / path / "model.safetensors")
            same(sorted(f"{p['layer']}.{p['parameter']}" for p in m["parameters"]), sorted(weights), "parameters")
            for p in m["parameters"]:
                name = f"{p['layer']}.{p['parameter']}"
                values = floats(weights[name])
                mean = sum(values) / len(values)
                close(p["std"], math.sqrt(sum((v - mean) ** 2 for v in values) / len(values)), f"std of {name}", 1e-9)
                close(p["mean"], mean, f"mean of {name}", 1e-6)
                same(p["shape"], weights[name][1], f"shape of {name}")
                if p["init"] == "constant":
                    same((p["std"], p["init_std"], p["mean"]), (0, 0, p["init_mean"]), name)
                    close(values[0], p["init_mean"], name, 1e-7)
                else:
                    expect(abs(p["std"] / p["init_std"] - 1) < 5 / math.sqrt(2 * len(values)), f"{name} is as asked", p)
            embedding, writes, logits, loss = Model(weights).run(text)
            close(m["embedding_rms"], embedding, "embedding")
            same([w["writer"].split()[0] for w in m["writes"]], [path for path, _, _ in writes], "who writes")
            for w, (path, stream, written) in zip(m["writes"], writes):
                close(w["stream_rms"], stream, f"stream before {path}")
                close(w["written_rms"], written, f"what {path} writes")
                close(w["ratio"], written / stream, f"ratio of {path}")
            close(m["logits_rms"], logits, "logits")
            close(m["loss"], loss, "loss", 1e-6)
            close(m["loss"], f.one("SELECT value FROM metric WHERE run = ? AND step = 0 AND name = 'val_loss'", run),
                  "the first evaluation", 1e-7)
            close(m["uniform_loss"], math.log(256), "ln(vocab)", 1e-12)


def test_warning():
    """The quickstart's models: TokenFormer's released initialisation drowns the embedding in small models."""
    with folder() as f:
        quickstart = SOURCE / "experiments" / "quickstart.ini"
        data = ["--set", "data.loader.train=train.txt", "--set", "data.loader.val=val.txt"]
        # As the PyTorch release has it, whatever the spec says today.
        torch = ["--set", "model.tokenformer_small.embedding.init_std=0.02", "--set", "model.tokenformer_small.embedding.logit_scale=1",
                 "--set", "model.tokenformer_small.blocks.mixer.{q,k,v,o}.value_std=0",
                 "--set", "model.tokenformer_small.blocks.mixer.{q,k,v,o}.key_std=0.02",
                 "--set", "model.tokenformer_small.blocks.ffn.value_std=0",
                 "--set", "model.tokenformer_small.blocks.ffn.key_std=0.02"]
        models = {m["model"]: m for m in f.json("plan", quickstart, "--init", *data, *torch)["models"]}
        same(models["transformer_small"]["warnings"] + models["transformer_large"]["warnings"], [], "Transformers")
        found, = models["tokenformer_small"]["warnings"]
        line = quickstart.read_text().splitlines().index("[model tokenformer_small]") + 1
        first = models["tokenformer_small"]["writes"][0]
        expect(first["ratio"] > 10, "the first block writes more than ten times the embedding", first)
        for word in (f"quickstart.ini:{line}: [model tokenformer_small]: blocks.0.mixer (attention) writes",
                     f"{first['written_rms']:.4g}", f"{first['stream_rms']:.4g}", "lower the std", "fan_in"):
            expect(word in found, f"the warning says {word}", found)
        text = f.tfx("plan", quickstart, "--init", *data, *torch).stdout
        same([l for l in text.splitlines() if l.startswith("warning: ")],
             ["warning: " + w for m in models.values() for w in m["warnings"]], "as text")
        expect("blocks.*.mixer.q" in text and "ln(256) = 5.5452" in text, "two tables and the loss", text)

        cured = f.json("plan", quickstart, "--init", *data, *torch, "--set", "model.tokenformer_small.embedding.init_std=1")
        same([m["warnings"] for m in cured["models"]], [[]] * len(cured["models"]), "with a larger embedding")


BLOCKS = """
[experiment]
name = blocks
[data]
loader = synthetic
loader.vocab = 64
[train]
steps = 1
batch = 1
[model parallel]
n_blocks = 2
dim = 32
context = 32
vocab = 64
blocks = parallel_block
blocks.mixer.heads = 2
[model postnorm]
extends = parallel
blocks = postnorm_block
blocks.mixer.heads = 2
[arm a]
model = parallel
[arm b]
model = postnorm
[arm c]
model = parallel
train.lr = 1e-4
"""


def test_blocks_of_plugins():
    with folder(BLOCKS) as f:
        env = {"TFX_PLUGIN_PATH": str(f.path)}
        shutil.copy(HELPERS / "residual_blocks.so", f.path)
        parallel, postnorm = f.json("plan", "tiny.ini", "--init", env=env)["models"]
        same((parallel["arms"], postnorm["arms"]), (["a", "c"], ["b"]), "each model once")
        writers = [f"blocks.{i}.{layer}" for i in range(2) for layer in ("mixer (attention)", "ffn (mlp)")]
        for m in (parallel, postnorm):
            same([w["writer"] for w in m["writes"]], writers, m["model"])
        close(parallel["writes"][0]["stream_rms"], parallel["embedding_rms"], "the stream starts with the embedding", 1e-6)
        close(postnorm["writes"][0]["stream_rms"], 2 * postnorm["embedding_rms"], "scaled", 1e-6)
        for w in postnorm["writes"][1:]:
            close(w["stream_rms"], 2, "scaled, and normalised before", 1e-5)


def test_refused():
    with folder() as f:
        before = f.files()
        for wrong, words in (
                (["--resolved"], ["expected --init or --resolved, found both"]),
                (["--set", "data.loader.val=nope.txt"], ["--set data.loader.val: ", "nope.txt", "No such file"]),
                (["--set", "data.loader.train=nope.txt"], ["--set data.loader.train: ", "nope.txt", "No such file"]),
                (["--set", "model.*.vocab=100"], ["vocab = 100", "255"]),
                (["--set", "model.transformer.dim=131072", "--set", "model.transformer.n_blocks=96"],
                 ["--set model.transformer.", "1 x 32 tokens", "TB of memory", "this machine has"])):
            for json_too in ([], ["--json"]) if "--resolved" not in wrong else ([],):
                message(f.tfx("plan", "tiny.ini", "--init", *json_too, *wrong, status=2), *words)
        same(f.files(), before, "nothing is written")


main(globals())

#!/usr/bin/env python3
"""Operators that make a model wider. The weights of grown models are compared with an implementation that knows what
an attention and an MLP are, unlike the operators; and what they compute with what it was."""
import math

from harness import *

MODELS = """
[experiment]
name = wider

[data]
loader = bytes
loader.train = train.txt
loader.val = val.txt
eval_tokens = 256

[train]
steps = 3
batch = 4
lr = 3e-3
eval_every = 3
log_every = 1
optimizer.weight_decay = 0

[model small]
n_blocks = 2
dim = 30
context = 24
vocab = 256
blocks = block_prenorm
blocks.mixer = attention
blocks.mixer.heads = 3
blocks.mixer.rotary = 0.5
blocks.mixer.{q,k,v,o}.bias = true
blocks.ffn = mlp
blocks.ffn.hidden = 17
blocks.ffn.{up,down}.bias = true

[model large]
extends = small
dim = 70
blocks.mixer.heads = 7
blocks.ffn.hidden = 45

[model tokens]
n_blocks = 2
dim = 14
context = 24
vocab = 256
blocks = block_prenorm
blocks.{norm1,norm2} = layernorm_nonparam
blocks.mixer = attention
blocks.mixer.heads = 1
blocks.mixer.{q,k,v,o} = pattention
blocks.mixer.{q,k,v,o}.slots = 9
blocks.ffn = pattention
blocks.ffn.slots = 21

[model more_tokens]
extends = tokens
dim = 42
blocks.mixer.heads = 3
blocks.mixer.{q,v}.slots = 13

[scaling grow]
policy = schedule
policy.models = large
policy.steps = 3
operator = net2net
event.schedule = continue

[scaling grow_tokens]
extends = grow
policy.models = more_tokens

[arm wide]
model = small
scaling = grow

[arm tokens]
model = tokens
scaling = grow_tokens
"""
RMS = [f"model.small.{x}=rmsnorm" for x in ("norm", "blocks.norm1", "blocks.norm2")]
NO_GAIN = [f"model.small.{x}=layernorm_nonparam" for x in ("blocks.norm1", "blocks.norm2")]


def settings(*values):
    return [x for v in values for x in ("--set", v)]


def grow(f, operator, *values, arm="wide"):
    """What the probe of the run's growth says."""
    db = f"{len(list(f.path.glob('*.db')))}.db"
    f.tfx("run", "tiny.ini", "--arm", arm, "--db", db, *settings(f"scaling.grow.operator={operator}", *values))
    return db, f.one("SELECT probe_loss_before, probe_loss_after, probe_max_abs_delta_logit FROM growth_event", db=db)


# ---- what they keep ----

def kept(operator, *values, arm="wide"):
    with folder(MODELS) as f:
        _, (before, after, delta) = grow(f, operator, *values, arm=arm)
        expect(delta < 2e-6 and abs(before - after) < 2e-6, f"{operator} keeps what {arm} computes with {values}",
               (before, after, delta))
        return delta


def test_keep_the_function():
    """Of every size: the width 30 as 70 is twice 30 and 10 left over, which norms see."""
    for operator in ("net2net", "lemon"):
        kept(operator)
        kept(operator, *RMS)
        kept(operator, *NO_GAIN, "model.small.head=linear", "model.small.norm=layernorm_nonparam")
        kept(operator, "model.small.embedding.logit_scale=rsqrt_dim", "model.small.embedding.positions=24")
        kept(operator, "model.small.n_blocks=1", "model.small.norm.bias=false", "model.large.dim=40", "model.large.blocks.mixer.heads=4")
        kept(operator, "model.small.n_blocks=3", "model.large.dim=60", "model.large.blocks.mixer.heads=6")
        kept(operator, "model.large.dim=30", "model.large.blocks.mixer.heads=3")
        kept(operator, arm="tokens")
        kept(operator, "model.tokens.embedding.logit_scale=rsqrt_dim", "model.tokens.blocks.mixer.q.score=gelu_l2_norm",
             arm="tokens")
    kept("net2net", "scaling.grow.operator.choose=in_order")


def test_others_do_not():
    """The measure tells them apart."""
    with folder(MODELS) as f:
        for operator in ("random", "aki"):
            for arm in ("wide", "tokens"):
                _, (_, _, delta) = grow(f, operator, arm=arm)
                expect(delta > 1e-3, f"{operator} changes the function", delta)


def test_training_goes_on():
    """The step after growth has the loss that it has without, and those after it are near."""
    twin = "".join(f"\n[arm twin_{a}]\nmodel = {m}\ntrain.steps = 6\n" for a, m in (("wide", "small"), ("tokens", "tokens")))
    with folder(MODELS + twin) as f:
        for operator in ("net2net", "lemon"):
            db, losses = f"{operator}.db", {}
            for arm in ("wide", "tokens", "twin_wide", "twin_tokens"):
                f.tfx("run", "tiny.ini", "--arm", arm, "--db", db, *settings(f"scaling.grow.operator={operator}"))
                losses[arm] = [x for (x,) in f.sql(
                    "SELECT m.value FROM metric m JOIN run r ON r.id = m.run JOIN arm a ON a.id = r.arm "
                    "WHERE m.name = 'train_loss' AND a.name = ? ORDER BY m.step", arm, db=db)]
                same(len(losses[arm]), 6, "steps")
            for arm in ("wide", "tokens"):
                for step, (a, b) in enumerate(zip(losses[arm], losses["twin_" + arm])):
                    expect(abs(a - b) < (2e-6 if step < 4 else 0.05), f"loss of {arm} at step {step + 1} after {operator}",
                           losses)
                expect(losses[arm][5] < losses[arm][0], f"{arm} stays where training has led", losses)


# ---- what they are made of ----

class Tensor:
    """Rows of numbers, or one row."""

    def __init__(self, raw):
        _, shape, _ = raw
        numbers = floats(raw)
        n = shape[-1] if shape else 1
        self.rows = [numbers[i:i + n] for i in range(0, len(numbers), n)]
        self.shape = shape


def load(f, db, reason, name="model.safetensors"):
    path = f.one("SELECT path FROM checkpoint WHERE reason = ?", reason, db=db)
    return {k: Tensor(v) for k, v in safetensors(f.path / path / name)[0].items()}


def compare(found, expected, what, tolerance=1e-6):
    """Rows of expected numbers; None: anything. A mean can be next to nothing beside what it is the mean of."""
    same([len(r) for r in found.rows], [len(r) for r in expected], f"shape of {what}")
    for i, (row, wanted) in enumerate(zip(found.rows, expected)):
        size = max(abs(y or 0) for y in wanted)
        for k, (x, y) in enumerate(zip(row, wanted)):
            expect(y is None or math.isclose(x, y, rel_tol=tolerance, abs_tol=tolerance * size), f"{what}[{i}][{k}]", (x, y))


HEAD = 10


def heads_of(places):
    """Places of heads as places of rows."""
    return [None if p is None else p * HEAD + i for p in places for i in range(HEAD)]


class Plan:
    """What the paper's recipe says for the model above. `hidden[b]`, `heads[b]`: old unit of each new one in block b.
    shares(places): what each gets. The width: two copies of each, and then the mean, scaled by beta."""

    def __init__(self, hidden, heads, shares, above=None):
        self.hidden, self.heads, self.shares = hidden, heads, shares
        self.width = [i % 30 if i < 60 else None for i in range(70)]
        self.width_shares = shares(self.width)
        self.beta = math.sqrt(70 / 60)
        self.above = above  # block -> the one that new units come from

    def stream(self, row):
        """Along the width, of what writes into the stream."""
        mean = sum(row) / len(row)
        return [self.beta * (mean if p is None else row[p]) for p in self.width]

    def read(self, row):
        """Along the width, of what reads behind a norm."""
        return [None if p is None else row[p] * s / self.beta for p, s in zip(self.width, self.width_shares)]

    def produced(self, old, path, block, places, n_old, of):
        """Rows of a weight in a block, new ones from the block above where that is asked."""
        rows = []
        for i, p in enumerate(places):
            source = self.above(block) if self.above and i >= n_old else block
            rows.append(of(old[f"blocks.{source}.{path}"], p))
        return rows

    def expected(self, old, tied, blocks=2):
        out = {"embedding.weight": [self.stream(r) for r in old["embedding.weight"].rows]}
        # The table's copies count twice, each beta^2 times: what is left of that, the last norm undoes.
        undo = 30 / 70 if tied else 1
        row = old["norm.weight"].rows[0]
        out["norm.weight"] = [[1 if p is None else row[p] * undo for p in self.width]]
        row = old["norm.bias"].rows[0]
        out["norm.bias"] = [[0 if p is None else row[p] * undo * self.beta for p in self.width]]
        if not tied:
            out["head.weight"] = [self.read(r) for r in old["head.weight"].rows]
        for b in range(blocks):
            at = f"blocks.{b}."
            for norm in ("norm1", "norm2"):
                row = old[f"{at}{norm}.weight"].rows[0]
                out[f"{at}{norm}.weight"] = [[1 if p is None else row[p] for p in self.width]]
                row = old[f"{at}{norm}.bias"].rows[0]
                out[f"{at}{norm}.bias"] = [[0 if p is None else row[p] * self.beta for p in self.width]]
            units = {"ffn.up": (self.hidden[b], 17), **{f"mixer.{x}": (heads_of(self.heads[b]), 30) for x in "qkv"}}
            for layer, (places, n_old) in units.items():
                out[f"{at}{layer}.weight"] = self.produced(old, f"{layer}.weight", b, places, n_old,
                                                           lambda t, p: self.read(t.rows[p]))
                out[f"{at}{layer}.bias"] = [self.produced(old, f"{layer}.bias", b, places, n_old,
                                                          lambda t, p: t.rows[0][p])]
            heads = [s for s in self.shares(self.heads[b]) for _ in range(HEAD)]
            for layer, places, shares in (("ffn.down", self.hidden[b], self.shares(self.hidden[b])),
                                          ("mixer.o", heads_of(self.heads[b]), heads)):
                rows = [[r[p] * s for p, s in zip(places, shares)] for r in old[f"{at}{layer}.weight"].rows]
                columns = [self.stream(c) for c in zip(*rows)]
                out[f"{at}{layer}.weight"] = [list(r) for r in zip(*columns)]
                out[f"{at}{layer}.bias"] = [self.stream(old[f"{at}{layer}.bias"].rows[0])]
        return out


def equal_shares(places):
    return [None if p is None else 1 / places.count(p) for p in places]


def ramp(places):
    seen, shares = {}, []
    for p in places:
        seen[p] = seen.get(p, 0) + 1
        shares.append(2 * seen[p] / (places.count(p) * (places.count(p) + 1)))
    return shares


def in_turn(n, n_old):
    return [i % n_old for i in range(n)]


def chosen(old, new, b, path, n_old, size):
    """Which old unit each new one of a block is, by its bias, which nothing scales."""
    rows = [tuple(old[f"blocks.{b}.{path}"].rows[0][i:i + size]) for i in range(0, n_old * size, size)]
    same(len(set(rows)), n_old, "units that can be told apart")
    row = new[f"blocks.{b}.{path}"].rows[0]
    return [rows.index(tuple(row[i:i + size])) for i in range(0, len(row), size)]


def check_values(f, db, plan, tied):
    old, new = load(f, db, "stage_end"), load(f, db, "grown")
    expected = plan.expected(old, tied)
    same(sorted(new), sorted(expected), "parameters")
    for path in expected:
        compare(new[path], expected[path], path)


def test_values_of_net2net():
    with folder(MODELS) as f:
        db, _ = grow(f, "net2net")
        old, new = load(f, db, "stage_end"), load(f, db, "grown")
        hidden = [chosen(old, new, b, "ffn.up.bias", 17, 1) for b in range(2)]
        heads = [chosen(old, new, b, "mixer.v.bias", 3, HEAD) for b in range(2)]
        for places, n_old in [(p, 17) for p in hidden] + [(p, 3) for p in heads]:
            same(places[:n_old], list(range(n_old)), "old units stay in place")
        expect(hidden[0] != hidden[1] and hidden[0] != in_turn(45, 17), "others are drawn", hidden)
        check_values(f, db, Plan(hidden, heads, equal_shares), tied=True)
        other, _ = grow(f, "net2net", "experiment.seeds=2")
        third, _ = grow(f, "net2net", "model.small.head=linear", "scaling.grow.operator.choose=in_order")
        expect([chosen(load(f, other, "stage_end"), load(f, other, "grown"), b, "ffn.up.bias", 17, 1)
                for b in range(2)] != hidden, "another seed draws others")
        check_values(f, third, Plan([in_turn(45, 17)] * 2, [in_turn(7, 3)] * 2, equal_shares), tied=False)


def test_values_of_lemon():
    with folder(MODELS) as f:
        for tied in (True, False):
            db, _ = grow(f, "lemon", *([] if tied else ["model.small.head=linear"]))
            check_values(f, db, Plan([in_turn(45, 17)] * 2, [in_turn(7, 3)] * 2, ramp), tied)


def test_values_of_aki():
    with folder(MODELS) as f:
        db, _ = grow(f, "aki")
        plan = Plan([in_turn(45, 17)] * 2, [in_turn(7, 3)] * 2, equal_shares, above=lambda b: min(b + 1, 1))
        check_values(f, db, plan, tied=True)


def test_tokens():
    """Parameter tokens get zero keys, but from aki units of the block above."""
    with folder(MODELS) as f:
        for operator in ("net2net", "aki"):
            db, _ = grow(f, operator, arm="tokens")
            old, new = load(f, db, "stage_end"), load(f, db, "grown")
            for b in range(2):
                key, value = new[f"blocks.{b}.mixer.q.key"].rows, new[f"blocks.{b}.mixer.q.value"].rows
                if operator == "net2net":
                    expect(not any(x for r in key[9:] for x in r) and all(x for r in value[9:] for x in r), "new tokens",
                           key[9:])
                    continue
                source = old[f"blocks.{min(b + 1, 1)}.mixer.q.key"].rows
                compare(new[f"blocks.{b}.mixer.q.key"],
                        [[x / 3 for x in (old[f"blocks.{b}.mixer.q.key"].rows[i] if i < 9 else source[i - 9])] * 3
                         for i in range(13)], "keys")
                counts = [2] * 4 + [1] * 5 + [2] * 4
                compare(new[f"blocks.{b}.mixer.q.value"],
                        [[x / counts[i] for h in range(3) for x in old[f"blocks.{b if h == 0 else min(b + 1, 1)}.mixer.q.value"].rows[i % 9]]
                         for i in range(13)], "values")


# ---- the optimizer's state ----

def moments(f, operator, *values):
    """Of a path: {power of the gradient: (before, after)}."""
    db, _ = grow(f, operator, *values)
    old, new = (load(f, db, reason, "optimizer.safetensors") for reason in ("stage_end", "grown"))
    return lambda path: {power: (old[f"{path}/{m}"], new[f"{path}/{m}"]) for power, m in ((1, "m"), (2, "v"))}


def test_moments():
    """Gradients of what produces a copy are its share of the old one's, and of what consumes one the old one's; through
    the stream's scale, the one is divided by it and the other multiplied. A table that is both gets the gradient of
    half of a copy, from both sides."""
    width, beta = [i % 30 if i < 60 else None for i in range(70)], math.sqrt(70 / 60)
    with folder(MODELS) as f:
        of = moments(f, "lemon", "model.small.head=linear")
        hidden = in_turn(45, 17)
        shares, width_shares = ramp(hidden), ramp(width)
        for power, (before, after) in of("blocks.1.ffn.up.weight").items():
            compare(after, [[0 if c is None else before.rows[r][c] * (s * beta) ** power for c in width]
                            for r, s in zip(hidden, shares)], f"moment {power} of up")
        for power, (before, after) in of("blocks.1.ffn.down.weight").items():
            compare(after, [[None if r is None else before.rows[r][c] * (s / beta) ** power for c in hidden]
                            for r, s in zip(width, width_shares)], f"moment {power} of down")
        of, undo = moments(f, "net2net"), 30 / 70
        for power, (before, after) in of("embedding.weight").items():
            compare(after, [[None if c is None else r[c] / (2 * beta) ** power for c in width] for r in before.rows],
                    f"moment {power} of the table")
        for path, times in (("norm.weight", 1 / (2 * undo)), ("norm.bias", 1 / (2 * undo * beta))):
            for power, (before, after) in of(path).items():
                compare(after, [[None if c is None else before.rows[0][c] * times ** power for c in width]],
                        f"moment {power} of {path}")


def test_gradients():
    """What moments were multiplied by is what gradients really are: with beta1 = 0 the first moment is the last gradient.
    Of two copies of everything, half of the old one each; the last norm, which is halved itself, has the whole."""
    values = settings("train.checkpoint_every=1", "train.clip=0", "train.optimizer.beta1=0", "model.large.dim=60",
                      "model.large.blocks.mixer.heads=6", "model.large.blocks.ffn.hidden=34",
                      "scaling.grow.policy.steps=1", "scaling.grow.operator.choose=in_order")
    with folder(MODELS + "\n[arm twin]\nmodel = small\ntrain.steps = 4\n") as f:
        for arm in ("wide", "twin"):
            f.tfx("run", "tiny.ini", "--arm", arm, "--db", f"{arm}.db", *values)
        new, old = (load(f, f"{arm}.db", "final", "optimizer.safetensors") for arm in ("wide", "twin"))
        for path in (k for k in new if k.endswith("/m")):
            rows, share = old[path].rows, 1 if path.startswith("norm.") else 0.5
            down, along = len(new[path].rows) // len(rows), len(new[path].rows[0]) // len(rows[0])
            compare(new[path], [[x * share for x in r] * along for r in rows] * down, f"gradient {path}", 1e-4)


# ---- what is refused ----

def test_refused():
    def refused(says, *values):
        for operator in ("net2net", "lemon", "aki"):
            r = f.tfx("plan", "tiny.ini", *settings(f"scaling.grow.operator={operator}", *values), status=2)
            message(r, "tiny.ini:", f"operator {operator}", *says)

    with folder(MODELS.replace("[arm wide]\nmodel = small\nscaling = grow\n", "")) as f:
        refused(["slots grows from 9 to 13", "softmax"], "model.tokens.blocks.mixer.q.score=softmax")
    with folder(MODELS) as f:
        refused(["blocks.0.mixer.head_dim grows from 10 to 14", "number of heads"], "model.large.dim=42",
                "model.large.blocks.mixer.heads=3")
        refused(["copies would change what 'small' computes", "attention", "head_dim"], "model.small.blocks.mixer.rotary=0",
                "model.large.dim=42", "model.large.blocks.mixer.heads=3")
        refused(["vocab grows from 256 to 300", "numbered"], "model.large.vocab=300")
        refused(["parameter blocks.2.norm1.weight has nothing to grow from"], "model.large.n_blocks=3")
        refused(["makes nothing wider"], "model.large.dim=30", "model.large.blocks.mixer.heads=3",
                "model.large.blocks.ffn.hidden=17")
        refused(["the logits of 'large' would be 2.33333333 times", "embedding.logit_scale"],
                "model.small.norm=layernorm_nonparam")
        message(f.tfx("plan", "tiny.ini", "--set", "scaling.grow.operator.choose=all", status=2),
                "scaling.grow.operator.choose", "random, in_order")


main(globals())

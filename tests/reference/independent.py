"""A TokenFormer of random size with random weights and tokens, and the logits it should give.

    python independent.py --seed 7 --out DIR
    tfx eval DIR/spec.ini --arm reference --weights DIR/W.safetensors --tokens DIR/T.bin \\
        --logits DIR/OUT.safetensors
    python compare.py DIR/OUT.safetensors DIR/L.safetensors

Needs NumPy and safetensors only. The mathematics is stated here for a second time, one window and
one head after the other and in float64, sharing nothing with models.py: `make-records` checks that
the two agree. Everything that is not given as an option is drawn from the seed.
"""

import argparse
import math
import os
from types import SimpleNamespace

import numpy as np
from safetensors.numpy import save_file

from spec import spec_text

erfc = np.vectorize(math.erfc, otypes=[float])


def activation(x, kind):
    if kind == "tanh":
        return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))
    return x / 2 * erfc(-x / math.sqrt(2))


def standardise(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def token_parameters(c, w, path, x, top_k=0):
    """x [T, dim] against the key-value slots stored under path."""
    a = x @ w[path + ".key"].T
    tau = w[path + ".tau"]
    if c.score == "softmax":
        weights = np.exp(a - a.max(-1, keepdims=True))
        weights *= tau / weights.sum(-1, keepdims=True)
    else:
        inner = activation(a, c.gelu) if c.score == "gelu_l2_norm" else a
        weights = tau * inner / np.sqrt(np.square(inner).sum(-1, keepdims=True) + c.eps)
        if c.score == "l2_norm_gelu":
            weights = activation(weights, c.gelu)
    if top_k:
        for row, others in zip(weights, np.argsort(a)[:, :-top_k]):
            row[others] = 0
    return weights @ w[path + ".value"]


def mixture(c, w, path, x):
    """The slots of the groups that each row chooses, as if there were no others but in the norm."""
    y = np.zeros_like(x)
    for t, row in enumerate(x):
        chances = np.exp(w[path + ".router"] @ row)
        best = np.argsort(chances)[-c.active:]
        a = w[path + ".key"] @ row
        s = activation(w[path + ".tau"] * a / np.sqrt(np.square(a).sum() + 1e-12), "erf")
        for group in best:
            y[t] += chances[group] / chances[best].sum() * (s[group::c.groups] @ w[path + ".value"][group::c.groups])
    return y


def rotate(head, n_dims, base):
    """Turns pair (i, i + n_dims/2) of head [T, D] at time t by t / base^(2i/n_dims)."""
    out = head.copy()
    for i in range(n_dims // 2):
        j = i + n_dims // 2
        angle = np.arange(len(head)) / base ** (2 * i / n_dims)
        out[:, i] = head[:, i] * np.cos(angle) - head[:, j] * np.sin(angle)
        out[:, j] = head[:, j] * np.cos(angle) + head[:, i] * np.sin(angle)
    return out


def attend(c, w, path, x):
    width = c.dim // c.n_heads
    q, k, v = (token_parameters(c, w, f"{path}.{part}", x, c.top_k) for part in "qkv")
    mixed = np.empty_like(x)
    for h in range(c.n_heads):
        part = slice(h * width, (h + 1) * width)
        turns = int(c.rotary * width)
        scores = rotate(q[:, part], turns, c.rotary_base) @ rotate(k[:, part], turns, c.rotary_base).T
        scores /= math.sqrt(width)
        scores[np.triu_indices(len(x), 1)] = -np.inf
        chances = np.exp(scores - scores.max(-1, keepdims=True))
        mixed[:, part] = chances / chances.sum(-1, keepdims=True) @ v[:, part]
    return token_parameters(c, w, path + ".o", mixed, c.top_k)


def window_logits(c, w, tokens):
    """Logits [T, vocab] of one window of at most `context` tokens."""
    x = w["embedding.weight"][tokens]
    for i in range(c.n_blocks):
        x = x + attend(c, w, f"blocks.{i}.mixer", standardise(x))
        inner, path = standardise(x), f"blocks.{i}.ffn"
        x = x + (mixture(c, w, path, inner) if c.groups else token_parameters(c, w, path, inner, c.ffn_top_k))
    x = standardise(x) * w["norm.weight"] + w["norm.bias"]
    return c.logit_scale * (x @ w["embedding.weight"].T)


def draw_model(args, rng):
    def choose(given, options):
        return given if given is not None else options[rng.integers(len(options))]

    heads = choose(args.heads, [1, 2, 3, 5, 6])
    width = choose(args.head_dim, [8, 16, 24])
    c = SimpleNamespace(
        kind="tokenformer", n_heads=heads, dim=heads * width, positions=False, rotary_base=10000.0,
        top_k=0, ffn_top_k=0, groups=0,
        n_blocks=choose(args.blocks, [1, 2, 3]), context=choose(args.context, [7, 16, 33, 64]),
        vocab=choose(args.vocab, [37, 256, 1001]), score=choose(args.score, ["l2_norm_gelu", "gelu_l2_norm", "softmax"]),
        gelu=choose(args.gelu, ["erf", "tanh"]), eps=choose(args.eps, [1e-6, 1e-3]),
        rotary=choose(args.rotary, [0.0, 0.25, 0.5, 1.0]))
    c.logit_scale = choose(args.logit_scale, [1.0, 1 / math.sqrt(c.dim)])
    slots = {part: choose(args.slots, [5, 17, 32, 50]) for part in "qkvo"}
    c.ffn_slots = choose(4 * args.slots if args.slots else None, [20, 65, 128])
    return c, slots


def draw_weights(c, slots, rng):
    w = {"embedding.weight": 0.3 * rng.standard_normal((c.vocab, c.dim)),
         "norm.weight": 1 + 0.2 * rng.standard_normal(c.dim), "norm.bias": 0.1 * rng.standard_normal(c.dim)}
    for i in range(c.n_blocks):
        places = {f"blocks.{i}.mixer.{part}": n for part, n in slots.items()}
        for path, n in {**places, f"blocks.{i}.ffn": c.ffn_slots}.items():
            w[path + ".key"] = 0.15 * rng.standard_normal((n, c.dim))
            w[path + ".value"] = rng.standard_normal((n, c.dim)) / math.sqrt(n)
            # Away from the default: the stored tau must be the one that is used.
            w[path + ".tau"] = np.array(math.sqrt(n) * rng.uniform(0.6, 1.6))
    return {path: t.astype(np.float32) for path, t in w.items()}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seed", type=int, required=True)
    p.add_argument("--out", required=True, help="folder to write to; made when missing")
    for name in ("heads", "head-dim", "blocks", "context", "vocab", "slots"):
        p.add_argument("--" + name, type=int)
    p.add_argument("--tokens", type=int, help="default: 2.5 windows, so that the last one is short")
    p.add_argument("--score", choices=["l2_norm_gelu", "gelu_l2_norm", "softmax"])
    p.add_argument("--gelu", choices=["erf", "tanh"])
    for name in ("eps", "rotary", "logit-scale"):
        p.add_argument("--" + name, type=float)
    args = p.parse_args()
    for name in ("heads", "head_dim", "blocks", "context", "vocab", "slots", "tokens"):
        value = getattr(args, name)
        if value is not None and value < 1:
            p.error(f"--{name.replace('_', '-')} must be positive")

    rng = np.random.default_rng(args.seed)
    c, slots = draw_model(args, rng)
    if int(c.rotary * c.dim // c.n_heads) % 2:
        p.error("rotary times head-dim must be even")
    if c.vocab > 65536:
        p.error("vocab must fit 16-bit tokens")
    weights = draw_weights(c, slots, rng)
    n_tokens = args.tokens or 2 * c.context + max(c.context // 2, 1)
    tokens = rng.integers(0, c.vocab, n_tokens)
    exact = {path: t.astype(np.float64) for path, t in weights.items()}
    logits = np.concatenate([window_logits(c, exact, tokens[start:start + c.context])
                             for start in range(0, n_tokens, c.context)])

    os.makedirs(args.out, exist_ok=True)
    save_file(weights, os.path.join(args.out, "W.safetensors"))
    save_file({"logits": logits.astype(np.float32)}, os.path.join(args.out, "L.safetensors"))
    tokens.astype("<u2").tofile(os.path.join(args.out, "T.bin"))
    with open(os.path.join(args.out, "spec.ini"), "w") as f:
        f.write(spec_text(f"independent_{args.seed}", "Random TokenFormer", c, slots=slots))
    print(f"{args.out}: dim {c.dim}, {c.n_heads} heads, {c.n_blocks} blocks, context {c.context}, vocab {c.vocab}, "
          f"{c.score}, {c.gelu}, rotary {c.rotary}, {n_tokens} tokens")


if __name__ == "__main__":
    main()

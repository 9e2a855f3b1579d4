"""Makes every record of this folder: `make-records` runs it in its own environment.

Usage: records.py OUT_DIR
"""

import itertools
import math
import os
import sys
from dataclasses import replace

import numpy as np
import torch

import independent
import models
import ops
import optimizers
import tensors
from arithmetic import BF16, EXACT
from models import Config
from spec import spec_text

BATCH, STEPS = 2, 10
TOKENFORMER = Config("tokenformer")

MODELS = {
    "transformer": (Config("transformer"), "Pre-norm Transformer, no biases, partial rotary"),
    "transformer_gpt2": (Config("transformer", bias=True, rotary=0.0, positions=True, gelu="tanh"),
                         "GPT-2: biases, learned positions, tanh GELU"),
    "tokenformer_l2_norm_gelu": (TOKENFORMER, "TokenFormer, the default score"),
    # The norm of gelu(a) is small here: with this eps its place in the formula matters.
    "tokenformer_gelu_l2_norm": (replace(TOKENFORMER, score="gelu_l2_norm", eps=1e-2),
                                 "TokenFormer, GELU before the L2 norm"),
    "tokenformer_softmax": (replace(TOKENFORMER, score="softmax"), "TokenFormer, softmax score times n"),
    "tokenformer_jax": (replace(TOKENFORMER, rotary=0.0, logit_scale=1 / TOKENFORMER.dim ** 0.5, gelu="tanh"),
                        "TokenFormer as in the JAX release: no positions, scaled logits, tanh GELU"),
    "transformer_grouped_window": (Config("transformer", kv_heads=2, window=5),
                                   "Transformer, 2 heads of keys and values, windows of 5"),
    # Scores are up to 3 without the cap.
    "transformer_alibi_cap": (Config("transformer", rotary=0.0, alibi=True, soft_cap=1.5),
                              "Transformer, ALiBi instead of rotary, scores capped at 1.5"),
    "transformer_qk_norm": (Config("transformer", qk_norm=True, kv_heads=1),
                            "Transformer, normalised queries and keys, one head of keys and values"),
    "transformer_both_ways": (Config("transformer", causal=False, alibi=True, window=6),
                              "Transformer that sees both ways, with ALiBi and windows of 6"),
    "transformer_glu": (Config("transformer", gated=True, hidden=88), "Transformer, SwiGLU"),
    "transformer_low_rank": (Config("transformer", rank=12), "Transformer, MLP of matrices of rank 12"),
    "tokenformer_top_k": (replace(TOKENFORMER, top_k=9, ffn_top_k=40), "TokenFormer, 9 of 24 and 40 of 96 slots per row"),
    "tokenformer_mixture": (replace(TOKENFORMER, groups=8, active=2, balance=0.3),
                            "TokenFormer, 2 of 8 groups of slots per row in the FFN"),
}
# The same weights and batches once more, with train.compute = bf16. Options of a Config are computed exactly only.
NARROW = ("transformer", "transformer_gpt2", "tokenformer_l2_norm_gelu", "tokenformer_gelu_l2_norm", "tokenformer_softmax")
# The parameters that are recorded after the steps, those of them that a model has.
FINAL = ("embedding.weight", "norm.bias", "blocks.1.mixer.q.weight", "blocks.1.mixer.q.key", "blocks.1.mixer.k_norm",
         "blocks.0.ffn.up.weight", "blocks.0.ffn.up.down", "blocks.0.ffn.value", "blocks.0.ffn.router")


def float32(t):
    return np.array(t.detach().numpy().astype(np.float32))


def token_batches(rng, c):
    """Inputs and targets of STEPS + 1 batches. Each token mostly determines the next, so that
    there is something to learn in 10 steps."""
    successor = rng.permutation(c.vocab)
    rows = np.empty((STEPS + 1, BATCH, c.context + 1), dtype=np.int32)
    rows[..., 0] = rng.integers(0, c.vocab, rows.shape[:2])
    for t in range(c.context):
        noise = rng.integers(0, c.vocab, rows.shape[:2])
        rows[..., t + 1] = np.where(rng.random(rows.shape[:2]) < 0.2, noise, successor[rows[..., t]])
    return np.array(rows[..., :-1]), np.array(rows[..., 1:])


def train(c, params, inputs, targets, arithmetic=EXACT):
    """10 AdamW steps from params, which are changed. Returns the loss before each step and the
    norm of each step's gradient before clipping."""
    trained = [p for p in params.values() if p.requires_grad]
    groups = [{"params": [p for p in trained if p.dim() >= 2], "weight_decay": 0.1},
              {"params": [p for p in trained if p.dim() < 2], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), eps=1e-8)
    losses, norms = [], []
    for step_inputs, step_targets in zip(inputs, targets):
        optimizer.zero_grad()
        _, loss, minimised = models.losses(c, params, step_inputs, step_targets, arithmetic)
        minimised.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(trained, 1.0).item())
        losses.append(loss.item())
        optimizer.step()
    return losses, norms


def record(out, name, description, c, params, seed, extra=None, extra_metadata=None, arithmetic=EXACT):
    """Writes records NAME.safetensors and NAME.ini; params end up trained."""
    inputs, targets = token_batches(np.random.default_rng(seed), c)
    first_inputs, first_targets = torch.from_numpy(inputs[0]), torch.from_numpy(targets[0])
    logits, loss, minimised = models.losses(c, params, first_inputs, first_targets, arithmetic)
    trained = {path: p for path, p in params.items() if p.requires_grad}
    gradients = torch.autograd.grad(minimised, list(trained.values()))

    data = {"weights/" + path: float32(p) for path, p in params.items()}
    data.update({"grads/" + path: float32(g) for path, g in zip(trained, gradients)})
    data.update(inputs=inputs[0], targets=targets[0], logits=float32(logits), loss=np.array(loss.item()),
                step_inputs=inputs[1:], step_targets=targets[1:])
    data.update(extra or {})
    if arithmetic is EXACT:
        check_against_numpy(c, params, inputs[0], logits)

    losses, norms = train(c, params, torch.from_numpy(inputs[1:]), torch.from_numpy(targets[1:]), arithmetic)
    data.update(losses=np.array(losses), grad_norms=np.array(norms))
    data.update({"final/" + path: float32(params[path]) for path in FINAL if path in params})

    metadata = c.stated()
    metadata.update(extra_metadata or {}, description=description)
    tensors.save(os.path.join(out, name + ".safetensors"), data, metadata)
    with open(os.path.join(out, name + ".ini"), "w") as f:
        f.write(spec_text("reference_" + name, description, c, BATCH, compute="f32" if arithmetic is EXACT else "bf16"))
    print(f"{name}: loss {loss.item():.4f}, steps {losses[0]:.4f} -> {losses[-1]:.4f}, "
          f"gradient norm {min(norms):.2f} to {max(norms):.2f}")


# What each of them does with a parameter, and the keys of a spec that say the same.
OPTIMIZERS = {
    "lion": (lambda path, p: optimizers.Lion(p, lr=1e-3),
             ["lr = 1e-3", "min_lr = 1e-3", "optimizer = lion"]),
    "muon": (lambda path, p: optimizers.Muon(p, lr=1e-2) if p.dim() == 2 and not path.startswith("embedding.")
             else optimizers.AdamW(p, lr=2e-3),
             ["lr = 1e-2", "min_lr = 1e-2", "optimizer = muon", "optimizer.adam_lr = 0.2"]),
    "adafactor": (lambda path, p: optimizers.Adafactor(p, lr=3e-2, decay=0.1),
                  ["lr = 3e-2", "min_lr = 3e-2", "optimizer = adafactor", "optimizer.weight_decay = 0.1"]),
}


def record_optimizer(out, name, seed):
    """Ten steps of the Transformer by that optimizer: all parameters after them."""
    create, keys = OPTIMIZERS[name]
    c, description = Config("transformer"), f"Transformer trained by {name}"
    params = models.init_parameters(c, np.random.default_rng(seed))
    inputs, targets = token_batches(np.random.default_rng(seed + 1), c)
    data = {"weights/" + path: float32(p) for path, p in params.items()}
    data.update(step_inputs=inputs[1:], step_targets=targets[1:])
    trained = {path: p for path, p in params.items() if p.requires_grad}
    states = {path: create(path, p.detach().clone()) for path, p in trained.items()}
    losses, norms = [], []
    for step_inputs, step_targets in zip(torch.from_numpy(inputs[1:]), torch.from_numpy(targets[1:])):
        _, loss, _ = models.losses(c, params, step_inputs, step_targets)
        gradients = torch.autograd.grad(loss, list(trained.values()))
        norm = torch.stack([g.square().sum() for g in gradients]).sum().sqrt().item()
        losses.append(loss.item())
        norms.append(norm)
        with torch.no_grad():
            for (path, p), g in zip(trained.items(), gradients):
                states[path].p = states[path].step(g * min(1.0, 1.0 / norm))
                p.copy_(states[path].p)
    data.update({"final/" + path: float32(p) for path, p in trained.items()})
    data.update(losses=np.array(losses), grad_norms=np.array(norms))
    tensors.save(os.path.join(out, name + ".safetensors"), data, {"description": description, **c.stated()})
    with open(os.path.join(out, name + ".ini"), "w") as f:
        f.write(spec_text("reference_" + name, description, c, BATCH, optimizer=keys))
    print(f"{name}: steps {losses[0]:.4f} -> {losses[-1]:.4f}")


def check_against_numpy(c, params, inputs, logits):
    """independent.py states the TokenFormer a second time, without torch: both must agree."""
    if c.kind != "tokenformer":
        return
    plain = {path: p.detach().numpy() for path, p in params.items()}
    other = np.stack([independent.window_logits(c, plain, row) for row in inputs])
    np.testing.assert_allclose(other, logits.detach().numpy(), rtol=0, atol=1e-11)


def attention_pairs(rng):
    """Attention in all its variants, and the same by loops over heads and positions, score by score."""
    q = 2 * torch.from_numpy(rng.standard_normal((1, 9, 6, 4)))
    pairs = []
    for n_kv, causal, window, slopes, cap in itertools.product((1, 2, 6), (True, False), (0, 1, 4, 9), (False, True), (0.0, 1.5)):
        k, v = (torch.from_numpy(rng.standard_normal((1, 9, n_kv, 4))) for _ in range(2))
        y = torch.empty_like(q)
        for h, t in itertools.product(range(6), range(9)):
            shared = [0, 0, 0, 1, 1, 1][h] if n_kv == 2 else h if n_kv == 6 else 0
            first = t - window + 1 if window else 0
            last = t if causal else t + window - 1 if window else 8
            seen = [s for s in range(9) if first <= s <= last]
            scores = []
            for s in seen:
                score = 0.7 * torch.dot(q[0, t, h], k[0, s, shared]).item()
                score = cap * math.tanh(score / cap) if cap else score
                scores.append(score - abs(t - s) / 2 ** (8 * (h + 1) / 6) if slopes else score)
            chances = torch.softmax(torch.tensor(scores, dtype=torch.float64), 0)
            y[0, t, h] = sum(p * v[0, s, shared] for p, s in zip(chances, seen))
        pairs.append((models.attention(q, k, v, 0.7, causal, window, slopes, cap)[0], y))
    return pairs


def slot_pairs(rng):
    """What slots give that some of are left out, and a mixture, and the same row by row and group by group."""
    f = torch.nn.functional
    x, key, value, router = (torch.from_numpy(rng.standard_normal(shape)) for shape in ((7, 5), (12, 5), (12, 3), (4, 5)))
    a = x @ key.T
    rows = []
    for row in a:
        at = row.argsort(descending=True)[:5]
        rows.append(2.0 * torch.softmax(row, 0)[at] @ value[at])
    pairs = [(models.pattention(x, key, value, torch.tensor(2.0), "softmax", "erf", 0.0, top_k=5), torch.stack(rows))]
    s = f.gelu(3.0 * f.normalize(a, dim=-1))
    rows, counts, sums = [], [0] * 4, [0.0] * 4
    for i, chances in enumerate(torch.softmax(x @ router.T, -1).tolist()):
        best = sorted(range(4), key=lambda g: -chances[g])[:2]
        rows.append(sum(chances[g] * (s[i, g::4] @ value[g::4]) for g in best) / sum(chances[g] for g in best))
        counts = [n + (g in best) for g, n in enumerate(counts)]
        sums = [total + p for total, p in zip(sums, chances)]
    y, crowding = models.mixture(x, key, value, torch.tensor(3.0), router, 2)
    expected = 4 * sum(n / 14 * total / 7 for n, total in zip(counts, sums))
    return pairs + [(y, torch.stack(rows)), (crowding, torch.tensor(expected, dtype=torch.float64))]


def check_formulas():
    """The formulas of models.py against torch's own implementations."""
    f = torch.nn.functional
    rng = np.random.default_rng(3)
    x = torch.from_numpy(3 * rng.standard_normal((7, 24)))
    pairs = [(models.gelu(x, "erf"), f.gelu(x)), (models.gelu(x, "tanh"), f.gelu(x, approximate="tanh")),
             (models.silu(x), f.silu(x)), (models.softmax(x), torch.softmax(x, dim=-1)),
             (models.layernorm(x), f.layer_norm(x, (24,))), (models.l2norm(x, 0.0), f.normalize(x, dim=-1))]
    targets = torch.tensor([0, -1, 5, 23, -1, 2, 9], dtype=torch.int32)
    pairs.append((models.cross_entropy(x, targets),
                  f.cross_entropy(x, targets.long(), ignore_index=-1, reduction="none")))
    # Rotation is multiplication by exp(i t theta) in the plane of dims (j, j + half).
    y = torch.from_numpy(rng.standard_normal((1, 9, 1, 6)))
    angles = torch.arange(9)[:, None] * torch.tensor([1.0, 0.01], dtype=torch.float64)
    turned = torch.complex(y[0, :, 0, :2], y[0, :, 0, 2:4]) * torch.polar(torch.ones_like(angles), angles)
    pairs.append((models.rope(y, 4, 10000.0)[0, :, 0], torch.cat([turned.real, turned.imag, y[0, :, 0, 4:]], -1)))
    # One head attends like a plain loop over positions.
    q, k, v = (torch.from_numpy(rng.standard_normal((6, 5))) for _ in range(3))
    rows = [torch.softmax(0.3 * (k[: t + 1] @ q[t]), 0) @ v[: t + 1] for t in range(6)]
    o, _ = models.attention(*(z[None, :, None] for z in (q, k, v)), 0.3)
    pairs.append((o[0, :, 0], torch.stack(rows)))
    pairs += attention_pairs(rng) + slot_pairs(rng)
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def check_growth(c, params, wide, grown, inputs):
    """tau kept: the function is unchanged, yet the new keys have a gradient to start from."""
    before, after = models.forward(c, params, inputs), models.forward(wide, grown, inputs)
    assert (before - after).abs().max() < 1e-13
    keys = [path for path in grown if path.endswith(".key")]
    loss = after.square().mean()
    for path, gradient in zip(keys, torch.autograd.grad(loss, [grown[path] for path in keys])):
        assert gradient[params[path].shape[0]:].abs().max() > 0, path


def main(out):
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    check_formulas()

    base = None
    for i, (name, (c, description)) in enumerate(MODELS.items()):
        params = models.init_parameters(c, np.random.default_rng(1000 + i))
        record(out, name, description, c, params, 2000 + i)
        if name in NARROW:
            params_again = models.init_parameters(c, np.random.default_rng(1000 + i))
            record(out, name + "_bf16", description + ", in bf16", c, params_again, 2000 + i, arithmetic=BF16)
        if c is TOKENFORMER:
            # Growth starts from these trained weights, as a float32 checkpoint holds them.
            base = {path: p.detach().float().double() for path, p in params.items()}

    wide = replace(TOKENFORMER, slots=40, ffn_slots=160)
    probe, _ = token_batches(np.random.default_rng(2100), wide)
    before = models.forward(TOKENFORMER, base, torch.from_numpy(probe[0]))
    for tau in ("keep", "rescale"):
        # The same new values in both, so that tau is the only difference.
        grown = models.grow(TOKENFORMER, base, wide, tau, np.random.default_rng(1100))
        if tau == "keep":
            check_growth(TOKENFORMER, base, wide, grown, torch.from_numpy(probe[0]))
        record(out, "tokenformer_grown_" + tau, f"TokenFormer grown from 24 to 40 slots, tau {tau}", wide, grown, 2100,
               extra={"logits_before": float32(before)},
               extra_metadata={"grown_from": "tokenformer_l2_norm_gelu after its 10 steps", "grown_tau": tau,
                               "old_slots": TOKENFORMER.slots, "old_ffn_slots": TOKENFORMER.ffn_slots})

    for i, name in enumerate(OPTIMIZERS):
        record_optimizer(out, name, 3000 + 10 * i)

    facts, metadata = ops.op_facts()
    for name, t in facts.items():
        # Every operand is a float32 number: otherwise the recorded results would be those of others.
        operand = name.rsplit("/", 1)[1] in ("x", "dy", "q", "k", "v", "do", "logits", "dloss")
        assert not operand or torch.equal(t, t.float().double()), name
    facts = {name: t.numpy() if t.dtype == torch.int32 else float32(t) for name, t in facts.items()}
    tensors.save(os.path.join(out, "ops.safetensors"), facts, metadata)
    print(f"ops: {len(facts)} tensors")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])

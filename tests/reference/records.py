"""Makes every record of this folder: `make-records` runs it in its own environment.

Usage: records.py OUT_DIR
"""

import dataclasses
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
}
# The same weights and batches once more, with train.compute = bf16.
NARROW = ("transformer", "transformer_gpt2", "tokenformer_l2_norm_gelu", "tokenformer_gelu_l2_norm", "tokenformer_softmax")


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
        loss = models.mean_loss(c, params, step_inputs, step_targets, arithmetic)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(trained, 1.0).item())
        losses.append(loss.item())
        optimizer.step()
    return losses, norms


def record(out, name, description, c, params, seed, extra=None, extra_metadata=None, arithmetic=EXACT):
    """Writes records NAME.safetensors and NAME.ini; params end up trained."""
    inputs, targets = token_batches(np.random.default_rng(seed), c)
    first_inputs, first_targets = torch.from_numpy(inputs[0]), torch.from_numpy(targets[0])
    logits = models.forward(c, params, first_inputs, arithmetic)
    loss = models.cross_entropy(logits, first_targets).mean()
    trained = {path: p for path, p in params.items() if p.requires_grad}
    gradients = torch.autograd.grad(loss, list(trained.values()))

    data = {"weights/" + path: float32(p) for path, p in params.items()}
    data.update({"grads/" + path: float32(g) for path, g in zip(trained, gradients)})
    data.update(inputs=inputs[0], targets=targets[0], logits=float32(logits), loss=np.array(loss.item()),
                step_inputs=inputs[1:], step_targets=targets[1:])
    data.update(extra or {})
    if arithmetic is EXACT:
        check_against_numpy(c, params, inputs[0], logits)

    losses, norms = train(c, params, torch.from_numpy(inputs[1:]), torch.from_numpy(targets[1:]), arithmetic)
    data.update(losses=np.array(losses), grad_norms=np.array(norms))
    query = "blocks.1.mixer.q." + ("weight" if c.kind == "transformer" else "key")
    ffn = "blocks.0.ffn." + ("up.weight" if c.kind == "transformer" else "value")
    for path in ("embedding.weight", "norm.bias", query, ffn):
        data["final/" + path] = float32(params[path])

    metadata = dataclasses.asdict(c)
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
        loss = models.mean_loss(c, params, step_inputs, step_targets, EXACT)
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
    tensors.save(os.path.join(out, name + ".safetensors"), data, {"description": description, **dataclasses.asdict(c)})
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
    o, _ = models.causal_attention(*(z[None, :, None] for z in (q, k, v)), 0.3)
    pairs.append((o[0, :, 0], torch.stack(rows)))
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

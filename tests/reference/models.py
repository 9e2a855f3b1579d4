"""The models of tfx, written out in PyTorch as plain formulas.

This is the reference that the C engine is compared with, so it avoids everything ready-made
(torch.nn layers, functional.gelu, attention helpers): each function is one formula. Everything
runs in float64 on weights that were rounded to float32 first, so that what is recorded is the
mathematics of those weights and not one library's rounding.

Shapes: B rows, T positions, C = dim, H heads, D = C / H, n slots, V vocabulary. A model is a
Config plus a dict from documented parameter path to tensor; see README.md for the paths.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from arithmetic import EXACT

LAYERNORM_EPS = 1e-5


@dataclass(frozen=True)
class Config:
    kind: str  # "transformer" or "tokenformer"
    dim: int = 32
    n_blocks: int = 2
    n_heads: int = 4
    context: int = 16
    vocab: int = 64
    rotary: float = 0.25  # fraction of each head's dims that is rotated
    rotary_base: float = 10000.0
    positions: bool = False  # learned position embedding
    logit_scale: float = 1.0
    gelu: str = "erf"  # or "tanh"
    # transformer
    bias: bool = False
    hidden: int = 128
    # tokenformer
    slots: int = 24
    ffn_slots: int = 96
    score: str = "l2_norm_gelu"
    eps: float = 1e-6  # of the score's L2 norm

    @property
    def head_dim(self):
        return self.dim // self.n_heads

    @property
    def rotary_dims(self):
        n = int(self.rotary * self.head_dim)
        assert n % 2 == 0
        return n


# ---- functions of one tensor ----


def gelu(x, kind):
    """x * Phi(x), with erfc so that the negative tail keeps its digits; or its tanh approximation."""
    if kind == "erf":
        return 0.5 * x * torch.special.erfc(-x / math.sqrt(2.0))
    return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))


def silu(x):
    return x / (1.0 + torch.exp(-x))


def softmax(x):
    e = torch.exp(x - x.max(dim=-1, keepdim=True).values)
    return e / e.sum(dim=-1, keepdim=True)


def layernorm(x, eps=LAYERNORM_EPS):
    centred = x - x.mean(dim=-1, keepdim=True)
    return centred / torch.sqrt((centred * centred).mean(dim=-1, keepdim=True) + eps)


def rmsnorm(x, eps):
    return x / torch.sqrt((x * x).mean(dim=-1, keepdim=True) + eps)


def l2norm(x, eps):
    return x / torch.sqrt((x * x).sum(dim=-1, keepdim=True) + eps)


def rope(x, n_dims, base):
    """Rotates dims (i, i + n_dims/2) of x [B, T, H, D] by the angle t * base^(-2i/n_dims)."""
    if n_dims == 0:
        return x
    half = n_dims // 2
    t = torch.arange(x.shape[1], dtype=x.dtype)
    i = torch.arange(half, dtype=x.dtype)
    angle = t[:, None] * base ** (-2.0 * i / n_dims)  # [T, half]
    cos, sin = torch.cos(angle)[None, :, None, :], torch.sin(angle)[None, :, None, :]
    first, second, rest = x[..., :half], x[..., half:n_dims], x[..., n_dims:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin, rest], dim=-1)


def causal_attention(q, k, v, scale):
    """softmax(scale * q k^T) v over the past; all [B, T, H, D]. Returns the output and the
    log-sum-exp of each row [B, H, T]."""
    scores = scale * torch.einsum("bthd,bshd->bhts", q, k)
    time = torch.arange(q.shape[1])
    future = time[None, :] > time[:, None]
    scores = scores.masked_fill(future, -math.inf)
    lse = torch.logsumexp(scores, dim=-1)
    return torch.einsum("bhts,bshd->bthd", torch.exp(scores - lse[..., None]), v), lse


def cross_entropy(logits, targets):
    """-log softmax(logits)[target] per row; 0 where the target is negative."""
    ignored = targets < 0
    picked = torch.gather(logits, -1, targets.clamp(min=0).long()[..., None])[..., 0]
    return (torch.logsumexp(logits, dim=-1) - picked).masked_fill(ignored, 0.0)


def pattention(x, key, value, tau, score, gelu_kind, eps, arithmetic=EXACT):
    """Token-parameter attention: x [..., C], key [n, C], value [n, out], tau []."""
    activate = lambda a: arithmetic.of(lambda z: gelu(z, gelu_kind), a)
    normalise = lambda a: arithmetic.of(lambda z: l2norm(z, eps), a)
    scale = lambda a: arithmetic.of(torch.mul, a, tau)
    a = arithmetic.product(x, key.T)
    if score == "l2_norm_gelu":
        s = activate(scale(normalise(a)))
    elif score == "gelu_l2_norm":
        s = scale(normalise(activate(a)))
    else:
        s = scale(arithmetic.of(softmax, a))
    return arithmetic.product(s, value)


def default_tau(score, n):
    return float(n) if score == "softmax" else math.sqrt(n)


# ---- models ----


def parameter_shapes(c):
    """Documented path -> shape, in the order in which the model uses them."""
    shapes = {"embedding.weight": (c.vocab, c.dim)}
    if c.positions:
        shapes["embedding.position"] = (c.context, c.dim)

    def linear(path, n_in, n_out):
        shapes[path + ".weight"] = (n_out, n_in)
        if c.bias:
            shapes[path + ".bias"] = (n_out,)

    def tokens(path, n):
        shapes[path + ".key"] = (n, c.dim)
        shapes[path + ".value"] = (n, c.dim)
        shapes[path + ".tau"] = ()

    def norm(path):
        shapes[path + ".weight"] = (c.dim,)
        shapes[path + ".bias"] = (c.dim,)

    for i in range(c.n_blocks):
        block = f"blocks.{i}"
        if c.kind == "transformer":
            norm(block + ".norm1")
            for part in "qkvo":
                linear(f"{block}.mixer.{part}", c.dim, c.dim)
            norm(block + ".norm2")
            linear(block + ".ffn.up", c.dim, c.hidden)
            linear(block + ".ffn.down", c.hidden, c.dim)
        else:
            for part in "qkvo":
                tokens(f"{block}.mixer.{part}", c.slots)
            tokens(block + ".ffn", c.ffn_slots)
    norm("norm")
    return shapes


def init_parameters(c, rng):
    """Random float32 values, kept in float64. Wider than a real initialisation, and with no
    vector left at 0 or 1, so that every term of every formula shows in the outputs."""
    params = {}
    for path, shape in parameter_shapes(c).items():
        last = path.rsplit(".", 1)[1]
        noise = rng.standard_normal(shape)
        if last == "tau":
            data = np.array(default_tau(c.score, c.ffn_slots if ".ffn." in path else c.slots))
        elif "norm" in path:
            data = (1.0 if last == "weight" else 0.0) + 0.2 * noise
        elif last == "bias":
            data = 0.1 * noise
        elif last == "value":
            data = 2.0 / (c.n_blocks * math.sqrt(c.dim)) * noise
        elif path.startswith("embedding"):
            data = 0.1 * noise
        else:
            data = 0.15 * noise
        data = torch.from_numpy(np.asarray(data, dtype=np.float32)).double()
        params[path] = data.requires_grad_(last != "tau")
    return params


def forward(c, params, inputs, arithmetic=EXACT):
    """Logits [B, T, V] for token ids [B, T]."""

    def affine_norm(path, x):
        x = arithmetic.of(layernorm, x)
        if path + ".weight" in params:
            x = arithmetic.of(torch.mul, x, params[path + ".weight"])
            x = arithmetic.of(torch.add, x, params[path + ".bias"])
        return x

    def linear(path, x):
        y = arithmetic.product(x, params[path + ".weight"].T)
        return y + params[path + ".bias"] if path + ".bias" in params else y

    def tokens(path, x):
        return pattention(x, params[path + ".key"], params[path + ".value"], params[path + ".tau"], c.score,
                          c.gelu, c.eps, arithmetic)

    project = linear if c.kind == "transformer" else tokens

    def attention(path, x):
        heads = x.shape[:-1] + (c.n_heads, c.head_dim)
        q, k, v = (project(f"{path}.{part}", x).reshape(heads) for part in "qkv")
        q, k = (rope(y, c.rotary_dims, c.rotary_base) for y in (q, k))
        y = arithmetic.attention(causal_attention, q, k, v, 1.0 / math.sqrt(c.head_dim))
        return project(path + ".o", y.reshape(x.shape))

    def ffn(path, x):
        if c.kind == "transformer":
            return linear(path + ".down", arithmetic.of(lambda z: gelu(z, c.gelu), linear(path + ".up", x)))
        return tokens(path, x)

    x = params["embedding.weight"][inputs.long()]
    if c.positions:
        x = x + params["embedding.position"][: inputs.shape[1]]
    for i in range(c.n_blocks):
        block = f"blocks.{i}"
        x = x + attention(block + ".mixer", affine_norm(block + ".norm1", x))
        x = x + ffn(block + ".ffn", affine_norm(block + ".norm2", x))
    return c.logit_scale * arithmetic.product(affine_norm("norm", x), params["embedding.weight"].T)


def mean_loss(c, params, inputs, targets, arithmetic=EXACT):
    return cross_entropy(forward(c, params, inputs, arithmetic), targets).mean()


def grow(old, params, new, tau, rng):
    """Appends slots: new keys are zero, new values N(0, (2 / (L sqrt(d)))^2). tau is "keep" or
    "rescale" (to the default of the new slot count)."""
    grown = {}
    for path, p in params.items():
        data = p.detach()
        last = path.rsplit(".", 1)[1]
        if last in ("key", "value"):
            n = (new.ffn_slots if ".ffn." in path else new.slots) - data.shape[0]
            fresh = np.zeros((n, old.dim))
            if last == "value":
                fresh = 2.0 / (old.n_blocks * math.sqrt(old.dim)) * rng.standard_normal(fresh.shape)
            data = torch.cat([data, torch.from_numpy(fresh.astype(np.float32)).double()])
        elif last == "tau" and tau == "rescale":
            data = torch.tensor(default_tau(new.score, new.ffn_slots if ".ffn." in path else new.slots))
        # Everything is rounded to float32, as in a checkpoint.
        grown[path] = data.float().double().requires_grad_(last != "tau")
    return grown

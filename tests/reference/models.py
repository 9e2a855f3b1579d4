"""The models of tfx, written out in PyTorch as plain formulas.

This is the reference that the C engine is compared with, so it avoids everything ready-made
(torch.nn layers, functional.gelu, attention helpers): each function is one formula. Everything
runs in float64 on weights that were rounded to float32 first, so that what is recorded is the
mathematics of those weights and not one library's rounding.

Shapes: B rows, T positions, C = dim, H heads, D = C / H, n slots, V vocabulary. A model is a
Config plus a dict from documented parameter path to tensor; see README.md for the paths.
"""

import math
from dataclasses import dataclass, field, fields

import numpy as np
import torch

from arithmetic import EXACT

LAYERNORM_EPS = 1e-5
QK_NORM_EPS = 1e-6
MIXTURE_EPS = 1e-12  # of the L2 norm of a mixture's scores
CHOICE = 1e-5  # by how much the least of the numbers that are chosen exceeds the others


def option(default):
    """A field that is stated only where it differs from its default."""
    return field(default=default, metadata={"option": True})


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
    # attention
    kv_heads: int = option(0)  # heads of keys and values; 0: as many as of queries
    window: int = option(0)  # a query sees what is fewer positions away; 0: however far
    alibi: bool = option(False)
    soft_cap: float = option(0.0)  # 0: none
    qk_norm: bool = option(False)
    causal: bool = option(True)
    # the Transformer's feed-forward layer
    gated: bool = option(False)  # the product of two projections up, one of them through SiLU
    rank: int = option(0)  # of each of its matrices, kept as a product of two; 0: one matrix
    # the TokenFormer's slots
    top_k: int = option(0)  # how many of them a row uses; 0: all
    ffn_top_k: int = option(0)
    groups: int = option(0)  # of the FFN's slots, of which a row uses `active`; 0: no groups
    active: int = option(0)
    balance: float = option(0.0)  # weight of the loss that spreads rows over groups

    def stated(self):
        values = {f: getattr(self, f.name) for f in fields(self)}
        return {f.name: value for f, value in values.items() if not f.metadata.get("option") or value != f.default}

    @property
    def head_dim(self):
        return self.dim // self.n_heads

    @property
    def kv_dim(self):
        return (self.kv_heads or self.n_heads) * self.head_dim

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


def attention(q, k, v, scale, causal=True, window=0, alibi=False, soft_cap=0.0):
    """softmax(scale * q k^T) v over the past, or both ways; q is [B, T, H, D], and k and v have H heads or a divisor,
    each for as many of q. Scores are capped, then lowered by distance. Returns the output and the log-sum-exp of
    each row [B, H, T]."""
    n_heads, n_shared = q.shape[2], q.shape[2] // k.shape[2]
    if n_shared > 1:
        k, v = (y.repeat_interleave(n_shared, dim=2) for y in (k, v))
    scores = scale * torch.einsum("bthd,bshd->bhts", q, k)
    if soft_cap:
        scores = soft_cap * torch.tanh(scores / soft_cap)
    time = torch.arange(q.shape[1])
    ago = time[:, None] - time[None, :]
    if alibi:
        head = torch.arange(1, n_heads + 1, dtype=q.dtype)
        scores = scores - 2.0 ** (-8.0 * head / n_heads)[:, None, None] * ago.abs()
    if causal:
        scores = scores.masked_fill(ago < 0, -math.inf)
    if window:
        scores = scores.masked_fill(ago.abs() >= window, -math.inf)
    lse = torch.logsumexp(scores, dim=-1)
    return torch.einsum("bhts,bshd->bthd", torch.exp(scores - lse[..., None]), v), lse


def cross_entropy(logits, targets):
    """-log softmax(logits)[target] per row; 0 where the target is negative."""
    ignored = targets < 0
    picked = torch.gather(logits, -1, targets.clamp(min=0).long()[..., None])[..., 0]
    return (torch.logsumexp(logits, dim=-1) - picked).masked_fill(ignored, 0.0)


def largest(x, k):
    """1 for the k largest of each row, else 0. They are so much larger that float32 has the same ones."""
    top = x.detach().topk(k + 1).values
    assert (top[..., k - 1] - top[..., k]).min() > CHOICE, "too close: take another k"
    return (x > top[..., k:]).to(x.dtype)


def pattention(x, key, value, tau, score, gelu_kind, eps, top_k=0, arithmetic=EXACT):
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
    if top_k:
        s = s * largest(a, top_k)
    return arithmetic.product(s, value)


def mixture(x, key, value, tau, router, active):
    """Pattention whose slot j counts as much as group j mod G does for the row; router is [G, C]. Returns that, and how much rows
    crowd into few groups: G sum_g (share of choices that are g) (mean chance of g)."""
    n_groups = router.shape[0]
    chance = softmax(x @ router.T)
    chosen = largest(chance, active)
    weight = chance * chosen / (chance * chosen).sum(dim=-1, keepdim=True)
    s = gelu(tau * l2norm(x @ key.T, MIXTURE_EPS), "erf")
    y = (s * weight[..., torch.arange(key.shape[0]) % n_groups]) @ value
    share, mean = (z.reshape(-1, n_groups).mean(dim=0) for z in (chosen / active, chance))
    return y, n_groups * (share * mean).sum()


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

    def up_or_down(path, n_in, n_out):
        if c.rank:
            shapes[path + ".down"] = (c.rank, n_in)
            shapes[path + ".up"] = (c.rank, n_out)
        else:
            linear(path, n_in, n_out)

    def tokens(path, n, n_out=c.dim):
        shapes[path + ".key"] = (n, c.dim)
        shapes[path + ".value"] = (n, n_out)
        shapes[path + ".tau"] = ()

    def norm(path):
        shapes[path + ".weight"] = (c.dim,)
        shapes[path + ".bias"] = (c.dim,)

    for i in range(c.n_blocks):
        block = f"blocks.{i}"
        widths = {"q": c.dim, "k": c.kv_dim, "v": c.kv_dim, "o": c.dim}
        if c.qk_norm:
            shapes[block + ".mixer.q_norm"] = shapes[block + ".mixer.k_norm"] = (c.head_dim,)
        if c.kind == "transformer":
            norm(block + ".norm1")
            for part, width in widths.items():
                linear(f"{block}.mixer.{part}", c.dim, width)
            norm(block + ".norm2")
            for part in ("gate", "up") if c.gated else ("up",):
                up_or_down(f"{block}.ffn.{part}", c.dim, c.hidden)
            up_or_down(block + ".ffn.down", c.hidden, c.dim)
        else:
            for part, width in widths.items():
                tokens(f"{block}.mixer.{part}", c.slots, width)
            tokens(block + ".ffn", c.ffn_slots)
            if c.groups:
                shapes[block + ".ffn.router"] = (c.groups, c.dim)
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
            data = (0.0 if last == "bias" else 1.0) + 0.2 * noise
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


def forward(c, params, inputs, arithmetic=EXACT, others=None):
    """Logits [B, T, V] for token ids [B, T]. `others` is a list, for what layers add to the loss that is minimised."""

    def affine_norm(path, x):
        x = arithmetic.of(layernorm, x)
        if path + ".weight" in params:
            x = arithmetic.of(torch.mul, x, params[path + ".weight"])
            x = arithmetic.of(torch.add, x, params[path + ".bias"])
        return x

    def linear(path, x):
        if path + ".down" in params:
            return x @ params[path + ".down"].T @ params[path + ".up"]
        y = arithmetic.product(x, params[path + ".weight"].T)
        return y + params[path + ".bias"] if path + ".bias" in params else y

    def tokens(path, x, top_k=c.top_k):
        return pattention(x, params[path + ".key"], params[path + ".value"], params[path + ".tau"], c.score,
                          c.gelu, c.eps, top_k, arithmetic)

    project = linear if c.kind == "transformer" else tokens

    def attend(q, k, v, scale):
        return attention(q, k, v, scale, c.causal, c.window, c.alibi, c.soft_cap)

    def mixer(path, x):
        q, k, v = (project(f"{path}.{part}", x).reshape(x.shape[:-1] + (-1, c.head_dim)) for part in "qkv")
        if c.qk_norm:
            q, k = (params[f"{path}.{part}_norm"] * rmsnorm(y, QK_NORM_EPS) for part, y in (("q", q), ("k", k)))
        q, k = (rope(y, c.rotary_dims, c.rotary_base) for y in (q, k))
        y = arithmetic.attention(attend, q, k, v, 1.0 / math.sqrt(c.head_dim))
        return project(path + ".o", y.reshape(x.shape))

    def ffn(path, x):
        if c.gated:
            return linear(path + ".down", silu(linear(path + ".gate", x)) * linear(path + ".up", x))
        if c.kind == "transformer":
            return linear(path + ".down", arithmetic.of(lambda z: gelu(z, c.gelu), linear(path + ".up", x)))
        if c.groups:
            y, crowding = mixture(x, *(params[f"{path}.{part}"] for part in ("key", "value", "tau", "router")), c.active)
            if others is not None:
                others.append(c.balance * crowding)
            return y
        return tokens(path, x, c.ffn_top_k)

    x = params["embedding.weight"][inputs.long()]
    if c.positions:
        x = x + params["embedding.position"][: inputs.shape[1]]
    for i in range(c.n_blocks):
        block = f"blocks.{i}"
        x = x + mixer(block + ".mixer", affine_norm(block + ".norm1", x))
        x = x + ffn(block + ".ffn", affine_norm(block + ".norm2", x))
    return c.logit_scale * arithmetic.product(affine_norm("norm", x), params["embedding.weight"].T)


def losses(c, params, inputs, targets, arithmetic=EXACT):
    """The logits, their mean cross-entropy, and what is minimised: that and what layers add to it."""
    others = []
    logits = forward(c, params, inputs, arithmetic, others)
    loss = cross_entropy(logits, targets).mean()
    return logits, loss, sum(others, loss)


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

"""The optimizers of tfx as plain formulas of their papers, one parameter at a time. `optimizers.py` as a program
compares them with those of torch.optim, where that has them (2.9 and later); records.py uses them as they are."""

import math
import sys

import torch


class AdamW:
    """Loshchilov & Hutter 2019, Algorithm 2."""

    def __init__(self, p, lr=1e-3, beta1=0.9, beta2=0.95, eps=1e-8, decay=0.1):
        self.p, self.lr, self.beta1, self.beta2, self.eps = p, lr, beta1, beta2, eps
        self.decay = decay if p.dim() >= 2 else 0.0
        self.m, self.v, self.t = torch.zeros_like(p), torch.zeros_like(p), 0

    def step(self, g):
        self.t += 1
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        self.v = self.beta2 * self.v + (1 - self.beta2) * g * g
        m = self.m / (1 - self.beta1 ** self.t)
        v = self.v / (1 - self.beta2 ** self.t)
        return self.p * (1 - self.lr * self.decay) - self.lr * m / (v.sqrt() + self.eps)


class Lion:
    """Chen et al. 2023, Algorithm 2."""

    def __init__(self, p, lr=1e-3, beta1=0.9, beta2=0.99, decay=1.0):
        self.p, self.lr, self.beta1, self.beta2 = p, lr, beta1, beta2
        self.decay = decay if p.dim() >= 2 else 0.0
        self.m = torch.zeros_like(p)

    def step(self, g):
        update = torch.sign(self.beta1 * self.m + (1 - self.beta1) * g)
        self.m = self.beta2 * self.m + (1 - self.beta2) * g
        return self.p - self.lr * (update + self.decay * self.p)


def newton_schulz(d, iterations):
    a, b, c = 3.4445, -4.7750, 2.0315
    x = d / (d.norm() + 1e-7)
    if d.shape[0] > d.shape[1]:
        x = x.T
    for _ in range(iterations):
        s = x @ x.T
        x = a * x + (b * s + c * s @ s) @ x
    return x.T if d.shape[0] > d.shape[1] else x


class Muon:
    """Jordan et al. 2024, with the scale of Liu et al. 2025; for matrices of hidden layers."""

    def __init__(self, p, lr=1e-3, momentum=0.95, iterations=5, decay=0.1, scale="rms"):
        self.p, self.lr, self.momentum, self.iterations, self.decay = p, lr, momentum, iterations, decay
        rows, columns = p.shape
        self.scale = 0.2 * math.sqrt(max(rows, columns)) if scale == "rms" else math.sqrt(max(1, rows / columns))
        self.m = torch.zeros_like(p)

    def step(self, g):
        self.m = self.momentum * self.m + (1 - self.momentum) * g
        d = (1 - self.momentum) * g + self.momentum * self.m
        return self.p * (1 - self.lr * self.decay) - self.lr * self.scale * newton_schulz(d, self.iterations)


class Adafactor:
    """Shazeer & Stern 2018, Algorithms 4 and 5, with the step sizes of their section 8."""

    def __init__(self, p, lr=1e-2, decay_rate=-0.8, eps=1e-3, clip=1.0, decay=0.0):
        self.p, self.lr, self.decay_rate, self.eps, self.clip = p, lr, decay_rate, eps, clip
        self.decay = decay if p.dim() >= 2 else 0.0
        self.t, self.rows, self.columns, self.v = 0, 0.0, 0.0, 0.0

    def step(self, g):
        self.t += 1
        beta, square = 1 - self.t ** self.decay_rate, g * g
        if g.dim() == 2:
            self.rows = beta * self.rows + (1 - beta) * square.mean(1, keepdim=True)
            self.columns = beta * self.columns + (1 - beta) * square.mean(0, keepdim=True)
            v = self.rows * self.columns / self.rows.mean()
        else:
            v = self.v = beta * self.v + (1 - beta) * square
        update = g / v.clamp(min=1e-30).sqrt()
        update = update / max(1.0, rms(update) / self.clip)
        size = max(self.eps, rms(self.p)) * min(self.lr, 1 / math.sqrt(self.t))
        return self.p * (1 - self.lr * self.decay) - size * update


def rms(x):
    return x.square().mean().sqrt().item()


def compare(name, ours, theirs, p, bound):
    """Ten steps on random gradients."""
    generator = torch.Generator().manual_seed(3)
    q = torch.nn.Parameter(p.clone())
    a, b = ours(p.clone()), theirs([q])
    for _ in range(10):
        g = torch.randn(p.shape, generator=generator, dtype=p.dtype)
        a.p = a.step(g)
        q.grad = g.clone()
        b.step()
    off = ((a.p - q).norm() / (q - p).norm()).item()
    print(f"{name} {list(p.shape)}: off by {off:.1e} of the way")
    assert off <= bound, name


def main():
    generator = torch.Generator().manual_seed(1)
    for shape in ((7, 12), (12, 7), (9,)):
        p = torch.randn(shape, generator=generator, dtype=torch.float64)
        decay = 0.1 if p.dim() == 2 else 0.0
        compare("AdamW", AdamW, lambda ps: torch.optim.AdamW(ps, lr=1e-3, betas=(0.9, 0.95), weight_decay=decay), p, 1e-12)
        if hasattr(torch.optim, "Adafactor"):
            compare("Adafactor", Adafactor, lambda ps: torch.optim.Adafactor(ps, lr=1e-2, eps=(1e-15, 1e-3)), p, 1e-6)
        if hasattr(torch.optim, "Muon") and p.dim() == 2: # which multiplies matrices in bfloat16
            for scale, theirs in (("rms", "match_rms_adamw"), ("spectral", "original")):
                compare("Muon, " + scale, lambda q: Muon(q, scale=scale),
                        lambda ps: torch.optim.Muon(ps, lr=1e-3, weight_decay=0.1, adjust_lr_fn=theirs), p, 2e-2)


if __name__ == "__main__":
    sys.exit(main())

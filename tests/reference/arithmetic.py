"""In which precision the formulas of models.py are computed.

EXACT is float64 throughout. BF16 is what `train.compute = bf16` says, with every other operation in float64: operands of products
and of attention are rounded to bfloat16, forwards and backwards, and so is what the backward pass takes from the forward pass.
Sums, results, norms, softmax and losses are not rounded, nor is what an optimizer does.
"""

import torch


def rounded(x):
    """The nearest bfloat16 of the nearest float32."""
    return x.float().bfloat16().double()


class Product(torch.autograd.Function):
    """a [..., k] times b [k, n]."""

    @staticmethod
    def forward(ctx, a, b):
        a, b = rounded(a), rounded(b)
        ctx.save_for_backward(a, b)
        return a @ b

    @staticmethod
    def backward(ctx, dy):
        a, b = ctx.saved_tensors
        dy = rounded(dy)
        return dy @ b.T, a.reshape(-1, a.shape[-1]).T @ dy.reshape(-1, dy.shape[-1])


class OfRounded(torch.autograd.Function):
    """f(x, *others), with derivatives at the rounded x."""

    @staticmethod
    def forward(ctx, f, x, *others):
        ctx.f = f
        ctx.save_for_backward(x, *others)
        return f(x, *others)

    @staticmethod
    def backward(ctx, dy):
        x, *others = ctx.saved_tensors
        operands = [rounded(x), *others]
        wanted = [k for k, needed in enumerate(ctx.needs_input_grad[1:]) if needed]
        with torch.enable_grad():
            operands = [o.detach().requires_grad_(k in wanted) for k, o in enumerate(operands)]
            gradients = torch.autograd.grad(ctx.f(*operands), [operands[k] for k in wanted], dy)
        result = [None] * (len(operands) + 1)
        for k, g in zip(wanted, gradients):
            result[k + 1] = g
        return tuple(result)


class Softmax(torch.autograd.Function):
    """Its derivative takes the result, which is rounded."""

    @staticmethod
    def forward(ctx, x):
        y = torch.softmax(x, dim=-1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        y = rounded(ctx.saved_tensors[0])
        return y * (dy - (y * dy).sum(dim=-1, keepdim=True))


class Attention(torch.autograd.Function):
    """Causal; q, k, v and the result [B, T, H, D]. Probabilities and gradients of scores are operands of products, too; forwards they
    are divided by their sum afterwards."""

    @staticmethod
    def forward(ctx, attend, q, k, v, scale):
        q, k, v = rounded(q), rounded(k), rounded(v)
        lse = attend(q, k, v, scale)[1]
        p, top = Attention.probabilities(q, k, scale, None)
        o = torch.einsum("bhts,bshd->bthd", rounded(p), v) * torch.exp(top - lse[..., None]).permute(0, 2, 1, 3)
        ctx.scale = scale
        ctx.save_for_backward(q, k, v, o, lse)
        return o

    @staticmethod
    def backward(ctx, do):
        q, k, v, o, lse = ctx.saved_tensors
        o, do = rounded(o), rounded(do)
        p = Attention.probabilities(q, k, ctx.scale, lse[..., None])[0]
        delta = (o * do).sum(dim=-1).permute(0, 2, 1)
        ds = rounded(p * (torch.einsum("bthd,bshd->bhts", do, v) - delta[..., None]) * ctx.scale)
        return (None, torch.einsum("bhts,bshd->bthd", ds, k), torch.einsum("bhts,bthd->bshd", ds, q),
                torch.einsum("bhts,bthd->bshd", rounded(p), do), None)

    @staticmethod
    def probabilities(q, k, scale, lse):
        """exp(score - lse), and lse [B, H, T, 1]; without one, of the largest score that a position sees."""
        time = torch.arange(q.shape[1])
        scores = scale * torch.einsum("bthd,bshd->bhts", q, k)
        scores = scores.masked_fill(time[None, :] > time[:, None], -torch.inf)
        lse = scores.max(dim=-1, keepdim=True).values if lse is None else lse
        return torch.exp(scores - lse), lse


class Exact:
    product = staticmethod(lambda a, b: a @ b)
    of = staticmethod(lambda f, x, *others: f(x, *others))
    attention = staticmethod(lambda attend, q, k, v, scale: attend(q, k, v, scale)[0])


class Bf16:
    product = staticmethod(Product.apply)
    of = staticmethod(lambda f, x, *others: Softmax.apply(x) if f.__name__ == "softmax" else OfRounded.apply(f, x, *others))
    attention = staticmethod(Attention.apply)


EXACT, BF16 = Exact(), Bf16()

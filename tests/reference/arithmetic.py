"""In which precision the formulas of models.py are computed.

EXACT is float64 throughout. BF16 is what `train.compute = bf16` says, with every other operation in float64: operands of products
and of attention are rounded to bfloat16, forwards and backwards, and so is what is kept of the forward pass for the backward pass. What that
can make of these kept values by functions of rows or elements is not kept but made again. Sums, results, norms, softmax and losses are not rounded, nor is what an optimizer does.
"""

import torch


def rounded(x):
    """The nearest bfloat16 of the nearest float32."""
    return x.float().bfloat16().double()


def seen(x):
    """x as the backward pass has it: made again, or rounded when it was kept."""
    return x.again if hasattr(x, "again") else rounded(x.detach())


class Product(torch.autograd.Function):
    """a [..., k] times b [k, n]; backwards with another a."""

    @staticmethod
    def forward(ctx, a, b, again):
        a, b = rounded(a), rounded(b)
        ctx.save_for_backward(rounded(again), b)
        return a @ b

    @staticmethod
    def backward(ctx, dy):
        a, b = ctx.saved_tensors
        dy = rounded(dy)
        return dy @ b.T, a.reshape(-1, a.shape[-1]).T @ dy.reshape(-1, dy.shape[-1]), None


class At(torch.autograd.Function):
    """f(x, *others), with derivatives at another x."""

    @staticmethod
    def forward(ctx, f, at, x, *others):
        ctx.f = f
        ctx.save_for_backward(at, *others)
        return f(x, *others)

    @staticmethod
    def backward(ctx, dy):
        operands = ctx.saved_tensors
        wanted = [k for k, needed in enumerate(ctx.needs_input_grad[2:]) if needed]
        with torch.enable_grad():
            operands = [o.detach().requires_grad_(k in wanted) for k, o in enumerate(operands)]
            gradients = torch.autograd.grad(ctx.f(*operands), [operands[k] for k in wanted], dy)
        result = [None] * (len(operands) + 2)
        for k, g in zip(wanted, gradients):
            result[k + 2] = g
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
    @staticmethod
    def product(a, b):
        return Product.apply(a, b, seen(a))

    @staticmethod
    def of(f, x, *others):
        if f.__name__ == "softmax":
            return Softmax.apply(x)
        y = At.apply(f, seen(x), x, *others)
        y.again = f(seen(x), *others).detach()
        return y

    attention = staticmethod(Attention.apply)


EXACT, BF16 = Exact(), Bf16()

"""Facts about single ops: small inputs, an output, and the gradients for a given output gradient.

Each op is stored as NAME/x, NAME/y, NAME/dy, NAME/dx (or the operand's name in place of x);
attributes are metadata NAME.ATTRIBUTE.
"""

import numpy as np
import torch

import models

ROWS = (5, 19)


def inputs_of(rng, shape, scale=1.0, start=(), shift_rows=None):
    """Random float32 values as float64. `start` replaces the first ones; `shift_rows` maps rows
    to what is added to them."""
    x = scale * rng.standard_normal(shape)
    x.reshape(-1)[: len(start)] = start
    for row, shift in (shift_rows or {}).items():
        x[row] += shift
    return torch.from_numpy(x.astype(np.float32)).double()


def unary_fact(tensors, name, function, x, rng):
    x.requires_grad_()
    y = function(x)
    dy = inputs_of(rng, y.shape)
    (dx,) = torch.autograd.grad(y, x, dy)
    tensors.update({f"{name}/x": x, f"{name}/y": y, f"{name}/dy": dy, f"{name}/dx": dx})


def op_facts():
    rng = np.random.default_rng(20)
    tensors, metadata = {}, {}

    # The activations' far tails and zero, where a careless formula overflows or cancels.
    tails = [0.0, 1e-6, -1e-6, 1.0, -1.0, 5.0, -5.0, 12.0, -12.0, 80.0, -80.0]
    pointwise = {"gelu_erf": lambda x: models.gelu(x, "erf"), "gelu_tanh": lambda x: models.gelu(x, "tanh"),
                 "silu": models.silu}
    for name, function in pointwise.items():
        unary_fact(tensors, name, function, inputs_of(rng, ROWS, 2.0, start=tails), rng)

    # A large eps shows where in the formula it stands, and lets one row be flat (no variance, or
    # zero) without its gradient dwarfing the others.
    norms = {"layernorm": models.layernorm, "rmsnorm": models.rmsnorm, "l2norm": models.l2norm}
    for name, function in norms.items():
        for eps in (1e-5, 0.3):
            x = inputs_of(rng, ROWS, 0.7, shift_rows={row: 0.25 for row in range(ROWS[0])})
            if eps == 0.3:
                x[1] = 0.0 if name != "layernorm" else 1.5
            fact = f"{name}_eps_{eps:g}"
            unary_fact(tensors, fact, lambda x: function(x, eps), x, rng)
            metadata[fact + ".eps"] = repr(eps)

    # Rows that overflow exp() unless the maximum is subtracted.
    x = inputs_of(rng, ROWS, 2.0, shift_rows={1: 500.0, 2: -500.0})
    unary_fact(tensors, "softmax", models.softmax, x, rng)

    for fact, n_dims, base in (("rope_partial", 4, 10000.0), ("rope_full", 10, 500.0)):
        unary_fact(tensors, fact, lambda x: models.rope(x, n_dims, base), inputs_of(rng, (2, 7, 3, 10)), rng)
        metadata.update({fact + ".n_dims": str(n_dims), fact + ".base": repr(base)})

    for fact, shape, scale in (("attention", (2, 19, 3, 8), 8 ** -0.5), ("attention_sharp", (1, 33, 2, 5), 20.0),
                               ("attention_one", (2, 1, 1, 4), 0.5)):
        q, k, v = (inputs_of(rng, shape).requires_grad_() for _ in range(3))
        o, lse = models.attention(q, k, v, scale)
        do = inputs_of(rng, shape)
        dq, dk, dv = torch.autograd.grad(o, (q, k, v), do)
        for name, t in dict(q=q, k=k, v=v, o=o, lse=lse, do=do, dq=dq, dk=dk, dv=dv).items():
            tensors[f"{fact}/{name}"] = t
        metadata[fact + ".scale"] = repr(scale)

    # Two rows are ignored (negative target), two have logits far beyond exp()'s range.
    logits = inputs_of(rng, (8, 23), 3.0, shift_rows={5: 300.0, 6: -300.0}).requires_grad_()
    targets = torch.from_numpy(rng.integers(0, 23, 8).astype(np.int32))
    targets[0], targets[3], targets[4], targets[7] = 0, -1, 22, -100
    loss = models.cross_entropy(logits, targets)
    dloss = inputs_of(rng, loss.shape)
    (dlogits,) = torch.autograd.grad(loss, logits, dloss)
    for name, t in dict(logits=logits, targets=targets, loss=loss, dloss=dloss, dlogits=dlogits,
                        lse=torch.logsumexp(logits, dim=-1)).items():
        tensors[f"cross_entropy/{name}"] = t
    return tensors, metadata

"""tfx spec text for a model of this folder: the one place here that knows spec keys."""


def pattention_keys(where, slots, score, gelu, eps):
    lines = [f"{where} = pattention", f"{where}.slots = {slots}", f"{where}.score = {score}"]
    if score != "softmax":
        lines += [f"{where}.gelu = {gelu}", f"{where}.eps = {eps!r}"]
    return lines


def linear_keys(where, bias):
    return [f"{where} = linear", f"{where}.bias = {str(bias).lower()}"]


def attention_keys(n_heads, rotary, rotary_base):
    return ["blocks.mixer = attention", f"blocks.mixer.heads = {n_heads}", f"blocks.mixer.rotary = {rotary!r}",
            f"blocks.mixer.rotary_base = {rotary_base!r}"]


def model_keys(c, slots=None):
    """Keys of [model reference] for a models.Config, or anything with its fields. `slots` maps
    each of q k v o to its own number of slots."""
    lines = [f"n_blocks = {c.n_blocks}", f"dim = {c.dim}", f"context = {c.context}", f"vocab = {c.vocab}",
             "embedding = embedding", f"embedding.positions = {c.context if c.positions else 0}",
             f"embedding.logit_scale = {c.logit_scale!r}", "blocks = block_prenorm"]
    norm = "layernorm" if c.kind == "transformer" else "layernorm_nonparam"
    lines += [f"blocks.norm1 = {norm}", f"blocks.norm2 = {norm}"]
    lines += attention_keys(c.n_heads, c.rotary, c.rotary_base)
    for part in "qkvo":
        where = "blocks.mixer." + part
        if c.kind == "transformer":
            lines += linear_keys(where, c.bias)
        else:
            lines += pattention_keys(where, slots[part] if slots else c.slots, c.score, c.gelu, c.eps)
    if c.kind == "transformer":
        lines += ["blocks.ffn = mlp", f"blocks.ffn.hidden = {c.hidden}", f"blocks.ffn.activation = gelu_{c.gelu}"]
        lines += linear_keys("blocks.ffn.up", c.bias) + linear_keys("blocks.ffn.down", c.bias)
    else:
        lines += pattention_keys("blocks.ffn", c.ffn_slots, c.score, c.gelu, c.eps)
    return lines + ["norm = layernorm", "head = tied"]


ADAMW = ["lr = 1e-3", "min_lr = 1e-3", "optimizer = adamw", "optimizer.beta1 = 0.9", "optimizer.beta2 = 0.95",
         "optimizer.eps = 1e-8", "optimizer.weight_decay = 0.1"]


def spec_text(name, description, c, batch=2, slots=None, compute="f32", optimizer=ADAMW):
    sections = [
        ("experiment", [f"name = {name}", f"description = {description}", "seeds = 1"]),
        ("data", ["loader = synthetic", f"loader.vocab = {c.vocab}"]),
        ("train", [f"batch = {batch}", f"micro_batch = {batch}", "steps = 10"] + optimizer[:2]
         + ["schedule = constant", "warmup = 0", "clip = 1.0"] + optimizer[2:]
         + (["compute = bf16"] if compute == "bf16" else [])),
        ("model reference", model_keys(c, slots)),
        ("arm reference", ["model = reference"]),
    ]
    text = "\n\n".join(f"[{title}]\n" + "\n".join(lines) for title, lines in sections)
    return "; Written by tests/reference; do not edit.\n" + text + "\n"

"""tfx spec text for a model of this folder: the one place here that knows spec keys."""


def text_of(value):
    return str(value).lower() if isinstance(value, bool) else repr(value)


def pattention_keys(where, slots, score, gelu, eps, top_k=0):
    lines = [f"{where} = pattention", f"{where}.slots = {slots}", f"{where}.score = {score}"]
    if score != "softmax":
        lines += [f"{where}.gelu = {gelu}", f"{where}.eps = {eps!r}"]
    return lines + ([f"{where}.top_k = {top_k}"] if top_k else [])


def mixture_keys(where, c):
    return [f"{where} = mixture_pattention", f"{where}.slots = {c.ffn_slots}", f"{where}.groups = {c.groups}",
            f"{where}.active = {c.active}", f"{where}.balance = {c.balance!r}"]


def linear_keys(where, bias):
    return [f"{where} = linear", f"{where}.bias = {text_of(bias)}"]


def low_rank_keys(where, rank):
    return [f"{where} = low_rank", f"{where}.rank = {rank}"]


# Options of attention, which are written where they differ from this.
ATTENTION = {"kv_heads": 0, "window": 0, "alibi": False, "soft_cap": 0.0, "qk_norm": False, "causal": True}


def attention_keys(c):
    lines = ["blocks.mixer = attention", f"blocks.mixer.heads = {c.n_heads}", f"blocks.mixer.rotary = {c.rotary!r}",
             f"blocks.mixer.rotary_base = {c.rotary_base!r}"]
    options = {name: getattr(c, name, default) for name, default in ATTENTION.items()}
    return lines + [f"blocks.mixer.{name} = {text_of(value)}" for name, value in options.items() if value != ATTENTION[name]]


def ffn_keys(c):
    if c.kind == "tokenformer" and c.groups:
        return mixture_keys("blocks.ffn", c)
    if c.kind == "tokenformer":
        return pattention_keys("blocks.ffn", c.ffn_slots, c.score, c.gelu, c.eps, c.ffn_top_k)
    layer, activation = ("glu", "silu") if c.gated else ("mlp", "gelu_" + c.gelu)
    lines = [f"blocks.ffn = {layer}", f"blocks.ffn.hidden = {c.hidden}", f"blocks.ffn.activation = {activation}"]
    for part in ("gate", "up", "down") if c.gated else ("up", "down"):
        where = "blocks.ffn." + part
        lines += low_rank_keys(where, c.rank) if c.rank else linear_keys(where, c.bias)
    return lines


def model_keys(c, slots=None):
    """Keys of [model reference] for a models.Config, or anything with the fields that its kind uses. `slots` maps
    each of q k v o to its own number of slots."""
    lines = [f"n_blocks = {c.n_blocks}", f"dim = {c.dim}", f"context = {c.context}", f"vocab = {c.vocab}",
             "embedding = embedding", f"embedding.positions = {c.context if c.positions else 0}",
             f"embedding.logit_scale = {c.logit_scale!r}", "blocks = block_prenorm"]
    norm = "layernorm" if c.kind == "transformer" else "layernorm_nonparam"
    lines += [f"blocks.norm1 = {norm}", f"blocks.norm2 = {norm}"]
    lines += attention_keys(c)
    for part in "qkvo":
        where = "blocks.mixer." + part
        if c.kind == "transformer":
            lines += linear_keys(where, c.bias)
        else:
            lines += pattention_keys(where, slots[part] if slots else c.slots, c.score, c.gelu, c.eps, c.top_k)
    return lines + ffn_keys(c) + ["norm = layernorm", "head = tied"]


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

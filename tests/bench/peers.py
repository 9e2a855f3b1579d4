#!/usr/bin/env python3
"""Training steps of the models of cases.ini, by tfx and by PyTorch, taking turns; tools/bench --peers runs this.

    peers.py [--threads N] [--seconds S] [--rounds R] [--json] [CASE...]

PyTorch computes with fused AdamW, scaled_dot_product_attention and huge pages for its allocator, as it is and compiled, in f32 and with
bfloat16 autocast. Each contestant is a process of its own; in every round each trains for S seconds (and three steps at least), and its
median step counts. A ratio is the median over rounds of tfx's speed by that of the better of PyTorch's two. Needs 20 GB of memory for the large
models."""
import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
# name: dim, blocks, heads, context, vocabulary, rows, learned positions, biases, slots (0: a Transformer), GELU
CASES = {
    "gpt2": (768, 12, 12, 1024, 50304, 1, True, True, 0, "tanh"),
    "tokenformer": (768, 12, 12, 1024, 50304, 1, False, False, 768, "none"),
    "bytes_gpt": (256, 6, 4, 256, 256, 16, False, False, 0, "none"),
    "bytes_tokenformer": (256, 6, 4, 256, 256, 16, False, False, 256, "none"),
}
WAYS = ("eager f32", "eager bf16", "compiled f32", "compiled bf16")


# ---- PyTorch, in a process of its own ----


def build(case):
    import torch
    from torch import nn
    from torch.nn import functional as F

    dim, blocks, heads, context, vocab, rows, positions, bias, slots, gelu = CASES[case]
    rotary = 0.5 if case.startswith("bytes") else 0

    class Pattention(nn.Module):
        def __init__(self, slots):
            super().__init__()
            self.key = nn.Parameter(torch.randn(slots, dim) * 0.02)
            self.value = nn.Parameter(torch.randn(slots, dim) * 0.02)
            self.tau = slots**0.5

        def forward(self, x):
            a = F.linear(x, self.key)
            a = F.gelu(a * (self.tau * torch.rsqrt((a * a).sum(-1, keepdim=True) + 1e-6)))
            return F.linear(a, self.value.t())

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            affine = not slots
            self.norm1 = nn.LayerNorm(dim, elementwise_affine=affine)
            self.norm2 = nn.LayerNorm(dim, elementwise_affine=affine)
            projection = (lambda: Pattention(slots)) if slots else (lambda: nn.Linear(dim, dim, bias=bias))
            self.q, self.k, self.v, self.o = (projection() for _ in range(4))
            if slots:
                self.ffn = Pattention(4 * slots)
            else:
                self.ffn = nn.Sequential(nn.Linear(dim, 4 * dim, bias=bias), nn.GELU(approximate=gelu), nn.Linear(4 * dim, dim, bias=bias))

        def forward(self, x, cos, sin):
            h = self.norm1(x)
            q, k, v = (f(h).view(rows, context, heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
            if rotary:
                q, k = rotate(q, cos, sin), rotate(k, cos, sin)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.o(y.transpose(1, 2).reshape(rows, context, dim))
            return x + self.ffn(self.norm2(x))

    def rotate(x, cos, sin):
        n = cos.shape[-1]
        a, b = x[..., :n], x[..., n : 2 * n]
        return torch.cat([a * cos - b * sin, b * cos + a * sin, x[..., 2 * n :]], -1).to(x.dtype)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(vocab, dim)
            nn.init.normal_(self.embedding.weight, std=0.02)
            self.positions = nn.Parameter(torch.zeros(context, dim)) if positions else None
            self.blocks = nn.ModuleList(Block() for _ in range(blocks))
            self.norm = nn.LayerNorm(dim)
            half = int(dim // heads * rotary) // 2
            angle = torch.arange(context)[:, None] * 10000.0 ** (-torch.arange(half) / max(half, 1))
            self.register_buffer("cos", angle.cos(), persistent=False)
            self.register_buffer("sin", angle.sin(), persistent=False)

        def forward(self, tokens, targets):
            x = self.embedding(tokens)
            if self.positions is not None:
                x = x + self.positions
            for block in self.blocks:
                x = block(x, self.cos, self.sin)
            logits = F.linear(self.norm(x), self.embedding.weight)
            return F.cross_entropy(logits.view(-1, vocab).float(), targets.view(-1))

    torch.manual_seed(1)
    return Model(), torch.randint(vocab, (rows, context)), torch.randint(vocab, (rows, context))


def serve(case, way, threads):
    """Trains for as many seconds as each line of the input says, and answers with the median seconds of a step."""
    import torch

    torch.set_num_threads(threads)
    model, tokens, targets = build(case)
    compute = torch.compile(model) if way.startswith("compiled") else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.1, fused=True)

    def step():
        started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=way.endswith("bf16")):
            loss = compute(tokens, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return time.perf_counter() - started

    for _ in range(2):
        step()
    print(json.dumps({"version": torch.__version__}), flush=True)
    for line in sys.stdin:
        end, seconds = time.perf_counter() + float(line), []
        while len(seconds) < 3 or time.perf_counter() < end:
            seconds.append(step())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"seconds": statistics.median(seconds), "resident_bytes": peak}), flush=True)


# ---- the contest ----


class Peer:
    def __init__(self, case, way, threads):
        tunables = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=17179869184:glibc.malloc.trim_threshold=17179869184"
        environment = os.environ | {"GLIBC_TUNABLES": tunables, "OMP_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen([sys.executable, __file__, "--serve", case, way, "--threads", str(threads)], env=environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"peers.py: PyTorch's process ended with status {self.process.wait()}")
        return json.loads(line)

    def run(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def run_tfx(case, threads, seconds):
    command = [ROOT / "build/tests/bench/bench-cases", "--json", "--threads", threads, "--seconds", seconds, case]
    environment = os.environ | {"TFX_SOURCE_ROOT": str(ROOT), "TFX_PLUGIN_PATH": str(ROOT / "build/plugins")}
    rows = json.loads(subprocess.run([str(c) for c in command], env=environment, stdout=subprocess.PIPE, check=True).stdout)
    return {row["compute"]: row for row in rows}


def compare(case, threads, seconds, rounds):
    """The rows of a case: one for each of f32 and bf16."""
    _, _, _, context, _, rows, *_ = CASES[case]
    peers = {way: Peer(case, way, threads) for way in WAYS}
    speeds = {way: [] for way in WAYS} | {"f32": [], "bf16": []}
    resident = dict.fromkeys(speeds, 0)
    for _ in range(rounds):
        for compute, row in run_tfx(case, threads, seconds).items():
            speeds[compute].append(row["tokens_per_second"])
            resident[compute] = max(resident[compute], row["resident_bytes"])
        for way, peer in peers.items():
            answer = peer.run(seconds)
            speeds[way].append(rows * context / answer["seconds"])
            resident[way] = answer["resident_bytes"]
    version = peers[WAYS[0]].about["version"]
    for peer in peers.values():
        peer.close()
    for compute in ("f32", "bf16"):
        eager, compiled = speeds[f"eager {compute}"], speeds[f"compiled {compute}"]
        ratios = [own / max(a, b) for own, a, b in zip(speeds[compute], eager, compiled)]
        yield {"case": case, "compute": compute, "pytorch": version, "threads": threads, "ratio": statistics.median(ratios), "ratios": ratios,
               "tfx": statistics.median(speeds[compute]), "eager": statistics.median(eager), "compiled": statistics.median(compiled),
               "tfx_bytes": resident[compute], "eager_bytes": resident[f"eager {compute}"], "compiled_bytes": resident[f"compiled {compute}"]}


def main():
    parser = argparse.ArgumentParser(prog="tools/bench --peers", description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help="of " + ", ".join(CASES) + "; all unless said")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.serve:
        return serve(*a.serve, a.threads)
    for case in a.cases:
        if case not in CASES:
            parser.error(f"no case is called '{case}'; there are {', '.join(CASES)}")
    if a.threads < 1 or a.rounds < 1 or not a.seconds >= 0:
        parser.error("--threads and --rounds are at least 1, --seconds at least 0")
    table = []
    for case in a.cases or CASES:
        for row in compare(case, a.threads, a.seconds, a.rounds):
            if not table and not a.json:
                print(f"tokens/s and resident GB of tfx and of PyTorch {row['pytorch']}, {a.threads} threads, medians of {a.rounds} rounds\n\n"
                      "case              type      tfx    eager compiled  ratio    from to       tfx   eager compiled")
            table.append(row)
            if not a.json:
                print(f"{case:17} {row['compute']:5} {row['tfx']:7.0f}  {row['eager']:7.0f}  {row['compiled']:7.0f}  {row['ratio']:5.2f}"
                      f"   {min(row['ratios']):5.2f} {max(row['ratios']):5.2f}   {row['tfx_bytes'] / 1e9:6.2f}  {row['eager_bytes'] / 1e9:6.2f}"
                      f"   {row['compiled_bytes'] / 1e9:6.2f}", flush=True)
    if a.json:
        print(json.dumps(table, indent=2))


if __name__ == "__main__":
    main()

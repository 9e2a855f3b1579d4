#!/usr/bin/env python3
"""What a run does beside its steps: loading plugins, logging, and growth.

    tests/bench/around.py build/tfx [FOLDER]

Loading: `tfx plugin list`, which loads all built-in plugins, beside `tfx --help`, which loads none, in turns. Logging: a small model is trained for 4000 steps, with a row of metrics for each and with none, in turns. Growth: a TokenFormer of 152 million
parameters becomes one of 208 million with its optimizer's state, beside what dd takes for as many bytes as the grown checkpoint has.
Works in FOLDER (default: the current one), where it takes 7 GB for a while."""
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 5
HEAD = """
[experiment]
name = around
seeds = 1
[data]
loader = synthetic
loader.vocab = {vocab}
eval_tokens = 256
[train]
steps = {steps}
batch = {batch}
lr = 1e-4
eval_every = 1000000
log_every = {log_every}
[model small]
n_blocks = {blocks}
dim = {dim}
context = {context}
vocab = {vocab}
blocks = block_prenorm
blocks.{{norm1,norm2}} = layernorm_nonparam
blocks.mixer = attention
blocks.mixer.heads = {heads}
blocks.mixer.{{q,k,v,o}} = pattention
blocks.mixer.{{q,k,v,o}}.slots = {dim}
blocks.ffn = pattention
blocks.ffn.slots = {dim}
[arm a]
model = small
"""
GROWTH = """scaling = grow
[model large]
extends = small
blocks.mixer.{q,k,v,o}.slots = 1152
blocks.ffn.slots = 4608
[scaling grow]
policy = schedule
policy.models = large
policy.steps = 1
"""


def run(tfx, spec):
    """The database of a run of the spec."""
    shutil.rmtree("runs", ignore_errors=True)
    pathlib.Path("tfx.db").unlink(missing_ok=True)
    pathlib.Path("around.ini").write_text(spec)
    subprocess.run([tfx, "run", "around.ini"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return sqlite3.connect("tfx.db")


def loading(tfx):
    seconds = {"--help": [], "plugin list": []}
    for _ in range(10 * ROUNDS):
        for words, of in seconds.items():
            start = time.perf_counter()
            subprocess.run([tfx, *words.split()], check=True, stdout=subprocess.DEVNULL)
            of.append(time.perf_counter() - start)
    nothing, everything = (statistics.median(s) for s in seconds.values())
    print(f"loading all plugins: {1e3 * (everything - nothing):.1f} ms, of {1e3 * everything:.1f} ms")


def logging(tfx):
    steps = 4000
    seconds = {1: [], steps: []}
    for _ in range(ROUNDS):
        for every, of in seconds.items():
            db = run(tfx, HEAD.format(vocab=256, steps=steps, batch=4, log_every=every, blocks=2, dim=32, context=32, heads=2))
            of.append(db.execute("SELECT max(seconds) FROM metric").fetchone()[0])
    least, most = (statistics.median(s) / steps for s in (seconds[steps], seconds[1]))
    print(f"logging: {1e6 * (most - least):.0f} us a step, of {1e6 * most:.0f} us")


def growth(tfx):
    spec = HEAD.format(vocab=50257, steps=1, batch=1, log_every=1, blocks=12, dim=768, context=256, heads=12)
    spec = spec.replace("ffn.slots = 768", "ffn.slots = 3072") + GROWTH
    grown, plain = [], []
    for _ in range(ROUNDS):
        db = run(tfx, spec)
        grown.append(db.execute("SELECT seconds FROM growth_event").fetchone()[0])
        folder = pathlib.Path(db.execute("SELECT c.path FROM checkpoint c JOIN growth_event g ON c.id = g.to_checkpoint").fetchone()[0])
        size = sum(f.stat().st_size for f in folder.iterdir())
        start = time.monotonic()
        subprocess.run(["dd", "if=/dev/zero", "of=dd", "bs=4M", f"count={size >> 22}", "conv=fsync", "status=none"], check=True)
        plain.append(time.monotonic() - start)
        os.unlink("dd")
    print(f"growth to {1e-9 * size:.2f} GB: {statistics.median(grown):.1f} s, dd {statistics.median(plain):.1f} s")


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else ".") as place:
        os.chdir(place)
        loading(program)
        logging(program)
        growth(program)
        os.chdir("..")

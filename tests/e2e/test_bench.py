#!/usr/bin/env python3
"""The benchmarks that tools/bench runs: what their figures mean, and what they refuse. How fast anything is, is no test."""
import json
import os
import pathlib
import subprocess
import sys

from harness import *

BUILD = pathlib.Path(os.environ["TFX_BUILD_ROOT"])


def cases(*arguments):
    env = dict(os.environ, TFX_PLUGIN_PATH=str(BUILD / "plugins"))
    return subprocess.run([BUILD / "tests/bench/bench-cases", "--spec", SOURCE / "tests/bench/curves.ini", *arguments], env=env,
                          capture_output=True, text=True, check=False)


def test_figures():
    done = cases("--json", "--seconds", "0", "--least", "1", "--threads", "1", "--compute", "bf16", "--set", "model.m1.context=64", "m1")
    same((done.returncode, done.stderr), (0, ""), "a case")
    [row] = json.loads(done.stdout)
    same((row["case"], row["compute"], row["threads"], row["steps"]), ("m1", "bf16", 1, 1), "what was measured")
    same(row["parameters"], 256 * 128 + 5 * (4 * 128 * 128 + 8 * 128 * 128) + 11 * 2 * 128, "parameters")
    expect(abs(row["tokens_per_second"] * row["seconds_per_step"] - 64) < 1e-6, "tokens of a step", row)
    expect(0 < row["planned_bytes"] < row["resident_bytes"] < row["planned_bytes"] + 1.5e9, "memory", row)
    expect(row["least_seconds_per_step"] <= row["seconds_per_step"] and row["peak_flops_per_second"] > 0, "times", row)
    expect(abs(sum(row["time"].values()) - 1) < 1e-6 and row["time"]["matmul"] > 0, "shares of time", row["time"])


def test_refused():
    for arguments, word in ((["nobody"], "nobody"), (["--least"], "--least"), (["--threads", "many"], "many"), (["--compute", "f16", "m1"], "f16"),
                            (["--set", "model.m1.context=0", "m1"], "context")):
        done = cases("--json", *arguments)
        expect(done.returncode != 0 and word in done.stderr and not done.stdout, f"refused: {arguments}", done.stderr + done.stdout)
    for script in ("curves", "peers"):
        done = subprocess.run([sys.executable, SOURCE / f"tests/bench/{script}.py", "--threads", "0"], capture_output=True, text=True,
                              check=False)
        expect(done.returncode == 2 and "--threads" in done.stderr, f"{script}.py --threads 0", done.stderr)
    done = subprocess.run([sys.executable, SOURCE / "tests/bench/curves.py", "--figures", "/nowhere"], capture_output=True, text=True,
                          check=False)
    expect(done.returncode == 2 and "/nowhere" in done.stderr, "curves.py without a folder", done.stderr)


main(globals())

#!/usr/bin/env python3
"""Weights that tfx has never seen: TokenFormers of random size from tests/reference/independent.py must have the
same logits here. Needs NumPy and safetensors, which tfx itself does not; skipped without them."""
import importlib.util
import subprocess
import sys

if any(importlib.util.find_spec(name) is None for name in ("numpy", "safetensors")):
    print("skipped: this Python has no numpy or no safetensors")
    sys.exit(77)

from harness import *

REFERENCE = SOURCE / "tests" / "reference"


def test_unseen_weights():
    for seed in range(1, 9):
        with folder() as f:
            def python(script, *args):
                r = subprocess.run([sys.executable, "-B", REFERENCE / script, *map(str, args)], capture_output=True, text=True)
                expect(r.returncode == 0, f"{script} {args}", r.stdout + r.stderr)
                return r.stdout.strip()

            what = python("independent.py", "--seed", seed, "--out", f.path)
            f.tfx("eval", "spec.ini", "--arm", "reference", "--weights", "W.safetensors", "--tokens", "T.bin",
                  "--logits", "OUT.safetensors")
            print(what, python("compare.py", f.path / "OUT.safetensors", f.path / "L.safetensors"), sep="\n  ")


main(globals())

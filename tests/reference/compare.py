"""Compares the tensors of two safetensors files: compare.py FOUND EXPECTED [--tolerance 1e-4]

Per tensor of EXPECTED: the largest difference relative to the largest expected magnitude, and the
norm of the difference relative to the expected norm. Exits 1 when either exceeds the tolerance
anywhere, when a tensor is missing or has another shape, or when anything is not finite.
"""

import argparse
import sys

import numpy as np
from safetensors.numpy import load_file


def errors(found, expected):
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    difference = found - expected
    largest = max(np.abs(expected).max(initial=0.0), np.finfo(float).tiny)
    norm = max(np.linalg.norm(expected.ravel()), np.finfo(float).tiny)
    return np.abs(difference).max(initial=0.0) / largest, np.linalg.norm(difference.ravel()) / norm


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("found")
    p.add_argument("expected")
    p.add_argument("--tolerance", type=float, default=1e-4)
    args = p.parse_args()
    found, expected = load_file(args.found), load_file(args.expected)
    bad = not expected
    for name in sorted(expected):
        if name not in found:
            print(f"{name}: missing in {args.found}, which has {', '.join(sorted(found)) or 'nothing'}")
            bad = True
        elif found[name].shape != expected[name].shape:
            print(f"{name}: expected shape {expected[name].shape}, found {found[name].shape}")
            bad = True
        elif not (np.isfinite(found[name]).all() and np.isfinite(expected[name]).all()):
            print(f"{name}: not finite")
            bad = True
        else:
            largest, norm = errors(found[name], expected[name])
            worse = max(largest, norm) > args.tolerance
            print(f"{name}: max {largest:.3g}, norm {norm:.3g}{'  TOO LARGE' if worse else ''}")
            bad = bad or worse
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()

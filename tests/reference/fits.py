#!/usr/bin/env python3
"""Makes tests/reference/fits anew: data made by the formulas of `tfx fit` with noise, and what SciPy makes of it.

    python3 -m venv /tmp/scipy && /tmp/scipy/bin/pip install scipy==1.17.1 numpy
    /tmp/scipy/bin/python tests/reference/fits.py

FORM.csv has the points; expected.json, per form, the coefficients at the least sum of Huber losses, that sum, and the
standard deviations of 400 bootstrap replicates (drawn by NumPy, so they agree with those of tfx as two samples do).
The losses are stated here a second time, with scales as they are printed. SciPy's least_squares, which has Huber's loss,
searches from random starts, each time until it finds nothing lower."""
import json
import pathlib

import numpy as np
from scipy.optimize import least_squares

OUT = pathlib.Path(__file__).parent / "fits"
DELTA = 1e-3

# form: names of the coefficients, true ones, which are scales (searched by their logarithm), the formula
FORMS = {
    "chinchilla": (["E", "A", "alpha", "B", "beta"], [1.69, 406.4, 0.34, 410.7, 0.28], [1, 1, 0, 1, 0],
                   lambda c, x: c[0] + c[1] / x[0] ** c[2] + c[3] / x[1] ** c[4]),
    "kaplan": (["N_c", "alpha_N", "D_c", "alpha_D"], [6.4e13, 0.076, 1.8e13, 0.103], [1, 0, 1, 0],
               lambda c, x: ((c[0] / x[0]) ** (c[1] / c[3]) + c[2] / x[1]) ** c[3]),
    "power": (["E", "A", "alpha"], [1.7, 500, 0.13], [1, 1, 0], lambda c, x: c[0] + c[1] / x[0] ** c[2]),
    "grown": (["E", "A", "alpha_1", "alpha_2", "alpha_3"], [1.4, 3000, 0.14, 0.3, 0.008], [1, 1, 0, 0, 0],
              lambda c, x: c[0] + c[1] * x[0] ** -c[2] * x[1] ** (-c[3] + c[4] * np.log(x[0]))),
}


def grid(*lists):
    return np.array(np.meshgrid(*lists)).reshape(len(lists), -1)


def points(form, random):
    if form == "power":
        x = 10.0 ** np.arange(17, 21.01, 0.25)[None]
    elif form == "grown":
        x = grid([1e9, 4e9, 16e9, 64e9], [5e8, 2e9, 8e9, 32e9])
    else:
        x = grid([2e7, 8e7, 3e8, 1.2e9], [3e8, 1.2e9, 5e9, 2e10, 8e10])
    _, true, _, law = FORMS[form]
    return x, np.round(law(true, x) * np.exp(0.004 * random.standard_normal(x.shape[1])), 5)


def descend(form, x, loss, p):
    """Where the sum of Huber losses is least near p, and that sum."""
    _, _, scales, law = FORMS[form]

    def residuals(p):
        with np.errstate(all="ignore"):
            r = np.log(law(np.where(scales, np.exp(np.minimum(p, 700)), p), x)) - np.log(loss)
        return np.where(np.isfinite(r), r, 1e3)

    before, now = np.inf, np.inf
    for _ in range(50):
        r = least_squares(residuals, p, loss="huber", f_scale=DELTA, x_scale="jac", jac="3-point", xtol=1e-15, ftol=1e-15,
                          gtol=1e-15, max_nfev=3000)
        before, now, p = now, r.cost, r.x
        if not now < before * (1 - 1e-13):
            break
    return p, now


def main():
    random = np.random.default_rng(20240404)
    expected = {}
    OUT.mkdir(exist_ok=True)
    columns = {"chinchilla": "params,tokens", "kaplan": "params,tokens", "power": "flops", "grown": "tokens_before,tokens_after"}
    for form, (names, true, scales, _) in FORMS.items():
        x, loss = points(form, random)
        with open(OUT / f"{form}.csv", "w") as f:
            f.write(columns[form] + ",loss\n")
            f.writelines(",".join([*(f"{v:.10g}" for v in x[:, i]), f"{loss[i]:.5f}"]) + "\n" for i in range(len(loss)))
        x = np.array([[float(f"{v:.10g}") for v in row] for row in x])
        truth = np.where(scales, np.log(true), true)
        starts = [truth] + [truth * (1 + 0.2 * random.standard_normal(len(truth))) for _ in range(12)]
        p, best = min((descend(form, x, loss, s) for s in starts), key=lambda r: r[1])
        replicates = []
        for _ in range(400):
            drawn = random.integers(len(loss), size=len(loss))
            q, _ = descend(form, x[:, drawn], loss[drawn], p)
            replicates.append(np.where(scales, np.exp(q), q))
        expected[form] = {"objective": best,
                          "coefficients": dict(zip(names, np.where(scales, np.exp(p), p))),
                          "low_80": dict(zip(names, np.percentile(replicates, 10, axis=0))),
                          "high_80": dict(zip(names, np.percentile(replicates, 90, axis=0)))}
        print(form, expected[form], flush=True)
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


main()

"""How the speed of training steps depends on the size of the model, its context, the batch and the number of threads; tools/bench
--curves runs this.

Prints a table (or JSON) and, with --figures, draws FOLDER/performance-*.svg with gnuplot. Every point is the median of some steps of
tests/bench/curves.ini's models in f32 by build/tests/bench/bench-cases. The largest model takes 20 GB of memory and some minutes.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZES = ["m1", "m5", "m25", "m85", "m300", "m680", "m1300"]
CONTEXTS = [128, 256, 512, 1024, 2048, 4096, 8192]
BATCHES = [1, 2, 4, 8, 16]


def measure(arm, threads, seconds, settings):
    command = [ROOT / "build/tests/bench/bench-cases", "--spec", ROOT / "tests/bench/curves.ini", "--compute", "f32", "--json",
               "--threads", str(threads), "--seconds", str(seconds), "--least", "3"]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    env = dict(os.environ, TFX_SOURCE_ROOT=str(ROOT), TFX_PLUGIN_PATH=str(ROOT / "build/plugins"))
    done = subprocess.run([*command, arm], env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.strip())
    return json.loads(done.stdout)[0]


def points(threads):
    """(curve, x, arm, threads, settings), in the order of measuring."""
    for arm in SIZES:
        yield "parameters", None, arm, threads, {}
    for context in CONTEXTS:
        yield "context", context, "m25", threads, {"model.m25.context": context}
    for batch in BATCHES:
        yield "batch", batch, "m25", threads, {"model.m25.context": 256, "train.batch": batch}
    for n in range(1, threads + 1):
        yield "threads", n, "m25", n, {}


def draw(curve, rows, folder, label):
    """One figure: tokens a second, and the share of the limit."""
    data = "\n".join(f"{r['x']} {r['tokens_per_second']} {r['share']}" for r in rows)
    ticks = ", ".join(f"'{r['label']}' {r['x']}" for r in rows)
    script = f"""set terminal svg size 640,360 font 'sans-serif,12' background rgb 'white'
set output '{folder}/performance-{curve}.svg'
set logscale x
set logscale y
set xtics ({ticks})
set xlabel '{label}'
set ylabel 'tokens a second'
set y2label 'of the limit, %'
set y2range [0:100]
set y2tics
set ytics nomirror
set key bottom left
set grid
$rows << END
{data}
END
plot $rows using 1:2 with linespoints lw 2 pt 7 lc rgb '#1f77b4' title 'tokens a second', \\
     $rows using 1:3 axes x1y2 with linespoints lw 2 pt 5 lc rgb '#ff7f0e' title 'share of the limit'
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def main():
    parser = argparse.ArgumentParser(prog="tools/bench --curves", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seconds", type=float, default=3, help="for each point, but at least three steps (default: 3)")
    parser.add_argument("--only", action="append", choices=["parameters", "context", "batch", "threads"])
    parser.add_argument("--figures", metavar="FOLDER", help="draw performance-*.svg there")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    if a.threads < 1 or not a.seconds >= 0:
        parser.error("--threads is at least 1, --seconds at least 0")
    if a.figures and not os.path.isdir(a.figures):
        parser.error(f"--figures: there is no folder {a.figures}")
    curves = {}
    for curve, x, arm, threads, settings in points(a.threads):
        if a.only and curve not in a.only:
            continue
        r = measure(arm, threads, a.seconds, settings)
        r["share"] = 100 * r["flops_per_second"] / r["peak_flops_per_second"]
        r["x"] = x or r["parameters"]
        r["label"] = str(x) if x else f"{r['parameters'] / 1e6:.0f}M"
        if not curves and not a.json:
            print(f"{r['device']}, f32\n\ncurve           at  tokens/s  GFLOP/s  of limit  planned GB", flush=True)
        curves.setdefault(curve, []).append(r)
        if not a.json:
            print(f"{curve:10} {r['label']:>7} {r['tokens_per_second']:9.0f} {r['flops_per_second'] / 1e9:8.1f} {r['share']:8.1f}%"
                  f" {r['planned_bytes'] / 1e9:11.2f}", flush=True)
    labels = {"parameters": "parameters, with a context of 1024", "context": "context, of 25M parameters",
              "batch": "rows of 256 tokens, of 25M parameters", "threads": "threads, of 25M parameters and a context of 1024"}
    for curve, rows in curves.items():
        if a.figures:
            draw(curve, rows, a.figures, labels[curve])
    if a.json:
        print(json.dumps(curves, indent=2))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The report in headless Chromium: no errors, every curve drawn, nothing overflows, wide and narrow, dark and light, with
and without script. Skipped where there is no Chromium (tools/setup --ci has it)."""
import re

import browser
from harness import *

if not browser.PROGRAM:
    print("chromium is not installed (tools/setup --ci): skipped")
    sys.exit(77)

LONG = "an_arm_whose_name_is_far_longer_than_anything_that_fits_into_four_hundred_pixels_of_width"
# Ten arms: colours run out after eight.
MORE = "".join(f"[arm more_{i}]\nmodel = transformer\ntrain.steps = {4 + i}\n" for i in range(7))
SPEC = TINY + f"[arm {LONG}]\nmodel = transformer\nstart = arm:transformer@step:8\n" + MORE
# What the window shows of the curves: how many lines have a length.
DRAWN = """[...document.querySelectorAll('#curves .plot')].filter(e => e.offsetParent).map(
    e => [e.className, [...e.querySelectorAll('.arm')].map(g =>
          [...g.querySelectorAll('path.seed, path.mean')].filter(l => l.getTotalLength() > 0).length)])"""
OVERFLOW = "[document.scrollingElement.scrollWidth, innerWidth]"
# Elements with words that stick out of the window, tables that scroll in their box aside.
OUTSIDE = """[...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll, pre, details, svg') &&
    e.offsetParent && e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.outerHTML.slice(0, 120))"""
# Of tables and labels that need no scrolling at any width: those that do.
CUT = """[...document.querySelectorAll('#outcomes > .scroll, .lineage .more')].filter(e => e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight + 4).map(
    e => e.outerHTML.slice(0, 120))"""
# How the ends of runs are drawn: classes and caps, in the order of arms.
DOTS = """[...document.querySelectorAll('#endpoints .cost-flops .dot:not(.early)')].map(
    e => [e.parentElement.classList[1], getComputedStyle(e).strokeLinecap])"""
COLOURS = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('path.mean')).stroke]"


def check_size(p):
    width, window = p.ask(OVERFLOW)
    expect(width <= window, f"{width} pixels in a window of {window}")
    same(p.ask(OUTSIDE), [], "elements outside the window")


def check_curves(p, f):
    """One picture is shown, with a line for each run, and a mean where an arm has two."""
    ((classes, lines),) = p.ask(DRAWN)
    runs = [n for n, in f.sql("SELECT count(DISTINCT run) FROM scaling_curve GROUP BY arm ORDER BY min(run)")]
    same(lines, [n + (n > 1) for n in runs], "lines of each arm")
    return classes


def test_report():
    with folder(SPEC) as f, browser.page() as p:
        f.tfx("run", "tiny.ini", "--set", "train.slice_every=2", "--set", "train.eval_every=3")
        f.tfx("report", "tiny")
        page = f.path / "report.html"
        colours = set()
        for width in (1400, 400):
            for dark in (False, True):
                p.open(page, width, dark=dark)
                check_size(p)
                same(p.ask(CUT), [], f"what is cut off at {width} pixels")
                expect("cost-flops side-incl" in check_curves(p, f), "FLOPs including ancestors come first")
                colours.add(tuple(p.ask(COLOURS)))
        same(len(colours), 2, f"dark and light differ: {colours}")
        # Colours come again after eight; shapes differ then.
        same(dict(p.ask(DOTS)), {f"a{i}": "round" if i < 8 else "square" for i in range(10)}, "dots")
        # Switches
        for cost in ("flops", "tokens", "seconds"):
            for side in ("incl", "excl"):
                p.ask(f"document.querySelector('[for=cost-{cost}]').click(), document.querySelector('[for=side-{side}]').click()")
                expect(f"cost-{cost} side-{side}" in check_curves(p, f), "the switches", (cost, side))
        p.ask("document.querySelector('[for=cost-flops]').click(), document.querySelector('[for=side-incl]').click()")
        # Legend
        p.ask("document.querySelectorAll('.legend button')[1].click()")
        same(p.ask("[...document.querySelectorAll('#curves .plot .arm')].filter(g => g.classList.contains('off')).length"), 6,
             "one arm is hidden in each picture")
        p.ask("document.querySelectorAll('.legend button')[1].click()")
        # Every line of the second arm is hidden and back, so that its points can be hovered over.
        tip = p.ask("""(() => { const area = document.querySelector('#curves .area'), box = area.getBoundingClientRect();
            const data = JSON.parse(document.getElementById('tfx-data').textContent), q = data.arms[1].runs[0].points.at(-1);
            const plot = area.parentElement, [a, b] = plot.dataset.x.split(' ').map(Number), [c, d] = plot.dataset.y.split(' ').map(Number);
            area.dispatchEvent(new PointerEvent('pointermove', {
                clientX: box.left + box.width * (Math.log10(q[2]) - a) / (b - a),
                clientY: box.top + box.height * (1 - (Math.log10(q[8]) - c) / (d - c))}));
            return document.querySelector('.tip').innerText; })()""")
        loss, flops = f.one("SELECT val_loss, flops_incl FROM scaling_curve WHERE arm = 'grown' AND seed = 1 ORDER BY stage DESC, step DESC LIMIT 1")
        expect(f"val loss {loss:.4f}" in tip and re.sub(r"e\+0*", "e", f"{flops:.2e} FLOPs") in tip, "what hovering shows", tip)
        expect(p.ask("document.querySelectorAll('.sql .copy').length") == p.ask("document.querySelectorAll('.sql').length"),
               "every statement can be copied")
        # Unfolded, and printed.
        p.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
        check_size(p)
        p.print(f.path / "page.pdf")
        expect((f.path / "page.pdf").stat().st_size > 10_000, "it prints")
        same(p.problems, [], "what the console shows")


def test_without_script():
    with folder() as f, browser.page() as p:
        f.tfx("run", "tiny.ini", "--set", "experiment.seeds=1")
        f.tfx("report", "tiny")
        p.open(f.path / "report.html", 400, script=False)
        expect("cost-flops side-incl" in check_curves(p, f), "the picture is there")
        check_size(p)
        same(p.problems, [], "what the console shows")


main(globals())

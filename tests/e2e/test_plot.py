#!/usr/bin/env python3
"""`tfx plot`: figures that have what they should, are the same bytes each time, and refusals that say why."""
import re

from harness import *

# What gnuplot would take for a command, an end of a string or a macro.
NASTY = "a`touch pwned`@'\"{/Bold x}^2\\n"
FIGURES = ("curves", "scaling", "growth")


def texts(svg):
    """The words of an SVG, one string for each piece of text."""
    pieces = re.findall(r"<text[^>]*>(.*?)</text>", svg, flags=re.S)
    return [re.sub(r"<[^>]*>", "", p).strip() for p in pieces]


def test_figures():
    with folder(TINY + "[arm nasty]\nmodel = transformer\ntrain.steps = 6\n") as f:
        f.tfx("run", "tiny.ini", "--set", "train.slice_every=2", "--set", "train.min_lr=0")
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:
            c.execute("UPDATE arm SET name = ? WHERE name = 'nasty'", (NASTY,))
            c.commit()
        shutil.copy(f.path / "tfx.db", f.path / "copy.db")
        for figure in FIGURES:
            for ending in ("svg", "pdf", "png"):
                name = f"{figure}.{ending}"
                r = f.tfx("plot", "tiny", "--figure", figure, "-o", name)
                same(r.stderr, f"figure: {name}\n", "what is said")
                first = (f.path / name).read_bytes()
                time.sleep(1.1 if ending == "pdf" and figure == "curves" else 0)  # a PDF has the second of its making
                f.tfx("plot", "1", "--figure", figure, "-o", name, "--db", "copy.db", env={"LC_ALL": "C"})
                same((f.path / name).read_bytes() == first, True, f"{name}: the same bytes from a copy of the database")
            svg = (f.path / f"{figure}.svg").read_text()
            expect('width="317"' in svg, "one column wide", svg[:400])
            same(struct.unpack(">I", (f.path / f"{figure}.png").read_bytes()[16:20])[0], 990, "3.3 inches of 300 pixels")
            expect(re.search(rb"/MediaBox \[ 0 0 237", (f.path / f"{figure}.pdf").read_bytes()), "3.3 inches of 72 points")
        curves = texts((f.path / "curves.svg").read_text())
        expect("training FLOPs, including ancestors" in curves and "validation loss" in curves, "axes", curves)
        shown = {html_of(n) for n in ("transformer", "grown", NASTY)}
        expect(shown <= set(curves), "names as they are", curves)
        growth = texts((f.path / "growth.svg").read_text())
        expect("output of new slots, %" in growth and "grown" in growth and "transformer" not in growth, "growth", growth)
        expect(not (f.path / "pwned").exists(), "names are not executed")


def html_of(name):
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def points(f, figure):
    """The numbers that a figure hands to gnuplot, by a program of that name that shows its script."""
    bin = f.path / "bin"
    bin.mkdir(exist_ok=True)
    (bin / "gnuplot").write_text("#!/bin/sh\ncat\n")
    (bin / "gnuplot").chmod(0o755)
    f.tfx("plot", "tiny", "--figure", figure, "-o", "script.svg", env={"PATH": f"{bin}:/usr/bin:/bin"})
    script = (f.path / "script.svg").read_text()
    blocks = re.findall(r"^\$d\d+ << END\n(.*?)^END$", script, flags=re.S | re.M)
    return [[tuple(map(float, line.split())) for line in b.splitlines()] for b in blocks]


def test_numbers():
    with folder() as f:
        f.tfx("run", "tiny.ini", "--set", "train.slice_every=2", "--set", "train.min_lr=0", "--set", "train.schedule=cosine")
        blocks = points(f, "curves")
        for run in (1, 2, 3, 4):
            curve = f.sql("SELECT flops_incl, val_loss FROM scaling_curve WHERE run = ? AND flops_incl > 0 ORDER BY stage, step", run)
            expect(curve in blocks, f"the curve of run {run}", blocks)
        mean = f.sql("SELECT avg(flops_incl), avg(val_loss) FROM scaling_curve WHERE arm = 'grown' AND step > 0 GROUP BY stage, step "
                     "ORDER BY stage, step")
        expect(any(len(b) == len(mean) and all(math_close(p, q) for p, q in zip(b, mean)) for b in blocks), "the mean", blocks)
        ends = f.sql("SELECT flops_incl, val_loss FROM endpoint WHERE arm = 'transformer' AND decayed ORDER BY run")
        expect(ends and ends in points(f, "scaling"), "decayed end points", ends)
        # By arm: its ends, and a line at their mean.
        arms = points(f, "arms")
        for i, (name, row) in enumerate((("transformer", 1), ("grown", 0))):
            losses = [x for x, in f.sql("SELECT val_loss FROM endpoint WHERE arm = ? AND final AND decayed ORDER BY run", name)]
            same(arms[2 * i], [(x, row) for x in losses], f"the ends of {name}")
            expect(all(abs(x - sum(losses) / 2) < 1e-12 for x, _ in arms[2 * i + 1]) and len(arms[2 * i + 1]) == 2, "their mean", arms)
        f.tfx("plot", "tiny", "--figure", "arms", "-o", "arms.svg")
        expect({"transformer", "grown"} <= set(texts((f.path / "arms.svg").read_text())), "names of rows")
        # A law that is saved of the experiment is drawn, with the ends of its interval.
        f.tfx("fit", "--csv", SOURCE / "tests" / "reference" / "fits" / "power.csv", "--form", "power", "--bootstrap", "20",
              "--save", "law")
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:
            c.execute("UPDATE fit SET experiment = 1")
            c.commit()
        law = {k: v["estimate"] for k, v in json.loads(f.one("SELECT coefficients FROM fit")).items()}
        (band,) = [b for b in points(f, "scaling") if b and len(b[0]) == 4]
        for flops, loss, low, high in band:
            expect(abs(loss - law["E"] - law["A"] / flops ** law["alpha"]) < 1e-9 * loss, "a loss of the law", (flops, loss))
            expect(low <= loss <= high, "its interval", (low, loss, high))
        # Two laws differ in nothing but dashes, in the legend as well.
        f.tfx("fit", "--csv", SOURCE / "tests" / "reference" / "fits" / "power.csv", "--form", "power", "--bootstrap", "20",
              "--save", "other")
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:
            c.execute("UPDATE fit SET experiment = 1")
            c.commit()
        f.tfx("plot", "tiny", "--figure", "scaling", "-o", "laws.svg")
        grey = re.findall(r"<path stroke='rgb\( 64,  64,  64\)' (.*?) d='(.*?)'", (f.path / "laws.svg").read_text(), flags=re.S)
        lengths = {"dasharray" in dashes: sorted(d.count("L") for dash, d in grey if dash == dashes) for dashes, _ in grey}
        expect(all(n[0] == 1 and n[-1] > 9 for n in lengths.values()) and set(lengths) == {False, True},
               "a short line in the legend, and a long one", lengths)
        growth = points(f, "growth")
        share = f.sql("SELECT steps_since_growth, 100 * avg(energy_share) FROM slice_curve WHERE stage = 1 AND part = 'new' "
                      "AND slots IS NOT NULL GROUP BY steps_since_growth ORDER BY 1")
        expect(any(len(b) == len(share) and all(math_close(p, q) for p, q in zip(b, share)) for b in growth), "shares", growth)
        untrained = {loss for loss, in f.sql("SELECT val_loss FROM scaling_curve WHERE flops_incl = 0")}
        expect(untrained and not any(y in untrained for b in growth for _, y in b), "what is not trained is far above the rest", growth)
        (first, second) = [b for b in growth if any(x < 0 for x, _ in b)]
        expect(all((0, b[[x for x, _ in b].index(0)][1]) in b for b in (first, second)), "growth is at step 0", growth)


def math_close(p, q):
    return all(abs(a - b) <= 1e-12 * abs(b) for a, b in zip(p, q))


SWEPT = TINY + """[sweep rates]
arms = transformer, grown
train.lr = 3e-4, 1e-3, 3e-3
"""


def test_sweep():
    with folder(SWEPT) as f:
        f.tfx("run", "tiny.ini", "--set", "train.min_lr=0", "--set", "train.schedule=cosine", "--jobs", "2")
        f.tfx("plot", "tiny", "--figure", "sweep", "-o", "sweep.svg")
        shown = texts((f.path / "sweep.svg").read_text())
        expect({"train.lr", "3e-4", "1e-3", "3e-3", "transformer", "grown"} <= set(shown), "axes, values, legend", shown)
        expect(not any("[" in t for t in shown), "points have no names of their own", shown)
        blocks = points(f, "sweep")
        for i, arm in enumerate(("transformer", "grown")):
            ends = sorted(f.sql("SELECT CAST(json_extract(a.point, '$.\"train.lr\"') AS REAL), s.val_loss FROM run_summary s "
                                "JOIN run r ON r.id = s.run JOIN arm a ON a.id = r.arm WHERE a.base = ?", arm))
            same(sorted(blocks[2 * i]), ends, f"{arm}: every seed")
            same(len(ends), 6, "three values, two seeds")
            means = [(x, (a + b) / 2) for (x, a), (_, b) in zip(ends[::2], ends[1::2])]
            expect(all(math_close(p, q) for p, q in zip(blocks[2 * i + 1], means)) and len(blocks[2 * i + 1]) == 3, "means",
                   (blocks[2 * i + 1], means))
        f.tfx("plot", "tiny", "--figure", "scaling", "-o", "scaling.svg")
        shown = texts((f.path / "scaling.svg").read_text())
        expect({"transformer", "grown"} <= set(shown) and not any("[" in t for t in shown), "one colour for a sweep", shown)
        scaling = points(f, "scaling")
        same([len(b) for b in scaling], [6, 6], "points of a group")
        f.tfx("report", "tiny", "-o", "report.html")
        legend = re.search(r'<div class="legend">(.*?)</div>', (f.path / "report.html").read_text(), flags=re.S)[1]
        same(re.findall(r"</svg>([^<]*)</button>", legend), ["transformer", "grown"], "the legend of the report")
        section = (f.path / "report.html").read_text().split('<section id="sweep">')[1].split("</section>")[0]
        for run, loss in f.sql("SELECT run, val_loss FROM endpoint WHERE final"):
            expect(f": val loss {loss:.4f}</title>" in section, f"the sweep of the report has run {run}", section[:3000])
        same(section.count('class="mean"'), 2, "a line for each arm")
        same(re.findall(r'class="xname">(.*?)<', section), ["train.lr"], "the axis says what was swept")
        # Values that are no number have no place; two keys are one too many.
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:
            c.execute("UPDATE arm SET point = '{\"train.batch\":\"8\"}' WHERE name = 'grown[lr=3e-3]'")
            c.commit()
        message(f.tfx("plot", "tiny", "--figure", "sweep", "-o", "no.svg", status=2),
                "shows losses against one number: the experiment sweeps train.lr and train.batch")
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:
            # Whatever a key is called, it is no command, and no tag of a page.
            c.execute("UPDATE arm SET point = json_object(?, '3')", (NASTY + "<script",))
            c.commit()
        f.tfx("plot", "tiny", "--figure", "sweep", "-o", "odd.svg")
        f.tfx("report", "tiny", "-o", "odd.html")
        shown = texts((f.path / "odd.svg").read_text())
        expect(html_of(NASTY + "<script") in shown, "the name of the key", shown)
        expect("}^2\\n&lt;script" in (f.path / "odd.html").read_text().split('<section id="sweep">')[1], "and in the report")
        expect(not (f.path / "pwned").exists(), "it is not executed")
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:
            c.execute("UPDATE arm SET point = '{\"model\":\"a`b\"}'")
            c.commit()
        message(f.tfx("plot", "tiny", "--figure", "sweep", "-o", "no.svg", status=2),
                "no arm of the experiment that was swept over numbers has ended")
        expect(not (f.path / "no.svg").exists(), "nothing is left behind")


def test_mistakes():
    with folder() as f:
        f.tfx("run", "tiny.ini", "--set", "experiment.seeds=1", "--arm", "transformer", "--set", "train.schedule=constant")
        before = f.files()
        for args, words in (
                (("--figure", "curve", "-o", "a.svg"), "--figure: there is no figure 'curve'; did you mean \"curves\"?"),
                (("--figure", "curves", "-o", "a.jpg"), "a.jpg: expected a name that ends in .svg, .pdf or .png, found '.jpg'"),
                (("--figure", "curves", "-o", "d.svg/a"), "found 'no such ending'"),
                (("--figure", "curves"), "plot: expected EXPERIMENT --figure NAME -o FILE"),
                (("--figure", "growth", "-o", "a.svg"), "no arm of the experiment has been evaluated before and after growth"),
                (("--figure", "arms", "-o", "a.svg"), "decayed to a tenth of its peak: the experiment has none"),
                (("--figure", "scaling", "-o", "a.svg"), "the experiment has 1, and at none of them it has")):
            message(f.tfx("plot", "tiny", *args, status=2), words)
        r = f.tfx("plot", "tiny", "--figure", "curves", "-o", "a.svg", status=1, env={"PATH": "/nonexistent"})
        message(r, "figures are drawn by gnuplot, which is not installed (Debian: gnuplot-nox")
        r = f.tfx("plot", "tiny", "--figure", "curves", "-o", "nowhere/a.svg", status=1)
        message(r, "nowhere/a.svg: cannot create")
        same(f.files(), before, "nothing is left behind")
        bin = f.path / "bin"
        bin.mkdir()
        (bin / "gnuplot").write_text("#!/bin/sh\necho 'line 3: it broke' >&2; exit 1\n")
        (bin / "gnuplot").chmod(0o755)
        message(f.tfx("plot", "tiny", "--figure", "curves", "-o", "a.svg", status=1, env={"PATH": f"{bin}:/bin"}),
                "gnuplot has failed: line 3: it broke")
        expect(not (f.path / "a.svg").exists(), "no figure")


main(globals())

#!/usr/bin/env python3
"""`tfx report`: what the page holds, compared with the database that it was made from."""
import html.parser
import resource
import signal

from harness import *

# Names and words that HTML, a script and a style sheet would take for their own.
NASTY = """</script><script>alert("a & 'b'")</script><!-- <b>"""
SPEC = TINY.replace("description = Everything that a run can do, small", f"description = {NASTY}") + "\n# " + NASTY + "\n"
# Tags that are never closed.
VOID = {"meta", "link", "input", "br", "path"}


class Reader(html.parser.HTMLParser):
    """The page's elements: (tag, attributes, text), and whether they are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.stack, self.elements, self.problems = [], [], []
        self.feed(text)
        self.close()
        if self.stack:
            self.problems.append(f"never closed: {[e[0] for e in self.stack]}")

    def handle_starttag(self, tag, attributes):
        element = [tag, dict(attributes), ""]
        self.elements.append(element)
        if tag not in VOID:
            self.stack.append(element)

    def handle_startendtag(self, tag, attributes):
        self.elements.append([tag, dict(attributes), ""])

    def handle_endtag(self, tag):
        if tag == "path":
            return
        if not self.stack or self.stack[-1][0] != tag:
            self.problems.append(f"</{tag}> where {[e[0] for e in self.stack]} are open")
        elif self.stack:
            self.stack.pop()

    def handle_data(self, data):
        for element in self.stack:
            element[2] += data

    def all(self, tag, **attributes):
        return [e for e in self.elements if e[0] == tag and all(attributes[k] in (e[1].get(k) or "").split() for k in attributes)]


def report(f, name="tiny", *args):
    f.tfx("report", name, "-o", "page.html", *args)
    text = (f.path / "page.html").read_text()
    page = Reader(text)
    same(page.problems, [], "elements are closed")
    return text, page


def test_numbers():
    """The page's data, its curves and its SQL are those of the database."""
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", "--set", "train.slice_every=2")
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:
            c.execute("UPDATE arm SET name = ? WHERE name = 'grown'", (NASTY,))
            c.commit()
        text, page = report(f)
        (script,) = [e for e in page.all("script") if e[1].get("id") == "tfx-data"]
        data = json.loads(script[2])
        columns = data["columns"]
        same(columns, ["stage", "step", "flops_incl", "flops_excl", "tokens_incl", "tokens_excl", "seconds_incl",
                       "seconds_excl", "val_loss"], "columns")
        rows = [(a["arm"], r["run"], r["seed"], *p) for a in data["arms"] for r in a["runs"] for p in r["points"]]
        expected = f.sql(f"SELECT arm, run, seed, {', '.join(columns)} FROM scaling_curve ORDER BY run, stage, step")
        same(sorted(rows, key=lambda r: (r[1], r[3], r[4])), expected, "the curves")
        for arm in data["arms"]:
            mean = f.sql("SELECT stage, step, avg(val_loss), avg(flops_incl), avg(seconds_excl) FROM scaling_curve WHERE arm = ? "
                         "GROUP BY stage, step ORDER BY stage, step", arm["arm"])
            same(len(mean), len(arm["mean"]), "points of the mean")
            for (stage, step, loss, flops, seconds), p in zip(mean, arm["mean"]):
                same((stage, step), tuple(p[:2]), "place of a mean")
                for a, b in ((loss, p[8]), (flops, p[2]), (seconds, p[7])):
                    expect(abs(a - b) <= 1e-12 * abs(a), "a mean", (a, b))
        # A picture for each cost, including and excluding; in each, a line for each run and one for each mean.
        same(len(page.all("div", **{"class": "side-incl"})), 3, "pictures including ancestors")
        same(len(page.all("div", **{"class": "side-excl"})), 3, "pictures excluding them")
        same(len([e for e in page.all("path", **{"class": "seed"}) if "data-run" in e[1]]), 4 * 6, "lines of seeds")
        # Six of curves, one key in the legend, and the lines of slices: two of each stage of the arm that grows.
        same(len(page.all("path", **{"class": "mean"})), 2 * 6 + 2 + 4, "lines of means and keys")
        # What is said to have made a figure gives its rows.
        statements = [e[2].removeprefix("SQL") for e in page.all("details", **{"class": "sql"})]
        same(len(statements), 11, "statements")
        curve = next(s for s in statements if "FROM scaling_curve" in s)
        same([(r[0], r[2], r[1], r[3], r[5]) for r in f.sql(curve)], [r[:5] for r in expected], "rows by the page's SQL")
        for statement in statements:
            expect(f.sql(statement), "each has rows", statement)
            f.tfx("sql", statement)


def test_words():
    """What the page says of the outcome is worked out from it; names and specs cannot break it."""
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini")
        text, page = report(f)
        losses = dict(f.sql("SELECT arm, avg(val_loss) FROM run_summary GROUP BY arm"))
        best = min(losses, key=losses.get)
        (lead,) = page.all("p", **{"class": "lead"})
        expect(lead[2].startswith(f"{best} ends with the lowest val loss, {losses[best]:.4f} ± "), "the best arm", lead[2])
        expect("Not finished" not in text, "it is finished")
        same([e[2] for e in page.all("p", **{"class": "description"})], [NASTY], "the description")
        (spec,) = page.all("details", id="spec")
        expect(NASTY in spec[2], "the spec", spec[2])
        expect('id="notes"' not in text, "nobody has written a note")
        f.tfx("note", "tiny", NASTY)
        f.tfx("note", "1", "the first")
        f.tfx("tag", "1", "kind=odd")
        text, page = report(f)
        (notes,) = page.all("section", id="notes")
        expect(NASTY in notes[2] and "the first" in notes[2], "notes", notes[2])
        (outcomes,) = page.all("section", id="outcomes")
        expect("kind=odd" in outcomes[2], "tags", outcomes[2][-2000:])
        same(len(page.all("script")), 2, "scripts: data and the page's own")
        for word in ("http:", "https:", "src="):
            expect(word not in text, f"nothing comes from elsewhere: {word}")
        for hash, in f.sql("SELECT hash FROM plugin UNION SELECT hash FROM spec UNION SELECT git_commit FROM environment"):
            expect(hash in text, "hashes of plugins and spec, and the commit", hash)
        same(f.tfx("report", "tiny", "-o", "-").stdout, text, "to standard output, and the same once more")


def test_grown_at_equal_cost():
    """Twins are named with their relation and the difference, as `tfx compare` has it."""
    twins = ("[arm small_on]\nmodel = tokenformer_16\ntrain.steps = 43\n[arm large]\nmodel = tokenformer_48\ntrain.steps = 19\n"
             "[arm flat]\nmodel = tokenformer_48\ntrain.steps = 19\ntrain.schedule = constant\n")
    with folder(TINY + twins) as f:
        f.tfx("run", "tiny.ini", "--set", "experiment.seeds=1,2,3")
        _, page = report(f)
        said = [e[2] for e in page.all("li")]
        expected = []
        for arm, relation in (("small_on", "of the first size to the end"), ("large", "of the final size from the start")):
            (c,) = f.json("compare", "tiny", "grown", arm)["arms"]
            same((c["seeds"], c["paired"]), (3, True), "seeds")
            d = c["difference"]
            expected.append(f"{abs(d['mean']):.3f} {'better' if d['mean'] < 0 else 'worse'} than {arm} ({relation}) at equal FLOPs, "
                            f"95%: {d['low']:+.3f} to {d['high']:+.3f}" + (", so it may be none" if d["low"] < 0 < d["high"] else ""))
        # None is left out: a twin that did not spend as much, or ended in the middle of its schedule, says so.
        same(said[:2], expected, "comparisons at equal cost")
        (c,) = f.json("compare", "tiny", "grown", "transformer")["arms"]
        expect({p["reach"] for p in c["pairs"]} == {"never"}, "the short one does not come as far", c)
        expect(said[2].startswith("against transformer (not grown), at equal loss: not reached by transformer"), "the short one", said[2])
        expect(said[3].startswith("against flat (of the final size from the start), not compared: no run of 'flat'"), "flat", said[3])
        same(len(said), 4, "every arm that does not grow")
        (table,) = [e for e in page.all("section", id="comparison")]
        # And what was claimed.
        for _ in range(2):
            f.tfx("claim", "tiny", "grown saves >= 1% flops at equal loss vs large", status=1)
        _, page = report(f)
        (claims,) = page.all("section", id="claims")
        evidence = json.loads(f.one("SELECT evidence FROM claim ORDER BY id DESC LIMIT 1"))
        same(claims[2].count("grown saves >= 1%"), 1, "each sentence once")
        for words in ("grown saves >= 1% flops at equal loss vs large", evidence["verdict"], *evidence["reasons"],
                      *(f"{lint['lint']}: {failure}" for lint in evidence["lints"] for failure in lint["failures"])):
            expect(words in claims[2], f"the claim says '{words}'", claims[2])
        expect(any(lint["failures"] for lint in evidence["lints"]), "a lint fails", evidence)
        for words in ("transformer has no points there", "not compared: no run of 'flat' has ended with a learning rate of a tenth",
                      "3, paired", "at equal loss"):
            expect(words in table[2], f"the table says '{words}'", table[2])


def test_twins():
    """Twins come first and are called so; one that grows itself is compared with, not praised."""
    with folder(TINY + "twins = scratch, random_base, no_growth\n") as f:
        f.tfx("run", "tiny.ini", "--set", "experiment.seeds=1")
        _, page = report(f)
        said = [e[2] for e in page.all("li")]
        for arm, relation in (("scratch", "its twin from scratch"), ("random_base", "its twin from an untrained base"),
                              ("no_growth", "its twin that does not grow")):
            same(len([s for s in said if f"grown.{arm} ({relation})" in s]), 1, f"{arm} is in the headline: {said}")
        same(len(said), 4, "three twins and the Transformer")
        same([e[2].split(" grows and ends")[0] for e in page.all("p") if " grows and ends at" in e[2]], ["grown"], "who grows")
        (table,) = page.all("section", id="comparison")
        places = [table[2].index(name) for name in ("grown.scratch", "grown.random_base", "grown.no_growth", "transformer")]
        same(places, sorted(places), "twins come first")


def test_fits_and_forecasts():
    """Laws are drawn with their band and end points, and forecasts stand beside what came out."""
    with folder() as f:
        for form in ("power", "chinchilla", "grown"):
            f.tfx("fit", "--csv", SOURCE / "tests" / "reference" / "fits" / f"{form}.csv", "--form", form, "--bootstrap", "20",
                  "--save", f"{form}<law>", "--db", "tfx.db")
        f.tfx("run", "tiny.ini", *[x for form in ("power", "grown") for x in ("--forecast", f"{form}<law>@trans*" if form == "power" else f"{form}<law>")])
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:
            c.execute("UPDATE fit SET experiment = 1 WHERE form = 'chinchilla'")
            c.commit()
        _, page = report(f)
        (fits,), (forecasts,) = page.all("section", id="fits"), page.all("section", id="forecasts")
        for form, in f.sql("SELECT DISTINCT form FROM fit"):
            expect(f"{form}<law>" in fits[2], f"the law {form}", fits[2])
        for points, source in f.sql("SELECT points, source FROM fit WHERE form <> 'grown'"):
            expect(f"fitted to {points} points of {source}; " in fits[2], "which points it was fitted to", fits[2])
        expect("all decayed end points of this experiment, whether it was fitted to them or not" in fits[2], "dots", fits[2])
        # Of two of them: the third is not about FLOPs.
        same([len(page.all("path", **{"class": c})) for c in ("band", "law")], [2, 2], "bands and lines")
        for loss, val_loss in f.sql("SELECT forecast, val_loss FROM forecast_score"):
            expect(f"{loss:.4f}" in forecasts[2] and f"{val_loss:.4f}" in forecasts[2], "a forecast", forecasts[2])
        same(f.one("SELECT count(*) FROM forecast_score"), 4, "two arms of two seeds")


def test_big():
    """Of 100,000 evaluations the page draws some, says so, keeps the spike and the ends, and stays small."""
    with folder() as f:
        f.tfx("run", "tiny.ini", "--set", "experiment.seeds=1", "--arm", "transformer")
        with contextlib.closing(sqlite3.connect(f.path / "tfx.db")) as c:
            c.execute("WITH RECURSIVE i (n) AS (VALUES (13) UNION ALL SELECT n + 1 FROM i WHERE n < 100012) "
                      "INSERT INTO metric (run, stage, name, step, tokens, flops, seconds, value) "
                      "SELECT 1, 1, 'val_loss', n, n * 128, n * 1e6 + 4e8, n, CASE n WHEN 54321 THEN 9 ELSE 4 - n * 1e-5 END FROM i")
            c.commit()
        text, page = report(f)
        expect(len(text) < 5_000_000, "its size", len(text))
        (script,) = [e for e in page.all("script") if e[1].get("id") == "tfx-data"]
        data = json.loads(script[2])
        points = data["arms"][0]["runs"][0]["points"]
        same((data["evaluations"], data["kept"]), (f.one("SELECT count(*) FROM scaling_curve"), len(points)), "counts")
        expect(1000 < len(points) <= 12_010, "how many are drawn", len(points))
        expect(f"of {data['evaluations']} evaluations {len(points)} are shown" in text, "it says so")
        rows = {tuple(p) for p in f.sql("SELECT stage, step, val_loss FROM scaling_curve")}
        expect({(p[0], p[1], p[8]) for p in points} <= rows, "they are rows of the database")
        expect({0, 54321, 100012} <= {p[1] for p in points}, "ends and spike stay")


def test_unfinished():
    with folder() as f:
        f.tfx("run", "tiny.ini", "--arm", "grown", "--seed", 1)
        text, page = report(f)
        (warning,) = page.all("p", **{"class": "warning"})
        expect("Not finished: 1 of 4 runs are done, 3 planned." in warning[2], "what is missing", warning[2])
        f.tfx("run", "tiny.ini", "--set", "train.lr=1e9", "--set", "experiment.name=bad", status=None)
        _, page = report(f, "bad")
        expect(page.all("p", **{"class": "warning"}), "failed runs are said")
        bars = [e[2] for e in page.all("span", **{"class": "more"})]
        expect(bars and all(b.endswith(", failed") for b in bars), "and have no loss that they came to", bars)


def test_mistakes():
    """A page is replaced as a whole or stays; what is wrong is named."""
    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    with folder() as f:
        f.tfx("run", "tiny.ini", "--set", "experiment.seeds=1")
        page = f.path / "page.html"
        page.write_text("old")
        # As on a full disk: the file may not grow to its size.
        r = f.tfx("report", "tiny", "-o", "page.html", status=1, preexec_fn=limited)
        expect("page.html" in r.stderr, "the file is named", r.stderr)
        same(page.read_text(), "old", "what was there before")
        before = f.files()
        r = f.tfx("report", "tinny", status=2)
        expect("no experiment 'tinny'; did you mean \"tiny\"?" in r.stderr, "the name", r.stderr)
        r = f.tfx("report", "tiny", "-o", "nowhere/page.html", status=1)
        expect("nowhere/page.html: cannot create" in r.stderr, "the folder", r.stderr)
        r = f.tfx("report", "tiny", "--output", status=2)
        expect("--output needs a value" in r.stderr, "the option", r.stderr)
        same(f.files(), before, "nothing is left behind")
        f.tfx("report", "tiny", "-o", "page.html")
        expect(page.read_text().startswith("<!DOCTYPE html>"), "the new page")


main(globals())

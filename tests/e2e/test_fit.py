#!/usr/bin/env python3
"""tfx fit: laws and intervals against SciPy's, what it reads and refuses, and what it prints."""
import json
import pathlib
import sqlite3
import tempfile

from harness import SOURCE, TINY, Folder, expect, folder, main, message, same

FITS = SOURCE / "tests" / "reference" / "fits"
EXPECTED = json.loads((FITS / "expected.json").read_text())


SIZES = TINY.split("[model transformer]")[0].replace("seeds = 1, 2", "seeds = 1") + """
[model small]
n_blocks = 1
dim = 8
context = 16
vocab = 256
blocks = block_prenorm
blocks.mixer = attention
blocks.mixer.heads = 2
blocks.ffn = mlp

[model middle]
extends = small
dim = 16

[model large]
extends = small
dim = 32

[arm short]
model = small
train.schedule = constant
"""
for size in ("small", "middle", "large"):
    for steps in (6, 12, 24):
        SIZES += f"\n[arm {size}_{steps}]\nmodel = {size}\ntrain.steps = {steps}\n"


class Csv(Folder):
    """A folder with nothing but the file t.csv."""

    def __init__(self, path, text):
        self.path = pathlib.Path(path)
        (self.path / "t.csv").write_bytes(text.encode() if isinstance(text, str) else text)


def csv(text, *args, status=0):
    with tempfile.TemporaryDirectory() as path:
        return Csv(path, text).tfx("fit", "--csv", "t.csv", *args, status=status)


def near(found, expected, relative, what):
    expect(abs(found - expected) <= relative * abs(expected), what, f"expected: {expected}\nfound:    {found}")


def rows(form="chinchilla"):
    return (FITS / f"{form}.csv").read_text()


def test_reference():
    for form, reference in EXPECTED.items():
        fit = json.loads(csv(rows(form), "--form", form, "--json").stdout)
        expect(fit["objective"] <= reference["objective"] * (1 + 1e-9), f"{form}: no worse than SciPy",
               (fit["objective"], reference["objective"]))
        for name, value in reference["coefficients"].items():
            found = fit["coefficients"][name]
            near(found["estimate"], value, 1e-3, f"{form}: {name}")
            # Two bootstraps that drew differently: their ends agree to a fraction of their distance.
            low, high = reference["low_80"][name], reference["high_80"][name]
            for end, there in zip(found["interval_80"], (low, high)):
                expect(abs(end - there) < 0.25 * (high - low), f"{form}: 80% interval of {name}",
                       f"expected: {low} to {high}\nfound:    {found['interval_80']}")
            expect(found["interval_95"][0] < found["interval_80"][0] < found["interval_80"][1] < found["interval_95"][1],
                   f"{form}: intervals of {name} are nested", found)
        same(len(fit["residuals"]), fit["points"], f"{form}: a residual for each point")


def test_same_numbers_whatever_the_file_looks_like():
    plain = json.loads(csv(rows(), "--bootstrap", "0", "--json").stdout)
    lines = [line.split(",") for line in rows().split()]
    text = "\ufeff\"Loss\", seed,Tokens ,PARAMETERS\r\n\r\n"
    for i, (n, d, loss) in enumerate(lines[1:]):
        text += f'"{loss}",1,{float(d) / 1e9:.12g}{"GB"[i % 2]},"{float(n) / 1e6:.12g}M"\r\n'
    other = json.loads(csv(text, "--bootstrap", "0", "--json").stdout)
    for name, c in plain["coefficients"].items():
        near(other["coefficients"][name]["estimate"], c["estimate"], 1e-9, name)
    same(other["notes"], ["columns that are not used: seed"], "notes")
    same([p["line"] for p in other["residuals"]][:2], [3, 4], "lines")


def test_same_bits():
    args = ("--bootstrap", "50", "--json")
    same(csv(rows(), *args).stdout, csv(rows(), *args).stdout, "the same output twice")
    expect(csv(rows(), *args, "--seed", "2").stdout != csv(rows(), *args).stdout, "another seed draws differently")


def test_flops_column():
    lines = rows().split()
    text = lines[0] + ",flops\n"
    for line in lines[1:]:
        n, d, _ = map(float, line.split(","))
        text += f"{line},{8 * n * d:.9g}\n"
    fit = json.loads(csv(text, "--bootstrap", "0", "--json").stdout)["frontier"]
    near(fit["flops_per_token"]["per_parameter"], 8, 1e-6, "FLOPs per parameter and token")
    same(fit["flops_per_token"]["measured"], True, "they were measured")
    usual = json.loads(csv(rows(), "--bootstrap", "0", "--json").stdout)["frontier"]
    same(usual["flops_per_token"], {"fixed": 0, "per_parameter": 6, "measured": False}, "without them it is 6")


def test_text():
    out = csv(rows(), "--bootstrap", "60", "--forecast", "N=5B", "D=100G").stdout
    for words in ("20 points", "L(N, D) = E + A / N^alpha + B / D^beta", "coefficient", "std error", "95% interval",
                  "Compute-optimal for C = 6 N D", "Forecast N = 5.00G, D = 100.0G: loss ", "4.17 times beyond the points"):
        expect(words in out, f"the text says '{words}'", out)
    out = csv(rows("power"), "--form", "power", "--bootstrap", "0", "--forecast", "C=1e23").stdout
    expect("Forecast C = 1.00e23: loss " in out, "a forecast by FLOPs", out)


def test_mistakes():
    head, *lines = rows().split()
    some = "\n".join(lines)
    for text, args, words in [
            ("", (), ["t.csv: expected a header", "found nothing"]),
            (some, (), ["t.csv:1:", "expected a header with a column 'params' (parameters)"]),
            ("param,tokens,loss\n" + some, (), ["t.csv:1:", "'params'", 'did you mean "param"?']),
            ("params,tokens,tokens,loss\n" + some, (), ["t.csv:1:", "the column 'tokens' is there twice"]),
            (head + "\n" + some + "\n1e9,2e9\n", (), [f"t.csv:{len(lines) + 2}:", "expected 3 fields, as in the header, found 2"]),
            (head + "\n1e9,0,2.5\n" + some, (), ["t.csv:2: tokens: expected a number above 0", "found '0'"]),
            (head + "\n1e9,-5,2.5\n" + some, (), ["t.csv:2: tokens:", "found '-5'"]),
            (head + "\n1e9,1e9,nan\n" + some, (), ["t.csv:2: loss:", "such as 2.85, found 'nan'"]),
            (head + "\n1e9,1e9,inf\n" + some, (), ["t.csv:2: loss:", "found 'inf'"]),
            (head + "\n1e999,1e9,2\n" + some, (), ["t.csv:2: params:", "found '1e999'"]),
            (head + "\n1e9,,2\n" + some, (), ["t.csv:2: tokens:", "found ''"]),
            (head + '\n"1e9,1e9,2\n' + some, (), ["t.csv:2:", "the quote that opens here is never closed"]),
            (b"a\0b", (), ["t.csv: expected text", "zero byte"]),
            (head + "\n" + "\n".join(lines[:6]), (), ["t.csv: too few points", "at least 7 points, found 6"]),
            (head + "\n" + "\n".join(lines[::4] * 2), (), ["not identified", "at least 3 different values of N", "found 1"]),
            (head + "\n" + "\n".join(",".join([*x.split(",")[:2], "2.5"]) for x in lines), (), ["expected losses that differ, found 2.5"]),
            (rows(), ("--form", "chinchila"), ["--form: there is no form 'chinchila'", 'did you mean "chinchilla"?']),
            (rows(), ("--form", "power"), ["t.csv:1:", "a column 'flops' (training FLOPs)"]),
            (rows(), ("--delta", "0"), ["--delta: expected a number from 1e-9", "found '0'"]),
            (rows(), ("--bootstrap", "-1"), ["--bootstrap: expected a whole number from 0"]),
            (rows(), ("--seed", "x"), ["--seed: expected a whole number"]),
            (rows(), ("--forecast", "N=1G"), ["--forecast: expected D=VALUE (training tokens), found 'N=1G'"]),
            (rows(), ("--forecast", "N=1G", "D=x"), ["--forecast: D: expected a number above 0", "found 'x'"]),
            (rows(), ("D=1G",), ["'D=1G'", "--forecast"]),
            (rows(), ("other",), ["found both", "other", "--csv"]),
    ]:
        message(csv(text, *args, status=2), *words)
    with tempfile.TemporaryDirectory() as path:
        f = Csv(path, "")
        message(f.tfx("fit", "--csv", "nowhere.csv", status=2), "cannot read nowhere.csv: No such file")
        message(f.tfx("fit", status=2), "expected experiments or --csv FILE")


def test_experiments():
    with folder(SIZES) as f:
        f.tfx("run", "tiny.ini")
        fit = f.json("fit", "tiny", "--bootstrap", "20", "--forecast", "N=1M,D=1M")
        same(fit["points"], 9, "points: the arm with a constant learning rate is none")
        same(fit["notes"], ["left out: 1 run that ended before the learning rate had decayed to a tenth of its peak"], "notes")
        same([(p["run"], p["N"], p["D"], round(p["loss"], 12)) for p in fit["residuals"]],
             f.sql("SELECT run, parameters, tokens_incl, round(val_loss, 12) FROM endpoint WHERE decayed ORDER BY run"), "points")
        cost = fit["frontier"]["flops_per_token"]
        same(cost["measured"], True, "FLOPs are measured")
        for k, n in f.sql("SELECT flops_incl / tokens_incl, parameters FROM endpoint"):
            near(cost["fixed"] + cost["per_parameter"] * n, k, 0.05, "what a token costs in these runs")
        same(f.json("fit", "1", "--arms", "small*", "--arms", "middle_?", "--arms", "large*", "--bootstrap", "0")["points"], 7,
             "points of some arms, of an experiment by its number")
        f.tfx("fit", "tiny", "--arms", "small*", "--arms", "[ml]*", "--form", "power", "--bootstrap", "0", "--save", "some")
        same(f.one("SELECT source FROM fit"), "tiny (arms small*, [ml]*)", "whose points a saved fit has")
        same(f.json("fit", "tiny", "--form", "power", "--bootstrap", "0")["points"], 9, "points of another form")
        message(f.tfx("fit", "tiny", "--form", "grown", status=2), "tiny: too few points for the form grown", "found 0")
        message(f.tfx("fit", "tny", status=2), "no experiment 'tny'", 'did you mean "tiny"?')
        message(f.tfx("fit", "tiny", "--arms", "smal", status=2), "--arms: no finished run of an arm 'smal'", "small_6")
        message(f.tfx("fit", "tiny", "--db", "nowhere.db", status=2), "nowhere.db")
        message(f.tfx("fit", "--csv", "t.csv", "--arms", "x", status=2), "--arms is about experiments of a database")


def test_searched():
    """Of a search of learning rates the best is a point, unless another is asked for."""
    with folder(SIZES + "\n[sweep rates]\narms = small_6, small_12\ntrain.lr = 1e-5, 3e-3\n") as f:
        f.tfx("run", "tiny.ini", *[x for a in ("small_6", "small_12", "small_24", "middle_6", "middle_12", "middle_24") for x in ("--arm", a)])
        run = dict(f.sql("SELECT arm, run FROM run_summary"))

        def points(*arms):
            fit = f.json("fit", "tiny", "--form", "power", "--bootstrap", "0", *[x for a in arms for x in ("--arms", a)])
            return {p["run"] for p in fit["residuals"]}, fit["notes"]
        best = {run[a] for a in ("small_6[lr=3e-3]", "small_12[lr=3e-3]", "small_24", "middle_6", "middle_12", "middle_24")}
        note = "left out: {} of learning rates that were not the best of their search"
        same(points(), (best, [note.format("2 runs")]), "the best")
        same(points("small_6", "small_?4", "small_12", "middle*"), (best, [note.format("2 runs")]), "by the names of swept arms")
        same(points("small_6[lr=1e-5]", "small_12", "small_24", "middle*"),
             (best - {run["small_6[lr=3e-3]"]} | {run["small_6[lr=1e-5]"]}, [note.format("1 run")]), "another one, by its name")


NEXT = SIZES.split("[model small]")[0].replace("name = tiny", "name = next") + """
[model middle]
n_blocks = 1
dim = 24
context = 16
vocab = 256
blocks = block_prenorm
blocks.mixer = attention
blocks.mixer.heads = 2
blocks.ffn = mlp

[model large]
extends = middle
dim = 32

[scaling grow]
policy = schedule
policy.models = large
policy.steps = 8
operator = random

[arm middle]
model = middle
train.steps = 40

[arm large]
model = large
train.steps = 30

[arm longer]
model = middle
train.steps = 50

[arm branch]
model = middle
start = arm:middle@step:40
train.steps = 10

[arm grown]
model = middle
scaling = grow
"""


def test_saved_fits_and_forecasts():
    with folder(SIZES) as f:
        (f.path / "next.ini").write_text(NEXT)
        message(f.tfx("plan", "next.ini", "--forecast", "sizes", status=2), "tfx.db")
        f.tfx("run", "tiny.ini")
        fit = f.json("fit", "tiny", "--save", "sizes", "--bootstrap", "40")
        name, form, points, experiment, objective = f.one("SELECT name, form, points, experiment, objective FROM fit")
        same((name, form, points, experiment), ("sizes", "chinchilla", 9, 1), "the row of the fit")
        near(objective, fit["objective"], 1e-12, "its objective")
        same(json.loads(f.one("SELECT coefficients FROM fit")), fit["coefficients"], "its coefficients")
        same(f.one("SELECT json_array_length(replicates) FROM fit"), 41, "the estimate and its replicates")
        expect("sizes  chinchilla" in f.tfx("fit", "--list").stdout, "the list has it", f.tfx("fit", "--list").stdout)
        same([r["name"] for r in f.json("fit", "--list")], ["sizes"], "the list as JSON")
        message(f.tfx("fit", "tiny", "--save", "sizes", "--bootstrap", "0", status=2), "a fit 'sizes' already")
        message(f.tfx("fit", "tiny", "--save", "a@b", status=2), "--save: expected a name without '@', found 'a@b'")
        message(f.tfx("fit", "tiny", "--list", status=2), "--list makes no fit")

        # What the plan says is what the fit says of the same place.
        plan = f.json("plan", "next.ini", "--forecast", "sizes")
        arms = {a["arm"]: a for a in plan["forecasts"]["arms"]}
        stage = {a["arm"]: a["stages"][-1] for a in plan["arms"]}
        middle, large = arms["middle"], arms["large"]
        same((middle["N"], middle["D"]), (stage["middle"]["parameters"], 40 * 64), "the place of an arm")
        same((arms["branch"]["D"], arms["branch"]["flops_incl"]), (arms["longer"]["D"], arms["longer"]["flops_incl"]),
             "the place of a branch: its trunk counts")
        same(arms["grown"]["fit"], None, "a law of models from scratch is not about a grown one")
        again = f.json("fit", "tiny", "--bootstrap", "40", "--forecast", f"N={middle['N']},D={middle['D']}")["forecasts"][0]
        near(again["loss"]["estimate"], middle["loss"]["estimate"], 1e-9, "the forecast")
        near(again["loss"]["interval_95"][0], middle["loss"]["interval_95"][0], 1e-9, "its interval")
        # Equal loss: the tokens that the other arm takes come to it.
        saving = {(s["arm"], s["against"]): s for s in plan["forecasts"]["savings"]}[("middle", "large")]
        tokens = saving["other_flops"] / stage["large"]["flops_per_token"]
        there = f.json("fit", "tiny", "--bootstrap", "0", "--forecast", f"N={large['N']},D={tokens!r}")["forecasts"][0]
        near(there["loss"]["estimate"], middle["loss"]["estimate"], 1e-6, "the loss that the other comes to")
        near(saving["saved"]["estimate"], 1 - middle["flops_incl"] / saving["other_flops"], 1e-9, "what is saved")
        # One model against itself saves nothing, in any replicate.
        saving = {(s["arm"], s["against"]): s["saved"] for s in plan["forecasts"]["savings"]}[("longer", "middle")]
        expect(all(abs(x) < 1e-6 for x in [saving["estimate"], *saving["interval_95"]]), "nothing is saved", saving)
        text = f.tfx("plan", "next.ini", "--forecast", "sizes@mid*").stdout
        same(text.count("no fit is about such an arm"), 4, "arms that the pattern leaves out")

        # Recorded before the run, scored after it.
        out = f.tfx("run", "next.ini", "--forecast", "sizes").stdout
        expect("came out" in out, "the table scores forecasts", out)
        rows = f.sql("SELECT arm, fit, forecast, val_loss, miss, inside IS NOT NULL, created <= started FROM forecast_score "
                     "ORDER BY run")
        same([r[:2] for r in rows], [("middle", "sizes"), ("large", "sizes"), ("longer", "sizes"), ("branch", "sizes")], "the forecasts")
        for arm, _, forecast, loss, miss, scored, before in rows:
            near(forecast, arms[arm]["loss"]["estimate"], 1e-9, f"the recorded forecast of {arm}")
            near(miss, loss - forecast, 1e-6, f"the miss of {arm}")
            same((scored, before), (1, 1), f"{arm} is scored, and was forecast before it began")
        message(f.tfx("run", "next.ini", "--forecast", "size", status=2), "--forecast: database tfx.db has no fit 'size'",
                'did you mean "sizes"?')
        message(f.tfx("run", "next.ini", "--forecast", "sizes", "--resume", status=2), "expected --forecast or --resume")


def test_damaged_fit():
    with folder(NEXT) as f:
        near_it = ("fit", "--csv", FITS / "chinchilla.csv", "--bootstrap", "2", "--db", "tfx.db", "--save", "x")
        f.tfx(*near_it)
        same(f.one("SELECT experiment IS NULL AND source LIKE '%chinchilla.csv' FROM fit"), 1, "points of a file")
        for column, value in (("replicates", "[]"), ("replicates", "[[1,2]]"), ("replicates", '[[1,2,3,4,"x"]]'),
                              ("ranges", "{}"), ("form", "line")):
            f.tfx(*near_it[:-1], f"{column}{value}")
            with sqlite3.connect(f.path / "tfx.db") as c:
                c.execute(f"UPDATE fit SET {column} = ? WHERE name = ?", (value, f"{column}{value}"))
            r = f.tfx("plan", "tiny.ini", "--forecast", f"{column}{value}", status=2)
            message(r, "--forecast", "form 'line'" if column == "form" else "expected its ranges and replicates")


GROWN = TINY.split("[scaling grow]")[0].replace("seeds = 1, 2", "seeds = 1")
for after in (4, 8, 12, 16):
    GROWN += f"\n[scaling after_{after}]\npolicy = schedule\npolicy.models = tokenformer_32\npolicy.steps = {after}\n"
    for before in (4, 8):
        GROWN += (f"\n[arm grown_{before}_{after}]\nmodel = tokenformer_16\nscaling = after_{after}\n"
                  f"train.steps = {before}\n")


def test_grown():
    with folder(GROWN + "\n[arm scratch]\nmodel = tokenformer_32\n") as f:
        f.tfx("run", "tiny.ini")
        fit = f.json("fit", "tiny", "--form", "grown", "--bootstrap", "0")
        same([(p["D1"], p["D2"]) for p in fit["residuals"]],
             [(128 * before, 128 * after) for after in (4, 8, 12, 16) for before in (4, 8)], "tokens before and after growth")
        same(fit["notes"], ["left out: 1 run that did not grow"], "notes")
        message(f.tfx("fit", "tiny", status=2), "too few points for the form chinchilla", "found 1")
        # A law of growth is about arms that grow: the same places, as planned.
        f.tfx("fit", "tiny", "--form", "grown", "--bootstrap", "0", "--save", "growth")
        arms = f.json("plan", "tiny.ini", "--forecast", "growth")["forecasts"]["arms"]
        same([(a["D1"], a["D2"], round(a["loss"]["estimate"], 9)) for a in arms[:-1]],
             [(p["D1"], p["D2"], round(p["fitted"], 9)) for p in fit["residuals"]], "forecasts of arms that grow")
        same((arms[-1]["arm"], arms[-1]["fit"]), ("scratch", None), "and not of one that does not")


main(globals())

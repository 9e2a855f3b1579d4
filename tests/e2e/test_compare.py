#!/usr/bin/env python3
"""tfx compare on runs: against the same conclusions drawn by Python from the tables."""
import math
import re
import statistics

from harness import *

SPEC = TINY.replace("seeds = 1, 2", "seeds = 1, 2, 3") + """
[arm long]
model = transformer
train.steps = 40
[arm short]
model = transformer
train.steps = 20
[arm constant]
model = transformer
train.schedule = constant
"""
ARMS = ["--arm", "transformer", "--arm", "short", "--arm", "long", "--arm", "constant"]
T_2 = 4.302652729911275  # Student's t(0.975) with 2 degrees of freedom


def ends(f, cost="flops"):
    """{arm: {seed: (cost, loss)}}: the last evaluation of each run."""
    out = {}
    for arm, seed, x, loss in f.sql(
            f"SELECT a.name, r.seed, m.{cost}, m.value FROM metric_latest m JOIN run r ON r.id = m.run JOIN arm a ON a.id = r.arm "
            "WHERE m.name = 'val_loss' AND r.status = 'done'"):
        out.setdefault(arm, {})[seed] = (x, loss)
    return out


def between(a, b, loss):
    """The cost at which the line from a to b has a loss."""
    return math.exp(math.log(a[0]) + (a[1] - loss) / (a[1] - b[1]) * (math.log(b[0]) - math.log(a[0])))


def close(found, right, what):
    expect(abs(found - right) <= 1e-9 * abs(right), what, f"expected {right}, found {found}")


def test_three_seeds():
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", *ARMS)
        e = ends(f)
        # `short` lies between the two others in cost and in loss.
        got = f.json("compare", "tiny", "short", "transformer,long")
        same((got["by"], got["including_ancestors"], got["decayed_endpoints"]), ("flops", True, True), "what was compared")
        (arm,) = got["arms"]
        same((arm["arm"], arm["seeds"], arm["paired"]), ("short", 3, True), "the arm")
        ratios, differences = [], []
        for pair in arm["pairs"]:
            s = pair["seed"]
            a, b, (cost, loss) = e["transformer"][s], e["long"][s], e["short"][s]
            ratios.append(between(a, b, loss) / cost)
            at_cost = a[1] + math.log(cost / a[0]) / math.log(b[0] / a[0]) * (b[1] - a[1])
            differences.append(loss - at_cost)
            close(pair["speed_up"], ratios[-1], f"seed {s}: speed-up")
            close(pair["g_stack"], ratios[-1] - 1, f"seed {s}: G_stack")
            close(pair["saved"], 1 - 1 / ratios[-1], f"seed {s}: saved")
            close(pair["difference"], differences[-1], f"seed {s}: difference")
        for name, values in (("speed_up", ratios), ("difference", differences)):
            mean, sd = statistics.mean(values), statistics.stdev(values)
            close(arm[name]["mean"], mean, name)
            close(arm[name]["sd"], sd, f"{name}: sd")
            close(arm[name]["high"] - mean, T_2 * sd / math.sqrt(3), f"{name}: interval")

        text = f.tfx("compare", "tiny", "short", "transformer,long").stdout
        for words in ("short against transformer,long: loss", "at equal loss  speed-up", "3, paired", "seed 3"):
            expect(words in text, words, text)
        expect(f"{statistics.mean(ratios):.3f} (" in text, "the mean speed-up with its interval", text)

        # By tokens; what cannot be reached; what has no decayed end.
        tokens = ends(f, "tokens")
        got = f.json("compare", "tiny", "short", "transformer,long", "--by", "tokens")["arms"][0]["pairs"][0]
        close(got["speed_up"], between(tokens["transformer"][1], tokens["long"][1], tokens["short"][1][1]) /
              tokens["short"][1][0], "by tokens")
        text = f.tfx("compare", "tiny", "long", "transformer").stdout
        expect("not reached by transformer: its best is" in text, "not reached", text)
        message(f.tfx("compare", "tiny", "short", "constant", status=2), "no run of 'constant'", "tenth of its peak", "--curve")
        text = f.tfx("compare", "tiny", "short", "long", "--curve").stdout
        expect("middle of schedules count, which overstates what A saves" in text, "--curve is named", text)
        message(f.tfx("compare", "tiny", "constant", "long", "--curve", status=2), "no run of 'constant'", "tenth of its peak")
        text = f.tfx("compare", "tiny", "short", "constant,transformer").stdout
        expect("3 of 'constant,transformer' left out" in text, "what is left out is said", text)


def test_few_seeds_and_mistakes():
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", *ARMS, "--seed", "1", "--seed", "2")
        text = f.tfx("compare", "tiny", "short", "transformer,long").stdout
        expect("fewer than 3, so no interval" in text and not re.search(r"\(.* to .*\)", text), "no interval", text)
        for arm in ("short", "transformer", "long"):
            expect(f"left out of '{arm}': seed 3 (planned)" in text, "what is left out", text)
        arm = f.json("compare", "tiny", "short", "transformer,long")["arms"][0]
        same((arm["speed_up"]["low"], arm["difference"]["high"]), (None, None), "no interval in JSON")
        message(f.tfx("compare", "tiny", "shrt", "long", status=2), "no arm 'shrt'", 'did you mean "short"?')
        message(f.tfx("compare", "tny", "short", "long", status=2), "no experiment 'tny'", 'did you mean "tiny"?')
        message(f.tfx("compare", "tiny", "short", status=2), "expected an experiment and two sets of arms")
        message(f.tfx("compare", "tiny", "short", "long", "--by", "flop", status=2), "--by: expected flops, tokens or seconds",
                'did you mean "flops"?')
        message(f.tfx("compare", "tiny", "short", "s*", status=2), "arm 'short' is on both sides")


def test_table():
    """Endpoints that somebody entered by hand: ratios by hand, with and without ancestors."""
    with folder() as f:
        table = f.path / "published.csv"
        table.write_text("# not used,arm,tokens,loss,flops,flops_excl\n"
                         "x,scratch_100B,100B,3.0,1e20,\nx,grown,50B,2.5,2e20,5e19\nx,scratch_300B,300B,2.0,1e21,\n")

        def pair(*args):
            return f.json("compare", "--csv", "published.csv", "grown", "scratch*", *args)["arms"][0]["pairs"][0]
        other = 10 ** 20.5  # half-way from 3.0 to 2.0
        for args, right in (((), other / 2e20), (("--excl",), other / 5e19),
                            (("--by", "tokens"), math.sqrt(100e9 * 300e9) / 50e9)):
            got = pair(*args)
            close(got["speed_up"], right, f"speed-up {args}")
            close(got["saved"], 1 - 1 / right, f"saved {args}")
        close(pair()["difference"], 2.5 - (3 - math.log10(2)), "at equal cost")
        same(pair("--excl")["other_loss"], None, "nothing is as cheap")
        text = f.tfx("compare", "--csv", "published.csv", "scratch_300B", "grown").stdout
        for words in ("endpoints of published.csv", "not reached by grown: its best is 2.5000 at 2.00e20",
                      "not paired: the order of the training data is not known", "columns that are not used: # not used"):
            expect(words in text, words, text)
        # Seeds, in any order of rows.
        table.write_text("seed,loss,arm,flops\n" + "".join(
            f"{s},{3 + s / 10},b,1e20\n{s},{2 + s / 10},b,1e21\n{s},{2.5 + s / 10},a,1e20\n" for s in (3, 1, 2)))
        arm = f.json("compare", "--csv", "published.csv", "a", "b")["arms"][0]
        same((arm["paired"], arm["seeds"]), (True, 3), "seeds")
        close(arm["speed_up"]["mean"], math.sqrt(10), "their mean")
        expect(abs(arm["difference"]["mean"] + 0.5) < 1e-12, "their difference", arm["difference"])

        for content, *words in (("", "published.csv: expected a header"),
                                ("arm,loss,flops\n", "expected rows behind the header"),
                                ("arm,los,flops\na,1,1\n", "published.csv:1: expected a header with a column 'loss'", '"los"'),
                                ("arm,loss,flops\na,1\n", "published.csv:2: expected 3 fields"),
                                ("arm,loss,flops\na,-1,1\n", "published.csv:2: loss: expected a number above 0", "'-1'"),
                                ("arm,loss,flops\n,1,1\n", "published.csv:2: arm: expected a name"),
                                ("arm,loss,flops\na,1,many\n", "published.csv:2: flops: expected a number", "'many'"),
                                ("arm,loss,flops,flops_excl\na,1,5,6\n", "published.csv:2: flops_excl: expected no more than"),
                                ("arm,loss,seed,flops\na,1,x,1\n", "published.csv:2: seed: expected a whole number"),
                                ("arm,loss,tokens\na,1,1\nb,1,1\n", "arm 'a' has no FLOPs including ancestors")):
            table.write_text(content)
            message(f.tfx("compare", "--csv", "published.csv", "a", "b", status=2), *words)
        message(f.tfx("compare", "--csv", "none.csv", "a", "b", status=2), "none.csv")
        message(f.tfx("compare", "--csv", "published.csv", "a", "b", "--curve", status=2), "--curve")
        message(f.tfx("compare", "--csv", "published.csv", "a", status=2), "found fewer arguments")


main(globals())

#!/usr/bin/env python3
"""tfx compare on runs: against the same conclusions drawn by Python from the tables."""
import math
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
        text = f.tfx("compare", "tiny", "short", "constant,transformer").stdout
        expect("3 of 'constant,transformer' left out" in text, "what is left out is said", text)


def test_few_seeds_and_mistakes():
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", *ARMS, "--seed", "1", "--seed", "2")
        text = f.tfx("compare", "tiny", "short", "transformer,long").stdout
        expect("fewer than 3, so no interval" in text and "(" not in text.replace("(means)", ""), "no interval", text)
        arm = f.json("compare", "tiny", "short", "transformer,long")["arms"][0]
        same((arm["speed_up"]["low"], arm["difference"]["high"]), (None, None), "no interval in JSON")
        message(f.tfx("compare", "tiny", "shrt", "long", status=2), "no arm 'shrt'", 'did you mean "short"?')
        message(f.tfx("compare", "tny", "short", "long", status=2), "no experiment 'tny'", 'did you mean "tiny"?')
        message(f.tfx("compare", "tiny", "short", status=2), "expected EXPERIMENT A B", "found fewer arguments")
        message(f.tfx("compare", "tiny", "short", "long", "--by", "flop", status=2), "--by: expected flops, tokens or seconds",
                'did you mean "flops"?')
        message(f.tfx("compare", "tiny", "short", "s*", status=2), "arm 'short' is on both sides")


main(globals())

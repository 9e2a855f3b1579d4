#!/usr/bin/env python3
"""Parameter groups of [train], and optimizers that treat parameters differently: what moves, by how much, and what is kept
of it when a model grows."""
import re

from harness import *

SPEC = TINY.replace("seeds = 1, 2", "seeds = 1")
ONE_STEP = ["--arm", "transformer", "--set", "train.steps=1", "--set", "train.warmup=0", "--set", "train.schedule=constant",
            "--set", "train.clip=0"]
PLAIN = ["--set", "train.optimizer=sgd", "--set", "train.optimizer.momentum=0"]
SLOTS = 16  # old ones
QUERY, EMBEDDING, NORM = "blocks.0.mixer.q.weight", "embedding.weight", "norm.weight"


def group(*keys, name="some"):
    return [w for key in keys for w in ("--set", f"train.group.{name}.{key}")]


def last(f, name):
    """Tensors of the newest checkpoint."""
    path = f.sql("SELECT path FROM checkpoint ORDER BY id DESC")[0][0]
    return safetensors(f.path / path / f"{name}.safetensors")[0]


def trained(*args):
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", *ONE_STEP, *args)
        return {n: floats(t) for n, t in last(f, "model").items()}


def moved(args, base=()):
    """How far one step takes each parameter."""
    before, after = trained(*PLAIN, "--set", "train.lr=1e-30", "--set", "train.min_lr=1e-30"), trained(*PLAIN, *base, *args)
    return {n: [b - a if abs(b - a) > 1e-20 else 0 for a, b in zip(before[n], after[n])] for n in before}


def test_learning_rate():
    usual, half = moved([]), moved(group("match=*.mixer.*, embedding.*", "lr=0.5"))
    for name in (QUERY, EMBEDDING, NORM):
        factor = 1 if name == NORM else 0.5
        expect(any(usual[name]), f"{name} moves")
        expect(all(abs(b - factor * a) < 1e-6 for a, b in zip(usual[name], half[name])), f"{name} moves {factor} times as far")


def test_decay():
    decays = ["--set", "train.optimizer.weight_decay=0.5"]
    usual, plain = moved(decays), moved([])
    off, on = moved([*decays, *group("match=" + QUERY, "decay=no")]), moved([*decays, *group("match=*", "decay=yes")])
    same(off[QUERY], plain[QUERY], "no decay for the group")
    same(off[EMBEDDING], usual[EMBEDDING], "and for others as before")
    expect(usual[QUERY] != plain[QUERY] and usual[NORM] == plain[NORM], "matrices decay, norms do not")
    expect(on[NORM] != plain[NORM], "unless a group says so")
    everything = ["--set", "train.optimizer=adamw", "--set", "train.optimizer.decay=everything"]
    base, without = trained(*everything), trained(*everything, *group("match=" + NORM, "decay=no"))
    expect(base[NORM] != without[NORM] and base[QUERY] == without[QUERY], "a group has the last word over adamw's `decay`")


def plan(f, *args):
    return json.loads(f.tfx("plan", "tiny.ini", "--json", *args).stdout)["arms"][0]["stages"][0]


def test_frozen():
    still = moved(group("match=blocks.*", "freeze=yes"))
    for name, moves in still.items():
        same(any(moves), not name.startswith("blocks."), f"{name} moves")
    with folder(SPEC) as f:
        usual, frozen = plan(f), plan(f, *group("match=blocks.*", "freeze=yes"))
        same(frozen["parameters"], usual["parameters"], "parameters")
        for key in ("flops_per_token", "peak_bytes"):
            expect(frozen[key] < usual[key], f"{key} is less", f"{frozen[key]} and {usual[key]}")
        f.tfx("run", "tiny.ini", "--arm", "transformer", *group("match=blocks.*", "freeze=yes"))
        kept = last(f, "optimizer")
        expect(kept and not any(n.startswith("blocks.") for n in kept), "no optimizer state for what is frozen", list(kept))


def test_arms_have_their_own():
    """An arm changes a group of [train], or does without it; a sweep goes over its numbers; what is recorded says the same."""
    spec = SPEC.replace("[model", "group.q.match = blocks.*.mixer.q.*\ngroup.q.lr = 0.5\n\n[model", 1)
    spec = re.sub(r"\[arm transformer\]", "[arm transformer]\ntrain.group.q.lr = 2", spec)
    spec += "\n[arm plain]\nmodel = transformer\ntrain.group.q.match =\n"
    spec += "\n[arm swept]\nmodel = transformer\n[sweep s]\narms = swept\ntrain.group.q.lr = 0.1, 0.2\n"
    with folder(spec) as f:
        f.tfx("run", "tiny.ini", *(w for a in ("transformer", "plain", "swept") for w in ("--arm", a)), "--set", "train.steps=1")
        (text,) = f.sql("SELECT text FROM spec")[0]
        arms = dict(re.findall(r"^\[arm ([^\n]*)\]\n(.*?)(?=^\[|\Z)", text, flags=re.S | re.M))
        found = {a: re.findall(r"train\.group\.q\.lr = (.*)", t) for a, t in arms.items()}
        for arm, lr in (("transformer", ["2"]), ("plain", []), ("swept[lr=0.1]", ["0.1"]), ("swept[lr=0.2]", ["0.2"])):
            same(found.get(arm), lr, f"what is recorded of {arm}")


def test_mistakes():
    refused = [
        (["match=blocks.*", "lrr=1"], 'unknown key "group.some.lrr"', 'did you mean "group.some.lr"?'),
        (["lr=1"], "group.some.match: missing key: expected patterns of parameters' paths"),
        (["match=blocks.*", "lr=-1"], "group.some.lr: expected number, 0 to 1000000; found \"-1\""),
        (["match=blocks.*", "decay=maybe"], "group.some.decay: expected one of: default, yes, no; found \"maybe\""),
        (["match=blocks.0.mixr.q.weight"], 'group.some.match: no parameter of any arm is "blocks.0.mixr.q.weight"',
         'did you mean "blocks.0.mixer.q.weight"?'),
        (["match=*", "freeze=yes"], "no parameter is trained"),
        (["a.b.match=*"], "group.some.a.b.match: expected group.NAME.KEY"),
    ]
    with folder(SPEC) as f:
        for keys, *says in refused:
            r = f.tfx("plan", "tiny.ini", *group(*keys), status=None)
            expect(r.returncode != 0 and all(s in r.stderr for s in says), f"{keys} is refused", r.stderr)
        r = f.tfx("plan", "tiny.ini", *group("match=blocks.0.*"), *group("match=*.q.weight", name="q"),
                  status=None)
        expect("group.q.match: expected parameters that no other group has; found blocks.0.mixer.q.weight, which is in "
               "group.some, too" in r.stderr, "groups that overlap", r.stderr)


def test_muon_knows_what_is_a_hidden_matrix():
    """State by parameter: the momentum alone for matrices of layers, Adam's for the embedding, which is a matrix, too."""
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", *ONE_STEP, "--set", "train.optimizer=muon")
        kept = last(f, "optimizer")
        for name, states in ((QUERY, {"m"}), ("blocks.1.ffn.up.weight", {"m"}),
                             (EMBEDDING, {"m", "v", "m_filled", "v_filled"}), (NORM, {"m", "v", "m_filled", "v_filled"})):
            same({n.split("/")[1] for n in kept if n.startswith(name + "/")}, states, f"state of {name}")


def test_growth():
    """Every optimizer goes on where a TokenFormer grew; a resumed run has the same bits."""
    for name in ("lion", "muon", "adafactor"):
        for carry in ("extend", "keep", "reset"):
            args = ["--arm", "grown", "--set", f"train.optimizer={name}", "--set", f"scaling.grow.event.optimizer={carry}"]
            with folder(SPEC) as f:
                f.tfx("run", "tiny.ini", *args)
                losses = [x for (x,) in f.sql("SELECT value FROM metric WHERE name = 'val_loss' ORDER BY step")]
                expect(len(losses) > 2 and all(0 < x < 7 for x in losses), f"{name}, {carry}: losses", losses)
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", "--arm", "grown", "--set", "train.optimizer=adafactor")
        t = last(f, "optimizer")
        key = "blocks.0.mixer.q.key"
        n = len(floats(t[key + "/rows"]))
        expect(n > SLOTS and len(floats(t[key + "/columns"])) == 32 and len(floats(t[key + "/t"])) == 1, "factored state", n)
        expect(all(x > 0 for x in floats(t[key + "/rows"])), "rows of old and new slots have been seen")


main(globals())

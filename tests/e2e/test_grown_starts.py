#!/usr/bin/env python3
"""Arms that grow where they start: [scaling] without a policy, from an arm, a run and a checkpoint."""
from harness import *

SPEC = """
[experiment]
name = branches

[data]
loader = bytes
loader.train = train.txt
loader.val = val.txt
eval_tokens = 512

[train]
steps = 12
batch = 4
lr = 3e-3
schedule = constant
warmup = 0

[model small]
n_blocks = 2
dim = 24
context = 32
vocab = 256
blocks.{norm1,norm2} = layernorm_nonparam
blocks.mixer.heads = 3
blocks.mixer.{q,k,v,o} = pattention
blocks.mixer.{q,k,v,o}.slots = 10
blocks.ffn = pattention
blocks.ffn.slots = 21

[model wide]
extends = small
blocks.ffn.slots = 40

[model deep]
extends = small
n_blocks = 3

[scaling append]
operator = slots

[scaling deepen]
operator = zero_blocks

[scaling on_the_way]
policy = schedule
policy.models = deep
policy.steps = 6
operator = zero_blocks
event.schedule = continue

[arm base]
model = small

[arm wide]
model = wide
start = arm:base@step:8
scaling = append
train.steps = 6

[arm deep]
model = deep
start = arm:base@step:8
scaling = deepen
train.steps = 6

[arm at_once]
model = small
scaling = on_the_way
train.steps = 8
"""


def run_of(f, arm):
    return f.one("SELECT r.id FROM run r JOIN arm a ON a.id = r.arm WHERE a.name = ? ORDER BY r.id DESC LIMIT 1", arm)


def weights(f, arm, reason):
    path = f.one("SELECT path FROM checkpoint WHERE run = ? AND reason = ? AND superseded = 0", run_of(f, arm), reason)
    return {name: t for file in ("model", "optimizer")
            for name, t in safetensors(f.path / path / f"{file}.safetensors")[0].items()}


def test_from_an_arm():
    with folder(SPEC) as f:
        plan = f.tfx("plan", "tiny.ini").stdout
        expect("[arm wide] from step 8 of arm base" in plan, "the plan says where it starts", plan)
        for arm in ("wide", "deep"):
            expect(f"growth: arm {arm} into {arm} keeps the function: " in plan, "and that growth there keeps the function", plan)
        f.tfx("run", "tiny.ini", "--set", "arm.wide.train.slice_every=2")
        steps = [s for (s,) in f.sql("SELECT DISTINCT step FROM slice_metric WHERE run = ? ORDER BY step", run_of(f, "wide"))]
        same(steps, [1, 3, 5], "steps with measurements of old and new slices")
        for arm in ("wide", "deep"):
            delta, before, after, step, claim = f.one("SELECT probe_max_abs_delta_logit, probe_loss_before, probe_loss_after, step, "
                                                      "keeps_function FROM growth_event WHERE run = ?", run_of(f, arm))
            expect(claim == 1 and step == 0 and delta < 1e-5 and abs(before - after) < 1e-5, f"{arm} keeps the function", (delta, step))
            trunk, own, all_in = f.one("SELECT c.flops, s.flops_excl, s.flops_incl FROM checkpoint c, run_summary s WHERE c.run = ? "
                                       "AND c.step = 8 AND s.run = ?", run_of(f, "base"), run_of(f, arm))
            expect(abs(trunk + own - all_in) < 1e-3, f"{arm}: what the trunk spent up to there counts", (trunk, own, all_in))
        # The same event in one run: nothing is random, so everything after it is the same, to the bits.
        same(weights(f, "deep", "grown"), weights(f, "at_once", "grown"), "grown at the start and on the way")
        same(weights(f, "deep", "final"), weights(f, "at_once", "final"), "and trained on")


def test_from_a_run_and_a_checkpoint():
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", "--arm", "base", "--arm", "wide")
        expected = weights(f, "wide", "final")
        folder_of = f.one("SELECT path FROM checkpoint WHERE run = 1 AND step = 8")
        f.tfx("run", "tiny.ini", "--arm", "wide", "--set", "arm.wide.start=run:1@step:8")
        same(weights(f, "wide", "final"), expected, "from run 1")
        f.tfx("run", "tiny.ini", "--arm", "wide", "--set", f"arm.wide.start=checkpoint:{folder_of}")
        same(weights(f, "wide", "final"), expected, "from the folder of a checkpoint")
        (f.path / "other").mkdir()
        f.tfx("run", "tiny.ini", "--arm", "wide", "--set", f"arm.wide.start=checkpoint:{folder_of}", "--db", "other/tfx.db")
        row = f.one("SELECT path, 0 FROM checkpoint WHERE reason = 'final'", db="other/tfx.db")
        expect(f.one("SELECT probe_max_abs_delta_logit FROM growth_event", db="other/tfx.db") < 1e-5, "the event is recorded")
        found = {n: t for file in ("model", "optimizer")
                 for n, t in safetensors(f.path / "other" / row[0] / f"{file}.safetensors")[0].items()}
        same(found, expected, "into another database")


def test_copied_slots():
    """Copies shared out evenly keep the function, with tau for their number; unevenly they do not."""
    copies = [w for key in ("keys=copy", "values=copy", "tau=rescale") for w in ("--set", f"scaling.append.operator.{key}")]
    for slots, keeps in ((42, 1), (40, 0)):
        with folder(SPEC) as f:
            f.tfx("run", "tiny.ini", "--arm", "wide", *copies, "--set", f"model.wide.blocks.ffn.slots={slots}")
            claim, delta = f.one("SELECT keeps_function, probe_max_abs_delta_logit FROM growth_event")
            expect(claim == keeps and (delta < 1e-5) == bool(keeps), f"{slots} of 21 slots", (claim, delta))


def test_optimizer():
    with folder(SPEC) as f:
        for settings, expected in ((["start.optimizer=reset"], False), (["start.optimizer=keep"], True)):
            f.tfx("run", "tiny.ini", "--arm", "wide", *(w for s in settings for w in ("--set", f"arm.wide.{s}")))
            same(any(floats(weights(f, "wide", "grown")["embedding.weight/m"])), expected, f"{settings}: moments")
        f.tfx("run", "tiny.ini", "--arm", "wide", "--set", "scaling.append.event.optimizer=reset")
        same(any(floats(weights(f, "wide", "grown")["embedding.weight/m"])), False, "event.optimizer = reset")


def test_killed():
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", "--arm", "base", "--arm", "wide")
        right = outcome(f, run_of(f, "wide"))
    for at in range(3, 60, 8):
        with folder(SPEC) as f:
            f.tfx("run", "tiny.ini", "--arm", "base", "--arm", "wide", status=None, env=crashing(at))
            f.tfx("run", "tiny.ini", "--arm", "base", "--arm", "wide", "--resume")
            same_outcome(outcome(f, run_of(f, "wide")), right, f"killed at change {at}")


def test_the_verb():
    """tfx grow makes the event alone: the same weights as an arm that grows there, recorded in the lineage."""
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", "--arm", "base", "--arm", "wide")
        expected = weights(f, "wide", "grown")
        first, path = f.one("SELECT id, path FROM checkpoint WHERE run = 1 AND step = 8")
        r = f.tfx("grow", first, "--model", "tiny.ini:wide", "--scaling", "tiny.ini:append", "-o", "out")
        made = int(r.stdout.split()[1].rstrip(","))
        found = {n: t for file in ("model", "optimizer") for n, t in safetensors(f.path / "out" / f"{file}.safetensors")[0].items()}
        same(found, expected, "the same event")
        ancestors = [row["checkpoint"] for row in f.json("lineage", made)["checkpoints"]]
        expect(first in ancestors, "the lineage leads to the old checkpoint", ancestors)
        same(f.one("SELECT status FROM run ORDER BY id DESC LIMIT 1"), "done", "status")
        # From a folder, by default with slots; and arms go on from what was made.
        f.tfx("grow", path, "--model", "tiny.ini:wide")
        same(weights(f, "grow", "final"), expected, "from the folder")
        f.tfx("run", "tiny.ini", "--arm", "wide", "--set", "arm.wide.start=checkpoint:out", "--set", "arm.wide.scaling=")
        same(f.one("SELECT status FROM run WHERE id = ?", run_of(f, "wide")), "done", "an arm goes on from there")
        before = f.files()
        for args, words in ((["1"], ("expected --model SPEC:NAME",)), (["9999", "--model", "tiny.ini:wide"], ("no checkpoint 9999",)),
                            (["nowhere", "--model", "tiny.ini:wide"], ("number of a checkpoint or its folder", "'nowhere'")),
                            ([path, "--model", "tiny.ini"], ("expected SPEC:NAME", "'tiny.ini'")),
                            ([path, "--model", "tiny.ini:wid"], ("no [model wid]", 'did you mean "wide"?')),
                            ([path, "--model", "tiny.ini:wide", "--scaling", "tiny.ini:apend"], ("no [scaling apend]", 'did you mean "append"?')),
                            ([path, "--model", "tiny.ini:wide", "--scaling", "other.ini:append"], ("expected the spec of --model",)),
                            ([path, "--model", "tiny.ini:deep"], ("operator slots", "nothing to grow from")),
                            (["out", "--model", "tiny.ini:small"], ("would be 21", "can only become more")),
                            ([path, "--model", "tiny.ini:wide", "-o", "out"], ("--output", "not there; found out"))):
            message(f.tfx("grow", *args, status=2), *words)
        same([n for n in f.files() if "tfx.db" not in n], [n for n in before if "tfx.db" not in n], "nothing was written")


def test_refused():
    for settings, words in ((["arm.wide.start="], ("[scaling append]: missing key \"policy\"", "[arm wide] does not start from another run")),
                            (["arm.wide.model=small"], ("operator slots", "appends no slots")),
                            (["model.wide.context=16"], ("[arm wide]", "cannot grow into", "context")),
                            (["model.wide.n_blocks=3"], ("[arm wide]", "nothing to grow from")),
                            (["scaling.append.operator.1=random"], ("[scaling append]: settings for growth event 1; the policy has 0",)),
                            (["scaling.append.policy.models=wide"], ('unknown key "policy.models"',)),
                            (["arm.wide.scaling="], ("[arm wide]", "expected the model that is there", "whose scaling has no policy"))):
        with folder(SPEC) as f:
            message(f.tfx("plan", "tiny.ini", *(w for s in settings for w in ("--set", s)), status=2), *words)


main(globals())

#!/usr/bin/env python3
"""What a run leaves for those who compare: learning rates at the ends of stages, and which text was trained on and
evaluated."""
from harness import *

SPEC = TINY.replace("seeds = 1, 2", "seeds = 1") + """
[model longer]
extends = transformer
context = 64
[arm longer]
model = longer
[arm rows]
model = transformer
train.micro_batch = 2
"""


def test_everything():
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", "--set", "scaling.grow.event.schedule=continue",
              "--set", "data.eval_tokens=1024")
        rows = {(arm, stage): rest for arm, stage, *rest in f.sql(
            "SELECT arm, stage, final, decayed, last_lr / peak_lr, val_loss, data_order, eval_tokens, eval_hash FROM endpoint")}
        for (arm, stage), (final, decayed, share, loss, *_) in rows.items():
            last = stage == 2 if arm == "grown" else stage == 0
            same(final, last, f"{arm}, stage {stage}: final")
            # The schedule of the grown arm goes on where it grows.
            same(decayed, last, f"{arm}, stage {stage}: decayed")
            expect(abs(share - 0.1) < 1e-12 if last else 0.1 < share < 1, f"{arm}, stage {stage}: share of the peak", share)
            same(loss, f.one("SELECT value FROM metric m JOIN stage s ON s.id = m.stage JOIN run r ON r.id = m.run JOIN arm a "
                             "ON a.id = r.arm WHERE a.name = ? AND s.number = ? AND m.name = 'val_loss' "
                             "ORDER BY m.step DESC LIMIT 1", arm, stage), f"{arm}: its last evaluation")
        same({n for *_, n, _ in rows.values()}, {1024}, "tokens evaluated")
        same({h for *_, h in rows.values()}, {rows["transformer", 0][-1]}, "one text, though windows of `longer` are others")
        orders = {key: r[4] for key, r in rows.items()}
        same(orders["grown", 2], orders["transformer", 0], "the same training data in the same order")
        for arm in ("longer", "rows"):
            expect(orders[arm, 0] != orders["transformer", 0], f"another order: {arm}", orders)

        # Other tokens, or as many others, have another hash; a resume evaluates the same.
        hashes = {rows["transformer", 0][-1]}
        for n, setting in enumerate(["data.eval_tokens=256", "data.loader.val=train.txt"]):
            f.tfx("run", "tiny.ini", "--arm", "transformer", "--set", setting, "--db", f"{n}.db")
            hashes.add(f.one("SELECT eval_hash FROM endpoint WHERE arm = 'transformer'", db=f"{n}.db"))
        same(len(hashes), 3, "texts")


def test_constant_rates():
    """A run that never lets its learning rate fall has an end, but no decayed one."""
    with folder(SPEC) as f:
        f.tfx("run", "tiny.ini", "--arm", "transformer", "--set", "train.schedule=constant")
        same(f.sql("SELECT final, decayed, last_lr / peak_lr FROM endpoint"), [(1, 0, 1.0)], "constant")


main(globals())

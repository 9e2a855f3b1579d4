#!/usr/bin/env python3
"""`tfx eval` and `tfx generate` on what a run has left behind. The losses are computed again here, from the
logits alone."""
import math
import re

from harness import *

VOCAB, CONTEXT = 256, 32


def write_tokens(path, tokens, kind="nanogpt"):
    header = {"nanogpt": [], "llmc16": [20240520, 1, len(tokens)], "llmc32": [20240801, 7, len(tokens)]}[kind]
    data = struct.pack("<256i", *header, *[0] * (256 - len(header))) if header else b""
    path.write_bytes(data + struct.pack(f"<{len(tokens)}{'I' if kind == 'llmc32' else 'H'}", *tokens))


def loss_of(logits, tokens):
    """Mean cross-entropy of every token that has a predecessor in its window."""
    total, n = 0.0, 0
    for i in range(len(tokens) - 1):
        if i % CONTEXT == CONTEXT - 1:
            continue
        row = logits[i * VOCAB:(i + 1) * VOCAB]
        top = max(row)
        total += top + math.log(sum(math.exp(x - top) for x in row)) - row[tokens[i + 1]]
        n += 1
    return total / n


def close(a, b, what, tolerance=1e-5):
    expect(abs(a - b) <= tolerance, what, f"{a} and {b} differ by {abs(a - b)}")


def test_eval():
    with folder() as f:
        f.tfx("run", "tiny.ini")
        grown = lambda *args, **more: f.json("eval", "tiny.ini", "--arm", "grown", *args, **more)
        finals = dict(f.sql("SELECT run, id FROM checkpoint WHERE reason = 'final'"))
        losses = dict(f.sql("SELECT run, val_loss FROM run_summary"))
        bits = dict(f.sql("SELECT run, bits_per_byte FROM run_summary"))
        paths = dict(f.sql("SELECT id, path FROM checkpoint"))

        # By default the newest checkpoint of the arm: that of the last seed.
        r = grown()
        same((r["arm"], r["model"], r["stage"], r["tokens"]), ("grown", "tokenformer_48", 2, 2 * 4 * CONTEXT), "eval")
        same((f"{r['loss']:.12f}", f"{r['bits_per_byte']:.12f}"), (f"{losses[4]:.12f}", f"{bits[4]:.12f}"), "its loss")
        close(r["bits_per_byte"], r["loss"] / math.log(2), "bits per byte", 1e-12)
        for run in (3, 4):
            same(f"{grown('--checkpoint', finals[run])['loss']:.12f}", f"{losses[run]:.12f}", "loss of a checkpoint")
            for weights in (paths[finals[run]], paths[finals[run]] + "/model.safetensors"):
                same(f"{grown('--weights', weights)['loss']:.12f}", f"{losses[run]:.12f}", "loss of a weights file")
        text = f.tfx("eval", "tiny.ini", "--arm", "transformer").stdout
        expect(f"loss {losses[2]:.6f}" in text and "stage 0, model transformer" in text, "eval as text", text)

        # Every stage's shapes are found from the weights; the loss is the one recorded there.
        for stage, reason, id, loss in f.sql("SELECT s.number, c.reason, c.id, m.value FROM checkpoint c "
                                             "JOIN stage s ON s.id = c.stage JOIN metric m ON m.stage = s.id AND "
                                             "m.step = c.step AND m.name = 'val_loss' WHERE c.run = 3 AND "
                                             "c.deleted IS NULL"):
            r = grown("--checkpoint", id)
            same((r["stage"], f"{r['loss']:.12f}"), (stage, f"{loss:.12f}"), f"eval of the {reason} checkpoint")
            same(grown("--checkpoint", id, "--stage", stage)["loss"], r["loss"], "with its stage")

        # Tokens in each format; logits whose loss is the one that is printed.
        tokens = list((f.path / "val.txt").read_bytes()[:3 * CONTEXT + 5])
        found = {}
        for kind in ("nanogpt", "llmc16", "llmc32"):
            write_tokens(f.path / "t.bin", tokens, kind)
            r = grown("--tokens", "t.bin", "--logits", "out.safetensors")
            tensors, _ = safetensors(f.path / "out.safetensors")
            same({n: t[:2] for n, t in tensors.items()}, {"logits": ("F32", [len(tokens), VOCAB])}, "the logits' shape")
            found[kind] = (r["loss"], r["tokens"], tensors["logits"][2])
            same(found[kind], found["nanogpt"], f"result of {kind}")
        logits = struct.unpack(f"<{len(tokens) * VOCAB}f", found["nanogpt"][2])
        close(found["nanogpt"][0], loss_of(logits, tokens), "the loss from the logits")
        same(found["nanogpt"][1], len(tokens), "number of tokens")

        # Windows stand alone, and later tokens do not reach back.
        write_tokens(f.path / "t.bin", tokens[CONTEXT:CONTEXT + 7])
        grown("--tokens", "t.bin", "--logits", "part.safetensors")
        part = floats(safetensors(f.path / "part.safetensors")[0]["logits"])
        whole_rows = logits[CONTEXT * VOCAB:(CONTEXT + 7) * VOCAB]
        close(max(abs(a - b) for a, b in zip(part, whole_rows)), 0, "logits of a shorter text")

        # Mistakes.
        write_tokens(f.path / "far.bin", [1, 2, 256])
        (f.path / "odd.bin").write_bytes(b"abc")
        (f.path / "empty.bin").write_bytes(b"")
        data = (f.path / "t.bin").read_bytes()
        (f.path / "short.bin").write_bytes(struct.pack("<256i", 20240520, 1, 99, *[0] * 253) + data)
        before = f.files()
        for args, words in [
            (["--arm", "grwn"], ['did you mean "grown"?']),
            ([], ["2 arms", "--arm"]),
            (["--arm", "grown", "--stage", 1], ["stage 1 (model tokenformer_32)", "blocks.0.mixer.q.key", "[32, 32]", "[48, 32]"]),
            (["--arm", "grown", "--stage", 5], ["3 stages", "no stage 5"]),
            (["--arm", "transformer", "--weights", paths[finals[3]]], ["transformer", "is missing"]),
            (["--arm", "grown", "--checkpoint", 999], ["no checkpoint 999"]),
            (["--arm", "grown", "--checkpoint", "x"], ["--checkpoint", "'x'"]),
            (["--arm", "grown", "--checkpoint", 7], ["checkpoint 7", "no longer there"]),
            (["--arm", "grown", "--weights", "nope.safetensors"], ["nope.safetensors", "No such file"]),
            (["--arm", "grown", "--weights", "val.txt"], ["val.txt", "not a safetensors file"]),
            (["--arm", "grown", "--weights", "val.txt", "--checkpoint", 1], ["--weights or --checkpoint"]),
            (["--arm", "grown", "--logits", "x.safetensors"], ["--logits needs --tokens"]),
            (["--arm", "grown", "--tokens", "far.bin", "--logits", "x.safetensors"], ["far.bin", "token 2 is 256", "256"]),
            (["--arm", "grown", "--tokens", "odd.bin"], ["odd.bin", "3 bytes"]),
            (["--arm", "grown", "--tokens", "empty.bin"], ["empty.bin"]),
            (["--arm", "grown", "--tokens", "short.bin"], ["short.bin", "99 tokens"]),
            (["--arm", "grown", "--tokens", "nope.bin"], ["nope.bin", "No such file"]),
        ]:
            message(f.tfx("eval", "tiny.ini", *args, status=2), *words)
        for out in ("none/x.safetensors", "."):
            r = f.tfx("eval", "tiny.ini", "--arm", "grown", "--tokens", "t.bin", "--logits", out, status=None)
            expect(r.returncode in (1, 2) and r.stdout == "", f"logits cannot be written to {out}", r.stderr)
        same(f.files(), before, "files in the folder")

    with folder() as f:
        message(f.tfx("eval", "tiny.ini", "--arm", "grown", status=2), "no database tfx.db")
        f.tfx("run", "tiny.ini", "--set", "experiment.seeds=1", env=crashing(3), status=3)
        message(f.tfx("eval", "tiny.ini", "--arm", "grown", status=2), "'grown'", "no checkpoint yet")
        message(f.tfx("eval", "tiny.ini", "--arm", "grown", "--set", "experiment.name=new", status=2), "'new'", "has not been run")


def test_the_same_tokens_for_everybody():
    """How many rows fit into a pass does not decide what is evaluated, and a small split is not read twice."""
    losses = {}
    for tokens, expected in ((1000, 1000), (10**9, None)):
        for micro_batch in (1, 2, 4):
            with folder() as f:
                settings = ("--set", f"train.micro_batch={micro_batch}", "--set", f"data.eval_tokens={tokens}", "--set",
                            "experiment.seeds=1", "--set", "train.steps=2", "--set", "scaling.grow.policy.steps=1,1")
                (f.path / "val.txt").write_bytes((f.path / "val.txt").read_bytes()[:6000]) # all of it, many times
                split = (f.path / "val.txt").stat().st_size
                whole = (split - 1) // CONTEXT * CONTEXT
                plan, r = f.tfx("plan", "tiny.ini", *settings).stdout, f.tfx("run", "tiny.ini", *settings)
                short = f"evaluation: all {whole} tokens that fill windows of the validation split"
                same((short in plan, short in r.stderr), (expected is None,) * 2, "less text than asked for is said")
                expect(expected is None or f"evaluation: {expected} tokens, spread" in plan, "the plan says how many", plan)
                for a in f.json("plan", "tiny.ini", *settings)["arms"]:
                    same(a["eval_tokens"], expected or whole, "tokens in the plan")
                for run, arm in ((1, "transformer"), (2, "grown")):
                    found = f.sql("SELECT value FROM metric WHERE run = ? AND name = 'val_loss' ORDER BY id", run)
                    first = found[0][0]  # before training, in which rounding would tell
                    close(first, losses.setdefault((tokens, arm), first), f"loss with micro_batch {micro_batch}", 2e-6)
                    e = f.json("eval", "tiny.ini", "--arm", arm, *settings)
                    same((e["tokens"], f"{e['loss']:.12f}"), (expected or whole, f"{found[-1][0]:.12f}"), "tfx eval")
    with folder() as f:
        for context, said in ((16, 0), (48, 1)):
            r = f.tfx("plan", "tiny.ini", "--set", f"model.transformer.context={context}", "--set", "data.eval_tokens=4096")
            same(r.stderr.count(f"note: arm grown (context 32) is evaluated on other tokens than arm transformer (context "
                                f"{context})"), said, f"context {context}")
    with folder(TINY.replace("eval_every = 5", "eval_every = 5\neval_batches = 2")) as f:
        message(f.tfx("run", "tiny.ini", status=2), "tiny.ini:", '"eval_batches" was removed', "data.eval_tokens")


def test_a_long_evaluation_shows_where_it_is():
    with folder() as f:
        f.tfx("run", "tiny.ini", "--set", "experiment.seeds=1")
        master, slave = os.openpty()
        p = f.start("eval", "tiny.ini", "--arm", "transformer", "--set", "data.loader=synthetic", "--set",
                    "data.eval_tokens=1000000000000", stderr=slave, env={"TERM": "xterm"})
        os.close(slave)
        shown = b""
        while b"ETA" not in shown:
            shown += os.read(master, 4096)
        p.kill()
        p.communicate()
        os.close(master)
        expect(re.search(r"transformer  [█░#.]+  evaluating 0%  ETA +\d", re.sub(r"\033.*?m", "", shown.decode())), "a live line",
               shown)


def test_generate():
    with folder() as f:
        f.tfx("run", "tiny.ini", "--set", "experiment.seeds=1")
        final, path = f.one("SELECT id, path FROM checkpoint WHERE run = 2 AND reason = 'final'")
        say = lambda *args, ckpt=final: f.tfx("generate", ckpt, *args).stdout
        ids = lambda *args: [int(x) for x in say(*args).split()]

        text = say("--prompt", "The ", "--tokens", 40)
        expect(text.startswith("The ") and text.endswith("\n"), "the prompt comes first", text)
        same(say("--prompt", "The ", "--tokens", 40), text, "the same seed")
        same(say("--prompt", "The ", "--tokens", 40, "--seed", 1), text, "the default seed")
        expect(say("--prompt", "The ", "--tokens", 40, "--seed", 2) != text, "another seed")
        same(say("--prompt", "The ", "--tokens", 40, ckpt=path), text, "the checkpoint by its folder")
        expect(say("--prompt", "The ", "--tokens", 40, ckpt=final - 1) != text, "another checkpoint")

        # Ids in, ids out; as many as asked for, also beyond the context; of the same model as text.
        prompt = ",".join(str(b) for b in b"The ")
        drawn = ids("--prompt-tokens", prompt, "--tokens", 2 * CONTEXT)
        same(len(drawn), 2 * CONTEXT, "number of ids")
        expect(all(0 <= t < VOCAB for t in drawn) and len(set(drawn)) > 5, "ids of the vocabulary", drawn)
        same(ids("--prompt-tokens", prompt, "--tokens", 40), drawn[:40], "fewer of them")

        # Temperature 0 takes what the logits say, and so does drawing among one.
        greedy = ids("--prompt-tokens", prompt, "--tokens", 5, "--temperature", 0)
        same(ids("--prompt-tokens", prompt, "--tokens", 5, "--top-k", 1), greedy, "top-k 1")
        tokens = list(b"The ")
        for t in greedy:
            write_tokens(f.path / "t.bin", tokens)
            f.tfx("eval", "tiny.ini", "--arm", "grown", "--checkpoint", final, "--tokens", "t.bin", "--logits", "l.safetensors")
            row = floats(safetensors(f.path / "l.safetensors")[0]["logits"])[-VOCAB:]
            same(t, row.index(max(row)), "the most likely token")
            tokens.append(t)

        # Several at once: each gets what it gets alone, whatever its length; as ids, a line for each.
        prompts = ["The ", "A", "x" * (CONTEXT + 5)]
        alone = [say("--prompt", p, "--tokens", 30, "--temperature", 0) for p in prompts]
        same(say(*[x for p in prompts for x in ("--prompt", p)], "--tokens", 30, "--temperature", 0), "\n".join(alone), "together")
        lines = say("--prompt-tokens", prompt, "--prompt-tokens", "65,66", "--tokens", 7).split("\n")
        same([len(x.split()) for x in lines], [7, 0, 7, 0], "ids of each")
        same([int(x) for x in lines[0].split()], drawn[:7], "the first is as alone")

        # As few tokens as make up the share: none but the likeliest, or all of them.
        same(ids("--prompt-tokens", prompt, "--tokens", 5, "--top-p", 0), greedy, "top-p 0")
        same(ids("--prompt-tokens", prompt, "--tokens", 40, "--top-p", 1), drawn[:40], "top-p 1")
        expect(ids("--prompt-tokens", prompt, "--tokens", 40, "--top-p", 0.3) != drawn[:40], "top-p 0.3")

        # With bf16 weights, which is rounding; that is how it was trained, or asked for.
        same(ids("--prompt-tokens", prompt, "--tokens", 40, "--compute", "f32"), drawn[:40], "as it was trained")
        expect(ids("--prompt-tokens", prompt, "--tokens", 2 * CONTEXT, "--compute", "bf16") != drawn, "bf16 draws others in the end")
        same(ids("--prompt-tokens", prompt, "--tokens", 1, "--temperature", 0, "--compute", "bf16"), greedy[:1], "but the likeliest stays")

        for args, words in [
            (["--prompt", "a", "--compute", "half"], ["--compute", "f32 or bf16", "'half'"]),
            (["--prompt", "a", "--top-p", "1.5"], ["--top-p", "0 to 1", "'1.5'"]), (["--prompt", "a", "--prompt", ""], ["empty"]),
            ([], ["--prompt"]), (["--prompt", ""], ["empty"]), (["--prompt", "a", "--prompt-tokens", "1"], ["--prompt"]),
            (["--prompt-tokens", "84,x"], ["'x'", "0 to 255"]), (["--prompt-tokens", "84,256"], ["'256'"]),
            (["--prompt", "a", "--temperature", "-1"], ["--temperature", "'-1'"]),
            (["--prompt", "a", "--temperature", "hot"], ["--temperature", "'hot'"]),
            (["--prompt", "a", "--tokens", "0"], ["--tokens", "'0'"]),
        ]:
            message(f.tfx("generate", final, *args, status=2), *words)
        message(f.tfx("generate", 999, "--prompt", "a", status=2), "no checkpoint 999")
        message(f.tfx("generate", "nowhere", "--prompt", "a", status=2), "'nowhere'")

        # The model is in the database: neither the spec nor the data are needed.
        for name in ("tiny.ini", "train.txt", "val.txt"):
            (f.path / name).unlink()
        same(say("--prompt", "The ", "--tokens", 40), text, "without spec and data")


main(globals())

#!/usr/bin/env python3
"""tfx graph: units with what is in them, totals that are those of tfx plan, blocks folded, and drawings that Graphviz takes."""
import collections
import re
import shutil
import subprocess

from harness import HELPERS, expect, folder, main, message, same

NO_UPDATE_OF = ("--set", "train.micro_batch=2")  # a step is accumulate, accumulate, update


def graph(f, *options, **more):
    return f.json("graph", "tiny.ini", "--arm", "transformer", *options, **more)


def planned(f, *options):
    """The first stage of the arm `transformer`, as tfx plan has it."""
    return next(a for a in f.json("plan", "tiny.ini", *options)["arms"] if a["arm"] == "transformer")["stages"][0]


def test_totals_are_those_of_the_plan():
    with folder() as f:
        for options in ([], NO_UPDATE_OF, ["--set", "train.compute=bf16"], ["--set", "train.recompute=block"]):
            plan, g = planned(f, *options), graph(f, *options)
            passes = [g] if g["program"] == "step" else [g] * g["micro_batches"] + [graph(f, "--program", "update", *options)]
            flops = sum(u["flops"] for p in passes for u in p["units"])
            executed = sum(u["flops"] + u["recomputed_flops"] for p in passes for u in p["units"])
            same(flops / (4 * 32), plan["flops_per_token"], f"FLOPs per token with {options}")
            same(executed * plan["steps"], plan["executed_flops"], f"executed FLOPs with {options}")
            same((g["flops"], g["recomputed_flops"]), tuple(sum(u[k] for u in g["units"]) for k in ("flops", "recomputed_flops")),
                 "the program's FLOPs are those of its units")
            for key in ("peak_bytes", "arena_bytes", "workspace_bytes", "flops_per_token", "parameters"):
                same(g[key], plan[key], f"{key} with {options}")
            same(sum(o["flops"] for u in g["units"] for o in u["ops"]), g["flops"] + g["recomputed_flops"], "FLOPs of ops")


def test_memory():
    with folder() as f:
        g = graph(f)
        live = [u["live_bytes"] for u in g["units"]]
        same(live[g["peak_unit"]], max(live), "the unit with most of the arena taken")
        expect(0.5 * g["program_arena_bytes"] < max(live) <= g["program_arena_bytes"], "the arena holds that", (max(live), g))
        # What is in the arena lives from its unit to the last that reads it: these are what is taken, but for what shares a place.
        for at, u in enumerate(g["units"]):
            same(u["unit"], at, "units have their numbers")
            places = {r["offset"]: r["bytes"] for v in g["units"][:at + 1] for r in v["results"]
                      if r["buffer"] == "arena" and r["last_unit"] >= at}
            same(sum(places.values()), u["live_bytes"], f"what is taken in unit {at}")
            expect(all(r["last_unit"] >= at for r in u["results"]), "nothing dies before it is made", u)
            for k in u["reads"]:
                expect(k < at and any(r["last_unit"] >= at for r in g["units"][k]["results"]), f"unit {at} reads what {k} made", u)
        kept = sum(u["kept_bytes"] for u in g["units"])
        end = max(u["unit"] for u in g["units"] if u["pass"] == "forward")
        expect(0.5 * live[end] < kept <= live[end], "activations are kept, and are what is taken then", (kept, live[end]))
        same({u["pass"] for u in g["units"] if u["kept_bytes"]}, {"forward"}, "what is kept is of the forward pass")
        same({r["output"] for u in g["units"] for r in u["results"]} - {None}, {"loss", "grad_norm"}, "outputs")
        again = graph(f, "--set", "train.recompute=block")
        expect(sum(u["kept_bytes"] for u in again["units"]) < kept / 2, "less is kept when blocks are done again", again["arena_bytes"])


def check_products(g):
    products = collections.Counter((u["pass"], *u["layers"]) for u in g["units"] if u["ops"][0]["op"] == "matmul")
    layers = [f"blocks.{b}.{x}" for b in (0, 1) for x in ("mixer.q", "mixer.k", "mixer.v", "mixer.o", "ffn.up", "ffn.down")]
    same(products, collections.Counter({("forward", x): 1 for x in layers + ["embedding"]}) +
         collections.Counter({("backward", x): 2 for x in layers + ["embedding"]}), "products of layers")


def test_layers_and_passes():
    with folder() as f:
        for options in ([], NO_UPDATE_OF, ["--set", "train.compute=bf16"], ["--set", "train.gradients=bf16"]):
            check_products(graph(f, *options))
        g = graph(f)
        updates = [u for u in g["units"] if u["pass"] == "update" and any(r["state"] and "/" not in r["state"] for r in u["results"])]
        same(sorted(r["state"] for u in updates for r in u["results"] if "/" not in r["state"]),
             sorted(path for u in updates for path in u["layers"]), "each update writes its own parameter")
        same(len(updates), 2 + 2 * (2 * 2 + 6) + 1, "parameters that are updated")
        classes = {o["layer"]: o["class"] for u in g["units"] for o in u["ops"] if o["layer"]}
        same((classes["blocks.1.ffn"], classes["loss"], classes["norm.weight"]), ("mlp", "cross entropy", "adamw"), "classes")
        expect(any(len(u["layers"]) > 1 and len(u["ops"]) > 2 for u in g["units"]), "units go across layers")
        expect(any(o["recomputed"] for u in g["units"] if u["pass"] == "backward" for o in u["ops"]), "made again in passing")
        same({u["pass"] for u in g["units"]}, {"forward", "backward", "update"}, "passes")
        again = graph(f, "--set", "train.recompute=block")
        same({u["pass"] for u in again["units"]}, {"forward", "recomputed", "backward", "update"}, "passes")


def test_logits_in_parts():
    """They are of the embedding and the loss all the same, and none of them is kept while the next are made."""
    with folder() as f:
        g = graph(f, "--set", "model.transformer.vocab=200000")
        logits = [u for u in g["units"] if u["pass"] == "forward" and u["layers"] == ["embedding"] and u["ops"][0]["op"] == "matmul"]
        expect(len(logits) > 2, "logits are made in parts", len(logits))
        expect(sum(u["kept_bytes"] for u in logits) <= logits[-1]["kept_bytes"], "only the last may be there", logits)
        text = f.tfx("graph", "tiny.ini", "--arm", "transformer", "--set", "model.transformer.vocab=200000").stdout
        expect(re.search(r" x\d+ +loss +cross_entropy ", text), "parts that are alike are one row", text)


def test_programs_and_stages():
    with folder() as f:
        same(graph(f)["program"], "step", "the program of itself")
        e = graph(f, "--program", "eval")
        same(({u["pass"] for u in e["units"]}, e["units"][0]["layers"]), ({"forward"}, ["embedding"]), "evaluation")
        expect(graph(f, *NO_UPDATE_OF)["program"] == "accumulate", "with micro-batches")
        sizes = [f.json("graph", "tiny.ini", "--arm", "grown", "--stage", str(k)) for k in (0, 1, 2)]
        same([g["model"] for g in sizes], ["tokenformer_16", "tokenformer_32", "tokenformer_48"], "stages")
        expect(sizes[0]["flops"] < sizes[1]["flops"] < sizes[2]["flops"], "they grow")
        measured = f.json("graph", "tiny.ini", "--arm", "grown", "--stage", "1", "--program", "measured-step", "--set", "train.slice_every=1")
        expect(any("slices" in u["layers"] for u in measured["units"]), "slices are measured")
        same(measured["flops"], sizes[1]["flops"], "which costs no products")


def rows(text):
    """Cells of the table's rows, of those with a unit's number."""
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines() if re.match(r" +\d+ ", line)]


def test_text():
    with folder() as f:
        text = f.tfx("graph", "tiny.ini", "--arm", "transformer").stdout
        whole = f.tfx("graph", "tiny.ini", "--arm", "transformer", "--all").stdout
        g = graph(f)
        same(len(rows(whole)), len(g["units"]), "a row for each unit")
        times = [int(m.group(1)) if (m := re.match(r" +\d+ x(\d+) ", line)) else 1
                 for line in text.splitlines() if re.match(r" +\d+ ", line)]
        same(sum(times), len(g["units"]), "folded rows stand for all of them")
        expect(len(times) < 0.5 * len(g["units"]), "and are fewer", len(times))
        expect(re.search(r"x2 +blocks\.\*\.ffn\.up +matmul weight +\[128, 128\] f32 ", text), "blocks are folded", text)
        expect("blocks.0.ffn.up " in whole and "blocks.1.ffn.up " in whole and "blocks.*" not in whole, "--all has each", whole)
        shares = [float(x) for x in re.findall(r"(?:forward|backward|update): \d+ units.* (\d+\.\d)%", text)]
        same((len(shares), round(sum(shares))), (2, 100), "shares of the passes")
        for t in (text, whole):
            same([line for line in t.splitlines() if line != line.rstrip()], [], "lines that end in blanks")
        expect("gelu_erf_grad (again: gelu_erf)" in text and re.search(r"blocks\.0, next\.norm1 +add x2 layer_norm mul", text),
               "what fused", text)
        again = f.tfx("graph", "tiny.ini", "--arm", "transformer", "--set", "train.recompute=block").stdout
        expect("of recomputation" in again and "recomputed: " in again, "recomputation is told apart", again)


def test_custom_op_and_own_layers():
    with folder() as f:
        settings = [x for k in ("blocks.ffn=square_mlp", "blocks.ffn.hidden=48") for x in ("--set", "model.transformer." + k)]
        g = graph(f, *settings, env={"TFX_PLUGIN_PATH": str(HELPERS)})
        custom = [u for u in g["units"] for o in u["ops"] if o["op"] == "e2e.square/1"]
        same([u["layers"] for u in custom], [["blocks.0.ffn"], ["blocks.1.ffn"]], "a custom op is called by its id")


def clusters(dot):
    """Checks that braces of a drawing match, and returns the names of its frames."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', dot)
    same((bare.count("{"), bare.count('"') % 2), (bare.count("}"), 0), "braces and quotes match")
    return set(re.findall(r'subgraph "cluster_([^"]+)"', dot))


def test_dot():
    with folder() as f:
        arm = ("graph", "tiny.ini", "--arm", "transformer", "--dot")
        drawings = {options: f.tfx(*arm, *options).stdout for options in ((), ("--backward",), ("--all",), ("--all", "--backward"))}
        frames = clusters(drawings[()])
        expect({"embedding", "blocks.0", "blocks.0.mixer", "blocks.0.mixer.q", "loss"} <= frames and "blocks.1.mixer" not in frames,
               "a frame for each layer of one block", frames)
        expect("blocks.1.mixer" in clusters(drawings["--all",]), "--all draws each block", drawings["--all",])
        expect("gelu_erf_grad" not in drawings[()] and "gelu_erf_grad" in drawings["--backward",], "--backward draws that")
        for dot in drawings.values():
            nodes = set(re.findall(r"^  (u\d+) \[", dot, flags=re.M))
            ends = {x for edge in re.findall(r"^  (u\d+) -> (u\d+)", dot, flags=re.M) for x in edge}
            expect(ends and ends <= nodes, "edges are between what is drawn", ends - nodes)
            if shutil.which("dot"):
                r = subprocess.run(["dot", "-Tsvg"], input=dot, capture_output=True, text=True)
                expect(r.returncode == 0 and "<svg" in r.stdout and not r.stderr, "Graphviz draws it", r.stderr)
        same(len(re.findall(r"^  u\d+ \[", drawings["--all", "--backward"], flags=re.M)), len(graph(f)["units"]), "all units")


def test_refused():
    with folder() as f:
        def refused(*args):
            r = f.tfx("graph", "tiny.ini", *args, status=2)
            same(r.stdout, "", "nothing is printed")
            return r

        message(refused(), "has several arms; expected --arm with one of transformer, grown")
        message(refused("--arm", "trasformer"), 'there is no [arm trasformer]; did you mean "transformer"?')
        message(refused("--arm", "grown", "--stage", "3"), "expected one of the stages of arm grown, 0 to 2, found 3")
        message(refused("--arm", "transformer", "--stage", "1"), "arm transformer has only stage 0, found 1")
        message(refused("--arm", "transformer", "--stage", "x"), "--stage: expected a whole number")
        message(refused("--arm", "transformer", "--program", "evl"),
                'this stage has no program "evl"; it has step, eval; did you mean "eval"?')
        message(refused("--arm", "transformer", "--program", "update"), 'no program "update"; it has step, eval')
        message(refused("--arm", "transformer", "--dot", "--json"), "expected --dot or --json, found both")
        message(refused("--arm", "transformer", "--backward"), "--backward without --dot")
        message(refused("--arm", "transformer", "--json", "--all"), "--all with --json")
        same(f.files(), ["tiny.ini", "train.txt", "val.txt"], "nothing is written")


main(globals())

#!/usr/bin/env python3
"""tfx plugin list and tfx plugin show over the built-ins and over plugins that are wrong.
Arguments: the program, the folder of built-in plugins, the folder of test plugins, that of a plugin of ops."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile


def run(program, *args, path=None):
    env = {k: v for k, v in os.environ.items() if k != "TFX_PLUGIN_PATH"}
    if path:
        env["TFX_PLUGIN_PATH"] = str(path)
    return subprocess.run([program, "plugin", *args], capture_output=True, text=True, env=env)


def expect(condition, what, result):
    if not condition:
        sys.exit(f"test_cli: {what}\nexit status {result.returncode}\n{result.stdout}{result.stderr}")


def refused(program, words, *args):
    r = run(program, "show", *args)
    expect(r.returncode == 2 and not r.stdout and words in r.stderr, f"show {' '.join(args)} is refused: {words}", r)


def built(program, *args):
    """What `show` says of the one class that is built or whose states are asked for."""
    r = run(program, "show", *args, "--json")
    expect(r.returncode == 0 and not r.stderr, f"show {' '.join(args)}", r)
    (c,) = [c for c in json.loads(r.stdout)[0]["classes"] if c["kind"] != "op"]
    return c


def check_layers(program):
    c = built(program, "pattention", "--dim", "64", "--out-dim", "32", "--set", "slots=128")
    params = {p["name"]: p for p in c["built"]["parameters"]}
    shapes = {name: p["shape"] for name, p in params.items()}
    if shapes != {"key": [128, 64], "value": [128, 32], "tau": []}:
        sys.exit(f"test_cli: shapes of pattention: {shapes}")
    found = {name: (p["axes"], p["growable_axis"], p["decays"], p["fixed"]) for name, p in params.items()}
    expected = {"key": ([["slots"], ["input"]], 0, True, False), "value": ([["slots"], ["output"]], 0, True, False),
                "tau": ([], None, False, True)}
    if found != expected:
        sys.exit(f"test_cli: parameters of pattention\nfound    {found}\nexpected {expected}")
    if params["key"]["init"] != {"kind": "normal", "mean": 0, "std": 0.02} or params["tau"]["init"]["kind"] != "constant":
        sys.exit(f"test_cli: initialisation of pattention: {params}")
    if c["built"]["flops_per_token"] != 2 * 128 * (64 + 32) or c["built"]["elements"] != 128 * (64 + 32) + 1:
        sys.exit(f"test_cli: costs of pattention: {c['built']}")
    slots = next(a for a in c["built"]["axes"] if a["name"] == "slots")
    roles = [(m["parameter"], m["axis"], m["roles"]) for m in slots["members"]]
    if (slots["size"], slots["notes"]) != (128, "l2 norm") or roles != [("key", 0, "produced, normalised"), ("value", 0, "consumed")]:
        sys.exit(f"test_cli: axes of pattention: {slots}")

    # Layers within layers, of two settings the last holds; and one that takes tokens.
    c = built(program, "attention", "--dim", "64", "--set", "heads=8", "--set", "heads = 4", "--set", "{q,k}.bias=true")
    names = [p["name"] for p in c["built"]["parameters"]]
    if names != ["q.weight", "q.bias", "k.weight", "k.bias", "v.weight", "o.weight"]:
        sys.exit(f"test_cli: parameters of attention: {names}")
    if c["built"]["parameters"][0]["axes"] != [["heads", "head_dim"], ["input"]]:
        sys.exit(f"test_cli: axes of attention: {c['built']['parameters'][0]}")
    longer = built(program, "attention", "--dim", "64", "--set", "heads=4", "--context", "256")
    if c["built"]["context"] != 128 or not longer["built"]["flops_per_token"] > c["built"]["flops_per_token"]:
        sys.exit("test_cli: attention over a longer context does not take more FLOPs")
    c = built(program, "embedding", "--dim", "16", "--vocab", "100")
    if c["built"]["input"] != "tokens" or c["built"]["parameters"][0]["axes"] != [["vocab"], ["output"]]:
        sys.exit(f"test_cli: the embedding: {c['built']}")
    c = built(program, "block_prenorm", "--dim", "64", "--set", "mixer.heads=4")
    writers = [p["name"] for p in c["built"]["parameters"] if p["writes_residual"]]
    if writers != ["mixer.o.weight", "ffn.down.weight"]:
        sys.exit(f"test_cli: what writes into the stream of a block: {writers}")

    r = run(program, "show", "pattention", "--dim", "64", "--set", "slots=128")
    for line in ("built for 64 -> 64 in a context of 128: 16.4k parameters, 32.8k FLOPs per token forward",
                 "key        [128, 64]  N(0, 0.02)      [slots, input]   axis 0 grows",
                 "slots        128  l2 norm; produced, normalised: key[0]; consumed: value[0]"):
        expect(line in r.stdout, line, r)
    expect("\n    tau        []         constant 11.31  []               never trained\n" in r.stdout, "tau", r)

    refused(program, 'has no option or slot \'slotz\'; did you mean "slots"?', "pattention", "--dim", "8", "--set", "slotz=1")
    refused(program, 'layer pattention (pattention): missing key "slots"', "pattention", "--dim", "8")
    refused(program, 'expected integer, 1 to 1G; found "-4"', "pattention", "--dim", "8", "--set", "slots=-4")
    refused(program, "--set heads: layer blocks.0 (attention): heads: expected a divisor of the width 64; found 5", "attention",
            "--dim", "64", "--set", "heads=5")
    refused(program, 'there is no layer "pattentio"; did you mean "pattention"?', "mlp", "--dim", "8", "--set", "up=pattentio")
    refused(program, "shapes [1, 128, 64] and [32] do not match", "block_prenorm", "--dim", "64", "--out-dim", "32",
            "--set", "mixer.heads=4")
    refused(program, 'there is no "="; expected KEY=VALUE', "pattention", "--dim", "8", "--set", "slots")
    refused(program, "--set needs --dim", "pattention", "--set", "slots=8")
    refused(program, "--out-dim needs --dim", "pattention", "--out-dim", "8")
    refused(program, "--dim: expected a whole number from 1 to", "pattention", "--dim", "0")
    refused(program, 'there is no layer "adamw"', "adamw", "--dim", "8")
    refused(program, "'cpu' is neither a layer nor an optimizer", "cpu", "--set", "threads=1")
    refused(program, "found options of a class without NAME", "--markdown", "--dim", "8")


def check_states(program):
    c = built(program, "adamw")
    states = {s["name"]: (s["shape"], s["dtype"], s["gradient_power"]) for s in c["states"]}
    if states != {"m": ("like the parameter", "f32", 1), "v": ("like the parameter", "f32", 2),
                  "m_filled": ("per slice", "f32", 0), "v_filled": ("per slice", "f32", 0)}:
        sys.exit(f"test_cli: states of adamw: {states}")
    if [c["state_bytes_per_element"], built(program, "adamw", "--set", "moments=bf16")["state_bytes_per_element"]] != [8, 4]:
        sys.exit(f"test_cli: bytes of states of adamw: {c}")
    if built(program, "sgd", "--set", "momentum=0")["states"]:
        sys.exit("test_cli: sgd without momentum keeps something")
    r = run(program, "show", "sgd", "--set", "momentum=0")
    expect("  keeps no state\n" in r.stdout, "no state", r)
    refused(program, 'unknown key "momentz"; did you mean "moments"?', "adamw", "--set", "momentz=bf16")
    refused(program, "beta2", "adamw", "--set", "moments=bf16", "--set", "beta2=0.99")


def check_ops(program, ops):
    for name, kernels, vjp, words in (
            ("test.whole/1", ["cpu"], True, "  kernel for cpu\n  has a gradient of its own\n"),
            ("test.forward/1", ["cpu"], False, "  kernel for cpu\n  its gradient is that of what it lowers to\n")):
        r = run(program, "show", name, "--json", path=ops)
        (c,) = json.loads(r.stdout)[0]["classes"]
        expect((c["kind"], c["name"], c["kernels"], c["vjp"]) == ("op", name, kernels, vjp), f"the op {name}", r)
        text = run(program, "show", name, path=ops)
        expect(words in text.stdout and f"op {name}: {c['summary']}" in text.stdout, f"the op {name} as text", text)


def main():
    program, built_ins, tests, ops = sys.argv[1:]
    check_layers(program)
    check_states(program)
    check_ops(program, ops)
    built = sorted(p.stem for p in pathlib.Path(built_ins).glob("*.so"))

    r = run(program, "list", "--json")
    listed = json.loads(r.stdout)
    expect(r.returncode == 0 and not r.stderr, "list --json succeeds", r)
    expect(sorted(p["name"] for p in listed["plugins"]) == built, f"list has the built-ins {built}", r)
    expect(listed["refused"] == [], "no built-in is refused", r)

    # Each class that the list names can be shown, with its declaration.
    for plugin in listed["plugins"]:
        for c in plugin["classes"]:
            r = run(program, "show", c["name"], "--json")
            expect(r.returncode == 0, f"show {c['name']}", r)
            shown = [s for p in json.loads(r.stdout) for s in p["classes"] if s["kind"] == c["kind"]]
            expect([s["name"] for s in shown] == [c["name"]], f"show {c['name']} shows it", r)
            expect(all(o["doc"] for o in shown[0]["options"]), f"options of {c['name']} are documented", r)
            text = run(program, "show", c["name"])
            for item in shown[0]["options"] + shown[0]["slots"]:
                expect(item["name"] in text.stdout and item["doc"] in text.stdout, f"the text has {item['name']}", text)

    r = run(program, "list")
    expect(r.returncode == 0 and "refused" not in r.stdout, "list succeeds", r)
    expect(len(r.stdout.splitlines()) == len(built) + 1, "a line for each and a heading", r)

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in ("good", "wrong_major", "null_build"):
            shutil.copy(pathlib.Path(tests) / f"{name}.so", folder)
        (folder / "linear.so").write_text("not a plugin")
        r = run(program, "list", "--json", path=folder)
        expect(r.returncode == 0, "refused files do not make list fail", r)
        refused = {pathlib.Path(p["path"]).name: p["reason"] for p in json.loads(r.stdout)["refused"]}
        expect(sorted(refused) == ["linear.so", "null_build.so", "wrong_major.so"], "three are refused", r)
        expect("2.0" in refused["wrong_major.so"] and "this tfx has 1." in refused["wrong_major.so"], "both versions are named", r)
        r = run(program, "list", path=folder)
        expect("refused:" in r.stdout and "layer: good; optimizer: still" in r.stdout, "the text shows both", r)

        r = run(program, "show", "still", "--json", path=folder)
        (plugin,) = json.loads(r.stdout)
        expect(plugin["name"] == "good" and [c["name"] for c in plugin["classes"]] == ["still"], "show by class", r)
        r = run(program, "show", "good", path=folder)
        expect("width = 4k" in r.stdout and "rate (required)" in r.stdout and "red, green" in r.stdout, "show good", r)

        r = run(program, "show", "godo", path=folder)
        expect(r.returncode == 2 and not r.stdout and 'did you mean "good"?' in r.stderr, "an unknown name", r)
        expect("(3 plugins were refused; `tfx plugin list` says why)" in r.stderr, "refused files are counted", r)
        r = run(program, "show", "null_build", "--json", path=folder)
        expect(r.returncode == 2 and not r.stdout and "`build` is NULL" in r.stderr, "a refused name", r)
        expect("linear.so" not in r.stderr and "did you mean" not in r.stderr, "that is all there is to say", r)

        # A plugin in an earlier folder takes a built-in's place, and both verbs say so.
        (folder / "linear.so").unlink()
        source = pathlib.Path(tests) / "rival.so"
        (folder / "good.so").unlink()
        shutil.copy(source, folder)
        later = folder / "later"
        later.mkdir()
        shutil.copy(pathlib.Path(tests) / "good.so", later)
        r = run(program, "list", path=f"{folder}:{later}")
        expect("good (replaced by plugin rival)" in r.stdout, "list shows what is replaced", r)
        r = run(program, "show", "good", path=f"{folder}:{later}")
        expect("not used: replaced by" in r.stdout, "show says what is replaced", r)

    r = run(program, "show")
    expect(r.returncode == 2 and not r.stdout, "a missing name", r)
    r = run(program, "list", path="/nonexistent/folder")
    expect(r.returncode == 0 and "/nonexistent/folder" in r.stdout, "a missing folder is named", r)


if __name__ == "__main__":
    main()

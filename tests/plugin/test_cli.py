#!/usr/bin/env python3
"""tfx plugin list and tfx plugin show over the built-ins and over plugins that are wrong.
Arguments: the program, the folder of built-in plugins, the folder of test plugins."""
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


def main():
    program, built_ins, tests = sys.argv[1:]
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

#!/usr/bin/env python3
"""Each plugin in broken/ breaks the rule that its first comment names, and no other; those in right/ break none."""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(os.environ["TFX_SOURCE_ROOT"]) / "tests" / "conformance"
BUILD = pathlib.Path(os.environ["TFX_BUILD_ROOT"])
TFX = BUILD / "tfx"
LEAST = 25  # plugins in broken/


# Some leak on purpose: with a sanitizer it is the rules that are to find that.
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def check(*args, env=None):
    return subprocess.run([TFX, "plugin", "check", *args], capture_output=True, text=True, env=env)


def broken_rules(name, folder, *args):
    """The rules that `tfx plugin check` finds broken, and all that it says."""
    done = check("--json", *([] if "--timeout" in args else ["--timeout", "60"]), *args, BUILD / "tests" / "conformance" / folder / f"{name}.so", env=ENVIRONMENT)
    if done.returncode not in (0, 1):
        return None, f"exit status {done.returncode}: {done.stderr}"
    found = json.loads(done.stdout)
    failed = [f for f in found if f["status"] == "fail"]
    if (done.returncode == 1) != bool(failed):
        return None, f"exit status {done.returncode} with {len(failed)} failures"
    return {f["rule"] for f in failed}, "".join(f"\n      {f['status']} {f['class']}: {f['rule']}: {f['message']}" for f in found
                                             if f["status"] != "ok")


def expectation(path):
    """(rules, arguments) that a source's first comment names."""
    text = path.read_text()
    caught = re.match(r"/\* Caught by: (\w+)\.", text)
    args = re.search(r"Checked with: (.*?)\.? ?(\*/|\n)", text)
    return ({caught[1]} if caught else set()), (args[1].split() if args else [])


def examine(path):
    rules, args = expectation(path)
    found, said = broken_rules(path.stem, path.parent.name, *args)
    name = f"{path.parent.name}/{path.stem}"
    verbose = "-v" in sys.argv
    if path.parent.name == "broken" and not rules:
        return f"{name}: its comment names no rule"
    if found != rules:
        return f"{name}: expected {sorted(rules) or 'no rule'} to be broken, found {found and sorted(found)}: {said}"
    if verbose:
        print(name, said)
    return None


def test_usage():
    """What cannot be checked at all is a mistake of the caller: status 2 and a message."""
    wrong = []
    mlp = BUILD / "plugins" / "mlp.so"
    for args, part in [
        ([BUILD / "no.so"], "no.so: cannot be opened: No such file or directory"),
        ([SOURCE / "one_class.h"], "one_class.h: not a shared object"),
        ([TFX], "not a tfx plugin"),
        ([], "expected FILE or --rules, found neither"),
        ([mlp, "--rules"], "expected FILE or --rules, found both"),
        ([mlp, "--rule", "gradient"], 'there is no rule \'gradient\'; did you mean "gradients"?'),
        ([mlp, "--class", "layer/mpl"], 'has no class \'layer/mpl\'; did you mean "layer/mlp"?'),
        ([mlp, "--set", "hidden"], "--set: expected KEY=VALUE, found 'hidden'"),
        ([mlp, "--timeout", "0"], "--timeout: expected a whole number from 1 to 3600, found '0'"),
    ]:
        done = check(*args)
        if done.returncode != 2 or part not in done.stderr:
            wrong.append(f"{args}: expected status 2 and \"{part}\", found {done.returncode}: {done.stderr}")
    for args, part in [
        ([mlp, "--set", "hiden=4"], "hiden"),
        ([mlp, "--set", "hidden=-4"], "hidden"),
    ]:
        done = check(*args)
        if done.returncode != 1 or part not in done.stdout:
            wrong.append(f"{args}: expected status 1 and \"{part}\", found {done.returncode}: {done.stdout}")
    done = check(mlp, "--rule", "gradients")
    if done.returncode or "ok    layer mlp: gradients: agree" not in done.stdout or "shapes" in done.stdout:
        wrong.append(f"--rule gradients: {done.stdout}")
    return wrong


def main():
    paths = sorted((SOURCE / "broken").glob("*.c"))
    if len(paths) < LEAST:
        sys.exit(f"expected {LEAST} broken plugins, found {len(paths)}")
    paths += sorted((SOURCE / "right").glob("*.c"))
    only = [a for a in sys.argv[1:] if a != "-v"]
    paths = [p for p in paths if not only or p.stem in only]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wrong = [w for w in pool.map(examine, paths) if w]
    wrong += test_usage() if not only else []
    for w in wrong:
        print(w)
    if wrong:
        sys.exit(f"{len(wrong)} of these are not as expected")
    print(f"{len(paths)} plugins are judged as expected")


main()

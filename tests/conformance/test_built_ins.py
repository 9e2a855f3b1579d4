#!/usr/bin/env python3
"""The plugins that come with tfx keep all rules, and each rule about them is checked."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

BUILD = pathlib.Path(os.environ["TFX_BUILD_ROOT"])
# What cannot be made up for a plugin, and rules that are skipped for it, with a part of the reason.
SETTINGS = {
    "budget": ["models=larger,largest", "fractions=0.2,0.3,0.5"],
    "mixture_pattention": ["slots=16", "groups=4"],
    "plateau": ["models=larger,largest", "max_steps=400,400", "half_life=30"],
    "returns": ["models=larger,largest", "max_steps=400,400", "arms=a,b", "half_life=30"],
    "schedule": ["models=larger,largest", "steps=10,20"],
}
SKIPPED = {("embedding", "growth"): "as a tied head the output has the vocabulary's size"}


def examine(path):
    args = [x for s in SETTINGS.get(path.stem, []) for x in ("--set", s)]
    done = subprocess.run([BUILD / "tfx", "plugin", "check", "--json", "--timeout", "120", *args, path],
                          capture_output=True, text=True)
    if done.returncode not in (0, 1):
        return [f"{path.stem}: status {done.returncode}: {done.stderr}"]
    found = json.loads(done.stdout)
    wrong = [f"{f['class']}: {f['rule']}: {f['message']}" for f in found if f["status"] == "fail"]
    for f in found:
        if f["status"] == "skip" and SKIPPED.get((path.stem, f["rule"]), "none of those") not in f["message"]:
            wrong.append(f"{f['class']}: {f['rule']} is skipped: {f['message']}")
    if "-v" in sys.argv:
        print("\n".join(f"{f['status']:4}  {f['class']}: {f['rule']}: {f['message']}" for f in found))
    return wrong


def main():
    only = [a for a in sys.argv[1:] if a != "-v"]
    paths = [p for p in sorted((BUILD / "plugins").glob("*.so")) if not only or p.stem in only]
    if not paths:
        sys.exit("there are no plugins")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wrong = [w for ws in pool.map(examine, paths) for w in ws]
    for w in wrong:
        print(w)
    if wrong:
        sys.exit(f"{len(wrong)} rules are broken or skipped")
    print(f"{len(paths)} plugins keep all rules")


main()

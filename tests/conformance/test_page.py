#!/usr/bin/env python3
"""docs/checking-a-plugin.md lists the rules that the program has, as it words them, each under its kind; and its commands
are ones that the program takes."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

PAGE = pathlib.Path(os.environ["TFX_SOURCE_ROOT"]) / "docs" / "checking-a-plugin.md"
BUILD = pathlib.Path(os.environ["TFX_BUILD_ROOT"])
KINDS = {"the file": "plugin", "a layer": "layer", "an optimizer": "optimizer", "a data loader": "loader",
         "a scaling policy": "scaling", "a growth operator": "operator", "a custom op": "op", "a tokenizer": "tokenizer", "a backend": "backend",
         "every class": "all"}
# What the page's examples stand for here: its plugin and its settings.
EXAMPLES = {
    "./my_block.so": ("plugins/block_prenorm.so", {}),
    "./my_policy.so": ("plugins/schedule.so", {}),
    "./my_loader.so": ("plugins/tokens.so", {"/data/train.bin": "train.bin", "/data/val.bin": "val.bin"}),
    "./my_op.so": ("tests/conformance/right/good_gather.so", {}),
    "./swiglu.so": ("plugins/mlp.so", {}),
}


def tfx(*args, cwd=None):
    return subprocess.run([BUILD / "tfx", "plugin", "check", *args], capture_output=True, text=True, cwd=cwd)


def main():
    text = PAGE.read_text()
    wrong = []
    program = [(r["about"], r["rule"], r["demand"]) for r in json.loads(tfx("--rules", "--json").stdout)]
    page = []
    for title, table in re.findall(r"^Of (.*?):\n\n\| rule \| what must hold \|\n\|---\|---\|\n((?:\|.*\n)*)", text, flags=re.M):
        page += [(KINDS[title], *row) for row in re.findall(r"^\| `(\w+)` \| (.*) \|$", table, flags=re.M)]
    wrong += [f"the page lacks {r}" for r in program if r not in page] + [f"the program lacks {r}" for r in page if r not in program]
    lines = tfx("--rules").stdout.splitlines()
    if len(lines) != len(program):
        wrong.append(f"--rules lists {len(lines)} rules, and --rules --json {len(program)}")
    commands = re.findall(r"^tfx plugin check (.*?)(?: +#.*)?$", text, flags=re.M)
    if len(commands) < 7:
        wrong.append(f"found the commands {commands}")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("train.bin", "val.bin"):
            (pathlib.Path(folder) / name).write_bytes(bytes(b for i in range(4000) for b in (i * 7 % 251, 0)))
        for command in commands:
            args = command.split()
            if args[0] in EXAMPLES:
                plugin, files = EXAMPLES[args[0]]
                args = [str(BUILD / plugin)] + args[1:]
                args = [a.replace(k, v) for a in args for k, v in [next(((k, v) for k, v in files.items() if k in a), ("\0", ""))]]
            done = tfx(*args, cwd=folder)
            if done.returncode:
                wrong.append(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    for w in wrong:
        print(w)
    sys.exit(bool(wrong))


main()

#!/usr/bin/env python3
"""What docs/writing-a-layer.md, docs/writing-an-operator.md and tools/plugin-template say, done: takes the C files out of
the pages, compiles them with the commands they give, loads them into the program, and plans the specs they
show; the same with the template. Arguments: the program, a C compiler."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "writing-a-layer.md"
OPERATORS = ROOT / "docs" / "writing-an-operator.md"
TEMPLATE = ROOT / "tools" / "plugin-template"


def fail(message):
    sys.exit(f"test_docs: {message}")


def build(command, folder, compiler):
    """Runs a documented cc line, warnings added: what we teach must compile without any."""
    strict = re.sub(r"^cc ", f"{compiler} -std=c11 -Wall -Wextra -Werror -pedantic ", command)
    for line in (command, strict):
        result = subprocess.run(["sh", "-euc", line], cwd=folder, env={**os.environ, "TFX": str(ROOT)},
                                capture_output=True, text=True)
        if result.returncode or result.stderr:
            fail(f"`{line}` says:\n{result.stderr}")


def show(program, folder, name, *options):
    result = subprocess.run([program, "plugin", "show", name, *options, "--json"], capture_output=True, text=True,
                            env={**os.environ, "TFX_PLUGIN_PATH": str(folder)})
    if result.returncode:
        fail(f"tfx plugin show {name}: {result.stderr}")
    (plugin,) = json.loads(result.stdout)
    (layer,) = plugin["classes"]
    if plugin["path"] != str(pathlib.Path(folder).resolve() / f"{name}.so"):
        fail(f"{name} came from {plugin['path']}")
    return layer


def plan(program, folder, name, text):
    """The plan of a spec: its models are built, and growth is checked, without training."""
    spec = pathlib.Path(folder) / name
    spec.write_text(text)
    result = subprocess.run([program, "plan", str(spec), "--json"], capture_output=True, text=True,
                            env={**os.environ, "TFX_PLUGIN_PATH": str(folder)})
    if result.returncode:
        fail(f"tfx plan {name}: {result.stderr}")
    return json.loads(result.stdout)


def taken_from(text):
    """The C files of a page, and its commands."""
    files = dict(re.findall(r"^```c (\w+\.c)\n(.*?)^```$", text, flags=re.S | re.M))
    commands = re.findall(r"^(cc .*)$", text, flags=re.M)
    if not files or len(commands) != len(files):
        fail(f"found files {list(files)} and commands {commands}")
    if "```c\n" in text:
        fail("a C block without a file name is never compiled")
    for name, source in files.items():
        if len(source.splitlines()) > 60:
            fail(f"{name} has more than 60 lines")
    return files, commands


def specs_of(text):
    """The specs of a page, in the rest of a spec."""
    specs = "\n".join(re.findall(r"^```ini\n(.*?)^```$", text, flags=re.S | re.M))
    return "[experiment]\nname = doc\n[data]\nloader = synthetic\n[train]\nsteps = 2\nbatch = 2\n" + specs


def check_operators(program, compiler):
    text = OPERATORS.read_text()
    files, commands = taken_from(text)
    with tempfile.TemporaryDirectory() as folder:
        for name, source in files.items():
            (pathlib.Path(folder) / name).write_text(source)
        for command in commands:
            build(command, folder, compiler)
        plan(program, folder, "page.ini", specs_of(text))
    # Every call of a growth is in the table, and nothing else.
    header = (ROOT / "include" / "tfx" / "growth.h").read_text()
    calls = set(re.findall(r"\(\*(\w+)\)\((?:const )?tfx_growth \*g", header))
    listed = set(re.findall(r"^\| `(\w+)\(", text, flags=re.M))
    if calls != listed:
        fail(f"calls missing from the table: {sorted(calls - listed)}; unknown: {sorted(listed - calls)}")
    return files


def main():
    program, compiler = sys.argv[1:]
    text = PAGE.read_text()
    files, commands = taken_from(text)
    with tempfile.TemporaryDirectory() as folder:
        for name, source in files.items():
            (pathlib.Path(folder) / name).write_text(source)
        for command in commands:
            build(command, folder, compiler)
        swiglu = show(program, folder, "swiglu")
        command, = re.findall(r"`tfx plugin show swiglu ([^`]*)`", text)
        parameters = show(program, folder, "swiglu", *command.split())["built"]["parameters"]
        if sorted(p["shape"] for p in parameters) != [[128, 64]] * 3:
            fail(f"swiglu's parameters are {parameters}")
        parallel = show(program, folder, "block_parallel")
        # Its specs; then with the other block, as it says.
        specs = specs_of(text)
        if "blocks = block_prenorm" not in specs:
            fail("the page's spec has no block to replace")
        plan(program, folder, "page.ini", specs)
        plan(program, folder, "parallel.ini", specs.replace("blocks = block_prenorm", "blocks = block_parallel"))
    hidden = swiglu["options"][0]
    if (hidden["name"], hidden["required"], hidden["type"]) != ("hidden", True, "integer"):
        fail(f"swiglu's first option is {hidden}")
    if [s["name"] for s in parallel["slots"]] != ["norm", "mixer", "ffn"]:
        fail(f"block_parallel's slots are {parallel['slots']}")

    # Every builder call is in the table, and nothing else.
    graph = (ROOT / "include" / "tfx" / "graph.h").read_text()
    body = graph[graph.index("struct tfx_builder {"):]
    calls = set(re.findall(r"\(\*(\w+)\)\(const tfx_builder", body))
    table = text[text.index("## Builder calls"):text.index("## When something is wrong")]
    listed = {n for row in re.findall(r"^\| (`.*?) \|", table, flags=re.M) for n in re.findall(r"`(\w+)[(`]", row)}
    if calls != listed:
        fail(f"builder calls missing from the table: {sorted(calls - listed)}; unknown: {sorted(listed - calls)}")

    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "my_layer"
        shutil.copytree(TEMPLATE, copy)
        for place in ("README.md", "my_layer.c"):
            (command,) = re.findall(r"^[ *]*(cc .*)$", (TEMPLATE / place).read_text(), flags=re.M)
            build(command, copy, compiler)
        layer = show(program, copy, "my_layer")
        if [o["name"] for o in layer["options"]] != ["rank", "init_std"]:
            fail(f"my_layer's options are {layer['options']}")
        plan(program, copy, "my_layer.ini", (TEMPLATE / "my_layer.ini").read_text())
    files |= check_operators(program, compiler)
    print(f"{', '.join(files)} and the template compile and load")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""README.md and docs/, compared with the program and the tree: the page of spec keys is what the program
prints, links and file names point to something, whole specs load, commands have options that exist,
what docs/graph.md shows is printed, the paths and shapes in docs/parameters.md are those of a checkpoint, and dependencies between folders
point the way docs/architecture.md says. Argument: the program."""
import ast
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
problems = []


def problem(page, message):
    problems.append(f"{page.relative_to(ROOT)}: {message}")


def tfx(program, *args, cwd=None):
    env = {k: v for k, v in os.environ.items() if k != "TFX_PLUGIN_PATH"}
    return subprocess.run([program, *args], capture_output=True, text=True, env=env, cwd=cwd)


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.S | re.M)


def prose(text):
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)


def anchors(text):
    """The names that headings get on GitHub: lower case, spaces to dashes, the rest dropped."""
    titles = re.findall(r"^#+ +(.*)$", prose(text), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}


def check_spec_keys(program):
    page = ROOT / "docs" / "spec-keys.md"
    printed = tfx(program, "plugin", "show", "--markdown")
    if printed.returncode:
        problem(page, f"tfx plugin show --markdown: {printed.stderr}")
    elif not page.exists() or page.read_text() != printed.stdout:
        problem(page, "is not what the program prints; run: build/tfx plugin show --markdown > docs/spec-keys.md")
    for wrong in ([], ["linear", "--markdown"], ["--json", "--markdown"]):
        refused = tfx(program, "plugin", "show", *wrong)
        if refused.returncode != 2 or refused.stdout or "expected NAME [--dim N" not in refused.stderr:
            problem(page, f"tfx plugin show {wrong}: status {refused.returncode}, {refused.stderr}")


def check_links(page, text):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists():
            problem(page, f"link to {target}: there is no such file")
        elif anchor and anchor not in anchors(file.read_text()):
            problem(page, f"link to {target}: no heading has that name")


def check_file_names(page, text):
    """`folder/...` in backticks or as a command names something that exists; data/ is made later."""
    names = re.findall(r"`(?:\./)?((?:framework|plugins|tests|tools|include|experiments|docs)/[^`\s]*)`", text)
    names += re.findall(r"^(?:    )?(?:\./)?(tools/[\w-]+)", text, flags=re.M)
    for name in names:
        if re.search(r"[<>{}$]|NAME", name):
            continue
        if not any(ROOT.glob(name.rstrip("/"))):
            problem(page, f"{name}: there is no such file")


def commands(text):
    """Lines of code blocks that call the program, joined where a line ends in a backslash."""
    lines = []
    for block in re.findall(r"^```\w*\n(.*?)^```$", text, flags=re.S | re.M):
        lines += block.replace("\\\n", " ").splitlines()
    lines += re.findall(r"^    (\S.*)$", prose(text).replace("\\\n", " "), flags=re.M)
    lines += re.findall(r"`([^`\n]+)`", prose(text))
    return [m.group(1) for line in lines if (m := re.match(r"(?:\$ )?(?:\S*/)?tfx ((?:[a-z]+ ).*)$", line.strip()))]


def check_commands(page, text, verbs):
    for command in commands(text):
        verb = next((v for v in sorted(verbs, key=len, reverse=True) if re.match(rf"{v}\b", command)), None)
        if not verb:
            problem(page, f"tfx {command}: there is no such verb")
            continue
        for option in re.findall(r"(?<!\S)\[?--([a-z-]+)", command.split("|")[0]):
            if option not in verbs[verb]:
                problem(page, f"tfx {command}: {verb} has no option --{option}")


def options_of_verbs(program):
    usage = tfx(program, "--help").stdout
    names = re.findall(r"^  ((?:[a-z]+ )?[a-z]+) {2,}\S", usage, flags=re.M)
    return {name: re.findall(r"^  --([a-z-]+)", tfx(program, *name.split(), "--help").stdout, flags=re.M)
            for name in names}


def check_specs(program, page, text, folder):
    """Every block that is a whole spec loads. Returns how many there were."""
    whole = [spec for spec in blocks(text, "ini") if "[experiment]" in spec]
    for spec in whole:
        (folder / "page.ini").write_text(spec)
        result = tfx(program, "plan", "page.ini", "--resolved", cwd=folder)
        if result.returncode:
            problem(page, f"a spec does not load: {result.stderr.strip()}")
    return len(whole)


def check_python(page, text):
    for source in blocks(text, "python"):
        try:
            ast.parse(source)
        except SyntaxError as e:
            problem(page, f"Python: {e}")


def check_outputs(program, page):
    """Each block with a command and what it prints: these lines, in this order; [...] stands for others."""
    shown = blocks(page.read_text(), "console")
    for block in shown:
        command, *lines = block.splitlines()
        printed = iter(tfx(program, *command.partition("tfx ")[2].split(), cwd=ROOT).stdout.splitlines())
        for line in lines:
            if line.strip() not in ("", "[...]") and line not in printed:  # goes on behind the line
                problem(page, f"{command}: does not print, or not there: {line}")
                break
    if not shown:
        problem(page, "shows no output")


def shapes_of(file):
    """Name -> shape of a safetensors file, from its header."""
    with open(file, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    return {name: t["shape"] for name, t in header.items() if name != "__metadata__"}


def check_parameters(program, folder):
    page = ROOT / "docs" / "parameters.md"
    text = page.read_text()
    (folder / "spec.ini").write_text(blocks(text, "ini")[0])
    result = tfx(program, "run", "spec.ini", cwd=folder)
    checkpoints = list(folder.glob("runs/*/*/*/model.safetensors"))
    if result.returncode or len(checkpoints) != 1:
        problem(page, f"its first spec does not run: {result.stderr}")
        return
    found = shapes_of(checkpoints[0])
    rows = re.findall(r"^\| `((?:embedding|blocks\.0|norm)\.[\w.]+)` \| (\[[\d, ]*\]) \|", text, flags=re.M)
    listed = {path: json.loads(shape) for path, shape in rows}
    listed |= {path.replace("blocks.0.", "blocks.1."): shape for path, shape in listed.items()}
    for path in sorted(found.keys() | listed.keys()):
        if found.get(path) != listed.get(path):
            problem(page, f"{path}: the page says {listed.get(path)}, the checkpoint {found.get(path)}")


def check_dependencies():
    """docs/architecture.md lists the folders so that each includes headers of those above it only."""
    page = ROOT / "docs" / "architecture.md"
    order = re.findall(r"^- \*\*`framework/(\w+)/`\*\*", page.read_text(), flags=re.M)
    folders = sorted(f.name for f in (ROOT / "framework").iterdir() if f.is_dir())
    if sorted(order) != folders:
        problem(page, f"lists {sorted(order)}, the folders are {folders}")
    for position, folder in enumerate(order):
        for file in sorted((ROOT / "framework" / folder).glob("*.[ch]")):
            for used in set(re.findall(r'#include "framework/(\w+)/', file.read_text())):
                if used not in order[:position + 1]:
                    problem(page, f"{file.relative_to(ROOT)} includes framework/{used}/, which is further down")


def check_default_layers(program, folder):
    """The table of a model's slots in spec-keys.md: naming the defaults changes nothing."""
    page = ROOT / "docs" / "spec-keys.md"
    section = page.read_text().partition("## `[model NAME]`")[2].partition("\n## ")[0]
    slots = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", section.partition("| slot |")[2], flags=re.M)
    if len(slots) != 4:
        problem(page, f"expected the four slots of a model, found {slots}")
    spec = """[experiment]\nname = defaults\n[data]\nloader = synthetic\n[train]\nsteps = 1\nbatch = 1
[arm a]\nmodel = m\n[model m]\nn_blocks = 1\ndim = 8\ncontext = 4\nvocab = 256\nblocks.mixer.heads = 2\n"""
    plans = []
    for more in ("", "".join(f"{slot} = {layer}\n" for slot, layer in slots)):
        (folder / "defaults.ini").write_text(spec + more)
        result = tfx(program, "plan", "defaults.ini", "--json", cwd=folder)
        if result.returncode:
            problem(page, f"a spec with {slots}: {result.stderr.strip()}")
            return
        stage = json.loads(result.stdout)["arms"][0]["stages"][0]
        plans.append({key: stage[key] for key in ("parameters", "flops_per_token", "peak_bytes")})
    if plans[0] != plans[1]:
        problem(page, f"without the default layers {plans[0]}, with them {plans[1]}")


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    verbs = options_of_verbs(program)
    if "plugin show" not in verbs or "profile" not in verbs["run"]:
        sys.exit(f"test_pages: cannot read --help: {verbs}")
    check_spec_keys(program)
    check_dependencies()
    n_specs = n_commands = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for page in PAGES:
            text = page.read_text()
            check_links(page, text)
            check_file_names(page, text)
            check_commands(page, text, verbs)
            check_python(page, text)
            n_specs += check_specs(program, page, text, folder)
            n_commands += len(commands(text))
        check_outputs(program, ROOT / "docs" / "graph.md")
        check_parameters(program, folder)
        check_default_layers(program, folder)
    if not n_specs or not n_commands:
        problem(ROOT / "docs", f"found {n_specs} specs and {n_commands} commands: these checks look at nothing")
    if problems:
        sys.exit("test_pages:\n  " + "\n  ".join(problems))
    print(f"{len(PAGES)} pages, {n_specs} specs, {n_commands} commands")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What the guides docs/writing-*.md say, done: takes the C files out of each page, runs its commands in their order (its
cc lines once more with warnings as errors), looks at the plugins with the program, and plans the specs that the page shows.
Tables of calls are compared with the headers, and messages with those that tests/e2e/test_mistakes.py provokes.
Arguments: the program, a C compiler."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = {
    # page -> the longest C file in it, and what in its spec is replaced by what for a second plan
    "layer": (60, ("blocks = block_prenorm", "blocks = block_parallel")),
    "operator": (60, None),
    "optimizer": (60, None),
    "loader": (100, None),
    "tokenizer": (80, None),
    "policy": (70, None),
    "op": (110, None),
    "backend": (0, None),
}
KIND_WORDS = {"policy": "scaling"}


def fail(message):
    sys.exit(f"test_docs: {message}")


def page(kind):
    article = "an" if kind[0] in "aeiou" else "a"
    return ROOT / "docs" / f"writing-{article}-{kind}.md"


class Guide:
    def __init__(self, kind, program, compiler, folder):
        self.kind, self.compiler, self.path = kind, compiler, pathlib.Path(folder)
        self.text = page(kind).read_text()
        self.files = dict(re.findall(r"^```c (\w+\.c)\n(.*?)^```$", self.text, flags=re.S | re.M))
        self.commands = re.findall(r"^```sh\n(.*?)^```$", self.text, flags=re.S | re.M)
        bin_folder = self.path / "bin"
        bin_folder.mkdir()
        (bin_folder / "tfx").symlink_to(pathlib.Path(program).resolve())
        self.env = {k: v for k, v in os.environ.items() if k != "TFX_PLUGIN_PATH"}
        self.env |= {"TFX": str(ROOT), "TFX_INCLUDE": str(ROOT / "include"), "PATH": f"{bin_folder}:{self.env['PATH']}"}

    def sh(self, script, cwd=None, **env):
        r = subprocess.run(["sh", "-euc", script], cwd=cwd or self.path, env={**self.env, **env}, capture_output=True, text=True)
        if r.returncode:
            fail(f"{page(self.kind).name}: `{script.strip()}` says:\n{r.stdout[-2000:]}{r.stderr[-2000:]}")
        return r

    def check_files(self, longest):
        if "```c\n" in self.text:
            fail(f"{page(self.kind).name}: a C block without a file name is never compiled")
        for name, source in self.files.items():
            if len(source.splitlines()) > longest:
                fail(f"{name} has more than {longest} lines")
            (self.path / name).write_text(source)

    def run_commands(self):
        """Each block of commands in a shell of its own, in the page's folder; then what it compiles, strictly."""
        if not self.commands:
            fail(f"{page(self.kind).name} has no commands")
        for block in self.commands:
            self.sh(block)
        lines = [line for block in self.commands for line in block.splitlines() if line.startswith("cc ")]
        if len(lines) != len(self.files):
            fail(f"{page(self.kind).name}: files {list(self.files)} and commands {lines}")
        for line in lines:
            strict = re.sub(r"^cc ", f"{self.compiler} -std=c11 -Wall -Wextra -Werror -pedantic ", line)
            if self.sh(strict).stderr:
                fail(f"`{strict}` has warnings")

    def plugin_path(self):
        paths = re.findall(r"^export TFX_PLUGIN_PATH=(.*)$", self.text, flags=re.M)
        return paths[0].replace("$PWD", str(self.path))

    def show(self, name):
        r = self.sh(f"tfx plugin show {name} --json", TFX_PLUGIN_PATH=self.plugin_path())
        (plugin,) = json.loads(r.stdout)
        if not plugin["path"].endswith(f"/{name}.so") or not plugin["path"].startswith(str(self.path.resolve())):
            fail(f"{name} came from {plugin['path']}")
        return plugin["classes"]

    def check(self, name):
        """No rule is broken."""
        said = self.sh(f"tfx plugin check ./{name}.so", TFX_PLUGIN_PATH=self.plugin_path()).stdout
        if "FAIL" in said:
            fail(f"tfx plugin check {name}:\n{said}")
        return said

    def spec(self):
        """What the page shows of specs, with what it leaves out."""
        text = "\n".join(re.findall(r"^```ini\n(.*?)^```$", self.text, flags=re.S | re.M))
        head = {"experiment": "name = doc", "data": "loader = synthetic\nloader.vocab = 16", "train": "steps = 2\nbatch = 2"}
        return "".join(f"[{s}]\n{lines}\n" for s, lines in head.items() if f"[{s}]" not in text) + text

    def plan(self, name, text):
        """Models are built, data is read, growth is checked, without training. What would stop a run fails here."""
        (self.path / name).write_text(text)
        r = self.sh(f"tfx plan {name} --json", TFX_PLUGIN_PATH=self.plugin_path())
        if r.stderr:
            fail(f"tfx plan of the spec in {page(self.kind).name}: {r.stderr}")
        return json.loads(r.stdout)

    def check_messages(self):
        """A message of a table, in backticks (one, or two around some), is one that mistakes are told with."""
        told = (ROOT / "tests" / "e2e" / "test_mistakes.py").read_text().replace("\\'", "'")
        told += (ROOT / "tests" / "e2e" / "test_plugins.py").read_text()
        table = self.text.partition("## When something is wrong")[2]
        for _, message in re.findall(r"^\| (``?) ?(.*?) ?\1 \|", table, flags=re.M):
            if message not in told:
                fail(f"{page(self.kind).name}: no test provokes the message '{message}'")


def check_listing(where, said):
    """A page's listing of what the check says of swiglu, but for measured numbers."""
    plain = lambda text: re.sub(r"\d\.\de[+-]\d+", "N", text)
    (listing,) = re.findall(r"^```\n(ok    plugin: symbols.*?)^\.\.\.\n```$", where.read_text(), flags=re.S | re.M)
    if plain(listing) not in plain(said):
        fail(f"{where.name} lists\n{listing}and the program says\n{said}")


def compare(page_name, listed, declared):
    if listed != declared:
        fail(f"{page_name}: calls missing from the table: {sorted(declared - listed)}; unknown: {sorted(listed - declared)}")


def members(header, struct):
    """The function pointers of a class table, without those of the entry's head."""
    text = (ROOT / "include" / "tfx" / header).read_text()
    body = text[text.index(f"typedef struct {struct} {{"):text.index(f"}} {struct};")]
    return set(re.findall(r"\(\*(?:const )?(\w+)\)\(", body))


def names_in_table(text, heading):
    table = text[text.index(heading):].partition("\n## ")[0]
    return {n for row in re.findall(r"^\| (`.*?) \|", table, flags=re.M) for n in re.findall(r"`(\w+)[(`]", row)}


def check_calls(kind, text):
    if kind == "layer":
        graph = (ROOT / "include" / "tfx" / "graph.h").read_text()
        body = graph[graph.index("struct tfx_builder {"):]
        compare("the builder", names_in_table(text, "## Builder calls"),
                set(re.findall(r"\(\*(\w+)\)\(const tfx_builder", body)))
    elif kind == "operator":
        header = (ROOT / "include" / "tfx" / "growth.h").read_text()
        compare(kind, names_in_table(text, "## What it can say"),
                set(re.findall(r"\(\*(\w+)\)\((?:const )?tfx_growth \*g", header)))
    else:
        header, data = {"optimizer": ("optimizer.h", set()), "loader": ("loader.h", {"flags"}), "tokenizer": ("tokenizer.h", {"flags"}),
                        "policy": ("scaling.h", set()),
                        "op": ("op.h", {"id", "summary", "kernels", "n_results"}), "backend": ("backend.h", set())}[kind]
        struct = f"tfx_{KIND_WORDS.get(kind, kind)}_class"
        compare(kind, names_in_table(text, "## The calls"), members(header, struct) | data)
        if kind == "op":
            compare("kernel", names_in_table(text, "## A kernel's members"), members(header, "tfx_kernel") | {"device", "n_phases"})


def main():
    program, compiler = sys.argv[1:]
    for kind, (longest, other) in PAGES.items():
        with tempfile.TemporaryDirectory() as folder:
            g = Guide(kind, program, compiler, folder)
            g.check_files(longest)
            g.run_commands()
            shown = {name[:-2]: g.show(name[:-2]) for name in g.files}
            if kind == "layer":
                (options,) = re.findall(r"`tfx plugin show swiglu ([^`]*)`", g.text)
                (plugin,) = json.loads(g.sh(f"tfx plugin show swiglu {options} --json", TFX_PLUGIN_PATH=g.plugin_path()).stdout)
                built = plugin["classes"][0]["built"]
            said = {name[:-2]: g.check(name[:-2]) for name in g.files}
            spec = g.spec()
            g.plan("page.ini", spec)
            if other:
                if other[0] not in spec:
                    fail(f"the spec of {page(kind).name} has no '{other[0]}'")
                g.plan("other.ini", spec.replace(*other))
            check_calls(kind, g.text)
            if kind not in ("layer", "operator"):
                g.check_messages()
        if kind == "layer":
            for where in (page(kind), ROOT / "docs" / "checking-a-plugin.md"):
                check_listing(where, said["swiglu"])
            hidden, slots = shown["swiglu"][0]["options"][0], shown["block_parallel"][0]["slots"]
            if (hidden["name"], hidden["required"], hidden["type"]) != ("hidden", True, "integer"):
                fail(f"swiglu's first option is {hidden}")
            if [s["name"] for s in slots] != ["norm", "mixer", "ffn"]:
                fail(f"block_parallel's slots are {slots}")
            if sorted(p["shape"] for p in built["parameters"]) != [[128, 64]] * 3:
                fail(f"swiglu's parameters are {built['parameters']}")
    listed = {p.name for p in (ROOT / "docs").glob("writing-*.md")}
    if listed != {page(k).name for k in PAGES}:
        fail(f"guides {sorted(listed)} are not those that this test knows")
    print(f"{len(PAGES)} guides do what they say")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What `meson install` gives, used without its tree: docs/installing.md's commands, plugins built in each of the ways that
page shows, manual pages and completion. A tool that is not installed is skipped, and said to be."""
import atexit
import contextlib
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from harness import BUILD, SOURCE, environment, expect, folder, main, same

PAGE = (SOURCE / "docs" / "installing.md").read_text()
LAYER = (SOURCE / "docs" / "writing-a-layer.md").read_text()
NEEDS = {"cc": ["cc"], "clang": ["clang"], "c++": ["c++"], "zig": ["zig"], "meson": ["meson"], "cmake": ["cmake"],
         "rust": ["bindgen", "rustc"]}
SET = ["--set", "arm.transformer.train.steps=2", "--arm", "transformer", "--seed", "1",
       "--set", "model.transformer.blocks.ffn=swiglu", "--set", "model.transformer.blocks.ffn.hidden=48"]


def block(language, name):
    """The code block that begins with ```language name."""
    found = re.findall(rf"^```{re.escape(f'{language} {name}'.strip())}\n(.*?)^```$", PAGE, flags=re.S | re.M)
    expect(found, f"docs/installing.md has a block of {language} {name}")
    return found[0] if name else found


def sh(command, cwd, env=None):
    r = subprocess.run(["sh", "-euc", command], cwd=cwd, env=environment(env), capture_output=True, text=True)
    expect(r.returncode == 0, f"`{command.strip()}` succeeds", f"{r.stdout}\n{r.stderr}")
    return r


@functools.cache
def options():
    return {o["name"]: o["value"] for o in json.loads((BUILD / "meson-info" / "intro-buildoptions.json").read_text())}


@functools.cache
def prefix():
    """An installation that was made below another folder by the page's command, and then moved."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="tfx-install-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    (root / "build").symlink_to(BUILD)
    (command,) = [b for b in block("sh", "") if "DESTDIR" in b]
    sh(command, root)
    (root / "package" / options()["prefix"].lstrip("/")).rename(root / "moved")
    return root / "moved"


def path(option, *more):
    return prefix().joinpath(options()[option], *more)


def installed():
    """Environment in which tfx and tfx.pc are the installed ones."""
    return {"PATH": f"{path('bindir')}:{os.environ['PATH']}", "PKG_CONFIG_PATH": str(path("libdir", "pkgconfig"))}


def plugins(env=None):
    found = json.loads(sh("tfx plugin list --json", "/", {**installed(), **(env or {})}).stdout)
    same(found["refused"], [], "refused plugins")
    return {p["name"]: p["path"] for p in found["plugins"]}


@contextlib.contextmanager
def c_layer():
    """A folder with the layer of docs/writing-a-layer.md."""
    with tempfile.TemporaryDirectory() as name:
        at = pathlib.Path(name)
        at.joinpath("swiglu.c").write_text(re.search(r"^```c swiglu.c\n(.*?)^```$", LAYER, flags=re.S | re.M).group(1))
        yield at


def test_files():
    names = {str(p.relative_to(prefix())) for p in prefix().rglob("*") if p.is_file()}
    o = options()
    expected = {f"{o['bindir']}/tfx", f"{o['libdir']}/pkgconfig/tfx.pc", f"{o['mandir']}/man1/tfx.1", f"{o['mandir']}/man7/tfx-plugin.7",
                f"{o['datadir']}/bash-completion/completions/tfx", f"{o['datadir']}/zsh/site-functions/_tfx"}
    expected |= {f"{o['includedir']}/tfx/{h.name}" for h in (SOURCE / "include" / "tfx").iterdir()}
    expected |= {f"{o['datadir']}/tfx/experiments/{s.name}" for s in (SOURCE / "experiments").iterdir()}
    built_in = json.loads(subprocess.run([BUILD / "tfx", "plugin", "list", "--json"], capture_output=True, text=True,
                                         env=environment({})).stdout)["plugins"]
    expected |= {f"{o['libdir']}/tfx/plugins/{pathlib.Path(p['path']).name}" for p in built_in}
    expect(len(built_in) > 20, "there are built-in plugins", built_in)
    same(sorted(names), sorted(expected), "installed files")
    # The page's own way: what the build would put where.
    with tempfile.TemporaryDirectory() as home:
        (setup,) = re.findall(r"^meson setup build (.*?) +#", PAGE, flags=re.M)
        sh(f"meson setup {setup} {home}/build {SOURCE}", home, {"HOME": home})
        planned = json.loads(pathlib.Path(home, "build", "meson-info", "intro-installed.json").read_text()).values()
        same([p for p in planned if not p.startswith(f"{home}/.local/")], [], "places outside of the prefix")
        expect(f"{home}/.local/bin/tfx" in planned, "the program is installed there", planned)


def test_program_finds_its_plugins():
    found = plugins()
    same({str(pathlib.Path(p).parent) for p in found.values()}, {str(path("libdir", "tfx", "plugins").resolve())},
         "the folder of the plugins of an installation that was moved")
    with c_layer() as at:
        # Through a link to the program, the same.
        (at / "linked").symlink_to(path("bindir", "tfx"))
        same(json.loads(sh("./linked plugin list --json", at).stdout)["plugins"][0]["path"], found[min(found)], "through a link")
        # One's own come first, and those in the plugin folder are found without being named.
        sh(block("sh", "cc"), at, installed())
        same(plugins({"TFX_PLUGIN_PATH": str(at)})["swiglu"], str((at / "swiglu.so").resolve()), "where swiglu is")
        folder_of_plugins = sh("pkg-config --variable=plugindir tfx", at, installed()).stdout.strip()
        there = pathlib.Path(shutil.copy(at / "swiglu.so", folder_of_plugins))
        try:
            same(plugins()["swiglu"], str(there.resolve()), "where swiglu is without TFX_PLUGIN_PATH")
        finally:
            there.unlink()
    expect("swiglu" not in plugins(), "a plugin that is gone is not found")


def test_pkg_config():
    (commands,) = [b for b in block("sh", "") if "--variable=abi_version" in b]
    said = {c: sh(c, "/", installed()).stdout.strip() for c in re.findall(r"^(pkg-config .*?) +#", commands, flags=re.M)}
    variables = dict(re.findall(r"--variable=(\w+) tfx': '([^']*)'", repr(said)))
    same(sorted(variables), ["abi_version", "experimentsdir", "plugindir"], "variables that the page shows")
    version = sh("tfx --version", "/", installed()).stdout
    expect(f"plugin ABI {variables['abi_version']}\n" in version, f"abi_version {variables['abi_version']} is the program's", version)
    expect(f"tfx {sh('pkg-config --modversion tfx', '/', installed()).stdout}" in version, "--modversion is the program's", version)
    expect(pathlib.Path(variables["plugindir"]).samefile(path("libdir", "tfx", "plugins")), "plugindir", variables)
    expect(pathlib.Path(variables["experimentsdir"], "quickstart.ini").is_file(), "experimentsdir", variables)
    expect(pathlib.Path(said["pkg-config --cflags tfx"].removeprefix("-I")).samefile(path("includedir")), "--cflags", said)
    same(sh("pkg-config --libs tfx", "/", installed()).stdout.strip(), "", "what there is to link")


def try_way(way, at):
    """Builds swiglu.so as the page says and trains two steps with it: the validation loss."""
    for language, name in (("meson", "meson.build"), ("cmake", "CMakeLists.txt"), ("rust", "swiglu.rs")):
        if language == way:
            (at / name).write_text(block(language, name))
    built = sh(block("sh", way), at, installed())
    expect("warning" not in (built.stdout + built.stderr).lower(), f"{way} has nothing to warn of", built.stdout + built.stderr)
    (show,) = [b for b in block("sh", "") if "plugin show" in b]
    expect("gated feed-forward layer" in sh(show, at, installed()).stdout, "the plugin is shown")
    env = {**installed(), "TFX_PLUGIN_PATH": str(at)}
    with folder() as f:
        r = subprocess.run([path("bindir", "tfx"), "run", "tiny.ini", *SET, "--json"], cwd=f.path, env=environment(env),
                           capture_output=True, text=True)
        expect(r.returncode == 0, f"a run with the {way} plugin", r.stderr)
        loss, used = f.one("SELECT s.val_loss, p.path FROM run_summary s JOIN run_plugin r ON r.run = s.run JOIN plugin p "
                           "ON p.id = r.plugin WHERE p.name = 'swiglu' AND s.status = 'done'")
        same(used, str((at / "swiglu.so").resolve()), "the file that the run has used")
        return loss


def test_ways():
    ways = re.findall(r"^```sh (\S+)$", PAGE, flags=re.M)
    same(sorted(ways), sorted(NEEDS), "ways to build a plugin that the page shows")
    losses, skipped = {}, []
    for way in ways:
        missing = [tool for tool in NEEDS[way] if not shutil.which(tool)]
        if missing:
            print(f"skipped: no {', '.join(missing)}")
            skipped.append(way)
            continue
        with c_layer() as at:
            losses[way] = try_way(way, at)
    expect("cc" in losses, "a plugin was built", skipped)
    # The layer is the same one in whatever language, so is what it computes.
    same(len(set(losses.values())), 1, f"number of losses {losses}")


if __name__ == "__main__":
    main(globals())

#!/usr/bin/env python3
"""The experiments behind docs/results: every spec can be planned once what it refers to has been run, each page names the
command that makes it, and the ladder comes to the same tables when it is killed in the middle."""
import re

from harness import *

EXPERIMENTS, PAGES = SOURCE / "experiments", SOURCE / "docs" / "results"
SEARCHES = "frontier_search", "more_search", "ladder_search", "ladder_rates", "variants_search"
DATA = "--set", "data.loader.train=train.txt", "--set", "data.loader.val=val.txt"
SMALL = (*DATA, "--set", "model.*.context=16", "--set", "train.batch=2", "--set", "data.eval_tokens=256")


def spec(name):
    return EXPERIMENTS / f"{name}.ini"


def has_arms(path):
    return re.search(r"^\[arm ", path.read_text(), flags=re.M)


def search(f, *names):
    for name in names:
        length = ("--set", "vars.total=1e8" if name.startswith("ladder") else "train.flops=4e8" if name.startswith("variants") else "train.steps=2")
        f.tfx("run", spec(name), *SMALL, *length, "--set", "train.warmup=1", "--jobs", "2")


def test_plans():
    with folder() as f:
        search(f, *SEARCHES)
        for path in sorted(EXPERIMENTS.glob("*.ini")):
            if has_arms(path) and path.stem not in ("scale_124m_to_1.4b",):
                f.tfx("plan", path, *DATA)
        # Whoever has not searched is told what to run.
        message(f.tfx("plan", spec("ladder"), *DATA, "--db", "other.db", status=2), "ladder_rates")


def compared(f):
    """What the pages of the ladder are made of, without times."""
    tables = [f.tfx("compare", "ladder", "grown", b).stdout for b in ("scratch*", "small*", "transformer*")]
    tables += [f.tfx("gain", "ladder", arm).stdout for arm in ("grown", "grown_half")]
    tables += [f.tfx("claim", "ladder", "grown lowers loss by > 0 at equal flops vs transformer", status=None).stdout]
    return tables, f.sql("SELECT arm, seed, status, steps_incl, tokens_incl, flops_incl, val_loss FROM run_summary WHERE "
                         "experiment = 'ladder' ORDER BY arm, seed")


def test_ladder_killed():
    with folder() as f:
        search(f, "ladder_search", "ladder_rates")
        shutil.copy(f.path / "tfx.db", f.path / "other.db")
        run = ("run", spec("ladder"), *SMALL, "--set", "vars.total=1.6e9", "--set", "vars.half=8e8",
               "--set", "train.checkpoint_every=3", "--set", "train.warmup=2", "--set", "train.eval_every=0", "--jobs", "2")
        f.tfx(*run)
        expected, rows = compared(f)
        same([r[2] for r in rows], ["done"] * 51, "all runs")
        (f.path / "tfx.db").unlink()
        shutil.rmtree(f.path / "runs")
        (f.path / "other.db").rename(f.path / "tfx.db")
        resume = ()
        for ended in (0, 6, 14, 24):
            p = f.start(*run, *resume, start_new_session=True, stderr=subprocess.DEVNULL)
            so_far = "SELECT count(*) > 0 AND sum(status = 'done') >= ? FROM run_summary WHERE experiment = 'ladder'"
            while p.poll() is None and not f.one(so_far, ended):
                time.sleep(0.03)
            same(p.poll(), None, f"it is executed after {ended} runs")
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()
            resume = ("--resume",)
        f.tfx(*run, "--resume")
        found, again = compared(f)
        same(again, rows, "the same runs")
        same(found, expected, "the same tables")


def test_pages():
    script = (SOURCE / "tools" / "results").read_text()
    names = re.findall(r"^run_(\w+)\(\)", script, flags=re.M)
    same(sorted(names), sorted(re.findall(r"^tables_(\w+)\(\)", script, flags=re.M)), "tools/results")
    same(sorted(names), sorted(p.stem for p in PAGES.glob("*.md") if p.stem != "README"), "a page for each")
    for name in names:
        page = (PAGES / f"{name}.md").read_text()
        expect(f"tools/results {name}" in page, f"{name}: its command")
        expect((PAGES / f"{name}.txt").exists() and f"{name}.txt" in page, f"{name}: its tables")
        for figure in re.findall(r"\]\((\w+\.svg)\)", page):
            expect((PAGES / figure).exists(), f"{name}: {figure}")
        expect(f"]({name}.md)" in (PAGES / "README.md").read_text(), f"{name}: in the list")



main(globals())

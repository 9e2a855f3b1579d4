#!/usr/bin/env python3
"""The program around its verbs: help, versions, misspellings, and standard output that fails.
Arguments: the program, the version of the project."""
import json
import os
import re
import subprocess
import sys
import tempfile

VERBS = ["run", "plan", "plugin new", "plugin list", "plugin show", "plugin check", "runs", "show", "lineage", "curve", "sql", "eval", "generate"]


def main():
    program, version = sys.argv[1:]

    def run(*args, **more):
        return subprocess.run([program, *args], capture_output=True, text=True, **more)

    def expect(condition, what, result):
        if not condition:
            sys.exit(f"test_program: {what}\nexit status {result.returncode}\n{result.stdout}{result.stderr}")

    usage = run("--help")
    expect(usage.returncode == 0 and not usage.stderr, "--help succeeds", usage)
    for verb in VERBS:
        expect(re.search(rf"^  {verb} +\S", usage.stdout, re.M), f"--help lists {verb}", usage)
        r = run(*verb.split(), "--help")
        expect(r.returncode == 0 and r.stdout.startswith(f"tfx {verb} "), f"{verb} --help succeeds", r)
        expect(re.search(rf"^Example:\n  tfx {verb}\b", r.stdout, re.M), f"{verb} --help has an example", r)
        expect(re.search(r"^  --help +print this$", r.stdout, re.M), f"{verb} --help lists --help", r)
    # --help --json says of every verb what its --help does.
    r = run("--help", "--json")
    verbs = json.loads(r.stdout)["verbs"]
    listed = re.findall(r"^  ((?:[a-z]+ )?[a-z-]+)  +(\S.*)$", usage.stdout, re.M)
    expect(listed == [(v["name"], v["summary"]) for v in verbs] and len(verbs) > 20, "--help --json has every verb", r)
    for v in verbs:
        r = run(*v["name"].split(), "--help")
        options = [((f"-{o['letter']}, " if "letter" in o else "") + f"--{o['name']}" + (f" {o['value']}" if "value" in o else ""),
                    o["doc"] + (" (repeatable)" if o["repeatable"] else "")) for o in v["options"]]
        width = max(len(left) for left, _ in options)
        text = (f"tfx {v['name']} {v['synopsis']}\n\n{v['summary']}\n\nOptions:\n"
                + "".join(f"  {left:{width}}  {doc}\n" for left, doc in options) + f"\nExample:\n{v['example']}")
        expect(r.stdout == text, f"{v['name']} --help says what --help --json does", r)

    r = run()
    expect(r.returncode == 2 and r.stderr == usage.stdout and not r.stdout, "without a verb, the help goes to stderr", r)

    r = run("--version")
    lines = r.stdout.splitlines()
    expect(r.returncode == 0 and lines[0] == f"tfx {version}", "--version names the version", r)
    expect(re.fullmatch(r"plugin ABI \d+\.\d+", lines[1]), "--version names the ABI", r)
    expect(re.fullmatch(r"SQLite 3\.\d+\.\d+", lines[2]), "--version names SQLite", r)
    expect(re.fullmatch(r"backend cpu: (avx\w+ kernels|OpenBLAS [\d.]+ \(\w+\)), \d+ threads?", lines[3]),
           "--version says what computes products", r)

    for args, words in [
        (["rns"], 'unknown verb \'rns\'; did you mean "runs"?'),
        (["plugni"], 'did you mean "plugin"?'),
        (["entirely-different"], "expected one of: run, plan, "),
        (["plugin"], "expected 'tfx plugin new' or 'tfx plugin list' or 'tfx plugin show' or 'tfx plugin check', found 'tfx plugin'"),
        (["plugin", "lst"], "found 'tfx plugin lst'"),
        (["--verson"], "unknown verb '--verson'"),
        (["runs", "--jsn"], 'runs: unknown option --jsn; did you mean "--json"?'),
        (["show"], "show: expected RUN"),
        (["sql", "SELECT 1", "SELECT 2"], "one argument too many: 'SELECT 2'"),
    ]:
        r = run(*args)
        expect(r.returncode == 2 and not r.stdout and words in r.stderr, f"{args}: {words}", r)

    # No verb that reads leaves a database behind where there was none.
    with tempfile.TemporaryDirectory() as folder:
        for args in (["runs"], ["show", "1"], ["lineage", "1"], ["curve", "x"], ["sql", "SELECT 1"]):
            r = run(*args, cwd=folder)
            expect(r.returncode == 2 and "no database tfx.db" in r.stderr, f"{args} without a database", r)
        expect(os.listdir(folder) == [], "nothing is created", r)

    with open("/dev/full", "w") as full:
        r = subprocess.run([program, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
    if r.returncode != 1 or "standard output" not in r.stderr:
        sys.exit(f"test_program: a full disk behind stdout: exit status {r.returncode}\n{r.stderr}")


main()

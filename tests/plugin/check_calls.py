#!/usr/bin/env python3
"""Nothing outside of framework/plugin/calls/ calls a function of a plugin's class table: a call that is made
elsewhere has no one to check what comes back, or to say whose fault a crash was. Argument: the source tree."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
# Members of other tables that share a name with one of a class.
OTHERS = {("command", "run")}


def functions():
    """The function pointers of all class tables, as the headers declare them."""
    names = set()
    for header in sorted((ROOT / "include" / "tfx").glob("*.h")):
        for table in re.findall(r"typedef struct tfx_\w+_class \{(.*?)^\} tfx_\w+_class;", header.read_text(), re.S | re.M):
            names |= set(re.findall(r"\(\*(\w+)\)\(", table))
    return names


def main():
    names = functions()
    wrong = []
    if not {"build", "states", "open", "should_grow", "exec_destroy", "vjp"} <= names:
        sys.exit(f"the class tables were not found in the headers: {sorted(names)}")
    call = re.compile(r"(\w+)?\)?(?:->|\.)(%s)\(" % "|".join(sorted(names)))
    for path in sorted((ROOT / "framework").rglob("*.[ch]")):
        if path.parent == ROOT / "framework" / "plugin" / "calls":
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for m in call.finditer(line):
                if (m[1], m[2]) not in OTHERS:
                    wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    for w in wrong:
        print(w)
    if wrong:
        sys.exit("these call a plugin directly; use the functions of framework/plugin/calls/")


main()

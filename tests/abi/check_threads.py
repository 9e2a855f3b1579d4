#!/usr/bin/env python3
"""Every function pointer of the plugin ABI says which thread calls it, as tfx/abi.h promises: a tag in the
comment before it, or in that of its table or header for all of them ("All functions are [main]").
Argument: the source tree."""
import pathlib
import re
import sys

TAG = re.compile(r"\[(?:main|loader|compute|any)\]")
ALL = re.compile(r"All functions are " + TAG.pattern)


def untagged(text):
    """Names of the function pointers without a tag."""
    wrong, comment, everywhere = [], "", ALL.search(text) is not None
    for piece in re.finditer(r"/\*.*?\*/|\(\*(\w+)\)\(", text, flags=re.S):
        if piece[1] is None:
            comment = piece[0]
            continue
        if not everywhere and not TAG.search(comment):
            wrong.append(piece[1])
        comment = ""
    return wrong


def main():
    found = 0
    assert untagged("/* [main] */ int (*a)(void); int (*b)(void);") == ["b"]
    for header in sorted((pathlib.Path(sys.argv[1]) / "include" / "tfx").glob("*.h")):
        names = untagged(header.read_text())
        found += len(names)
        for name in names:
            print(f"{header.name}: {name} does not say which thread calls it")
    sys.exit(1 if found else 0)


main()

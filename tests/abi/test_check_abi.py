#!/usr/bin/env python3
"""Whether check-abi notices what an older plugin would: edits a copy of the headers in every
way that matters and compares the verdict. Arguments: none. Exits 77 when abidiff is missing."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parents[1] / "include"
FROZEN = HERE / "frozen" / "1.0" / "include"

UNKNOWN_MINOR = ("abi.h", "#define TFX_ABI_MINOR 0", "#define TFX_ABI_MINOR 99")
MINOR = ("abi.h", "#define TFX_ABI_MINOR 0", "#define TFX_ABI_MINOR 1")
APPEND = ("options.h", "    const char *doc;  /* one line", "    const char *doc; const char *extra; /* one line")
APPEND_FUNCTION = ("host.h", "double std, float *out);", "double std, float *out); int (*extra)(void);")
INSERT = ("options.h", "    const char *def;", "    const char *odd; const char *def;")
REORDER = ("options.h", "double min, max;", "double max, min;")
REMOVE = ("loader.h", "    double bytes_per_token;", "")
VALUE = ("types.h", "TFX_I32 = 3", "TFX_I32 = 4")
ENUMERATOR = ("types.h", "TFX_I32 = 3", "TFX_I32 = 3, TFX_F16 = 4")
UNARY = ("graph.h", "TFX_NEG = 1", "TFX_NEG = 11")
ARGUMENT = ("graph.h", "(const tfx_builder *b, tfx_unary kind, tfx_value x);",
            "(const tfx_builder *b, tfx_unary kind, tfx_value x, int y);")
ELEMENT = ("loader.h", "(*next_batch)(tfx_loader *l, int32_t *inputs", "(*next_batch)(tfx_loader *l, int64_t *inputs")
APPEND_LOADER = ("loader.h", "uint32_t flags; /* TFX_LOADER_* */",
                 "uint32_t flags; /* TFX_LOADER_* */ void (*extra)(void);")
SCALAR = ("types.h", "typedef uint32_t tfx_value", "typedef uint64_t tfx_value")
# tfx_update of 1.0 ends in 4 bytes of padding: older plugins' struct_size already covers them.
PADDING = ("optimizer.h", "new_state[TFX_MAX_STATES];", "new_state[TFX_MAX_STATES]; int32_t extra;")
NO_SIZE = ("layer.h", "typedef struct tfx_slot {\n    size_t struct_size;\n", "typedef struct tfx_slot {\n    long size;\n")
FOREIGN = ("types.h", '#include "abi.h"', '#include "abi.h"\n#include <stdio.h>')

BREAKS, SAME_VERSION = "breaks plugins built for ABI 1.0", "differs from ABI 1.0"
CASES = [ # edits, what the output must contain (None: no complaint about 1.0)
    ([MINOR], None),
    ([MINOR, APPEND], None),
    ([MINOR, APPEND_FUNCTION, APPEND_LOADER, ENUMERATOR], None),
    ([MINOR, INSERT], BREAKS),
    ([MINOR, REORDER], BREAKS),
    ([MINOR, REORDER, APPEND], BREAKS),
    ([MINOR, REMOVE], BREAKS),
    ([MINOR, VALUE], BREAKS),
    ([MINOR, UNARY], BREAKS),
    ([MINOR, ARGUMENT], BREAKS),
    ([MINOR, ELEMENT], BREAKS),
    ([MINOR, ELEMENT, APPEND_LOADER], BREAKS),
    ([MINOR, SCALAR], BREAKS),
    ([MINOR, PADDING], BREAKS),
    ([APPEND], SAME_VERSION),
    ([ENUMERATOR], SAME_VERSION),
    ([REORDER], SAME_VERSION),
    ([NO_SIZE], "struct tfx_slot does not start with struct_size"),
    ([FOREIGN], "types.h includes <stdio.h>"),
    ([UNKNOWN_MINOR], "ABI 1.99 has no baseline"),
]


def verdict(edits):
    """Of the headers of 1.0 after these edits."""
    with tempfile.TemporaryDirectory() as folder:
        include = pathlib.Path(folder) / "include"
        shutil.copytree(FROZEN, include)
        for name, old, new in edits:
            path = include / "tfx" / name
            text = path.read_text()
            assert old in text, f"{name} no longer contains {old!r}: update this test"
            path.write_text(text.replace(old, new, 1))
        return subprocess.run([sys.executable, str(HERE / "check-abi"), "--include", str(include)],
                              capture_output=True, text=True)


def main():
    if not shutil.which("abidiff"):
        print("skipped: abidiff is missing")
        return 77
    failures = 0
    for edits, expected in CASES:
        result = verdict(edits)
        if expected:
            good = result.returncode == 1 and expected in result.stdout
        else:
            good = result.returncode == 0
        if not good:
            failures += 1
            print(f"{[new for _, _, new in edits]}: expected {expected!r}, got {result.returncode}:\n"
                  f"{result.stdout}{result.stderr}")
    for include in (FROZEN, INCLUDE):
        result = subprocess.run([sys.executable, str(HERE / "check-abi"), "--include", str(include)], capture_output=True,
                                text=True)
        if result.returncode != 0:
            failures += 1
            print(f"{include}, unchanged: {result.stdout}{result.stderr}")
    print(f"{len(CASES) + 2} cases, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

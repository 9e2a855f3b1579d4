#!/bin/sh
# What `make test` does, in this folder: $TFX_PROGRAM is the program, out/ is empty, and the plugin is found.
set -eu
fail() {
    echo "test.sh: $*" >&2
    exit 1
}
ask() {
    $TFX_PROGRAM sql "$1" --csv --db out/tfx.db | tail -n 1
}

# The shapes are checked and the gradient is built, without training.
$TFX_PROGRAM plan my_plugin.ini > out/plan.txt

# The kernel and its gradient compute what the core ops do, at every step.
$TFX_PROGRAM run my_plugin.ini --db out/tfx.db > out/run.txt 2>&1
losses="SELECT m.* FROM metric m JOIN run_summary r ON r.run = m.run WHERE name = 'train_loss'"
far=$(ask "SELECT max(abs(a.value - b.value)) FROM ($losses AND arm = 'kernel') a JOIN ($losses AND arm = 'core') b
           ON a.step = b.step")
near=$(ask "SELECT $far < 1e-4")
test "$near" = 1 || fail "the losses with the kernel and with core ops differ by $far; see out/run.txt"

# It learns. (To reach ln 64 = 4.16 takes nothing but the frequencies of tokens.)
learned=$(ask "SELECT max(val_loss) < 4.0 FROM run_summary")
test "$learned" = 1 || fail "it does not learn; see out/run.txt"
echo "my_plugin: all is well, losses differ by $far at most"

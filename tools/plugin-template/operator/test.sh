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

# The map is made and checked without training, and is known to keep the function.
$TFX_PROGRAM plan my_plugin.ini > out/plan.txt
grep -q "keeps the function" out/plan.txt || fail "the function is not known to be kept; see out/plan.txt"

# It does: the probe batch has the same loss before and after.
$TFX_PROGRAM run my_plugin.ini --db out/tfx.db > out/run.txt 2>&1
kept=$(ask "SELECT abs(probe_loss_after - probe_loss_before) < 1e-5 FROM growth_event")
test "$kept" = 1 || fail "growing changed what the model computes; see out/run.txt"

# And what was added learns with the rest.
better=$(ask "SELECT max(value) FILTER (WHERE step = 40) < min(value) FILTER (WHERE step = 20) FROM metric WHERE name = 'val_loss'")
test "$better" = 1 || fail "the loss did not fall after growth; see out/run.txt"
echo "my_plugin: all is well"

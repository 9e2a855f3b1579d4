#!/bin/sh
# What `make test` does, in this folder: $TFX_PROGRAM is the program, out/ is empty, and the plugin is found.
set -eu
fail() {
    echo "test.sh: $*" >&2
    exit 1
}

# The models are built and the growth is checked, without training.
$TFX_PROGRAM plan my_plugin.ini > out/plan.txt

# Both arms learn. (To reach ln 64 = 4.16 takes nothing but the frequencies of tokens.)
$TFX_PROGRAM run my_plugin.ini --db out/tfx.db > out/run.txt 2>&1
losses=$($TFX_PROGRAM sql "SELECT group_concat(val_loss < 4.0, ' ') FROM run_summary" --csv --db out/tfx.db | tail -n 1)
test "$losses" = "1 1" || fail "which of the runs have learned: $losses; see out/run.txt"

# Growing leaves the function what it was.
kept=$($TFX_PROGRAM sql "SELECT abs(probe_loss_after - probe_loss_before) < 1e-5 FROM growth_event" --csv --db out/tfx.db | tail -n 1)
test "$kept" = 1 || fail "growing changed what the model computes; see out/run.txt"
echo "my_plugin: all is well"

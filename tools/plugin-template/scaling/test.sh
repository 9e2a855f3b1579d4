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

# The stages are declared and the growth is checked, without training.
$TFX_PROGRAM plan my_plugin.ini > out/plan.txt

# It grows before the steps of its first stage are over, and says why.
$TFX_PROGRAM run my_plugin.ini --db out/tfx.db > out/run.txt 2>&1
step=$(ask "SELECT step FROM growth_event")
test "$(ask "SELECT step BETWEEN 15 AND 59 FROM growth_event")" = 1 || fail "expected growth at a step from 15 to 59, found '$step'; see out/run.txt"
grep -q "no gain of 0.05" out/run.txt || fail "the reason is missing; see out/run.txt"

# What it remembers is in the checkpoints.
grep -q '"policy"' out/runs/my_plugin/*/*-stage_end/checkpoint.json || fail "nothing is remembered; see out/runs/"

# A patience that no stage has is refused before anything runs.
if $TFX_PROGRAM plan my_plugin.ini --set scaling.stall.policy.patience=100 > out/refused.txt 2>&1; then
    fail "a patience of 100 was accepted"
fi
echo "my_plugin: all is well, it grew at step $step"

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
# Half a minute at most, while the program runs.
wait_for() {
    tries=0
    until "$2"; do
        tries=$((tries + 1))
        if ! kill -0 "$run" || test "$tries" -ge 300; then
            fail "expected $1; see out/"
        fi
        sleep 0.1
    done
}
has_checkpoints() { # two, so that the first is surely in the database
    test "$(find out/runs/killed -name model.safetensors 2> out/missing.txt | wc -l)" -ge 2
}
goes_on() {
    grep -q "continues from step" out/resumed.txt
}

# The files are opened, without training.
$TFX_PROGRAM plan my_plugin.ini > out/plan.txt

# A run without end is killed when it has checkpoints, and goes on for a second.
set -- my_plugin.ini --db out/tfx.db --set train.steps=1000000 --set experiment.name=killed
$TFX_PROGRAM run "$@" > out/killed.txt 2>&1 &
run=$!
trap 'kill "$run" 2> out/ended.txt || true' EXIT
wait_for "two checkpoints" has_checkpoints
kill -KILL "$run"
wait "$run" || true
$TFX_PROGRAM run "$@" --resume > out/resumed.txt 2>&1 &
run=$!
wait_for "a run that goes on" goes_on
sleep 1
kill -INT "$run"
wait "$run" || true

# As many steps in one go: every loss is the same, to the last bit.
steps="SELECT m.* FROM metric m JOIN run_summary r ON r.run = m.run WHERE name = 'train_loss' AND NOT superseded"
last=$(ask "SELECT max(step) FROM ($steps AND experiment = 'killed')")
$TFX_PROGRAM run my_plugin.ini --db out/tfx.db --set "train.steps=$last" > out/whole.txt 2>&1
same=$(ask "SELECT count(*) FROM ($steps AND experiment = 'killed') a JOIN ($steps AND experiment = 'my_plugin') b
            ON a.step = b.step AND a.value = b.value")
test "$same" = "$last" || fail "of $last steps $same have the same loss; see out/"
from=$(sed -n 's/.*continues from step \([0-9]*\).*/\1/p' out/resumed.txt)
test "$last" -gt "$from" || fail "no step followed those up to $from; see out/resumed.txt"
echo "my_plugin: all is well, $last steps with a kill are as $last steps without"

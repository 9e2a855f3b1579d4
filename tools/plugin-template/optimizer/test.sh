#!/bin/sh
# What `make test` does, in this folder: $TFX_PROGRAM is the program, out/ is empty, and the plugin is found.
set -eu
fail() {
    echo "test.sh: $*" >&2
    exit 1
}

# An update is built for every parameter, without training.
$TFX_PROGRAM plan my_plugin.ini > out/plan.txt

# It learns. (To reach ln 64 = 4.16 takes nothing but the frequencies of tokens.)
$TFX_PROGRAM run my_plugin.ini --arm mine --db out/tfx.db > out/run.txt 2>&1
loss=$($TFX_PROGRAM sql "SELECT val_loss FROM run_summary WHERE arm = 'mine'" --csv --db out/tfx.db | tail -n 1)
learned=$($TFX_PROGRAM sql "SELECT val_loss < 3.5 FROM run_summary WHERE arm = 'mine'" --csv --db out/tfx.db | tail -n 1)
test "$learned" = 1 || fail "the loss is $loss after 40 steps; see out/run.txt"

# Its state is in the checkpoints, so that a run that was interrupted goes on as if it had not been.
grep -q "embedding.weight/m" out/runs/*/*/*/optimizer.safetensors || fail "no state is kept; see out/runs/"
echo "my_plugin: all is well, with a loss of $loss"

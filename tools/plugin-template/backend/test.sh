#!/bin/sh
# What `make test` does, in this folder: $TFX_PROGRAM is the program, out/ is empty, and the plugin is found.
set -eu
fail() {
    echo "test.sh: $*" >&2
    exit 1
}

# Every op of both models can be executed.
$TFX_PROGRAM plan my_plugin.ini > out/plan.txt

# Every step has the loss that it has with the backend of tfx.
$TFX_PROGRAM run my_plugin.ini --db out/tfx.db > out/run.txt 2>&1
$TFX_PROGRAM run my_plugin.ini --db out/tfx.db --set experiment.backend=cpu --set experiment.name=cpu > out/cpu.txt 2>&1
losses="SELECT m.*, arm FROM metric m JOIN run_summary r ON r.run = m.run WHERE name = 'train_loss'"
far=$($TFX_PROGRAM sql "SELECT CASE WHEN count(*) = 10 THEN max(abs(a.value - b.value)) END
                FROM ($losses AND experiment = 'my_plugin') a JOIN ($losses AND experiment = 'cpu') b
                ON a.step = b.step AND a.arm = b.arm" --csv --db out/tfx.db | tail -n 1)
near=$($TFX_PROGRAM sql "SELECT ${far:-1} < 1e-4" --csv --db out/tfx.db | tail -n 1)
test "$near" = 1 || fail "losses differ from those of the backend cpu by ${far:-(no loss)}; see out/"
echo "my_plugin: all is well, losses differ by $far at most"

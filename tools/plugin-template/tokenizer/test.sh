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

# The text of this folder becomes tokens, in one piece and with all cores: the same ones.
$TFX_PROGRAM tokenize my_plugin.c test.sh --tokenizer my_plugin --set pieces=pieces.txt -o out/text.bin > out/tokenize.txt
bytes=$(cat my_plugin.c test.sh | wc -c)
tokens=$(($(wc -c < out/text.bin) / 2))
test "$tokens" -lt "$bytes" || fail "expected fewer tokens than bytes ($bytes); found $tokens"

# Bytes that no piece fits are tokens of their own.
printf '\377\000' > out/odd.txt
$TFX_PROGRAM tokenize out/odd.txt --tokenizer my_plugin --set pieces=pieces.txt -o out/odd.bin >> out/tokenize.txt
odd=$(od -An -tu2 -v out/odd.bin | tr -s ' ')
test "$odd" = " 255 0 270" || fail "expected the tokens 255 0 270; found$odd"

# A model learns from them.
$TFX_PROGRAM run my_plugin.ini --db out/tfx.db > out/run.txt 2>&1
learned=$(ask "SELECT max(val_loss) < 4.5 FROM run_summary")
test "$learned" = 1 || fail "it does not learn; see out/run.txt"
echo "my_plugin: all is well, $tokens tokens of $bytes bytes"

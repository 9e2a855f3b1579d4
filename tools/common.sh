# shellcheck shell=bash
# What the scripts in tools/ share: where the tree is, how they speak, and how they build.
# To be sourced, after `set -euo pipefail`.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
program=${0##*/}
jobs=2 # what the smallest supported machine has; more would need more memory, too
step_number=0

say() { printf '%s: %s\n' "$program" "$*"; }

# Numbered headings, so that a long log shows how far it came.
step() {
    step_number=$((step_number + 1))
    printf '\n== %d. %s\n' "$step_number" "$*"
}

die() { # die [STATUS] MESSAGE
    local status=1
    if [[ ${1:-} =~ ^[0-9]+$ ]]; then
        status=$1
        shift
    fi
    printf '%s: %s\n' "$program" "$*" >&2
    exit "$status"
}

# Bad use of a script ends with status 2, like bad use of tfx.
usage_error() { die 2 "$* (try '$program --help')"; }

# Prints the comment at the top of the script, which is its help text, with the # removed.
show_help() { awk 'NR == 1 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$0"; }

need_command() { # need_command COMMAND...
    local c
    for c in "$@"; do
        command -v "$c" > /dev/null || die "'$c' is not installed; run $root/tools/setup first"
    done
}

# Text as the inside of a JSON string. The text must be UTF-8.
json_escape() {
    local s=$1 i c
    s=${s//\\/\\\\}
    s=${s//\"/\\\"}
    for ((i = 1; i < 32; i++)); do
        printf -v c '%b' "\\x$(printf '%02x' "$i")"
        [[ $s != *"$c"* ]] || s=${s//"$c"/"$(printf '\\u%04x' "$i")"}
    done
    printf '%s' "$s"
}

# The value of "KEY" in a JSON file that one of these scripts wrote: one key per line, and
# strings still escaped.
json_field() { # json_field FILE KEY
    sed -n -e "s/^ *\"$2\": \"\(.*\)\",\{0,1\}\$/\1/p" -e "s/^ *\"$2\": \([0-9.]*\),\{0,1\}\$/\1/p" -- "$1" | head -n 1
}

file_sha256() { sha256sum < "$1" | cut -d ' ' -f 1; }

# Makes $out, the folder of the results, if need be, and waits until no other script works there:
# whoever comes second finds it done. Whole files are renamed from $new into $out. At the end
# what $scratch lists is removed, and so is $out if it was made here and nothing came of it.
claim_out() {
    made_out=''
    if [[ ! -d $out ]]; then
        mkdir -p -- "$out" || die "cannot make the folder '$out'"
        made_out=1
    fi
    out=$(cd -- "$out" && pwd -P)
    new=$out/.new
    scratch=("$new")
    exec 9< "$out"
    flock 9
    trap leave_out EXIT
    trap 'exit 130' INT TERM
    rm -rf -- "$new"
}

leave_out() {
    rm -rf -- "${scratch[@]}"
    [[ ! $made_out ]] || rmdir --ignore-fail-on-non-empty -- "$out" 2> /dev/null || true
}

# Whether $root/FOLDER is a build of this tree, and not of the folder that the tree was in before.
has_build() { # has_build FOLDER
    local info=$root/$1/meson-info/meson-info.json
    [[ -f $root/$1/build.ninja && -f $info ]] && grep -qF "\"source\": \"$root\"" "$info"
}

# Configures and builds into $root/FOLDER; an existing build is reused, unless the tree
# was moved or copied since, which makes the folder's absolute paths wrong.
build_tree() { # build_tree FOLDER TARGET [MESON_OPTION...]; target all: everything
    local folder=$1 target=$2 build=$root/$1
    shift 2
    need_command meson ninja
    if has_build "$folder"; then
        say "reusing $folder/"
        (($# == 0)) || meson configure "$@" "$build"
    elif [[ -f $build/meson-private/coredata.dat ]]; then
        say "configuring $folder/ again from scratch: what is there belongs to another folder or is not whole"
        meson setup --wipe "$@" "$build" "$root"
    else
        meson setup "$@" "$build" "$root"
    fi
    ninja -C "$build" -j "$jobs" "$target"
}

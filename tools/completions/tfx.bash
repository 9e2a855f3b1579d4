# shellcheck shell=bash
# Completion for bash. Verbs and options are those that the program's own --help lists when TAB is pressed: nothing is
# written here a second time. In all functions, `program` and `word` are the program and what has been typed of a word.

# "run", "plugin list" and so on, one on each line.
_tfx_verbs()
{
    "$program" --help 2> /dev/null | sed -n 's/^  \([a-z][a-z-]*\( [a-z][a-z]*\)\{0,1\}\)  .*/\1/p'
}

# Of the help of a verb, "--db FILE" or "--json" for each option, and "-o FILE" where it has a letter.
_tfx_options()
{
    sed -n 'h; s/^  \(-.\), --[a-z-]*\( [^ ][^ ]*\)\{0,1\}  .*/\1\2/p
        g; s/^  \(-., \)\{0,1\}\(--[a-z-]*\)\( [^ ][^ ]*\)\{0,1\}  .*/\2\3/p'
}

# What the n-th argument is called in the first line of a help, "SPEC [--arm NAME]..."; beyond the last one, the last one if
# dots follow it.
_tfx_argument() # N WORD...
{
    local n=$1 part name last='' before=''
    shift
    for part; do
        name=${part//[^A-Z:-]/}
        if [[ $name == [A-Z]* && $before != -* ]]; then
            last=''
            if ((n-- == 0)) || [[ $part == *... ]]; then
                last=$name
            fi
            ((n >= 0)) || break
        fi
        before=$name
    done
    printf '%s\n' "$last"
}

_tfx_offer() # LINES: those that begin with what has been typed
{
    mapfile -t COMPREPLY < <(IFS=$'\n' && compgen -W "$1" -- "$word")
}

_tfx_files() # PATTERN: files with such names, and folders
{
    local file
    compopt -o filenames 2> /dev/null # fails where no completion is going on, as in the test
    while IFS= read -r file; do
        # shellcheck disable=SC2053 # a pattern
        [[ ! -d $file && ${file##*/} != $1 ]] || COMPREPLY+=("$file")
    done < <(compgen -f -- "$word")
}

# What an argument, or the value of an option, can be that a help calls so.
_tfx_named() # VERB NAME [--db FILE]
{
    case $1/$2 in
        'plugin show/NAME')
            _tfx_offer "$("$program" plugin list --json 2> /dev/null |
                sed -n 's/^.*"name":[[:space:]]*"\([^"]*\)".*/\1/p' | sort -u)" ;;
        */EXPERIMENT)
            _tfx_offer "$("$program" sql 'SELECT DISTINCT name FROM experiment' --csv "${@:3}" 2> /dev/null | sed 1d)" ;;
        */SPEC | */SPEC:NAME) _tfx_files '*.ini' ;;
        */FILE | */DIR | */CKPT) _tfx_files '*' ;;
    esac
}

_tfx()
{
    local program=${1/#\~/$HOME} word=$2 verb help options value database=() parts part i n=0
    # Readline takes --db=FILE for three words.
    local words=()
    for part in "${COMP_WORDS[@]:0:COMP_CWORD}"; do
        [[ $part == = ]] || words+=("$part")
    done
    [[ $word != = ]] || word=''
    COMPREPLY=()

    if ((${#words[@]} == 1)); then
        _tfx_offer "$(_tfx_verbs | sed 's/ .*//' | uniq)"$'\n--help\n--version'
        return
    fi
    verb=$(_tfx_verbs | grep -Fx -e "${words[1]}" -e "${words[1]} ${words[2]}")
    if [[ ! $verb ]]; then
        ((${#words[@]} > 2)) || _tfx_offer "$(_tfx_verbs | grep "^${words[1]//[^a-z]/} " | sed 's/.* //')"
        return
    fi

    read -ra parts <<< "$verb"
    help=$("$program" "${parts[@]}" --help 2> /dev/null)
    options=$(_tfx_options <<< "$help")
    value=''
    for ((i = 1 + ${#parts[@]}; i < ${#words[@]}; i++)); do
        part=${words[i]}
        if [[ $value ]]; then # of the option before
            [[ $value != --db\ * ]] || database=(--db "$part")
            value=''
        elif [[ $part == -?* ]]; then
            value=$(grep -e "^$part ." <<< "$options")
        else
            n=$((n + 1))
        fi
    done
    if [[ $value ]]; then
        _tfx_named "$verb" "${value#* }" "${database[@]}"
    elif [[ $word == -* ]]; then
        _tfx_offer "$(grep -o '^--[a-z-]*' <<< "$options")"
    else
        read -ra parts <<< "${help#"tfx $verb "}"
        _tfx_named "$verb" "$(_tfx_argument "$n" "${parts[@]}")" "${database[@]}"
    fi
}

complete -F _tfx tfx

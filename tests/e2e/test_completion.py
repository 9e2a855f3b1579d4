#!/usr/bin/env python3
"""Completion for bash and zsh, and tfx(1): each verb and each option that --help has is in all of them. zsh and the tools
that check manual pages are skipped where they are not installed, and said to be."""
import json
import os
import re
import shutil
import subprocess

from harness import BUILD, SOURCE, TFX, environment, expect, folder, main, same

BASH = SOURCE / "tools" / "completions" / "tfx.bash"
ZSH = SOURCE / "tools" / "completions" / "_tfx"
VERBS = json.loads(subprocess.run([TFX, "--help", "--json"], capture_output=True, text=True).stdout)["verbs"]

# What readline does: a line up to the cursor becomes words, of which --db=FILE is three.
IN_BASH = r"""
source "$1"
[[ $(complete -p tfx) == 'complete -F _tfx tfx' ]] || exit 1
while IFS= read -r line; do
    COMP_WORDS=()
    for word in $line; do
        if [[ $word == --*=* ]]; then
            COMP_WORDS+=("${word%%=*}" =)
            word=${word#*=}
            [[ $word ]] || continue
        fi
        COMP_WORDS+=("$word")
    done
    [[ $line != *' ' ]] || COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _tfx "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf '%s\t' "${COMPREPLY[@]}"
    echo
done
"""

# In place of zsh's own functions, ones that say what they were asked for.
IN_ZSH = r"""
_arguments() { print -rn -- ${(pj:\t:)@}$'\t' }
_describe() { while [[ $1 == -* ]] do shift; [[ $1 != verbs && $1 != plugins && $1 != experiments ]] || shift; done
    shift; local name; for name; do [[ $name == -- ]] || print -rn -- ${(Ppj:\t:)name}$'\t'; done }
file=$1
while IFS= read -r line; do
    words=(${(s: :)line})
    [[ $line != *' ' ]] || words+=('')
    CURRENT=$#words
    case $line in
        _*) program=tfx; $=line ;;
        *) source $file ;;
    esac
    print
done
"""


def offered(script, file, lines, cwd):
    """What a shell offers for each line up to the cursor."""
    env = environment({"PATH": f"{BUILD}:{os.environ['PATH']}"})
    shell = ["bash", "--norc"] if script is IN_BASH else ["zsh", "-f"]
    r = subprocess.run([*shell, "-c", script, shell[0], file], input="".join(f"{line}\n" for line in lines), cwd=cwd, env=env,
                       capture_output=True, text=True)
    expect(r.returncode == 0 and not r.stderr, f"{shell[0]} completes", r.stdout + r.stderr)
    answers = [[word for word in line.split("\t") if word] for line in r.stdout.splitlines()]
    same(len(answers), len(lines), "answers")
    return dict(zip(lines, answers))


def in_bash(*lines, cwd="/"):
    return offered(IN_BASH, BASH, lines, cwd)


def names_of_plugins():
    listed = json.loads(subprocess.run([TFX, "plugin", "list", "--json"], env=environment({}), capture_output=True, text=True).stdout)
    return {p["name"] for p in listed["plugins"]} | {c["name"] for p in listed["plugins"] for c in p["classes"]}


def test_bash_verbs_and_options():
    found = in_bash("tfx ", "tfx -", *(f"tfx {v['name']} --" for v in VERBS), *(f"tfx {v['name'].split()[0]} " for v in VERBS))
    same(found["tfx "], [*dict.fromkeys(v["name"].split()[0] for v in VERBS), "--help", "--version"], "verbs")
    same(found["tfx -"], ["--help", "--version"], "options of the program")
    expect(len(VERBS) > 20, "there are verbs", VERBS)
    for v in VERBS:
        same(found[f"tfx {v['name']} --"], [f"--{o['name']}" for o in v["options"]], f"options of {v['name']}")
        first, _, second = v["name"].partition(" ")
        expect(not second or second in found[f"tfx {first} "], f"{v['name']} is completed", found[f"tfx {first} "])


def test_bash_arguments():
    with folder() as f:
        f.tfx("run", "tiny.ini", "--arm", "transformer", "--seed", "1", "--set", "arm.transformer.train.steps=1",
              "--set", "experiment.name=first")
        f.path.joinpath("specs dir").mkdir()
        f.path.joinpath("tfx.db").rename(f.path / "other.db")
        cases = {
            "tfx pl": ["plan", "plot", "plugin"],
            "tfx nothing ": [],
            "tfx [ ": [],
            "tfx plugin s": ["show"],
            "tfx plugin show": ["show"],
            "tfx plugin show pat": ["pattention"],
            "tfx plugin show pattention ": [],
            "tfx run t": ["tiny.ini"],
            "tfx run ": ["tiny.ini", "runs", "specs dir"],
            "tfx run tiny.ini ": [],
            "tfx run tiny.ini --se": ["--seed", "--set"],
            "tfx run tiny.ini --seed ": [],
            "tfx run --seed 1 t": ["tiny.ini"],
            "tfx run --seed=1 t": ["tiny.ini"],
            "tfx run --json t": ["tiny.ini"],
            "tfx run --db=o": ["other.db"],
            "tfx run --db o": ["other.db"],
            "tfx run --db=": ["tiny.ini", "train.txt", "val.txt", "other.db", "runs", "specs dir"],
            "tfx grow 3 --model t": ["tiny.ini"],
            "tfx report x -o v": ["val.txt"],
            "tfx lineage r": ["runs"],
            "tfx arms ": [],
            "tfx arms --db other.db ": ["first"],
            "tfx arms --db=other.db f": ["first"],
            "tfx arms x --db other.db ": [],
            "tfx compare first a ": [],
            "tfx gc --db other.db a b ": ["first"],
            "tfx db v": ["vacuum"],
        }
        for line, answer in in_bash(*cases, cwd=f.path).items():
            same(sorted(answer), sorted(cases[line]), f"what completes '{line}'")
        same(set(in_bash("tfx plugin show ", cwd=f.path)["tfx plugin show "]), names_of_plugins(), "plugins and classes")
        same(f.path.joinpath("tfx.db").exists(), False, "completion has made a database")


def test_zsh():
    if not shutil.which("zsh"):
        print("skipped: no zsh")
        return
    r = subprocess.run(["zsh", "-n", ZSH], capture_output=True, text=True)
    expect(r.returncode == 0 and not r.stderr, "zsh -n", r.stderr)
    found = offered(IN_ZSH, ZSH, ["tfx ", "_tfx_plugins", *(f"tfx {v['name']} " for v in VERBS),
                                  *(f"tfx {v['name'].split()[0]} " for v in VERBS if " " in v["name"])], "/")
    words = {re.split("[:[]", word)[0] for word in found["tfx "]}
    same(words, {v["name"].split()[0] for v in VERBS} | {"--help", "--version"}, "verbs")
    same(set(found["_tfx_plugins"]), names_of_plugins(), "plugins and classes")
    for v in VERBS:
        answer = found[f"tfx {v['name']} "]
        options = [name for word in answer if (name := re.match(r"\*?(--[a-z-]+)=?\[", word))]
        same([name[1] for name in options], [f"--{o['name']}" for o in v["options"]], f"options of {v['name']}")
        for o in v["options"]:
            start = ("*" if o["repeatable"] else "") + f"--{o['name']}" + ("=" if "value" in o else "") + "["
            (word,) = [word for word in answer if word.startswith(start)]
            said = re.sub(r"\\(.)", r"\1", word)[len(start):]
            expect(said.startswith(o["doc"]), f"--{o['name']} of {v['name']} is described", word)
        first, _, second = v["name"].partition(" ")
        if second:
            expect(f"{second}:{v['summary']}" in found[f"tfx {first} "], f"{v['name']} is completed", found[f"tfx {first} "])
    expect("1:plugin or class:_tfx_plugins" in found["tfx plugin show "], "plugins", found["tfx plugin show "])
    expect('1:spec:_files -g "*.ini"' in found["tfx run "], "specs", found["tfx run "])


def plain(text):
    """What a page shows, without markup."""
    text = re.sub(r"\\f[A-Z]", "", text).replace("\\-", "-").replace("\\(aq", "'").replace("\\(ga", "`").replace("\\(ha", "^")
    return re.sub(r"\s+", " ", text.replace("\\(ti", "~").replace("\\&", "").replace("\\e", "\\"))


def test_manual_pages():
    pages = [BUILD / "docs" / "man" / name for name in ("tfx.1", "tfx-plugin.7")]
    for page in pages:
        text = page.read_text()
        same(re.findall(r"@\w+@", text), [], f"what {page.name} left as it was")
    sections = pages[0].read_text().split("\n.SS tfx ")[1:]
    sections[-1] = sections[-1].split("\n.SH ")[0]
    same([plain(s.partition("\n")[0]) for s in sections], [v["name"] for v in VERBS], "verbs in tfx(1)")
    for v, section in zip(VERBS, sections):
        section = plain(section)
        expect(v["summary"] in section, f"{v['name']} has its summary", section)
        for o in v["options"]:
            what = f".TP {'-' + o['letter'] + ', ' if 'letter' in o else ''}--{o['name']} {o['value'] + ' ' if 'value' in o else ''}{o['doc']}"
            expect(what in section, f"tfx(1) has {what}", section)
    for tool in (["mandoc", "-Tlint", "-Wstyle"], ["groff", "-man", "-Tutf8", "-ww", "-z"]):
        if not shutil.which(tool[0]):
            print(f"skipped: no {tool[0]}")
            continue
        for page in pages:
            r = subprocess.run([*tool, page], capture_output=True, text=True)
            same((r.returncode, r.stdout + r.stderr), (0, ""), f"what {tool[0]} says of {page.name}")


if __name__ == "__main__":
    main(globals())

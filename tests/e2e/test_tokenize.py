#!/usr/bin/env python3
"""tfx tokenize: the tokens are those of the texts, in both formats, on any number of cores; models read them; what cannot be is
refused, and nothing is left."""
import array
import signal
import subprocess
import time

from harness import *


def tokens(path, width=2, header=0):
    data = array.array({2: "H", 4: "I"}[width])
    data.frombytes(path.read_bytes()[header:])
    return list(data)


def test_bytes():
    with folder() as f:
        texts = {"a.txt": b"hello\nworld", "empty.txt": b"", "odd.txt": bytes(range(256)), "long.txt": os.urandom(3_500_000)}
        for name, text in texts.items():
            (f.path / name).write_bytes(text)
        r = f.tfx("tokenize", *texts, "-o", "plain.bin")
        whole = b"".join(texts.values())
        same((f.path / "plain.bin").read_bytes(), b"".join(bytes([b, 0]) for b in whole), "the tokens")
        said = json.loads((f.path / "plain.bin.json").read_text())
        same([said[k] for k in ("tokenizer", "vocab", "end_of_text", "tokens", "bytes", "format")],
             ["bytes", 256, None, len(whole), len(whole), "nanogpt"], "what is said of them")
        same([(d["file"], d["tokens"]) for d in said["documents"]], [(n, len(t)) for n, t in texts.items()], "the documents")
        expect("loader.vocab = 256" in r.stdout and "loader.bytes_per_token = 1\n" in r.stdout, "what a spec needs", r.stdout)

        # With marks, in llm.c's format, and the JSON on standard output.
        shown = f.json("tokenize", *texts, "-o", "marked.bin", "--set", "end_of_text=true", "--format", "llmc")
        expected = [t for text in texts.values() for t in [*text, 256]]
        header = array.array("i")
        header.frombytes((f.path / "marked.bin").read_bytes()[:1024])
        same(list(header[:3]) + [sum(map(abs, header[3:]))], [20240520, 1, len(expected), 0], "the header")
        same(tokens(f.path / "marked.bin", header=1024), expected, "tokens, each document with its end")
        same(shown, json.loads((f.path / "marked.bin.json").read_text()), "both descriptions")
        same((shown["vocab"], shown["end_of_text"], shown["options"]), (257, 256, {"end_of_text": "true"}), "the end")

        # On one core, to the same bytes.
        subprocess.run(["taskset", "-c", str(min(os.sched_getaffinity(0))), TFX, "tokenize", *texts, "-o", "one.bin"], cwd=f.path,
                       env=environment(None), check=True, capture_output=True)
        same((f.path / "one.bin").read_bytes(), (f.path / "plain.bin").read_bytes(), "tokens made on one core")


def test_a_model_reads_them():
    """As the loader of bytes gives the same text."""
    with folder(TINY.replace("seeds = 1, 2", "seeds = 1")) as f:
        for split in ("train", "val"):
            f.tfx("tokenize", f"{split}.txt", "-o", f"{split}.bin")
        f.tfx("run", "tiny.ini", "--arm", "transformer", "--db", "bytes.db")
        spec = (f.path / "tiny.ini").read_text().replace("loader = bytes", "loader = tokens\nloader.vocab = 256")
        (f.path / "tokens.ini").write_text(spec.replace("train.txt", "train.bin").replace("val.txt", "val.bin"))
        f.tfx("run", "tokens.ini", "--arm", "transformer", "--db", "tokens.db")
        found = [f.sql("SELECT step, name, value FROM metric WHERE name IN ('train_loss', 'val_loss') ORDER BY step, name", db=db)
                 for db in ("bytes.db", "tokens.db")]
        same(found[1], found[0], "losses")


def test_refused():
    with folder() as f:
        (f.path / "old.bin").write_bytes(b"what was there")
        before = f.files()
        for args, words in [
            (["train.txt"], ["expected -o FILE"]),
            (["-o", "x.bin"], ["expected", "TEXT"]),
            (["nothing.txt", "-o", "old.bin"], ["nothing.txt: cannot be read: No such file or directory"]),
            ([".", "-o", "old.bin"], [".: expected a text file; found a folder"]),
            (["train.txt", "-o", "old.bin", "--tokenizer", "byts"], ['no tokenizer "byts"', 'did you mean "bytes"?']),
            (["train.txt", "-o", "old.bin", "--set", "end_of_txt=1"], ['unknown key "end_of_txt"', '"end_of_text"']),
            (["train.txt", "-o", "old.bin", "--set", "end_of_text=perhaps"], ["end_of_text", '"perhaps"']),
            (["train.txt", "-o", "old.bin", "--set", "end_of_text"], ['no "="']),
            (["train.txt", "-o", "old.bin", "--format", "megatron"], ["expected nanogpt or llmc, found 'megatron'"]),
            (["train.txt", "-o", "no/where.bin"], ["no/where.bin"]),
            (["val.txt", "train.txt", "-o", "./train.txt"], ["train.txt would be written over the text train.txt"]),
        ]:
            r = f.tfx("tokenize", *args, status=None)
            expect(r.returncode in (1, 2), f"{args} is refused", r.returncode)
            message(r, *words)
            same(f.files(), before, f"files after {args}")
        same((f.path / "old.bin").read_bytes(), b"what was there", "what was there")


def test_full_disk_and_interrupt():
    with folder() as f:
        with open(f.path / "long.txt", "wb") as out:
            out.truncate(300_000_000)
        before = f.files()
        r = subprocess.run(["sh", "-c", "ulimit -f 2000; trap '' XFSZ; exec \"$0\" tokenize long.txt -o out.bin", TFX], cwd=f.path,
                           env=environment(None), capture_output=True, text=True)
        same(r.returncode, 1, "status without room")
        message(r, "out.bin")
        same(f.files(), before, "files without room")
        process = subprocess.Popen([TFX, "tokenize", "long.txt", "-o", "out.bin"], cwd=f.path, env=environment(None),
                                   stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        wait_for(lambda: f.files() != before or process.poll() is not None, "it begins to write", process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        same((process.returncode, out, err), (130, "", "tfx: tokenize: interrupted; nothing is written\n"), "an interrupted one")
        same(f.files(), before, "files of an interrupted one")


main(globals())

/* tfx-ids-to-bin: token ids as text -> the binary token files of nanoGPT and llm.c.
 *
 * Reads what `spm_encode --output_format=id` prints: one line of ids for each line of
 * text. SentencePiece never sees the newlines themselves, so the id that stands for a
 * newline is put after each line here, which makes the tokens decode to the whole text.
 * tools/prepare-tokens runs it; it depends on nothing, so that `cc` alone can build it.
 *
 *   nanoGPT: uint16 tokens, nothing else
 *   llm.c:   256 int32 {20240520, 1, tokens, 0...}, then uint16 tokens; for a vocabulary
 *            above 65536 {20240801, 7, tokens, 0...}, then uint32 tokens
 *
 * All numbers are little-endian. Prints the number of tokens. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LLMC_HEADER_BYTES (256 * 4)

static const char usage[] =
    "usage: tfx-ids-to-bin --vocab N --newline ID [--no-last-newline] [--nanogpt FILE] [--llmc FILE] < IDS\n"
    "\n"
    "Turns lines of token ids into binary token files and prints the number of tokens.\n"
    "\n"
    "  --vocab N          every id must be below N\n"
    "  --newline ID       goes after the ids of each line\n"
    "  --no-last-newline  but not after the last line\n"
    "  --nanogpt FILE     raw uint16; N is at most 65536\n"
    "  --llmc FILE        header of 256 int32, then uint16, or uint32 when N is above 65536\n"
    "\n"
    "example: spm_encode --model=tokenizer.model --output_format=id < val.txt |\n"
    "             tfx-ids-to-bin --vocab 8192 --newline 12 --nanogpt val.bin\n";

/* An output file and how wide its tokens are. */
typedef struct sink {
    const char *path; /* NULL: not asked for */
    FILE *file;
    int width; /* bytes per token */
} sink;

typedef struct writer {
    sink sinks[2];
    uint64_t n_tokens;
} writer;

static int fail(const char *what, const char *path)
{
    fprintf(stderr, "tfx-ids-to-bin: %s '%s': %s\n", what, path, strerror(errno));
    return -1;
}

static void store_le(unsigned char *to, uint32_t value, int width)
{
    for (int i = 0; i < 4 && i < width; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

static int write_token(writer *w, uint32_t id)
{
    unsigned char bytes[4];
    for (size_t i = 0; i < 2; i++) {
        sink *s = &w->sinks[i];
        if (!s->path)
            continue;
        store_le(bytes, id, s->width);
        if (fwrite(bytes, 1, (size_t)s->width, s->file) != (size_t)s->width)
            return fail("cannot write", s->path);
    }
    w->n_tokens++;
    return 0;
}

static int write_llmc_header(const sink *s, uint64_t n_tokens)
{
    unsigned char header[LLMC_HEADER_BYTES] = {0};
    store_le(header, s->width == 2 ? 20240520 : 20240801, 4);
    store_le(header + 4, s->width == 2 ? 1 : 7, 4);
    store_le(header + 8, (uint32_t)n_tokens, 4);
    if (fseek(s->file, 0, SEEK_SET) != 0 || fwrite(header, 1, sizeof header, s->file) != sizeof header)
        return fail("cannot write", s->path);
    return 0;
}

/* Reads ids to the end of the input. A line's newline is written when the next line
 * begins, so that the last one can be left out. */
static int convert(FILE *in, writer *w, uint64_t vocab, uint32_t newline, int last_newline)
{
    uint64_t line = 1, id = 0;
    int in_number = 0, newline_due = 0, c;

    while ((c = getc_unlocked(in)) != EOF) {
        if (newline_due) {
            if (write_token(w, newline))
                return -1;
            newline_due = 0;
        }
        if (c >= '0' && c <= '9') {
            id = id * 10 + (uint64_t)(c - '0');
            in_number = 1;
            if (id >= vocab) {
                fprintf(stderr,
                        "tfx-ids-to-bin: line %" PRIu64 ": expected ids below %" PRIu64
                        ", found one that starts with %" PRIu64 "\n",
                        line, vocab, id);
                return -1;
            }
            continue;
        }
        if (c != ' ' && c != '\n') {
            fprintf(stderr, "tfx-ids-to-bin: line %" PRIu64 ": expected numbers and spaces, found byte %d\n", line, c);
            return -1;
        }
        if (in_number && write_token(w, (uint32_t)id))
            return -1;
        id = 0;
        in_number = 0;
        if (c == '\n') {
            newline_due = 1;
            line++;
        }
    }
    if (ferror(in))
        return fail("cannot read", "standard input");
    if (in_number) { /* spm_encode ends every line, so this is half an input */
        fprintf(stderr, "tfx-ids-to-bin: line %" PRIu64 ": the input ends in the middle of a line\n", line);
        return -1;
    }
    return newline_due && last_newline ? write_token(w, newline) : 0;
}

/* A whole number in [0, max], or -1 with a message. */
static int64_t parse_number(const char *option, const char *text, int64_t max)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || end == text || *end || v < 0 || v > max) {
        fprintf(stderr, "tfx-ids-to-bin: %s: expected a whole number up to %" PRId64 ", found '%s'\n", option, max,
                text);
        return -1;
    }
    return v;
}

int main(int argc, char **argv)
{
    writer w = {0};
    int64_t vocab = -1, newline = -1;
    int last_newline = 1, status = 1;

    for (int i = 1; i < argc; i++) {
        const char *o = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!strcmp(o, "--help")) {
            fputs(usage, stdout);
            return 0;
        }
        if (!strcmp(o, "--no-last-newline")) {
            last_newline = 0;
            continue;
        }
        if (value && !strcmp(o, "--vocab")) {
            if ((vocab = parse_number(o, value, INT32_MAX)) < 0)
                return 2;
        } else if (value && !strcmp(o, "--newline")) {
            if ((newline = parse_number(o, value, INT32_MAX)) < 0)
                return 2;
        } else if (value && !strcmp(o, "--nanogpt")) {
            w.sinks[0].path = value;
        } else if (value && !strcmp(o, "--llmc")) {
            w.sinks[1].path = value;
        } else {
            fprintf(stderr, "tfx-ids-to-bin: unknown option, or one without its value: '%s'\n%s", o, usage);
            return 2;
        }
        i++;
    }
    if (vocab < 1 || newline < 0 || newline >= vocab || (!w.sinks[0].path && !w.sinks[1].path)) {
        fprintf(stderr, "tfx-ids-to-bin: expected --vocab, --newline below it, and --nanogpt or --llmc\n%s", usage);
        return 2;
    }
    if (w.sinks[0].path && vocab > 65536) {
        fprintf(stderr, "tfx-ids-to-bin: nanoGPT's uint16 holds a vocabulary of up to 65536, found %" PRId64 "\n",
                vocab);
        return 2;
    }

    w.sinks[0].width = 2;
    w.sinks[1].width = vocab > 65536 ? 4 : 2;
    for (size_t i = 0; i < 2; i++) {
        sink *s = &w.sinks[i];
        if (s->path && !(s->file = fopen(s->path, "wb"))) {
            fail("cannot make", s->path);
            goto out;
        }
    }
    if (w.sinks[1].file && write_llmc_header(&w.sinks[1], 0))
        goto out;
    if (convert(stdin, &w, (uint64_t)vocab, (uint32_t)newline, last_newline))
        goto out;
    if (w.sinks[1].file) {
        if (w.n_tokens > INT32_MAX) {
            fprintf(stderr, "tfx-ids-to-bin: llm.c's header counts up to %d tokens, found %" PRIu64 "\n", INT32_MAX,
                    w.n_tokens);
            goto out;
        }
        if (write_llmc_header(&w.sinks[1], w.n_tokens))
            goto out;
    }
    status = 0;

out:
    for (size_t i = 0; i < 2; i++) {
        sink *s = &w.sinks[i];
        if (s->file && fclose(s->file) != 0 && status == 0) {
            fail("cannot write", s->path);
            status = 1;
        }
        if (s->file && status != 0)
            remove(s->path); /* half a file would pass for a whole one */
    }
    if (status == 0)
        printf("%" PRIu64 "\n", w.n_tokens);
    return status;
}

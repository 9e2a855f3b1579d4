#include "framework/tokens/tokenize.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/base/clock.h"
#include "framework/base/memory.h"
#include "framework/base/parallel.h"
#include "framework/checkpoint/atomic_file.h"

/* A piece is at least so long, unless the document ends; so many are encoded before their tokens are written. */
enum { PIECE_BYTES = 1 << 20, MOST_PIECES = 64, HEADER_INTS = 256, MAGIC_16 = 20240520, MAGIC_32 = 20240801 };
#define TELL_SECONDS 0.2

typedef struct piece {
    const char *text;
    size_t n;
    size_t file;
    int ends; /* the document */
    tfx_tokens tokens;
    tfx_error err;
} piece;

typedef struct document {
    char *text; /* mapped; NULL where it is empty */
    size_t n;
} document;

typedef struct work {
    tfx_tokenize_job *job;
    tfx_tokenizer *t;
    document *documents;
    uint64_t total;
    piece pieces[MOST_PIECES];
    size_t n_pieces;
    tfx_atomic_file out;
    int width; /* bytes of a token in the file */
    double told;
} work;

static tfx_status map(const char *path, document *d, tfx_error *err)
{
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &s) != 0) {
        tfx_fail(err, TFX_E_IO, "%s: cannot be read: %s", path, strerror(errno));
    } else if (!S_ISREG(s.st_mode)) {
        tfx_fail(err, TFX_E_INVALID, "%s: expected a text file; found %s", path,
                 S_ISDIR(s.st_mode) ? "a folder" : "something else");
    } else if (s.st_size) {
        d->text = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        d->n = (size_t)s.st_size;
        if (d->text == MAP_FAILED) {
            d->text = NULL;
            tfx_fail(err, TFX_E_IO, "%s: cannot be read: %s", path, strerror(errno));
        }
    }
    if (fd >= 0)
        close(fd);
    return err->status;
}

static void encode_pieces(void *ctx, uint64_t first, uint64_t n)
{
    work *w = ctx;
    for (uint64_t i = first; i < first + n; i++) {
        piece *p = &w->pieces[i];
        tfx_call_tokenizer_encode(w->job->cls, w->t, &w->job->info, p->text, p->n, &p->tokens, &p->err);
    }
}

static tfx_status write_tokens(work *w, const int32_t *tokens, size_t n, tfx_error *err)
{
    unsigned char bytes[4096 * 4];
    for (size_t from = 0, count; from < n && err->status == TFX_OK; from += count) {
        count = n - from < 4096 ? n - from : 4096;
        for (size_t i = 0; i < count; i++)
            for (int k = 0; k < w->width; k++)
                bytes[i * (size_t)w->width + (size_t)k] = (unsigned char)((uint32_t)tokens[from + i] >> (8 * k));
        tfx_atomic_file_write(&w->out, bytes, count * (size_t)w->width, err);
    }
    return err->status;
}

/* Encodes the pieces that have gathered, and writes their tokens in order. */
static tfx_status flush(work *w, tfx_error *err)
{
    tfx_tokenize_job *j = w->job;
    tfx_parallel_ranges(w->n_pieces, 1, encode_pieces, w);
    for (size_t i = 0; i < w->n_pieces; i++) {
        piece *p = &w->pieces[i];
        int32_t end = (int32_t)j->info.end_of_text;
        if (err->status == TFX_OK && p->err.status != TFX_OK)
            tfx_fail(err, p->err.status, "%s: %s", j->files[p->file], p->err.text);
        int ends = p->ends && j->info.end_of_text >= 0;
        if (err->status == TFX_OK && write_tokens(w, p->tokens.items, p->tokens.n, err) == TFX_OK && ends)
            write_tokens(w, &end, 1, err);
        j->file_tokens[p->file] += p->tokens.n + (size_t)ends;
        j->tokens += p->tokens.n + (size_t)ends;
        j->bytes += p->n;
        free(p->tokens.items);
        *p = (piece){0};
    }
    w->n_pieces = 0;
    j->interrupted |= j->stop && *j->stop;
    if (j->progress && (tfx_now() - w->told > TELL_SECONDS || j->bytes == w->total)) {
        j->progress(j->ctx, j->bytes, w->total, j->tokens);
        w->told = tfx_now();
    }
    return err->status;
}

static int goes_on(const work *w, const tfx_error *err)
{
    return err->status == TFX_OK && !w->job->interrupted;
}

static tfx_status add_document(work *w, size_t file, tfx_error *err)
{
    const document *d = &w->documents[file];
    size_t from = 0, to;
    do {
        size_t rest = d->n - from;
        to = d->n;
        if (rest > PIECE_BYTES &&
            tfx_call_tokenizer_cut(w->job->cls, w->t, d->text + from, rest, PIECE_BYTES, &to, err) == TFX_OK)
            to += from;
        if (err->status != TFX_OK)
            return err->status;
        w->pieces[w->n_pieces++] = (piece){
            .text = d->text ? d->text + from : "", .n = to - from, .file = file, .ends = to == d->n};
        from = to;
        if (w->n_pieces == MOST_PIECES)
            flush(w, err);
    } while (from < d->n && goes_on(w, err));
    return err->status;
}

/* The header of llm.c's format, when the number of tokens is known; room for it before. */
static tfx_status write_header(work *w, int known, tfx_error *err)
{
    int32_t header[HEADER_INTS] = {w->width == 2 ? MAGIC_16 : MAGIC_32, w->width == 2 ? 1 : 7, 0};
    if (w->job->format != TFX_TOKENS_LLMC)
        return TFX_OK;
    if (!known)
        return tfx_atomic_file_write(&w->out, header, sizeof(header), err);
    if (w->job->tokens > INT32_MAX)
        return tfx_fail(err, TFX_E_DATA,
                        "%s: llm.c's format holds up to 2^31 - 1 tokens; found %" PRIu64 ": divide the text",
                        w->job->out, w->job->tokens);
    header[2] = (int32_t)w->job->tokens;
    if (pwrite(w->out.fd, header, sizeof(header), 0) != (ssize_t)sizeof(header))
        return tfx_fail(err, TFX_E_IO, "%s: cannot write its header: %s", w->job->out, strerror(errno));
    return TFX_OK;
}

static tfx_status choose_format(work *w, tfx_error *err)
{
    int64_t vocab = w->job->info.vocab;
    if (!w->job->format)
        w->job->format = vocab <= 65536 ? TFX_TOKENS_NANOGPT : TFX_TOKENS_LLMC;
    if (w->job->format == TFX_TOKENS_NANOGPT && vocab > 65536)
        return tfx_fail(err, TFX_E_INVALID,
                        "nanoGPT's uint16 holds a vocabulary of up to 65536; that of %s is %" PRId64 ": write llmc",
                        w->job->cls->name, vocab);
    w->width = vocab <= 65536 ? 2 : 4;
    return TFX_OK;
}

static tfx_status carry_out(work *w, tfx_error *err)
{
    tfx_tokenize_job *j = w->job;
    for (size_t i = 0; i < j->n_files && map(j->files[i], &w->documents[i], err) == TFX_OK; i++)
        w->total += w->documents[i].n;
    if (err->status != TFX_OK || tfx_call_tokenizer_open(j->cls, j->options, &w->t, err) != TFX_OK ||
        tfx_call_tokenizer_info(j->cls, w->t, &j->info, err) != TFX_OK || choose_format(w, err) != TFX_OK ||
        tfx_atomic_file_begin(&w->out, j->out, err) != TFX_OK || write_header(w, 0, err) != TFX_OK)
        return err->status;
    for (size_t i = 0; i < j->n_files && goes_on(w, err); i++)
        add_document(w, i, err);
    if (goes_on(w, err))
        flush(w, err);
    if (!goes_on(w, err) || write_header(w, 1, err) != TFX_OK)
        return err->status;
    return tfx_atomic_file_commit(&w->out, err);
}

tfx_status tfx_tokenize(tfx_tokenize_job *job, tfx_error *err)
{
    work *w = TFX_NEW(work);
    w->job = job;
    w->documents = TFX_NEW_ARRAY(document, job->n_files);
    job->file_tokens = TFX_NEW_ARRAY(uint64_t, job->n_files);
    carry_out(w, err);
    for (size_t i = 0; i < w->n_pieces; i++)
        free(w->pieces[i].tokens.items);
    if (w->t)
        tfx_call_tokenizer_close(job->cls, w->t);
    for (size_t i = 0; i < job->n_files; i++)
        if (w->documents[i].text)
            munmap(w->documents[i].text, w->documents[i].n);
    tfx_atomic_file_finish(&w->out);
    free(w->documents);
    free(w);
    return err->status;
}

/* Windows: what loaders of token files have in common. Included by the one source file of a plugin;
 * everything is static.
 *
 * A file of n tokens is cut into windows of context + 1 tokens at a stride of `context`: a window's
 * first `context` tokens are a row of inputs, its last `context` ones the row of targets, so every
 * token is a target once.
 *
 *  - VAL: the windows from the first token on, in order; after the last one again from the first.
 *  - TRAIN: each epoch starts its windows at a random token (the phase), so that the cuts fall
 *    elsewhere, and visits each window once, in a random order. Both depend on nothing but
 *    (seed, epoch) and are computed, not stored: a position is a batch number, and a file of any
 *    size costs no memory. The rows of the stream are numbered 0, 1, 2, ...; batch b holds the rows
 *    b * batch and following, which may belong to two epochs.
 *
 * Every epoch has the same number of windows, which makes epoch = row / windows. The price is that
 * an epoch leaves out up to two windows' worth of tokens at the ends of the file, others each time.
 *
 * Files are read with pread, one window at a time, so that their pages count as the system's cache
 * and not as memory of the run. */
#ifndef TFX_PLUGINS_LOADER_WINDOWS_H
#define TFX_PLUGINS_LOADER_WINDOWS_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tfx/loader.h"

/* A file of tokens of equal width. */
typedef struct token_file {
    const tfx_host *host;
    char *path;
    int fd;
    int64_t bytes;      /* size of the file */
    int64_t first_byte; /* where the tokens begin */
    int width;          /* bytes per token: 1, 2 or 4, unsigned, little-endian */
    int64_t n_tokens;
    int64_t vocab; /* every token must be below */
} token_file;

struct tfx_loader {
    token_file file;
    tfx_split split;
    int64_t batch, context;
    uint64_t seed;
    double bytes_per_token;
    int64_t n_windows; /* per epoch */
    int64_t n_phases;  /* an epoch's first window starts at a token in [0, n_phases) */
    uint64_t next;     /* number of the next batch */
    void *raw;         /* one window as it is in the file */
};

/* ---- files ---- */

/* Opens the file; its layout (first_byte, width, n_tokens, vocab) is found out after that. */
static tfx_status token_file_open(token_file *f, const tfx_host *host, const char *path)
{
    struct stat st;
    f->host = host;
    f->path = strdup(path);
    f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must be refused, not waited for */
    if (!f->path)
        return host->fail(host, TFX_E_MEMORY, "%s: out of memory", path);
    if (f->fd < 0 || fstat(f->fd, &st) != 0)
        return host->fail(host, TFX_E_IO, "%s: cannot open: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return host->fail(host, TFX_E_IO, "%s: expected a file, found %s", path,
                          S_ISDIR(st.st_mode) ? "a folder" : "a device or pipe");
    if (st.st_size == 0)
        return host->fail(host, TFX_E_DATA, "%s: the file is empty", path);
    f->bytes = st.st_size;
    return TFX_OK;
}

static void token_file_close(token_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
}

static tfx_status token_file_read_bytes(const token_file *f, int64_t offset, void *out, size_t n)
{
    char *p = out;
    while (n > 0) {
        ssize_t k = pread(f->fd, p, n, (off_t)offset);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return f->host->fail(f->host, TFX_E_IO, "%s: cannot read %zu bytes at offset %lld: %s", f->path, n,
                                 (long long)offset, strerror(errno));
        if (k == 0)
            return f->host->fail(f->host, TFX_E_IO,
                                 "%s: ends at offset %lld, but had %lld bytes when it was opened: did it change?",
                                 f->path, (long long)offset, (long long)f->bytes);
        p += k;
        offset += k;
        n -= (size_t)k;
    }
    return TFX_OK;
}

/* Token i of those that were read into raw. */
static inline uint32_t token_at(const token_file *f, const void *raw, size_t i)
{
    return f->width == 1   ? ((const uint8_t *)raw)[i]
           : f->width == 2 ? ((const uint16_t *)raw)[i]
                           : ((const uint32_t *)raw)[i];
}

/* Reads tokens [first, first + n) into raw and checks that all are in the vocabulary. */
static tfx_status token_file_read(const token_file *f, int64_t first, size_t n, void *raw)
{
    tfx_status status = token_file_read_bytes(f, f->first_byte + first * f->width, raw, n * (size_t)f->width);
    if (status != TFX_OK)
        return status;
    /* The largest token decides; where it is matters only when it is too large. */
    uint32_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t token = token_at(f, raw, i);
        largest = token > largest ? token : largest;
    }
    if (largest < f->vocab)
        return TFX_OK;
    for (size_t i = 0;; i++) {
        uint32_t token = token_at(f, raw, i);
        if (token >= f->vocab)
            return f->host->fail(
                f->host, TFX_E_DATA, "%s: token %lld (at byte %lld) is %u, expected less than the vocabulary of %lld",
                f->path, (long long)(first + (int64_t)i), (long long)(f->first_byte + (first + (int64_t)i) * f->width),
                (unsigned)token, (long long)f->vocab);
    }
}

/* ---- the order of windows ---- */

/* What the numbers of one (epoch, use) are drawn from: a stream of the seed that no parameter's
 * initialisation shares. Uses 0 to 5 are the rounds of the permutation, 7 is the phase. */
static uint64_t order_random(const tfx_loader *l, uint64_t epoch, unsigned use, uint64_t index)
{
    return l->file.host->random_u64(l->seed, UINT64_C(0x77696e646f770000) ^ (epoch << 3 | use), index);
}

/* Where row k of an epoch is in the file's order: a permutation of [0, n_windows) as a Feistel
 * network over the next larger even number of bits, walked until it lands inside (Black and Rogaway,
 * "Ciphers with arbitrary finite domains", 2002). At most about four steps are expected. */
static int64_t order_window(const tfx_loader *l, uint64_t epoch, int64_t k)
{
    unsigned half = 1;
    while (half < 31 && (uint64_t)l->n_windows > UINT64_C(1) << (2 * half))
        half++;
    uint64_t mask = (UINT64_C(1) << half) - 1, x = (uint64_t)k;
    if (l->n_windows == 1)
        return 0;
    do {
        uint64_t left = x >> half, right = x & mask;
        for (unsigned round = 0; round < 6; round++) {
            uint64_t mixed = left ^ (order_random(l, epoch, round, right) & mask);
            left = right;
            right = mixed;
        }
        x = left << half | right;
    } while (x >= (uint64_t)l->n_windows);
    return (int64_t)x;
}

/* The token at which row number `row` of the whole stream starts. */
static int64_t order_first_token(const tfx_loader *l, uint64_t row)
{
    uint64_t epoch = row / (uint64_t)l->n_windows;
    int64_t k = (int64_t)(row % (uint64_t)l->n_windows);
    if (l->split == TFX_SPLIT_VAL)
        return k * l->context;
    int64_t phase = (int64_t)(order_random(l, epoch, 7, 0) % (uint64_t)l->n_phases);
    return phase + order_window(l, epoch, k) * l->context;
}

/* ---- the class's functions ---- */

static void windows_close(tfx_loader *l)
{
    if (!l)
        return;
    token_file_close(&l->file);
    free(l->raw);
    free(l);
}

/* Prepares the windows when l->file is filled in. */
static tfx_status windows_begin(tfx_loader *l)
{
    const tfx_host *host = l->file.host;
    int64_t n = l->file.n_tokens, context = l->context;
    if (n < context + 1)
        return host->fail(host, TFX_E_DATA, "%s: too short: expected at least %lld tokens (context + 1), found %lld",
                          l->file.path, (long long)(context + 1), (long long)n);
    if (l->split == TFX_SPLIT_VAL) {
        l->n_windows = (n - 1) / context;
    } else {
        /* As many windows as fit wherever the phase falls within one stride, and at least one. */
        l->n_windows = n / context > 2 ? n / context - 1 : 1;
        l->n_phases = n - l->n_windows * context;
    }
    l->raw = malloc((size_t)(context + 1) * (size_t)l->file.width);
    if (!l->raw)
        return host->fail(host, TFX_E_MEMORY, "out of memory for a window of %lld tokens", (long long)context);
    return TFX_OK;
}

/* Opens a loader. `layout` is called when the file is open, and fills in what its tokens are. */
static tfx_status windows_open(const tfx_host *host, const tfx_loader_config *config,
                               tfx_status (*layout)(tfx_loader *l, const tfx_loader_config *config), tfx_loader **out)
{
    tfx_loader *l = calloc(1, sizeof(*l));
    if (!l)
        return host->fail(host, TFX_E_MEMORY, "out of memory for a loader");
    l->split = config->split;
    l->batch = config->batch;
    l->context = config->context;
    l->seed = config->seed;
    const char *option = config->split == TFX_SPLIT_VAL ? "val" : "train";
    tfx_status status = token_file_open(&l->file, host, host->opt_string(host, config->options, option));
    if (status == TFX_OK)
        status = layout(l, config);
    if (status == TFX_OK)
        status = windows_begin(l);
    if (status == TFX_OK)
        *out = l;
    else
        windows_close(l);
    return status;
}

static void windows_info(const tfx_loader *l, tfx_loader_info *out)
{
    out->n_tokens = l->file.n_tokens;
    out->vocab = l->file.vocab;
    out->bytes_per_token = l->bytes_per_token;
}

static tfx_status windows_next_batch(tfx_loader *l, int32_t *inputs, int32_t *targets)
{
    size_t context = (size_t)l->context;
    for (int64_t i = 0; i < l->batch; i++) {
        int64_t first = order_first_token(l, l->next * (uint64_t)l->batch + (uint64_t)i);
        tfx_status status = token_file_read(&l->file, first, context + 1, l->raw);
        if (status != TFX_OK)
            return status;
        int32_t *in = inputs + (size_t)i * context, *target = targets + (size_t)i * context;
        for (size_t t = 0; t < context; t++)
            in[t] = (int32_t)token_at(&l->file, l->raw, t);
        memcpy(target, in + 1, (context - 1) * sizeof(*target));
        target[context - 1] = (int32_t)token_at(&l->file, l->raw, context);
    }
    l->next++;
    return TFX_OK;
}

/* extra[0] is the number of tokens, so that a resumed run notices that its data changed. */
static void windows_tell(const tfx_loader *l, tfx_loader_position *out)
{
    out->batch_index = l->next;
    memset(out->extra, 0, sizeof(out->extra));
    out->extra[0] = (uint64_t)l->file.n_tokens;
}

static tfx_status windows_seek(tfx_loader *l, const tfx_loader_position *pos)
{
    const tfx_host *host = l->file.host;
    if (pos->batch_index > INT64_MAX / (uint64_t)l->batch)
        return host->fail(host, TFX_E_INVALID, "%s: position %llu is not one that this loader gave", l->file.path,
                          (unsigned long long)pos->batch_index);
    if (pos->extra[0] != 0 && pos->extra[0] != (uint64_t)l->file.n_tokens)
        return host->fail(host, TFX_E_DATA,
                          "%s: expected %llu tokens as when the position was recorded, found %lld: the same batches "
                          "cannot be given again",
                          l->file.path, (unsigned long long)pos->extra[0], (long long)l->file.n_tokens);
    l->next = pos->batch_index;
    return TFX_OK;
}

#endif

/* synthetic: tokens made on the fly, without files and without end, for benchmarks and tests.
 *
 *   random  every token uniform and independent: no model gets below a loss of ln(vocab)
 *   markov  after each token one of 4 others follows (fewer with a smaller vocabulary), all equally
 *           likely and the same in training and validation: any model that sees the previous token
 *           can reach a loss of ln(4), and none gets below
 *
 * Every number is a function of (seed, row, place in the row), so a position is a batch number. */
#include <stdlib.h>
#include <string.h>

#include "tfx/loader.h"

enum { SUCCESSORS = 4 };

/* Streams of random_u64. The chain is the same whatever the seed, and VAL ignores the seed. */
#define STREAM_TRAIN UINT64_C(0x73796e7468000001)
#define STREAM_VAL UINT64_C(0x73796e7468000002)
#define STREAM_CHAIN UINT64_C(0x73796e7468000003)

static const char *const patterns[] = {"random", "markov", NULL};

static const tfx_option options[] = {
    TFX_OPTION("vocab", TFX_OPT_INT, "256", 2, 2147483647, NULL, "number of different tokens"),
    TFX_OPTION("pattern", TFX_OPT_CHOICE, "random", 0, 0, patterns,
               "random: nothing to learn; markov: each token has 4 equally likely successors"),
};

struct tfx_loader {
    const tfx_host *host;
    int64_t batch, context, vocab;
    int markov;
    uint64_t seed, stream;
    uint64_t next; /* number of the next batch */
};

static tfx_status synthetic_open(const tfx_host *host, const tfx_loader_config *config, tfx_loader **out)
{
    tfx_loader *l = calloc(1, sizeof(*l));
    if (!l)
        return host->fail(host, TFX_E_MEMORY, "out of memory for a loader");
    l->host = host;
    l->batch = config->batch;
    l->context = config->context;
    l->vocab = host->opt_int(host, config->options, "vocab");
    l->markov = strcmp(host->opt_string(host, config->options, "pattern"), "markov") == 0;
    l->seed = config->split == TFX_SPLIT_VAL ? 0 : config->seed;
    l->stream = config->split == TFX_SPLIT_VAL ? STREAM_VAL : STREAM_TRAIN;
    *out = l;
    return TFX_OK;
}

static void synthetic_close(tfx_loader *l)
{
    free(l);
}

static void synthetic_info(const tfx_loader *l, tfx_loader_info *out)
{
    out->n_tokens = -1;
    out->vocab = l->vocab;
    out->bytes_per_token = 0.0;
}

static int32_t successor(const tfx_loader *l, int32_t token, uint64_t random)
{
    uint64_t vocab = (uint64_t)l->vocab, n = vocab < SUCCESSORS ? vocab : SUCCESSORS;
    uint64_t base = l->host->random_u64(0, STREAM_CHAIN, (uint64_t)token);
    return (int32_t)((base % vocab + random % n) % vocab);
}

static tfx_status synthetic_next_batch(tfx_loader *l, int32_t *inputs, int32_t *targets)
{
    for (int64_t i = 0; i < l->batch; i++) {
        uint64_t row = l->next * (uint64_t)l->batch + (uint64_t)i, first = row * (uint64_t)(l->context + 1);
        int32_t token = 0;
        for (int64_t t = 0; t <= l->context; t++) {
            uint64_t random = l->host->random_u64(l->seed, l->stream, first + (uint64_t)t);
            token = l->markov && t > 0 ? successor(l, token, random) : (int32_t)(random % (uint64_t)l->vocab);
            if (t < l->context)
                inputs[i * l->context + t] = token;
            if (t > 0)
                targets[i * l->context + t - 1] = token;
        }
    }
    l->next++;
    return TFX_OK;
}

static void synthetic_tell(const tfx_loader *l, tfx_loader_position *out)
{
    out->batch_index = l->next;
    memset(out->extra, 0, sizeof(out->extra));
}

static tfx_status synthetic_seek(tfx_loader *l, const tfx_loader_position *pos)
{
    l->next = pos->batch_index;
    return TFX_OK;
}

static const tfx_loader_class class = {
    .struct_size = sizeof(tfx_loader_class),
    .name = "synthetic",
    .summary = "endless made-up tokens for benchmarks and tests",
    .options = options,
    .n_options = sizeof(options) / sizeof(options[0]),
    .open = synthetic_open,
    .close = synthetic_close,
    .info = synthetic_info,
    .next_batch = synthetic_next_batch,
    .tell = synthetic_tell,
    .seek = synthetic_seek,
};

TFX_PLUGIN("synthetic", "1.0.0", "data loader: endless made-up tokens", TFX_KIND_LOADER, &class);

/* A loader of 16-bit tokens that keeps all promises; a test breaks one by redefining a word before it includes this.
 *
 *   LOADER_NAME            its name
 *   SHIFT, MISS, ...       see where they are used */
#include <errno.h>
#include <stdio.h>

#include "tests/conformance/one_class.h"

#ifndef SHIFT
#define SHIFT 1 /* between inputs and targets */
#endif
#ifndef OFFSET
#define OFFSET 0 /* added to each token */
#endif
#ifndef SEEK
#define SEEK(l, p) ((l)->next = (p)->batch_index) /* continue at a position */
#endif
#ifndef SEED_OF
#define SEED_OF(config) ((config)->split == TFX_SPLIT_VAL ? 0 : (config)->seed)
#endif
#ifndef CLOSE
#define CLOSE(l) \
    if (l) \
        free((l)->tokens); \
    free(l)
#endif
#ifndef STATE
#define STATE /* more members */
#endif
#ifndef PLACE
#define PLACE(l, row) \
    ((l)->split == TFX_SPLIT_VAL \
         ? (row) * (l)->context % ((l)->n - (l)->context) \
         : (int64_t)(h->random_u64((l)->seed, 1, (uint64_t)(row)) % (uint64_t)((l)->n - (l)->context)))
#endif
#ifndef AFTER_BATCH
#define AFTER_BATCH(l) TFX_OK /* what next_batch returns */
#endif
#ifndef N_WRITTEN
#define N_WRITTEN(l) ((l)->batch * (l)->context)
#endif
#ifndef TOO_SHORT
#define TOO_SHORT(l) ((l)->n < (l)->context + 2)
#endif
#ifndef CLOSE_FILE
#define CLOSE_FILE(f) fclose(f)
#endif
#ifndef CANNOT_OPEN
#define CANNOT_OPEN(path) h->fail(h, TFX_E_IO, "%s: %s", path, strerror(errno))
#endif
#ifndef N_TOKENS
#define N_TOKENS(l) ((l)->n)
#endif

struct tfx_loader {
    const tfx_host *host;
    uint16_t *tokens;
    int64_t n, batch, context;
    uint64_t seed, next;
    tfx_split split;
    STATE
};

static const tfx_option options[] = {TFX_OPTION("train", TFX_OPT_PATH, NULL, 0, 0, NULL, "file to train on"),
                                     TFX_OPTION("val", TFX_OPT_PATH, NULL, 0, 0, NULL, "file to evaluate on")};

static void loader_close(tfx_loader *l)
{
    CLOSE(l);
}

static tfx_status read_file(tfx_loader *l, const char *path)
{
    const tfx_host *h = l->host;
    FILE *f = fopen(path, "rb");
    if (!f)
        return CANNOT_OPEN(path);
    l->tokens = malloc(1 << 20);
    if (l->tokens)
        l->n = (int64_t)fread(l->tokens, 2, 1 << 19, f);
    CLOSE_FILE(f);
    if (!l->tokens)
        return h->fail(h, TFX_E_MEMORY, "out of memory");
    if (TOO_SHORT(l))
        return h->fail(h, TFX_E_DATA, "%s: expected %d tokens, found %d", path, (int)l->context + 2, (int)l->n);
    return TFX_OK;
}

static tfx_status loader_open(const tfx_host *h, const tfx_loader_config *c, tfx_loader **out)
{
    tfx_loader *l = calloc(1, sizeof(*l));
    if (!l)
        return h->fail(h, TFX_E_MEMORY, "out of memory");
    l->host = h;
    l->batch = c->batch;
    l->context = c->context;
    l->split = c->split;
    l->seed = SEED_OF(c);
    tfx_status status = read_file(l, h->opt_string(h, c->options, c->split == TFX_SPLIT_VAL ? "val" : "train"));
    if (status != TFX_OK) {
        loader_close(l);
        return status;
    }
    *out = l;
    return TFX_OK;
}

static void loader_info(const tfx_loader *l, tfx_loader_info *out)
{
    out->n_tokens = N_TOKENS(l);
    out->vocab = 256;
    out->bytes_per_token = 0;
}

static tfx_status loader_next(tfx_loader *l, int32_t *inputs, int32_t *targets)
{
    const tfx_host *h = l->host;
    for (int64_t i = 0; i < N_WRITTEN(l); i++) {
        int64_t row = (int64_t)l->next * l->batch + i / l->context, at = PLACE(l, row) + i % l->context;
        (void)h;
        inputs[i] = l->tokens[at] + OFFSET;
        targets[i] = l->tokens[(at + SHIFT) % l->n] + OFFSET;
    }
    l->next++;
    return AFTER_BATCH(l);
}

static void loader_tell(const tfx_loader *l, tfx_loader_position *out)
{
    out->batch_index = l->next;
}

static tfx_status loader_seek(tfx_loader *l, const tfx_loader_position *p)
{
    SEEK(l, p);
    return TFX_OK;
}

static const tfx_loader_class class_table = {sizeof(class_table), LOADER_NAME, "16-bit tokens", options,
                                             N_OF(options),       loader_open, loader_close,    loader_info,
                                             loader_next,         loader_tell, loader_seek,     0};

TFX_PLUGIN(LOADER_NAME, "1", "16-bit tokens", TFX_KIND_LOADER, &class_table);

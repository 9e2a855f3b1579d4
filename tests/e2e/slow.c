/* A loader of made-up tokens. The SLOW_EVALUATION-th time that a process begins to read the validation split, counted
 * from 1, it says so and takes long enough to be interrupted on any machine. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tfx/loader.h"

struct tfx_loader {
    const tfx_host *host;
    int64_t tokens; /* per batch */
    uint64_t next;
    int val, slow;
};

static int evaluations;

static tfx_status slow_open(const tfx_host *host, const tfx_loader_config *config, tfx_loader **out)
{
    const char *n = getenv("SLOW_EVALUATION");
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return host->fail(host, TFX_E_MEMORY, "out of memory for a loader");
    (*out)->host = host;
    (*out)->tokens = config->batch * config->context;
    (*out)->val = config->split == TFX_SPLIT_VAL;
    (*out)->slow = n ? atoi(n) : 0;
    return TFX_OK;
}

static void slow_close(tfx_loader *l)
{
    free(l);
}

static void slow_info(const tfx_loader *l, tfx_loader_info *out)
{
    (void)l;
    out->n_tokens = -1;
    out->vocab = 256;
    out->bytes_per_token = 0.0;
}

static tfx_status slow_next_batch(tfx_loader *l, int32_t *inputs, int32_t *targets)
{
    for (int64_t i = 0; i < l->tokens; i++) {
        uint64_t at = l->next * (uint64_t)l->tokens + (uint64_t)i;
        inputs[i] = (int32_t)(l->host->random_u64(0, 0, at) % 256);
        targets[i] = (int32_t)(l->host->random_u64(0, 0, at + 1) % 256);
    }
    l->next++;
    if (l->val && evaluations == l->slow)
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    return TFX_OK;
}

static void slow_tell(const tfx_loader *l, tfx_loader_position *out)
{
    out->batch_index = l->next;
    memset(out->extra, 0, sizeof(out->extra));
}

static tfx_status slow_seek(tfx_loader *l, const tfx_loader_position *pos)
{
    l->next = pos->batch_index;
    if (l->val && l->next == 0 && ++evaluations == l->slow)
        l->host->log(l->host, TFX_LOG_WARN, "evaluation %d is slow", evaluations);
    return TFX_OK;
}

static const tfx_loader_class class = {
    .struct_size = sizeof(tfx_loader_class),
    .name = "slow",
    .summary = "made-up tokens, and an evaluation that takes long",
    .open = slow_open,
    .close = slow_close,
    .info = slow_info,
    .next_batch = slow_next_batch,
    .tell = slow_tell,
    .seek = slow_seek,
};

TFX_PLUGIN("slow", "1.0.0", "a loader with a slow evaluation", TFX_KIND_LOADER, &class);

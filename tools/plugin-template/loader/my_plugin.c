/* my_plugin: say in one line what it reads.
 *
 * This one reads a text line by line: each line is a document, and in training the documents of an epoch come in a
 * random order. They are bytes, one after the other, cut into rows of `context`. Follow the steps; `make` builds it at any
 * time, and `make test` tries it, a kill included. docs/writing-a-loader.md has the rest. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tfx/loader.h"

/* Step 1. Declare the options. A PATH is relative to the spec that names it, and arrives absolute. */
static const tfx_option my_plugin_options[] = {
    TFX_OPTION("train", TFX_OPT_PATH, NULL, 0, 0, NULL, "text to train on, a document on each line"),
    TFX_OPTION("val", TFX_OPT_PATH, NULL, 0, 0, NULL, "held-out text to evaluate on"),
};

/* Step 2. Say what an instance needs; there is one for each split. */
struct tfx_loader {
    const tfx_host *host;
    const char *path; /* options live as long as the instance */
    char *text;
    size_t *lines; /* [n_lines + 1] where each begins, and where the last ends */
    size_t *order; /* [n_lines] of the epoch */
    size_t n_lines;
    tfx_loader_config config;
    /* Where it is: this and nothing else is the position. */
    uint64_t batch;        /* batches given out */
    uint64_t epoch, place; /* the line that it is in is order[place] */
    uint64_t byte;         /* the next one, of that line */
};

/* The order of an epoch: shuffled by numbers that depend on nothing but (seed, epoch, i). */
static void my_plugin_shuffle(tfx_loader *l)
{
    for (size_t i = 0; i < l->n_lines; i++) {
        size_t j = i;
        if (l->config.split == TFX_SPLIT_TRAIN)
            j = (size_t)(l->host->random_u64(l->config.seed, l->epoch, i) % (i + 1));
        l->order[i] = l->order[j];
        l->order[j] = i;
    }
}

static tfx_status my_plugin_read(tfx_loader *l)
{
    const tfx_host *h = l->host;
    FILE *f = fopen(l->path, "rb");
    long n = -1;
    if (f && fseek(f, 0, SEEK_END) == 0 && (n = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0)
        l->text = malloc((size_t)n + 1);
    int complete = l->text && fread(l->text, 1, (size_t)n, f) == (size_t)n, cause = errno;
    if (f)
        fclose(f);
    if (!complete)
        return h->fail(h, TFX_E_IO, "%s: cannot read: %s", l->path, strerror(cause));
    if (n <= l->config.context)
        return h->fail(h, TFX_E_DATA, "%s: expected more than %lld bytes, a row; found %ld", l->path,
                       (long long)l->config.context, n);
    if (l->text[n - 1] != '\n')
        l->text[n++] = '\n';
    l->lines = malloc(((size_t)n + 1) * sizeof(*l->lines));
    l->order = malloc((size_t)n * sizeof(*l->order));
    if (!l->lines || !l->order)
        return h->fail(h, TFX_E_MEMORY, "%s: out of memory for its lines", l->path);
    l->lines[0] = 0;
    for (size_t i = 0; i < (size_t)n; i++)
        if (l->text[i] == '\n')
            l->lines[++l->n_lines] = i + 1;
    my_plugin_shuffle(l);
    return TFX_OK;
}

static void my_plugin_close(tfx_loader *l)
{
    if (!l)
        return;
    free(l->text);
    free(l->lines);
    free(l->order);
    free(l);
}

/* Step 3. Open a split: read or check its files here, before the run begins. */
static tfx_status my_plugin_open(const tfx_host *h, const tfx_loader_config *config, tfx_loader **out)
{
    tfx_loader *l = calloc(1, sizeof(*l));
    if (!l)
        return h->fail(h, TFX_E_MEMORY, "out of memory for a loader");
    l->host = h;
    l->config = *config;
    l->path = h->opt_string(h, config->options, config->split == TFX_SPLIT_TRAIN ? "train" : "val");
    tfx_status status = my_plugin_read(l);
    if (status == TFX_OK)
        *out = l;
    else
        my_plugin_close(l);
    return status;
}

/* Step 4. Say how much there is, and which tokens may come. */
static void my_plugin_info(const tfx_loader *l, tfx_loader_info *out)
{
    out->n_tokens = (int64_t)l->lines[l->n_lines];
    out->vocab = 256;
    out->bytes_per_token = 1; /* for bits per byte */
}

/* Step 5. Give out a batch. Targets are the inputs shifted by one: the first input is the byte before the first
 * target, and what comes before a line is the end of another one. */
static tfx_status my_plugin_next_batch(tfx_loader *l, int32_t *inputs, int32_t *targets)
{
    for (int64_t i = 0; i < l->config.batch * l->config.context; i++) {
        size_t line = l->order[l->place], at = l->lines[line] + (size_t)l->byte;
        inputs[i] = l->byte ? (unsigned char)l->text[at - 1] : '\n';
        targets[i] = (unsigned char)l->text[at];
        if (at + 1 < l->lines[line + 1]) {
            l->byte++;
            continue;
        }
        l->byte = 0;
        if (++l->place == l->n_lines) { /* a TRAIN split never ends */
            l->place = 0;
            l->epoch++;
            my_plugin_shuffle(l);
        }
    }
    l->batch++;
    return TFX_OK;
}

/* Step 6. Tell where the next batch begins, and go there: after a kill, another process seeks what this one told. */
static void my_plugin_tell(const tfx_loader *l, tfx_loader_position *out)
{
    out->batch_index = l->batch;
    out->extra[0] = l->epoch;
    out->extra[1] = l->place;
    out->extra[2] = l->byte;
    out->extra[3] = l->lines[l->n_lines]; /* the size, to notice other data */
}

static tfx_status my_plugin_seek(tfx_loader *l, const tfx_loader_position *pos)
{
    const uint64_t *p = pos->extra;
    uint64_t size = l->lines[l->n_lines];
    if (pos->batch_index && p[3] != size)
        return l->host->fail(l->host, TFX_E_DATA, "%s: expected %llu bytes as when the run began; found %llu", l->path,
                             (unsigned long long)p[3], (unsigned long long)size);
    if (p[1] >= l->n_lines || p[2] >= size)
        return l->host->fail(l->host, TFX_E_DATA, "%s: expected a line below %zu; the position has %llu", l->path,
                             l->n_lines, (unsigned long long)p[1]);
    l->batch = pos->batch_index;
    l->epoch = p[0];
    l->place = p[1];
    l->byte = p[2];
    my_plugin_shuffle(l);
    return TFX_OK;
}

/* Step 7. Name the loader as specs will, and the plugin: name, version, summary. */
static const tfx_loader_class my_plugin_class = {
    .struct_size = sizeof(tfx_loader_class),
    .name = "my_plugin",
    .summary = "a text, line by line, as bytes",
    .options = my_plugin_options,
    .n_options = sizeof(my_plugin_options) / sizeof(*my_plugin_options),
    .open = my_plugin_open,
    .close = my_plugin_close,
    .info = my_plugin_info,
    .next_batch = my_plugin_next_batch,
    .tell = my_plugin_tell,
    .seek = my_plugin_seek,
    .flags = TFX_LOADER_BYTES, /* prompts and samples are text */
};

TFX_PLUGIN("my_plugin", "0.1.0", "a loader to start from", TFX_KIND_LOADER, &my_plugin_class);

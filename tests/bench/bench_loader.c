/* How fast loaders give batches, read as in a run, a few ahead of the step.
 *
 *   build/tests/bench/bench-loader [FILE]
 *
 * The file (default: this one's source, many times over) is read by the loader `bytes`, and as ids of 16 bits by `tokens`. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "framework/base/clock.h"
#include "framework/base/memory.h"
#include "framework/plugin/calls/loader_calls.h"
#include "framework/plugin/options.h"
#include "framework/plugin/registry.h"
#include "framework/train/prefetch.h"

enum { VOCAB = 50257 };

static void must(const tfx_error *err)
{
    if (err->status == TFX_OK)
        return;
    fprintf(stderr, "bench-loader: %s\n", err->text);
    exit(1);
}

static void measure(tfx_registry *registry, const char *name, const char *file, int64_t batch, int64_t context)
{
    const int64_t n = 4096 * 4096 / (batch * context);
    tfx_error err = {0};
    const tfx_loader_class *cls = tfx_registry_find(registry, TFX_KIND_LOADER, name, &err);
    must(&err);
    const tfx_setting settings[] = {{"train", file, "bench", 0}, {"val", file, "bench", 0}};
    tfx_options *options = tfx_options_resolve(cls->options, cls->n_options, settings, 2, name, &err);
    must(&err);
    tfx_loader_config config = {sizeof(config), options, TFX_SPLIT_TRAIN, batch, context, 1};
    tfx_loader *loader = NULL;
    tfx_call_loader_open(cls, &config, &loader, &err);
    must(&err);
    int32_t *inputs = tfx_alloc((size_t)(batch * context) * 4), *targets = tfx_alloc((size_t)(batch * context) * 4);
    tfx_prefetch *p = tfx_prefetch_create(cls, loader, batch, context, VOCAB, NULL, &err);
    must(&err);
    double start = tfx_now();
    for (int64_t i = 0; i < n; i++)
        tfx_prefetch_next(p, inputs, targets, NULL, &err);
    double seconds = (tfx_now() - start) / (double)n;
    must(&err);
    printf("%-7s %3lld x %-5lld %8.1f us a batch, %.3g tokens/s\n", name, (long long)batch, (long long)context,
           1e6 * seconds, (double)(batch * context) / seconds);
    tfx_prefetch_destroy(p);
    tfx_call_loader_close(cls, loader);
    tfx_options_destroy(options);
    free(inputs);
    free(targets);
}

/* 64 MB of the file's text. */
static char *write_corpus(const char *from)
{
    char *path = tfx_printf("bench-loader-%ld", (long)getpid()), text[65536];
    FILE *in = fopen(from, "rb"), *out = fopen(path, "wb");
    size_t n = in ? fread(text, 1, sizeof(text), in) / 2 * 2 : 0;
    for (size_t done = 0; out && n && done < 64 << 20; done += n)
        if (fwrite(text, 1, n, out) != n)
            n = 0;
    if (!n || !out || fclose(out)) {
        fprintf(stderr, "bench-loader: cannot make a corpus of '%s'\n", from);
        exit(1);
    }
    fclose(in);
    return path;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"bytes", "tokens"};
    tfx_error err = {0};
    tfx_registry *registry = tfx_registry_open(NULL, &err);
    must(&err);
    char *path = write_corpus(argc > 1 ? argv[1] : __FILE__);
    for (int i = 0; i < 2; i++) {
        measure(registry, names[i], path, 16, 256);
        measure(registry, names[i], path, 8, 1024);
    }
    unlink(path);
    free(path);
    tfx_registry_close(registry);
    return 0;
}

/* bytes: any file as a stream of bytes, a vocabulary of 256. Needs no preparation, works for every
 * language, and makes losses of different data sets comparable as bits per byte. */
#include "windows.h"

static const tfx_option options[] = {
    TFX_OPTION("train", TFX_OPT_PATH, NULL, 0, 0, NULL, "file to train on"),
    TFX_OPTION("val", TFX_OPT_PATH, NULL, 0, 0, NULL, "held-out file to evaluate on"),
};

static tfx_status layout(tfx_loader *l, const tfx_loader_config *config)
{
    (void)config;
    l->file.width = 1;
    l->file.n_tokens = l->file.bytes;
    l->file.vocab = 256;
    l->bytes_per_token = 1.0;
    return TFX_OK;
}

static tfx_status bytes_open(const tfx_host *host, const tfx_loader_config *config, tfx_loader **out)
{
    return windows_open(host, config, layout, out);
}

static const tfx_loader_class class = {
    .struct_size = sizeof(tfx_loader_class),
    .name = "bytes",
    .summary = "any file, byte by byte (vocabulary 256)",
    .options = options,
    .n_options = sizeof(options) / sizeof(options[0]),
    .open = bytes_open,
    .close = windows_close,
    .info = windows_info,
    .next_batch = windows_next_batch,
    .tell = windows_tell,
    .seek = windows_seek,
    .flags = TFX_LOADER_BYTES,
};

TFX_PLUGIN("bytes", "1.0.0", "data loader: any file, byte by byte", TFX_KIND_LOADER, &class);

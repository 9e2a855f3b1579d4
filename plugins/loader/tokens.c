/* tokens: files of token numbers made by a tokenizer, in nanoGPT's and llm.c's formats.
 *
 *   nanogpt  uint16 tokens and nothing else
 *   llmc     a header of 256 int32, then the tokens:
 *              {20240520, 1, count, 0...} uint16 (GPT-2's vocabulary)
 *              {20240801, 7, count, 0...} uint32 (larger vocabularies) */
#include "windows.h"

enum { HEADER_BYTES = 256 * 4, MAGIC_16 = 20240520, MAGIC_32 = 20240801 };

/* Up to this size a file is checked from end to end when it is opened, which takes a fraction of a
 * second; a token out of range in a larger one is found when the batch that holds it is read. */
#define SCAN_BYTES (INT64_C(256) << 20)

static const char *const formats[] = {"auto", "nanogpt", "llmc", NULL};

static const tfx_option options[] = {
    TFX_OPTION("train", TFX_OPT_PATH, NULL, 0, 0, NULL, "token file to train on"),
    TFX_OPTION("val", TFX_OPT_PATH, NULL, 0, 0, NULL, "held-out token file to evaluate on"),
    TFX_OPTION("format", TFX_OPT_CHOICE, "auto", 0, 0, formats,
               "nanogpt: raw uint16; llmc: with a header of 1024 bytes; auto: by the first bytes"),
    TFX_OPTION("vocab", TFX_OPT_INT, "50257", 1, 2147483647, NULL,
               "number of tokens the tokenizer has; all in the files are below"),
    TFX_OPTION("bytes_per_token", TFX_OPT_REAL, "0", 0, 1000, NULL,
               "bytes of original text per token, for bits per byte; 0: not known"),
};

/* Reads the header of an llm.c file. */
static tfx_status read_llmc(token_file *f, int32_t magic)
{
    const tfx_host *host = f->host;
    int32_t header[3], version = magic == MAGIC_16 ? 1 : 7;
    if (f->bytes < HEADER_BYTES)
        return host->fail(host, TFX_E_DATA, "%s: header cut short: expected %d bytes, found %lld", f->path,
                          HEADER_BYTES, (long long)f->bytes);
    tfx_status status = token_file_read_bytes(f, 0, header, sizeof(header));
    if (status != TFX_OK)
        return status;
    if (header[1] != version)
        return host->fail(host, TFX_E_DATA, "%s: llm.c magic %d: expected version %d, found %d", f->path, magic,
                          version, header[1]);
    f->first_byte = HEADER_BYTES;
    f->width = magic == MAGIC_16 ? 2 : 4;
    f->n_tokens = header[2];
    if (header[2] < 0 || f->bytes != HEADER_BYTES + f->n_tokens * f->width)
        return host->fail(host, TFX_E_DATA,
                          "%s: header says %d tokens of %d bytes: expected a file of %lld bytes, found %lld", f->path,
                          header[2], f->width, (long long)(HEADER_BYTES + f->n_tokens * f->width), (long long)f->bytes);
    return TFX_OK;
}

static tfx_status layout(tfx_loader *l, const tfx_loader_config *config)
{
    token_file *f = &l->file;
    const tfx_host *host = f->host;
    const char *format = host->opt_string(host, config->options, "format");
    int32_t magic = 0;
    f->vocab = host->opt_int(host, config->options, "vocab");
    l->bytes_per_token = host->opt_real(host, config->options, "bytes_per_token");
    if (f->bytes >= 4) {
        tfx_status status = token_file_read_bytes(f, 0, &magic, sizeof(magic));
        if (status != TFX_OK)
            return status;
    }
    /* As raw uint16 either magic would begin with a token above 55,000, which GPT-2's tokenizer
     * does not have; files of others can say format = nanogpt. */
    int known = magic == MAGIC_16 || magic == MAGIC_32;
    if (strcmp(format, "llmc") == 0 && !known)
        return host->fail(host, TFX_E_DATA, "%s: expected llm.c magic %d or %d, found %d", f->path, MAGIC_16, MAGIC_32,
                          magic);
    if (strcmp(format, "nanogpt") != 0 && known)
        return read_llmc(f, magic);
    if (f->bytes % 2 != 0)
        return host->fail(host, TFX_E_DATA, "%s: expected uint16 tokens, found an odd number of bytes (%lld)", f->path,
                          (long long)f->bytes);
    f->width = 2;
    f->n_tokens = f->bytes / 2;
    return TFX_OK;
}

static tfx_status scan(const token_file *f)
{
    enum { PIECE = 1 << 18 };
    tfx_status status = TFX_OK;
    void *raw = malloc((size_t)PIECE * 4);
    if (!raw)
        return f->host->fail(f->host, TFX_E_MEMORY, "%s: out of memory for checking it", f->path);
    for (int64_t i = 0; i < f->n_tokens && status == TFX_OK; i += PIECE)
        status = token_file_read(f, i, (size_t)(f->n_tokens - i < PIECE ? f->n_tokens - i : PIECE), raw);
    free(raw);
    return status;
}

static tfx_status tokens_open(const tfx_host *host, const tfx_loader_config *config, tfx_loader **out)
{
    tfx_loader *l = NULL;
    tfx_status status = windows_open(host, config, layout, &l);
    if (status == TFX_OK && l->file.bytes <= SCAN_BYTES)
        status = scan(&l->file);
    if (status == TFX_OK)
        *out = l;
    else
        windows_close(l);
    return status;
}

static const tfx_loader_class class = {
    .struct_size = sizeof(tfx_loader_class),
    .name = "tokens",
    .summary = "token files in nanoGPT's and llm.c's formats",
    .options = options,
    .n_options = sizeof(options) / sizeof(options[0]),
    .open = tokens_open,
    .close = windows_close,
    .info = windows_info,
    .next_batch = windows_next_batch,
    .tell = windows_tell,
    .seek = windows_seek,
};

TFX_PLUGIN("tokens", "1.0.0", "data loader: token files in nanoGPT's and llm.c's formats", TFX_KIND_LOADER, &class);

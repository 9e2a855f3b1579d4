/* bytes: every byte of a text is a token. Nothing is lost, and nothing has to be learned from text first. */
#define TFX_NEEDS_MINOR 1
#include <stdlib.h>

#include "tfx/tokenizer.h"

enum { BYTES = 256, PORTION = 1024 };

static const tfx_option options[] = {
    TFX_OPTION("end_of_text", TFX_OPT_BOOL, "false", 0, 0, NULL, "have a 257th token that ends each document"),
};

struct tfx_tokenizer {
    const tfx_host *host;
    int ends;
};

static tfx_status bytes_open(const tfx_host *h, const tfx_options *o, tfx_tokenizer **out)
{
    tfx_tokenizer *t = calloc(1, sizeof(*t));
    if (!t)
        return h->fail(h, TFX_E_MEMORY, "out of memory for a tokenizer");
    *t = (tfx_tokenizer){h, h->opt_bool(h, o, "end_of_text")};
    *out = t;
    return TFX_OK;
}

static void bytes_close(tfx_tokenizer *t)
{
    free(t);
}

static void bytes_info(const tfx_tokenizer *t, tfx_tokenizer_info *out)
{
    out->vocab = BYTES + (t->ends ? 1 : 0);
    out->end_of_text = t->ends ? BYTES : -1;
}

static tfx_status bytes_encode(const tfx_tokenizer *t, const char *text, size_t n, const tfx_token_sink *out)
{
    int32_t tokens[PORTION];
    (void)t;
    for (size_t from = 0, count; from < n; from += count) {
        count = n - from < PORTION ? n - from : PORTION;
        for (size_t i = 0; i < count; i++)
            tokens[i] = (unsigned char)text[from + i];
        out->put(out, tokens, count);
    }
    return TFX_OK;
}

static tfx_status bytes_decode(const tfx_tokenizer *t, const int32_t *tokens, size_t n, const tfx_byte_sink *out)
{
    char bytes[PORTION];
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (tokens[i] < 0 || tokens[i] > BYTES || (tokens[i] == BYTES && !t->ends))
            return t->host->fail(t->host, TFX_E_DATA, "expected tokens from 0 to %d; found %d",
                                 BYTES - 1 + (t->ends ? 1 : 0), (int)tokens[i]);
        if (tokens[i] < BYTES)
            bytes[count++] = (char)tokens[i];
        if (count == PORTION || i + 1 == n) {
            out->put(out, bytes, count);
            count = 0;
        }
    }
    return TFX_OK;
}

static size_t bytes_cut(const tfx_tokenizer *t, const char *text, size_t n, size_t at)
{
    (void)t, (void)text, (void)n;
    return at;
}

static const tfx_tokenizer_class class = {
    .struct_size = sizeof(tfx_tokenizer_class),
    .name = "bytes",
    .summary = "every byte is a token",
    .options = options,
    .n_options = sizeof(options) / sizeof(options[0]),
    .open = bytes_open,
    .close = bytes_close,
    .info = bytes_info,
    .encode = bytes_encode,
    .decode = bytes_decode,
    .cut = bytes_cut,
    .flags = TFX_TOKENIZER_LOSSLESS,
};

TFX_PLUGIN("byte_tokenizer", "1.0.0", "tokenizer: every byte is a token", TFX_KIND_TOKENIZER, &class);

/* A tokenizer that joins every "ab" to one token, and keeps all promises; a test breaks one by redefining a word before it includes
 * this. */
#define TFX_NEEDS_MINOR 1
#include "tests/conformance/one_class.h"

#ifndef VOCAB
#define VOCAB 258
#endif
#ifndef END
#define END 257
#endif
#ifndef PAIR
#define PAIR 256
#endif
#ifndef BYTE
#define BYTE(c) ((unsigned char)(c))
#endif
#ifndef IS_PAIR
#define IS_PAIR(text, i, n) ((i) + 1 < (n) && (text)[i] == 'a' && (text)[(i) + 1] == 'b')
#endif
#ifndef BEFORE_ENCODE
#define BEFORE_ENCODE(t)
#endif
#ifndef CUT
#define CUT(text, n, at) ((text)[(at)-1] == 'a' && (text)[at] == 'b' ? (at) + 1 : (at))
#endif
#ifndef REFUSES
#define REFUSES(token) ((token) < 0 || (token) > 257)
#endif
#ifndef PAIR_TEXT
#define PAIR_TEXT "ab"
#endif
#ifndef CLOSE
#define CLOSE(t) free(t)
#endif

struct tfx_tokenizer {
    const tfx_host *host;
    volatile int32_t busy;
};

static tfx_status one_open(const tfx_host *h, const tfx_options *o, tfx_tokenizer **out)
{
    (void)o;
    tfx_tokenizer *t = (tfx_tokenizer *)calloc(1, sizeof(*t));
    if (!t)
        return h->fail(h, TFX_E_MEMORY, "out of memory for a tokenizer");
    t->host = h;
    *out = t;
    return TFX_OK;
}

static void one_close(tfx_tokenizer *t)
{
    CLOSE(t);
}

static void one_info(const tfx_tokenizer *t, tfx_tokenizer_info *out)
{
    (void)t;
    out->vocab = VOCAB;
    out->end_of_text = END;
}

static tfx_status one_encode(const tfx_tokenizer *t, const char *text, size_t n, const tfx_token_sink *out)
{
    (void)t;
    BEFORE_ENCODE(t);
    for (size_t i = 0; i < n; i++) {
        int32_t token = BYTE(text[i]);
        if (IS_PAIR(text, i, n)) {
            token = PAIR;
            i++;
        }
        out->put(out, &token, 1);
    }
    return TFX_OK;
}

static tfx_status one_decode(const tfx_tokenizer *t, const int32_t *tokens, size_t n, const tfx_byte_sink *out)
{
    for (size_t i = 0; i < n; i++) {
        char byte = (char)tokens[i];
        if (REFUSES(tokens[i]))
            return t->host->fail(t->host, TFX_E_DATA, "expected tokens from 0 to 257; found %d", (int)tokens[i]);
        if (tokens[i] == 256)
            out->put(out, PAIR_TEXT, 2);
        else if (tokens[i] != 257)
            out->put(out, &byte, 1);
    }
    return TFX_OK;
}

static size_t one_cut(const tfx_tokenizer *t, const char *text, size_t n, size_t at)
{
    (void)t, (void)n, (void)text;
    return CUT(text, n, at);
}

static const tfx_tokenizer_class class_table = {
    .struct_size = sizeof(class_table),
    .name = TOKENIZER_NAME,
    .summary = "joins ab",
    .open = one_open,
    .close = one_close,
    .info = one_info,
    .encode = one_encode,
    .decode = one_decode,
    .cut = one_cut,
    .flags = TFX_TOKENIZER_LOSSLESS,
};

TFX_PLUGIN(TOKENIZER_NAME, "1", "joins ab", TFX_KIND_TOKENIZER, &class_table);

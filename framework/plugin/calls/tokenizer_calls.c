#include "framework/plugin/calls/tokenizer_calls.h"

#include <inttypes.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/plugin/host.h"

tfx_status tfx_call_tokenizer_open(const tfx_tokenizer_class *cls, const tfx_options *options, tfx_tokenizer **out,
                                   tfx_error *err)
{
    tfx_call c;
    *out = NULL;
    tfx_call_begin(&c, TFX_KIND_TOKENIZER, cls, "open", NULL);
    tfx_status status = cls->open(tfx_host_table(), options, out);
    status = tfx_call_end_making(&c, status, *out, "tokenizer", NULL, err);
    if (status != TFX_OK)
        *out = NULL;
    return status;
}

void tfx_call_tokenizer_close(const tfx_tokenizer_class *cls, tfx_tokenizer *t)
{
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_TOKENIZER, cls, "close", t ? NULL : "NULL");
    cls->close(t);
    tfx_call_end_quietly(&c);
}

tfx_status tfx_call_tokenizer_info(const tfx_tokenizer_class *cls, const tfx_tokenizer *t, tfx_tokenizer_info *out,
                                   tfx_error *err)
{
    TFX_ROOMY(tfx_tokenizer_info) info = {{.struct_size = sizeof(*out)}};
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_TOKENIZER, cls, "info", NULL);
    cls->info(t, &info.it);
    *out = info.it;
    out->struct_size = sizeof(*out);
    if (out->vocab < 1 || out->vocab > (int64_t)INT32_MAX + 1)
        tfx_call_bug(&c, "`info` says vocab %" PRId64 "; expected 1 to 2^31", out->vocab);
    else if (out->end_of_text < -1 || out->end_of_text >= out->vocab)
        tfx_call_bug(&c, "`info` says end_of_text %" PRId64 "; expected a token below %" PRId64 ", or -1 for none",
                     out->end_of_text, out->vocab);
    return tfx_call_end_named(&c, TFX_OK, err);
}

static void *grown(void *items, size_t *cap, size_t n, size_t element)
{
    if (n <= *cap)
        return items;
    *cap = n > *cap * 2 ? n : *cap * 2;
    return tfx_realloc(items, *cap * element);
}

static void put_tokens(const tfx_token_sink *sink, const int32_t *tokens, size_t n)
{
    tfx_tokens *out = sink->impl;
    out->items = grown(out->items, &out->cap, out->n + n, sizeof(*tokens));
    if (n)
        memcpy(out->items + out->n, tokens, n * sizeof(*tokens));
    out->n += n;
}

static void put_bytes(const tfx_byte_sink *sink, const void *bytes, size_t n)
{
    tfx_decoded *out = sink->impl;
    out->items = grown(out->items, &out->cap, out->n + n, 1);
    if (n)
        memcpy(out->items + out->n, bytes, n);
    out->n += n;
}

tfx_status tfx_call_tokenizer_encode(const tfx_tokenizer_class *cls, const tfx_tokenizer *t,
                                     const tfx_tokenizer_info *info, const char *text, size_t n, tfx_tokens *out,
                                     tfx_error *err)
{
    const tfx_token_sink sink = {sizeof(sink), put_tokens, out};
    size_t before = out->n;
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_TOKENIZER, cls, "encode", NULL);
    tfx_status status = cls->encode(t, text, n, &sink);
    for (size_t i = before; status == TFX_OK && i < out->n; i++)
        if (out->items[i] < 0 || out->items[i] >= info->vocab || out->items[i] == info->end_of_text) {
            tfx_call_bug(&c, "`encode` gave token %d; expected 0 to %" PRId64 "%s", (int)out->items[i], info->vocab - 1,
                         info->end_of_text < 0 ? "" : ", and not the one that ends a document");
            break;
        }
    return tfx_call_end_named(&c, status, err);
}

tfx_status tfx_call_tokenizer_decode(const tfx_tokenizer_class *cls, const tfx_tokenizer *t, const int32_t *tokens,
                                     size_t n, tfx_decoded *out, tfx_error *err)
{
    const tfx_byte_sink sink = {sizeof(sink), put_bytes, out};
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_TOKENIZER, cls, "decode", NULL);
    return tfx_call_end_named(&c, cls->decode(t, tokens, n, &sink), err);
}

tfx_status tfx_call_tokenizer_cut(const tfx_tokenizer_class *cls, const tfx_tokenizer *t, const char *text, size_t n,
                                  size_t at, size_t *out, tfx_error *err)
{
    tfx_call c;
    *out = n;
    if (!cls->cut || at >= n)
        return TFX_OK;
    tfx_call_begin(&c, TFX_KIND_TOKENIZER, cls, "cut", NULL);
    *out = cls->cut(t, text, n, at);
    if (*out < at || *out > n)
        tfx_call_bug(&c, "`cut` gave %zu; expected %zu to %zu", *out, at, n);
    return tfx_call_end_named(&c, TFX_OK, err);
}

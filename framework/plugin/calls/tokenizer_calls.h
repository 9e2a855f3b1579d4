/* Calls of tokenizers; see call.h. */
#ifndef TFX_PLUGIN_TOKENIZER_CALLS_H
#define TFX_PLUGIN_TOKENIZER_CALLS_H

#include "framework/plugin/calls/call.h"
#include "tfx/tokenizer.h"

/* What a tokenizer put, on the heap: zero-initialise, and free `items`. */
typedef struct tfx_tokens {
    int32_t *items;
    size_t n, cap;
} tfx_tokens;

typedef struct tfx_decoded {
    char *items;
    size_t n, cap;
} tfx_decoded;

/* *out is NULL on error. */
tfx_status tfx_call_tokenizer_open(const tfx_tokenizer_class *cls, const tfx_options *options, tfx_tokenizer **out,
                                   tfx_error *err);
void tfx_call_tokenizer_close(const tfx_tokenizer_class *cls, tfx_tokenizer *t); /* also of NULL */
tfx_status tfx_call_tokenizer_info(const tfx_tokenizer_class *cls, const tfx_tokenizer *t, tfx_tokenizer_info *out,
                                   tfx_error *err);
/* [any] Adds the tokens of a text; all are in range, and none is end_of_text. */
tfx_status tfx_call_tokenizer_encode(const tfx_tokenizer_class *cls, const tfx_tokenizer *t,
                                     const tfx_tokenizer_info *info, const char *text, size_t n, tfx_tokens *out,
                                     tfx_error *err);
/* [any] Adds the text of n tokens. */
tfx_status tfx_call_tokenizer_decode(const tfx_tokenizer_class *cls, const tfx_tokenizer *t, const int32_t *tokens,
                                     size_t n, tfx_decoded *out, tfx_error *err);
/* [any] A place from `at` to n; n where the class cannot say. */
tfx_status tfx_call_tokenizer_cut(const tfx_tokenizer_class *cls, const tfx_tokenizer *t, const char *text, size_t n,
                                  size_t at, size_t *out, tfx_error *err);

#endif

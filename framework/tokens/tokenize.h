/* Tokenize: text files to a token file, by a tokenizer that a plugin offers. Each file is a document; where the tokenizer has a token
 * that ends one, it follows each. Documents that can be cut are encoded in pieces by all cores. What comes out does not depend
 * on how many these are. */
#ifndef TFX_TOKENS_TOKENIZE_H
#define TFX_TOKENS_TOKENIZE_H

#include <signal.h>

#include "framework/plugin/calls/tokenizer_calls.h"
#include "framework/plugin/options.h"

/* nanoGPT's raw uint16, or llm.c's header and uint16 or, beyond 65536 tokens, uint32 (docs/data.md). */
typedef enum tfx_token_format { TFX_TOKENS_NANOGPT = 1, TFX_TOKENS_LLMC } tfx_token_format;

typedef struct tfx_tokenize_job {
    const tfx_tokenizer_class *cls;
    const tfx_options *options;
    const char *const *files;
    size_t n_files;
    const char *out;
    tfx_token_format format; /* 0: nanogpt where its numbers reach, or else llmc; replaced by what it is */
    /* Told now and then, from the calling thread; NULL: nobody. */
    void (*progress)(void *ctx, uint64_t bytes, uint64_t total, uint64_t tokens);
    void *ctx;
    const volatile sig_atomic_t *stop; /* not 0: give up, and leave nothing; NULL: never */
    int interrupted;                   /* it did */
    /* What came of it. */
    tfx_tokenizer_info info;
    uint64_t bytes, tokens;
    uint64_t *file_tokens; /* [n_files], with those that end documents; the caller frees it, also after an error */
} tfx_tokenize_job;

/* The file appears whole or not at all. */
tfx_status tfx_tokenize(tfx_tokenize_job *job, tfx_error *err);

#endif

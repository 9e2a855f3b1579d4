/* tfx plugin ABI: tokenizers. Since minor 1.
 *
 * A tokenizer turns text into numbers, and back. One instance serves all threads: between open and close nothing
 * in it changes, so that what a text becomes depends on the text alone. `tfx tokenize` makes token files with one.
 */
#ifndef TFX_TOKENIZER_H
#define TFX_TOKENIZER_H

#include "host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TFX_KIND_TOKENIZER "tfx.tokenizer/1"

/* What a tokenizer says of itself. */
typedef struct tfx_tokenizer_info {
    size_t struct_size;
    int64_t vocab;       /* every token is in [0, vocab); at most 2^31 */
    int64_t end_of_text; /* the token that ends a document, which `encode` never gives; -1: there is none */
} tfx_tokenizer_info;

/* Where a tokenizer puts what it makes, in any portions; the host's, for one call. All functions are [any]. */
typedef struct tfx_token_sink tfx_token_sink;
struct tfx_token_sink {
    size_t struct_size;
    void (*put)(const tfx_token_sink *sink, const int32_t *tokens, size_t n);
    void *impl; /* the host's; not for plugins */
};

typedef struct tfx_byte_sink tfx_byte_sink;
struct tfx_byte_sink {
    size_t struct_size;
    void (*put)(const tfx_byte_sink *sink, const void *bytes, size_t n);
    void *impl; /* the host's; not for plugins */
};

typedef struct tfx_tokenizer tfx_tokenizer; /* an instance; the plugin's own type */

/* Class flags. */
enum {
    TFX_TOKENIZER_LOSSLESS = 1u << 0 /* decoding what was encoded gives the same bytes, whatever they are */
};

typedef struct tfx_tokenizer_class {
    size_t struct_size;
    const char *name;
    const char *summary;
    const tfx_option *options;
    size_t n_options;

    /* [main] The instance goes to *out. Reads its files here, with a message that names file, place, expected and found. */
    tfx_status (*open)(const tfx_host *host, const tfx_options *options, tfx_tokenizer **out);
    /* [main] NULL: nothing happens. */
    void (*close)(tfx_tokenizer *t);
    /* [main] Fills *out (struct_size already set). */
    void (*info)(const tfx_tokenizer *t, tfx_tokenizer_info *out);
    /* [any] Puts the tokens of n bytes of text, at the same time for different texts. They need not be UTF-8, and may be none.
     * Of the same bytes the same tokens, always. */
    tfx_status (*encode)(const tfx_tokenizer *t, const char *text, size_t n, const tfx_token_sink *out);
    /* [any] Puts the text of n tokens. Fails where one of them is not in [0, vocab). Nothing is put for end_of_text. */
    tfx_status (*decode)(const tfx_tokenizer *t, const int32_t *tokens, size_t n, const tfx_byte_sink *out);
    /* [any] Optional: the first place from `at` (0 < at < n) on where text can be cut, so that the tokens of both parts, one after the
     * other, are those of the whole; n: there is none. Without it a document is encoded as a whole, by one thread. */
    size_t (*cut)(const tfx_tokenizer *t, const char *text, size_t n, size_t at);
    uint32_t flags; /* TFX_TOKENIZER_* */
} tfx_tokenizer_class;

#ifdef __cplusplus
}
#endif
#endif

/* my_plugin: say in one line what its tokens are.
 *
 * This one has a list of pieces in a file, one on each line, and takes the longest that fits; what no piece fits is a byte.
 * Follow the steps; `make` builds it at any time, and `make test` tries it. docs/writing-a-tokenizer.md has the
 * rest. */
#define TFX_NEEDS_MINOR 1
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tfx/tokenizer.h"

enum { MY_PLUGIN_BYTES = 256, MY_PLUGIN_LONGEST = 64, MY_PLUGIN_MOST = 60000 };

/* Step 1. Declare the options. A PATH is relative to the working directory, and arrives absolute. */
static const tfx_option my_plugin_options[] = {
    TFX_OPTION("pieces", TFX_OPT_PATH, NULL, 0, 0, NULL, "file with a piece on each line"),
};

/* Step 2. Say what an instance needs. After open nothing in it changes: several threads encode at the same time. */
struct tfx_tokenizer {
    const tfx_host *host;
    char *text;          /* the file, with a NUL at the end of each line */
    const char **pieces; /* [n]; token 256 + i is pieces[i] */
    size_t *lengths;     /* [n] */
    size_t n;
};

static void my_plugin_close(tfx_tokenizer *t)
{
    if (!t)
        return;
    free(t->text);
    free(t->pieces);
    free(t->lengths);
    free(t);
}

/* Takes the pieces of a text of n bytes, which has room for one more. Lines that are empty or too long are none. */
static void my_plugin_take_pieces(tfx_tokenizer *t, size_t n)
{
    t->text[n] = '\n';
    for (size_t i = 0, begin = 0; i <= n && t->n < MY_PLUGIN_MOST; i++) {
        if (t->text[i] != '\n')
            continue;
        if (i > begin && i - begin <= MY_PLUGIN_LONGEST) {
            t->pieces[t->n] = t->text + begin;
            t->lengths[t->n++] = i - begin;
        }
        begin = i + 1;
    }
}

/* Step 3. Open it: read and check its files here. */
static tfx_status my_plugin_open(const tfx_host *h, const tfx_options *o, tfx_tokenizer **out)
{
    const char *path = h->opt_string(h, o, "pieces");
    FILE *f = fopen(path, "rb");
    long n = -1;
    if (!f || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) != 0) {
        int cause = errno;
        if (f)
            fclose(f);
        return h->fail(h, TFX_E_IO, "%s: cannot read: %s", path, strerror(cause));
    }
    tfx_tokenizer *t = calloc(1, sizeof(*t));
    if (t) {
        t->host = h;
        t->text = malloc((size_t)n + 1);
        t->pieces = malloc(((size_t)n + 1) * sizeof(*t->pieces));
        t->lengths = malloc(((size_t)n + 1) * sizeof(*t->lengths));
    }
    int has_room = t && t->text && t->pieces && t->lengths;
    int is_read = has_room && fread(t->text, 1, (size_t)n, f) == (size_t)n;
    fclose(f);
    if (is_read) {
        my_plugin_take_pieces(t, (size_t)n);
        *out = t;
        return TFX_OK;
    }
    my_plugin_close(t);
    return has_room ? h->fail(h, TFX_E_IO, "%s: cannot read all of its %ld bytes", path, n)
                    : h->fail(h, TFX_E_MEMORY, "out of memory for the pieces of %s", path);
}

/* Step 4. Say how many tokens there are, and which one ends a document: the last. */
static void my_plugin_info(const tfx_tokenizer *t, tfx_tokenizer_info *out)
{
    out->vocab = (int64_t)(MY_PLUGIN_BYTES + t->n + 1);
    out->end_of_text = out->vocab - 1;
}

/* Step 5. Turn text into tokens. It may have any bytes. */
static tfx_status my_plugin_encode(const tfx_tokenizer *t, const char *text, size_t n, const tfx_token_sink *out)
{
    for (size_t at = 0, length; at < n; at += length) {
        int32_t token = (unsigned char)text[at];
        length = 1;
        for (size_t i = 0; i < t->n; i++)
            if (t->lengths[i] > length && t->lengths[i] <= n - at && !memcmp(text + at, t->pieces[i], t->lengths[i])) {
                token = (int32_t)(MY_PLUGIN_BYTES + i);
                length = t->lengths[i];
            }
        out->put(out, &token, 1);
    }
    return TFX_OK;
}

/* Step 6. And back. */
static tfx_status my_plugin_decode(const tfx_tokenizer *t, const int32_t *tokens, size_t n, const tfx_byte_sink *out)
{
    for (size_t k = 0; k < n; k++) {
        size_t i = (size_t)(tokens[k] - MY_PLUGIN_BYTES);
        char byte = (char)tokens[k];
        if (tokens[k] < 0 || tokens[k] > MY_PLUGIN_BYTES + (int64_t)t->n)
            return t->host->fail(t->host, TFX_E_DATA, "expected tokens from 0 to %zu; found %d", MY_PLUGIN_BYTES + t->n,
                                 (int)tokens[k]);
        if (tokens[k] < MY_PLUGIN_BYTES)
            out->put(out, &byte, 1);
        else if (i < t->n) /* else it is the one that ends a document */
            out->put(out, t->pieces[i], t->lengths[i]);
    }
    return TFX_OK;
}

/* Step 7. Say where a long text can be cut, so that all cores encode it: no piece has a newline. */
static size_t my_plugin_cut(const tfx_tokenizer *t, const char *text, size_t n, size_t at)
{
    (void)t;
    while (at < n && text[at - 1] != '\n')
        at++;
    return at;
}

/* Step 8. Name the tokenizer, and the plugin: name, version, summary. */
static const tfx_tokenizer_class my_plugin_class = {
    .struct_size = sizeof(tfx_tokenizer_class),
    .name = "my_plugin",
    .summary = "the longest piece of a list, or a byte",
    .options = my_plugin_options,
    .n_options = sizeof(my_plugin_options) / sizeof(*my_plugin_options),
    .open = my_plugin_open,
    .close = my_plugin_close,
    .info = my_plugin_info,
    .encode = my_plugin_encode,
    .decode = my_plugin_decode,
    .cut = my_plugin_cut,
    .flags = TFX_TOKENIZER_LOSSLESS,
};

TFX_PLUGIN("my_plugin", "0.1.0", "a tokenizer to start from", TFX_KIND_TOKENIZER, &my_plugin_class);

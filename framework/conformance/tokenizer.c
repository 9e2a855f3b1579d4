/* What a tokenizer makes of texts: tokens in range, the same ones always and on every thread, the text again, and cuts that change
 * nothing. */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "framework/conformance/class_rules.h"
#include "framework/conformance/trial.h"
#include "framework/plugin/calls/tokenizer_calls.h"

/* Texts that are tried; \0 is a byte like any other. */
static const struct {
    const char *name, *text;
    size_t n;
} texts[] = {
#define TEXT(name, text) \
    { \
        name, text, sizeof(text) - 1 \
    }
    TEXT("no text", ""),
    TEXT("one letter", "a"),
    TEXT("a sentence", "The quick brown fox jumps over the lazy dog."),
    TEXT("spaces", "  two  spaces,\ttabs\t\tand trailing ones   "),
    TEXT("lines", "one\ntwo\r\n\r\n\n\nthree\n"),
    TEXT("code", "for (int i = 0; i < n; i++) {\n    x[i] += 0x1p-3f; /* 12345 */\n}\n"),
    TEXT("a newline", "\n"),
    TEXT("NUL bytes", "a\0b\0\0c"),
    TEXT("accents", "na\xc3\xafve caf\xc3\xa9 \xe2\x80\x94 e\xcc\x81"),
    TEXT("other scripts", "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 \xe4\xb8\xad\xe6\x96\x87 \xd9\x85\xd8\xb1"),
    TEXT("emoji", "\xf0\x9f\x98\x80\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7!"),
    TEXT("UTF-8 that is cut short", "caf\xc3"),
    TEXT("bytes that are no UTF-8", "\xff\xfe\x80\x80 \xc0\xaf \xed\xa0\x80"),
    TEXT("special words", "<|endoftext|><s></s>[UNK]\xe2\x96\x81"),
#undef TEXT
};
enum { N_TEXTS = sizeof(texts) / sizeof(*texts), N_MADE = 4, N_ALL = N_TEXTS + N_MADE, N_THREADS = 4 };

/* An instance, and the texts. */
typedef struct bench {
    const tfx_tokenizer_class *cls;
    tfx_options *options;
    tfx_tokenizer *t;
    tfx_tokenizer_info info;
    char *made[N_MADE];
    size_t made_n[N_MADE];
} bench;

static const char *text_of(const bench *b, int i, size_t *n, const char **name)
{
    static const char *const made_names[] = {"random bytes", "random letters", "a long line", "every byte"};
    *n = i < N_TEXTS ? texts[i].n : b->made_n[i - N_TEXTS];
    *name = i < N_TEXTS ? texts[i].name : made_names[i - N_TEXTS];
    return i < N_TEXTS ? texts[i].text : b->made[i - N_TEXTS];
}

static void make_texts(bench *b)
{
    static const size_t sizes[N_MADE] = {3000, 6000, 40000, 256};
    for (int i = 0; i < N_MADE; i++) {
        b->made_n[i] = sizes[i];
        b->made[i] = TFX_NEW_ARRAY(char, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++) {
            uint64_t x = tfx_random_u64(7, (uint64_t)i, k);
            b->made[i][k] = (char)(i == 0   ? (int)(x & 255)
                                   : i == 1 ? "etaoinshrdlu     .,\nETA0123"[x % 26]
                                   : i == 2 ? "abc"[x % 3]
                                            : (int)k);
        }
    }
}

/* 0 with the verdict. */
static int open_bench(bench *b, tfx_subject *s)
{
    tfx_error err = {0};
    *b = (bench){.cls = s->impl, .options = tfx_subject_options(s, &err)};
    make_texts(b);
    if (b->options && tfx_call_tokenizer_open(b->cls, b->options, &b->t, &err) == TFX_OK)
        tfx_call_tokenizer_info(b->cls, b->t, &b->info, &err);
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s", err.text);
    return err.status == TFX_OK;
}

static void close_bench(bench *b)
{
    if (b->t)
        tfx_call_tokenizer_close(b->cls, b->t);
    tfx_options_destroy(b->options);
    for (int i = 0; i < N_MADE; i++)
        free(b->made[i]);
}

static tfx_status encode(const bench *b, int i, size_t from, size_t to, tfx_tokens *out, tfx_error *err)
{
    size_t n;
    const char *name, *text = text_of(b, i, &n, &name);
    /* A copy that ends where a page begins that nobody may read, so that what looks behind the text is seen. */
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (to - from + page - 1) / page * page;
    char *pages = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + room, page, PROT_NONE) != 0)
        return tfx_fail(err, TFX_E_MEMORY, "no memory for a text");
    char *copy = pages + room - (to - from);
    memcpy(copy, text + from, to - from);
    tfx_call_tokenizer_encode(b->cls, b->t, &b->info, copy, to - from, out, err);
    munmap(pages, room + page);
    return err->status;
}

static size_t first_other(const tfx_tokens *x, const tfx_tokens *y)
{
    size_t i = 0;
    while (i < x->n && i < y->n && x->items[i] == y->items[i])
        i++;
    return i;
}

static int same(const tfx_tokens *x, const tfx_tokens *y)
{
    return x->n == y->n && first_other(x, y) == x->n;
}

void tfx_rule_tokenizer_tokens(tfx_subject *s)
{
    bench b;
    uint64_t total = 0;
    int opened = open_bench(&b, s);
    for (int i = 0; opened && i < N_ALL && !s->decided; i++) {
        tfx_tokens first = {0}, again = {0};
        tfx_error err = {0};
        size_t n;
        const char *name;
        text_of(&b, i, &n, &name);
        tfx_say_doing(s, "encoding %s", name);
        if (encode(&b, i, 0, n, &first, &err) != TFX_OK || encode(&b, i, 0, n, &again, &err) != TFX_OK)
            tfx_say_fail(s, "%s: %s", name, err.text);
        else if (!same(&first, &again))
            tfx_say_fail(s, "%s: token %zu is another one the second time", name, first_other(&first, &again));
        else if (!n && first.n)
            tfx_say_fail(s, "no text has %zu tokens; expected none", first.n);
        total += first.n;
        free(first.items);
        free(again.items);
    }
    close_bench(&b);
    tfx_say_ok(s, "%d texts, %" PRIu64 " tokens, all below %" PRId64, N_ALL, total, b.info.vocab);
}

/* Tokens that are none must be refused; every token has a text, or is refused. */
static void check_ids(tfx_subject *s, const bench *b)
{
    const int64_t step = b->info.vocab > 4096 ? b->info.vocab / 4096 : 1;
    const int64_t none[] = {-1, b->info.vocab, INT32_MIN, INT32_MAX};
    for (int k = 0; k < 4 && !s->decided; k++) {
        int32_t token = (int32_t)none[k];
        tfx_decoded text = {0};
        tfx_error err = {0};
        if (none[k] > INT32_MAX || (none[k] >= 0 && none[k] < b->info.vocab))
            continue;
        tfx_say_doing(s, "decoding %d, which is no token", (int)token);
        if (tfx_call_tokenizer_decode(b->cls, b->t, &token, 1, &text, &err) == TFX_OK)
            tfx_say_fail(s, "`decode` takes %d, which is no token: they are below %" PRId64, (int)token, b->info.vocab);
        else if (!tfx_error_is_refusal(&err))
            tfx_say_fail(s, "decoding %d, which is no token: %s", (int)token, err.text);
        free(text.items);
    }
    for (int64_t id = 0; id < b->info.vocab && !s->decided; id += step) {
        int32_t token = (int32_t)id;
        tfx_decoded text = {0};
        tfx_error err = {0};
        tfx_say_doing(s, "decoding %d", (int)token);
        if (tfx_call_tokenizer_decode(b->cls, b->t, &token, 1, &text, &err) != TFX_OK)
            tfx_say_fail(s, "`decode` refuses token %d of %" PRId64 ": %s", (int)token, b->info.vocab, err.text);
        else if (id == b->info.end_of_text && text.n)
            tfx_say_fail(s, "`decode` makes %zu bytes of the token that ends a document; expected none", text.n);
        free(text.items);
    }
}

void tfx_rule_tokenizer_text(tfx_subject *s)
{
    bench b;
    int opened = open_bench(&b, s), n_same = 0;
    int lossless = opened && b.cls->flags & TFX_TOKENIZER_LOSSLESS;
    for (int i = 0; opened && i < N_ALL && !s->decided; i++) {
        tfx_tokens tokens = {0};
        tfx_decoded back = {0};
        tfx_error err = {0};
        size_t n;
        const char *name, *text = text_of(&b, i, &n, &name);
        tfx_say_doing(s, "encoding and decoding %s", name);
        if (encode(&b, i, 0, n, &tokens, &err) != TFX_OK ||
            tfx_call_tokenizer_decode(b.cls, b.t, tokens.items, tokens.n, &back, &err) != TFX_OK)
            tfx_say_fail(s, "%s: %s", name, err.text);
        size_t at = 0;
        while (at < n && at < back.n && text[at] == back.items[at])
            at++;
        if (lossless && (at < n || at < back.n))
            tfx_say_fail(
                s, "%s: it calls itself lossless (TFX_TOKENIZER_LOSSLESS), and byte %zu of %zu does not come back",
                name, at, n);
        n_same += at == n && at == back.n;
        free(tokens.items);
        free(back.items);
    }
    if (opened)
        check_ids(s, &b);
    close_bench(&b);
    tfx_say_ok(s, "%d of %d texts come back byte for byte%s; what is no token is refused", n_same, N_ALL,
               lossless ? "" : " (it does not promise that)");
}

void tfx_rule_tokenizer_cuts(tfx_subject *s)
{
    bench b;
    int opened = open_bench(&b, s), n_cuts = 0;
    for (int i = 0; opened && b.cls->cut && i < N_ALL && !s->decided; i++) {
        tfx_tokens whole = {0};
        tfx_error err = {0};
        size_t n;
        const char *name, *text = text_of(&b, i, &n, &name);
        encode(&b, i, 0, n, &whole, &err);
        for (size_t at = 1, step = n / 60 + 1; at < n && err.status == TFX_OK && !s->decided; at += step) {
            tfx_tokens parts = {0};
            size_t place;
            tfx_say_doing(s, "cutting %s at %zu", name, at);
            if (tfx_call_tokenizer_cut(b.cls, b.t, text, n, at, &place, &err) == TFX_OK && place < n &&
                encode(&b, i, 0, place, &parts, &err) == TFX_OK && encode(&b, i, place, n, &parts, &err) == TFX_OK) {
                n_cuts++;
                if (!same(&whole, &parts))
                    tfx_say_fail(s, "%s, cut at %zu, has other tokens: token %zu is not that of the whole", name, place,
                                 first_other(&whole, &parts));
            }
            free(parts.items);
        }
        if (err.status != TFX_OK)
            tfx_say_fail(s, "%s: %s", name, err.text);
        free(whole.items);
    }
    int cuts = opened && b.cls->cut != NULL;
    close_bench(&b);
    tfx_say_ok(s, cuts ? "%d cuts, of which none changes a token" : "it has no `cut`: documents are encoded whole",
               n_cuts);
}

typedef struct thread {
    const bench *b;
    const tfx_tokens *expected;
    tfx_error err;
    int other; /* a text whose tokens are not the expected ones; -1: none */
    int start;
} thread;

static void *encode_all(void *arg)
{
    thread *t = arg;
    t->other = -1;
    for (int k = 0; k < 3 * N_ALL && t->err.status == TFX_OK && t->other < 0; k++) {
        int i = (k + t->start) % N_ALL;
        tfx_tokens tokens = {0};
        size_t n;
        const char *name;
        text_of(t->b, i, &n, &name);
        if (encode(t->b, i, 0, n, &tokens, &t->err) == TFX_OK && !same(&tokens, &t->expected[i]))
            t->other = i;
        free(tokens.items);
    }
    return NULL;
}

void tfx_rule_tokenizer_threads(tfx_subject *s)
{
    bench b;
    tfx_tokens expected[N_ALL] = {{0}};
    thread threads[N_THREADS] = {{0}};
    pthread_t ids[N_THREADS];
    int started[N_THREADS] = {0};
    tfx_error err = {0};
    int opened = open_bench(&b, s);
    for (int i = 0; opened && i < N_ALL && err.status == TFX_OK; i++) {
        size_t n;
        const char *name;
        text_of(&b, i, &n, &name);
        encode(&b, i, 0, n, &expected[i], &err);
    }
    tfx_say_doing(s, "encoding on %d threads at the same time", N_THREADS);
    for (int k = 0; k < N_THREADS && opened; k++) {
        threads[k] = (thread){.b = &b, .expected = expected, .start = k * 5};
        started[k] = pthread_create(&ids[k], NULL, encode_all, &threads[k]) == 0;
    }
    for (int k = 0; k < N_THREADS; k++) {
        size_t n;
        const char *name;
        if (!started[k])
            continue;
        pthread_join(ids[k], NULL);
        if (threads[k].err.status != TFX_OK) {
            tfx_say_fail(s, "on several threads: %s", threads[k].err.text);
        } else if (threads[k].other >= 0) {
            text_of(&b, threads[k].other, &n, &name);
            tfx_say_fail(s, "%s has other tokens when several threads encode at the same time", name);
        }
    }
    for (int i = 0; i < N_ALL; i++)
        free(expected[i].items);
    close_bench(&b);
    tfx_say_ok(s, "%d threads at the same time have the tokens of one", N_THREADS);
}

tfx_status tfx_trial_tokenizer(const tfx_subject *s, const tfx_options *o, tfx_error *err)
{
    static const char text[] = "A small life: na\xc3\xafve \xf0\x9f\x98\x80\n\xff";
    const tfx_tokenizer_class *cls = s->impl;
    tfx_tokenizer *t;
    tfx_tokenizer_info info;
    tfx_tokens tokens = {0};
    tfx_decoded back = {0};
    if (tfx_call_tokenizer_open(cls, o, &t, err) == TFX_OK) {
        if (tfx_call_tokenizer_info(cls, t, &info, err) == TFX_OK &&
            tfx_call_tokenizer_encode(cls, t, &info, text, sizeof(text) - 1, &tokens, err) == TFX_OK)
            tfx_call_tokenizer_decode(cls, t, tokens.items, tokens.n, &back, err);
        tfx_call_tokenizer_close(cls, t);
    }
    free(tokens.items);
    free(back.items);
    return err->status;
}

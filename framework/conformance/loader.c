/* What a loader gives: batches as the headers say, and a message for every file that is not as it should be. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/clock.h"
#include "framework/base/memory.h"
#include "framework/conformance/class_rules.h"
#include "framework/conformance/loader_case.h"
#include "framework/conformance/trial.h"
#include "framework/conformance/usage.h"

/* ---- data ---- */

enum { MOST_BATCHES = 3000 };
#define SECONDS 2.0 /* for each way to read; one that is slower is read in part */

static void check_info(tfx_subject *s, const tfx_loader_case *c, tfx_split split)
{
    const tfx_loader_info *i = &c->info;
    if (i->n_tokens < -1 || i->n_tokens == 0)
        tfx_say_fail(s, "info of %s: n_tokens is %" PRId64 "; expected a count, or -1 for no end",
                     tfx_split_word(split), i->n_tokens);
    else if (i->vocab < 1)
        tfx_say_fail(s, "info of %s: vocab is %" PRId64 "; expected 1 or more", tfx_split_word(split), i->vocab);
    else if (!(i->bytes_per_token >= 0) || !isfinite(i->bytes_per_token))
        tfx_say_fail(s, "info of %s: bytes_per_token is %g; expected a number from 0 on", tfx_split_word(split),
                     i->bytes_per_token);
    else if (tfx_loader_flags(c->cls) & TFX_LOADER_BYTES && i->vocab > 256)
        tfx_say_fail(s,
                     "it says that tokens are bytes (TFX_LOADER_BYTES), and that there are %" PRId64 " different ones",
                     i->vocab);
}

static void read_through(tfx_subject *s, const tfx_options *o, tfx_split split, int64_t rows, int64_t context,
                         int *n_read)
{
    tfx_loader_case c;
    tfx_error err = {0};
    int64_t n = 40;
    if (tfx_loader_case_open(&c, s, o, split, rows, context, 1, &err) == TFX_OK) {
        check_info(s, &c, split);
        int64_t whole = c.info.n_tokens > 0 ? c.info.n_tokens / (c.rows * context) : 20;
        /* TRAIN never ends: twice through all of it, and on. */
        n = split == TFX_SPLIT_VAL ? tfx_loader_case_rows(&c, MOST_BATCHES) : 2 * whole + 3;
        n = n < MOST_BATCHES ? n : MOST_BATCHES;
    }
    double until = tfx_now() + SECONDS;
    for (int64_t i = 0; i < n && err.status == TFX_OK && !s->decided && tfx_now() < until; i++) {
        tfx_say_doing(s, "batch %" PRId64 " of %s, %" PRId64 " x %" PRId64, i, tfx_split_word(split), c.rows, context);
        if (tfx_loader_case_next(&c) == TFX_OK)
            ++*n_read;
    }
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s, %" PRId64 " rows of %" PRId64 ": %s", tfx_split_word(split), c.rows, context, err.text);
    tfx_loader_case_close(&c);
}

/* One model reads both splits. */
static void check_vocabularies(tfx_subject *s, const tfx_options *o)
{
    tfx_error err = {0};
    tfx_loader_case train, val;
    if (tfx_loader_case_open(&train, s, o, TFX_SPLIT_TRAIN, 2, 8, 1, &err) == TFX_OK &&
        tfx_loader_case_open(&val, s, o, TFX_SPLIT_VAL, 2, 8, 1, &err) == TFX_OK) {
        if (train.info.vocab != val.info.vocab)
            tfx_say_fail(s, "info: vocab is %" PRId64 " of TRAIN and %" PRId64 " of VAL; expected the same",
                         train.info.vocab, val.info.vocab);
        tfx_loader_case_close(&val);
    }
    tfx_loader_case_close(&train);
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s", err.text);
}

void tfx_rule_loader_data(tfx_subject *s)
{
    static const int64_t sizes[][2] = {{2, 8}, {1, 1}, {3, 17}, {4, 64}};
    tfx_options *o = tfx_loader_options(s);
    int n_read = 0;
    tfx_error err = {0};
    tfx_loader_case c;
    if (o && tfx_loader_case_open(&c, s, o, TFX_SPLIT_TRAIN, 2, 8, 1, &err) != TFX_OK && s->n_sets == 0 &&
        tfx_error_is_refusal(&err))
        tfx_say_skip(s, "no data could be made up for it; give options with --set (it said: %s)", err.text);
    if (o)
        tfx_loader_case_close(&c);
    if (o && !s->decided)
        check_vocabularies(s, o);
    for (int i = 0; i < 4 && o && !s->decided; i++)
        for (int k = 0; k < 2 && !s->decided; k++)
            read_through(s, o, k ? TFX_SPLIT_VAL : TFX_SPLIT_TRAIN, sizes[i][0], sizes[i][1], &n_read);
    tfx_say_ok(s, "%d batches of 4 sizes: tokens in range, targets shifted by one, TRAIN without end", n_read);
    tfx_options_destroy(o);
}

/* ---- files ---- */

/* Opens both splits with that file in the place of one option's, and reads a little. What is wrong with the message; NULL:
 * nothing. *refused: there was one. Heap. */
static char *try_file(tfx_subject *s, const char *option, const char *path, int *refused)
{
    tfx_error err = {0};
    char *wrong = NULL;
    tfx_options *o = tfx_subject_options_with(s, option, path, &err);
    *refused = 0;
    for (int k = 0; o && k < 2 && !wrong; k++) {
        tfx_loader_case c;
        err = (tfx_error){0};
        tfx_loader_case_open(&c, s, o, k ? TFX_SPLIT_VAL : TFX_SPLIT_TRAIN, 2, 8, 1, &err);
        int64_t n = err.status != TFX_OK ? 0 : k ? tfx_loader_case_rows(&c, 8) : 8;
        for (int64_t i = 0; i < n && err.status == TFX_OK; i++)
            tfx_loader_case_next(&c);
        tfx_loader_case_close(&c);
        const char *name = strrchr(path, '/') + 1;
        if (err.status != TFX_OK && !tfx_error_is_refusal(&err))
            wrong = tfx_printf("%s", err.text);
        else if (err.status != TFX_OK && !strstr(err.text, name))
            wrong = tfx_printf("expected a message that names the file; found: %s", err.text);
        *refused |= err.status != TFX_OK;
    }
    tfx_options_destroy(o);
    return wrong;
}

/* A loader that was not opened leaves nothing behind. */
static void check_refused_lives(tfx_subject *s, const char *option, const char *path, const char *what)
{
    enum { LIVES = 16 };
    char *left = NULL;
    for (int round = 0; round < 2 && (left || !round); round++) {
        int refused;
        tfx_usage before = tfx_usage_now();
        for (int i = 0; i < LIVES; i++)
            free(try_file(s, option, path, &refused));
        tfx_usage after = tfx_usage_now();
        free(left);
        left = tfx_usage_left(&before, &after, LIVES);
    }
    if (left && !tfx_trial_leaks(s))
        tfx_say_fail(s, "%s = %s: %s are left after it was refused %d times", option, what, left, LIVES);
    free(left);
}

void tfx_rule_loader_files(tfx_subject *s)
{
    static const struct {
        const char *name, *what;
        int bytes; /* -1: there is none; -2: a folder */
        int must;  /* be refused */
    } files[] = {{"missing.bin", "a file that is not there", -1, 1},
                 {"folder.bin", "a folder", -2, 1},
                 {"empty.bin", "an empty file", 0, 1},
                 {"short.bin", "a file of one byte", 1, 1},
                 {"odd.bin", "a file that ends inside of a token", 1001, 0}};
    int n_paths = 0;
    for (size_t i = 0; i < s->info.n_options; i++) {
        const tfx_option *o = tfx_option_at(s->info.options, i);
        if (o->type != TFX_OPT_PATH)
            continue;
        n_paths++;
        for (size_t k = 0; k < sizeof(files) / sizeof(*files) && !s->decided; k++) {
            char *path = tfx_printf("%s/%s", s->folder, files[k].name);
            tfx_error err = {0};
            int refused = 0;
            if (files[k].bytes == -2) {
                free(path);
                path = tfx_strdup(s->folder);
            } else if (files[k].bytes >= 0) {
                tfx_write_tokens(path, (files[k].bytes + 1) / 2, &err);
                if (truncate(path, files[k].bytes))
                    tfx_fail(&err, TFX_E_IO, "%s: %s", path, strerror(errno));
            }
            tfx_say_doing(s, "%s = %s", o->name, files[k].what);
            char *wrong = err.status == TFX_OK ? try_file(s, o->name, path, &refused) : tfx_strdup(err.text);
            if (wrong)
                tfx_say_fail(s, "%s = %s: %s", o->name, files[k].what, wrong);
            else if (files[k].must && !refused)
                tfx_say_fail(s, "%s = %s: expected an error; found none", o->name, files[k].what);
            if (!s->decided && refused)
                check_refused_lives(s, o->name, path, files[k].what);
            free(wrong);
            free(path);
        }
    }
    for (int k = 0; k < 2 && n_paths && !s->decided; k++) { /* rows that are longer than a file */
        tfx_loader_case c;
        tfx_error err = {0};
        tfx_options *o = tfx_subject_options(s, &err);
        tfx_say_doing(s, "rows that are longer than the file");
        if (o && tfx_loader_case_open(&c, s, o, k ? TFX_SPLIT_VAL : TFX_SPLIT_TRAIN, 2, 100000, 1, &err) == TFX_OK)
            for (int i = 0; i < 3 && err.status == TFX_OK; i++)
                tfx_loader_case_next(&c);
        if (o)
            tfx_loader_case_close(&c);
        if (err.status != TFX_OK && !tfx_error_is_refusal(&err))
            tfx_say_fail(s, "rows of 100000 tokens: %s", err.text);
        tfx_options_destroy(o);
    }
    if (n_paths)
        tfx_say_ok(s, "one that is missing, a folder, empty or cut short is refused by name");
    else
        tfx_say_ok(s, "it takes none");
}

/* Where a loader is: positions mean the same in every instance and process, and no instance depends on another one. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/conformance/class_rules.h"
#include "framework/conformance/loader_case.h"

enum { MOST_ROWS = 3000 };

/* ---- positions ---- */

enum { AHEAD = 4 };

/* Gives the next few batches as numbers. */
static tfx_status read_ahead(tfx_loader_case *c, uint64_t hashes[AHEAD])
{
    for (int i = 0; i < AHEAD && c->err->status == TFX_OK; i++)
        if (tfx_loader_case_next(c) == TFX_OK)
            hashes[i] = tfx_loader_case_hash(c);
    return c->err->status;
}

/* Where rows of a split were asked for, not more of them than there are. */
static const int places[] = {0, 1, 5, 40};
enum { N_PLACES = sizeof(places) / sizeof(*places) };

static int reachable(const tfx_loader_case *c, tfx_split split, int place)
{
    return split == TFX_SPLIT_TRAIN || place + AHEAD <= tfx_loader_case_rows(c, MOST_ROWS);
}

typedef struct recorded {
    tfx_loader_position at;
    uint64_t ahead[AHEAD];
} recorded;

/* Reads up to each place, and records what comes after it. */
static void record(tfx_subject *s, const tfx_options *o, tfx_split split, recorded *r, int *n)
{
    tfx_loader_case c;
    tfx_error err = {0};
    *n = 0;
    tfx_loader_case_open(&c, s, o, split, 2, 8, 1, &err);
    for (int k = 0; k < N_PLACES && err.status == TFX_OK && reachable(&c, split, places[k]); k++, ++*n) {
        while (err.status == TFX_OK && c.n_given < (uint64_t)places[k])
            tfx_loader_case_next(&c);
        if (err.status == TFX_OK && tfx_call_loader_tell(c.cls, c.loader, &r[k].at, "tell", &err) == TFX_OK &&
            read_ahead(&c, r[k].ahead) == TFX_OK &&
            tfx_call_loader_seek(c.cls, c.loader, &r[k].at, "seek", &err) == TFX_OK)
            c.n_given = (uint64_t)places[k];
    }
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s: %s", tfx_split_word(split), err.text);
    tfx_loader_case_close(&c);
}

/* Goes to each recorded position, last one first, and compares what comes. */
static void compare(tfx_subject *s, const tfx_options *o, tfx_split split, const recorded *r, int n, const char *where)
{
    tfx_loader_case c;
    tfx_error err = {0};
    tfx_loader_case_open(&c, s, o, split, 2, 8, 1, &err);
    for (int k = n - 1; k >= 0 && err.status == TFX_OK && !s->decided; k--) {
        uint64_t ahead[AHEAD] = {0};
        tfx_loader_position now;
        if (tfx_call_loader_seek(c.cls, c.loader, &r[k].at, "seek", &err) != TFX_OK ||
            tfx_call_loader_tell(c.cls, c.loader, &now, "tell", &err) != TFX_OK || read_ahead(&c, ahead) != TFX_OK)
            break;
        if (now.batch_index != r[k].at.batch_index || memcmp(now.extra, r[k].at.extra, sizeof(now.extra)))
            tfx_say_fail(s, "%s, %s: after `seek` to the position before batch %d, `tell` gives another one",
                         tfx_split_word(split), where, places[k]);
        for (int i = 0; i < AHEAD; i++)
            if (ahead[i] != r[k].ahead[i])
                tfx_say_fail(
                    s, "%s, %s: after `seek` to the position before batch %d, batch %d is not the one that it was",
                    tfx_split_word(split), where, places[k], places[k] + i);
    }
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s, %s: %s", tfx_split_word(split), where, err.text);
    tfx_loader_case_close(&c);
}

static char *record_path(const tfx_subject *s)
{
    return tfx_printf("%s/positions", s->folder);
}

/* Another process reads it: that of the next rule. */
static void keep(const tfx_subject *s, const recorded *r, const int *n)
{
    char *path = record_path(s);
    FILE *f = fopen(path, "wb");
    if (f) {
        fwrite(n, sizeof(*n), 2, f);
        fwrite(r, sizeof(*r), 2 * (size_t)N_PLACES, f);
        fclose(f);
    }
    free(path);
}

void tfx_rule_loader_position(tfx_subject *s)
{
    recorded r[2][N_PLACES];
    int n[2] = {0};
    memset(r, 0, sizeof(r));
    tfx_options *o = tfx_loader_options(s);
    for (int k = 0; k < 2 && o && !s->decided; k++) {
        tfx_split split = k ? TFX_SPLIT_VAL : TFX_SPLIT_TRAIN;
        record(s, o, split, r[k], &n[k]);
        if (!s->decided)
            compare(s, o, split, r[k], n[k], "in another instance");
    }
    if (!s->decided)
        keep(s, &r[0][0], n);
    tfx_say_ok(s, "batches after %d positions are the same in another instance", n[0] + n[1]);
    tfx_options_destroy(o);
}

void tfx_rule_loader_resuming(tfx_subject *s)
{
    recorded r[2][N_PLACES];
    int n[2];
    char *path = record_path(s);
    FILE *f = fopen(path, "rb");
    int there = f && fread(n, sizeof(*n), 2, f) == 2 && fread(r, sizeof(**r), 2 * (size_t)N_PLACES, f) == 2 * N_PLACES;
    if (f)
        fclose(f);
    free(path);
    tfx_options *o = there ? tfx_loader_options(s) : NULL;
    for (int k = 0; k < 2 && o && !s->decided; k++)
        compare(s, o, k ? TFX_SPLIT_VAL : TFX_SPLIT_TRAIN, r[k], n[k], "in another process");
    if (!there)
        tfx_say_skip(s, "it needs the positions of the rule `position`");
    else
        tfx_say_ok(s, "positions of another process lead to the same batches");
    tfx_options_destroy(o);
}

/* ---- order ---- */

/* A number for the first batches of a split; `other` is read in turn with it, unless NULL. */
static uint64_t order_of(tfx_subject *s, const tfx_options *o, tfx_split split, uint64_t seed, tfx_loader_case *other,
                         tfx_error *err)
{
    tfx_loader_case c;
    uint64_t h = 0;
    tfx_loader_case_open(&c, s, o, split, 2, 8, seed, err);
    int64_t n = split == TFX_SPLIT_VAL && err->status == TFX_OK ? tfx_loader_case_rows(&c, 12) : 12;
    for (int64_t i = 0; i < n && err->status == TFX_OK; i++) {
        if (tfx_loader_case_next(&c) == TFX_OK)
            h = h * 31 + tfx_loader_case_hash(&c);
        if (other && err->status == TFX_OK)
            tfx_loader_case_next(other);
    }
    tfx_loader_case_close(&c);
    return h;
}

/* A split that another thread reads, as the host does while it evaluates. */
typedef struct reading {
    tfx_subject *s;
    const tfx_options *o;
    tfx_split split;
    uint64_t hash;
    tfx_error err;
} reading;

static void *read_split(void *arg)
{
    reading *r = arg;
    for (int i = 0; i < 8 && r->err.status == TFX_OK; i++)
        r->hash = r->hash * 31 + order_of(r->s, r->o, r->split, 1, NULL, &r->err);
    return NULL;
}

static void check_threads(tfx_subject *s, const tfx_options *o, tfx_error *err)
{
    reading both[2] = {{s, o, TFX_SPLIT_TRAIN}, {s, o, TFX_SPLIT_VAL}},
            alone[2] = {{s, o, TFX_SPLIT_TRAIN}, {s, o, TFX_SPLIT_VAL}};
    pthread_t thread;
    read_split(&alone[0]);
    read_split(&alone[1]);
    int started = pthread_create(&thread, NULL, read_split, &both[0]) == 0;
    read_split(&both[1]);
    if (started)
        pthread_join(thread, NULL);
    for (int k = 0; k < 2; k++) {
        const tfx_error *why = both[k].err.status != TFX_OK ? &both[k].err : &alone[k].err;
        if (why->status != TFX_OK)
            tfx_fail(err, why->status, "%s", why->text);
        else if (started && both[k].hash != alone[k].hash)
            tfx_say_fail(s, "%s gives other batches when another thread reads %s at the same time",
                         tfx_split_word(both[k].split), tfx_split_word(both[!k].split));
    }
}

void tfx_rule_loader_order(tfx_subject *s)
{
    tfx_options *o = tfx_loader_options(s);
    tfx_loader_case other;
    tfx_error err = {0};
    if (!o)
        return;
    uint64_t train = order_of(s, o, TFX_SPLIT_TRAIN, 1, NULL, &err), val = order_of(s, o, TFX_SPLIT_VAL, 1, NULL, &err);
    uint64_t other_seed = order_of(s, o, TFX_SPLIT_TRAIN, 2, NULL, &err);
    uint64_t val_seed = order_of(s, o, TFX_SPLIT_VAL, 2, NULL, &err);
    tfx_loader_case_open(&other, s, o, TFX_SPLIT_TRAIN, 3, 5, 9, &err);
    uint64_t train_beside = order_of(s, o, TFX_SPLIT_TRAIN, 1, &other, &err);
    uint64_t val_beside = order_of(s, o, TFX_SPLIT_VAL, 1, &other, &err);
    tfx_loader_case_close(&other);
    if (err.status == TFX_OK)
        check_threads(s, o, &err);
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s", err.text);
    else if (val != val_seed)
        tfx_say_fail(s, "VAL gives other batches with another seed");
    else if (train != train_beside || val != val_beside)
        tfx_say_fail(s, "%s gives other batches when another instance is read in turn with it",
                     train != train_beside ? "TRAIN" : "VAL");
    else if (train == other_seed)
        tfx_say_note(s, "TRAIN gives the same batches with another seed");
    tfx_say_ok(s, "VAL is always the same; TRAIN follows from the seed, whatever other instances do");
    tfx_options_destroy(o);
}

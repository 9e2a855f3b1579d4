/* What the tests of the loader plugins share: the plugin is found through the plugin path, its options
 * are resolved from text and its errors collected as in a run. */
#ifndef TFX_TESTS_LOADER_TEST_H
#define TFX_TESTS_LOADER_TEST_H

#include <stdarg.h>

#include "framework/plugin/calls/loader_calls.h"
#include "framework/plugin/options.h"
#include "framework/plugin/registry.h"
#include "tests/check_main.h"
#include "tests/checkpoint/temp_dir.h"

typedef struct opened {
    tfx_registry *registry;
    const tfx_loader_class *cls;
    tfx_options *options;
    tfx_loader *l;
    int64_t batch, context;
    tfx_error err; /* why open or next_batch failed */
} opened;

/* Opens a loader; `settings` are (key, value) pairs up to a NULL key. o->l is NULL when open failed. */
static opened open_loader(const char *name, tfx_split split, int64_t batch, int64_t context, uint64_t seed, ...)
{
    opened o = {.batch = batch, .context = context};
    tfx_setting settings[8];
    size_t n = 0;
    va_list ap;
    va_start(ap, seed);
    for (const char *key; (key = va_arg(ap, const char *)); n++)
        settings[n] = (tfx_setting){key, va_arg(ap, const char *), "--set", 0};
    va_end(ap);
    tfx_error err = {0};
    o.registry = tfx_registry_open(NULL, &err);
    ck_assert_msg(o.registry != NULL, "%s", err.text);
    o.cls = tfx_registry_find(o.registry, TFX_KIND_LOADER, name, &err);
    ck_assert_msg(o.cls != NULL, "%s", err.text);
    o.options = tfx_options_resolve(o.cls->options, o.cls->n_options, settings, n, name, &err);
    ck_assert_msg(o.options != NULL, "%s", err.text);
    tfx_loader_config config = {sizeof(config), o.options, split, batch, context, seed};
    tfx_call_loader_open(o.cls, &config, &o.l, &o.err);
    return o;
}

static void close_loader(opened *o)
{
    tfx_call_loader_close(o->cls, o->l);
    tfx_options_destroy(o->options);
    tfx_registry_close(o->registry);
}

static inline tfx_status try_next(opened *o, int32_t *inputs, int32_t *targets)
{
    tfx_batch batch = {
        .rows = o->batch, .context = o->context, .vocab = INT32_MAX, .inputs = inputs, .targets = targets};
    return tfx_call_loader_next_batch(o->cls, o->l, &batch, o->cls->name, &o->err);
}

/* The next batch, which must be given without error and whose targets must be its inputs shifted. */
static inline void next(opened *o, int32_t *inputs, int32_t *targets)
{
    size_t n = (size_t)(o->batch * o->context);
    memset(inputs, -1, n * 4);
    memset(targets, -1, n * 4);
    ck_assert_msg(try_next(o, inputs, targets) == TFX_OK, "%s", o->err.text);
    for (int64_t row = 0; row < o->batch; row++)
        ck_assert_mem_eq(inputs + row * o->context + 1, targets + row * o->context, (size_t)(o->context - 1) * 4);
}

static inline tfx_loader_position tell(const opened *o)
{
    tfx_loader_position pos;
    tfx_error err = {0};
    ck_assert_msg(tfx_call_loader_tell(o->cls, o->l, &pos, "", &err) == TFX_OK, "%s", err.text);
    return pos;
}

static inline tfx_status try_seek(opened *o, const tfx_loader_position *pos)
{
    return tfx_call_loader_seek(o->cls, o->l, pos, o->cls->name, &o->err);
}

static inline tfx_loader_info info_of(const opened *o)
{
    tfx_loader_info info;
    tfx_error err = {0};
    ck_assert_msg(tfx_call_loader_info(o->cls, o->l, &info, &err) == TFX_OK, "%s", err.text);
    return info;
}

/* Opens, expects failure with a message that holds every one of `part1`, `part2`. */
#define refuse_open(status_, part1, part2, ...) \
    do { \
        opened refused_ = open_loader(__VA_ARGS__, NULL); \
        ck_assert_msg(refused_.l == NULL, "opened, expected: %s", part1); \
        ck_assert_contains(refused_.err.text, part1); \
        ck_assert_contains(refused_.err.text, part2); \
        ck_assert_int_eq(refused_.err.status, status_); \
        close_loader(&refused_); \
    } while (0)

/* A resumed loader gives the batches an uninterrupted one gives: checked at every position up to
 * `n_batches`, with a fresh instance made by `again`. */
static inline void check_resume(opened *o, opened (*again)(void), int n_batches)
{
    size_t n = (size_t)(o->batch * o->context);
    int32_t *all = malloc((size_t)n_batches * n * 4), *in = malloc(n * 4), *target = malloc(n * 4);
    tfx_loader_position *positions = calloc((size_t)n_batches, sizeof(*positions));
    for (int b = 0; b < n_batches; b++) {
        positions[b] = tell(o);
        ck_assert_uint_eq(positions[b].batch_index, (uint64_t)b);
        next(o, all + (size_t)b * n, target);
    }
    for (int from = n_batches - 1; from >= 0; from -= 1 + n_batches / 7) {
        opened fresh = again();
        ck_assert_int_eq(try_seek(&fresh, &positions[from]), TFX_OK);
        tfx_loader_position there = tell(&fresh);
        ck_assert_mem_eq(&there, &positions[from], sizeof(there));
        for (int b = from; b < n_batches; b++) {
            next(&fresh, in, target);
            ck_assert_mem_eq(in, all + (size_t)b * n, n * 4);
        }
        /* The batch number alone is enough. */
        tfx_loader_position bare = {.struct_size = sizeof(bare), .batch_index = (uint64_t)from};
        ck_assert_int_eq(try_seek(&fresh, &bare), TFX_OK);
        next(&fresh, in, target);
        ck_assert_mem_eq(in, all + (size_t)from * n, n * 4);
        close_loader(&fresh);
    }
    free(positions);
    free(target);
    free(in);
    free(all);
}

#endif

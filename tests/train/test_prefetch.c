/* Prefetch: the loader's thread changes when batches are made, and nothing else. The loader here is a
 * toy whose every step can be watched and made to fail. Worth running under ThreadSanitizer too. */
#include "framework/train/prefetch.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "framework/plugin/calls/call.h"
#include "framework/plugin/host.h"
#include "tests/check_main.h"

#undef fail /* Check's macro would take host->fail */

enum { BATCH = 2, CONTEXT = 3, N = BATCH * CONTEXT, VOCAB = 1000 };

struct tfx_loader {
    uint64_t next;
    int64_t fail_at; /* batch that fails; -1: none */
    int64_t mute_at; /* batch that fails without saying why */
    int64_t bad_at;  /* batch with a token out of range */
    int32_t bad_token;
    useconds_t delay;    /* per batch */
    atomic_int calls;    /* of next_batch, begun */
    atomic_int finished; /* of next_batch */
    atomic_int sigint_blocked;
};

static tfx_status toy_next(tfx_loader *l, int32_t *inputs, int32_t *targets)
{
    const tfx_host *host = tfx_host_table();
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    atomic_store(&l->sigint_blocked, sigismember(&mask, SIGINT));
    atomic_fetch_add(&l->calls, 1);
    if (l->delay)
        usleep(l->delay);
    atomic_fetch_add(&l->finished, 1);
    if ((int64_t)l->next == l->mute_at)
        return TFX_E_DATA;
    if ((int64_t)l->next == l->fail_at)
        return host->fail(host, TFX_E_IO, "corpus.bin: batch %llu cannot be read", (unsigned long long)l->next);
    for (int i = 0; i < N; i++) {
        inputs[i] = (int32_t)((l->next * 7 + (uint64_t)i) % VOCAB);
        targets[i] = (int32_t)((l->next * 7 + (uint64_t)i + 1) % VOCAB);
    }
    if ((int64_t)l->next == l->bad_at)
        targets[4] = l->bad_token;
    l->next++;
    return TFX_OK;
}

static void toy_tell(const tfx_loader *l, tfx_loader_position *out)
{
    out->batch_index = l->next;
    out->extra[2] = l->next * 10;
}

static tfx_status toy_seek(tfx_loader *l, const tfx_loader_position *pos)
{
    const tfx_host *host = tfx_host_table();
    if (pos->batch_index > 1000000 || pos->extra[2] != pos->batch_index * 10)
        return host->fail(host, TFX_E_INVALID, "no such position: %llu", (unsigned long long)pos->batch_index);
    l->next = pos->batch_index;
    return TFX_OK;
}

static const tfx_loader_class toy = {
    .struct_size = sizeof(tfx_loader_class),
    .name = "toy",
    .next_batch = toy_next,
    .tell = toy_tell,
    .seek = toy_seek,
};

#define TOY() \
    { \
        .fail_at = -1, .mute_at = -1, .bad_at = -1 \
    }

static tfx_prefetch *start(tfx_loader *l, const tfx_loader_position *position)
{
    tfx_error err = {0};
    tfx_prefetch *p = tfx_prefetch_create(&toy, l, BATCH, CONTEXT, VOCAB, position, &err);
    ck_assert_msg(p != NULL, "%s", err.text);
    return p;
}

/* Takes a batch and checks that it is number `batch`. */
static tfx_loader_position take(tfx_prefetch *p, uint64_t batch)
{
    int32_t in[N], target[N];
    tfx_loader_position after = {0};
    tfx_error err = {0};
    ck_assert_msg(tfx_prefetch_next(p, in, target, &after, &err) == TFX_OK, "%s", err.text);
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(in[i], (int32_t)((batch * 7 + (uint64_t)i) % VOCAB));
        ck_assert_int_eq(target[i], (int32_t)((batch * 7 + (uint64_t)i + 1) % VOCAB));
    }
    ck_assert_uint_eq(after.batch_index, batch + 1);
    ck_assert_uint_eq(after.extra[2], (batch + 1) * 10);
    ck_assert_uint_eq(after.struct_size, sizeof(after));
    return after;
}

static void await(const atomic_int *counter, int value)
{
    while (atomic_load(counter) < value)
        usleep(20);
}

/* The position is that of what was taken, however far the thread has read ahead. */
START_TEST(batches_in_order_and_exact_resume)
{
    tfx_loader l = TOY();
    tfx_prefetch *p = start(&l, NULL);
    tfx_loader_position at_17 = {0};
    for (uint64_t b = 0; b < 500; b++) {
        tfx_loader_position after = take(p, b);
        if (b == 16)
            at_17 = after;
        if (b % 50 == 0)
            await(&l.finished, (int)b + 4);
    }
    tfx_prefetch_destroy(p);

    tfx_loader again = TOY();
    p = start(&again, &at_17);
    for (uint64_t b = 17; b < 40; b++)
        take(p, b);
    tfx_prefetch_destroy(p);

    /* Without a start it goes on where the loader is. */
    tfx_loader later = TOY();
    later.next = 77;
    p = start(&later, NULL);
    take(p, 77);
    tfx_prefetch_destroy(p);
}
END_TEST

START_TEST(slow_loader_gives_the_same)
{
    tfx_loader l = TOY();
    l.delay = 500;
    tfx_prefetch *p = start(&l, NULL);
    for (uint64_t b = 0; b < 60; b++)
        take(p, b);
    ck_assert_int_eq(atomic_load(&l.sigint_blocked), 1);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    ck_assert_int_eq(sigismember(&mask, SIGINT), 0);
    tfx_prefetch_destroy(p);
}
END_TEST

static void expect_failure(tfx_loader *l, uint64_t good, tfx_status status, const char *text)
{
    tfx_prefetch *p = start(l, NULL);
    for (uint64_t b = 0; b < good; b++)
        take(p, b);
    for (int i = 0; i < 3; i++) {
        int32_t in[N], target[N];
        tfx_loader_position after = {.batch_index = 99};
        tfx_error err = {0};
        ck_assert_int_eq(tfx_prefetch_next(p, in, target, &after, &err), status);
        ck_assert_str_eq(err.text, text);
        ck_assert_uint_eq(after.batch_index, 99);
    }
    ck_assert_int_eq(atomic_load(&l->calls), (int)good + 1); /* nothing is read after an error */
    tfx_prefetch_destroy(p);
}

START_TEST(errors_come_with_their_batch)
{
    for (int64_t at = 0; at < 9; at++) {
        tfx_loader l = TOY();
        char text[128];
        l.fail_at = at;
        snprintf(text, sizeof(text), "loader toy: corpus.bin: batch %d cannot be read", (int)at);
        expect_failure(&l, (uint64_t)at, TFX_E_IO, text);
    }
    tfx_loader mute = TOY();
    mute.mute_at = 2;
    expect_failure(&mute, 2, TFX_E_DATA,
                   "loader toy: `next_batch` failed without a message (status -3, malformed data)");
}
END_TEST

START_TEST(tokens_out_of_range_never_arrive)
{
    tfx_loader l = TOY();
    l.bad_at = 5, l.bad_token = VOCAB;
    expect_failure(&l, 5, TFX_E_DATA, "loader toy: batch 5, row 1: token 1 of the targets is 1000, expected 0 to 999");
    tfx_loader m = TOY();
    m.bad_at = 0, m.bad_token = -1;
    expect_failure(&m, 0, TFX_E_DATA, "loader toy: batch 0, row 1: token 1 of the targets is -1, expected 0 to 999");
}
END_TEST

START_TEST(refused_start)
{
    tfx_loader l = TOY();
    tfx_error err = {0};
    tfx_loader_position bad = {.struct_size = sizeof(bad), .batch_index = 5, .extra = {0, 0, 51, 0}};
    ck_assert_ptr_null(tfx_prefetch_create(&toy, &l, BATCH, CONTEXT, VOCAB, &bad, &err));
    ck_assert_int_eq(err.status, TFX_E_INVALID);
    ck_assert_str_eq(err.text, "loader toy: no such position: 5");
    ck_assert_int_eq(atomic_load(&l.calls), 0);
}
END_TEST

START_TEST(destroy_at_any_moment)
{
    tfx_prefetch_destroy(NULL);
    for (int i = 0; i < 50; i++) { /* at once */
        tfx_loader l = TOY();
        tfx_prefetch_destroy(start(&l, NULL));
        ck_assert_int_eq(atomic_load(&l.calls), atomic_load(&l.finished));
        ck_assert_int_le(atomic_load(&l.calls), 4);
    }

    /* With a full ring, the thread waiting for room. */
    tfx_loader full = TOY();
    tfx_prefetch *p = start(&full, NULL);
    await(&full.finished, 3);
    usleep(2000);
    tfx_prefetch_destroy(p);
    ck_assert_int_eq(atomic_load(&full.calls), 3);

    /* In the middle of a batch: that one is finished, no other is begun. */
    tfx_loader slow = TOY();
    slow.delay = 30000;
    p = start(&slow, NULL);
    await(&slow.calls, 1);
    tfx_prefetch_destroy(p);
    ck_assert_int_eq(atomic_load(&slow.calls), 1);
    ck_assert_int_eq(atomic_load(&slow.finished), 1);

    /* After an error, with batches not taken. */
    tfx_loader failing = TOY();
    failing.fail_at = 2;
    p = start(&failing, NULL);
    await(&failing.finished, 3);
    tfx_prefetch_destroy(p);
    ck_assert_int_eq(atomic_load(&failing.calls), 3);
}
END_TEST

/* The main thread's messages and the loader's stay apart. */
START_TEST(messages_of_two_threads)
{
    const tfx_host *host = tfx_host_table();
    for (int round = 0; round < 200; round++) {
        tfx_loader l = TOY();
        l.fail_at = 1;
        tfx_call call;
        tfx_call_begin(&call, TFX_KIND_LOADER, &toy, "seek", NULL);
        host->fail(host, TFX_E_DATA, "a message of the main thread");
        tfx_prefetch *p = start(&l, NULL);
        int32_t in[N], target[N];
        tfx_error err = {0}, mine = {0};
        take(p, 0);
        ck_assert_int_eq(tfx_prefetch_next(p, in, target, NULL, &err), TFX_E_IO);
        ck_assert_str_eq(err.text, "loader toy: corpus.bin: batch 1 cannot be read");
        ck_assert_int_eq(tfx_call_end(&call, TFX_E_DATA, "main", &mine), TFX_E_DATA);
        ck_assert_str_eq(mine.text, "main: a message of the main thread");
        tfx_prefetch_destroy(p);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train/prefetch");
    TCase *t = tcase_create("prefetch");
    tcase_set_timeout(t, 0);
    tcase_add_test(t, batches_in_order_and_exact_resume);
    tcase_add_test(t, slow_loader_gives_the_same);
    tcase_add_test(t, errors_come_with_their_batch);
    tcase_add_test(t, tokens_out_of_range_never_arrive);
    tcase_add_test(t, refused_start);
    tcase_add_test(t, destroy_at_any_moment);
    tcase_add_test(t, messages_of_two_threads);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

/* The bytes loader, and with it the order of windows that it shares with the tokens loader. */
#include "tests/loader/loader_test.h"

/* A file whose bytes tell where they are: byte i of 250 different ones in a row is i % 251. */
static const char *ramp(const char *name, size_t n)
{
    unsigned char *data = malloc(n);
    for (size_t i = 0; i < n; i++)
        data[i] = (unsigned char)(i % 251);
    const char *path = temp_file(name, data, n);
    free(data);
    return path;
}

static opened open_train(int64_t batch, int64_t context, uint64_t seed)
{
    return open_loader("bytes", TFX_SPLIT_TRAIN, batch, context, seed, "train", temp_path("train"), "val",
                       temp_path("val"), NULL);
}

static opened open_val(int64_t batch, int64_t context, uint64_t seed)
{
    return open_loader("bytes", TFX_SPLIT_VAL, batch, context, seed, "train", temp_path("train"), "val",
                       temp_path("val"), NULL);
}

START_TEST(val_rows_by_hand)
{
    /* 18 bytes, context 5: the windows start at 0, 5 and 10; "op" and "q" follow the last whole one. */
    temp_file("val", "abcdefghijklmnopq\xff", 18);
    opened o = open_val(2, 5, 99);
    ck_assert_msg(o.l != NULL, "%s", o.err.text);
    int32_t in[10], target[10];
    static const int32_t first_in[] = {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'};
    static const int32_t first_target[] = {'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k'};
    static const int32_t second_in[] = {'k', 'l', 'm', 'n', 'o', 'a', 'b', 'c', 'd', 'e'};
    static const int32_t second_target[] = {'l', 'm', 'n', 'o', 'p', 'b', 'c', 'd', 'e', 'f'};
    for (int round = 0; round < 2; round++) {
        next(&o, in, target);
        ck_assert_mem_eq(in, first_in, sizeof(in));
        ck_assert_mem_eq(target, first_target, sizeof(in));
        next(&o, in, target);
        ck_assert_mem_eq(in, second_in, sizeof(in));
        ck_assert_mem_eq(target, second_target, sizeof(in));
        tfx_loader_position start = {.struct_size = sizeof(start)};
        ck_assert_int_eq(try_seek(&o, &start), TFX_OK);
    }
    tfx_loader_info info = info_of(&o);
    ck_assert_int_eq(info.n_tokens, 18);
    ck_assert_int_eq(info.vocab, 256);
    ck_assert(info.bytes_per_token == 1.0);
    close_loader(&o);

    /* The last target can be the file's last byte, and bytes are unsigned. */
    temp_file("val", "\x80\x81\xfe\xff", 4);
    o = open_val(1, 3, 0);
    next(&o, in, target);
    ck_assert_int_eq(in[0], 0x80);
    ck_assert_int_eq(target[2], 0xff);
    close_loader(&o);

    /* 10 bytes hold one window of 5 + 1, not two. */
    temp_file("val", "abcdefghij", 10);
    o = open_val(2, 5, 0);
    next(&o, in, target);
    ck_assert_mem_eq(in, first_in, 20);
    ck_assert_mem_eq(in + 5, first_in, 20);
    close_loader(&o);
}
END_TEST

/* Each epoch: one phase for all windows, each window once, none outside the file. */
START_TEST(train_visits_each_window_once)
{
    static const int64_t cases[][2] = {/* tokens, context */
                                       {11, 10},  {19, 10}, {20, 10}, {21, 10}, {30, 10},  {31, 10},
                                       {235, 10}, {250, 1}, {2, 1},   {251, 7}, {250, 249}};
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        int64_t n = cases[c][0], context = cases[c][1], per_epoch = n / context - 1 > 1 ? n / context - 1 : 1;
        ramp("train", (size_t)n);
        opened o = open_train(1, context, 5);
        ck_assert_msg(o.l != NULL, "%s", o.err.text);
        int32_t in[256], target[256];
        for (int epoch = 0; epoch < 40; epoch++) {
            char seen[256] = {0};
            int64_t phase = -1;
            for (int64_t k = 0; k < per_epoch; k++) {
                next(&o, in, target);
                for (int64_t t = 0; t < context; t++) /* consecutive bytes of the file */
                    ck_assert_int_eq(target[t], in[0] + t + 1);
                ck_assert_int_lt(target[context - 1], n);
                ck_assert_msg(!seen[in[0]], "case %zu, epoch %d: the window at %d again", c, epoch, in[0]);
                seen[in[0]] = 1;
                if (phase < 0)
                    phase = in[0] % context;
                ck_assert_int_eq(in[0] % context, phase);
            }
        }
        close_loader(&o);
    }
}
END_TEST

START_TEST(train_reaches_every_token)
{
    enum { N = 137, CONTEXT = 10, ROWS = 12 * 200 };
    ramp("train", N);
    opened o = open_train(1, CONTEXT, 1);
    int32_t in[CONTEXT], target[CONTEXT];
    int seen[N] = {0}, phases[CONTEXT] = {0}, first_of_epoch[N] = {0}, different = 0;
    for (int i = 0; i < ROWS; i++) {
        next(&o, in, target);
        for (int t = 0; t < CONTEXT; t++)
            seen[in[t]]++, seen[target[t]]++;
        phases[in[0] % CONTEXT]++;
        if (i % 12 == 0)
            different += first_of_epoch[in[0]]++ == 0;
    }
    for (int i = 0; i < N; i++)
        ck_assert_msg(seen[i] > 0, "token %d was never seen", i);
    for (int i = 0; i < CONTEXT; i++)
        ck_assert_msg(phases[i] > 0, "phase %d never occurred", i);
    /* Epochs do not all begin alike: of about 127 possible first windows, 200 draws hit most. */
    ck_assert_int_gt(different, 60);
    close_loader(&o);
}
END_TEST

/* Over many epochs every window must be equally likely in every place. */
START_TEST(train_order_is_unbiased)
{
    enum { WINDOWS = 6, EPOCHS = 6000 };
    ramp("train", (WINDOWS + 1) * 20);
    opened o = open_train(WINDOWS, 20, 3);
    int32_t in[WINDOWS * 20], target[WINDOWS * 20];
    int count[WINDOWS][WINDOWS] = {0};
    for (int e = 0; e < EPOCHS; e++) {
        int32_t least = 250;
        next(&o, in, target);
        for (int k = 0; k < WINDOWS; k++)
            least = in[k * 20] < least ? in[k * 20] : least;
        for (int k = 0; k < WINDOWS; k++)
            count[k][(in[k * 20] - least) / 20]++;
    }
    /* chi squared with 25 degrees of freedom; 52.6 has a probability of 1 in 1000 */
    double chi = 0, expected = (double)EPOCHS / WINDOWS;
    for (int k = 0; k < WINDOWS; k++)
        for (int w = 0; w < WINDOWS; w++)
            chi += (count[k][w] - expected) * (count[k][w] - expected) / expected;
    ck_assert_msg(chi < 52.6, "chi squared %g", chi);
    close_loader(&o);
}
END_TEST

START_TEST(seeds_decide_the_order)
{
    enum { N = 64 };
    ramp("train", 250);
    int32_t a[N * 3], b[N * 3], c[N * 3], target[N * 3];
    opened x = open_train(N, 3, 7), y = open_train(N, 3, 7), z = open_train(N, 3, 8);
    next(&x, a, target);
    next(&y, b, target);
    next(&z, c, target);
    ck_assert_mem_eq(a, b, sizeof(a));
    ck_assert_mem_ne(a, c, sizeof(a));
    close_loader(&x);
    close_loader(&y);
    close_loader(&z);

    /* The size of batches cuts the same stream of rows. */
    x = open_train(1, 3, 7);
    for (int i = 0; i < N; i++) {
        next(&x, b, target);
        ck_assert_mem_eq(b, a + 3 * i, 12);
    }
    close_loader(&x);

    ramp("val", 250);
    x = open_val(N, 3, 7), z = open_val(N, 3, 8);
    next(&x, a, target);
    next(&z, c, target);
    ck_assert_mem_eq(a, c, sizeof(a));
    close_loader(&x);
    close_loader(&z);
}
END_TEST

static opened open_train_again(void)
{
    return open_train(4, 10, 11);
}

static opened open_val_again(void)
{
    return open_val(4, 10, 11);
}

START_TEST(resume_is_exact)
{
    ramp("train", 250);
    ramp("val", 133);
    opened o = open_train_again();
    check_resume(&o, open_train_again, 29); /* several epochs of 24 windows, cut inside batches */
    close_loader(&o);
    o = open_val_again();
    check_resume(&o, open_val_again, 9);
    close_loader(&o);
}
END_TEST

START_TEST(positions_that_do_not_fit)
{
    ramp("train", 250);
    opened o = open_train_again();
    int32_t in[40], target[40], expected[40];
    next(&o, in, target);
    tfx_loader_position pos = tell(&o);
    next(&o, expected, target);
    ck_assert_int_eq(try_seek(&o, &pos), TFX_OK);

    tfx_loader_position far = pos;
    far.batch_index = UINT64_MAX;
    ck_assert_int_eq(try_seek(&o, &far), TFX_E_INVALID);
    ck_assert_contains(o.err.text, "18446744073709551615 is not one that this loader gave");
    o.err = (tfx_error){0};
    next(&o, in, target); /* a refused position changes nothing */
    ck_assert_mem_eq(in, expected, sizeof(in));
    close_loader(&o);

    ramp("train", 249);
    o = open_train_again();
    ck_assert_int_eq(try_seek(&o, &pos), TFX_E_DATA);
    ck_assert_contains(o.err.text, "train: expected 250 tokens as when the position was recorded, found 249");
    close_loader(&o);
}
END_TEST

START_TEST(file_cut_while_open)
{
    ramp("val", 100);
    opened o = open_val(1, 10, 0);
    ck_assert_int_eq(truncate(temp_path("val"), 15), 0);
    int32_t in[10], target[10];
    next(&o, in, target);
    ck_assert_int_eq(try_next(&o, in, target), TFX_E_IO);
    ck_assert_contains(o.err.text, "val: ends at offset 15, but had 100 bytes");
    close_loader(&o);
}
END_TEST

START_TEST(files_that_cannot_be_used)
{
    ramp("val", 10);
    temp_file("empty", "", 0);
    ck_assert_int_eq(mkfifo(temp_path("pipe"), 0600), 0);
#define OPEN(path, split) "bytes", split, 1, 10, 0, "train", path, "val", path
    refuse_open(TFX_E_IO, "/missing: cannot open", "No such file", OPEN(temp_path("missing"), TFX_SPLIT_TRAIN));
    refuse_open(TFX_E_IO, temp_dir, "expected a file, found a folder", OPEN(temp_dir, TFX_SPLIT_TRAIN));
    refuse_open(TFX_E_IO, "/pipe", "found a device or pipe", OPEN(temp_path("pipe"), TFX_SPLIT_VAL));
    refuse_open(TFX_E_DATA, "/empty", "the file is empty", OPEN(temp_path("empty"), TFX_SPLIT_VAL));
    refuse_open(TFX_E_DATA, "/val: too short", "expected at least 11 tokens (context + 1), found 10",
                OPEN(temp_path("val"), TFX_SPLIT_TRAIN));
    refuse_open(TFX_E_DATA, "/val: too short", "found 10", OPEN(temp_path("val"), TFX_SPLIT_VAL));
    ramp("val", 11);
    opened o = open_val(1, 10, 0);
    ck_assert_msg(o.l != NULL, "%s", o.err.text);
    close_loader(&o);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("loader/bytes");
    TCase *t = tcase_create("bytes");
    tcase_set_timeout(t, 0);
    tcase_add_checked_fixture(t, temp_dir_setup, temp_dir_teardown);
    tcase_add_test(t, val_rows_by_hand);
    tcase_add_test(t, train_visits_each_window_once);
    tcase_add_test(t, train_reaches_every_token);
    tcase_add_test(t, train_order_is_unbiased);
    tcase_add_test(t, seeds_decide_the_order);
    tcase_add_test(t, resume_is_exact);
    tcase_add_test(t, positions_that_do_not_fit);
    tcase_add_test(t, file_cut_while_open);
    tcase_add_test(t, files_that_cannot_be_used);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

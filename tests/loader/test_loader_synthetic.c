/* The synthetic loader: deterministic, and with the statistics that it promises. */
#include <math.h>

#include "tests/loader/loader_test.h"

static opened open_pattern(const char *pattern, const char *vocab, tfx_split split, uint64_t seed)
{
    opened o = open_loader("synthetic", split, 8, 100, seed, "vocab", vocab, "pattern", pattern, NULL);
    ck_assert_msg(o.l != NULL, "%s", o.err.text);
    ck_assert_int_eq(info_of(&o).n_tokens, -1);
    ck_assert_int_eq(info_of(&o).vocab, atoi(vocab));
    ck_assert(info_of(&o).bytes_per_token == 0.0);
    return o;
}

START_TEST(seeds_and_splits)
{
    int32_t a[800], b[800], target[800];
    for (int p = 0; p < 2; p++) {
        const char *pattern = p ? "markov" : "random";
        opened x = open_pattern(pattern, "50", TFX_SPLIT_TRAIN, 1), y = open_pattern(pattern, "50", TFX_SPLIT_TRAIN, 1);
        next(&x, a, target), next(&y, b, target);
        ck_assert_mem_eq(a, b, sizeof(a));
        next(&y, b, target);
        ck_assert_mem_ne(a, b, sizeof(a));
        close_loader(&y);
        y = open_pattern(pattern, "50", TFX_SPLIT_TRAIN, 2);
        next(&y, b, target);
        ck_assert_mem_ne(a, b, sizeof(a));
        close_loader(&y);
        close_loader(&x);
        x = open_pattern(pattern, "50", TFX_SPLIT_VAL, 1), y = open_pattern(pattern, "50", TFX_SPLIT_VAL, 2);
        next(&x, b, target);
        ck_assert_mem_ne(a, b, sizeof(a));
        next(&y, a, target);
        ck_assert_mem_eq(a, b, sizeof(a));
        close_loader(&x);
        close_loader(&y);
    }
}
END_TEST

START_TEST(random_is_uniform)
{
    enum { VOCAB = 7, BATCHES = 100 };
    opened o = open_pattern("random", "7", TFX_SPLIT_TRAIN, 5);
    int32_t in[800], target[800];
    double pairs[VOCAB][VOCAB] = {{0}}, chi = 0, expected = BATCHES * 800.0 / (VOCAB * VOCAB);
    for (int b = 0; b < BATCHES; b++) {
        next(&o, in, target);
        for (int i = 0; i < 800; i++) {
            ck_assert(in[i] >= 0 && in[i] < VOCAB && target[i] >= 0 && target[i] < VOCAB);
            pairs[in[i]][target[i]]++;
        }
    }
    for (int i = 0; i < VOCAB; i++)
        for (int j = 0; j < VOCAB; j++)
            chi += (pairs[i][j] - expected) * (pairs[i][j] - expected) / expected;
    ck_assert_msg(chi < 84.0, "chi squared %g", chi); /* 48 degrees of freedom: 1 in 1000 */
    close_loader(&o);
}
END_TEST

START_TEST(rows_share_no_tokens)
{
    /* With two thousand million tokens to choose from, 1616 draws hardly meet twice. */
    opened o = open_pattern("random", "2147483647", TFX_SPLIT_TRAIN, 5);
    int32_t in[1600], target[800];
    next(&o, in, target);
    next(&o, in + 800, target);
    for (int i = 0; i < 1600; i++)
        for (int j = 0; j < i; j++)
            ck_assert_int_ne(in[i], in[j]);
    for (int row = 0; row < 8; row++)
        for (int i = 0; i < 1600; i++)
            ck_assert_int_ne(target[row * 100 + 99], in[i]);
    close_loader(&o);
}
END_TEST

/* The conditional entropy of a token given the one before it, measured on n_batches. */
static double entropy(const char *vocab, tfx_split split, uint64_t seed, int *successors)
{
    enum { MOST = 64, BATCHES = 100 };
    static double pairs[MOST][MOST], total[MOST];
    memset(pairs, 0, sizeof(pairs));
    memset(total, 0, sizeof(total));
    opened o = open_pattern("markov", vocab, split, seed);
    int32_t in[800], target[800];
    for (int b = 0; b < BATCHES; b++) {
        next(&o, in, target);
        for (int i = 0; i < 800; i++) {
            ck_assert(in[i] >= 0 && in[i] < atoi(vocab) && target[i] >= 0 && target[i] < atoi(vocab));
            pairs[in[i]][target[i]]++, total[in[i]]++;
        }
    }
    close_loader(&o);
    double h = 0;
    *successors = 0;
    for (int i = 0; i < MOST; i++) {
        int n = 0;
        for (int j = 0; j < MOST; j++)
            if (pairs[i][j] > 0) {
                h -= pairs[i][j] / (BATCHES * 800.0) * log(pairs[i][j] / total[i]);
                n++;
            }
        *successors = n > *successors ? n : *successors;
    }
    return h;
}

START_TEST(markov_has_the_stated_entropy)
{
    int successors;
    /* An estimate from 80,000 pairs; its bias, (50 * 3) / (2 * 80000), is below 0.001. */
    ck_assert_double_eq_tol(entropy("50", TFX_SPLIT_TRAIN, 3, &successors), log(4), 0.005);
    ck_assert_int_eq(successors, 4);
    ck_assert_double_eq_tol(entropy("50", TFX_SPLIT_VAL, 3, &successors), log(4), 0.005);
    ck_assert_double_eq_tol(entropy("3", TFX_SPLIT_TRAIN, 3, &successors), log(3), 0.005);
    ck_assert_int_eq(successors, 3);
}
END_TEST

/* What is learned in training holds in validation and under another seed: the same successors. */
START_TEST(markov_chain_is_the_same_everywhere)
{
    static char follows[50][50];
    int32_t in[800], target[800];
    for (int part = 0; part < 3; part++) {
        opened o = open_pattern("markov", "50", part == 1 ? TFX_SPLIT_VAL : TFX_SPLIT_TRAIN, part == 2 ? 9 : 3);
        for (int b = 0; b < 30; b++) {
            next(&o, in, target);
            for (int i = 0; i < 800; i++)
                follows[in[i]][target[i]] = 1;
        }
        close_loader(&o);
    }
    for (int i = 0; i < 50; i++) {
        int n = 0;
        for (int j = 0; j < 50; j++)
            n += follows[i][j];
        ck_assert_int_le(n, 4);
    }
}
END_TEST

static opened open_train_again(void)
{
    return open_pattern("markov", "50", TFX_SPLIT_TRAIN, 6);
}

static opened open_val_again(void)
{
    return open_pattern("random", "50", TFX_SPLIT_VAL, 6);
}

START_TEST(resume_is_exact)
{
    opened o = open_train_again();
    check_resume(&o, open_train_again, 12);
    close_loader(&o);
    o = open_val_again();
    check_resume(&o, open_val_again, 12);
    close_loader(&o);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("loader/synthetic");
    TCase *t = tcase_create("synthetic");
    tcase_set_timeout(t, 0);
    tcase_add_checked_fixture(t, temp_dir_setup, temp_dir_teardown);
    tcase_add_test(t, seeds_and_splits);
    tcase_add_test(t, random_is_uniform);
    tcase_add_test(t, rows_share_no_tokens);
    tcase_add_test(t, markov_has_the_stated_entropy);
    tcase_add_test(t, markov_chain_is_the_same_everywhere);
    tcase_add_test(t, resume_is_exact);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

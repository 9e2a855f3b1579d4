/* The validation set: from all over the split, each token once, and the same tokens whatever the context. */
#include "framework/plan/validation_set.h"

#include <string.h>

#include "framework/base/memory.h"
#include "tests/check_main.h"

/* How often each token of a split is counted, in windows of this context. */
static char *counted(int64_t split, int64_t context, int64_t asked, tfx_validation_set *set)
{
    tfx_error err = {0};
    ck_assert_int_eq(tfx_validation_set_choose(set, split, context, asked, &err), TFX_OK);
    char *n = TFX_NEW_ARRAY(char, split);
    int64_t left = set->tokens, before = -1;
    for (int64_t i = 0; i < set->windows; i++) {
        int64_t window = tfx_validation_set_window(set, i);
        if (window <= before || (window + 1) * context > split - 1) /* an assertion would take longer */
            ck_abort_msg("window %d of the set is window %d of the split", (int)i, (int)window);
        for (int64_t t = 0; t < context && left > 0; t++, left--)
            n[window * context + t]++;
        before = window;
    }
    ck_assert_int_eq(left, 0);
    return n;
}

START_TEST(each_token_once)
{
    static const int64_t splits[] = {2, 5, 33, 64, 65, 1000, 4097, 70000, 300001}, contexts[] = {1, 2, 3, 32, 48, 128};
    static const int64_t asked[] = {1, 2, 31, 32, 100, 1024, 3000, 65536, 300000, 1000000000000};
    for (size_t i = 0; i < sizeof(splits) / sizeof(*splits); i++)
        for (size_t c = 0; c < sizeof(contexts) / sizeof(*contexts); c++)
            for (size_t k = 0; k < sizeof(asked) / sizeof(*asked); k++) {
                tfx_validation_set set;
                if (splits[i] <= contexts[c])
                    continue;
                char *n = counted(splits[i], contexts[c], asked[k], &set);
                int64_t whole = (splits[i] - 1) / contexts[c] * contexts[c];
                ck_assert_int_eq(set.tokens, asked[k] < whole ? asked[k] : whole);
                for (int64_t t = 0; t < splits[i]; t++)
                    if (n[t] > 1)
                        ck_abort_msg("token %d is counted %d times", (int)t, n[t]);
                free(n);
            }
}
END_TEST

START_TEST(same_tokens_for_every_context)
{
    tfx_validation_set set;
    static const int64_t asked[] = {65536, 32768, 50000};
    for (int k = 0; k < 3; k++) {
        char *first = counted(1234567, 1, asked[k], &set);
        for (int64_t context = 2; context <= 1024; context *= 2) {
            char *other = counted(1234567, context, asked[k], &set);
            ck_assert(!memcmp(first, other, 1234567));
            free(other);
        }
        free(first);
    }
}
END_TEST

/* No tenth of the split without its share. */
START_TEST(from_all_over_the_split)
{
    tfx_validation_set set;
    static const int64_t asked[] = {65536, 4096, 131072, 250000};
    for (int k = 0; k < 4; k++) {
        char *n = counted(300001, 32, asked[k], &set);
        for (int64_t part = 0; part < 10; part++) {
            int64_t here = 0;
            for (int64_t t = part * 30000; t < (part + 1) * 30000; t++)
                here += n[t];
            ck_assert_int_gt(here, asked[k] / 10 / 3);
        }
        free(n);
    }
}
END_TEST

/* Contexts that divide a piece share their tokens; others do not, and where the split is smaller than what is asked
 * for, what fills windows differs as well. */
START_TEST(same_or_not)
{
    static const struct {
        int64_t split, context;
        int same;
    } cases[] = {{100000, 32, 1}, {100000, 64, 1}, {100000, 256, 1}, {100000, 48, 0}, {2081, 64, 0}, {2081, 40, 1}};
    for (int i = 0; i < 6; i++) {
        tfx_validation_set a, b;
        char *first = counted(cases[i].split, 32, 4096, &a),
             *second = counted(cases[i].split, cases[i].context, 4096, &b);
        ck_assert_int_eq(tfx_validation_set_same(&a, &b), cases[i].same);
        ck_assert_int_eq(!memcmp(first, second, (size_t)cases[i].split), cases[i].same);
        free(first);
        free(second);
    }
}
END_TEST

START_TEST(said)
{
    tfx_validation_set set;
    tfx_error err = {0};
    static const struct {
        int64_t split, asked;
        const char *words;
    } cases[] = {{100000, 4096, "4096 tokens, spread evenly over the 100000"},
                 {1000, 4096, "all 992 tokens"},
                 {-1, 4096, "4096 tokens of an endless"}};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(tfx_validation_set_choose(&set, cases[i].split, 32, cases[i].asked, &err), TFX_OK);
        char *text = tfx_validation_set_text(&set, cases[i].asked);
        ck_assert_msg(strstr(text, cases[i].words) != NULL, "%s", text);
        free(text);
    }
    ck_assert_int_eq(tfx_validation_set_choose(&set, 32, 32, 1, &err), TFX_E_DATA);
    ck_assert_str_eq(err.text, "the validation split has 32 tokens; expected at least 33 (context + 1)");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("plan/validation_set");
    TCase *t = tcase_create("validation_set");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, each_token_once);
    tcase_add_test(t, same_tokens_for_every_context);
    tcase_add_test(t, same_or_not);
    tcase_add_test(t, from_all_over_the_split);
    tcase_add_test(t, said);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

/* Text: the growing buffer, nearest names, and numbers for people. */
#include <math.h>
#include <string.h>

#include "framework/base/text.h"
#include "tests/check_main.h"

START_TEST(buffer_grows)
{
    tfx_text t = {0};
    for (int i = 0; i < 1000; i++)
        tfx_text_add(&t, "%03d,", i);
    ck_assert_uint_eq(t.n, 4000);
    ck_assert_uint_eq(strlen(t.s), 4000);
    ck_assert(!strncmp(t.s, "000,001,", 8));
    ck_assert_str_eq(t.s + 3996, "999,");
    tfx_text_free(&t);
    ck_assert_ptr_null(t.s);
    tfx_text_add(&t, "%s", "");
    ck_assert_str_eq(t.s, "");
    tfx_text_free(&t);
}
END_TEST

START_TEST(nearest_names)
{
    static const char *const names[] = {"linear", "pattention", "attention", "mlp"};
    ck_assert_str_eq(tfx_nearest("patention", names, 4), "pattention");
    ck_assert_str_eq(tfx_nearest("atention", names, 4), "attention");
    ck_assert_str_eq(tfx_nearest("lienar", names, 4), "linear");
    ck_assert_str_eq(tfx_nearest("mlp", names, 4), "mlp");
    ck_assert_str_eq(tfx_nearest("MLP", names, 4), "mlp");
    ck_assert_str_eq(tfx_nearest("PatTention", names, 4), "pattention");
    ck_assert_ptr_null(tfx_nearest("convolution", names, 4));
    ck_assert_ptr_null(tfx_nearest("x", names, 0));
}
END_TEST

/* Of other letters, words are alike by chance. */
START_TEST(not_near)
{
    static const char *const names[] = {"pw", "loss", "flops_incl"};
    ck_assert_ptr_null(tfx_nearest("nope", names, 3));
    ck_assert_ptr_null(tfx_nearest("tokens", names, 3));
    ck_assert_ptr_null(tfx_nearest("xy", names, 3));
    ck_assert_str_eq(tfx_nearest("los", names, 3), "loss");
    ck_assert_str_eq(tfx_nearest("pv", names, 3), "pw");
    ck_assert_str_eq(tfx_nearest("lossy", names, 3), "loss");
    ck_assert_str_eq(tfx_nearest("wp", names, 3), "pw"); /* two that have changed places are one slip */
}
END_TEST

START_TEST(utf8)
{
    /* Table 3-7 of the Unicode standard, at its borders. */
    static const char *const good[] = {"a",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x41",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe2\x82",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        ck_assert_uint_eq(tfx_utf8_length(good[i], strlen(good[i])), strlen(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(!tfx_utf8_length(bad[i], strlen(bad[i])), "%zu", i);
    ck_assert_uint_eq(tfx_utf8_length("a", 0), 0);
    ck_assert_uint_eq(tfx_utf8_check("na\xc3\xafve"), 6);
    ck_assert_uint_eq(tfx_utf8_check("caf\xe9"), 3);
    ck_assert_uint_eq(tfx_utf8_check(""), 0);
}
END_TEST

START_TEST(very_long_names)
{
    static const char *const names[] = {"linear"};
    char name[200];
    memset(name, 'l', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    /* Too long to compare: whatever the answer, it must not overrun. */
    tfx_nearest(name, names, 1);
    const char *const long_names[] = {name};
    ck_assert_ptr_null(tfx_nearest("linear", long_names, 1));
}
END_TEST

START_TEST(numbers_for_people)
{
    char b[32];
    ck_assert_str_eq(tfx_format_bytes(b, 0), "0 B");
    ck_assert_str_eq(tfx_format_bytes(b, 999), "999 B");
    ck_assert_str_eq(tfx_format_bytes(b, 1500), "1.50 kB");
    ck_assert_str_eq(tfx_format_bytes(b, 21.96e9), "22.0 GB");
    ck_assert_str_eq(tfx_format_bytes(b, 999.7e6), "1.00 GB");
    ck_assert_str_eq(tfx_format_count(b, 12), "12");
    ck_assert_str_eq(tfx_format_count(b, 123.6e6), "123.6M");
    ck_assert_str_eq(tfx_format_count(b, 1.3097e9), "1.31G");
    ck_assert_str_eq(tfx_format_count(b, 3e20), "300.0E");
    ck_assert_str_eq(tfx_format_seconds(b, 12.34), "12.3s");
    ck_assert_str_eq(tfx_format_seconds(b, 187), "3m07s");
    ck_assert_str_eq(tfx_format_seconds(b, 7500), "2h05m");
    ck_assert_str_eq(tfx_format_seconds(b, 86400 * 3), "3.0 days");
    ck_assert_str_eq(tfx_format_seconds(b, 86400 * 365.25 * 4), "4.0 years");
    ck_assert_str_eq(tfx_format_seconds(b, -1), "?");
    ck_assert_str_eq(tfx_format_seconds(b, NAN), "?");
}
END_TEST

START_TEST(whole_numbers)
{
    static const char *const wrong[] = {"", " ", "7x", "x", "1.5", "9223372036854775808"};
    int64_t n;
    ck_assert(tfx_parse_integer("-9223372036854775808", &n) && n == INT64_MIN);
    ck_assert(tfx_parse_integer("007", &n) && n == 7);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        ck_assert_msg(!tfx_parse_integer(wrong[i], &n), "%s", wrong[i]);
}
END_TEST

static Suite *text_suite(void)
{
    Suite *s = suite_create("text");
    TCase *t = tcase_create("text");
    tcase_add_test(t, buffer_grows);
    tcase_add_test(t, nearest_names);
    tcase_add_test(t, not_near);
    tcase_add_test(t, utf8);
    tcase_add_test(t, very_long_names);
    tcase_add_test(t, numbers_for_people);
    tcase_add_test(t, whole_numbers);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(text_suite)

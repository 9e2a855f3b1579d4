/* Errors: the first message wins, prefixes go in front, exit statuses follow the status. */
#include <string.h>

#include "framework/base/error.h"
#include "tests/check_main.h"

START_TEST(first_message_wins)
{
    tfx_error err = {0};
    ck_assert_int_eq(tfx_fail(&err, TFX_E_IO, "%s: line %d", "a.ini", 3), TFX_E_IO);
    ck_assert_int_eq(tfx_fail(&err, TFX_E_DATA, "later"), TFX_E_IO);
    ck_assert_str_eq(err.text, "a.ini: line 3");
}
END_TEST

START_TEST(prefixes)
{
    tfx_error err = {0};
    tfx_fail(&err, TFX_E_IO, "inner");
    tfx_error_prefix(&err, "arm %d", 2);
    ck_assert_str_eq(err.text, "arm 2: inner");
    tfx_error_prefix(&err, "run");
    ck_assert_str_eq(err.text, "run: arm 2: inner");
}
END_TEST

START_TEST(places)
{
    tfx_error err = {0};
    ck_assert_int_eq(tfx_fail_at(&err, "a.ini", 3, "steps: found %d", 0), TFX_E_INVALID);
    ck_assert_str_eq(err.text, "a.ini:3: steps: found 0");
    tfx_error_locate(&err, "b.ini", 4); /* the first place stays */
    tfx_error_locate_in(&err, "b.ini", 4, "[model %s]", "m");
    ck_assert_str_eq(err.text, "a.ini:3: steps: found 0");
    tfx_fail_at(&err, "b.ini", 4, "later");
    ck_assert_str_eq(err.text, "a.ini:3: steps: found 0");
    err = (tfx_error){0};
    tfx_fail(&err, TFX_E_DATA, "inner");
    tfx_error_locate_in(&err, "--set", 0, "[model %s]", "m");
    ck_assert_str_eq(err.text, "--set: [model m]: inner");
    ck_assert_int_eq(err.status, TFX_E_DATA);
    err = (tfx_error){0};
    tfx_fail(&err, TFX_E_IO, "inner");
    tfx_error_locate(&err, "a.ini", 7);
    ck_assert_str_eq(err.text, "a.ini:7: inner");
}
END_TEST

START_TEST(long_messages_are_cut)
{
    char long_text[5000];
    tfx_error err = {0};
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    tfx_fail(&err, TFX_E_IO, "%s", long_text);
    ck_assert_uint_eq(strlen(err.text), sizeof(err.text) - 1);
    tfx_error_prefix(&err, "p");
    ck_assert_uint_eq(strlen(err.text), sizeof(err.text) - 1);
    ck_assert(!strncmp(err.text, "p: xxx", 6));
    tfx_error_prefix(&err, "%s", long_text);
    ck_assert_uint_lt(strlen(err.text), sizeof(err.text));
}
END_TEST

START_TEST(exit_statuses)
{
    ck_assert_int_eq(tfx_exit_status(TFX_OK), 0);
    ck_assert_int_eq(tfx_exit_status(TFX_E_INVALID), 2);
    ck_assert_int_eq(tfx_exit_status(TFX_E_DATA), 2);
    ck_assert_int_eq(tfx_exit_status(TFX_E_UNSUPPORTED), 2);
    ck_assert_int_eq(tfx_exit_status(TFX_E_IO), 1);
    ck_assert_int_eq(tfx_exit_status(TFX_E_MEMORY), 1);
    ck_assert_int_eq(tfx_exit_status(TFX_E_INTERNAL), 1);
}
END_TEST

static Suite *error_suite(void)
{
    Suite *s = suite_create("error");
    TCase *t = tcase_create("error");
    tcase_add_test(t, first_message_wins);
    tcase_add_test(t, prefixes);
    tcase_add_test(t, places);
    tcase_add_test(t, long_messages_are_cut);
    tcase_add_test(t, exit_statuses);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(error_suite)

/* Suggest: the nearest name, all names where none is near, and nothing where that helps nobody. */
#include <string.h>

#include "framework/base/suggest.h"
#include "tests/check_main.h"

/* "x" followed by what is suggested for `name`. */
static const char *suggested(const char *name, const char *prefix, int listed, const char *const *known)
{
    static tfx_error err;
    tfx_suggest s = {.name = name, .prefix = prefix, .listed = listed};
    memset(&err, 0, sizeof(err));
    for (; *known; known++)
        tfx_suggest_add(&s, "%s", *known);
    tfx_fail(&err, TFX_E_INVALID, "x");
    ck_assert_int_eq(tfx_suggest_end(&s, "there is none", &err), TFX_E_INVALID);
    ck_assert_ptr_null(s.known);
    return err.text;
}

START_TEST(ends_of_messages)
{
    static const char *const layers[] = {"linear", "mlp", "linear", NULL}, *const none[] = {NULL};
    static const char *const keys[] = {"lr", "loader.path", "patch", NULL};
    ck_assert_str_eq(suggested("lienar", NULL, 0, layers), "x; did you mean \"linear\"?");
    ck_assert_str_eq(suggested("jsn", "--", 0, (const char *const[]){"json", NULL}), "x; did you mean \"--json\"?");
    ck_assert_str_eq(suggested("convolution", NULL, 0, layers), "x; expected one of: linear, mlp");
    ck_assert_str_eq(suggested("convolution", NULL, 1, layers), "x");
    ck_assert_str_eq(suggested("linear", NULL, 0, none), "x; there is none");
    /* What lacks only the parts before it is meant, though "patch" is nearer by letters. */
    ck_assert_str_eq(suggested("path", NULL, 0, keys), "x; did you mean \"loader.path\"?");
    ck_assert_str_eq(suggested("PATH", NULL, 0, keys), "x; did you mean \"loader.path\"?");
}
END_TEST

START_TEST(long_lists_are_left_out)
{
    tfx_error err = {0};
    tfx_suggest s = {.name = "something_else"};
    for (int i = 0; i < 1000; i++)
        tfx_suggest_add(&s, "%d", i);
    tfx_fail(&err, TFX_E_INVALID, "x");
    tfx_suggest_end(&s, NULL, &err);
    ck_assert_str_eq(err.text, "x");
}
END_TEST

START_TEST(without_an_error_nothing_is_said)
{
    tfx_error err = {0};
    tfx_suggest s = {.name = "lienar"};
    tfx_suggest_add(&s, "linear");
    ck_assert_int_eq(tfx_suggest_end(&s, "there is none", &err), TFX_OK);
    ck_assert_str_eq(err.text, "");
}
END_TEST

static Suite *suggest_suite(void)
{
    Suite *s = suite_create("suggest");
    TCase *t = tcase_create("suggest");
    tcase_add_test(t, ends_of_messages);
    tcase_add_test(t, long_lists_are_left_out);
    tcase_add_test(t, without_an_error_nothing_is_said);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suggest_suite)

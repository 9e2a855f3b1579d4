/* Metadata memory: zero-filled, growable, and fatal when it runs out. */
#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "framework/base/memory.h"
#include "tests/check_main.h"

START_TEST(is_zero_filled)
{
    unsigned char *p = tfx_alloc(1000);
    for (int i = 0; i < 1000; i++)
        ck_assert_uint_eq(p[i], 0);
    free(p);
    free(tfx_alloc(0));
}
END_TEST

START_TEST(strings)
{
    char *s = tfx_strdup("abc");
    ck_assert_str_eq(s, "abc");
    free(s);
    ck_assert_ptr_null(tfx_strdup(NULL));
    s = tfx_strndup("abcdef", 2);
    ck_assert_str_eq(s, "ab");
    free(s);
    s = tfx_printf("%d-%s", 5, "x");
    ck_assert_str_eq(s, "5-x");
    free(s);
}
END_TEST

/* Appending must not write a pointer of one type through a pointer to another type of pointer, which the
 * optimizer may take for two things that never meet. Nothing shows that at run time until it
 * goes wrong, so this file does not compile when TFX_APPEND does it. */
#pragma GCC diagnostic error "-Wstrict-aliasing"
#pragma GCC diagnostic warning "-Wstrict-aliasing=2"

START_TEST(append_grows)
{
    struct item {
        int a, b;
    } *items = NULL;
    size_t n = 0, cap = 0;
    for (int i = 0; i < 1000; i++) {
        struct item *it = TFX_APPEND(items, n, cap);
        ck_assert_int_eq(it->a, 0);
        ck_assert_int_eq(it->b, 0);
        it->a = i;
        it->b = -i; /* dirt that a later element must not inherit */
    }
    ck_assert_uint_eq(n, 1000);
    ck_assert_uint_ge(cap, 1000);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(items[i].a, i);
    free(items);
}
END_TEST

START_TEST(running_out_is_fatal)
{
    tfx_alloc(SIZE_MAX / 2);
}
END_TEST

static Suite *memory_suite(void)
{
    Suite *s = suite_create("memory");
    TCase *t = tcase_create("memory");
    tcase_add_test(t, is_zero_filled);
    tcase_add_test(t, strings);
    tcase_add_test(t, append_grows);
#if !defined(__SANITIZE_ADDRESS__) /* which reports such a request itself */
    tcase_add_test_raise_signal(t, running_out_is_fatal, SIGABRT);
#else
    (void)running_out_is_fatal;
#endif
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(memory_suite)

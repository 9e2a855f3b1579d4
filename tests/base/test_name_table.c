/* Name tables: many names, each with its number, and those that are not there. */
#include "framework/base/memory.h"
#include "framework/base/name_table.h"
#include "tests/check_main.h"

enum { N = 5000 };

START_TEST(many_names)
{
    static char *names[N];
    tfx_name_table t = {0};
    ck_assert_uint_eq(tfx_name_table_find(&t, "blocks.0"), TFX_NAME_NONE);
    for (uint32_t i = 0; i < N; i++) {
        names[i] = tfx_printf("blocks.%u.mixer", i);
        ck_assert_uint_eq(tfx_name_table_find(&t, names[i]), TFX_NAME_NONE);
        ck_assert_int_eq(tfx_name_table_add(&t, names[i], 3 * i), 1);
    }
    for (uint32_t i = 0; i < N; i++)
        ck_assert_uint_eq(tfx_name_table_find(&t, names[i]), 3 * i);
    ck_assert_int_eq(tfx_name_table_add(&t, "blocks.7.mixer", 1), 0);
    ck_assert_uint_eq(tfx_name_table_find(&t, "blocks.7.mixer"), 21); /* as it was */
    ck_assert_uint_eq(tfx_name_table_find(&t, "blocks.7"), TFX_NAME_NONE);
    ck_assert_uint_eq(tfx_name_table_find(&t, ""), TFX_NAME_NONE);
    ck_assert_int_eq(tfx_name_table_add(&t, "", 8), 1);
    ck_assert_uint_eq(tfx_name_table_find(&t, ""), 8);
    tfx_name_table_finish(&t);
    ck_assert_uint_eq(tfx_name_table_find(&t, ""), TFX_NAME_NONE);
    for (uint32_t i = 0; i < N; i++)
        free(names[i]);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("base/name_table");
    TCase *c = tcase_create("name_table");
    tcase_add_test(c, many_names);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

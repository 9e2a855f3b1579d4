/* Today's headers against the recorded facts of each released ABI: members may be added, but
 * whatever was there keeps its place, its size and its value. */
#include "tests/check_main.h"
#include "tfx/tfx.h"

START_TEST(layout_1_0)
{
#define STRUCT(type, size) ck_assert_msg(sizeof(type) >= (size), #type " shrank to %zu", sizeof(type));
#define MEMBER(type, member, offset, size) \
    ck_assert_msg(offsetof(type, member) == (offset) && sizeof(((type *)0)->member) == (size), \
                  #type "." #member " is now %zu bytes at %zu", sizeof(((type *)0)->member), offsetof(type, member));
#define VALUE(name, value) ck_assert_msg((name) == (value), #name " is now %lld", (long long)(name));
#define TEXT(name, text) ck_assert_str_eq(name, text);
    if (sizeof(void *) == 8) {
#include "layout-1.0.h"
    }
}
END_TEST

static Suite *layout_suite(void)
{
    Suite *s = suite_create("layout");
    TCase *t = tcase_create("layout");
    tcase_add_test(t, layout_1_0);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(layout_suite)

/* The list of tensors that persist: found by name, however many there are. */
#include <stdio.h>

#include "framework/graph/state.h"
#include "tests/check_main.h"

START_TEST(found_by_name)
{
    enum { N = 3000 };
    tfx_state_layout s = {0};
    char name[32];
    ck_assert_uint_eq(tfx_state_find(&s, "t0"), TFX_STATE_NONE);
    for (uint32_t i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "t%u", i);
        ck_assert_uint_eq(tfx_state_add(&s, TFX_STATE_PARAM, name, TFX_F32, 1, (int64_t[]){i + 1}), i);
    }
    for (uint32_t i = 0; i < 2 * N; i++) {
        snprintf(name, sizeof(name), "t%u", i);
        ck_assert_uint_eq(tfx_state_find(&s, name), i < N ? i : TFX_STATE_NONE);
    }
    tfx_state_finish(&s);
    ck_assert_uint_eq(tfx_state_find(&s, "t0"), TFX_STATE_NONE);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph/state");
    TCase *c = tcase_create("state");
    tcase_add_test(c, found_by_name);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

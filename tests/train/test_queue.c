/* Which of the runs that are left may start: how many at once, what fits in memory, and what they start from. */
#include "framework/train/queue.h"
#include "tests/check_main.h"

#define RUNS TFX_PLACE_RUNS
#define OVER TFX_PLACE_OVER

START_TEST(in_their_order)
{
    tfx_place p[] = {{.state = OVER, .bytes = 5, .trunk = 0}, {.bytes = 5, .trunk = 1}, {.bytes = 5, .trunk = 2}};
    const tfx_queue_limits two = {2, 100};
    ck_assert_uint_eq(tfx_queue_next(p, 3, &two), 1);
    p[1].state = RUNS;
    ck_assert_uint_eq(tfx_queue_next(p, 3, &two), 2);
    p[2].state = RUNS;
    ck_assert_uint_eq(tfx_queue_next(p, 3, &two), 3);
    p[1].state = p[2].state = OVER;
    ck_assert_uint_eq(tfx_queue_next(p, 3, &two), 3);
}
END_TEST

START_TEST(no_more_than_so_many)
{
    tfx_place p[] = {{.state = RUNS, .trunk = 0}, {.state = RUNS, .trunk = 1}, {.trunk = 2}};
    ck_assert_uint_eq(tfx_queue_next(p, 3, &(tfx_queue_limits){2, 100}), 3);
    ck_assert_uint_eq(tfx_queue_next(p, 3, &(tfx_queue_limits){3, 100}), 2);
    p[0].state = OVER;
    ck_assert_uint_eq(tfx_queue_next(p, 3, &(tfx_queue_limits){2, 100}), 2);
    ck_assert_uint_eq(tfx_queue_next(p, 3, &(tfx_queue_limits){1, 100}), 3);
}
END_TEST

START_TEST(what_fits_together)
{
    tfx_place p[] = {{.state = RUNS, .bytes = 60, .trunk = 0}, {.bytes = 50, .trunk = 1}, {.bytes = 40, .trunk = 2}};
    const tfx_queue_limits limits = {3, 100};
    ck_assert_msg(tfx_queue_next(p, 3, &limits) == 2, "a smaller one goes first: 60 + 40 are all there is");
    p[2].state = RUNS;
    ck_assert_uint_eq(tfx_queue_next(p, 3, &limits), 3);
    p[0].state = OVER;
    ck_assert_uint_eq(tfx_queue_next(p, 3, &limits), 1);
    /* Alone, one starts in any case: whether it fits was said before. */
    p[1].bytes = 1000;
    ck_assert_uint_eq(tfx_queue_next(p, 3, &limits), 3);
    p[2].state = OVER;
    ck_assert_uint_eq(tfx_queue_next(p, 3, &limits), 1);
}
END_TEST

START_TEST(a_branch_waits_for_its_trunk)
{
    /* 1 starts from 0, and 2 from 1; 3 from nothing. */
    tfx_place p[] = {{.state = RUNS, .trunk = 0}, {.trunk = 0}, {.trunk = 1}, {.trunk = 3}};
    const tfx_queue_limits limits = {4, 100};
    ck_assert_uint_eq(tfx_queue_next(p, 4, &limits), 3);
    p[3].state = RUNS;
    ck_assert_uint_eq(tfx_queue_next(p, 4, &limits), 4);
    p[1].has_start = 1; /* while the trunk still runs */
    ck_assert_uint_eq(tfx_queue_next(p, 4, &limits), 1);
    p[1].state = RUNS;
    ck_assert_uint_eq(tfx_queue_next(p, 4, &limits), 4);
    p[1].state = OVER; /* failed, without the checkpoint: what starts from it must say so */
    ck_assert_uint_eq(tfx_queue_next(p, 4, &limits), 2);
}
END_TEST

START_TEST(another_command_has_the_trunk)
{
    tfx_place p[] = {{.state = OVER, .trunk = 0}, {.trunk = 0, .start_comes = 1}, {.trunk = 2}};
    const tfx_queue_limits limits = {2, 100};
    ck_assert_msg(tfx_queue_next(p, 3, &limits) == 2, "others go first");
    p[2].state = RUNS;
    ck_assert_msg(tfx_queue_next(p, 3, &limits) == 3, "it takes up no room beside them");
    p[2].state = OVER;
    ck_assert_msg(tfx_queue_next(p, 3, &limits) == 1, "nothing else is left to do");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train: queue");
    TCase *c = tcase_create("next");
    tcase_add_test(c, in_their_order);
    tcase_add_test(c, no_more_than_so_many);
    tcase_add_test(c, what_fits_together);
    tcase_add_test(c, a_branch_waits_for_its_trunk);
    tcase_add_test(c, another_command_has_the_trunk);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

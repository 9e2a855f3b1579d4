/* Finding the checkpoint that a run starts from. */
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "tests/check_main.h"
#include "tests/store/sample.h"

static char *folder, *path;
static tfx_store *s;

static void set_up(void)
{
    s = sample_open(TFX_STORE_WRITE, &folder, &path);
}

static void tear_down(void)
{
    sample_close(s, folder, path);
}

static tfx_id at_step(tfx_id run, int64_t step)
{
    tfx_checkpoint_info c = {0};
    OK(tfx_store_checkpoint_at_step(s, run, step, &c, oops));
    tfx_id id = c.id;
    tfx_checkpoint_info_finish(&c);
    return id;
}

static tfx_id at_end(tfx_id run, int64_t stage)
{
    tfx_checkpoint_info c = {0};
    OK(tfx_store_checkpoint_at_end(s, run, stage, &c, oops));
    tfx_id id = c.id;
    tfx_checkpoint_info_finish(&c);
    return id;
}

static tfx_id add(tfx_id run, tfx_id stage, int64_t step, const char *reason)
{
    char *name = tfx_printf("runs/%d/more-%s-%d", (int)run, reason, (int)step);
    tfx_checkpoint_row row = {run, stage, step, step, 1, 1, name, "00", 1, 1, 0, reason, "11"};
    tfx_id id = 0;
    OK(id = tfx_store_add_checkpoint(s, &row, oops));
    free(name);
    return id;
}

static char *steps(tfx_id run)
{
    char *text = NULL;
    OK(text = tfx_store_checkpoint_steps(s, run, oops));
    return text;
}

/* Run 3 of the sample grows at step 20 (checkpoints 4 and 5) and ends at step 40 (6); run 5 has none. */
START_TEST(places)
{
    ck_assert_int_eq(at_step(3, 10), 3);
    ck_assert_int_eq(at_step(3, 20), 4); /* before growth */
    ck_assert_int_eq(at_step(3, 40), 6);
    ck_assert_int_eq(at_step(3, 11), 0);
    ck_assert_int_eq(at_step(5, 10), 0);
    ck_assert_int_eq(at_end(3, 0), 4);
    ck_assert_int_eq(at_end(3, 1), 6);
    ck_assert_int_eq(at_end(3, -1), 6);
    ck_assert_int_eq(at_end(3, 2), 0);
    ck_assert_int_eq(at_end(6, -1), 0); /* it has periodic ones only */
    char *text = steps(3);
    ck_assert_str_eq(text, "10, 20, 40");
    free(text);
    ck_assert_ptr_null(steps(5));
}
END_TEST

/* What was left by an interruption counts where there is nothing else; what has gone, or no longer counts, does not. */
START_TEST(which_of_several)
{
    tfx_id interrupted = add(6, 7, 15, "interrupted"), late;
    ck_assert_int_eq(at_step(6, 15), interrupted);
    late = add(6, 7, 15, "periodic");
    add(6, 7, 15, "interrupted");
    ck_assert_int_eq(at_step(6, 15), late);
    OK(tfx_store_mark_checkpoint_deleted(s, late, oops));
    ck_assert_int_ne(at_step(6, 15), late);
    OK(tfx_store_supersede(s, 6, 10, oops));
    ck_assert_int_eq(at_step(6, 15), 0);
}
END_TEST

START_TEST(runs_of_arms)
{
    tfx_id run = 0;
    tfx_error err = {0};
    OK(run = tfx_store_run_of(s, 1, "grown", 2, oops));
    ck_assert_int_eq(run, 4);
    ck_assert_int_eq(tfx_store_run_of(s, 1, "grown", 3, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "experiment 1 has no run of arm grown with seed 3"));
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("store/starts");
    TCase *t = tcase_create("starts");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, places);
    tcase_add_test(t, which_of_several);
    tcase_add_test(t, runs_of_arms);
    suite_add_tcase(all, t);
    return all;
}

TFX_CHECK_MAIN(suite)

/* Measurements of slices: rows, what replaces them, and what a step back leaves. */
#include <math.h>

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

START_TEST(rows)
{
    ck_assert_sql(path, "SELECT count(*) FROM slice_metric", "12");
    ck_assert_sql(path,
                  "SELECT stage || ' ' || step || ' ' || part || ' ' || elements || ' ' || gradient_norm || ' ' || "
                  "update_norm || ' ' || weight_norm || ' ' || slots || ' ' || energy_share || ' ' || dead_slots FROM "
                  "slice_metric WHERE run = 3 AND parameter = 'blocks.0.mixer.q.value' AND step = 31 AND part = 'new'",
                  "4 31 new 64 0.4 0.04 8.0 8 0.2 3");
    /* A parameter without slots has no share and no dead ones. */
    ck_assert_sql(path,
                  "SELECT count(*) FROM slice_metric WHERE slots IS NULL AND energy_share IS NULL AND "
                  "dead_slots IS NULL AND parameter = 'blocks.0.mixer.q.key'",
                  "4");
    ck_assert_sql(path,
                  "SELECT arm || ' ' || stage || ' ' || model || ' ' || steps_since_growth || ' ' || update_ratio FROM "
                  "slice_curve WHERE run = 3 AND step = 31 AND part = 'new'",
                  "grown 1 large 11 0.005");
    ck_assert_sql(path, "SELECT count(*) FROM slice_curve WHERE weight_norm = 0 AND update_ratio IS NULL", "2");
}
END_TEST

/* The same place again, as after a kill; a number that is not finite. */
START_TEST(again)
{
    tfx_slice_row row = {3, 4, 31, "blocks.0.mixer.q.value", 1, 64, 0.75, NAN, 9, 8, INFINITY, 2};
    OK(tfx_store_add_slices(s, &row, 1, oops));
    ck_assert_sql(path, "SELECT count(*) FROM slice_metric", "12");
    ck_assert_sql(path,
                  "SELECT gradient_norm || ' ' || (update_norm IS NULL) || ' ' || weight_norm || ' ' || "
                  "(energy_share IS NULL) || ' ' || dead_slots FROM slice_metric WHERE run = 3 AND step = 31 AND "
                  "part = 'new'",
                  "0.75 1 9.0 1 2");
    row.stage = 77;
    tfx_error err = {0};
    tfx_store_add_slices(s, &row, 1, &err);
    ck_assert_int_ne(err.status, TFX_OK);
    ck_assert_sql(path, "SELECT stage FROM slice_metric WHERE run = 3 AND step = 31 AND part = 'new'", "4");
}
END_TEST

START_TEST(superseded)
{
    OK(tfx_store_supersede(s, 3, 25, oops));
    ck_assert_sql(path,
                  "SELECT group_concat(step || ':' || n, ' ') FROM (SELECT step, count(*) AS n FROM slice_metric "
                  "WHERE run = 3 AND superseded = 0 GROUP BY step)",
                  "21:4");
    ck_assert_sql(path, "SELECT count(*) FROM slice_curve WHERE run = 3", "4");
    ck_assert_sql(path, "SELECT count(*) FROM slice_curve WHERE run = 4", "6");
    tfx_slice_row row = {3, 4, 31, "blocks.0.mixer.q.value", 1, 64, 0.75, 0.5, 9, 8, 0.5, 2};
    OK(tfx_store_add_slices(s, &row, 1, oops));
    ck_assert_sql(path,
                  "SELECT group_concat(gradient_norm || ':' || superseded, ' ') FROM (SELECT * FROM slice_metric "
                  "WHERE run = 3 AND step = 31 AND part = 'new' ORDER BY id)",
                  "0.4:1 0.75:0");
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("store/slices");
    TCase *t = tcase_create("slices");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, rows);
    tcase_add_test(t, again);
    tcase_add_test(t, superseded);
    suite_add_tcase(suite, t);
    return suite;
}

TFX_CHECK_MAIN(suite)

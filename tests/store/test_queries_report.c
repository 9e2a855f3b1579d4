/* The queries of reports: whole statements that a user can run, and rows of one moment. */
#include <string.h>

#include "framework/base/memory.h"
#include "framework/store/queries_report.h"
#include "tests/check_main.h"
#include "tests/store/sample.h"

static char *folder, *path;
static tfx_store *s;

static void set_up(void)
{
    s = sample_open(TFX_STORE_READ, &folder, &path);
}

static void tear_down(void)
{
    sample_close(s, folder, path);
}

static size_t count(tfx_report_query which, tfx_id experiment)
{
    size_t n = 0;
    tfx_error err = {0};
    tfx_rows *q = tfx_query_report(s, which, experiment, &err);
    while (tfx_rows_next(q, &err))
        n++;
    tfx_rows_close(q);
    ck_assert_msg(err.status == TFX_OK, "%s", err.text);
    return n;
}

START_TEST(rows)
{
    static const size_t expected[TFX_REPORT_QUERIES][2] = {
        [TFX_REPORT_EXPERIMENT] = {1, 1},   [TFX_REPORT_OUTCOMES] = {3, 1},  [TFX_REPORT_RUNS] = {5, 1},
        [TFX_REPORT_CURVES] = {20, 2},      [TFX_REPORT_ENDPOINTS] = {6, 0}, [TFX_REPORT_ENDS] = {4, 0},
        [TFX_REPORT_FITS] = {0, 0},         [TFX_REPORT_CLAIMS] = {0, 0},    [TFX_REPORT_GROWTH] = {2, 0},
        [TFX_REPORT_LINEAGE] = {6, 3},      [TFX_REPORT_SLICES] = {2, 0},    [TFX_REPORT_PLUGINS] = {2, 2},
        [TFX_REPORT_ENVIRONMENTS] = {1, 1}, [TFX_REPORT_METRICS] = {80, 8},  [TFX_REPORT_STARTS] = {5, 1},
    };
    for (int which = 0; which < TFX_REPORT_QUERIES; which++)
        for (tfx_id e = 1; e <= 2; e++)
            ck_assert_msg(count((tfx_report_query)which, e) == expected[which][e - 1], "query %d of experiment %d: %zu",
                          which, (int)e, count((tfx_report_query)which, e));
}
END_TEST

START_TEST(outcomes)
{
    tfx_error err = {0};
    tfx_rows *q = tfx_query_report(s, TFX_REPORT_OUTCOMES, 1, &err);
    ck_assert(tfx_rows_next(q, &err) && tfx_rows_next(q, &err)); /* the second arm grows */
    ck_assert_str_eq(tfx_rows_text(q, 0, &err), "grown");
    ck_assert_double_eq_tol(tfx_rows_real(q, 1, &err), 2.05, 1e-12);
    ck_assert_double_eq_tol(tfx_rows_real(q, 2, &err), 0.0707106781, 1e-9);
    ck_assert_int_eq(tfx_rows_int(q, 5, 0, &err), 2);
    ck_assert_int_eq(tfx_rows_int(q, 6, 0, &err), 2);
    ck_assert_double_eq(tfx_rows_real(q, 7, &err), 1000);
    ck_assert_double_eq(tfx_rows_real(q, 8, &err), 3000);
    ck_assert_double_eq(tfx_rows_real(q, 10, &err), 80000);
    ck_assert_double_eq(tfx_rows_real(q, 11, &err), 60000);
    tfx_rows_close(q);
}
END_TEST

/* A run of another experiment comes with the run that it started from, and where its own stages began. */
START_TEST(lineage)
{
    tfx_error err = {0};
    tfx_rows *q = tfx_query_report(s, TFX_REPORT_LINEAGE, 2, &err);
    static const struct {
        tfx_id own, run, parent;
        double start, end;
    } expected[] = {{0, 3, 0, 0, 20000}, {0, 3, 0, 20000, 80000}, {1, 6, 3, 80000, 110000}};
    for (size_t i = 0; i < 3; i++) {
        ck_assert(tfx_rows_next(q, &err));
        ck_assert_int_eq(tfx_rows_int(q, 0, 0, &err), expected[i].own);
        ck_assert_int_eq(tfx_rows_int(q, 4, 0, &err), expected[i].run);
        ck_assert_double_eq(tfx_rows_real(q, 7, &err), expected[i].start);
        ck_assert_double_eq(tfx_rows_real(q, 8, &err), expected[i].end);
        ck_assert_int_eq(tfx_rows_id(q, 10, &err), expected[i].parent);
    }
    tfx_rows_close(q);
}
END_TEST

START_TEST(one_moment)
{
    tfx_store *w = NULL;
    OK(tfx_store_begin_reading(s, oops));
    size_t before = count(TFX_REPORT_CURVES, 1);
    OK(w = tfx_store_open(path, TFX_STORE_WRITE, oops));
    sample_metric(w, 1, 1, "val_loss", 40, 120000, 1.9);
    tfx_store_close(w);
    ck_assert_uint_eq(count(TFX_REPORT_CURVES, 1), before);
    tfx_store_end_reading(s);
    ck_assert_uint_eq(count(TFX_REPORT_CURVES, 1), before + 1);
    tfx_store_end_reading(s); /* no harm */
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("store/queries_report");
    TCase *t = tcase_create("queries_report");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, rows);
    tcase_add_test(t, outcomes);
    tcase_add_test(t, lineage);
    tcase_add_test(t, one_moment);
    suite_add_tcase(all, t);
    return all;
}

TFX_CHECK_MAIN(suite)

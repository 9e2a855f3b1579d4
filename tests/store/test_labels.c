/* Tags, notes and other names: what is written, shown, removed and refused. */
#include <string.h>

#include "framework/store/labels.h"
#include "framework/store/queries.h"
#include "framework/store/upkeep.h"
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

/* The runs that these tags choose, newest first: "4 3 ". */
static void check_runs(const char *experiment, const char *const *tags, size_t n, const char *expected)
{
    char found[64] = "";
    tfx_error err = {0};
    tfx_rows *q = tfx_query_runs(s, experiment, tags, n, 0, &err);
    while (tfx_rows_next(q, &err))
        strcat(strcat(found, tfx_rows_as_text(q, 0)), " ");
    tfx_rows_close(q);
    ck_assert_msg(err.status == TFX_OK, "%s", err.text);
    ck_assert_str_eq(found, expected);
}

START_TEST(tags)
{
    OK(tfx_store_set_tag(s, 3, "lr", "1e-3", oops));
    OK(tfx_store_set_tag(s, 3, "kind", "it's = new", oops));
    OK(tfx_store_set_tag(s, 4, "lr", "2e-3", oops));
    ck_assert_sql(path, "SELECT tags FROM run_summary WHERE run = 3", "kind=it's = new, lr=1e-3");
    ck_assert_sql(path, "SELECT tags FROM run_summary WHERE run = 1", "NULL");
    OK(tfx_store_set_tag(s, 3, "lr", "3e-3", oops)); /* another value in its place */
    ck_assert_sql(path, "SELECT group_concat(value) FROM run_tag WHERE run = 3 AND key = 'lr'", "3e-3");

    check_runs(NULL, (const char *[]){"lr"}, 1, "4 3 ");
    check_runs(NULL, (const char *[]){"lr=3e-3"}, 1, "3 ");
    check_runs(NULL, (const char *[]){"lr", "kind=it's = new"}, 2, "3 ");
    check_runs("growth", (const char *[]){"lr=2e-3"}, 1, "4 ");
    check_runs("onward", (const char *[]){"lr"}, 1, "");
    check_runs("2", NULL, 0, "6 ");
    check_runs(NULL, (const char *[]){"x' OR 1 --"}, 1, "");

    OK(tfx_store_set_tag(s, 3, "lr", "", oops));
    OK(tfx_store_set_tag(s, 3, "lr", "", oops)); /* it is gone already */
    ck_assert_sql(path, "SELECT tags FROM run_summary WHERE run = 3", "kind=it's = new");
    tfx_error err = {0};
    ck_assert_int_eq(tfx_store_set_tag(s, 77, "lr", "1", &err), TFX_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "has no run 77"));
}
END_TEST

START_TEST(notes)
{
    OK(tfx_store_add_note(s, 0, 3, "first", oops));
    OK(tfx_store_add_note(s, 1, 0, "of all", oops));
    OK(tfx_store_add_note(s, 0, 3, "second", oops));
    OK(tfx_store_add_note(s, 0, 6, "another's", oops));
    ck_assert_sql(path, "SELECT count(*) FROM note WHERE created LIKE '20__-__-__T%Z'", "4");
    char found[64] = "";
    tfx_error err = {0};
    tfx_rows *q = tfx_query_run(s, 3, TFX_PART_NOTES, 1, &err);
    while (tfx_rows_next(q, &err))
        strcat(strcat(strcat(found, tfx_rows_as_text(q, 0)), tfx_rows_as_text(q, 2)), " ");
    tfx_rows_close(q);
    ck_assert_str_eq(found, "runfirst experimentof all runsecond ");

    ck_assert_int_eq(tfx_store_add_note(s, 0, 77, "x", &err), TFX_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "has no run 77"));
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_store_add_note(s, 77, 0, "x", &err), TFX_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "has no experiment 77"));
    ck_assert_sql(path, "SELECT count(*) FROM note", "4");
}
END_TEST

/* The spec stays what was run, and finds its experiment whatever that is called. */
START_TEST(renamed)
{
    tfx_id found = 0, again = 0;
    OK(tfx_store_rename(s, 1, "older", oops));
    char *name = NULL;
    OK(name = tfx_store_experiment_name(s, 1, oops));
    ck_assert_str_eq(name, "older");
    free(name);
    OK(found = tfx_store_find_experiment(s, "growth", SAMPLE_SPEC, oops));
    ck_assert_int_eq(found, 1);
    OK(again = tfx_store_add_experiment(s, "growth", NULL, NULL, NULL, SAMPLE_SPEC, oops));
    OK(tfx_store_add_experiment(s, "third", NULL, NULL, NULL, SAMPLE_SPEC, oops));
    OK(found = tfx_store_find_experiment(s, "growth", SAMPLE_SPEC, oops));
    ck_assert_int_eq(found, again); /* of its own name first */
    tfx_error err = {0};
    ck_assert_int_eq(tfx_store_rename(s, 77, "x", &err), TFX_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "has no experiment 77"));
}
END_TEST

/* Two that remove one experiment at once: what was found before is looked at again. */
START_TEST(removed_meanwhile)
{
    tfx_id *runs = NULL;
    size_t n = 0;
    OK(tfx_store_started_runs(s, 2, &runs, &n, oops));
    free(runs);
    tfx_error err = {0};
    ck_assert_int_eq(tfx_store_remove_experiment(s, 2, n + 1, &err), TFX_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "a run of it has begun meanwhile"));
    OK(tfx_store_remove_experiment(s, 2, n, oops));
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_store_remove_experiment(s, 2, n, &err), TFX_E_INVALID);
    ck_assert_str_eq(err.text, "experiment 2 has been removed meanwhile");
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("store/labels");
    TCase *t = tcase_create("labels");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, tags);
    tcase_add_test(t, notes);
    tcase_add_test(t, renamed);
    tcase_add_test(t, removed_meanwhile);
    suite_add_tcase(suite, t);
    return suite;
}

TFX_CHECK_MAIN(suite)

/* Tables: alignment, number formats, and that JSON and CSV hold exactly what SQLite has. */
#include "framework/report/table.h"

#include <math.h>
#include <string.h>

#include "framework/report/plot.h"
#include "framework/store/queries.h"
#include "tests/check_main.h"
#include "tests/store/sample.h"

/* What a statement prints; malloced. */
static char *print(const char *sql, const tfx_column *columns, tfx_format format, tfx_error *err)
{
    char *out = NULL, *folder = sample_folder(), *path = sample_path(folder, "tfx.db");
    size_t n = 0;
    FILE *f = open_memstream(&out, &n);
    tfx_store *s = NULL;
    OK(s = tfx_store_open(path, TFX_STORE_WRITE, oops));
    tfx_rows *q = tfx_query_user(s, sql, err);
    tfx_table_print(q, columns, format, f, err);
    fclose(f);
    tfx_rows_close(q);
    tfx_store_close(s);
    free(path);
    sample_remove(folder);
    return out;
}

static void expect(const char *sql, const tfx_column *columns, tfx_format format, const char *expected)
{
    tfx_error err = {0};
    char *out = print(sql, columns, format, &err);
    ck_assert_msg(err.status == TFX_OK, "%s", err.text);
    ck_assert_msg(!strcmp(out, expected), "%s\ngives\n%s\nexpected\n%s", sql, out, expected);
    free(out);
}

START_TEST(text)
{
    /* Numbers to the right, text to the left, NULL as a dash; no spaces at line ends. */
    expect(
        "SELECT 'ab' AS name, 5 AS n, 'x' AS last UNION ALL SELECT 'c', 1234, NULL UNION ALL SELECT NULL, NULL, 'yy'",
        NULL, TFX_FORMAT_TEXT,
        "name     n  last\n"
        "----  ----  ----\n"
        "ab       5  x\n"
        "c     1234  -\n"
        "-        -  yy\n");
    /* Widths count characters, not bytes; a cell is one line. */
    expect("SELECT 'äöü' AS a, 'b' || char(10) || 'c' AS b UNION ALL SELECT 'x', 'y'", NULL, TFX_FORMAT_TEXT,
           "a    b\n"
           "---  ----\n"
           "äöü  b\\nc\n"
           "x    y\n");
    expect("SELECT 1 AS a WHERE 0", NULL, TFX_FORMAT_TEXT, "a\n-\n(no rows)\n");
    /* A column that mixes numbers and text is text. */
    expect("SELECT 1 AS a UNION ALL SELECT 'bcd'", NULL, TFX_FORMAT_TEXT, "a\n---\n1\nbcd\n");
}
END_TEST

START_TEST(formats)
{
    static const tfx_column columns[] = {
        {"params", TFX_CELL_COUNT}, {"FLOPs", TFX_CELL_FLOPS}, {"loss", TFX_CELL_LOSS},     {"delta", TFX_CELL_SMALL},
        {"time", TFX_CELL_SECONDS}, {"size", TFX_CELL_BYTES},  {"seconds", TFX_CELL_TENTHS}};
    expect(
        "SELECT 123600000 AS a, 1.2345e15 AS b, 2.34567 AS c, 0.0000012 AS d, 187.0 AS e, 1500000000 AS f, 187.26 AS g",
        columns, TFX_FORMAT_TEXT,
        "params    FLOPs    loss    delta   time     size  seconds\n"
        "------  -------  ------  -------  -----  -------  -------\n"
        "123.6M  1.23e15  2.3457  1.2e-06  3m07s  1.50 GB    187.3\n");
}
END_TEST

START_TEST(flops_digits)
{
    char buf[32];
    ck_assert_str_eq(tfx_cell_format(buf, TFX_CELL_FLOPS, 0), "0");
    ck_assert_str_eq(tfx_cell_format(buf, TFX_CELL_FLOPS, 1.2345e15), "1.23e15");
    ck_assert_str_eq(tfx_cell_format(buf, TFX_CELL_FLOPS, 9.999e5), "1.00e6");
    ck_assert_str_eq(tfx_cell_format(buf, TFX_CELL_FLOPS, 0.00123), "1.23e-3");
    ck_assert_str_eq(tfx_cell_format(buf, TFX_CELL_FLOPS, (double)INFINITY), "inf");
}
END_TEST

START_TEST(json)
{
    expect("SELECT 9007199254740993 AS big, 0.1 AS x, 9e999 AS inf, NULL AS none, 'q\"' || char(10) AS t, x'0aff' AS b",
           NULL, TFX_FORMAT_JSON,
           "[{\"big\":9007199254740993,\"x\":0.1,\"inf\":null,\"none\":null,\"t\":\"q\\\"\\n\",\"b\":\"0aff\"}]\n");
    expect("SELECT 1 AS a, 2 AS a, 3 AS b UNION ALL SELECT 4, 5, 6", NULL, TFX_FORMAT_JSON,
           "[{\"a\":1,\"a_2\":2,\"b\":3},\n {\"a\":4,\"a_2\":5,\"b\":6}]\n");
    expect("SELECT 1 AS a WHERE 0", NULL, TFX_FORMAT_JSON, "[]\n");
}
END_TEST

START_TEST(csv)
{
    expect("SELECT 1 AS \"a,b\", 2.2 AS x, 1.0 / 3 AS y, NULL AS n, 'say \"hi\"' AS t, x'0aff' AS b", NULL,
           TFX_FORMAT_CSV, "\"a,b\",x,y,n,t,b\n1,2.2,0.33333333333333331,,\"say \"\"hi\"\"\",0aff\n");
    expect("SELECT 1 AS a WHERE 0", NULL, TFX_FORMAT_CSV, "a\n");
}
END_TEST

START_TEST(errors)
{
    static const tfx_format all[] = {TFX_FORMAT_TEXT, TFX_FORMAT_JSON, TFX_FORMAT_CSV};
    for (size_t i = 0; i < 3; i++) {
        tfx_error err = {0};
        free(print("SELECT json('{')", NULL, all[i], &err));
        ck_assert_int_eq(err.status, TFX_E_INVALID);
        ck_assert_ptr_nonnull(strstr(err.text, "malformed JSON"));
    }
}
END_TEST

/* The first point is at the top left and the last at the bottom right, whatever lies
 * between; what has no place on a logarithmic axis is left out. */
START_TEST(plot)
{
    static const tfx_point points[] = {{10, 5, 0}, {100, 4, 1}, {1000, 1, 0}, {0, 9, 0}, {5, (double)NAN, 0}};
    char *out = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&out, &n);
    tfx_plot(points, 5, "tokens", f);
    fclose(f);
    ck_assert_msg(!strncmp(out, "   5.0000 |a\n", 13), "%s", out);
    const char *bottom = strstr(out, "   1.0000 |");
    ck_assert_ptr_nonnull(bottom);
    ck_assert_int_eq(strcspn(bottom, "a"), 11 + 67);
    ck_assert_ptr_nonnull(strstr(out, "b"));
    ck_assert_ptr_nonnull(strstr(out, "tokens"));
    free(out);
    out = NULL;
    f = open_memstream(&out, &n);
    tfx_plot(points + 3, 2, "tokens", f);
    fclose(f);
    ck_assert_str_eq(out, "");
    free(out);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("report/table");
    TCase *t = tcase_create("table");
    tcase_add_test(t, text);
    tcase_add_test(t, formats);
    tcase_add_test(t, flops_digits);
    tcase_add_test(t, json);
    tcase_add_test(t, csv);
    tcase_add_test(t, errors);
    tcase_add_test(t, plot);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

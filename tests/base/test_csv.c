/* CSV: what is read of tables as people and programs write them, and what is said of broken ones. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/csv.h"
#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "tests/check_main.h"

/* All of a text read as a file t.csv: fields in brackets, records by line; then the message, if any. */
static char *read_text(const char *text, size_t n)
{
    char path[] = "/tmp/tfx-csv-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
    close(fd);
    tfx_error err = {0};
    tfx_text t = {0};
    tfx_csv *csv = tfx_csv_open(path, &err);
    while (csv && tfx_csv_next(csv, &err)) {
        tfx_text_add(&t, "%d:", tfx_csv_line(csv));
        for (size_t i = 0; i < tfx_csv_n_fields(csv); i++)
            tfx_text_add(&t, "[%s]", tfx_csv_field(csv, i));
        tfx_text_add(&t, "\n");
    }
    tfx_csv_close(csv);
    if (err.status != TFX_OK)
        tfx_text_add(&t, "%s", err.text + (strncmp(err.text, path, strlen(path)) ? 0 : strlen(path)));
    unlink(path);
    return t.s ? t.s : tfx_strdup("");
}

static void expect(const char *text, const char *expected)
{
    char *found = read_text(text, strlen(text));
    ck_assert_str_eq(found, expected);
    free(found);
}

START_TEST(records)
{
    expect("a,b\n1,2\n", "1:[a][b]\n2:[1][2]\n");
    expect("a,b\n1,2", "1:[a][b]\n2:[1][2]\n");
    expect("\xef\xbb\xbf"
           "a,b\r\n\r\n1 , 2\t\r\n  \r\n,\r\n",
           "1:[a][b]\n3:[1][2]\n5:[][]\n");
    expect("a\r1\r", "1:[a]\n2:[1]\n");
    expect("", "");
    expect("\n\n", "");
    expect("a,b,\n", "1:[a][b][]\n");
    expect("a,b,", "1:[a][b][]\n");
}
END_TEST

START_TEST(quotes)
{
    expect("\"a,b\",\"say \"\"x\"\"\"\n\"\",1\n", "1:[a,b][say \"x\"]\n2:[][1]\n");
    expect(" \"a\" ,\"two\nlines\"\nnext\n", "1:[a][two\nlines]\n3:[next]\n");
    expect("\"a\"", "1:[a]\n");
    expect("5\" disk\n", "1:[5\" disk]\n");
}
END_TEST

START_TEST(mistakes)
{
    expect("a\nb,\"c\nd\n", "1:[a]\n:2: the quote that opens here is never closed");
    expect("a\n\"b\"c\n", "1:[a]\n:2: expected a comma or the end of the line behind \"b\", found 'c'");
    char *found = read_text("a\0b", 3);
    ck_assert_str_eq(found, ": expected text with comma-separated values, found a zero byte");
    free(found);
    tfx_error err = {0};
    ck_assert_ptr_null(tfx_csv_open("/nowhere/t.csv", &err));
    ck_assert_str_eq(err.text, "cannot read /nowhere/t.csv: No such file or directory");
    err = (tfx_error){0};
    ck_assert_ptr_null(tfx_csv_open("/", &err));
    ck_assert_str_eq(err.text, "cannot read /: Is a directory");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("csv");
    TCase *c = tcase_create("csv");
    tcase_add_test(c, records);
    tcase_add_test(c, quotes);
    tcase_add_test(c, mistakes);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

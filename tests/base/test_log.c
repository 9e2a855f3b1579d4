/* The log: which lines go to standard error, which to the file, and what is before each. */
#include "framework/base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/check_main.h"

typedef struct place {
    char folder[64], file[96], stderr_file[96];
} place;

/* Standard error goes to a file; every test has a process of its own, so it need not come back. */
static void open_place(place *p)
{
    strcpy(p->folder, "/tmp/tfx-log-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(p->folder));
    snprintf(p->file, sizeof(p->file), "%s/log.txt", p->folder);
    snprintf(p->stderr_file, sizeof(p->stderr_file), "%s/stderr", p->folder);
    int fd = open(p->stderr_file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    close(fd);
}

static void close_place(const place *p)
{
    unlink(p->file);
    unlink(p->stderr_file);
    rmdir(p->folder);
}

static char *contents(const char *path)
{
    static char text[8192];
    FILE *f = fopen(path, "rb");
    text[f ? fread(text, 1, sizeof(text) - 1, f) : 0] = '\0';
    if (f)
        fclose(f);
    return text;
}

/* The lines of the log, each of which begins with the time: "2026-01-02T03:04:05Z  ". */
static void log_has(const place *p, const char *expected)
{
    static const char form[] = "dddd-dd-ddTdd:dd:ddZ  ";
    char without[8192] = "";
    for (char *line = strtok(contents(p->file), "\n"); line; line = strtok(NULL, "\n")) {
        for (size_t i = 0; form[i]; i++)
            ck_assert_msg(form[i] == 'd' ? line[i] >= '0' && line[i] <= '9' : line[i] == form[i], "%s", line);
        strcat(strcat(without, line + strlen(form)), "\n");
    }
    ck_assert_str_eq(without, expected);
}

START_TEST(without_a_name)
{
    place p;
    open_place(&p);
    ck_assert_str_eq(tfx_log_named(), "");
    tfx_log_message("about %d", 1);
    tfx_log_event("event");
    tfx_log_note("note");
    ck_assert_str_eq(contents(p.stderr_file), "tfx: about 1\nevent\n");
    tfx_log_open(p.file); /* nobody's lines are not the run's */
    log_has(&p, "");
    tfx_log_close();
    close_place(&p);
}
END_TEST

START_TEST(with_a_name)
{
    place p;
    open_place(&p);
    tfx_log_name("grown seed 1");
    ck_assert_str_eq(tfx_log_named(), "grown seed 1");
    tfx_log_message("early");
    tfx_log_note("early note");
    ck_assert_int_ne(access(p.file, F_OK), 0);
    tfx_log_open(p.file);
    tfx_log_event("step %d", 2);
    tfx_log_note("note");
    tfx_log_message("late");
    ck_assert_str_eq(contents(p.stderr_file), "tfx: grown seed 1: early\ngrown seed 1  step 2\n"
                                              "tfx: grown seed 1: late\n");
    log_has(&p, "early\nearly note\nstep 2\nnote\nlate\n");
    tfx_log_close();
    ck_assert_str_eq(tfx_log_named(), "");
    tfx_log_note("of nobody");
    tfx_log_name("grown seed 1");
    tfx_log_open(p.file); /* goes on behind what is there */
    tfx_log_note("again");
    log_has(&p, "early\nearly note\nstep 2\nnote\nlate\nagain\n");
    tfx_log_close();
    close_place(&p);
}
END_TEST

/* A text of several lines, as a plugin may have one: none of a run's stands there without its name and time. */
START_TEST(several_lines)
{
    place p;
    open_place(&p);
    tfx_log_message("of\nnobody");
    tfx_log_name("grown");
    tfx_log_message("early\n%s", "more");
    tfx_log_open(p.file);
    tfx_log_event("one\n\ntwo\n");
    tfx_log_message("%s", "");
    ck_assert_str_eq(contents(p.stderr_file), "tfx: of\nnobody\ntfx: grown: early\ntfx: grown: more\n"
                                              "grown  one\ngrown  \ngrown  two\ntfx: grown: \n");
    log_has(&p, "early\nmore\none\n\ntwo\n\n");
    tfx_log_close();
    close_place(&p);
}
END_TEST

START_TEST(a_file_that_takes_no_lines)
{
    static const char *const paths[] = {"/dev/full", "/dev/null/log.txt"};
    static const char *const why[] = {"No space left on device", "Not a directory"};
    char expected[300];
    place p;
    open_place(&p);
    tfx_log_name("a");
    tfx_log_open(paths[_i]);
    tfx_log_note("one");
    tfx_log_note("two");
    tfx_log_message("three");
    tfx_log_close();
    snprintf(expected, sizeof(expected), "tfx: a: %s: %s; it goes on without its log\ntfx: a: three\n", paths[_i],
             why[_i]);
    ck_assert_str_eq(contents(p.stderr_file), expected);
    close_place(&p);
}
END_TEST

START_TEST(long_lines)
{
    place p;
    char text[3001];
    open_place(&p);
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    tfx_log_name(text);
    ck_assert_uint_eq(strlen(tfx_log_named()), 127); /* a name is cut, a line is not */
    tfx_log_open(p.file);
    tfx_log_message("%s", text);
    ck_assert_uint_eq(strlen(contents(p.stderr_file)), 5 + 127 + 2 + 3000 + 1);
    ck_assert_uint_eq(strlen(contents(p.file)), 22 + 3000 + 1);
    tfx_log_close();
    close_place(&p);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("base/log");
    TCase *c = tcase_create("log");
    tcase_add_test(c, without_a_name);
    tcase_add_test(c, with_a_name);
    tcase_add_test(c, several_lines);
    tcase_add_loop_test(c, a_file_that_takes_no_lines, 0, 2);
    tcase_add_test(c, long_lines);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

/* The verbs that read a database, as the program calls them: what they print, where, and
 * their exit status. What the reports hold is tested in tests/report. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/cli/args.h"
#include "tests/check_main.h"
#include "tests/store/sample.h"

static char *folder, *path;

static void set_up(void)
{
    folder = sample_folder();
    path = sample_path(folder, "tfx.db");
    sample_fill(path);
    ck_assert_int_eq(chdir(folder), 0);
}

static void tear_down(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    free(path);
    sample_remove(folder);
}

static char *read_stream(FILE *f)
{
    tfx_text t = {0};
    char line[1024];
    tfx_text_add(&t, "%s", "");
    rewind(f);
    while (fgets(line, sizeof(line), f))
        tfx_text_add(&t, "%s", line);
    fclose(f);
    return t.s;
}

#define RUN(verb, out, errors, ...) run(&tfx_cmd_##verb, out, errors, (char *[]){__VA_ARGS__ NULL})

/* Runs a verb with its output and its errors caught; returns the exit status. */
static int run(const tfx_command *c, char **out, char **errors, char **argv)
{
    FILE *caught[2] = {tmpfile(), tmpfile()};
    int saved[2], n = 0, status;
    tfx_error err = {0};
    while (argv[n])
        n++;
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        saved[i] = dup(i + 1);
        dup2(fileno(caught[i]), i + 1);
    }
    tfx_cli_args *a = tfx_cli_args_parse(c, n, argv, &err);
    status = a ? c->run(a, &err) : 0;
    if (err.status != TFX_OK)
        status = tfx_cli_fail(&err);
    tfx_cli_args_destroy(a);
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
    }
    *out = read_stream(caught[0]);
    *errors = read_stream(caught[1]);
    return status;
}

static void good(int status, char *out, char *errors, const char *words)
{
    ck_assert_msg(status == 0, "%s", errors);
    ck_assert_str_eq(errors, "");
    ck_assert_msg(strstr(out, words), "%s", out);
    free(out);
    free(errors);
}

static void bad(int status, char *out, char *errors, const char *words)
{
    ck_assert_int_eq(status, 2);
    ck_assert_str_eq(out, "");
    ck_assert_msg(!strncmp(errors, "tfx: ", 5) && strstr(errors, words), "%s", errors);
    free(out);
    free(errors);
}

START_TEST(print)
{
    char *o, *e;
    int rc;
    rc = RUN(runs, &o, &e, ), good(rc, o, e, "grown");
    rc = RUN(runs, &o, &e, "--json", "--experiment", "onward", ), good(rc, o, e, "[{\"experiment_id\":2,");
    rc = RUN(show, &o, &e, "3", ), good(rc, o, e, "Run 3\n");
    rc = RUN(show, &o, &e, "3", "--json", ), good(rc, o, e, "\"growth_events\":");
    rc = RUN(show, &o, &e, "3", "--slices", ), good(rc, o, e, "blocks.0.mixer.q.value");
    rc = RUN(show, &o, &e, "3", "--slices", "--json", ), good(rc, o, e, "\"energy_share\":");
    rc = RUN(show, &o, &e, "--spec", "3", ), good(rc, o, e, SAMPLE_SPEC);
    rc = RUN(lineage, &o, &e, "5", ), good(rc, o, e, "+-- grows: small -> large");
    rc = RUN(lineage, &o, &e, "runs/3/step-000020-grown", "--json", ), good(rc, o, e, "\"checkpoint\":\t5");
    rc = RUN(curve, &o, &e, "growth", ), good(rc, o, e, "FLOPs incl");
    rc = RUN(curve, &o, &e, "growth", "--x", "tokens", "--excluding", "--csv", ), good(rc, o, e, "tokens_excl");
    rc = RUN(curve, &o, &e, "growth", "--x=seconds", "--including", "--json", ), good(rc, o, e, "\"seconds_incl\":");
    rc = RUN(sql, &o, &e, "SELECT 41 + 1 AS n", ), good(rc, o, e, " n\n--\n42\n");
    rc = RUN(sql, &o, &e, "SELECT 41 + 1 AS n", "--csv", "--db", path, ), good(rc, o, e, "n\n42\n");
}
END_TEST

START_TEST(refuse)
{
    char *o, *e;
    int rc;
    rc = RUN(runs, &o, &e, "--experiment", "grwoth", ), bad(rc, o, e, "did you mean \"growth\"?");
    rc = RUN(show, &o, &e, "large", ), bad(rc, o, e, "expected the id of a run, found 'large'");
    rc = RUN(show, &o, &e, "0", ), bad(rc, o, e, "expected the id of a run, found '0'");
    rc = RUN(show, &o, &e, "1", "--slices", ), bad(rc, o, e, "run 1 has no measurements of slices");
    rc = RUN(show, &o, &e, "3", "--slices", "--spec", ), bad(rc, o, e, "expected one of --spec, --log, and --json or");
    rc = RUN(show, &o, &e, "77", ), bad(rc, o, e, "has no run 77");
    rc = RUN(lineage, &o, &e, "77", ), bad(rc, o, e, "has no checkpoint 77");
    rc = RUN(curve, &o, &e, "nothing", ), bad(rc, o, e, "has no experiment 'nothing'");
    rc = RUN(curve, &o, &e, "growth", "--x", "time", ), bad(rc, o, e, "expected one of: flops, tokens, seconds, steps");
    rc = RUN(curve, &o, &e, "growth", "--including", "--excluding", ), bad(rc, o, e, "found both");
    rc = RUN(curve, &o, &e, "growth", "--json", "--csv", ), bad(rc, o, e, "found both");
    rc = RUN(sql, &o, &e, "SELECT 1", "--json", "--csv", ), bad(rc, o, e, "found both");
    rc = RUN(sql, &o, &e, "DELETE FROM run", ), bad(rc, o, e, "only a statement that reads");
    rc = RUN(sql, &o, &e, "SELECT 1", "--db", ".", ), bad(rc, o, e, "expected a file, found a folder");
}
END_TEST

/* A verb that reads must not leave a file behind where there was none. */
START_TEST(missing_database)
{
    char *o, *e;
    struct stat st;
    int rc;
    rc = RUN(runs, &o, &e, "--db", "none.db", ), bad(rc, o, e, "no database none.db");
    rc = RUN(show, &o, &e, "1", "--db", "none.db", ), bad(rc, o, e, "no database none.db");
    rc = RUN(lineage, &o, &e, "1", "--db", "none.db", ), bad(rc, o, e, "no database none.db");
    rc = RUN(curve, &o, &e, "x", "--db", "none.db", ), bad(rc, o, e, "no database none.db");
    rc = RUN(sql, &o, &e, "SELECT 1", "--db", "none.db", ), bad(rc, o, e, "no database none.db");
    ck_assert_int_ne(stat("none.db", &st), 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cli/query_verbs");
    TCase *t = tcase_create("query_verbs");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, print);
    tcase_add_test(t, refuse);
    tcase_add_test(t, missing_database);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

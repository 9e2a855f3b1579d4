/* Arguments: every way to write an option, every way to get it wrong, and the help. */
#include "framework/cli/args.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "tests/check_main.h"

static int nothing(const tfx_cli_args *a, tfx_error *err)
{
    (void)err;
    (void)a;
    return 0;
}

static const tfx_cli_option options[] = {
    {"json", NULL, 0, "print JSON"},
    {"db", "FILE", 0, "the database"},
    {"set", "KEY=VALUE", 1, "override a key"},
    {"steps", "N", 0, "how many"},
    {NULL},
};
static const tfx_command command = {"try", "SPEC [--json]", "Try things.", "  tfx try a.ini\n", options, 1, 2, nothing};

#define PARSE(err, ...) parse(err, (char *[]){__VA_ARGS__ NULL})

static tfx_cli_args *parse(tfx_error *err, char **argv)
{
    int n = 0;
    while (argv[n])
        n++;
    *err = (tfx_error){0};
    return tfx_cli_args_parse(&command, n, argv, err);
}

START_TEST(values)
{
    tfx_error err;
    size_t n;
    tfx_cli_args *a = PARSE(&err, "--db", "x.db", "a.ini", "--set", "a=1", "--set=b=2", "--json", "b.ini", );
    ck_assert_msg(a != NULL, "%s", err.text);
    ck_assert_str_eq(tfx_cli_arg(a, 0), "a.ini");
    ck_assert_str_eq(tfx_cli_arg(a, 1), "b.ini");
    ck_assert_ptr_null(tfx_cli_arg(a, 2));
    ck_assert_str_eq(tfx_cli_value(a, "db"), "x.db");
    ck_assert_int_eq(tfx_cli_flag(a, "json"), 1);
    const char *const *sets = tfx_cli_values(a, "set", &n);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(sets[0], "a=1");
    ck_assert_str_eq(sets[1], "b=2");
    ck_assert_str_eq(tfx_cli_value(a, "set"), "b=2");
    ck_assert_ptr_null(tfx_cli_value(a, "steps"));
    tfx_cli_args_destroy(a);
    tfx_cli_args_destroy(NULL);

    a = PARSE(&err, "a.ini", "--db=", );
    ck_assert_str_eq(tfx_cli_value(a, "db"), "");
    ck_assert_int_eq(tfx_cli_flag(a, "json"), 0);
    tfx_cli_values(a, "set", &n);
    ck_assert_uint_eq(n, 0);
    tfx_cli_args_destroy(a);
}
END_TEST

START_TEST(what_is_not_an_option)
{
    tfx_error err;
    tfx_cli_args *a = PARSE(&err, "--", "--json", "-x", );
    ck_assert_msg(a != NULL, "%s", err.text);
    ck_assert_str_eq(tfx_cli_arg(a, 0), "--json");
    ck_assert_str_eq(tfx_cli_arg(a, 1), "-x");
    ck_assert_int_eq(tfx_cli_flag(a, "json"), 0);
    tfx_cli_args_destroy(a);
    a = PARSE(&err, "-", "-1.5", );
    ck_assert_msg(a != NULL, "%s", err.text);
    tfx_cli_args_destroy(a);
    a = PARSE(&err, "a", "--set", "-x", "--db", "--other", ); /* values may look like options we do not have */
    ck_assert_msg(a != NULL, "%s", err.text);
    ck_assert_str_eq(tfx_cli_value(a, "set"), "-x");
    ck_assert_str_eq(tfx_cli_value(a, "db"), "--other");
    tfx_cli_args_destroy(a);
}
END_TEST

static void refuse(tfx_cli_args *a, const tfx_error *err, const char *words)
{
    ck_assert_ptr_null(a);
    ck_assert_int_eq(tfx_exit_status(err->status), 2);
    ck_assert_msg(strstr(err->text, words), "%s", err->text);
}

START_TEST(mistakes)
{
    tfx_error err;
    refuse(PARSE(&err, "a", "--jsn", ), &err, "try: unknown option --jsn; did you mean \"--json\"?");
    refuse(PARSE(&err, "a", "--stpes=3", ), &err, "unknown option --stpes; did you mean \"--steps\"?");
    refuse(PARSE(&err, "a", "--hepl", ), &err, "did you mean \"--help\"?");
    refuse(PARSE(&err, "a", "-json", ), &err, "unknown option -json; did you mean \"--json\"?");
    refuse(PARSE(&err, "a", "--quite-different", ), &err, "expected one of: --");
    refuse(PARSE(&err, "a", "--js", ), &err, "unknown option --js"); /* no abbreviations */
    refuse(PARSE(&err, "a", "--json=yes", ), &err, "--json takes no value, found 'yes'");
    refuse(PARSE(&err, "a", "--db", ), &err, "--db needs a value: --db FILE");
    refuse(PARSE(&err, "a", "--db", "--json", ), &err, "--db needs a value FILE, found --json");
    refuse(PARSE(&err, "a", "--db", "x", "--db=y", ), &err, "--db was given twice: 'x' and 'y'");
    refuse(PARSE(&err, ), &err, "expected SPEC [--json], found no argument");
    refuse(PARSE(&err, "a", "b", "c", ), &err, "one argument too many: 'c'");
}
END_TEST

START_TEST(whole_numbers)
{
    static const struct {
        const char *text;
        int status;
        long long value;
    } t[] = {{"1", 0, 1},   {"100", 0, 100}, {"0", 2, 7},
             {"101", 2, 7}, {"-3", 2, 7},    {"5x", 2, 7},
             {"", 2, 7},    {"1.5", 2, 7},   {"99999999999999999999", 2, 7}};
    tfx_error err;
    long long value = 0;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        char option[64];
        snprintf(option, sizeof(option), "--steps=%s", t[i].text);
        tfx_cli_args *a = PARSE(&err, "a", option, );
        ck_assert_int_eq(tfx_cli_int(a, "steps", 7, 1, 100, &value, &err), t[i].status);
        ck_assert_int_eq(value, t[i].value);
        if (t[i].status)
            ck_assert_msg(strstr(err.text, "--steps: expected a whole number from 1 to 100, found '"), "%s", err.text);
        tfx_cli_args_destroy(a);
    }
    tfx_cli_args *a = PARSE(&err, "a", );
    ck_assert_int_eq(tfx_cli_int(a, "steps", 7, LLONG_MIN, LLONG_MAX, &value, &err), 0);
    ck_assert_int_eq(value, 7);
    tfx_cli_args_destroy(a);
}
END_TEST

START_TEST(help)
{
    tfx_error err;
    tfx_cli_args *a = PARSE(&err, "--nonsense", "--help", ); /* help wins */
    ck_assert_ptr_nonnull(a);
    ck_assert_int_eq(tfx_cli_args_help(a), 1);
    tfx_cli_args_destroy(a);
    a = PARSE(&err, "--", "-h", );
    ck_assert_int_eq(tfx_cli_args_help(a), 0);
    tfx_cli_args_destroy(a);
    char *out = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&out, &n);
    tfx_cli_print_help(&command, f);
    fclose(f);
    ck_assert_str_eq(out, "tfx try SPEC [--json]\n\nTry things.\n\nOptions:\n"
                          "  --json           print JSON\n"
                          "  --db FILE        the database\n"
                          "  --set KEY=VALUE  override a key (repeatable)\n"
                          "  --steps N        how many\n"
                          "  --help           print this\n"
                          "\nExample:\n  tfx try a.ini\n");
    free(out);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cli/args");
    TCase *t = tcase_create("args");
    tcase_add_test(t, values);
    tcase_add_test(t, what_is_not_an_option);
    tcase_add_test(t, mistakes);
    tcase_add_test(t, whole_numbers);
    tcase_add_test(t, help);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

/* Options: types, ranges, messages, paths, origins. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/plugin/options.h"
#include "tests/check_main.h"

static const char *const modes[] = {"keep", "rescale", NULL};
static const char *const std_words[] = {"fan_in", "fan_out", NULL};
static const tfx_option decl[] = {
    TFX_OPTION("slots", TFX_OPT_INT, "576", 1, 100000, NULL, "number of slots"),
    TFX_OPTION("steps", TFX_OPT_INT, "0", 0, 0, NULL, "without a range"),
    TFX_OPTION("eps", TFX_OPT_REAL, "1e-8", 0, 1, NULL, "small"),
    TFX_OPTION("any", TFX_OPT_REAL, "0", 0, 0, NULL, "without a range"),
    TFX_OPTION("bias", TFX_OPT_BOOL, "false", 0, 0, NULL, "with bias"),
    TFX_OPTION("note", TFX_OPT_STRING, "", 0, 0, NULL, "free text"),
    TFX_OPTION("tau", TFX_OPT_CHOICE, "keep", 0, 0, modes, "scale"),
    TFX_OPTION("file", TFX_OPT_PATH, "", 0, 0, NULL, "a file"),
    TFX_OPTION("sizes", TFX_OPT_INT_LIST, "1, 2", 0, 5000, NULL, "sizes"),
    TFX_OPTION("rates", TFX_OPT_REAL_LIST, "", 0, 1, NULL, "rates"),
    TFX_OPTION("names", TFX_OPT_STRING_LIST, "key,value", 0, 0, NULL, "names"),
    TFX_OPTION("std", TFX_OPT_REAL_OR_CHOICE, "0.02", 0, 10, std_words, "a number or a word"),
};
#define N_DECL (sizeof(decl) / sizeof(*decl))

static tfx_options *resolve_one(const char *key, const char *value, tfx_error *err)
{
    tfx_setting s = {key, value, "dir/a.ini", 7};
    return tfx_options_resolve(decl, N_DECL, &s, 1, "layer test", err);
}

static tfx_options *good(const char *key, const char *value)
{
    tfx_error err = {0};
    tfx_options *o = resolve_one(key, value, &err);
    ck_assert_msg(o != NULL, "%s = %s: %s", key, value, err.text);
    ck_assert_int_eq(err.status, TFX_OK);
    return o;
}

/* The value must be refused with a message that holds every one of `parts`. */
static void bad(const char *key, const char *value, const char *const *parts)
{
    tfx_error err = {0};
    tfx_options *o = resolve_one(key, value, &err);
    ck_assert_msg(o == NULL, "%s = %s was accepted", key, value);
    ck_assert_int_eq(err.status, TFX_E_INVALID);
    for (; *parts; parts++)
        ck_assert_msg(strstr(err.text, *parts) != NULL, "\"%s\" is not in: %s", *parts, err.text);
}
#define BAD(key, value, ...) bad(key, value, (const char *const[]){"dir/a.ini:7", "layer test", __VA_ARGS__, NULL})

static const char *text_of(const tfx_options *o, const char *wanted)
{
    for (size_t i = 0; i < tfx_options_count(o); i++) {
        const char *name, *value;
        tfx_options_at(o, i, &name, &value);
        if (!strcmp(name, wanted))
            return value;
    }
    return NULL;
}

START_TEST(defaults)
{
    tfx_error err = {0};
    size_t n;
    int line = 5;
    tfx_options *o = tfx_options_resolve(decl, N_DECL, NULL, 0, "layer test", &err);
    ck_assert_ptr_nonnull(o);
    ck_assert_uint_eq(tfx_options_count(o), N_DECL);
    ck_assert_int_eq(tfx_options_int(o, "slots"), 576);
    ck_assert(tfx_options_real(o, "eps") == 1e-8);
    ck_assert_int_eq(tfx_options_bool(o, "bias"), 0);
    ck_assert_str_eq(tfx_options_string(o, "note"), "");
    ck_assert_str_eq(tfx_options_string(o, "tau"), "keep");
    ck_assert_str_eq(tfx_options_string(o, "file"), "");
    const int64_t *sizes = tfx_options_int_list(o, "sizes", &n);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(sizes[1], 2);
    tfx_options_real_list(o, "rates", &n);
    ck_assert_uint_eq(n, 0);
    const char *const *names = tfx_options_string_list(o, "names", &n);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(names[0], "key");
    ck_assert_str_eq(names[1], "value");
    ck_assert_ptr_null(tfx_options_origin(o, "slots", &line));
    ck_assert_int_eq(line, 0);
    tfx_options_destroy(o);
    tfx_options_destroy(NULL);
}
END_TEST

START_TEST(integers)
{
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"0", 0},
        {"-5", -5},
        {"+5", 5},
        {"007", 7},
        {"600k", 600000},
        {"1T", 1000000000000},
        {"2M", 2000000},
        {"1.5k", 1500},
        {"1.4G", 1400000000},
        {"-2.25k", -2250},
        {"0.001k", 1},
        {" 12 ", 12},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char canonical[32];
        tfx_options *o = good("steps", cases[i].text);
        ck_assert_msg(tfx_options_int(o, "steps") == cases[i].value, "%s gave %lld", cases[i].text,
                      (long long)tfx_options_int(o, "steps"));
        snprintf(canonical, sizeof(canonical), "%lld", (long long)cases[i].value);
        ck_assert_str_eq(text_of(o, "steps"), canonical);
        tfx_options_destroy(o);
    }
    static const char *const wrong[] = {"",
                                        "x",
                                        "1.0",
                                        "1.5",
                                        "1e6",
                                        "0x10",
                                        "1.2345k",
                                        "1.k",
                                        ".k",
                                        "k",
                                        "--1",
                                        "1 2",
                                        "5K",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "10000000000G",
                                        "1k k"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        BAD("steps", wrong[i], "steps", "expected integer", "found", wrong[i]);
    BAD("slots", "0", "slots", "integer, 1 to 100000", "\"0\"");
    BAD("slots", "100001", "integer, 1 to 100000");
    BAD("slots", "10 # more", "comment");
    tfx_options_destroy(good("slots", "100k"));
}
END_TEST

START_TEST(reals)
{
    static const struct {
        const char *text;
        double value;
        const char *canonical;
    } cases[] = {
        {"6e-4", 6e-4, "0.0006"},
        {"2k", 2000, "2000"},
        {".5", 0.5, "0.5"},
        {"1.", 1.0, "1"},
        {"-3E2", -300, "-300"},
        {"0.1", 0.1, "0.1"},
        {"0.30000000000000004", 0.1 + 0.2, "0.30000000000000004"},
        {"1e300", 1e300, "1e+300"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tfx_options *o = good("any", cases[i].text);
        ck_assert(tfx_options_real(o, "any") == cases[i].value);
        ck_assert_str_eq(text_of(o, "any"), cases[i].canonical);
        ck_assert(strtod(text_of(o, "any"), NULL) == cases[i].value);
        tfx_options_destroy(o);
    }
    static const char *const wrong[] = {"", "nan", "inf", "0x1p3", "1e999", "1,5", "1.5.", "e5", "1e", "abc"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        BAD("any", wrong[i], "any", "expected number", wrong[i]);
    BAD("eps", "1.01", "eps", "number, 0 to 1", "1.01");
    BAD("eps", "-1e-9", "number, 0 to 1");
    tfx_options_destroy(good("eps", "1"));
    tfx_options_destroy(good("eps", "0"));
}
END_TEST

START_TEST(bools_and_choices)
{
    static const char *const yes[] = {"true", "yes", "on", "1", "True", "YES"};
    static const char *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
        tfx_options *o = good("bias", yes[i]);
        ck_assert_int_eq(tfx_options_bool(o, "bias"), 1);
        ck_assert_str_eq(text_of(o, "bias"), "true");
        tfx_options_destroy(o);
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++) {
        tfx_options *o = good("bias", no[i]);
        ck_assert_int_eq(tfx_options_bool(o, "bias"), 0);
        ck_assert_str_eq(text_of(o, "bias"), "false");
        tfx_options_destroy(o);
    }
    BAD("bias", "2", "bias", "true or false", "\"2\"");
    BAD("bias", "", "true or false");
    tfx_options *o = good("tau", "rescale");
    ck_assert_str_eq(tfx_options_string(o, "tau"), "rescale");
    tfx_options_destroy(o);
    BAD("tau", "recsale", "tau", "one of: keep, rescale", "recsale", "did you mean \"rescale\"?");
    BAD("tau", "", "one of: keep, rescale");
}
END_TEST

START_TEST(numbers_or_choices)
{
    tfx_options *o = good("std", "2e-1");
    ck_assert_double_eq(tfx_options_real(o, "std"), 0.2);
    ck_assert_ptr_null(tfx_options_string(o, "std"));
    ck_assert_str_eq(text_of(o, "std"), "0.2");
    tfx_options_destroy(o);
    o = good("std", " fan_in ");
    ck_assert_str_eq(tfx_options_string(o, "std"), "fan_in");
    ck_assert_double_eq(tfx_options_real(o, "std"), 0);
    ck_assert_str_eq(text_of(o, "std"), "fan_in");
    tfx_options_destroy(o);
    o = good("tau", "keep"); /* with std at its default */
    ck_assert_double_eq(tfx_options_real(o, "std"), 0.02);
    tfx_options_destroy(o);
    BAD("std", "fan_on", "std", "number, 0 to 10, or fan_in, fan_out", "fan_on", "did you mean \"fan_in\"?");
    BAD("std", "11", "number, 0 to 10, or fan_in", "11");
    BAD("std", "-1", "number, 0 to 10");
    BAD("std", "", "number, 0 to 10");
    BAD("std", "fan_in, 1", "number, 0 to 10");
    BAD("eps", "fan_in", "number, 0 to 1; found");
}
END_TEST

START_TEST(lists)
{
    size_t n;
    tfx_options *o = good("sizes", " 1, 2k ,3");
    const int64_t *sizes = tfx_options_int_list(o, "sizes", &n);
    ck_assert_uint_eq(n, 3);
    ck_assert_int_eq(sizes[0], 1);
    ck_assert_int_eq(sizes[1], 2000);
    ck_assert_int_eq(sizes[2], 3);
    ck_assert_str_eq(text_of(o, "sizes"), "1, 2000, 3");
    tfx_options_destroy(o);

    o = good("sizes", "");
    tfx_options_int_list(o, "sizes", &n);
    ck_assert_uint_eq(n, 0);
    ck_assert_str_eq(text_of(o, "sizes"), "");
    tfx_options_destroy(o);

    o = good("rates", "0.5,1e-3");
    const double *rates = tfx_options_real_list(o, "rates", &n);
    ck_assert_uint_eq(n, 2);
    ck_assert(rates[0] == 0.5 && rates[1] == 1e-3);
    ck_assert_str_eq(text_of(o, "rates"), "0.5, 0.001");
    tfx_options_destroy(o);

    o = good("names", "a b,c");
    const char *const *names = tfx_options_string_list(o, "names", &n);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(names[0], "a b");
    tfx_options_destroy(o);

    BAD("sizes", "1,,2", "sizes", "integers separated by commas, 0 to 5000");
    BAD("sizes", "1,2,", "integers separated by commas");
    BAD("sizes", "1,x,3", "\"x\"");
    BAD("sizes", "1,6k", "\"6k\"", "0 to 5000");
    BAD("rates", "0.5,1.5", "\"1.5\"", "0 to 1");
    BAD("names", "a,,b", "texts separated by commas");
}
END_TEST

START_TEST(names_and_required)
{
    static const tfx_option needed[] = {
        TFX_OPTION("hidden_size", TFX_OPT_INT, NULL, 1, 8, NULL, "width"),
    };
    tfx_error err = {0};
    ck_assert_ptr_null(tfx_options_resolve(needed, 1, NULL, 0, "layer test", &err));
    ck_assert_int_eq(err.status, TFX_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "layer test: missing key \"hidden_size\" (integer, 1 to 8): width"));
    BAD("slotz", "1", "unknown key \"slotz\"", "did you mean \"slots\"?");
    BAD("completely_different", "1", "unknown key \"completely_different\"", "expected one of: slots, steps, eps");
    err = (tfx_error){0};
    tfx_setting s = {"x", "1", "--set", 0};
    ck_assert_ptr_null(tfx_options_resolve(NULL, 0, &s, 1, "layer plain", &err));
    ck_assert_str_eq(err.text, "--set: layer plain: unknown key \"x\"; it takes no options");
}
END_TEST

START_TEST(origins_and_types)
{
    tfx_setting settings[] = {{"slots", "1", "a.ini", 3}, {"slots", "2", "b.ini", 4}, {"eps", "0.5", "--set", 0}};
    tfx_error err = {0};
    int line = 9;
    tfx_options *o = tfx_options_resolve(decl, N_DECL, settings, 3, "layer test", &err);
    ck_assert_ptr_nonnull(o);
    settings[1].file = "gone"; /* everything is copied */
    ck_assert_int_eq(tfx_options_int(o, "slots"), 2);
    ck_assert_str_eq(tfx_options_origin(o, "slots", &line), "b.ini");
    ck_assert_int_eq(line, 4);
    ck_assert_str_eq(tfx_options_origin(o, "eps", &line), "--set");
    ck_assert_int_eq(line, 0);
    ck_assert_ptr_null(tfx_options_origin(o, "no such", &line));
    ck_assert_int_eq(tfx_options_type(o, "slots"), TFX_OPT_INT);
    ck_assert_int_eq(tfx_options_type(o, "names"), TFX_OPT_STRING_LIST);
    ck_assert_int_eq(tfx_options_type(o, "no such"), 0);
    /* A wrong type or name gives nothing rather than garbage. */
    size_t n = 7;
    ck_assert_int_eq(tfx_options_int(o, "eps"), 0);
    ck_assert(tfx_options_real(o, "slots") == 0);
    ck_assert_ptr_null(tfx_options_string(o, "slots"));
    ck_assert_ptr_null(tfx_options_int_list(o, "slots", &n));
    ck_assert_uint_eq(n, 0);
    tfx_options_destroy(o);
}
END_TEST

static void expect_path(const char *value, const char *file, const char *expected)
{
    tfx_error err = {0};
    tfx_setting s = {"file", value, file, 1};
    tfx_options *o = tfx_options_resolve(decl, N_DECL, &s, 1, "loader test", &err);
    ck_assert_msg(o != NULL, "%s", err.text);
    ck_assert_str_eq(tfx_options_string(o, "file"), expected);
    ck_assert_str_eq(text_of(o, "file"), expected);
    tfx_options_destroy(o);
}

START_TEST(paths)
{
    char folder[] = "/tmp/tfx-options-XXXXXX", real[PATH_MAX];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_ptr_nonnull(realpath(folder, real));
    char *sub = tfx_printf("%s/specs", real), *link = tfx_printf("%s/link", real);
    ck_assert_int_eq(mkdir(sub, 0700), 0);
    ck_assert_int_eq(symlink("specs", link), 0);
    char *in_sub = tfx_printf("%s/a.ini", sub), *in_link = tfx_printf("%s/a.ini", link);
    char *data = tfx_printf("%s/data/x.bin", real), *beside = tfx_printf("%s/x.bin", sub);
    char *kept = tfx_printf("%s/y/../x.bin", sub), *odd = tfx_printf("%s/odd name#1.bin", sub);

    expect_path("/abs/x.bin", in_sub, "/abs/x.bin");
    expect_path("/", in_sub, "/");
    expect_path("", in_sub, "");
    expect_path("x.bin", in_sub, beside);
    expect_path("./x.bin", in_sub, beside);
    expect_path(".//x.bin", in_sub, beside);
    expect_path("../data/x.bin", in_sub, data);
    expect_path("../data/x.bin", in_link, data); /* from where the link leads */
    expect_path("y/../x.bin", in_sub, kept);     /* y may be a link */
    expect_path("odd name#1.bin", in_sub, odd);
    expect_path("../../../../../../../../x", in_sub, "/x");

    ck_assert_int_eq(chdir(real), 0);
    char *here = tfx_printf("%s/x.bin", real);
    expect_path("x.bin", "--set", here);
    expect_path("x.bin", "a.ini", here);
    expect_path("x.bin", "specs/a.ini", beside);
    expect_path("x.bin", "./specs/../specs/a.ini", beside);

    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(unlink(link), 0);
    ck_assert_int_eq(rmdir(sub), 0);
    ck_assert_int_eq(rmdir(real), 0);
    char *all[] = {sub, link, in_sub, in_link, data, beside, kept, odd, here};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        free(all[i]);
}
END_TEST

/* A declaration from a later ABI has longer elements. */
START_TEST(walks_by_struct_size)
{
    struct longer {
        tfx_option o;
        const char *more;
    } later[2] = {
        {{sizeof(struct longer), "one", TFX_OPT_INT, "1", 0, 0, NULL, "first"}, "?"},
        {{sizeof(struct longer), "two", TFX_OPT_INT, "2", 0, 0, NULL, "second"}, "?"},
    };
    tfx_error err = {0};
    tfx_options *o = tfx_options_resolve(&later[0].o, 2, NULL, 0, "layer later", &err);
    ck_assert_ptr_nonnull(o);
    ck_assert_int_eq(tfx_options_int(o, "two"), 2);
    tfx_options_destroy(o);
}
END_TEST

START_TEST(expectations)
{
    static const struct {
        tfx_option o;
        const char *text;
    } cases[] = {
        {TFX_OPTION("a", TFX_OPT_INT, NULL, 1, 4096, NULL, ""), "integer, 1 to 4096"},
        {TFX_OPTION("a", TFX_OPT_INT, NULL, 0, 0, NULL, ""), "integer"},
        {TFX_OPTION("a", TFX_OPT_REAL, NULL, 0, INFINITY, NULL, ""), "number, at least 0"},
        {TFX_OPTION("a", TFX_OPT_REAL, NULL, -INFINITY, 0.5, NULL, ""), "number, at most 0.5"},
        {TFX_OPTION("a", TFX_OPT_CHOICE, NULL, 0, 0, modes, ""), "one of: keep, rescale"},
        {TFX_OPTION("a", TFX_OPT_BOOL, NULL, 0, 0, NULL, ""), "true or false"},
        {TFX_OPTION("a", TFX_OPT_PATH, NULL, 0, 0, NULL, ""), "path"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tfx_text t = {0};
        tfx_option_expectation(&t, &cases[i].o);
        ck_assert_str_eq(t.s, cases[i].text);
        tfx_text_free(&t);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("plugin/options");
    TCase *c = tcase_create("options");
    tcase_add_test(c, defaults);
    tcase_add_test(c, integers);
    tcase_add_test(c, reals);
    tcase_add_test(c, bools_and_choices);
    tcase_add_test(c, numbers_or_choices);
    tcase_add_test(c, lists);
    tcase_add_test(c, names_and_required);
    tcase_add_test(c, origins_and_types);
    tcase_add_test(c, paths);
    tcase_add_test(c, walks_by_struct_size);
    tcase_add_test(c, expectations);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

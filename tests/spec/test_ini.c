/* INI: what is read, with its places, and what is refused. */
#include "framework/spec/ini.h"
#include "framework/spec/keys.h"
#include "tests/check_main.h"
#include "tests/spec/spec_files.h"

#include <ini.h>
#include <sys/stat.h>

static tfx_ini *good_bytes(const char *text, size_t n)
{
    tfx_error err = {0};
    tfx_ini *ini = tfx_ini_parse(text, n, "a.ini", TFX_INI_MAX_LINE, &err);
    ck_assert_msg(ini != NULL, "%s", err.text);
    ck_assert_int_eq(err.status, TFX_OK);
    return ini;
}

static tfx_ini *good(const char *text)
{
    return good_bytes(text, strlen(text));
}

static void bad_bytes(const char *text, size_t n, const char *const *parts)
{
    tfx_error err = {0};
    tfx_ini *ini = tfx_ini_parse(text, n, "a.ini", TFX_INI_MAX_LINE, &err);
    ck_assert_msg(ini == NULL, "accepted: %s", text);
    check_message(&err, parts);
}
#define BAD(text, ...) bad_bytes(text, strlen(text), (const char *const[]){__VA_ARGS__, NULL})

static void expect(const tfx_ini *ini, const char *kind, const char *name, const char *key, const char *value, int line)
{
    const tfx_setting *s = tfx_section_find(tfx_ini_find(ini, kind, name), key);
    ck_assert_msg(s != NULL, "no %s in [%s %s]", key, kind, name ? name : "");
    ck_assert_str_eq(s->value, value);
    ck_assert_str_eq(s->file, "a.ini");
    ck_assert_int_eq(s->line, line);
}

START_TEST(sections_and_places)
{
    tfx_ini *ini = good("; comment\n"
                        "[experiment]\n"
                        "name = one\n"
                        "\n"
                        "  # indented comment\n"
                        "   description = a = b : c   \n"
                        "     seeds: 1, 2\n"
                        "[model tf_1.4b] ; after the header\n"
                        "  [arm  x-1  ]   # too\n"
                        "model =tf_1.4b ; inline\n"
                        "train.note = a;b #c\n"
                        "empty =\n"
                        "only_comment = ; nothing");
    ck_assert_uint_eq(ini->n_sections, 3);
    expect(ini, "experiment", NULL, "name", "one", 3);
    expect(ini, "experiment", NULL, "description", "a = b : c", 6);
    expect(ini, "experiment", NULL, "seeds", "1, 2", 7);
    ck_assert_int_eq(tfx_ini_find(ini, "model", "tf_1.4b")->line, 8);
    ck_assert_uint_eq(tfx_ini_find(ini, "model", "tf_1.4b")->n_keys, 0);
    ck_assert_int_eq(tfx_ini_find(ini, "arm", "x-1")->line, 9);
    expect(ini, "arm", "x-1", "model", "tf_1.4b", 10);
    expect(ini, "arm", "x-1", "train.note", "a;b #c", 11);
    expect(ini, "arm", "x-1", "empty", "", 12);
    expect(ini, "arm", "x-1", "only_comment", "", 13);
    ck_assert_ptr_null(tfx_ini_find(ini, "model", "x-1"));
    tfx_ini_destroy(ini);
    tfx_ini_destroy(NULL);
}
END_TEST

START_TEST(encodings)
{
    tfx_ini *ini = good("\xef\xbb\xbf[experiment]\r\nname = caf\xc3\xa9 \xe2\x86\x92 \xf0\x9f\x99\x82\r\n\r\nx = 1\r");
    expect(ini, "experiment", NULL, "name", "caf\xc3\xa9 \xe2\x86\x92 \xf0\x9f\x99\x82", 2);
    expect(ini, "experiment", NULL, "x", "1", 4);
    tfx_ini_destroy(ini);
    ini = good("");
    ck_assert_uint_eq(ini->n_sections, 0);
    tfx_ini_destroy(ini);
    ini = good("\n\n ; nothing\n");
    ck_assert_uint_eq(ini->n_sections, 0);
    tfx_ini_destroy(ini);

    bad_bytes("[vars]\na = 1\0x\n", 14, (const char *const[]){"a.ini:2", "UTF-8", "0x00", NULL});
    BAD("[vars]\n\na = \xff\n", "a.ini:3", "UTF-8", "0xff");
    BAD("[vars]\na = \xc3", "a.ini:2", "UTF-8", "0xc3");
    BAD("[vars]\na = \xe2\x28\xa1\n", "a.ini:2", "0xe2");
    BAD("[vars]\na = 1\rb = 2\n", "a.ini:2", "0x0d");
    BAD("[vars]\na = \x1b[31m\n", "a.ini:2", "0x1b");
    bad_bytes("\xff\xfe[\0v\0]\0", 8, (const char *const[]){"a.ini:1", "UTF-8", NULL});
    bad_bytes("\x7f"
              "ELF\2\1\1\0\0\0\0",
              11, (const char *const[]){"a.ini:1", "UTF-8", NULL});
}
END_TEST

START_TEST(long_lines)
{
    /* inih would cut at 200 characters. */
    static const size_t sizes[] = {150, 190, 195, 196, 197, 198, 199, 200, 201, 250, 1000, 60000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        size_t n = sizes[i];
        char *value = tfx_alloc(n + 1), *text;
        for (size_t k = 0; k < n; k++)
            value[k] = (char)('a' + k % 26);
        text = tfx_printf("[experiment]\ndescription = %s\nname = x\n", value);
        tfx_ini *ini = good(text);
        expect(ini, "experiment", NULL, "description", value, 2);
        expect(ini, "experiment", NULL, "name", "x", 3);
        ck_assert_uint_eq(tfx_ini_find(ini, "experiment", NULL)->n_keys, 2);
        tfx_ini_destroy(ini);
        free(text);
        free(value);
    }
    /* The longest line there may be, and one more character. */
    for (size_t extra = 0; extra <= 1; extra++) {
        size_t n = TFX_INI_MAX_LINE + extra;
        char *text = tfx_alloc(n + 8);
        strcpy(text, "[vars]\na=");
        memset(text + 9, 'x', n - 2);
        tfx_error err = {0};
        tfx_ini *ini = tfx_ini_parse(text, n + 7, "a.ini", TFX_INI_MAX_LINE, &err);
        if (extra)
            MESSAGE(&err, "a.ini:2", "65537 characters", "at most 65536");
        else
            ck_assert_uint_eq(strlen(tfx_ini_find(ini, "vars", NULL)->keys[0].value), n - 2);
        ck_assert_int_eq(ini == NULL, (int)extra);
        tfx_ini_destroy(ini);
        free(text);
    }
    /* The library's settings are as they were. */
    ck_assert_int_eq(ini_max_line, INI_MAX_LINE);
    ck_assert(ini_use_stack == INI_USE_STACK);
}
END_TEST

START_TEST(long_names)
{
    /* inih would cut section names and continued keys at 49 characters. */
    char name[101], text[400];
    memset(name, 'n', 100);
    name[100] = 0;
    snprintf(text, sizeof(text), "[model %s]\n%s%s = 1\n", name, "k.", name);
    tfx_ini *ini = good(text);
    ck_assert_ptr_nonnull(tfx_ini_find(ini, "model", name));
    ck_assert_uint_eq(strlen(tfx_ini_find(ini, "model", name)->keys[0].key), 102);
    tfx_ini_destroy(ini);
    snprintf(text, sizeof(text), "[model %sx]\n", name);
    BAD(text, "a.ini:1", "longer than 100");
}
END_TEST

START_TEST(refused)
{
    BAD("name = x\n", "a.ini:1", "name", "in no section", "[experiment]");
    BAD("[experiment]\nname = x\n\nseeds = 1\nname = y\n", "a.ini:5", "\"name\"", "[experiment]", "line 2");
    BAD("[arm a]\nmodel = x\n[data]\n[arm a]\nmodel = y\n", "a.ini:4", "[arm a]", "line 1");
    BAD("[data]\nloader = x\n[data]\n", "a.ini:3", "[data]", "line 1");
    BAD("[experiment]\nname\n", "a.ini:2", "key = value", "[section]", "\"name\"");
    BAD("[experiment]\nname = x\n   and more\n", "a.ini:3", "key = value", "and more");
    BAD("[experiment]\n = x\n", "a.ini:2", "no key before the \"=\"");
    BAD("[experiment]\nname ; = x\n", "a.ini:2", "key = value");
    BAD("[experiment\nname = x\n", "a.ini:1", "[experiment", "\"]\"");
    BAD("[experiment] name = x\n", "a.ini:1", "end of the line", "name = x");
    BAD("[experimnet]\n", "a.ini:1", "unknown section [experimnet]", "did you mean \"experiment\"?");
    BAD("[Train]\n", "a.ini:1", "did you mean \"train\"?");
    BAD("[something_else_entirely]\n", "a.ini:1",
        "expected one of: experiment, vars, data, train, model, scaling, arm, sweep, profile");
    BAD("[]\n", "a.ini:1", "unknown section");
    BAD("[arm]\nmodel = x\n", "a.ini:1", "[arm] needs a name", "[arm NAME]");
    BAD("[train fast]\n", "a.ini:1", "[train] takes no name", "fast");
    BAD("[arm a b]\n", "a.ini:1", "a b", "letters, digits");
    BAD("[arm ../x]\n", "a.ini:1", "../x");
    BAD("[arm .x]\n", "a.ini:1", ".x", "start with");
    BAD("[arm a/b]\n", "a.ini:1", "a/b");
    BAD("[model *]\n", "a.ini:1", "*");
    BAD("[train]\nst eps = 1\n", "a.ini:2", "st eps", "letters, digits");
    BAD("[train]\nopt..beta = 1\n", "a.ini:2", "opt..beta", "empty part");
    BAD("[train]\n.beta = 1\n", "a.ini:2", "empty part");
    BAD("[train]\nbeta. = 1\n", "a.ini:2", "empty part");
    BAD("[train]\n*.beta = 1\n", "a.ini:2", "*.beta", "profile");
    BAD("[profile p]\nmodel.t*.x = 1\n", "a.ini:2", "whole part");
    BAD("[train]\na =;b\n", "a.ini:2", "\"a\"", "cannot start with \";\"");
    /* The first of two errors is the one that is shown, whoever finds it. */
    BAD("[train]\nnonsense\nsteps = 1\nsteps = 2\n", "a.ini:2", "nonsense");
    BAD("[train]\nsteps = 1\nsteps = 2\nnonsense\n", "a.ini:3", "steps");
}
END_TEST

START_TEST(braces)
{
    tfx_ini *ini = good("[model m]\n"
                        "blocks.mixer.{q, k ,v,o}.slots = 576\n"
                        "{a,b}.x.{c,d} = 1\n"
                        "one.{only} = 2\n"
                        "mixer.{q,k.in} = 3\n");
    static const char *const keys[] = {"blocks.mixer.q.slots",
                                       "blocks.mixer.k.slots",
                                       "blocks.mixer.v.slots",
                                       "blocks.mixer.o.slots",
                                       "a.x.c",
                                       "a.x.d",
                                       "b.x.c",
                                       "b.x.d",
                                       "one.only",
                                       "mixer.q",
                                       "mixer.k.in"};
    const tfx_ini_section *m = tfx_ini_find(ini, "model", "m");
    ck_assert_uint_eq(m->n_keys, sizeof(keys) / sizeof(*keys));
    for (size_t i = 0; i < m->n_keys; i++)
        ck_assert_str_eq(m->keys[i].key, keys[i]);
    expect(ini, "model", "m", "blocks.mixer.o.slots", "576", 2);
    expect(ini, "model", "m", "b.x.c", "1", 3);
    tfx_ini_destroy(ini);

    BAD("[model m]\na.{b,c = 1\n", "a.ini:2", "a.{b,c", "without \"}\"");
    BAD("[model m]\na.b} = 1\n", "a.ini:2", "without \"{\"");
    BAD("[model m]\na.{b,{c,d}} = 1\n", "a.ini:2", "braces inside braces");
    BAD("[model m]\na.{b,} = 1\n", "a.ini:2", "empty alternative");
    BAD("[model m]\na.{} = 1\n", "a.ini:2", "empty alternative");
    BAD("[model m]\na.{b,c d} = 1\n", "a.ini:2", "letters, digits");
    BAD("[model m]\na.{b,b} = 1\n", "a.ini:2", "a.b", "already set");
    BAD("[model m]\na.b = 1\na.{b,c} = 2\n", "a.ini:3", "a.b", "line 2");
    BAD("[model m]\n{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b} = 1\n", "a.ini:2", "more than 1024");
}
END_TEST

START_TEST(files)
{
    tfx_error err = {0};
    write_text("a.ini", "[vars]\nx = 1\n");
    tfx_ini *ini = tfx_ini_read("a.ini", &err);
    ck_assert_ptr_nonnull(ini);
    expect(ini, "vars", NULL, "x", "1", 2);
    tfx_ini_destroy(ini);

    ck_assert_ptr_null(tfx_ini_read("none.ini", &err));
    MESSAGE(&err, "none.ini", "cannot open", "No such file");
    err = (tfx_error){0};
    ck_assert_int_eq(mkdir("dir.ini", 0700), 0);
    ck_assert_ptr_null(tfx_ini_read("dir.ini", &err));
    MESSAGE(&err, "dir.ini", "expected a spec file", "directory");
    err = (tfx_error){0};
    size_t n = (size_t)5 << 20;
    char *big = tfx_alloc(n);
    memset(big, '\n', n);
    write_bytes("big.ini", big, n);
    free(big);
    ck_assert_ptr_null(tfx_ini_read("big.ini", &err));
    MESSAGE(&err, "big.ini", "at most 4194304 bytes");
}
END_TEST

/* Cutting and flipping a good text anywhere gives a result or a message, never a crash; the
 * sanitizers watch. */
START_TEST(mangled)
{
    static const char text[] = "\xef\xbb\xbf[experiment]\nname = x ; c\n[model m]\na.{b,c}.d = ${v}\r\n[vars]\nv : 1\n";
    for (size_t n = 0; n < sizeof(text); n++) {
        for (int flip = 0; flip < 256; flip += 5) {
            char copy[sizeof(text)];
            tfx_error err = {0};
            memcpy(copy, text, sizeof(text));
            if (n)
                copy[n - 1] = (char)(copy[n - 1] ^ flip);
            tfx_ini *ini = tfx_ini_parse(copy, flip & 1 ? n : sizeof(text) - 1, "a.ini", TFX_INI_MAX_LINE, &err);
            ck_assert((ini != NULL) == (err.status == TFX_OK));
            tfx_ini_destroy(ini);
        }
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("spec/ini");
    TCase *c = tcase_create("ini");
    tcase_add_checked_fixture(c, open_folder, close_folder);
    tcase_add_test(c, sections_and_places);
    tcase_add_test(c, encodings);
    tcase_add_test(c, long_lines);
    tcase_add_test(c, long_names);
    tcase_add_test(c, refused);
    tcase_add_test(c, braces);
    tcase_add_test(c, files);
    tcase_add_test(c, mangled);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

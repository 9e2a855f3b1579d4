/* The registry over folders of plugins: order, refusals and what the messages say. */
#include <unistd.h>

#include "framework/base/hash.h"
#include "framework/plugin/registry.h"
#include "plugin_files.h"
#include "tests/check_main.h"

#define ASSERT_HAS(text, part) ck_assert_msg(strstr(text, part) != NULL, "\"%s\" lacks \"%s\"", text, part)

#define ASSERT_LACKS(text, part) ck_assert_msg(!strstr(text, part), "\"%s\" has \"%s\"", text, part)

#define TFX_STRING(x) TFX_QUOTED(x)
#define TFX_QUOTED(x) #x

static char *folder_a, *folder_b;

static void setup(void)
{
    folder_a = temp_folder();
    folder_b = temp_folder();
    unsetenv("TFX_PLUGIN_PATH");
}

static void teardown(void)
{
    remove_folder(folder_a);
    remove_folder(folder_b);
}

static tfx_registry *open_registry(const char *default_dir)
{
    tfx_error err = {0};
    tfx_registry *r = tfx_registry_open(default_dir, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    return r;
}

/* The only refusal of the only plugin in folder_a. */
static void assert_refused(const char *name, const char *reason)
{
    install(folder_a, name);
    tfx_registry *r = open_registry(folder_a);
    ck_assert_msg(tfx_registry_count(r) == 0, "%s was loaded", name);
    ck_assert_uint_eq(tfx_registry_refused_count(r), 1);
    ASSERT_HAS(tfx_registry_refused_at(r, 0)->path, name);
    ASSERT_HAS(tfx_registry_refused_at(r, 0)->reason, reason);
    tfx_registry_close(r);
}

START_TEST(finds_classes_by_kind_and_name)
{
    tfx_error err = {0};
    char hash[33];
    install(folder_a, "good");
    write_whole(folder_a, "README", "no plugin", 9);
    write_whole(folder_a, ".hidden.so", "no plugin", 9);
    tfx_registry *r = open_registry(folder_a);
    ck_assert_uint_eq(tfx_registry_count(r), 1);
    ck_assert_uint_eq(tfx_registry_refused_count(r), 0);
    const tfx_loaded_plugin *p = tfx_registry_at(r, 0);
    ck_assert_str_eq(p->entry->name, "good");
    ck_assert(p->path[0] == '/');
    ck_assert_int_eq(tfx_file_hash(p->path, hash, &err), TFX_OK);
    ck_assert_str_eq(p->hash, hash);
    const tfx_layer_class *layer = tfx_registry_find(r, TFX_KIND_LAYER, "good", &err);
    ck_assert_ptr_nonnull(layer);
    ck_assert_str_eq(layer->summary, "a sound layer");
    const tfx_optimizer_class *optimizer = tfx_registry_find(r, TFX_KIND_OPTIMIZER, "still", &err);
    ck_assert_ptr_nonnull(optimizer);
    ck_assert_ptr_eq(tfx_registry_owner(r, optimizer), p);
    ck_assert_ptr_null(tfx_registry_owner(r, r));
    ck_assert_int_eq(err.status, TFX_OK);
    ck_assert_ptr_null(tfx_registry_find(r, TFX_KIND_LAYER, "still", &err)); /* another kind */
    tfx_registry_close(r);
}
END_TEST

START_TEST(says_what_there_is_instead)
{
    tfx_error err = {0};
    install(folder_a, "good");
    install(folder_a, "unknown_kind");
    install(folder_a, "null_build");
    tfx_registry *r = open_registry(folder_a);
    ck_assert_ptr_null(tfx_registry_find(r, TFX_KIND_LAYER, "goood", &err));
    ck_assert_int_eq(err.status, TFX_E_INVALID);
    ASSERT_HAS(err.text, "layer \"goood\"");
    ASSERT_HAS(err.text, "did you mean \"good\"?");
    ASSERT_HAS(err.text, "null_build.so: layer null_build: its mandatory function `build` is NULL)");
    err = (tfx_error){0};
    ck_assert_ptr_null(tfx_registry_find(r, TFX_KIND_BACKEND, "cpu", &err));
    ASSERT_HAS(err.text, "there is no backend \"cpu\"; no plugin offers any");
    tfx_registry_close(r);

    /* The refused file that bears the name is all there is to say; the number of others has to do. */
    install(folder_a, "bad_option");
    err = (tfx_error){0};
    r = open_registry(folder_a);
    ck_assert_ptr_null(tfx_registry_find(r, TFX_KIND_LAYER, "null_build", &err));
    ASSERT_HAS(err.text, "there is no layer \"null_build\": ");
    ASSERT_HAS(err.text, "null_build.so was refused: layer null_build: its mandatory");
    ASSERT_LACKS(err.text, "bad_option");
    ASSERT_LACKS(err.text, "did you mean");
    err = (tfx_error){0};
    ck_assert_ptr_null(tfx_registry_find(r, TFX_KIND_LAYER, "goood", &err));
    ASSERT_HAS(err.text, "did you mean \"good\"? (2 plugins were refused; `tfx plugin list` says why)");
    tfx_registry_close(r);
}
END_TEST

/* A file that was to replace another one and cannot be loaded: the other one must not run instead. */
START_TEST(refused_file_hides_later_ones)
{
    tfx_error err = {0};
    install_as(folder_a, "null_build", "good.so");
    install(folder_b, "good");
    setenv("TFX_PLUGIN_PATH", folder_a, 1);
    tfx_registry *r = open_registry(folder_b);
    ck_assert_ptr_null(tfx_registry_find(r, TFX_KIND_LAYER, "good", &err));
    ck_assert_int_eq(err.status, TFX_E_INVALID);
    ASSERT_HAS(err.text, "layer \"good\": ");
    ASSERT_HAS(err.text, folder_a);
    ASSERT_HAS(err.text, "was refused: layer null_build: its mandatory function");
    err = (tfx_error){0};
    ck_assert_ptr_null(tfx_registry_find(r, TFX_KIND_OPTIMIZER, "still", &err)); /* good.so offers it, too */
    ASSERT_HAS(err.text, "optimizer \"still\": ");
    err = (tfx_error){0}; /* what cannot be used is not what anybody meant */
    ck_assert_ptr_null(tfx_registry_find(r, TFX_KIND_LAYER, "goood", &err));
    ASSERT_LACKS(err.text, "did you mean");
    ASSERT_HAS(err.text, "no plugin offers any");
    tfx_registry_close(r);

    /* The other way round, and with a file of another name, nothing is hidden. */
    setenv("TFX_PLUGIN_PATH", folder_b, 1);
    r = open_registry(folder_a);
    err = (tfx_error){0};
    ck_assert_ptr_nonnull(tfx_registry_find(r, TFX_KIND_LAYER, "good", &err));
    tfx_registry_close(r);
    install(folder_a, "null_build");
    char *wrong = tfx_printf("%s/good.so", folder_a);
    ck_assert_int_eq(unlink(wrong), 0);
    free(wrong);
    setenv("TFX_PLUGIN_PATH", folder_a, 1);
    r = open_registry(folder_b);
    ck_assert_uint_eq(tfx_registry_refused_count(r), 1);
    ck_assert_ptr_nonnull(tfx_registry_find(r, TFX_KIND_LAYER, "good", &err));
    tfx_registry_close(r);
}
END_TEST

START_TEST(earlier_folder_wins)
{
    tfx_error err = {0};
    install(folder_a, "good");
    install_as(folder_b, "shadow", "good.so");
    char *path = tfx_printf("::%s:", folder_b);
    setenv("TFX_PLUGIN_PATH", path, 1);
    tfx_registry *r = open_registry(folder_a);
    ck_assert_uint_eq(tfx_registry_count(r), 1);
    ck_assert_uint_eq(tfx_registry_refused_count(r), 0);
    ck_assert_str_eq(tfx_registry_at(r, 0)->entry->version, "9.0.0");
    ASSERT_HAS(tfx_registry_at(r, 0)->path, folder_b);
    tfx_registry_close(r);

    /* The order of the path decides, not that of the names. */
    free(path);
    path = tfx_printf("%s:%s", folder_a, folder_b);
    setenv("TFX_PLUGIN_PATH", path, 1);
    r = open_registry(NULL);
    ck_assert_str_eq(tfx_registry_at(r, 0)->entry->version, "1.2.3");
    tfx_registry_close(r);
    free(path);

    /* A class can be replaced by a plugin of another name in the same way. */
    char *file = tfx_printf("%s/good.so", folder_b);
    ck_assert_int_eq(unlink(file), 0);
    free(file);
    install(folder_b, "rival");
    setenv("TFX_PLUGIN_PATH", folder_b, 1);
    r = open_registry(folder_a);
    ck_assert_uint_eq(tfx_registry_count(r), 2);
    const void *layer = tfx_registry_find(r, TFX_KIND_LAYER, "good", &err);
    ck_assert_str_eq(tfx_registry_owner(r, layer)->entry->name, "rival");
    tfx_registry_close(r);
}
END_TEST

START_TEST(one_folder_has_no_order)
{
    tfx_error err = {0};
    install(folder_a, "good");
    install(folder_a, "shadow");
    install(folder_a, "unknown_kind");
    tfx_registry *r = open_registry(folder_a);
    ck_assert_uint_eq(tfx_registry_count(r), 1);
    ck_assert_str_eq(tfx_registry_at(r, 0)->entry->name, "unknown_kind");
    ck_assert_uint_eq(tfx_registry_refused_count(r), 2);
    ASSERT_HAS(tfx_registry_refused_at(r, 0)->path, "good.so");
    ASSERT_HAS(tfx_registry_refused_at(r, 0)->reason, "shadow.so");
    ASSERT_HAS(tfx_registry_refused_at(r, 1)->path, "shadow.so");
    ASSERT_HAS(tfx_registry_refused_at(r, 1)->reason, "good.so");
    ck_assert_ptr_null(tfx_registry_find(r, TFX_KIND_LAYER, "good", &err));
    ASSERT_HAS(err.text, "neither is used");
    tfx_registry_close(r);
}
END_TEST

START_TEST(two_plugins_with_one_class)
{
    install(folder_a, "good");
    install(folder_a, "rival");
    tfx_registry *r = open_registry(folder_a);
    ck_assert_uint_eq(tfx_registry_count(r), 0);
    ck_assert_uint_eq(tfx_registry_refused_count(r), 2);
    ASSERT_HAS(tfx_registry_refused_at(r, 1)->reason, "it offers the layer good, and so does");
    tfx_registry_close(r);
}
END_TEST

START_TEST(same_folder_twice_is_once)
{
    install(folder_a, "good");
    char *link = tfx_printf("%s/link", folder_b);
    ck_assert_int_eq(symlink(folder_a, link), 0);
    char *path = tfx_printf("%s:%s/:%s", folder_a, folder_a, link);
    setenv("TFX_PLUGIN_PATH", path, 1);
    tfx_registry *r = open_registry(folder_a);
    ck_assert_uint_eq(tfx_registry_count(r), 1);
    ck_assert_uint_eq(tfx_registry_refused_count(r), 0);
    tfx_registry_close(r);
    free(path);
    free(link);
}
END_TEST

/* The constructor of a plugin of our version runs; that of others must not get the chance. */
START_TEST(no_code_runs_before_the_version_fits)
{
    char *mark = tfx_printf("%s/mark", folder_b);
    setenv("TFX_TEST_MARK", mark, 1);
    install(folder_a, "wrong_major");
    install(folder_a, "newer_minor");
    tfx_registry *r = open_registry(folder_a);
    ck_assert_uint_eq(tfx_registry_count(r), 0);
    ck_assert_uint_eq(tfx_registry_refused_count(r), 2);
    ASSERT_HAS(tfx_registry_refused_at(r, 0)->reason,
               "needs plugin ABI 1.7, this tfx has 1." TFX_STRING(TFX_ABI_MINOR));
    ASSERT_HAS(tfx_registry_refused_at(r, 1)->reason,
               "built for plugin ABI 2.0, this tfx has 1." TFX_STRING(TFX_ABI_MINOR));
    tfx_registry_close(r);
    ck_assert_int_ne(access(mark, F_OK), 0);

    install(folder_a, "fits");
    r = open_registry(folder_a);
    ck_assert_uint_eq(tfx_registry_count(r), 1);
    tfx_registry_close(r);
    ck_assert_int_eq(access(mark, F_OK), 0);
    free(mark);
}
END_TEST

START_TEST(refuses_with_the_reason)
{
    static const char *const cases[][2] = {
        {"no_entry", "does not export `tfx_plugin_entry`"},
        {"function_entry", "is a function"},
        {"short_entry", "struct_size 24"},
        {"null_name", "its name is NULL"},
        {"no_factories", "offers nothing"},
        {"class_twice", "offers the layer class_twice twice"},
        {"short_class", "its layer table has struct_size"},
        {"null_build", "its mandatory function `build` is NULL"},
        {"save_only", "scaling save_only: has `save`, but not `load`; expected both or neither"},
        {"bad_default", "option width: its default \"0\" is not valid; expected integer, 1 to 10"},
        {"bad_option", "option mode is a choice without choices"},
        {"option_twice", "option width is declared twice"},
        {"too_many_options", "option 1 has struct_size 0"},
        {"slot_clash", "inner is both an option and a slot"},
        {"links_host", "undefined symbol: tfx_no_such_function"},
    };
    assert_refused(cases[_i][0], cases[_i][1]);
}
END_TEST

START_TEST(refuses_files_that_are_no_plugins)
{
    size_t n;
    char *path = built_plugin("good");
    unsigned char *data = read_whole(path, &n);
    write_whole(folder_a, "cut.so", data, n / 3);
    write_whole(folder_a, "empty.so", "", 0);
    write_whole(folder_a, "text.so", "int main(void);\n", 16);
    tfx_registry *r = open_registry(folder_a);
    ck_assert_uint_eq(tfx_registry_refused_count(r), 3);
    ASSERT_HAS(tfx_registry_refused_at(r, 0)->reason, "truncated");
    ASSERT_HAS(tfx_registry_refused_at(r, 1)->reason, "empty");
    ASSERT_HAS(tfx_registry_refused_at(r, 2)->reason, "not a shared object");
    tfx_registry_close(r);
    free(data);
    free(path);
}
END_TEST

START_TEST(unknown_kinds_are_ignored)
{
    tfx_error err = {0};
    install(folder_a, "unknown_kind");
    tfx_registry *r = open_registry(folder_a);
    ck_assert_ptr_nonnull(tfx_registry_find(r, TFX_KIND_LAYER, "unknown_kind", &err));
    tfx_registry_close(r);
}
END_TEST

START_TEST(missing_folders_are_named)
{
    tfx_error err = {0};
    install(folder_a, "good");
    setenv("TFX_PLUGIN_PATH", "/nonexistent/plugins", 1);
    tfx_registry *r = open_registry(folder_a);
    ck_assert_uint_eq(tfx_registry_count(r), 1);
    ck_assert_ptr_null(tfx_registry_find(r, TFX_KIND_LAYER, "mine", &err));
    ASSERT_HAS(err.text, "/nonexistent/plugins: TFX_PLUGIN_PATH names this folder");
    tfx_registry_close(r);

    err = (tfx_error){0};
    unsetenv("TFX_PLUGIN_PATH");
    ck_assert_ptr_null(tfx_registry_open(NULL, &err));
    ASSERT_HAS(err.text, "TFX_PLUGIN_PATH");
    tfx_registry_close(NULL);
}
END_TEST

/* Every plugin of this tree must load: none refused. */
START_TEST(built_ins_load)
{
    char *folder = tfx_printf("%s/plugins", getenv("TFX_BUILD_ROOT"));
    tfx_registry *r = open_registry(folder);
    ck_assert_uint_gt(tfx_registry_count(r), 0);
    for (size_t i = 0; i < tfx_registry_refused_count(r); i++)
        ck_abort_msg("%s: %s", tfx_registry_refused_at(r, i)->path, tfx_registry_refused_at(r, i)->reason);
    tfx_registry_close(r);
    free(folder);
}
END_TEST

static Suite *registry_suite(void)
{
    Suite *s = suite_create("registry");
    TCase *t = tcase_create("registry");
    tcase_set_timeout(t, 0);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, finds_classes_by_kind_and_name);
    tcase_add_test(t, says_what_there_is_instead);
    tcase_add_test(t, refused_file_hides_later_ones);
    tcase_add_test(t, earlier_folder_wins);
    tcase_add_test(t, one_folder_has_no_order);
    tcase_add_test(t, two_plugins_with_one_class);
    tcase_add_test(t, same_folder_twice_is_once);
    tcase_add_test(t, no_code_runs_before_the_version_fits);
    tcase_add_loop_test(t, refuses_with_the_reason, 0, 14);
    tcase_add_test(t, refuses_files_that_are_no_plugins);
    tcase_add_test(t, unknown_kinds_are_ignored);
    tcase_add_test(t, missing_folders_are_named);
    tcase_add_test(t, built_ins_load);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(registry_suite)

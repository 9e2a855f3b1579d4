/* Extension: which specs only add to another one. */
#include "framework/spec/extension.h"

#include "tests/check_main.h"
#include "tests/spec/spec_files.h"

#define ARM(name, keys) "[arm " name "]\nmodel = m\n" keys
#define OF(seeds, train, arm, more) SPEC("seeds = " seeds "\n", "", train, arm, more)
#define PLAIN OF("1", "lr = 0.5\n", "", "")

static char *resolved(const char *text)
{
    tfx_error err = {0};
    write_text("a.ini", text);
    tfx_experiment *e = tfx_experiment_load(registry, "a.ini", NULL, NULL, 0, &err);
    ck_assert_msg(e != NULL, "%s", err.text);
    char *copy = tfx_strdup(e->resolved);
    tfx_experiment_destroy(e);
    return copy;
}

static void extends(const char *before, const char *now, tfx_error *err)
{
    char *old = resolved(before), *new = resolved(now);
    tfx_spec_extends(old, new, "b.ini", err);
    free(old);
    free(new);
}

static void good(const char *before, const char *now)
{
    tfx_error err = {0};
    extends(before, now, &err);
    ck_assert_msg(err.status == TFX_OK, "%s", err.text);
}

static void bad(const char *before, const char *now, const char *message)
{
    tfx_error err = {0};
    extends(before, now, &err);
    ck_assert_int_eq(err.status, TFX_E_INVALID);
    ck_assert_str_eq(err.text, message);
}

START_TEST(added)
{
    good(PLAIN, PLAIN);
    good(PLAIN, OF("2, 1,3", "lr = 0.5\n", "", ""));
    good(PLAIN, SPEC("description = why\nseeds = 1\n", "", "lr = 0.5\n", "", ""));
    good(PLAIN, OF("1", "lr = 0.5\n", "", ARM("b", "") "[model n]\nextends = m\n"));
    good(PLAIN, OF("1", "lr = 0.5\n", "", "[arm b]\nmodel = n\n[model n]\nextends = m\ndim = 8\n"));
    /* The new arm takes these keys out of what all have in common, and brings one in. */
    good(PLAIN, OF("1", "lr = 0.5\n", "", ARM("b", "train.lr = 0.25\ntrain.tokens = 4096\ntrain.batch = 2\n")));
    good(OF("1", "", "train.lr = 0.5\n", ARM("b", "train.lr = 0.25\n")),
         OF("1", "", "train.lr = 0.5\n", ARM("b", "train.lr = 0.25\n") ARM("c", "train.lr = 0.25\n")));
    /* The same, said in another way. */
    good(PLAIN, OF("1", "", "train.lr = 5e-1\n", ""));
    /* A wider sweep. */
    good(OF("1", "", "", "[sweep s]\narms = a\ntrain.lr = 1, 2\n"),
         OF("1", "", "", "[sweep s]\narms = a\ntrain.lr = 4, 2, 1\n"));
}
END_TEST

START_TEST(changed)
{
    bad(PLAIN, OF("2, 3", "lr = 0.5\n", "", ""), "b.ini: [experiment] seeds: recorded 1, found 2, 3");
    bad(OF("1, 12", "lr = 0.5\n", "", ""), OF("1, 2", "lr = 0.5\n", "", ""),
        "b.ini: [experiment] seeds: recorded 1, 12, found 1, 2");
    bad(PLAIN, OF("1", "lr = 0.25\n", "", ""), "b.ini: [arm a] train.lr: recorded 0.5, found 0.25");
    bad(PLAIN, OF("1", "lr = 0.5\n", "train.tokens = 4096\n", ""),
        "b.ini: [arm a] train.steps: recorded 100, found none");
    bad(PLAIN, SPEC("seeds = 1\n", "eval_tokens = 7\n", "lr = 0.5\n", "", ""),
        "b.ini: [data] eval_tokens: recorded 65536, found 7");
    bad(OF("1", "", "", ARM("b", "")), OF("1", "", "", ARM("c", "")),
        "b.ini: expected [arm b], which was recorded; found none");
    bad(OF("1", "", "", "[sweep s]\narms = a\ntrain.lr = 1, 2\n"),
        OF("1", "", "", "[sweep s]\narms = a\ntrain.lr = 1, 3\n"),
        "b.ini: expected [arm a[lr=2]], which was recorded; found none");
    bad(OF("1", "", "", ARM("b", "")), OF("1", "", "", ARM("b", "start = arm:a@end\n")),
        "b.ini: [arm b] start: recorded none, found arm:a@end");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("spec/extension");
    TCase *t = tcase_create("extension");
    tcase_add_checked_fixture(t, open_registry, close_registry);
    tcase_add_test(t, added);
    tcase_add_test(t, changed);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

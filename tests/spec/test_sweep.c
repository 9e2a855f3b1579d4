/* Sweeps: the points of an arm, their names, settings and order, and what is refused. */
#include "tests/check_main.h"
#include "tests/spec/spec_files.h"

#define ARM(name, keys) "[arm " name "]\nmodel = m\n" keys
/* [sweep s] is in line 13, `arms` in 14, and the keys begin in 15. */
#define SWEEP(keys, more) SPEC("", "", "", "", "[sweep s]\narms = a\n" keys more)

static tfx_experiment *load(const char *text, const char *set)
{
    tfx_error err = {0};
    write_text("a.ini", text);
    tfx_experiment *e = tfx_experiment_load(registry, "a.ini", NULL, &set, set != NULL, &err);
    ck_assert_msg(e != NULL, "%s", err.text);
    return e;
}

static void check_names(const char *text, const char *expected)
{
    tfx_experiment *e = load(text, NULL);
    tfx_text found = {0};
    for (size_t i = 0; i < e->n_arms; i++)
        tfx_text_add(&found, "%s%s", i ? " " : "", e->arms[i].name);
    ck_assert_str_eq(found.s, expected);
    tfx_text_free(&found);
    tfx_experiment_destroy(e);
}

/* The last key changes first, points stand where the arm did, and keys are as short as tells them apart. */
START_TEST(names)
{
    check_names(SWEEP("train.lr = 1e-3, 2e-3\n", ""), "a[lr=1e-3] a[lr=2e-3]");
    check_names(SWEEP("train.lr = 1e-3\n", ARM("b", "")), "a[lr=1e-3] b");
    check_names(SWEEP("train.lr = 1,2\ntrain.batch = 4 , 8\n", ""),
                "a[lr=1,batch=4] a[lr=1,batch=8] a[lr=2,batch=4] a[lr=2,batch=8]");
    check_names(SWEEP("zip = true\ntrain.lr = 1,2\ntrain.batch = 4,8\n", ""), "a[lr=1,batch=4] a[lr=2,batch=8]");
    check_names(SWEEP("model = m, n\n", "[model n]\nextends = m\n"), "a[model=m] a[model=n]");
    check_names(SWEEP("train.lr = 1, 2\n", ARM("b", "start = arm:a[lr=2]@end\n")), "a[lr=1] a[lr=2] b");
    check_names(SWEEP("start = arm:b@step:3, arm:b@end\n", ARM("b", "")), "b a[start=arm_b_step_3] a[start=arm_b_end]");
    check_names(SPEC("", "", "", "", ARM("b", "") ARM("c", "") "[sweep s]\narms = a, c\ntrain.lr = 1, 2\n"),
                "a[lr=1] a[lr=2] b c[lr=1] c[lr=2]");
}
END_TEST

START_TEST(settings)
{
    tfx_experiment *e = load(SPEC("", "", "", "train.tokens = 1000\ntrain.lr = 5\n",
                                  "[sweep s]\narms = a\ntrain.steps = 7, 9\ntrain.batch = 2, 3\n"),
                             NULL);
    const tfx_arm *arm = tfx_experiment_arm(e, "a[steps=9,batch=2]", &(tfx_error){0});
    ck_assert_ptr_nonnull(arm);
    ck_assert_int_eq(arm->train.steps, 9); /* in the place of tokens */
    ck_assert_int_eq(arm->train.tokens, 0);
    ck_assert_int_eq(arm->train.batch, 2);
    ck_assert(arm->train.lr == 5);
    ck_assert_str_eq(arm->sweep, "s");
    ck_assert_str_eq(arm->base, "a");
    ck_assert_str_eq(arm->point, "{\"train.steps\":\"9\",\"train.batch\":\"2\"}");
    ck_assert(tfx_arm_answers_to(arm, "a") && tfx_arm_answers_to(arm, arm->name) && !tfx_arm_answers_to(arm, "b"));
    tfx_experiment_destroy(e);
}
END_TEST

/* Points are plain arms in the resolved text, which remembers what they are points of. */
START_TEST(resolved)
{
    tfx_error err = {0};
    tfx_experiment *e = load(SWEEP("train.lr = 1e-3, 2e-3\n", ""), NULL);
    ck_assert_ptr_nonnull(strstr(e->resolved, "[arm a[lr=2e-3]]\nmodel = m\nsweep = s\nsweep.of = a\n"
                                              "sweep.point = {\"train.lr\":\"2e-3\"}\ntrain.lr = 0.002\n"));
    ck_assert_ptr_null(strstr(e->resolved, "[sweep"));
    tfx_experiment *again = tfx_experiment_parse(registry, e->resolved, "stored", &err);
    ck_assert_msg(again != NULL, "%s", err.text);
    ck_assert_str_eq(again->resolved, e->resolved);
    ck_assert_str_eq(again->arms[1].base, "a");
    tfx_experiment_destroy(again);
    tfx_experiment_destroy(e);
}
END_TEST

/* Everything that changes sections comes before the points are made. */
START_TEST(after_the_rest)
{
    tfx_experiment *e = load(SWEEP("train.lr = 1, 2\n", ARM("b", "extends = a\n")), "sweep.s.train.lr=3,4,5");
    ck_assert_int_eq((int)e->n_arms, 4);
    ck_assert_str_eq(e->arms[2].name, "a[lr=5]");
    tfx_experiment_destroy(e);
    e = load(SWEEP("train.lr = 1, 2\n", ""), "arm.a.train.batch=3");
    ck_assert_int_eq(e->arms[1].train.batch, 3);
    tfx_experiment_destroy(e);
    e = load(SPEC("", "", "", "", "[sweep r]\narms = a\ntrain.lr = 1\n[sweep s]\nextends = r\narms = b\n" ARM("b", "")),
             NULL);
    ck_assert_str_eq(e->arms[1].name, "b[lr=1]");
    tfx_experiment_destroy(e);
}
END_TEST

static void bad(const char *text, const char *const *parts)
{
    tfx_error err = {0};
    write_text("a.ini", text);
    ck_assert_msg(tfx_experiment_load(registry, "a.ini", NULL, NULL, 0, &err) == NULL, "accepted: %s", text);
    check_message(&err, parts);
}
#define BAD(keys, line, ...) \
    bad(SWEEP(keys, ARM("b", "")), (const char *const[]){"a.ini:" #line ": ", __VA_ARGS__, NULL})
#define LIST "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22"

START_TEST(refused)
{
    BAD("", 13, "[sweep s]: expected a key of arms with its values", "found none");
    BAD("train.lr = 1,,2\n", 15, "[sweep s]: train.lr: expected values separated by commas; found an empty one");
    BAD("train.lr =\n", 15, "found nothing");
    BAD("train.lr = 1, 2, 1\n", 15, "expected values that make different names; found 1 and 1");
    BAD("start = arm:b@end, arm_b@end\n", 15, "found arm:b@end and arm_b@end");
    BAD("zip = true\ntrain.lr = 1, 2\ntrain.batch = 1, 2, 3\n", 17,
        "zip: expected as many values of train.batch as of train.lr, 2; found 3");
    BAD("zip = maybe\ntrain.lr = 1\n", 15, "zip: expected true or false");
    BAD("drop = true, false\n", 15, "\"drop\" cannot be swept");
    BAD("zipp = true\n", 15, "unknown key \"zipp\" in [sweep s]; did you mean \"zip\"?");
    BAD("train.lrr = 1, 2\n", 15, "unknown key \"train.lrr\" in [arm a[lrr=1]]; did you mean \"train.lr\"?");
    BAD("train.beta2 = 1\ntrain.optimizer.beta2 = 0.5\n", 15,
        "unknown key \"train.beta2\" in [arm a[train.beta2=1,optimizer.beta2=0.5]]");
    BAD("train.lr = 1, x\n", 15, "lr: expected number", "found \"x\"");
    BAD("train.lr = " LIST "\ntrain.batch = " LIST "\ntrain.steps = " LIST "\n", 13,
        "expected at most 10000 arms in all; found 10649, with 10648 points of 1 arm");
    bad(SPEC("", "", "", "", "[sweep s]\ntrain.lr = 1\n"), (const char *const[]){"a.ini:13: ", "arms", NULL});
    bad(SPEC("", "", "", "", "[sweep s]\narms = bigge\ntrain.lr = 1\n" ARM("bigger", "")),
        (const char *const[]){"a.ini:14: arms: there is no [arm bigge]", "did you mean \"bigger\"?", NULL});
    bad(SPEC("", "", "", "", "[sweep s]\narms = a, a\ntrain.lr = 1\n"),
        (const char *const[]){"a.ini:14: arms: expected different names; found a twice", NULL});
    bad(SPEC("", "", "", "", "[sweep s]\narms = a\ntrain.lr = 1\n[sweep t]\narms = a\ntrain.batch = 1\n"),
        (const char *const[]){"a.ini:17: arms: [arm a] is in [sweep s] already", NULL});
    bad(SWEEP("train.lr = 1, 2\n", ARM("b", "start = arm:a@end\n")),
        (const char *const[]){"a.ini:18: start: expected one arm; [arm a] is swept", "[arm a[lr=1]]", NULL});
    bad(SWEEP("train.lr = 1, 2\n", ARM("a[lr=2]", "")),
        (const char *const[]){"a.ini:13: ", "a point would be called \"a[lr=2]\": there is such an arm already", NULL});
    bad(SWEEP("train.lr = 1, 2\n", ARM("b[", "")), (const char *const[]){"a.ini:16: ", "without \"]\"", NULL});
    bad(SWEEP("train.lr = 1, 2\n", ARM("b[x]", "")),
        (const char *const[]){"a.ini:16: ", "cannot be the name of a section", "small[lr=1e-3]", NULL});
    bad(SWEEP("train.lr = 1, 2\n", "[model b[x=1]]\n"),
        (const char *const[]){"a.ini:16: ", "cannot be the name of a section", NULL});
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("spec/sweep");
    TCase *t = tcase_create("sweep");
    tcase_add_checked_fixture(t, open_registry, close_registry);
    tcase_add_test(t, names);
    tcase_add_test(t, settings);
    tcase_add_test(t, resolved);
    tcase_add_test(t, after_the_rest);
    tcase_add_test(t, refused);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

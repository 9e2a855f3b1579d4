/* What an arm starts from, as a spec says it; the order of arms; and what is refused. */
#include "tests/check_main.h"
#include "tests/spec/spec_files.h"

#define ARM(name, keys) "[arm " name "]\nmodel = m\n" keys
#define WITH(arm, more) SPEC("", "", "", arm, more)

static tfx_experiment *load(const char *text, const char *const *sets, size_t n)
{
    tfx_error err = {0};
    write_text("a.ini", text);
    tfx_experiment *e = tfx_experiment_load(registry, "a.ini", NULL, sets, n, &err);
    ck_assert_msg(e != NULL, "%s", err.text);
    return e;
}

static const tfx_start *start_of(const tfx_experiment *e, const char *arm)
{
    tfx_error err = {0};
    return &tfx_experiment_arm(e, arm, &err)->start;
}

START_TEST(kinds)
{
    static const struct {
        const char *text;
        tfx_start_kind kind;
        tfx_start_point point;
        int64_t number, run;
        const char *again; /* NULL: the same text */
    } cases[] = {
        {"arm:b@step:800", TFX_START_ARM, TFX_POINT_STEP, 800, 0, NULL},
        {"arm:b@step:2k", TFX_START_ARM, TFX_POINT_STEP, 2000, 0, "arm:b@step:2000"},
        {"arm:b@stage:0", TFX_START_ARM, TFX_POINT_STAGE, 0, 0, NULL},
        {"arm:b@end", TFX_START_ARM, TFX_POINT_END, 0, 0, NULL},
        {"run:12@end", TFX_START_RUN, TFX_POINT_END, 0, 12, NULL},
        {"run:12@step:3", TFX_START_RUN, TFX_POINT_STEP, 3, 12, NULL},
        {"checkpoint:/d/runs@home/1/step:4", TFX_START_CHECKPOINT, 0, 0, 0, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *line = tfx_printf("arm.a.start=%s", cases[i].text);
        tfx_experiment *e = load(WITH("", ARM("b", "")), (const char *const[]){line}, 1);
        const tfx_start *s = start_of(e, "a");
        ck_assert_int_eq(s->kind, cases[i].kind);
        ck_assert_int_eq(s->point, cases[i].point);
        ck_assert_int_eq(s->number, cases[i].number);
        ck_assert_int_eq(s->run, cases[i].run);
        ck_assert(s->keep_optimizer && s->continue_data);
        ck_assert_ptr_eq(s->arm, s->kind == TFX_START_ARM ? tfx_experiment_arm(e, "b", &(tfx_error){0}) : NULL);
        char *text = tfx_start_text(s);
        ck_assert_str_eq(text, cases[i].again ? cases[i].again : cases[i].text);
        free(text);
        tfx_experiment_destroy(e);
        free(line);
    }
}
END_TEST

/* The resolved text says the same again, with paths that hold anywhere. */
START_TEST(resolved)
{
    tfx_error err = {0};
    tfx_experiment *e = load(WITH("start = checkpoint:here/x\nstart.optimizer = reset\nstart.data = restart\n",
                                  ARM("b", "start = arm:a@end\n")),
                             NULL, 0);
    const tfx_start *s = start_of(e, "a");
    ck_assert(!s->keep_optimizer && !s->continue_data);
    char *path = tfx_printf("start = checkpoint:%s/here/x\nstart.optimizer = reset\nstart.data = restart\n", folder);
    ck_assert_msg(strstr(e->resolved, path) != NULL, "%s is not in %s", path, e->resolved);
    tfx_experiment *again = tfx_experiment_parse(registry, e->resolved, "stored", &err);
    ck_assert_msg(again != NULL, "%s", err.text);
    ck_assert_str_eq(again->resolved, e->resolved);
    ck_assert_str_eq(start_of(again, "b")->arm->name, "a");
    tfx_experiment_destroy(again);
    tfx_experiment_destroy(e);
    free(path);
    e = load(WITH("", ""), NULL, 0);
    ck_assert_ptr_null(strstr(e->resolved, "start"));
    tfx_experiment_destroy(e);
}
END_TEST

/* An arm that extends another one and starts elsewhere keeps the rest of what that says. */
START_TEST(inherited)
{
    tfx_experiment *e = load(WITH("start = run:1@end\nstart.optimizer = reset\n",
                                  ARM("b", "extends = a\nstart = run:2@end\n") ARM("c", "extends = a\n")),
                             NULL, 0);
    ck_assert_int_eq(start_of(e, "b")->run, 2);
    ck_assert_int_eq(start_of(e, "b")->keep_optimizer, 0);
    ck_assert_int_eq(start_of(e, "c")->run, 1);
    tfx_experiment_destroy(e);
}
END_TEST

/* A model that is not named is that of the arm which it starts from. */
START_TEST(model_of_the_other)
{
    tfx_experiment *e = load(WITH("", "[arm b]\nstart = arm:c@end\n[arm c]\nstart = arm:a@end\n"), NULL, 0);
    ck_assert_str_eq(tfx_experiment_arm(e, "b", &(tfx_error){0})->model->name, "m");
    tfx_experiment_destroy(e);
}
END_TEST

START_TEST(order)
{
    tfx_experiment *e = load(WITH("start = arm:d@end\n", ARM("b", "") ARM("c", "start = arm:a@end\n")
                                                             ARM("d", "start = arm:b@step:3\n") ARM("e", "")),
                             NULL, 0);
    tfx_text found = {0};
    for (size_t i = 0; i < e->n_arms; i++)
        tfx_text_add(&found, "%s", e->arms[i].name);
    ck_assert_str_eq(found.s, "bdace");
    ck_assert_ptr_eq(start_of(e, "c")->arm, &e->arms[2]);
    tfx_text_free(&found);
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
#define BAD(line, more, ...) bad(WITH(line "\n", more), (const char *const[]){"a.ini:13", __VA_ARGS__, NULL})
#define FORM "start: expected arm:NAME@POINT, run:ID@POINT or checkpoint:PATH"

START_TEST(refused)
{
    BAD("start = b", "", FORM, "found \"b\"");
    BAD("start = arm", "", FORM);
    BAD("start = arm:b", ARM("b", ""), FORM);
    BAD("start = arm:@end", "", FORM);
    BAD("start = arms:b@end", ARM("b", ""), FORM, "did you mean \"arm\"?");
    BAD("start = arm:b@edn", ARM("b", ""), FORM, "did you mean \"end\"?");
    BAD("start = arm:b@end:3", ARM("b", ""), FORM);
    BAD("start = arm:b@step", ARM("b", ""), FORM);
    BAD("start = arm:b@step:0", ARM("b", ""), FORM);
    BAD("start = arm:b@step:x", ARM("b", ""), FORM);
    BAD("start = arm:b@stage:-1", ARM("b", ""), FORM);
    BAD("start = run:b@end", "", FORM);
    BAD("start = run:0@end", "", FORM);
    BAD("start = run:1@", "", FORM);
    BAD("start = checkpoint:", "", FORM);
    BAD("start = arm:bb@end", ARM("bc", ""), "start: there is no [arm bb]; did you mean \"bc\"?");
    BAD("start = arm:a@end", "", "[arm a] starts from [arm a]");
    BAD("start = arm:c@end", ARM("b", "start = arm:a@end\n") ARM("c", "start = arm:b@end\n"),
        "[arm a] starts from [arm c], which starts from [arm b], which starts from [arm a]");
    /* An arm that only leads into a cycle is not blamed. */
    bad(WITH("start = arm:b@end\n", ARM("b", "start = arm:c@end\n") ARM("c", "start = arm:b@end\n")),
        (const char *const[]){"a.ini:1", "starts from [arm b]", "starts from [arm c]", NULL});
    bad(WITH("", "[arm b]\nstart = run:1@end\n"),
        (const char *const[]){"a.ini:13", "[arm b]: missing key \"model\"", NULL});
    bad(WITH("scaling = s\n", "[scaling s]\npolicy = schedule\npolicy.models = m\npolicy.steps = 3\n[arm b]\nstart = "
                              "arm:a@end\n"),
        (const char *const[]){"a.ini:18", "[arm b]: missing key \"model\"", "the other arm grows", NULL});
    BAD("start.optimizer = reset", "", "start.optimizer: expected a start beside it; found none");
    BAD("start.data = continue", "", "start.data: expected a start beside it");
    BAD("start.data = go", "", "start.data", "one of: continue, restart");
    BAD("start.optimiser = keep", "", "did you mean \"start.optimizer\"?");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("spec/start");
    TCase *t = tcase_create("start");
    tcase_add_checked_fixture(t, open_registry, close_registry);
    tcase_add_test(t, kinds);
    tcase_add_test(t, resolved);
    tcase_add_test(t, inherited);
    tcase_add_test(t, model_of_the_other);
    tcase_add_test(t, order);
    tcase_add_test(t, refused);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

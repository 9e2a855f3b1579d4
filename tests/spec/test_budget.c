/* Lengths that another arm says: as a spec says them, the order in which arms are planned, and what is refused. */
#include "tests/check_main.h"
#include "tests/spec/spec_files.h"

#define ARM(name, keys) "[arm " name "]\nmodel = m\n" keys
#define WITH(arm, more) SPEC("", "", "", arm, more)

static tfx_experiment *load(const char *text)
{
    tfx_error err = {0};
    write_text("a.ini", text);
    tfx_experiment *e = tfx_experiment_load(registry, "a.ini", NULL, NULL, 0, &err);
    ck_assert_msg(e != NULL, "%s", err.text);
    return e;
}

START_TEST(forms)
{
    static const struct {
        const char *key, *value, *text;
        double factor;
    } cases[] = {
        {"flops", "arm:b", "arm:b", 1},
        {"tokens", "arm:b", "arm:b", 1},
        {"flops", "0.2 * arm:b", "0.2 * arm:b", 0.2},
        {"tokens", "2*arm:b", "2 * arm:b", 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *line = tfx_printf("train.%s = %s\n", cases[i].key, cases[i].value);
        char *spec = tfx_printf("%s%s%s", WITH("", ""), line, ARM("b", ""));
        tfx_experiment *e = load(spec);
        const tfx_train_config *t = &tfx_experiment_arm(e, "a", &(tfx_error){0})->train;
        ck_assert_str_eq(t->budget.of, "b");
        ck_assert(t->budget.factor == cases[i].factor); /* the number itself, not a computed one */
        ck_assert_str_eq(tfx_budget_key(&t->budget), cases[i].key);
        ck_assert(!t->steps && !t->tokens && !(t->flops > 0));
        char *text = tfx_budget_text(&t->budget);
        ck_assert_str_eq(text, cases[i].text);
        ck_assert_ptr_null(tfx_experiment_arm(e, "b", &(tfx_error){0})->train.budget.of);
        free(text);
        tfx_experiment_destroy(e);
        free(spec);
        free(line);
    }
}
END_TEST

/* Until the number is known the text says what the spec does, and then the number. */
START_TEST(resolved)
{
    tfx_error err = {0};
    tfx_experiment *e = load(WITH("train.flops = 0.2 * arm:b\n", ARM("b", "") ARM("c", "train.tokens = arm:b\n")));
    ck_assert_ptr_nonnull(strstr(e->resolved, "train.flops = 0.2 * arm:b\n"));
    ck_assert_ptr_nonnull(strstr(e->resolved, "[arm b]\nmodel = m\ntrain.steps = 100\n"));
    tfx_experiment *again = tfx_experiment_parse(registry, e->resolved, "stored", &err);
    ck_assert_msg(again != NULL, "%s", err.text);
    ck_assert_str_eq(again->resolved, e->resolved);
    tfx_experiment_destroy(again);
    e->arms[0].train.flops = 1.5e12;
    e->arms[2].train.tokens = 81920;
    ck_assert_int_eq(tfx_experiment_resolve_again(e, registry, &err), TFX_OK);
    ck_assert_ptr_nonnull(strstr(e->resolved, "train.flops = 1500000000000\n"));
    ck_assert_ptr_nonnull(strstr(e->resolved, "train.tokens = 81920\n"));
    ck_assert_ptr_null(strstr(e->resolved, "arm:"));
    tfx_experiment_destroy(e);
}
END_TEST

/* What an arm is as long as is planned before it, and so is what that starts from; execution is in the spec's order. */
START_TEST(order)
{
    tfx_experiment *e = load(WITH("train.flops = arm:c\n", ARM("b", "") ARM("c", "start = arm:d@end\n") ARM("d", "")));
    tfx_text executed = {0}, planned = {0};
    for (size_t i = 0; i < e->n_arms; i++) {
        tfx_text_add(&executed, "%s", e->arms[i].name);
        tfx_text_add(&planned, "%s", e->arms[e->planning[i]].name);
    }
    ck_assert_str_eq(executed.s, "abdc");
    ck_assert_str_eq(planned.s, "dcab");
    tfx_text_free(&executed);
    tfx_text_free(&planned);
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
#define BAD(line, more, ...) bad(WITH(line "\n", more), (const char *const[]){"a.ini:13: ", __VA_ARGS__, NULL})
#define FORM "flops: expected a number, arm:NAME, or FACTOR * arm:NAME with a factor above 0; found \""

START_TEST(refused)
{
    BAD("train.flops = arm:", "", FORM "arm:\"");
    BAD("train.flops = arm:b * 2", ARM("b", ""), FORM);
    BAD("train.flops = 0 * arm:b", ARM("b", ""), FORM);
    BAD("train.flops = -1 * arm:b", ARM("b", ""), FORM);
    BAD("train.flops = x * arm:b", ARM("b", ""), FORM);
    BAD("train.flops = the arm:b", ARM("b", ""), FORM);
    BAD("train.steps = arm:b", ARM("b", ""), "expected integer", "found \"arm:b\"");
    BAD("train.flops = arm:bas", ARM("base", ""), "flops: there is no [arm bas]", "did you mean \"base\"?");
    BAD("train.flops = arm:a", "", "flops: [arm a] is as long as [arm a]");
    BAD("train.flops = arm:c", ARM("b", "start = arm:a@end\n") ARM("c", "start = arm:b@end\n"),
        "flops: [arm a] is as long as [arm c], which starts from [arm b], which starts from [arm a]");
    BAD("train.flops = arm:b\ntrain.tokens = 1000", ARM("b", ""),
        "flops: expected one of steps, tokens and flops; found 1000 and arm:b");
}
END_TEST

/* An upper layer's way to say how long holds, whatever it is. */
START_TEST(laid_over)
{
    tfx_error err = {0};
    const char *const set = "arm.a.train.steps=7";
    write_text("a.ini", WITH("train.flops = arm:b\n", ARM("b", "train.flops = 1e12\n")));
    tfx_experiment *e = tfx_experiment_load(registry, "a.ini", NULL, &set, 1, &err);
    ck_assert_msg(e != NULL, "%s", err.text);
    const tfx_train_config *t = &e->arms[0].train;
    ck_assert(t->steps == 7 && !t->budget.of);
    tfx_experiment_destroy(e);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("spec/budget");
    TCase *c = tcase_create("budget");
    tcase_add_checked_fixture(c, open_registry, close_registry);
    tcase_add_test(c, forms);
    tcase_add_test(c, resolved);
    tcase_add_test(c, order);
    tcase_add_test(c, refused);
    tcase_add_test(c, laid_over);
    suite_add_tcase(s, c);
    return s;
}
TFX_CHECK_MAIN(suite)

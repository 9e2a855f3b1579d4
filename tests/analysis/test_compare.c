/* Comparisons of endpoints entered by hand, against ratios worked out by hand. */
#include "framework/analysis/compare.h"

#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "tests/check_main.h"

#define NEAR(x, y) ck_assert_double_eq_tol(x, y, 1e-12 * fabs(y))

static tfx_endpoints ends;

static void add(const char *arm, int64_t seed, double loss, double incl, double excl, const char *order)
{
    tfx_endpoint *e = TFX_APPEND(ends.items, ends.n, ends.cap);
    *e = (tfx_endpoint){.arm = tfx_strdup(arm), .seed = seed, .loss = loss, .decayed = 1, .parameters = NAN};
    e->data_order = order ? tfx_printf("%s %lld", order, (long long)seed) : NULL;
    for (int k = 0; k < TFX_N_COSTS; k++)
        e->incl[k] = e->excl[k] = NAN;
    e->incl[TFX_COST_FLOPS] = incl;
    e->excl[TFX_COST_FLOPS] = excl;
}

static void tear_down(void)
{
    tfx_endpoints_finish(&ends);
}

/* Compares and expects one arm in A. */
static tfx_comparison compare(const char *a, const char *b, int excluding)
{
    tfx_comparison c = {.a = a, .b = b, .cost = TFX_COST_FLOPS, .excluding = excluding};
    tfx_error err = {0};
    tfx_compare(&c, &ends, NULL, &err);
    ck_assert_msg(err.status == TFX_OK, "%s", err.text);
    ck_assert_uint_eq(c.n, 1);
    return c;
}

/* One seed each, as published tables have it: the larger model with two budgets, and one that grew. */
START_TEST(published)
{
    add("scratch_100", 1, 3, 1e2, 1e2, NULL);
    add("scratch_1000", 1, 2, 1e3, 1e3, NULL);
    add("grown", 1, 2.5, 200, 50, NULL);
    for (int excluding = 0; excluding < 2; excluding++) {
        tfx_comparison c = compare("grown", "scratch*", excluding);
        const tfx_contrast *k = &c.contrasts[0];
        double cost = excluding ? 50 : 200, other = sqrt(1e5); /* half-way in the logarithm */
        NEAR(k->speed_up.mean, other / cost);
        NEAR(k->saved.mean, 1 - cost / other);
        ck_assert(isnan(k->speed_up.low) && isnan(k->speed_up.sd));
        if (excluding)
            ck_assert(isnan(k->difference.mean)); /* nothing is as cheap as 50 */
        else
            NEAR(k->difference.mean, 2.5 - (3 - log10(2)));
        ck_assert_str_eq(k->why, "the order of the training data is not known");
        tfx_comparison_finish(&c);
    }
    tfx_comparison c = compare("scratch_1000", "grown", 0);
    ck_assert_int_eq(c.contrasts[0].pairs[0].reach, TFX_REACH_NEVER);
    ck_assert_double_eq(c.contrasts[0].pairs[0].best_loss, 2.5);
    ck_assert_double_eq(c.contrasts[0].pairs[0].best_cost, 200);
    ck_assert(isnan(c.contrasts[0].speed_up.mean) && isnan(c.contrasts[0].difference.mean));
    tfx_comparison_finish(&c);
    c = compare("scratch_100", "grown", 0);
    ck_assert_int_eq(c.contrasts[0].pairs[0].reach, TFX_REACH_BEFORE);
    ck_assert(isnan(c.contrasts[0].speed_up.mean));
    tfx_comparison_finish(&c);
}
END_TEST

static void add_three_seeds(const char *grown_order)
{
    static const double shift[] = {0, 0.1, -0.1};
    for (int64_t s = 1; s <= 3; s++) {
        add("large[steps=100]", s, 3 + shift[s - 1], 1e2, 1e2, "text");
        add("large[steps=1k]", s, 2 + shift[s - 1], 1e3, 1e3, "text");
    }
    for (int64_t s = 1; s <= 3; s++) /* half-way on the first seed's line, then 0.01 and 0.02 better than that */
        add("grown", s, 2.5 + shift[s - 1] - 0.01 * (double)(s - 1), 1e2, 1e2, grown_order);
}

START_TEST(paired_seeds)
{
    add_three_seeds("text");
    tfx_comparison c = compare("grown", "large", 0); /* the points of a swept arm */
    const tfx_contrast *k = &c.contrasts[0];
    ck_assert(k->paired && k->n_seeds == 3 && k->n_pairs == 3 && k->pairs[1].n_points == 2);
    const double ratio[] = {pow(10, 0.5), pow(10, 0.51), pow(10, 0.52)};
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq_tol(k->pairs[i].speed_up, ratio[i], 1e-9);
    /* Between the seeds lies 0.1; between what is paired 0.01. */
    ck_assert_double_eq_tol(k->difference.mean, -0.51, 1e-12);
    ck_assert_double_eq_tol(k->difference.sd, 0.01, 1e-12);
    ck_assert_double_eq_tol(k->difference.high, -0.51 + 4.302652729911275 * 0.01 / sqrt(3), 1e-9);
    ck_assert_double_eq_tol(k->speed_up.mean, (ratio[0] + ratio[1] + ratio[2]) / 3, 1e-9);
    ck_assert(isfinite(k->saved.low) && k->saved.low < k->saved.mean);
    ck_assert_double_gt(k->loss.sd, 0.09);
    tfx_comparison_finish(&c);
}
END_TEST

/* The same numbers from runs that saw other data: the seeds' spread counts in full. */
START_TEST(unpaired_seeds)
{
    add_three_seeds("other text");
    tfx_comparison c = compare("grown", "large", 0);
    const tfx_contrast *k = &c.contrasts[0];
    ck_assert(!k->paired && k->n_pairs == 3);
    ck_assert_str_eq(k->why, "the training data were not the same in the same order");
    ck_assert_double_eq_tol(k->difference.mean, -0.51, 1e-12);
    ck_assert_double_gt(k->difference.high - k->difference.mean, 0.15);
    ck_assert(isfinite(k->speed_up.mean) && isnan(k->speed_up.low));
    tfx_comparison_finish(&c);
}
END_TEST

/* Hand-made endpoints say nothing of their validation tokens; runs do, and each has to be of the same. */
START_TEST(other_validation_tokens)
{
    add_three_seeds("text");
    ends.items[0].eval_hash = tfx_strdup("0a"); /* large, seed 1 */
    tfx_comparison c = compare("grown", "large", 0);
    tfx_comparison_finish(&c);
    for (size_t i = 1; i < ends.n; i++)
        ends.items[i].eval_hash = tfx_strdup(i + 1 < ends.n ? "0a" : "0b");
    c = (tfx_comparison){.a = "grown", .b = "large", .cost = TFX_COST_FLOPS};
    tfx_error err = {0};
    ck_assert_int_eq(tfx_compare(&c, &ends, NULL, &err), TFX_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "'grown' (seed 3) was evaluated on other tokens than 'grown' (seed 2)"));
    tfx_comparison_finish(&c);
}
END_TEST

START_TEST(seeds_without_partner)
{
    add_three_seeds("text");
    add("grown", 4, 1, 1e2, 1e2, "text");
    tfx_comparison c = compare("grown", "large", 0);
    ck_assert_uint_eq(c.contrasts[0].n_pairs, 3);
    ck_assert_str_eq(c.notes.s, "seed 4 of 'grown' left out: what counts of 'large' has no such seed\n");
    tfx_comparison_finish(&c);
}
END_TEST

/* Where one seed is not reached, there is no mean over the others. */
START_TEST(not_reached_by_all)
{
    add_three_seeds("text");
    ends.items[8].loss = 1.5;
    tfx_comparison c = compare("grown", "large", 0);
    ck_assert(isnan(c.contrasts[0].speed_up.mean) && isnan(c.contrasts[0].saved.low));
    ck_assert(isfinite(c.contrasts[0].difference.mean));
    tfx_comparison_finish(&c);
}
END_TEST

static void expect_error(const char *a, const char *b, const char *words)
{
    tfx_comparison c = {.a = a, .b = b};
    tfx_error err = {0};
    tfx_compare(&c, &ends, NULL, &err);
    ck_assert_int_eq(err.status, TFX_E_INVALID);
    ck_assert_msg(strstr(err.text, words) != NULL, "%s", err.text);
    tfx_comparison_finish(&c);
}

/* An arm with several endpoints of one seed: other budgets, so nobody may take their mean, or count them as seeds. */
START_TEST(several_budgets)
{
    add_three_seeds("text");
    for (int64_t s = 1; s <= 3; s++)
        add("grown", s, 2.25, 50, 50, "text");
    tfx_comparison c = {.a = "grown", .b = "large", .cost = TFX_COST_FLOPS};
    tfx_error err = {0};
    ck_assert_int_eq(tfx_compare(&c, &ends, NULL, &err), TFX_OK);
    ck_assert_uint_eq(c.n, 2); /* the cheaper one first */
    NEAR(c.contrasts[0].pairs[0].speed_up, pow(10, 2.75) / 50);
    NEAR(c.contrasts[1].pairs[0].speed_up, sqrt(10));
    ck_assert(c.contrasts[0].n_seeds == 3 && c.contrasts[1].n_seeds == 3);
    tfx_comparison_finish(&c);
    tfx_endpoints_finish(&ends);

    add("scratch", 1, 3, 1e2, 1e2, NULL);
    add("scratch", 1, 2, 1e3, 1e3, NULL);
    for (int i = 0; i < 3; i++)
        add("grown", 1, 2.75 - 0.25 * i, 50 << i, 50 << i, NULL);
    c = (tfx_comparison){.a = "grown", .b = "scratch", .cost = TFX_COST_FLOPS};
    ck_assert_int_eq(tfx_compare(&c, &ends, NULL, &err), TFX_OK);
    ck_assert_uint_eq(c.n, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(c.contrasts[i].n_seeds, 1);
        NEAR(c.contrasts[i].speed_up.mean, pow(10, 2.25 + 0.25 * i) / (50 << i));
    }
    tfx_comparison_finish(&c);
    add("grown", 2, 2, 50, 50, NULL);
    expect_error("grown", "scratch", "arm 'grown' has 3 endpoints with seed 1 and 1 with seed 2");
}
END_TEST

START_TEST(undecayed)
{
    add_three_seeds("text");
    ends.items[0].decayed = 0;
    ends.items[8].decayed = -1;
    tfx_comparison c = compare("grown", "large", 0);
    ck_assert_uint_eq(c.contrasts[0].n_pairs, 2);
    ck_assert_uint_eq(c.contrasts[0].pairs[0].n_points, 1);
    ck_assert(isnan(c.contrasts[0].difference.low)); /* two seeds */
    ck_assert_str_eq(c.notes.s, "1 of 'grown' left out: the learning rate had not fallen to a tenth of its peak\n"
                                "1 of 'large' left out: the learning rate had not fallen to a tenth of its peak\n");
    tfx_comparison_finish(&c);
    for (size_t i = 0; i < ends.n; i++)
        ends.items[i].decayed = 0;
    expect_error("grown", "large", "no run of 'grown' has ended with a learning rate of a tenth");
}
END_TEST

/* B has a size that does not suit the budget; both sides meet it in whole steps. */
START_TEST(equal_budgets)
{
    for (int64_t seed = 1; seed <= 3; seed++) {
        double shift = 0.01 * (double)seed;
        add("small", seed, 2.1 + shift, 0.9999e20, 0.9999e20, "text");
        add("large", seed, 1.8 + shift, 1.0001e20, 1.0001e20, "text");
        add("grown", seed, 1.9 + shift, 1e20, 1e20, "text");
    }
    tfx_comparison c = compare("grown", "small,large", 0);
    const tfx_contrast *k = &c.contrasts[0];
    ck_assert_double_eq_tol(k->difference.mean, 0.1, 1e-12);
    ck_assert_double_eq_tol(k->most_difference.mean, 0.1, 1e-12);
    ck_assert(isnan(k->speed_up.mean) && k->pairs[0].reach == TFX_REACH_BEFORE && k->pairs[0].n_points == 1);
    ck_assert_double_eq(k->loss_gap, 1);
    tfx_comparison_finish(&c);
}
END_TEST

/* Two recipes that are equally good but for chance: the best of each seed would be better than either. */
START_TEST(best_by_mean)
{
    static const double a[] = {2.0, 2.1, 2.0}, b[] = {2.1, 2.0, 2.02};
    for (int64_t i = 0; i < 3; i++) {
        add("mine[lr=1]", i, a[i], 1e20, 1e20, "text");
        add("mine[lr=2]", i, b[i], 1e20, 1e20, "text");
        add("other[lr=1]", i, a[i], 1e20, 1e20, "text");
        add("other[lr=2]", i, b[i], 1e20, 1e20, "text");
    }
    tfx_comparison c = compare("mine[lr=1]", "other", 0);
    ck_assert_double_eq(c.contrasts[0].difference.mean, 0);
    tfx_comparison_finish(&c);
    c = compare("other[lr=2]", "mine", 0);
    ck_assert_double_eq_tol(c.contrasts[0].difference.mean, 0.02 / 3, 1e-12);
    tfx_comparison_finish(&c);
}
END_TEST

/* What one would not use has no place in B: not a dearer recipe that is worse by the mean, although one of its seeds is not;
 * nor one that is worse than what lies between a cheaper and a dearer one. */
START_TEST(bad_recipes)
{
    static const double dear[] = {1.9, 2.3, 2.3};
    for (int64_t i = 0; i < 3; i++) {
        add("cheap", i, 3, 1e15, 1e15, "text");
        add("good", i, 2.7, 4e15, 4e15, "text");
        add("worse", i, 2.99, 3.9e15, 3.9e15, "text");
        add("worst", i, 3.2, 3.8e15, 3.8e15, "text");
        add("dear", i, 0.7 + dear[i], 8e15, 8e15, "text");
        add("grown", i, 2.8, 2e15, 2e15, "text");
        add("grown_long", i, 2.5, 8e15, 8e15, "text");
    }
    for (int with = 0; with < 2; with++) {
        tfx_comparison c = compare("grown", with ? "cheap,good,w*,dear" : "cheap,good", 0);
        const tfx_contrast *k = &c.contrasts[0];
        ck_assert_double_eq_tol(k->difference.mean, -0.05, 1e-12);
        ck_assert_double_eq_tol(k->most_difference.mean, 0.1, 1e-12);
        ck_assert_double_eq_tol(k->speed_up.mean, pow(4, 2 / 3.) / 2, 1e-12);
        ck_assert_double_eq_tol(k->least_speed_up.mean, 0.5, 1e-12);
        ck_assert_double_eq_tol(k->cost_gap, 4, 1e-12);
        tfx_comparison_finish(&c);
        c = compare("grown_long", with ? "cheap,good,w*,dear" : "cheap,good", 0);
        ck_assert(isnan(c.contrasts[0].difference.mean) && c.contrasts[0].pairs[0].dearest_cost == 4e15);
        tfx_comparison_finish(&c);
    }
}
END_TEST

/* By seconds, costs differ between seeds: no point is at a cost that its run did not have. */
START_TEST(costs_of_seeds)
{
    static const double good[] = {100, 400, 100}, slow[] = {210, 210, 210};
    for (int64_t i = 0; i < 3; i++) {
        add("good", i, 2, good[i], good[i], "text");
        add("slow", i, 2.1, slow[i], slow[i], "text");
        add("grown", i, 2, 300, 300, "text");
    }
    tfx_comparison c = compare("grown", "good,slow", 0);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq_tol(c.contrasts[0].pairs[i].speed_up, good[i] / 300, 1e-12);
    tfx_comparison_finish(&c);
}
END_TEST

/* A recipe compared with its own shorter and longer runs saves nothing. Lines between those say that it does. */
START_TEST(itself)
{
    for (int i = 0; i < 5; i++) {
        char *name = tfx_printf("%s_%d", i == 2 ? "middle" : "other", i);
        double cost = pow(4, i) * 1e18;
        add(name, 1, 1 + pow(cost / 1e18, -0.4), cost, cost, "text");
        free(name);
    }
    tfx_comparison c = compare("middle*", "other*", 0);
    const tfx_contrast *k = &c.contrasts[0];
    ck_assert(k->speed_up.mean > 1.1 && k->difference.mean < -0.02);
    ck_assert(k->least_speed_up.mean <= 1 && k->least_saved.mean <= 0 && k->most_difference.mean >= 0);
    NEAR(k->cost_gap, 16.);
    NEAR(k->loss_gap, 16.);
    tfx_comparison_finish(&c);
}
END_TEST

START_TEST(uneven)
{
    add_three_seeds("text");
    add("larger", 1, 1.5, 1e4, 1e4, "text");
    tfx_comparison c = compare("grown", "large*", 0);
    ck_assert_str_eq(c.uneven.s, "'larger' has no seed 2, which others of 'large*' have\n"
                                 "'larger' has no seed 3, which others of 'large*' have\n");
    ck_assert_uint_eq(c.contrasts[0].n_pairs, 3); /* it does not count */
    ck_assert_uint_eq(c.contrasts[0].pairs[0].n_points, 2);
    tfx_comparison_finish(&c);
    c = compare("grown", "large", 0);
    ck_assert_uint_eq(c.uneven.n, 0);
    tfx_comparison_finish(&c);
}
END_TEST

START_TEST(unfinished)
{
    add_three_seeds("text");
    ends.unfinished = TFX_NEW_ARRAY(tfx_unfinished, 4);
    ends.n_unfinished = 4;
    ends.unfinished[0] = (tfx_unfinished){tfx_strdup("large[steps=1k]"), tfx_strdup("failed"), 4};
    ends.unfinished[1] = (tfx_unfinished){tfx_strdup("large[steps=1k]"), tfx_strdup("planned"), 5};
    ends.unfinished[2] = (tfx_unfinished){tfx_strdup("large[steps=10k]"), tfx_strdup("running"), 1};
    ends.unfinished[3] = (tfx_unfinished){tfx_strdup("other"), tfx_strdup("failed"), 1};
    tfx_comparison c = compare("grown", "large", 0);
    ck_assert_str_eq(c.notes.s, "left out of 'large[steps=1k]': seed 4 (failed), seed 5 (planned)\n"
                                "left out of 'large[steps=10k]': seed 1 (running)\n");
    tfx_comparison_finish(&c);
    expect_error("other", "large", "no run has come to its end of 'other': seed 1 (failed)");
}
END_TEST

START_TEST(mistakes)
{
    add_three_seeds("text");
    expect_error("grwn", "large", "no arm 'grwn'; did you mean \"grown\"?");
    expect_error("grown", "larg", "no arm 'larg'");
    expect_error("grown", "*", "arm 'grown' is on both sides");
    tfx_comparison c = {.a = "grown", .b = "large", .cost = TFX_COST_TOKENS};
    tfx_error err = {0};
    tfx_compare(&c, &ends, NULL, &err);
    ck_assert_str_eq(err.text, "arm 'grown' has no tokens including ancestors");
    tfx_comparison_finish(&c);
}
END_TEST

START_TEST(selectors)
{
    static const struct {
        const char *selector, *arm;
        int selected;
    } cases[] = {
        {"large", "large", 1},
        {"large", "larger", 0},
        {"large", "large[lr=1e-3,batch=4]", 1},
        {"large[lr=1e-3,batch=4]", "large[lr=1e-3,batch=4]", 1},
        {"large[lr=1e-3,batch=4]", "large[lr=1e-3,batch=8]", 0},
        {"small, large[lr=1e-3,batch=4]", "large[lr=1e-3,batch=4]", 1},
        {"small ,large", "small", 1},
        {"*", "anything", 1},
        {"large, 1.4B", "large, 1.4B", 1},
        {"l*e", "large", 1},
        {"l*e", "largest", 0},
        {"*[lr=1e-3*", "large[lr=1e-3,batch=4]", 1},
        {"", "large", 0},
        {",", "", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(tfx_arm_selected(cases[i].selector, cases[i].arm) == cases[i].selected, "'%s' and '%s'",
                      cases[i].selector, cases[i].arm);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("analysis/compare");
    TCase *t = tcase_create("compare");
    tcase_add_checked_fixture(t, NULL, tear_down);
    tcase_add_test(t, published);
    tcase_add_test(t, paired_seeds);
    tcase_add_test(t, unpaired_seeds);
    tcase_add_test(t, other_validation_tokens);
    tcase_add_test(t, seeds_without_partner);
    tcase_add_test(t, not_reached_by_all);
    tcase_add_test(t, several_budgets);
    tcase_add_test(t, undecayed);
    tcase_add_test(t, equal_budgets);
    tcase_add_test(t, best_by_mean);
    tcase_add_test(t, bad_recipes);
    tcase_add_test(t, costs_of_seeds);
    tcase_add_test(t, itself);
    tcase_add_test(t, uneven);
    tcase_add_test(t, unfinished);
    tcase_add_test(t, mistakes);
    tcase_add_test(t, selectors);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

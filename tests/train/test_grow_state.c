/* Growth events and the optimizer: what becomes of its state under each way of carrying it,
 * and what the first steps then are. */
#include "tests/check_main.h"
#include "tests/train/grow_fixture.h"

/* What adamw's first step of a fresh slot is, in units of lr, when t steps are counted
 * besides it: its moments are (1 - beta) g and (1 - beta) g^2. */
static double first_step(double beta1, double beta2, int t)
{
    double c1 = 1 - pow(beta1, t + 1), c2 = 1 - pow(beta2, t + 1);
    return (1 - beta1) / c1 / sqrt((1 - beta2) / c2);
}

/* Mean |step| / lr of the keys in slots [first, last) of one ffn, over elements that move at all. */
static double mean_step(grown *g, const float *before, uint64_t first, uint64_t last)
{
    float *after = read_f32(g->new, tensor(g->plan->stages[1], "blocks.0.ffn.key"));
    double sum = 0, n = 0;
    for (uint64_t e = first * 8; e < last * 8; e++) {
        double moved = fabs((double)after[e] - (double)before[e] * (1 - LR * 0.1)) / LR;
        if (moved > 1e-3) {
            sum += moved;
            n++;
        }
    }
    free(after);
    ck_assert_double_gt(n, 0);
    return sum / n;
}

START_TEST(first_step_after_growth)
{
    static const struct {
        const char *way;
        double beta2;
        int counted; /* steps that the fresh slots count as done */
    } cases[] = {
        {"extend", 0.95, 0}, {"keep", 0.95, STEPS}, {"reset", 0.95, 0}, {"extend", 0.999, 0}, {"keep", 0.999, STEPS}};
    for (int k = 0; k < 5; k++) {
        char *policy = tfx_printf("event.optimizer = %s\n", cases[k].way);
        char *arm = tfx_printf("train.optimizer.beta2 = %g\n", cases[k].beta2);
        grown g;
        grow(&g, policy, arm);
        float *before = read_f32(g.new, tensor(g.plan->stages[1], "blocks.0.ffn.key"));
        step(&g, g.new, STEPS);
        double fresh = mean_step(&g, before, 12, 20), expected = first_step(0.9, cases[k].beta2, cases[k].counted);
        ck_assert_msg(fabs(fresh / expected - 1) < 0.01,
                      "%s, beta2 %g: the first step of fresh slots is %.4f lr, expected %.4f", cases[k].way,
                      cases[k].beta2, fresh, expected);
        double old = mean_step(&g, before, 0, 12);
        if (!strcmp(cases[k].way, "reset"))
            ck_assert_msg(fabs(old - 1) < 0.01, "after a reset old slots move by %g lr", old);
        else /* they go on averaging over random batches */
            ck_assert_msg(old < 0.9, "%s: old slots move by %g lr", cases[k].way, old);
        free(before);
        free(policy);
        free(arm);
        finish(&g);
    }
    /* Under the old count of steps a new slice takes 0.45 to 3.2 times the step it should, in the long run. */
    ck_assert_double_eq_tol(first_step(0.9, 0.95, 1000), 0.447, 0.001);
    ck_assert_double_eq_tol(first_step(0.9, 0.999, 100000), 3.162, 0.001);
    ck_assert_double_eq_tol(first_step(0.9, 0.95, STEPS), 0.444, 0.001);
    ck_assert_double_eq(first_step(0.9, 0.95, 0), 1);
}
END_TEST

/* With the function preserved and the state extended, the next step of every old slot is what
 * it would have been without growth. */
START_TEST(old_slots_go_on)
{
    static const char *const optimizers[] = {"train.optimizer = adamw\n", "train.optimizer = sgd\n",
                                             "train.optimizer.moments = bf16\n"};
    static const char *const ways[] = {"event.optimizer = extend\n", "event.optimizer = keep\n"};
    for (int o = 0; o < 3; o++)
        for (int w = 0; w < 2; w++) {
            grown g;
            grow(&g, ways[w], optimizers[o]);
            step(&g, g.old, STEPS);
            step(&g, g.new, STEPS);
            const tfx_state_layout *from = &g.plan->stages[0]->state;
            for (uint32_t i = 0; i < from->n; i++) {
                const tfx_state_tensor *t = &from->tensors[i];
                if (t->kind != TFX_STATE_PARAM && t->kind != TFX_STATE_OPTIMIZER)
                    continue;
                float *a = read_f32(g.old, t), *b = read_f32(g.new, tensor(g.plan->stages[1], t->name));
                double worst = 0, largest = 0;
                for (uint64_t e = 0; e < t->elements; e++) {
                    worst = fmax(worst, fabs((double)a[e] - (double)b[e]));
                    largest = fmax(largest, fabs((double)a[e]));
                }
                ck_assert_msg(worst <= (t->dtype == TFX_BF16 ? 0x1p-7 : 1e-4) * largest + 1e-9, "%s: off by %g of %g",
                              t->name, worst, largest);
                free(a);
                free(b);
            }
            finish(&g);
        }
}
END_TEST

START_TEST(state_of_fresh_slots)
{
    static const char *const ways[] = {"extend", "keep", "reset"};
    double filled = 1 - pow(0.9, STEPS);
    for (int w = 0; w < 3; w++) {
        char *policy = tfx_printf("event.optimizer = %s\n", ways[w]);
        grown g;
        grow(&g, policy, "");
        float *m = read_f32(g.new, tensor(g.plan->stages[1], "blocks.0.ffn.key/m"));
        float *count = read_f32(g.new, tensor(g.plan->stages[1], "blocks.0.ffn.key/m_filled"));
        float *table = read_f32(g.new, tensor(g.plan->stages[1], "embedding.weight/m_filled"));
        for (int slot = 0; slot < 20; slot++) {
            double expected = w == 2 || (w == 0 && slot >= 12) ? 0 : filled;
            ck_assert_msg(fabs((double)count[slot] - expected) < 1e-6, "%s: slot %d has count %g", ways[w], slot,
                          (double)count[slot]);
            ck_assert_msg((m[slot * 8] != 0) == (w != 2 && slot < 12), "%s: slot %d has moment %g", ways[w], slot,
                          (double)m[slot * 8]);
        }
        ck_assert_double_eq_tol((double)table[0], w == 2 ? 0 : filled, 1e-6); /* what does not grow */
        free(m);
        free(count);
        free(table);
        free(policy);
        finish(&g);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train/grow_state");
    TCase *c = tcase_create("grow state");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, first_step_after_growth);
    tcase_add_test(c, old_slots_go_on);
    tcase_add_test(c, state_of_fresh_slots);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

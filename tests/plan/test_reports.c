/* What layers report: the metric is what it is called, and gradients are those of the cross-entropy and, times their weights, of
 * the losses together. */
#include "tests/check_main.h"
#include "tests/plan/stage_fixture.h"

static const char spec[] = SPEC_HEAD
    "[train]\nsteps = 8\nbatch = 4\nmicro_batch = 2\nlr = 1e-2\nclip = 0\n" SPEC_TOKENFORMER
    "[model mixture]\nextends = tokenformer\nblocks.ffn = mixture_pattention\nblocks.ffn.slots = 12\n"
    "blocks.ffn.groups = 4\nblocks.ffn.router_std = 1\nblocks.ffn.balance = 3\n"
    "[arm a]\nmodel = mixture\n";

typedef struct bench {
    fixture f;
    stage_runner r;
} bench;

static void bench_open(bench *b)
{
    fixture_open(&b->f, spec);
    runner_open(&b->r, &b->f.device, stage_plan(&b->f, "a", 0), 3);
    ck_assert_int_eq(b->r.plan->n_micro, 2);
}

static void bench_close(bench *b)
{
    runner_close(&b->r);
    fixture_close(&b->f);
}

/* One pass over the first batch; *balance gets the loss that the layers report, the mean of both. */
static double objective(bench *b, float *balance)
{
    const tfx_stage_program *p = &b->r.plan->programs[TFX_PROGRAM_ACCUMULATE];
    float loss, reports[2];
    runner_batch(&b->r, 0);
    runner_execute(&b->r, TFX_PROGRAM_ACCUMULATE);
    runner_output(&b->r, p->loss, &loss, 1);
    runner_output(&b->r, p->reports, reports, 2);
    *balance = reports[0];
    return (double)loss + 3 * 2 * (double)reports[0]; /* two layers */
}

START_TEST(names_and_values)
{
    bench b;
    float balance;
    bench_open(&b);
    ck_assert_uint_eq(b.r.plan->n_reports, 2);
    ck_assert_str_eq(b.r.plan->reports[0], "loss.balance");
    ck_assert_str_eq(b.r.plan->reports[1], "layer.busiest_group");
    objective(&b, &balance);
    ck_assert_msg(balance > 0.8f && balance < 2, "two of four groups: from 1, about, to 2; found %g", (double)balance);
    float share[2];
    runner_output(&b.r, b.r.plan->programs[TFX_PROGRAM_ACCUMULATE].reports, share, 2);
    ck_assert_msg(share[1] >= 0.25f && share[1] <= 0.5f, "share of the busiest group: %g", (double)share[1]);
    bench_close(&b);
}
END_TEST

/* By differences over 2^-7, of numbers that are rounded to about 1e-7. */
START_TEST(gradients_have_all_losses)
{
    const float step = 0x1p-7f;
    bench b;
    float balance;
    bench_open(&b);
    const tfx_state_tensor *router = runner_tensor(&b.r, "blocks.1.ffn.router");
    const tfx_state_tensor *sum = runner_tensor(&b.r, "blocks.1.ffn.router/grad sum");
    float *was = runner_read(&b.r, router), *now = runner_read(&b.r, router);
    objective(&b, &balance);
    float *grad = runner_read(&b.r, sum);
    double off = 0, size = 0;
    for (uint64_t i = 0; i < router->elements; i++) {
        double at[2];
        for (int side = 0; side < 2; side++) {
            now[i] = was[i] + (side ? step : -step);
            runner_write(&b.r, router, now);
            at[side] = objective(&b, &balance);
        }
        now[i] = was[i];
        double expected = (at[1] - at[0]) / (2 * (double)step), found = 2 * (double)grad[i]; /* of two micro-batches */
        off += (found - expected) * (found - expected);
        size += expected * expected;
    }
    ck_assert_msg(size > 1e-4, "a gradient of %g says nothing", sqrt(size));
    ck_assert_msg(sqrt(off / size) < 5e-3, "off by %g", sqrt(off / size));
    free(was);
    free(now);
    free(grad);
    bench_close(&b);
}
END_TEST

/* Evaluations are of the cross-entropy alone. */
START_TEST(evaluations_have_none)
{
    bench b;
    bench_open(&b);
    ck_assert_ptr_null(b.r.plan->programs[TFX_PROGRAM_EVAL].reports);
    float sum;
    runner_batch(&b.r, 0);
    double expected = runner_loss(&b.r);
    runner_output(&b.r, b.r.plan->programs[TFX_PROGRAM_EVAL].loss, &sum, 1);
    ck_assert_msg(fabs((double)sum / 12 - expected) < 1e-5, "%g, expected %g", (double)sum / 12, expected);
    bench_close(&b);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("plan/reports");
    TCase *c = tcase_create("reports");
    tcase_add_test(c, names_and_values);
    tcase_add_test(c, gradients_have_all_losses);
    tcase_add_test(c, evaluations_have_none);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

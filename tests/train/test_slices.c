/* Measured steps: they train as others do, to the bit, and what they find out is right. */
#include "framework/train/slices.h"

#include "tests/check_main.h"
#include "tests/train/grow_fixture.h"

/* One step on batch number `index`, in as many passes as the stage has. */
static void train(grown *g, tfx_engine *e, const tfx_stage_plan *s, double lr, int measured, uint64_t index,
                  float out[2])
{
    dice d = {.seed = 300 + index};
    for (int64_t i = 0; i < s->n_micro; i++) {
        size_t n = (size_t)(s->micro_batch * s->context);
        for (size_t k = 0; k < n; k++) {
            g->tokens[k] = (int32_t)dice_below(&d, VOCAB);
            g->targets[k] = (int32_t)dice_below(&d, VOCAB);
        }
        tfx_engine_set_batch(e, g->tokens, g->targets);
        tfx_engine_set_step(e, lr, 1, index);
        tfx_engine_measure(e, measured && i + 1 == s->n_micro);
        tfx_engine_pass(e, &out[0], &g->f.err);
    }
    tfx_engine_update(e, &out[1], &g->f.err);
    fixture_ok(&g->f);
}

static const struct variant {
    const char *event, *train;
} variants[] = {
    {"", ""},
    {"", "train.clip = 0.01\n"},
    {"event.lr_old = 0.5\n", "train.micro_batch = 2\n"},
    {"event.lr_new = 3\n", "train.recompute = block\n"},
    {"", "train.compute = bf16\n"},
    {"event.optimizer = keep\n", "train.optimizer.moments = bf16\ntrain.micro_batch = 1\ntrain.recompute = block\n"},
    {"", "train.optimizer = sgd\n"},
};
enum { N_VARIANTS = sizeof(variants) / sizeof(*variants) };

START_TEST(measuring_changes_no_bit)
{
    const struct variant *v = &variants[_i];
    char *arms = tfx_printf("%strain.slice_every = 1\n[arm plain]\nmodel = tokenformer\nscaling = s\n%s", v->train,
                            v->train);
    grown g;
    grow(&g, v->event, arms);
    tfx_arm_plan *plan = tfx_arm_plan_create(g.f.experiment, &g.f.experiment->arms[1], g.f.registry, &g.f.device,
                                             &g.f.err);
    fixture_ok(&g.f);
    const tfx_stage_plan *a = g.plan->stages[1], *b = plan->stages[1];
    tfx_engine *plain = tfx_engine_create(&g.f.device, b, &g.f.err);
    char *path = tfx_printf("%s/stage0", g.folder);
    tfx_text changes = {0};
    tfx_grow_from_checkpoint(plan, 1, path, 1, plain, &changes, &g.f.err);
    fixture_ok(&g.f);
    ck_assert(tfx_stage_measures(a, 0) && tfx_stage_measures(a, 1) && !tfx_stage_measures(b, 0) &&
              !tfx_stage_measures(g.plan->stages[0], 0));
    for (uint64_t i = 0; i < 4; i++) {
        float measured[2], usual[2];
        train(&g, g.new, a, LR, i != 2, i, measured);
        train(&g, plain, b, LR, 0, i, usual);
        ck_assert_msg(measured[0] == usual[0] && measured[1] == usual[1], "step %d: loss %.9g, norm %.9g; %.9g, %.9g",
                      (int)i, (double)measured[0], (double)measured[1], (double)usual[0], (double)usual[1]);
    }
    for (uint32_t i = 0; i < b->state.n; i++) {
        const tfx_state_tensor *t = &b->state.tensors[i];
        float *x = read_f32(g.new, tensor(a, t->name)), *y = read_f32(plain, t);
        ck_assert_msg(!memcmp(x, y, t->elements * sizeof(float)), "%s differs", t->name);
        free(x);
        free(y);
    }
    free(path);
    free(arms);
    tfx_text_free(&changes);
    tfx_engine_destroy(plain);
    tfx_arm_plan_destroy(plan);
    finish(&g);
}
END_TEST

/* Norms of the two parts of a key or value whose first `old` slots are old. */
static void norms(const float *x, uint64_t n, uint64_t old, double out[2])
{
    double squares[2] = {0};
    for (uint64_t i = 0; i < n; i++)
        squares[i >= old] += (double)x[i] * (double)x[i];
    out[0] = sqrt(squares[0]);
    out[1] = sqrt(squares[1]);
}

static void close_to(double found, double expected, double bound, const char *what)
{
    ck_assert_msg(fabs(found - expected) <= bound * expected, "%s: %.9g, expected %.9g", what, found, expected);
}

/* Plain gradient descent at a rate of 1: the update is the gradient. */
START_TEST(parts)
{
    static const char *const keys[] = {"operator.keys = normal\noperator = slots\n", "operator = slots\n"};
    grown g;
    grow(&g, keys[_i], "train.slice_every = 1\ntrain.optimizer = sgd\ntrain.optimizer.momentum = 0\n");
    const tfx_stage_plan *s = g.plan->stages[1];
    const uint64_t width = 8, old[2] = {6, 12}, slots[2] = {10, 20};
    static const char *const names[] = {"blocks.1.mixer.v.value", "blocks.0.ffn.value"};
    float out[2], *before[2], *after[2];
    for (int k = 0; k < 2; k++)
        before[k] = read_f32(g.new, tensor(s, names[k]));
    train(&g, g.new, s, 1, 1, 9, out);
    for (int k = 0; k < 2; k++)
        after[k] = read_f32(g.new, tensor(s, names[k]));
    uint32_t n;
    tfx_slice_part *all = tfx_slice_parts(g.new, s, &n);
    double total = 0;
    for (uint32_t i = 0; i < n; i++) {
        const tfx_slice_part *p = &all[i];
        const char *name = s->state.tensors[p->param].name;
        total += p->gradient_norm * p->gradient_norm;
        ck_assert_msg((p->slots > 0) == (strstr(name, ".value") != NULL), "%s: %d slots", name, (int)p->slots);
        for (int k = 0; k < 2; k++) {
            if (strcmp(name, names[k]) != 0)
                continue;
            double weight[2], update[2];
            norms(before[k], slots[k] * width, old[k] * width, weight);
            for (uint64_t e = 0; e < slots[k] * width; e++)
                after[k][e] -= before[k][e];
            norms(after[k], slots[k] * width, old[k] * width, update);
            for (uint64_t e = 0; e < slots[k] * width; e++)
                after[k][e] += before[k][e];
            close_to(p->weight_norm, weight[p->is_new], 1e-6, name);
            ck_assert_uint_eq(p->slots, p->is_new ? slots[k] - old[k] : old[k]);
            ck_assert_uint_eq(p->elements, p->slots * width);
            /* New keys are zero in the second case: what they are multiplied by has no say yet, and no gradient. */
            int idle = p->is_new && _i == 1;
            ck_assert_uint_eq(p->dead_slots, idle ? p->slots : 0);
            ck_assert(idle ? p->energy_share == 0 : p->energy_share > 0.01);
            ck_assert(idle == (p->update_norm == 0));
            close_to(p->update_norm, update[p->is_new], 1e-6, name);
            close_to(p->gradient_norm, update[p->is_new], 1e-4, name); /* a weight has 24 bits, an update fewer */
        }
    }
    close_to(sqrt(total), (double)out[1], 1e-5, "the global norm");
    for (int k = 0; k < 2; k++) {
        free(before[k]);
        free(after[k]);
    }
    free(all);
    finish(&g);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train/slices");
    TCase *c = tcase_create("slices");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, measuring_changes_no_bit, 0, N_VARIANTS);
    tcase_add_loop_test(c, parts, 0, 2);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

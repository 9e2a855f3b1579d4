/* The plan of an arm: the real comparison's sizes and costs against formulas, memory, spans
 * of the learning-rate schedule, and chains of models that do not connect. */
#include "framework/plan/capacity.h"
#include "tests/check_main.h"
#include "tests/plan/stage_fixture.h"

static tfx_arm_plan *plan_arm(fixture *f, const char *name)
{
    const tfx_arm *arm = tfx_experiment_arm(f->experiment, name, &f->err);
    fixture_ok(f);
    return tfx_arm_plan_create(f->experiment, arm, f->registry, &f->device, &f->err);
}

/* ---- experiments/scale_124m_to_1.4b.ini ---- */

#define PAPER "experiments/scale_124m_to_1.4b.ini"
enum { CONTEXT = 1024, PAPER_VOCAB = 50304 };

typedef struct size {
    double params, matmul; /* all; those that multiply activations */
    int64_t dim, n_blocks;
} size;

/* A pre-norm Transformer with biases everywhere, embedding tied to the head. */
static size transformer(int64_t n_blocks, int64_t d)
{
    double table = (double)PAPER_VOCAB * (double)d;
    double block = 4.0 * (double)(d * d) + 2.0 * 4.0 * (double)(d * d);
    return (size){table + (double)n_blocks * (block + (4.0 + 4.0 + 4.0 + 1.0) * (double)d) + 2.0 * (double)d,
                  table + (double)n_blocks * block, d, n_blocks};
}

/* A TokenFormer: five pattentions to a block, each with keys, values and tau. */
static size tokenformer(int64_t slots)
{
    int64_t d = 768, n_blocks = 12;
    double table = (double)PAPER_VOCAB * (double)d;
    double block = 4.0 * 2.0 * (double)(slots * d) + 2.0 * 4.0 * (double)(slots * d);
    return (size){table + (double)n_blocks * (block + 5.0) + 2.0 * (double)d, table + (double)n_blocks * block, d,
                  n_blocks};
}

/* Forward 2, backward 4 FLOPs to a parameter and token; a query sees (T + 1) / 2 keys, in two
 * products forward and four backward. */
static double flops_per_token(size s)
{
    return 6.0 * s.matmul + (double)s.n_blocks * 6.0 * 2.0 * (double)s.dim * (CONTEXT + 1) / 2.0;
}

static void check_stage(const tfx_stage_plan *s, size expected, double millions)
{
    ck_assert_msg((double)s->n_params == expected.params, "%s has %.0f parameters, expected %.0f", s->model->name,
                  (double)s->n_params, expected.params);
    ck_assert_msg(fabs((double)s->n_params / 1e6 / millions - 1) <= 0.01, "%s has %.1fM parameters, expected %.1fM",
                  s->model->name, (double)s->n_params / 1e6, millions);
    ck_assert_msg(fabs(s->flops_per_token / flops_per_token(expected) - 1) < 1e-12,
                  "%s takes %.6g FLOPs per token, expected %.6g", s->model->name, s->flops_per_token,
                  flops_per_token(expected));
    ck_assert_uint_eq(s->param_bytes, 4 * s->n_params);
}

START_TEST(tokenformers_of_the_paper)
{
    static const double millions[] = {123.6, 354.2, 753.8, 1309.7};
    static const int64_t slots[] = {576, 2140, 4850, 8620};
    static const char *const arms[] = {"tokenformer_124m", "tokenformer_354m", "tokenformer_757m", "tokenformer_1.4b"};
    fixture f;
    fixture_open_file(&f, PAPER, NULL, NULL, 0);
    for (uint32_t i = 0; i < 4; i++) {
        tfx_arm_plan *p = plan_arm(&f, arms[i]);
        fixture_ok(&f);
        ck_assert_uint_eq(p->n_stages, 1);
        const tfx_stage_plan *s = p->stages[0];
        check_stage(s, tokenformer(slots[i]), millions[i]);
        ck_assert_int_eq(s->steps, i ? 120000 : 600000);
        ck_assert_int_eq(s->schedule_steps, s->steps); /* each has its own */
        ck_assert_int_eq(s->batch, 512);
        ck_assert_int_eq(s->context, CONTEXT);
        double tokens = (double)s->steps * 512 * CONTEXT;
        ck_assert_double_eq_tol(tfx_arm_plan_tokens(p) / tokens, 1, 1e-12);
        ck_assert_double_eq_tol(tfx_arm_plan_flops(p) / tokens / flops_per_token(tokenformer(slots[i])), 1, 1e-12);
        ck_assert_int_eq(tfx_arm_grows_at_start(p->arm), i > 0);
        ck_assert_str_eq(p->arm->start.kind ? p->arm->start.name : "", i ? arms[i - 1] : "");
        ck_assert_int_eq(p->arm->start.number, i == 0 ? 0 : i == 1 ? 590000 : 110000);
        tfx_arm_plan_destroy(p);
    }
    fixture_close(&f);
}
END_TEST

/* The other release: 24 blocks of width 1024. */
START_TEST(torch_profile)
{
    fixture f;
    fixture_open_file(&f, PAPER, "torch", NULL, 0);
    ck_assert_uint_eq(f.experiment->n_arms, 4);
    static const struct {
        const char *arm;
        int64_t slots;
        double millions;
    } sizes[] = {{"tokenformer_354m", 768, 353.5}, {"tokenformer_757m", 1792, 756.2}};
    for (int i = 0; i < 2; i++) {
        tfx_arm_plan *p = plan_arm(&f, sizes[i].arm);
        fixture_ok(&f);
        double d = 1024, table = PAPER_VOCAB * d;
        double expected = table + 24 * (16 * (double)sizes[i].slots * d + 5) + 2 * d;
        ck_assert_double_eq((double)p->stages[0]->n_params, expected);
        ck_assert_double_eq_tol(expected / 1e6, sizes[i].millions, 0.1);
        const tfx_state_layout *s = &p->stages[0]->state;
        const tfx_init *key = &s->tensors[tfx_state_find(s, "blocks.3.ffn.key")].init;
        const tfx_init *value = &s->tensors[tfx_state_find(s, "blocks.3.ffn.value")].init;
        ck_assert_double_eq_tol(key->std, 0.02, 1e-12);
        ck_assert_double_eq_tol(value->std, 2.0 / (24 * 32), 1e-12); /* 2 / (L sqrt d) */
        tfx_arm_plan_destroy(p);
    }
    fixture_close(&f);
}
END_TEST

START_TEST(transformers_of_the_paper)
{
    static const struct {
        const char *arm;
        int64_t n_blocks, dim;
        double millions;
    } sizes[] = {{"transformer_124m", 12, 768, 124},
                 {"transformer_354m", 24, 1024, 354},
                 {"transformer_757m", 24, 1536, 757},
                 {"transformer_1.4b", 24, 2048, 1310}};
    fixture f;
    fixture_open_file(&f, PAPER, NULL, NULL, 0);
    for (int i = 0; i < 4; i++) {
        tfx_arm_plan *p = plan_arm(&f, sizes[i].arm);
        fixture_ok(&f);
        ck_assert_uint_eq(p->n_stages, 1);
        ck_assert_int_eq(p->stages[0]->steps, 600000);
        ck_assert_int_eq(p->stages[0]->schedule_steps, 600000);
        check_stage(p->stages[0], transformer(sizes[i].n_blocks, sizes[i].dim), sizes[i].millions);
        tfx_arm_plan_destroy(p);
    }
    fixture_close(&f);
}
END_TEST

/* Every stage at its real size on a machine with 24 GB; recomputation costs at most one more
 * forward pass. */
START_TEST(smoke_profile_fits)
{
    fixture f;
    fixture_open_file(&f, PAPER, "smoke", NULL, 0);
    for (size_t a = 0; a < f.experiment->n_arms; a++) {
        tfx_arm_plan *p = plan_arm(&f, f.experiment->arms[a].name);
        fixture_ok(&f);
        for (uint32_t i = 0; i < p->n_stages; i++) {
            const tfx_stage_plan *s = p->stages[i];
            double peak = (double)(tfx_stage_peak_bytes(s) + tfx_stage_host_bytes(s));
            ck_assert_msg(peak < 22e9, "%s needs %.2f GB", s->model->name, peak / 1e9);
            ck_assert_int_eq(s->steps, 2);
            ck_assert_int_eq(s->batch * s->context, 1024);
            /* Parameters, gradients and two moments of 2 bytes at least. */
            ck_assert_double_gt(peak, 12.0 * (double)s->n_params);
            double extra = s->executed_flops / ((double)(s->batch * s->context) * s->flops_per_token);
            ck_assert_msg(extra > 1.1 && extra < 1.3334, "%s executes %.3f times its FLOPs", s->model->name, extra);
        }
        tfx_arm_plan_destroy(p);
    }
    fixture_close(&f);
}
END_TEST

/* ---- schedules over stages ---- */

#define GROWN(slots) "[model grown" slots "]\nextends = tokenformer\nblocks.ffn.slots = " slots "\n"
#define CHAIN \
    SPEC_HEAD SPEC_TRAIN SPEC_TOKENFORMER GROWN("20") \
        GROWN("30") "[scaling s]\npolicy = schedule\npolicy.models = grown20, grown30\npolicy.steps = 5, 7\n"
#define CHAIN_ARM "[arm a]\nmodel = tokenformer\nscaling = s\n"

START_TEST(spans_of_the_schedule)
{
    static const int64_t firsts[2][3] = {{0, 8, 13}, {0, 0, 0}}, steps[2][3] = {{8, 5, 7}, {20, 20, 20}};
    for (int k = 0; k < 2; k++) {
        fixture f;
        fixture_open(&f,
                     k ? CHAIN "event.schedule = continue\n" CHAIN_ARM : CHAIN "event.schedule = restart\n" CHAIN_ARM);
        tfx_arm_plan *p = plan_arm(&f, "a");
        fixture_ok(&f);
        ck_assert_uint_eq(p->n_stages, 3);
        for (uint32_t i = 0; i < 3; i++) {
            ck_assert_int_eq(p->stages[i]->schedule_first, firsts[k][i]);
            ck_assert_int_eq(p->stages[i]->schedule_steps, steps[k][i]);
            ck_assert_int_eq(p->stages[i]->first_step, firsts[0][i]);
            ck_assert_int_eq(p->stages[i]->steps, steps[0][i]);
            ck_assert_uint_eq(p->stages[i]->index, i);
            ck_assert_int_eq(p->stages[i]->carry, TFX_STATE_EXTEND);
        }
        ck_assert_double_eq(tfx_arm_plan_tokens(p), 20.0 * 4 * 6);
        tfx_arm_plan_destroy(p);
        fixture_close(&f);
    }
}
END_TEST

/* With zero keys, only softmax scores change what the model computes. */
START_TEST(growth_that_changes_the_function)
{
    static const char *const scores[] = {"l2_norm_gelu", "gelu_l2_norm", "softmax"};
    for (int k = 0; k < 3; k++) {
        char *text = tfx_printf("%s%s%sblocks.ffn.score = %s\n%s%s", SPEC_HEAD, SPEC_TRAIN, SPEC_TOKENFORMER, scores[k],
                                GROWN("20") "[scaling s]\npolicy = schedule\npolicy.models = grown20\n"
                                            "policy.steps = 5\n",
                                CHAIN_ARM);
        fixture f;
        fixture_open(&f, text);
        tfx_arm_plan *p = plan_arm(&f, "a");
        fixture_ok(&f);
        ck_assert_ptr_null(p->claims[0].why);
        ck_assert_msg(p->claims[1].preserves == (k != 2), "%s: %s", scores[k], p->claims[1].why);
        ck_assert_str_eq(p->claims[1].why,
                         k == 2 ? "layer blocks.0.ffn (pattention), softmax: element 12 of blocks.0.ffn.slots is zero, "
                                  "and counts in a softmax"
                                : "what is new in slots adds zero; norms over slots divide by what they did");
        tfx_arm_plan_destroy(p);
        fixture_close(&f);
        free(text);
    }
}
END_TEST

START_TEST(ways_to_carry_state)
{
    static const char *const ways[] = {"extend", "keep", "reset"};
    static const tfx_carry_state carries[] = {TFX_STATE_EXTEND, TFX_STATE_KEEP, TFX_STATE_RESET};
    for (int k = 0; k < 3; k++) {
        char *text = tfx_printf("%sevent.optimizer = %s\n%s", CHAIN, ways[k], CHAIN_ARM);
        fixture f;
        fixture_open(&f, text);
        tfx_arm_plan *p = plan_arm(&f, "a");
        fixture_ok(&f);
        ck_assert_int_eq(p->stages[1]->carry, carries[k]);
        ck_assert_int_eq(p->stages[2]->carry, carries[k]);
        tfx_arm_plan_destroy(p);
        fixture_close(&f);
        free(text);
    }
}
END_TEST

/* ---- disk ---- */

START_TEST(checkpoints_on_disk)
{
    static const struct {
        const char *keys;
        /* how often each stage's checkpoint is kept at the end; whether the last keeps all of it */
        int count[3], whole;
    } cases[] = {{"", {1, 2, 2}, 1},
                 {"train.keep_stages = false\n", {0, 0, 1}, 1},
                 {"train.keep_stages = false\ntrain.keep_optimizer = false\n", {0, 0, 1}, 0},
                 {"train.keep_stages = false\ntrain.checkpoint_every = 2\ntrain.keep_checkpoints = 3\n", {0, 0, 4}, 1}};
    for (int k = 0; k < 4; k++) {
        char *text = tfx_printf("%s%s%s", CHAIN, CHAIN_ARM, cases[k].keys);
        fixture f;
        fixture_open(&f, text);
        tfx_arm_plan *p = plan_arm(&f, "a");
        fixture_ok(&f);
        uint64_t expected = 0;
        for (uint32_t i = 0; i < 3; i++)
            expected += (uint64_t)cases[k].count[i] * (p->stages[i]->param_bytes + p->stages[i]->optimizer_bytes);
        if (!cases[k].whole)
            expected -= p->stages[2]->optimizer_bytes;
        ck_assert_msg(tfx_arm_plan_final_bytes(p) == expected, "case %d: %llu bytes stay, expected %llu", k,
                      (unsigned long long)tfx_arm_plan_final_bytes(p), (unsigned long long)expected);
        ck_assert_uint_ge(tfx_arm_plan_disk_bytes(p), expected);
        ck_assert_uint_eq(tfx_plan_disk_bytes(&p, 1, 3, 1),
                          2 * expected + tfx_arm_plan_disk_bytes(p)); /* the third at work */
        ck_assert_uint_eq(tfx_plan_disk_bytes(&p, 1, 3, 2), expected + 2 * tfx_arm_plan_disk_bytes(p));
        ck_assert_uint_eq(tfx_plan_disk_bytes(&p, 1, 3, 9), 3 * tfx_arm_plan_disk_bytes(p));
        tfx_arm_plan_destroy(p);
        fixture_close(&f);
        free(text);
    }
}
END_TEST

/* ---- mistakes ---- */

#define SCALING(models, steps) "[scaling s]\npolicy = schedule\npolicy.models = " models "\npolicy.steps = " steps "\n"

static const struct {
    const char *sections, *says[4];
} mistakes[] = {
    {"[model big]\nextends = tokenformer\ndim = 16\n" SCALING("big", "2"),
     {"operator slots: embedding.weight grows from 8 to 16 elements, the width of the residual stream", "net2net"}},
    {"[model big]\nextends = tokenformer\nblocks.1.ffn.slots = 11\n" SCALING("big", "2"),
     {"[arm a]", "model 'tokenformer' cannot grow into 'big' with operator slots",
      "blocks.1.ffn.slots is 12 and would be 11", "it can only become more"}},
    {"[model big]\nextends = tokenformer\nn_blocks = 3\n" SCALING("big", "2"),
     {"parameter blocks.2.mixer.q.key has nothing to grow from; slots adds no blocks"}},
    {"[model big]\nextends = tokenformer\nn_blocks = 1\n" SCALING("big", "2") "operator = random\n",
     {"[arm a]", "blocks.1.mixer.q.key would be lost"}},
    {"[model big]\nextends = tokenformer\nhead = linear\n" SCALING("big", "2"),
     {"parameter head.weight has nothing to grow from"}},
    {"[model big]\nextends = tokenformer\ncontext = 7\nblocks.ffn.slots = 13\n" SCALING("big", "2"),
     {"policy.models: [arm a]: model 'tokenformer' cannot grow into 'big'", "context is 6 and would be 7"}},
    {"[model big]\nextends = tokenformer\nblocks.ffn = mlp\n" SCALING("big", "2"),
     {"blocks.0.ffn.up.weight has nothing to grow from"}},
    {"[model big]\nextends = tokenformer\nblocks.ffn.slots = 13\n[model small]\n"
     "extends = tokenformer\n" SCALING("big, small", "2, 2"),
     {"model 'big' cannot grow into 'small'", "blocks.0.ffn.slots is 13 and would be 12"}},
    {"[model big]\nextends = tokenformer\n" SCALING("big", "2, 3"),
     {"policy.steps: expected one entry for each of the 1 models; found 2"}},
    {"[model big]\nextends = tokenformer\n" SCALING("bog", "2"),
     {"policy.models: there is no [model bog]; did you mean \"big\"?"}},
    {"[model big]\nextends = tokenformer\n" SCALING("big", "2") "operator.values = zero\n",
     {"operator.values: ", "no gradient ever reaches the new slots"}},
    {"[model big]\nextends = tokenformer\n" SCALING("big", "2") "operator = random\n",
     {"policy.models: expected larger and larger models; found 'big', in which no parameter is larger than before"}},
    {"[model big]\nextends = tokenformer\n" SCALING("big", "2"),
     {"operator slots: growing 'tokenformer' into 'big' appends no slots"}},
    {"[model big]\nextends = tokenformer\nblocks.ffn.slots = 13\n" SCALING("big", "2") "operator.2 = random\n",
     {"settings for growth event 2; the policy has 1, counted from 1"}},
    {"[model big]\nextends = tokenformer\nblocks.ffn.slots = 13\n" SCALING("big", "2") "event.2.optimizer = keep\n",
     {"settings for growth event 2; the policy has 1, counted from 1"}},
    {"[model big]\nextends = tokenformer\n" SCALING("", "2"), {"policy.models: expected at least one model"}},
};

START_TEST(chains_that_do_not_connect)
{
    fixture f;
    char *text = tfx_printf("%s%s%s%s%s", SPEC_HEAD, SPEC_TRAIN, SPEC_TOKENFORMER, mistakes[_i].sections, CHAIN_ARM);
    fixture_open(&f, text);
    ck_assert_ptr_null(plan_arm(&f, "a"));
    for (int i = 0; i < 4 && mistakes[_i].says[i]; i++)
        ERROR_SAYS(&f.err, mistakes[_i].says[i]);
    ck_assert_int_eq(f.err.status, TFX_E_INVALID);
    free(text);
    fixture_close(&f);
}
END_TEST

static uint64_t little_memory(const tfx_backend *b)
{
    (void)b;
    return 100 << 20;
}

START_TEST(what_does_not_fit)
{
    fixture f;
    fixture_open(&f, CHAIN CHAIN_ARM);
    tfx_arm_plan *p = plan_arm(&f, "a");
    fixture_ok(&f);
    ck_assert_int_eq(tfx_arm_plan_fits(p, &f.device, &f.err), TFX_OK);
    f.single.memory = little_memory;
    ck_assert_int_eq(tfx_arm_plan_fits(p, &f.unfused, &f.err), TFX_E_INVALID);
    ERROR_SAYS(&f.err, "[arm a]", "stage 0 (model 'tokenformer') needs", "this machine has 104.9 MB",
               "train.micro_batch", "train.recompute = auto", "train.compute = bf16", "train.optimizer.moments = bf16");
    tfx_arm_plan_destroy(p);
    fixture_close(&f);
}
END_TEST

START_TEST(tokens_beyond_the_vocabulary)
{
    fixture f;
    fixture_open(&f, CHAIN CHAIN_ARM);
    tfx_arm_plan *p = plan_arm(&f, "a");
    fixture_ok(&f);
    ck_assert_int_eq(tfx_arm_plan_check_data(f.experiment, p, &f.err), TFX_OK);
    tfx_arm_plan_destroy(p);
    fixture_close(&f);
    fixture_open(&f, SPEC_HEAD "loader.pattern = markov\n" SPEC_TRAIN
                               "[model m]\nn_blocks = 1\ndim = 8\ncontext = 6\nvocab = 10\n"
                               "blocks.mixer.heads = 1\n[arm a]\nmodel = m\n");
    p = plan_arm(&f, "a");
    fixture_ok(&f);
    ck_assert_int_eq(tfx_arm_plan_check_data(f.experiment, p, &f.err), TFX_E_INVALID);
    ERROR_SAYS(&f.err, "[arm a]", "model 'm' has vocab = 10", "tokens up to 10");
    tfx_arm_plan_destroy(p);
    fixture_close(&f);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("plan/arm");
    TCase *c = tcase_create("arm");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, tokenformers_of_the_paper);
    tcase_add_test(c, torch_profile);
    tcase_add_test(c, transformers_of_the_paper);
    tcase_add_test(c, smoke_profile_fits);
    tcase_add_test(c, spans_of_the_schedule);
    tcase_add_test(c, growth_that_changes_the_function);
    tcase_add_test(c, ways_to_carry_state);
    tcase_add_test(c, checkpoints_on_disk);
    tcase_add_loop_test(c, chains_that_do_not_connect, 0, (int)(sizeof(mistakes) / sizeof(*mistakes)));
    tcase_add_test(c, what_does_not_fit);
    tcase_add_test(c, tokens_beyond_the_vocabulary);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

/* What an arm starts from, planned: places in the runs of other arms, what was spent there, and whether it goes on from
 * there. Checkpoints on disk are tried in tests/e2e/test_branches.py. */
#include "framework/plan/branches.h"
#include "framework/plan/capacity.h"
#include "framework/plan/origin.h"
#include "tests/check_main.h"
#include "tests/plan/stage_fixture.h"

/* Stages of 8, 5 and 3 steps. */
#define SPEC_TRUNK \
    SPEC_HEAD SPEC_TRAIN SPEC_TOKENFORMER \
        "[model large]\nextends = tokenformer\nblocks.ffn.slots = 20\n[model huge]\nextends = large\n" \
        "blocks.ffn.slots = 24\n[scaling s]\npolicy = schedule\npolicy.models = large, huge\n" \
        "policy.steps = 5, 3\n[arm trunk]\nmodel = tokenformer\nscaling = s\n"
#define TOKENS (4 * 6) /* of a step */

typedef struct pair {
    fixture f;
    tfx_arm_plan *trunk, *branch;
} pair;

static tfx_arm_plan *plan_arm(fixture *f, const char *name)
{
    const tfx_arm *arm = tfx_experiment_arm(f->experiment, name, &f->err);
    fixture_ok(f);
    tfx_arm_plan *p = tfx_arm_plan_create(f->experiment, arm, f->registry, &f->device, &f->err);
    fixture_ok(f);
    return p;
}

/* [arm b] with these keys, planned to start from [arm trunk]; the outcome is in f.err. */
static void open_pair(pair *p, const char *keys)
{
    char *text = tfx_printf("%s[arm b]\n%s", SPEC_TRUNK, keys);
    fixture_open(&p->f, text);
    free(text);
    p->trunk = plan_arm(&p->f, "trunk");
    p->branch = plan_arm(&p->f, "b");
    tfx_origin_from_arm(p->branch, p->trunk, &p->f.err);
}

static void close_pair(pair *p)
{
    tfx_arm_plan_destroy(p->branch);
    tfx_arm_plan_destroy(p->trunk);
    fixture_close(&p->f);
}

START_TEST(places)
{
    static const struct {
        const char *point, *model, *what;
        int64_t steps[3]; /* of each stage, before it */
    } cases[] = {
        {"step:3", "tokenformer", "step 3 of arm trunk", {3, 0, 0}},
        {"step:8", "tokenformer", "step 8 of arm trunk", {8, 0, 0}}, /* before growth */
        {"step:9", "large", "step 9 of arm trunk", {8, 1, 0}},
        {"step:16", "huge", "step 16 of arm trunk", {8, 5, 3}},
        {"stage:0", "tokenformer", "the end of stage 0 of arm trunk", {8, 0, 0}},
        {"stage:1", "large", "the end of stage 1 of arm trunk", {8, 5, 0}},
        {"end", "huge", "the end of arm trunk", {8, 5, 3}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *keys = tfx_printf("model = %s\nstart = arm:trunk@%s\nstart.optimizer = %s\n", cases[i].model,
                                cases[i].point, i % 2 ? "reset" : "keep");
        pair p;
        int64_t steps = 0;
        double flops = 0;
        open_pair(&p, keys);
        fixture_ok(&p.f);
        const tfx_origin *o = p.branch->origin;
        for (int k = 0; k < 3; k++) {
            steps += cases[i].steps[k];
            flops += (double)(cases[i].steps[k] * TOKENS) * p.trunk->stages[k]->flops_per_token;
        }
        ck_assert_str_eq(o->model, cases[i].model);
        ck_assert_str_eq(o->what, cases[i].what);
        ck_assert_int_eq(o->carry, i % 2 ? TFX_STATE_RESET : TFX_STATE_KEEP);
        ck_assert_int_eq(o->before.steps, steps);
        ck_assert_int_eq(o->before.tokens, steps * TOKENS);
        ck_assert(o->before.flops == flops);
        /* A run of the trunk leaves it there, and nowhere else; and it takes room. */
        ck_assert_uint_eq(tfx_arm_plan_branch_bytes(p.trunk),
                          p.branch->stages[0]->param_bytes + p.branch->stages[0]->optimizer_bytes);
        ck_assert_uint_eq(tfx_arm_plan_branch_bytes(p.branch), 0);
        close_pair(&p);
        free(keys);
    }
}
END_TEST

START_TEST(where_others_branch)
{
    pair p;
    int optimizer;
    open_pair(&p, "model = tokenformer\nstart = arm:trunk@step:3\n[arm c]\nmodel = large\nstart = arm:trunk@stage:1\n"
                  "start.optimizer = reset\n[arm d]\nmodel = huge\nstart = arm:trunk@end\n[arm e]\nextends = b\n"
                  "train.steps = 1\n");
    fixture_ok(&p.f);
    static const struct {
        tfx_branch_place at;
        int branches, optimizer;
    } cases[] = {{{3, -1, 0}, 1, 1},  {{4, -1, 0}, 0, 0}, {{3, 0, 0}, 1, 1},  {{13, 1, 0}, 1, 0},
                 {{13, -1, 0}, 0, 0}, {{8, 0, 0}, 0, 0},  {{16, 2, 1}, 1, 1}, {{16, 2, 0}, 0, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ck_assert_int_eq(tfx_arm_branches(p.f.experiment, p.trunk->arm, &cases[i].at, &optimizer), cases[i].branches);
        ck_assert_int_eq(optimizer, cases[i].optimizer);
        ck_assert_int_eq(tfx_arm_branches(p.f.experiment, p.branch->arm, &cases[i].at, NULL), 0);
    }
    uint64_t bytes = 0;
    for (int i = 0; i < 3; i++) /* b and e share one */
        bytes += p.trunk->stages[i]->param_bytes + p.trunk->stages[i]->optimizer_bytes;
    ck_assert_uint_eq(tfx_arm_plan_branch_bytes(p.trunk), bytes);
    close_pair(&p);
}
END_TEST

START_TEST(refused)
{
    static const struct {
        const char *keys, *parts[4];
    } cases[] = {
        {"model = huge\nstart = arm:trunk@step:17\n", {"start: expected a step from 1 to 16", "[arm trunk]; found 17"}},
        {"model = huge\nstart = arm:trunk@stage:3\n", {"start: expected a stage from 0 to 2", "[arm trunk]; found 3"}},
        {"model = large\nstart = arm:trunk@end\n",
         {"start: [arm b]: the end of arm trunk: expected the model that is there ('huge'), found 'large'",
          "parameter blocks.0.ffn.key is f32 [24, 8] there and f32 [20, 8] here",
          "an arm whose scaling has no policy grows there"}},
        {"model = other\nstart = arm:trunk@stage:0\n[model other]\nextends = tokenformer\nn_blocks = 1\n",
         {"found 'other'", "blocks.1.", "nothing of that name here"}},
        {"model = other\nstart = arm:trunk@stage:0\n[model other]\nextends = tokenformer\ncontext = 3\n",
         {"found 'other'", "context is 6 there and 3 here"}},
        {"model = tokenformer\nstart = arm:trunk@stage:0\ntrain.optimizer = sgd\n",
         {"start.optimizer = keep: that state is of adamw, and the optimizer is sgd", "start.optimizer = reset"}},
        {"model = tokenformer\nstart = arm:trunk@stage:0\ntrain.optimizer.moments = bf16\n",
         {"start.optimizer = keep: ", "is f32 [", "there and bf16 ["}},
        {"model = tokenformer\nstart = arm:trunk@stage:0\ntrain.micro_batch = 2\n",
         {"start.data = continue: that run's micro_batch was 4, and it is 2", "start.data = restart"}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        pair p;
        open_pair(&p, cases[i].keys);
        ck_assert_int_eq(p.f.err.status, TFX_E_INVALID);
        for (size_t k = 0; k < 4 && cases[i].parts[k]; k++)
            ck_assert_msg(strstr(p.f.err.text, cases[i].parts[k]) != NULL, "\"%s\" is not in: %s", cases[i].parts[k],
                          p.f.err.text);
        close_pair(&p);
    }
}
END_TEST

/* What does not fit is left behind when the spec says so. */
START_TEST(reset_and_restart)
{
    pair p;
    open_pair(&p, "model = tokenformer\nstart = arm:trunk@stage:0\nstart.optimizer = reset\nstart.data = restart\n"
                  "train.optimizer = sgd\ntrain.micro_batch = 2\n");
    fixture_ok(&p.f);
    close_pair(&p);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("plan/origin");
    TCase *t = tcase_create("origin");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, places);
    tcase_add_test(t, where_others_branch);
    tcase_add_test(t, refused);
    tcase_add_test(t, reset_and_restart);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

/* Events: what is claimed of a growth before it happens, and the first thing that is in the way of more. */
#include "framework/plan/event.h"
#include "tests/check_main.h"
#include "tests/plan/stage_fixture.h"

#undef fail

typedef struct claim_case {
    const char *grown;    /* what the larger model has otherwise */
    const char *settings; /* operator and event */
    const char *why;
    int preserves;
} claim_case;

#define SLOTS "blocks.ffn.slots = 20\n"
#define NEW_SLOTS "what is new in slots adds zero; norms over slots divide by what they did"

static const claim_case cases[] = {
    {SLOTS, "operator = slots\n", NEW_SLOTS, 1},
    {SLOTS, "operator = slots\nevent.noise = 0.1\n", "noise is added to copied values; without it: " NEW_SLOTS, 0},
    {SLOTS, "operator = slots\nevent.noise_old = 0.1\n", "noise is added to old values; without it: " NEW_SLOTS, 0},
    {SLOTS, "operator = slots\noperator.keys = normal\n",
     "layer blocks.0.ffn (pattention), norm: element 12 of blocks.0.ffn.slots is not made of old ones "
     "(blocks.0.ffn.key is "
     "new there, and filled by its layer's initialisation) and changes the length",
     0},
    {SLOTS "blocks.ffn.score = softmax\n", "operator = slots\n",
     "layer blocks.0 (block_prenorm), add: layer blocks.0.ffn (pattention) adds what the old model does not have "
     "(layer "
     "blocks.0.ffn (pattention), softmax: the old model does not compute this), and blocks.0.ffn.value is not zero",
     0},
    {"n_blocks = 4\n", "operator = zero_blocks\n", "zero is added to the stream by blocks.2, blocks.3", 1},
    {"n_blocks = 3\n", "operator = zero_blocks\noperator.place = start\n", "zero is added to the stream by blocks.0",
     1},
    {"n_blocks = 4\n", "operator = stack\n",
     "layer blocks.2 (block_prenorm), add: layer blocks.2.mixer (attention) adds what the old model does not have "
     "(layer "
     "blocks.2.mixer.q (pattention), reshape: the old model does not compute this), and blocks.2.mixer.o.value is not "
     "zero",
     0},
    {"dim = 12\nblocks.mixer.heads = 3\n", "operator = random\n",
     "layer blocks.0.norm1 (layernorm_nonparam), norm: element 8 of residual is not made of old ones (embedding.weight "
     "is "
     "new there, and filled by its layer's initialisation) and changes the mean and variance",
     0},
};
#define N_CASES ((int)(sizeof(cases) / sizeof(*cases)))

START_TEST(claims)
{
    const claim_case *c = &cases[_i];
    char *text = tfx_printf("%s%s%s[model grown]\nextends = tokenformer\n%s[scaling s]\npolicy = schedule\n"
                            "policy.models = grown\npolicy.steps = 5\n%s[arm a]\nmodel = tokenformer\nscaling = s\n",
                            SPEC_HEAD, SPEC_TRAIN, SPEC_TOKENFORMER, c->grown, c->settings);
    fixture f;
    fixture_open(&f, text);
    tfx_arm_plan *p = tfx_arm_plan_create(f.experiment, &f.experiment->arms[0], f.registry, &f.device, &f.err);
    fixture_ok(&f);
    ck_assert_str_eq(p->claims[1].why, c->why);
    ck_assert_int_eq(p->claims[1].preserves, c->preserves);
    ck_assert_double_eq(p->claims[1].logit_factor, c->preserves);
    tfx_arm_plan_destroy(p);
    fixture_close(&f);
    free(text);
}
END_TEST

/* A claim is of the map that an event has, whose random choices are the run's. */
START_TEST(claim_of_a_seed)
{
    tfx_growth_claim claim;
    fixture f;
    fixture_open(&f, SPEC_HEAD SPEC_TRAIN SPEC_TOKENFORMER
                 "[model grown]\nextends = tokenformer\n" SLOTS
                 "[scaling s]\npolicy = schedule\npolicy.models = grown\n"
                 "policy.steps = 5\noperator = slots\n[arm a]\nmodel = tokenformer\nscaling = s\n");
    tfx_arm_plan *p = tfx_arm_plan_create(f.experiment, &f.experiment->arms[0], f.registry, &f.device, &f.err);
    fixture_ok(&f);
    ck_assert_int_eq(
        tfx_event_claim(p->arm, 1, p->stages[0], p->stages[1], f.registry, tfx_event_seed(7, 1), &claim, &f.err),
        TFX_OK);
    char *said = tfx_growth_claim_text(&claim);
    ck_assert_str_eq(said, "keeps the function: " NEW_SLOTS);
    free(said);
    tfx_growth_claim_finish(&claim);
    tfx_arm_plan_destroy(p);
    fixture_close(&f);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("event");
    TCase *c = tcase_create("all");
    tcase_add_loop_test(c, claims, 0, N_CASES);
    tcase_add_test(c, claim_of_a_seed);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

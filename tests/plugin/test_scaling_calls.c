/* Calls of scaling policies that keep no promise: as in test_calls.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "framework/plugin/calls/scaling_calls.h"
#include "framework/plugin/classes.h"
#include "framework/plugin/host.h"
#include "tests/check_main.h"

#undef fail /* Check's macro would take host->fail */

#define SAYS(err, words) ck_assert_msg(strstr((err)->text, words) != NULL, "\"%s\" lacks \"%s\"", (err)->text, words)

static uint32_t stages;
static tfx_stage stage;
static float grown;
static int wants;

static tfx_status create_nothing(const tfx_host *host, const tfx_options *options, tfx_scaling **out)
{
    (void)host, (void)options, (void)out;
    return TFX_OK;
}

static uint32_t n_stages(const tfx_scaling *s)
{
    (void)s;
    return stages;
}

static tfx_status give_stage(const tfx_scaling *s, uint32_t index, tfx_stage *out)
{
    (void)s, (void)index;
    *out = stage;
    return TFX_OK;
}

static int should_grow(tfx_scaling *s, const tfx_growth_signals *signals)
{
    (void)s;
    if (wants < 0)
        tfx_host_table()->opt_int(tfx_host_table(), NULL, "patience");
    return signals->step > 3 ? wants : 0;
}

static tfx_status grow_param(tfx_scaling *s, const tfx_grown_param *p)
{
    (void)s;
    p->data[2] = grown;
    return TFX_OK;
}

static const tfx_scaling_class scaling = {.struct_size = offsetof(tfx_scaling_class, check),
                                          .name = "toy",
                                          .create = create_nothing,
                                          .n_stages = n_stages,
                                          .stage = give_stage,
                                          .should_grow = should_grow,
                                          .grow_param = grow_param};

START_TEST(a_policy_without_sense)
{
    tfx_error err = {0};
    tfx_scaling *s = (tfx_scaling *)&err;
    ck_assert_int_eq(tfx_call_scaling_create(&scaling, NULL, &s, &err), TFX_E_INTERNAL);
    ck_assert_ptr_null(s);
    SAYS(&err, "`create` succeeded and gave no policy");
    static const uint32_t counts[] = {0, TFX_STAGE_LIMIT + 1, UINT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        err = (tfx_error){0};
        stages = counts[i];
        ck_assert_uint_eq(tfx_call_scaling_n_stages(&scaling, NULL, &err), 0);
        SAYS(&err, "bug in the plugin: `n_stages` returned ");
    }
    err = (tfx_error){0};
    stages = 3;
    ck_assert_uint_eq(tfx_call_scaling_n_stages(&scaling, NULL, &err), 3);
    ck_assert_int_eq(tfx_call_scaling_check(&scaling, NULL, 1, NULL, 0, &err), TFX_OK); /* it has none */
}
END_TEST

START_TEST(a_stage_without_sense)
{
    tfx_error err = {0};
    tfx_stage out;
    stage = (tfx_stage){.struct_size = sizeof(stage), .steps = 5};
    ck_assert_int_eq(tfx_call_scaling_stage(&scaling, NULL, 1, &out, &err), TFX_OK);
    ck_assert_int_eq(out.steps, 5);
    ck_assert_int_eq(out.carry, TFX_STATE_EXTEND);
    stage.steps = -1;
    ck_assert_int_eq(tfx_call_scaling_stage(&scaling, NULL, 1, &out, &err), TFX_E_INTERNAL);
    SAYS(&err, "bug in the plugin: stage 1 has -1 steps");
    err = (tfx_error){0};
    stage = (tfx_stage){.struct_size = sizeof(stage), .carry = (tfx_carry_state)9};
    ck_assert_int_eq(tfx_call_scaling_stage(&scaling, NULL, 2, &out, &err), TFX_E_INTERNAL);
    SAYS(&err, "stage 2 has the unknown carry 9");
    static const tfx_stage lengths[] = {
        {.steps = 1, .flops = 1}, {.tokens = 1, .flops = 1}, {.flops = -1}, {.flops = NAN}};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        err = (tfx_error){0};
        stage = lengths[i];
        ck_assert_int_eq(tfx_call_scaling_stage(&scaling, NULL, 1, &out, &err), TFX_E_INTERNAL);
        SAYS(&err, "FLOPs; expected one of them");
    }
    err = (tfx_error){0};
    stage = (tfx_stage){.flops = 1e15};
    ck_assert_int_eq(tfx_call_scaling_stage(&scaling, NULL, 1, &out, &err), TFX_OK);
    ck_assert_double_eq(out.flops, 1e15);
}
END_TEST

START_TEST(a_decision_to_grow)
{
    tfx_error err = {0};
    tfx_growth_signals signals = {.struct_size = sizeof(signals), .step = 4};
    int grow = 7;
    wants = 100;
    ck_assert_int_eq(tfx_call_scaling_should_grow(&scaling, NULL, &signals, &grow, &err), TFX_OK);
    ck_assert_int_eq(grow, 1);
    wants = -1;
    ck_assert_int_eq(tfx_call_scaling_should_grow(&scaling, NULL, &signals, &grow, &err), TFX_E_INTERNAL);
    SAYS(&err, "bug in the plugin: opt_int was called with options NULL");
    tfx_scaling_class never = scaling;
    never.should_grow = NULL;
    err = (tfx_error){0};
    grow = 7;
    ck_assert_int_eq(tfx_call_scaling_should_grow(&never, NULL, &signals, &grow, &err), TFX_OK);
    ck_assert_int_eq(grow, 0);
}
END_TEST

static tfx_status check_stage(const tfx_scaling *s, const tfx_planned_stage *p)
{
    (void)s;
    return p->steps < 10 ? tfx_host_table()->fail(tfx_host_table(), TFX_E_INVALID, "patience: too long") : TFX_OK;
}

START_TEST(a_planned_stage)
{
    tfx_error err = {0};
    tfx_planned_stage p = {.struct_size = sizeof(p), .stage = 1, .steps = 10};
    tfx_scaling_class checks = scaling;
    checks.struct_size = sizeof(checks);
    checks.check_stage = check_stage;
    ck_assert_int_eq(tfx_call_scaling_check_stage(&checks, NULL, &p, &err), TFX_OK);
    p.steps = 9;
    ck_assert_int_eq(tfx_call_scaling_check_stage(&scaling, NULL, &p, &err), TFX_OK); /* it has none */
    ck_assert_int_eq(tfx_call_scaling_check_stage(&checks, NULL, &p, &err), TFX_E_INVALID);
    SAYS(&err, "patience: too long");
}
END_TEST

static const char *kept;
static char taken[16];

static const char *save(tfx_scaling *s)
{
    (void)s;
    return kept;
}

static tfx_status load(tfx_scaling *s, const char *text)
{
    (void)s;
    snprintf(taken, sizeof(taken), "%s", text);
    return *text == '!' ? TFX_E_DATA : TFX_OK;
}

START_TEST(what_a_policy_remembers)
{
    tfx_error err = {0};
    tfx_scaling_class remembers = scaling;
    remembers.struct_size = sizeof(remembers);
    remembers.save = save;
    remembers.load = load;
    ck_assert_ptr_null(tfx_call_scaling_save(&remembers, NULL, &err));
    kept = "3 0x1.8p+1\n";
    ck_assert_ptr_eq(tfx_call_scaling_save(&remembers, NULL, &err), kept);
    ck_assert_int_eq(tfx_call_scaling_load(&remembers, NULL, kept, &err), TFX_OK);
    ck_assert_str_eq(taken, kept);
    ck_assert_int_eq(tfx_call_scaling_load(&remembers, NULL, "!", &err), TFX_E_DATA);

    static char big[TFX_POLICY_TEXT_LIMIT + 2];
    memset(big, 'x', sizeof(big) - 1);
    const char *const bad[][2] = {
        {"a\x01", "the byte 0x01 at 1"}, {"\xff", "the byte 0xff at 0"}, {big, "more than 65536"}};
    for (size_t i = 0; i < 3; i++) {
        err = (tfx_error){0};
        kept = bad[i][0];
        ck_assert_ptr_null(tfx_call_scaling_save(&remembers, NULL, &err));
        SAYS(&err, bad[i][1]);
    }
    err = (tfx_error){0};
    big[sizeof(big) - 2] = 0; /* just as long as it may be */
    ck_assert_ptr_eq(tfx_call_scaling_save(&remembers, NULL, &err), big);

    /* A policy of 1.0 remembers nothing, and cannot be given what another one did. */
    ck_assert_ptr_null(tfx_call_scaling_save(&scaling, NULL, &err));
    ck_assert_int_eq(err.status, TFX_OK);
    ck_assert_int_eq(tfx_call_scaling_load(&scaling, NULL, "1", &err), TFX_E_INTERNAL);
    SAYS(&err, "no `load`");
}
END_TEST

START_TEST(why_a_policy_decides)
{
    tfx_error err = {0};
    tfx_scaling_class says = scaling;
    says.struct_size = sizeof(says);
    says.reason = save;
    kept = "the loss falls by 0.1";
    ck_assert_ptr_eq(tfx_call_scaling_reason(&says, NULL, &err), kept);
    ck_assert_ptr_null(tfx_call_scaling_reason(&scaling, NULL, &err)); /* it has none */
    ck_assert_int_eq(err.status, TFX_OK);
    kept = "two\nlines";
    ck_assert_ptr_null(tfx_call_scaling_reason(&says, NULL, &err));
    SAYS(&err, "`reason` returned a text with the byte 0x0a at 3");
}
END_TEST

static tfx_curve_request request;

static tfx_status needs_curve(const tfx_scaling *s, uint32_t index, tfx_curve_request *out)
{
    (void)s, (void)index;
    *out = request;
    return TFX_OK;
}

static tfx_status take_curve(tfx_scaling *s, uint32_t index, const tfx_curve *curve)
{
    (void)s;
    return curve->n > index ? TFX_OK : TFX_E_INVALID;
}

static void destroy_nothing(tfx_scaling *s)
{
    (void)s;
}

START_TEST(curves_that_a_policy_needs)
{
    tfx_error err = {0};
    tfx_scaling_class compares = scaling;
    tfx_curve_request out;
    tfx_curve curve = {.struct_size = sizeof(curve), .n = 2};
    compares.struct_size = sizeof(compares);
    compares.summary = "compares";
    compares.destroy = destroy_nothing;
    ck_assert_int_eq(tfx_call_scaling_needs_curve(&compares, NULL, 0, &out, &err), TFX_OK); /* it has none */
    ck_assert_ptr_null(out.arm);
    compares.needs_curve = needs_curve;
    ck_assert_int_eq(tfx_class_check(TFX_KIND_SCALING, &compares, &err), TFX_E_DATA);
    SAYS(&err, "has `needs_curve`, but not `take_curve`; expected both or neither");
    err = (tfx_error){0};
    compares.take_curve = take_curve;
    ck_assert_int_eq(tfx_class_check(TFX_KIND_SCALING, &compares, &err), TFX_E_DATA);
    SAYS(&err, "has `take_curve`, but no `save`");
    err = (tfx_error){0};
    compares.save = save;
    compares.load = load;
    ck_assert_int_eq(tfx_class_check(TFX_KIND_SCALING, &compares, &err), TFX_OK);

    request = (tfx_curve_request){.struct_size = sizeof(request), .experiment = "e", .arm = "a"};
    ck_assert_int_eq(tfx_call_scaling_needs_curve(&compares, NULL, 0, &out, &err), TFX_OK);
    ck_assert_str_eq(out.arm, "a");
    ck_assert_int_eq(tfx_call_scaling_take_curve(&compares, NULL, 1, &curve, &err), TFX_OK);
    ck_assert_int_eq(tfx_call_scaling_take_curve(&compares, NULL, 2, &curve, &err), TFX_E_INVALID);
    err = (tfx_error){0};
    request.experiment = NULL;
    ck_assert_int_eq(tfx_call_scaling_needs_curve(&compares, NULL, 0, &out, &err), TFX_E_INTERNAL);
    SAYS(&err, "`needs_curve` named arm \"a\" of no experiment");
}
END_TEST

START_TEST(grown_values_are_numbers)
{
    float data[4] = {0};
    int64_t dims[2] = {2, 2};
    tfx_grown_param p = {.struct_size = sizeof(p),
                         .path = "norm.weight",
                         .name = "weight",
                         .n_dims = 2,
                         .dims = dims,
                         .old_dims = dims,
                         .grow_axis = TFX_NOT_GROWABLE,
                         .old_data = data,
                         .data = data};
    static const float wrong[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        tfx_error err = {0};
        grown = wrong[i];
        ck_assert_int_eq(tfx_call_scaling_grow_param(&scaling, NULL, &p, &err), TFX_E_INTERNAL);
        SAYS(&err, "growing norm.weight: bug in the plugin: `grow_param` made element 2 of 4 ");
    }
    tfx_error err = {0};
    grown = 1;
    ck_assert_int_eq(tfx_call_scaling_grow_param(&scaling, NULL, &p, &err), TFX_OK);
}
END_TEST

static Suite *scaling_calls_suite(void)
{
    Suite *s = suite_create("plugin/scaling_calls");
    TCase *t = tcase_create("scaling_calls");
    tcase_add_test(t, a_policy_without_sense);
    tcase_add_test(t, a_stage_without_sense);
    tcase_add_test(t, a_decision_to_grow);
    tcase_add_test(t, a_planned_stage);
    tcase_add_test(t, what_a_policy_remembers);
    tcase_add_test(t, why_a_policy_decides);
    tcase_add_test(t, curves_that_a_policy_needs);
    tcase_add_test(t, grown_values_are_numbers);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(scaling_calls_suite)

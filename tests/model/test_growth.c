/* Growth by a policy that makes parameters itself: which layouts connect. */
#include "tests/check_main.h"
#include "tests/plan/stage_fixture.h"

static uint32_t add_param(tfx_state_layout *s, const char *name, shape d, int grow_axis, uint32_t flags)
{
    uint32_t at = tfx_state_add(s, TFX_STATE_PARAM, name, TFX_F32, d.n, d.d);
    s->tensors[at].grow_axis = grow_axis;
    s->tensors[at].flags = flags;
    return at;
}

/* ---- which layouts connect ---- */

static void layout(tfx_state_layout *s, shape key, shape gate, shape norm)
{
    *s = (tfx_state_layout){0};
    tfx_state_add(s, TFX_STATE_INPUT, "/tokens", TFX_I32, 1, (int64_t[]){3});
    add_param(s, "a.key", key, 0, 0);
    add_param(s, "a.gate", gate, 1, 0);
    add_param(s, "norm", norm, -1, 0);
    tfx_state_add(s, TFX_STATE_OPTIMIZER, "a.key/m", TFX_F32, key.n, key.d);
}

static const struct {
    shape key, gate, norm;
    const char *says; /* NULL: connects */
} chains[] = {
    {{2, {4, 3}}, {2, {5, 2}}, {1, {7}}, NULL}, /* nothing changes */
    {{2, {9, 3}}, {2, {5, 2}}, {1, {7}}, NULL},
    {{2, {4, 3}}, {2, {5, 6}}, {1, {7}}, NULL},
    {{2, {3, 3}},
     {2, {5, 2}},
     {1, {7}},
     "parameter a.key is [4, 3] and would be [3, 3]; only its first dimension may change, and only to more"},
    {{2, {4, 4}}, {2, {5, 2}}, {1, {7}}, "parameter a.key is [4, 3] and would be [4, 4]"},
    {{3, {4, 3, 1}}, {2, {5, 2}}, {1, {7}}, "parameter a.key is [4, 3] and would be [4, 3, 1]"},
    {{2, {4, 3}},
     {2, {6, 2}},
     {1, {7}},
     "parameter a.gate is [5, 2] and would be [6, 2]; only its growable dimension may change"},
    {{2, {4, 3}}, {2, {5, 1}}, {1, {7}}, "parameter a.gate is [5, 2] and would be [5, 1]"},
    {{2, {4, 3}}, {2, {5, 2}}, {1, {8}}, "parameter norm is [7] and would be [8]; only growable parameters may change"},
};

START_TEST(layouts_that_connect)
{
    tfx_error err = {0};
    tfx_state_layout from, to;
    layout(&from, SHAPE(4, 3), SHAPE(5, 2), SHAPE(7));
    layout(&to, chains[_i].key, chains[_i].gate, chains[_i].norm);
    tfx_status status = tfx_growth_check(&from, "small", &to, "large", &err);
    if (chains[_i].says)
        ERROR_SAYS(&err, "model 'small' cannot grow into 'large': ", chains[_i].says);
    else
        ck_assert_msg(status == TFX_OK, "%s", err.text);
    tfx_state_finish(&from);
    tfx_state_finish(&to);
}
END_TEST

START_TEST(parameters_too_many_or_too_few)
{
    tfx_error err = {0};
    tfx_state_layout from, to;
    layout(&from, SHAPE(4, 3), SHAPE(5, 2), SHAPE(7));
    layout(&to, SHAPE(4, 3), SHAPE(5, 2), SHAPE(7));
    add_param(&to, "extra", SHAPE(2), -1, 0);
    tfx_growth_check(&from, "small", &to, "large", &err);
    ERROR_SAYS(&err, "model 'small' cannot grow into 'large': parameter extra has nothing to grow from");
    err = (tfx_error){0};
    tfx_growth_check(&to, "large", &from, "small", &err);
    ERROR_SAYS(&err, "model 'large' cannot grow into 'small': parameter extra would be lost");
    tfx_state_finish(&from);
    tfx_state_finish(&to);
}
END_TEST

/* A parameter that is trained before and fixed after growth, or the other way round. */
START_TEST(trained_and_fixed)
{
    for (int k = 0; k < 2; k++) {
        tfx_error err = {0};
        tfx_state_layout from, to;
        layout(&from, SHAPE(4, 3), SHAPE(5, 2), SHAPE(7));
        layout(&to, SHAPE(4, 3), SHAPE(5, 2), SHAPE(7));
        tfx_state_layout *fixed = k ? &from : &to;
        fixed->tensors[tfx_state_find(fixed, "norm")].flags = TFX_PARAM_FIXED;
        tfx_growth_check(&from, "small", &to, "large", &err);
        ERROR_SAYS(&err, "parameter norm is trained in one and fixed in the other");
        tfx_state_finish(&from);
        tfx_state_finish(&to);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("model/growth");
    TCase *c = tcase_create("growth");
    tcase_add_loop_test(c, layouts_that_connect, 0, (int)(sizeof(chains) / sizeof(*chains)));
    tcase_add_test(c, parameters_too_many_or_too_few);
    tcase_add_test(c, trained_and_fixed);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

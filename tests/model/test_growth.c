/* Growth: which layouts connect, what becomes of parameters under the `schedule` policy, and
 * of optimizer state. */
#include <cjson/cJSON.h>

#include "framework/plugin/calls/scaling_calls.h"
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

/* ---- optimizer state ---- */

START_TEST(state_along_the_first_axis)
{
    tfx_state_tensor old = {.dtype = TFX_F32, .n_dims = 2, .dims = {2, 3}, .elements = 6, .bytes = 24};
    tfx_state_tensor new = {.dtype = TFX_F32, .n_dims = 2, .dims = {4, 3}, .elements = 12, .bytes = 48};
    float from[] = {1, 2, 3, 4, 5, 6}, to[12];
    memset(to, 0xff, sizeof(to));
    tfx_growth_state(&old, &new, 0, 0, from, to);
    ck_assert(!memcmp(to, (float[]){1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0}, sizeof(to)));
    tfx_growth_state(&old, &new, 0, 1, from, to);
    ck_assert(!memcmp(to, (float[]){1, 2, 3, 4, 5, 6, 4, 5, 6, 4, 5, 6}, sizeof(to)));
}
END_TEST

START_TEST(state_along_a_later_axis)
{
    tfx_state_tensor old = {.dtype = TFX_BF16, .n_dims = 3, .dims = {2, 2, 2}, .elements = 8, .bytes = 16};
    tfx_state_tensor new = {.dtype = TFX_BF16, .n_dims = 3, .dims = {2, 3, 2}, .elements = 12, .bytes = 24};
    uint16_t from[] = {1, 2, 3, 4, 5, 6, 7, 8}, to[12];
    tfx_growth_state(&old, &new, 1, 0, from, to);
    ck_assert(!memcmp(to, (uint16_t[]){1, 2, 3, 4, 0, 0, 5, 6, 7, 8, 0, 0}, sizeof(to)));
    tfx_growth_state(&old, &new, 1, 1, from, to);
    ck_assert(!memcmp(to, (uint16_t[]){1, 2, 3, 4, 3, 4, 5, 6, 7, 8, 7, 8}, sizeof(to)));
}
END_TEST

START_TEST(state_of_what_does_not_grow)
{
    tfx_state_tensor t = {.dtype = TFX_F32, .n_dims = 1, .dims = {3}, .elements = 3, .bytes = 12};
    float from[] = {1, 2, 3}, to[3] = {0};
    tfx_growth_state(&t, &t, -1, 1, from, to);
    ck_assert(!memcmp(from, to, sizeof(to)));
    memset(to, 0, sizeof(to));
    tfx_growth_state(&t, &t, 0, 1, from, to);
    ck_assert(!memcmp(from, to, sizeof(to)));
}
END_TEST

/* ---- the schedule policy's way with parameters ---- */

typedef struct policy {
    tfx_registry *registry;
    const tfx_scaling_class *cls;
    tfx_options *options;
    tfx_scaling *scaling;
    tfx_error err;
} policy;

static tfx_status policy_open(policy *p, const char *key, const char *value)
{
    *p = (policy){.registry = tfx_registry_open("", &p->err)};
    p->cls = tfx_registry_find(p->registry, TFX_KIND_SCALING, "schedule", &p->err);
    ck_assert_msg(p->cls != NULL, "%s", p->err.text);
    tfx_setting settings[] = {{"models", "big", "t", 1}, {"steps", "3", "t", 2}, {key, value, "t", 3}};
    p->options = tfx_options_resolve(p->cls->options, p->cls->n_options, settings, key ? 3 : 2, "policy", &p->err);
    ck_assert_msg(p->options != NULL, "%s", p->err.text);
    return tfx_call_scaling_create(p->cls, p->options, &p->scaling, &p->err);
}

static void policy_close(policy *p)
{
    tfx_call_scaling_destroy(p->cls, p->scaling);
    tfx_options_destroy(p->options);
    tfx_registry_close(p->registry);
}

/* Grows `name` from [2, 3] to [4, 3] (axis 0) or [2, 5] (axis 1): data arrives as 10, 11, ... */
static void grow(policy *p, const char *name, int axis, float *out)
{
    tfx_state_layout s = {0};
    uint32_t old = add_param(&s, name, SHAPE(2, 3), axis, 0);
    char full[64];
    snprintf(full, sizeof(full), "new.%s", name);
    uint32_t new = add_param(&s, full, axis == 0 ? SHAPE(4, 3) : axis == 1 ? SHAPE(2, 5) : SHAPE(2, 3), axis, 0);
    float from[] = {1, 2, 3, 4, 5, 6};
    for (uint64_t i = 0; i < s.tensors[new].elements; i++)
        out[i] = 10 + (float)i;
    ck_assert_int_eq(tfx_growth_param(p->cls, p->scaling, &s.tensors[old], &s.tensors[new], from, 1, out, &p->err),
                     TFX_OK);
    tfx_state_finish(&s);
}

START_TEST(prefix_copy)
{
    policy p;
    float out[12];
    ck_assert_int_eq(policy_open(&p, NULL, NULL), TFX_OK);
    grow(&p, "key", 0, out);
    ck_assert(!memcmp(out, (float[]){1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0}, 48));
    grow(&p, "value", 0, out);
    ck_assert(!memcmp(out, (float[]){1, 2, 3, 4, 5, 6, 16, 17, 18, 19, 20, 21}, 48));
    grow(&p, "key", 1, out);
    ck_assert(!memcmp(out, (float[]){1, 2, 3, 0, 0, 4, 5, 6, 0, 0}, 40));
    grow(&p, "value", 1, out);
    ck_assert(!memcmp(out, (float[]){1, 2, 3, 13, 14, 4, 5, 6, 18, 19}, 40));
    grow(&p, "weight", -1, out);
    ck_assert(!memcmp(out, (float[]){1, 2, 3, 4, 5, 6}, 24));
    policy_close(&p);
}
END_TEST

START_TEST(zero_init)
{
    policy p;
    float out[12];
    ck_assert_int_eq(policy_open(&p, "zero_init", ""), TFX_OK); /* all random, as in the released loader */
    grow(&p, "key", 0, out);
    ck_assert(out[5] == 6 && out[6] == 16 && out[11] == 21);
    policy_close(&p);
    ck_assert_int_eq(policy_open(&p, "zero_init", "value"), TFX_OK);
    grow(&p, "value", 0, out);
    ck_assert(out[5] == 6 && out[6] == 0 && out[11] == 0);
    grow(&p, "key", 0, out);
    ck_assert(out[6] == 16);
    policy_close(&p);
    ck_assert_int_lt(policy_open(&p, "zero_init", "key, value"), 0);
    ERROR_SAYS(&p.err, "zero_init", "no gradient ever reaches the new slots");
    policy_close(&p);
}
END_TEST

START_TEST(tau_is_kept_or_rescaled)
{
    static const char *const ways[] = {"keep", "rescale"};
    for (int k = 0; k < 2; k++) {
        policy p;
        ck_assert_int_eq(policy_open(&p, "tau", ways[k]), TFX_OK);
        tfx_state_layout s = {0};
        uint32_t tau = add_param(&s, "q.tau", SCALAR, -1, TFX_PARAM_FIXED),
                 other = add_param(&s, "q.taut", SCALAR, -1, 0);
        uint32_t trained = add_param(&s, "p.tau", SCALAR, -1, 0);
        float from = 2, to = 3;
        tfx_growth_param(p.cls, p.scaling, &s.tensors[tau], &s.tensors[tau], &from, 1, &to, &p.err);
        ck_assert_float_eq(to, k ? 3 : 2);
        to = 3; /* only what is fixed and called tau */
        tfx_growth_param(p.cls, p.scaling, &s.tensors[other], &s.tensors[other], &from, 1, &to, &p.err);
        ck_assert_float_eq(to, 2);
        to = 3;
        tfx_growth_param(p.cls, p.scaling, &s.tensors[trained], &s.tensors[trained], &from, 1, &to, &p.err);
        ck_assert_float_eq(to, 2);
        tfx_state_finish(&s);
        policy_close(&p);
    }
}
END_TEST

/* ---- what the growth event records ---- */

START_TEST(description)
{
    tfx_state_layout s = {0};
    uint32_t small = add_param(&s, "a", SHAPE(1, 2), 0, 0), large = add_param(&s, "b.key", SHAPE(2, 2), 0, 0);
    float old[] = {1, 2}, zero[] = {1, 2, 0, 0}, random[] = {1, 2, 0, 5}, changed[] = {1, 3};
    tfx_text json = {0};
    tfx_text_add(&json, "[");
    tfx_growth_describe(&s.tensors[small], old, &s.tensors[large], zero, &json);
    tfx_growth_describe(&s.tensors[small], old, &s.tensors[large], random, &json);
    tfx_growth_describe(&s.tensors[small], old, &s.tensors[small], old, &json); /* nothing to say */
    tfx_growth_describe(&s.tensors[small], old, &s.tensors[small], changed, &json);
    tfx_text_add(&json, "]");
    cJSON *o = cJSON_Parse(json.s);
    ck_assert_msg(o && cJSON_GetArraySize(o) == 3, "%s", json.s);
    static const char *const rules[] = {"zero", "nonzero", "rewritten"};
    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(cJSON_GetObjectItem(cJSON_GetArrayItem(o, i), "rule")->valuestring, rules[i]);
    const cJSON *first = cJSON_GetArrayItem(o, 0);
    ck_assert_str_eq(cJSON_GetObjectItem(first, "path")->valuestring, "b.key");
    ck_assert_int_eq(cJSON_GetArrayItem(cJSON_GetObjectItem(first, "from"), 0)->valueint, 1);
    ck_assert_int_eq(cJSON_GetArrayItem(cJSON_GetObjectItem(first, "to"), 0)->valueint, 2);
    cJSON_Delete(o);
    tfx_text_free(&json);
    tfx_state_finish(&s);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("model/growth");
    TCase *c = tcase_create("growth");
    tcase_add_loop_test(c, layouts_that_connect, 0, (int)(sizeof(chains) / sizeof(*chains)));
    tcase_add_test(c, parameters_too_many_or_too_few);
    tcase_add_test(c, trained_and_fixed);
    tcase_add_test(c, state_along_the_first_axis);
    tcase_add_test(c, state_along_a_later_axis);
    tcase_add_test(c, state_of_what_does_not_grow);
    tcase_add_test(c, prefix_copy);
    tcase_add_test(c, zero_init);
    tcase_add_test(c, tau_is_kept_or_rescaled);
    tcase_add_test(c, description);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

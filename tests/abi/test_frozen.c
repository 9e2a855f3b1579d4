/* Plugins that were compiled against the headers of an older ABI, or by a C++ compiler, in
 * today's host: they load, their options resolve, and their calls arrive as they were meant.
 * The builder is a recorder, so that what arrives can be compared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/plugin/calls/loader_calls.h"
#include "framework/plugin/calls/scaling_calls.h"
#include "framework/plugin/host.h"
#include "framework/plugin/options.h"
#include "framework/plugin/registry.h"
#include "tests/check_main.h"

/* Sizes of the structs that the host lends, as they were then. */
#define STRUCT(type, size) enum { LAYOUT_1_0(type) = size };
#define LAYOUT_1_0(type) type##_size_in_1_0
#define MEMBER(type, member, offset, size)
#define VALUE(name, value)
#define TEXT(name, text)
#include "layout-1.0.h"

/* What later minors added is absent, and so zero. */
static void assert_zero_behind(const void *lent, size_t old, size_t now)
{
    for (size_t i = old; i < now; i++)
        ck_assert_int_eq(((const char *)lent)[i], 0);
}

static tfx_text calls; /* every builder call, in order */
static tfx_value next_value;

static tfx_value rec_param(const tfx_builder *b, const char *name, uint32_t n_dims, const int64_t *dims,
                           const tfx_init *init, int grow_axis, uint32_t flags)
{
    (void)b;
    ck_assert_uint_eq(n_dims, 2);
    ck_assert_uint_eq(init->struct_size, sizeof(tfx_init));
    tfx_text_add(&calls, "param %s %lldx%lld kind %d std %g axis %d flags %u;", name, (long long)dims[0],
                 (long long)dims[1], (int)init->kind, init->std, grow_axis, flags);
    return next_value++;
}

static tfx_value rec_slot(const tfx_builder *b, const char *slot, tfx_value x, int64_t out_dim)
{
    (void)b;
    tfx_text_add(&calls, "slot %s %u %lld;", slot, x, (long long)out_dim);
    return next_value++;
}

static int64_t rec_dim_of(const tfx_builder *b, tfx_value x, int axis)
{
    (void)b;
    tfx_text_add(&calls, "dim_of %u %d;", x, axis);
    return 64;
}

static tfx_value rec_matmul(const tfx_builder *b, tfx_value x, tfx_value y, uint32_t flags, double alpha)
{
    (void)b;
    tfx_text_add(&calls, "matmul %u %u flags %u alpha %g;", x, y, flags, alpha);
    return next_value++;
}

static tfx_value rec_unary(const tfx_builder *b, tfx_unary kind, tfx_value x)
{
    (void)b;
    tfx_text_add(&calls, "unary %d %u;", (int)kind, x);
    return next_value++;
}

static tfx_value rec_binary(const char *what, tfx_value x, tfx_value y)
{
    tfx_text_add(&calls, "%s %u %u;", what, x, y);
    return next_value++;
}

static tfx_value rec_add(const tfx_builder *b, tfx_value x, tfx_value y)
{
    (void)b;
    return rec_binary("add", x, y);
}

static tfx_value rec_sub(const tfx_builder *b, tfx_value x, tfx_value y)
{
    (void)b;
    return rec_binary("sub", x, y);
}

static tfx_value rec_mul(const tfx_builder *b, tfx_value x, tfx_value y)
{
    (void)b;
    return rec_binary("mul", x, y);
}

static tfx_builder recorder(const tfx_options *options)
{
    tfx_text_free(&calls);
    next_value = 101;
    return (tfx_builder){
        .struct_size = sizeof(tfx_builder),
        .host = tfx_host_table(),
        .options = options,
        .dim = 64,
        .n_blocks = 2,
        .param = rec_param,
        .slot = rec_slot,
        .dim_of = rec_dim_of,
        .matmul = rec_matmul,
        .unary = rec_unary,
        .add = rec_add,
        .sub = rec_sub,
        .mul = rec_mul,
    };
}

static tfx_registry *open_built(void)
{
    tfx_error err = {0};
    char *folder = tfx_printf("%s/tests/abi/plugins", getenv("TFX_BUILD_ROOT"));
    unsetenv("TFX_PLUGIN_PATH");
    tfx_registry *r = tfx_registry_open(folder, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    free(folder);
    return r;
}

static const void *find(const tfx_registry *r, const char *kind, const char *name)
{
    tfx_error err = {0};
    const void *impl = tfx_registry_find(r, kind, name, &err);
    ck_assert_msg(impl != NULL, "%s", err.text);
    return impl;
}

START_TEST(layer_of_1_0)
{
    tfx_error err = {0};
    tfx_registry *r = open_built();
    const tfx_layer_class *layer = find(r, TFX_KIND_LAYER, "frozen_1_0");
    tfx_options *o = tfx_options_resolve(layer->options, layer->n_options, NULL, 0, "layer", &err);
    ck_assert_msg(o != NULL, "%s", err.text);
    tfx_builder b = recorder(o);
    ck_assert_uint_eq(layer->build(&b, 100, 48), 105);
    ck_assert_str_eq(calls.s, "dim_of 100 -1;"
                              "param w 3000x64 kind 2 std 0.02 axis 0 flags 1;"
                              "matmul 100 101 flags 2 alpha 0.5;"
                              "unary 8 102;"
                              "mul 102 103;"
                              "slot inner 104 48;");
    tfx_options_destroy(o);
    tfx_text_free(&calls);
    tfx_registry_close(r);
}
END_TEST

START_TEST(optimizer_of_1_0)
{
    tfx_registry *r = open_built();
    const tfx_optimizer_class *optimizer = find(r, TFX_KIND_OPTIMIZER, "frozen_1_0");
    tfx_state states[TFX_MAX_STATES] = {{0}}, *out[TFX_MAX_STATES];
    size_t n = 0;
    for (int i = 0; i < TFX_MAX_STATES; i++)
        out[i] = &states[i];
    ck_assert_int_eq(optimizer->states(tfx_host_table(), NULL, out, &n), TFX_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_str_eq(states[0].name, "velocity");
    ck_assert_int_eq(states[0].shape, TFX_STATE_LIKE_PARAM);
    ck_assert_int_eq(states[0].dtype, TFX_BF16);
    tfx_builder b = recorder(NULL);
    tfx_update u = {.struct_size = sizeof(u), .param = 1, .grad = 2, .lr = 3, .state = {4}};
    ck_assert_int_eq(optimizer->build_update(&b, &u), TFX_OK);
    ck_assert_str_eq(calls.s, "add 4 2;mul 101 3;sub 1 102;");
    ck_assert_uint_eq(u.new_state[0], 101);
    ck_assert_uint_eq(u.new_param, 103);
    tfx_text_free(&calls);
    tfx_registry_close(r);
}
END_TEST

START_TEST(loader_of_1_0)
{
    tfx_error err = {0};
    tfx_registry *r = open_built();
    const tfx_loader_class *cls = find(r, TFX_KIND_LOADER, "frozen_1_0");
    tfx_loader *l;
    tfx_loader_info info;
    tfx_loader_position pos;
    int32_t inputs[6], targets[6];
    tfx_loader_config config = {.struct_size = sizeof(config), .split = TFX_SPLIT_VAL, .batch = 2, .context = 3};
    tfx_batch batch = {.rows = 2, .context = 3, .vocab = 256, .inputs = inputs, .targets = targets};
    memset(&info, 0x5a, sizeof(info));
    memset(&pos, 0x5a, sizeof(pos));
    ck_assert_uint_eq(tfx_loader_flags(cls), TFX_LOADER_BYTES); /* text then and now */
    ck_assert_int_eq(tfx_call_loader_open(cls, &config, &l, &err), TFX_OK);
    ck_assert_int_eq(tfx_call_loader_info(cls, l, &info, &err), TFX_OK);
    ck_assert_int_eq(info.n_tokens, 1000);
    assert_zero_behind(&info, LAYOUT_1_0(tfx_loader_info), sizeof(info));
    ck_assert_int_eq(tfx_call_loader_next_batch(cls, l, &batch, "here", &err), TFX_OK);
    ck_assert_int_eq(targets[5], 6);
    ck_assert_int_eq(tfx_call_loader_tell(cls, l, &pos, "here", &err), TFX_OK);
    ck_assert_uint_eq(pos.batch_index, 1);
    ck_assert_uint_eq(pos.extra[0], 3);
    assert_zero_behind(&pos, LAYOUT_1_0(tfx_loader_position), sizeof(pos));
    ck_assert_int_eq(tfx_call_loader_seek(cls, l, &pos, "here", &err), TFX_OK);
    tfx_call_loader_close(cls, l);
    config.batch = 3;
    ck_assert_int_eq(tfx_call_loader_open(cls, &config, &l, &err), TFX_E_INVALID);
    ck_assert_str_eq(err.text, "batch is 3");
    tfx_registry_close(r);
}
END_TEST

START_TEST(policy_of_1_0)
{
    tfx_error err = {0};
    tfx_registry *r = open_built();
    const tfx_scaling_class *cls = find(r, TFX_KIND_SCALING, "frozen_1_0");
    tfx_scaling *s;
    tfx_stage stage;
    float old = 2, data[3] = {0};
    int64_t dims[1] = {3}, old_dims[1] = {1};
    tfx_grown_param p = {.struct_size = sizeof(p),
                         .path = "w",
                         .name = "w",
                         .n_dims = 1,
                         .dims = dims,
                         .old_dims = old_dims,
                         .old_data = &old,
                         .data = data};
    tfx_growth_signals signals = {.struct_size = sizeof(signals), .stage_step = 3, .val_step = 2};
    int grow = 0;
    memset(&stage, 0x5a, sizeof(stage));
    ck_assert_int_eq(tfx_call_scaling_create(cls, NULL, &s, &err), TFX_OK);
    ck_assert_uint_eq(tfx_call_scaling_n_stages(cls, s, &err), 2);
    ck_assert_int_eq(tfx_call_scaling_stage(cls, s, 1, &stage, &err), TFX_OK);
    ck_assert_str_eq(stage.model, "large");
    ck_assert_int_eq(stage.steps, 7);
    ck_assert_int_eq(stage.carry, TFX_STATE_KEEP);
    assert_zero_behind(&stage, LAYOUT_1_0(tfx_stage), sizeof(stage));
    ck_assert_int_eq(tfx_call_scaling_should_grow(cls, s, &signals, &grow, &err), TFX_OK);
    ck_assert_int_eq(grow, 1);
    ck_assert_int_eq(tfx_call_scaling_grow_param(cls, s, &p, &err), TFX_OK);
    ck_assert_float_eq(data[0], 5);
    ck_assert_int_eq(tfx_call_scaling_check(cls, s, 1, NULL, 0, &err), TFX_OK);
    tfx_call_scaling_destroy(cls, s);
    tfx_registry_close(r);
}
END_TEST

/* meson.build leaves the C++ plugin out when there is no C++ compiler. */
START_TEST(layer_in_cxx)
{
    tfx_error err = {0};
    char *file = tfx_printf("%s/tests/abi/plugins/cxx_layer.so", getenv("TFX_BUILD_ROOT"));
    int built = access(file, F_OK) == 0;
    free(file);
    if (!built)
        return;
    tfx_registry *r = open_built();
    const tfx_layer_class *layer = find(r, TFX_KIND_LAYER, "cxx_layer"), *twin = find(r, TFX_KIND_LAYER, "cxx_twin");
    ck_assert_ptr_eq(layer->build, twin->build);
    tfx_options *o = tfx_options_resolve(layer->options, layer->n_options, NULL, 0, "layer", &err);
    tfx_builder b = recorder(o);
    ck_assert_uint_eq(layer->build(&b, 100, 48), 102);
    ck_assert_str_eq(calls.s, "dim_of 100 -1;param w 48x64 kind 2 std 0.02 axis -1 flags 0;"
                              "matmul 100 101 flags 2 alpha 1;");
    tfx_options_destroy(o);
    tfx_text_free(&calls);
    tfx_registry_close(r);
}
END_TEST

static Suite *frozen_suite(void)
{
    Suite *s = suite_create("frozen");
    TCase *t = tcase_create("frozen");
    tcase_add_test(t, layer_of_1_0);
    tcase_add_test(t, optimizer_of_1_0);
    tcase_add_test(t, loader_of_1_0);
    tcase_add_test(t, policy_of_1_0);
    tcase_add_test(t, layer_in_cxx);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(frozen_suite)

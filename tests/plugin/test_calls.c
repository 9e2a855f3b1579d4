/* Calls of plugins that keep no promise: whatever a class function gives back is checked, and what is said
 * of it names the function. Policies are in test_scaling_calls.c; layers and optimizers, which need a graph, in
 * tests/model and tests/plan. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "framework/plugin/calls/backend_calls.h"
#include "framework/plugin/calls/loader_calls.h"
#include "framework/plugin/calls/op_calls.h"
#include "framework/plugin/host.h"
#include "tests/check_main.h"

#undef fail /* Check's macro would take host->fail */

#define SAYS(err, words) ck_assert_msg(strstr((err)->text, words) != NULL, "\"%s\" lacks \"%s\"", (err)->text, words)

/* ---- loaders ---- */

static tfx_loader_info told;
static int32_t token;

static tfx_status open_nothing(const tfx_host *host, const tfx_loader_config *config, tfx_loader **out)
{
    (void)host, (void)config, (void)out;
    return TFX_OK;
}

/* As one that was compiled with headers whose struct is longer. */
static void tell_info(const tfx_loader *l, tfx_loader_info *out)
{
    (void)l;
    struct {
        tfx_loader_info old;
        char more[64];
    } info = {.old = told};
    memset(info.more, 0x5a, sizeof(info.more));
    memcpy((void *)out, &info, sizeof(info));
}

static tfx_status one_token(tfx_loader *l, int32_t *inputs, int32_t *targets)
{
    (void)l;
    inputs[0] = 0;
    targets[0] = token;
    return TFX_OK;
}

static const tfx_loader_class loader = {.struct_size = sizeof(tfx_loader_class),
                                        .name = "toy",
                                        .open = open_nothing,
                                        .info = tell_info,
                                        .next_batch = one_token};

static const struct {
    int64_t n_tokens, vocab;
    double bytes;
    const char *says; /* NULL: nothing is wrong */
} infos[] = {
    {-1, 1, 0, NULL},
    {0, (int64_t)1 << 31, 4.5, NULL},
    {-2, 10, 0, "bug in the plugin: `info` says -2 tokens; expected a count, or -1"},
    {5, 0, 0, "bug in the plugin: `info` says vocab 0; expected 1 to 2^31"},
    {5, ((int64_t)1 << 31) + 1, 0, "`info` says vocab 2147483649"},
    {5, 10, -1, "`info` says -1 bytes per token"},
    {5, 10, (double)NAN, "bytes per token"},
    {5, 10, (double)INFINITY, "`info` says inf bytes per token"},
};

START_TEST(info_of_a_loader)
{
    struct {
        tfx_loader_info info;
        char behind[64];
    } here = {{0}};
    tfx_error err = {0};
    memset(here.behind, 7, sizeof(here.behind));
    told = (tfx_loader_info){sizeof(told) + 64, infos[_i].n_tokens, infos[_i].vocab, infos[_i].bytes};
    tfx_status status = tfx_call_loader_info(&loader, NULL, &here.info, &err);
    if (infos[_i].says)
        SAYS(&err, infos[_i].says);
    ck_assert_int_eq(status, infos[_i].says ? TFX_E_INTERNAL : TFX_OK);
    ck_assert_uint_eq(here.info.struct_size, sizeof(here.info));
    for (size_t i = 0; i < sizeof(here.behind); i++)
        ck_assert_int_eq(here.behind[i], 7);
}
END_TEST

START_TEST(open_without_a_loader)
{
    tfx_error err = {0};
    tfx_loader *l = (tfx_loader *)&err;
    tfx_loader_config config = {.struct_size = sizeof(config), .split = TFX_SPLIT_VAL};
    ck_assert_int_eq(tfx_call_loader_open(&loader, &config, &l, &err), TFX_E_INTERNAL);
    ck_assert_ptr_null(l);
    SAYS(&err, "bug in the plugin: `open` succeeded and gave no loader");
    tfx_call_loader_close(&loader, NULL);
}
END_TEST

START_TEST(tokens_of_a_batch)
{
    int32_t inputs[1], targets[1];
    tfx_batch batch = {.rows = 1, .context = 1, .vocab = 10, .index = 4, .inputs = inputs, .targets = targets};
    static const int32_t wrong[] = {10, -1, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        tfx_error err = {0};
        token = wrong[i];
        ck_assert_int_eq(tfx_call_loader_next_batch(&loader, NULL, &batch, "here", &err), TFX_E_DATA);
        SAYS(&err, "here: batch 4, row 0: token 0 of the targets is ");
        SAYS(&err, "expected 0 to 9");
    }
    tfx_error err = {0};
    token = 9;
    ck_assert_int_eq(tfx_call_loader_next_batch(&loader, NULL, &batch, "here", &err), TFX_OK);
}
END_TEST

/* A class that was compiled before `flags` was there has none. */
START_TEST(flags_of_an_older_loader)
{
    tfx_loader_class old = loader;
    old.flags = TFX_LOADER_BYTES;
    ck_assert_uint_eq(tfx_loader_flags(&old), TFX_LOADER_BYTES);
    old.struct_size = sizeof(old) + 64; /* and one that is newer has them */
    ck_assert_uint_eq(tfx_loader_flags(&old), TFX_LOADER_BYTES);
    old.struct_size = offsetof(tfx_loader_class, flags);
    ck_assert_uint_eq(tfx_loader_flags(&old), 0);
}
END_TEST

/* ---- ops ---- */

static uint32_t result_rank;
static int64_t result_dim;

static tfx_status infer(const tfx_host *host, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                        const double *reals, uint32_t *n_dims, int64_t *dims)
{
    (void)host, (void)n_in, (void)in, (void)ints, (void)reals;
    *n_dims = result_rank;
    dims[0] = result_dim;
    return TFX_OK;
}

START_TEST(shape_of_an_op)
{
    static const tfx_op_class op = {.struct_size = sizeof(op), .id = "test.op/1", .infer = infer};
    tfx_tensor out;
    tfx_error err = {0};
    result_rank = 1;
    result_dim = 3;
    ck_assert_int_eq(tfx_call_op_infer(&op, 0, NULL, NULL, NULL, &out, &err), TFX_OK);
    ck_assert(out.dtype == TFX_F32 && out.n_dims == 1 && out.dims[0] == 3);
    result_dim = -3;
    ck_assert_int_eq(tfx_call_op_infer(&op, 0, NULL, NULL, NULL, &out, &err), TFX_E_INTERNAL);
    SAYS(&err, "test.op/1: bug in the plugin: `infer` gave -3 for dimension 0");
    err = (tfx_error){0};
    result_rank = 4000000000u;
    ck_assert_int_eq(tfx_call_op_infer(&op, 0, NULL, NULL, NULL, &out, &err), TFX_E_INTERNAL);
    SAYS(&err, "`infer` gave rank 4000000000; expected at most 8");
}
END_TEST

static tfx_status infer_results(const tfx_host *host, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                                const double *reals, tfx_tensor *const *out)
{
    (void)host, (void)n_in, (void)in, (void)ints, (void)reals;
    out[0]->n_dims = 0;
    out[1]->n_dims = result_rank;
    out[1]->dims[0] = result_dim;
    out[1]->dtype = result_dim == 7 ? TFX_BF16 : TFX_F32;
    return TFX_OK;
}

START_TEST(shapes_of_several_results)
{
    static const tfx_op_class op = {
        .struct_size = sizeof(op), .id = "test.op/1", .n_results = 2, .infer_results = infer_results};
    static const struct {
        uint32_t rank;
        int64_t dim;
        const char *says;
    } wrong[] = {
        {1, 0, "`infer_results` gave 0 for dimension 0 of result 1; expected at least 1"},
        {9, 1, "`infer_results` gave rank 9 of result 1; expected at most 8"},
        {1, 7, "`infer_results` gave dtype 2 of result 1; expected f32"},
    };
    tfx_tensor out[2];
    tfx_error err = {0};
    result_rank = 1;
    result_dim = 3;
    ck_assert_uint_eq(tfx_op_n_results(&op), 2);
    ck_assert_int_eq(tfx_call_op_infer(&op, 0, NULL, NULL, NULL, out, &err), TFX_OK);
    ck_assert(out[0].n_dims == 0 && out[1].n_dims == 1 && out[1].dims[0] == 3);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        err = (tfx_error){0};
        result_rank = wrong[i].rank;
        result_dim = wrong[i].dim;
        ck_assert_int_eq(tfx_call_op_infer(&op, 0, NULL, NULL, NULL, out, &err), TFX_E_INTERNAL);
        SAYS(&err, wrong[i].says);
    }
}
END_TEST

static uint64_t much(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals)
{
    (void)in, (void)ints, (void)reals;
    return n_in ? 640 : UINT64_MAX;
}

START_TEST(scratch_of_a_kernel)
{
    static const tfx_op_class op = {.struct_size = sizeof(op), .id = "test.op/1"};
    tfx_kernel k = {.struct_size = sizeof(k), .device = "cpu", .scratch = much, .part_scratch = much};
    tfx_error err = {0};
    ck_assert_uint_eq(tfx_call_kernel_scratch(&op, &k, 1, NULL, NULL, NULL, &err), 640);
    ck_assert_uint_eq(tfx_call_kernel_part_scratch(&op, &k, 1, NULL, NULL, NULL, &err), 640);
    ck_assert(tfx_op_kernel_is_special(&op, &k));
    ck_assert_uint_eq(tfx_call_kernel_scratch(&op, &k, 0, NULL, NULL, NULL, &err), 0);
    SAYS(&err, "test.op/1: bug in the plugin: `scratch` asks for 18446744073709551615 bytes");
    k.struct_size = offsetof(tfx_kernel, n_phases); /* compiled against ABI 1.0 */
    ck_assert_uint_eq(tfx_call_kernel_scratch(&op, &k, 1, NULL, NULL, NULL, &err), 0);
    ck_assert(!tfx_op_kernel_is_special(&op, &k));
}
END_TEST

/* A builder that knows the value 1 and keeps what it is told. */
static char told_error[256];

static tfx_value keep_error(const tfx_builder *b, const char *fmt, ...)
{
    va_list ap;
    (void)b;
    va_start(ap, fmt);
    vsnprintf(told_error, sizeof(told_error), fmt, ap);
    va_end(ap);
    return TFX_POISON;
}

static tfx_dtype dtype_of(const tfx_builder *b, tfx_value x)
{
    (void)b;
    return x <= 1 ? TFX_F32 : (tfx_dtype)0;
}

static tfx_value lowered;

static tfx_value lower(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                       const double *reals)
{
    (void)b, (void)n_in, (void)in, (void)reals;
    if (ints)
        return tfx_host_table()->fail(tfx_host_table(), TFX_E_UNSUPPORTED, "not here"), TFX_POISON;
    return lowered;
}

static tfx_value lower_by(const tfx_op_class *op, const int64_t *ints)
{
    tfx_builder b = {.struct_size = sizeof(b), .error = keep_error, .dtype = dtype_of};
    tfx_value y = 77;
    tfx_call_op_lower(op, &b, 0, NULL, ints, NULL, &y);
    return y;
}

START_TEST(lowering_of_an_op)
{
    static const tfx_op_class op = {.struct_size = sizeof(op), .id = "test.op/1", .lower = lower};
    static const int64_t ints[1] = {0};
    lowered = 1;
    ck_assert_uint_eq(lower_by(&op, NULL), 1);
    lowered = 2;
    ck_assert_uint_eq(lower_by(&op, NULL), TFX_POISON);
    ck_assert_str_eq(told_error, "custom op test.op/1: `lower` returned a value that does not exist");
    lowered = TFX_POISON;
    ck_assert_uint_eq(lower_by(&op, NULL), TFX_POISON);
    ck_assert_str_eq(told_error, "custom op test.op/1: `lower` returned TFX_POISON, which is no value, and gave no "
                                 "reason");
    ck_assert_uint_eq(lower_by(&op, ints), TFX_POISON);
    ck_assert_str_eq(told_error, "custom op test.op/1: not here");
}
END_TEST

static tfx_status lower_results(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                                const double *reals, tfx_value *out)
{
    (void)b, (void)n_in, (void)in, (void)reals;
    out[0] = 1;
    out[1] = lowered;
    return ints ? TFX_E_UNSUPPORTED : TFX_OK;
}

START_TEST(lowering_to_several_results)
{
    static const tfx_op_class op = {
        .struct_size = sizeof(op), .id = "test.op/1", .n_results = 2, .lower_results = lower_results};
    static const int64_t ints[1] = {0};
    tfx_builder b = {.struct_size = sizeof(b), .error = keep_error, .dtype = dtype_of};
    tfx_value y[2];
    lowered = 1;
    tfx_call_op_lower(&op, &b, 0, NULL, NULL, NULL, y);
    ck_assert(y[0] == 1 && y[1] == 1);
    lowered = 2;
    tfx_call_op_lower(&op, &b, 0, NULL, NULL, NULL, y);
    ck_assert(!y[0] && !y[1]); /* all or none */
    ck_assert_str_eq(told_error, "custom op test.op/1: `lower_results` set a result to a value that does not exist");
    lowered = TFX_POISON;
    tfx_call_op_lower(&op, &b, 0, NULL, NULL, NULL, y);
    ck_assert(!y[0] && !y[1]);
    ck_assert_str_eq(told_error, "custom op test.op/1: `lower_results` left a result TFX_POISON, which is no value, "
                                 "and gave no reason");
    tfx_call_op_lower(&op, &b, 0, NULL, ints, NULL, y);
    ck_assert(!y[0] && !y[1]);
    ck_assert_str_eq(told_error, "custom op test.op/1: `lower_results` failed without a message (status -5, not "
                                 "supported)");
}
END_TEST

/* ---- backends ---- */

static tfx_status open_no_backend(const tfx_host *host, const tfx_options *options, tfx_backend **out)
{
    (void)host, (void)options, (void)out;
    return TFX_OK;
}

static tfx_status no_buffer(tfx_backend *b, uint64_t bytes, tfx_buffer **out)
{
    (void)b, (void)bytes, (void)out;
    return TFX_OK;
}

static tfx_status no_exec(tfx_backend *b, const tfx_program *p, tfx_exec **out)
{
    (void)b, (void)p, (void)out;
    return TFX_OK;
}

static const char *no_text(const tfx_backend *b)
{
    (void)b;
    return NULL;
}

static uint64_t everything(const tfx_backend *b, const tfx_program *p)
{
    (void)b, (void)p;
    return UINT64_MAX;
}

static double speed;

static double say_speed(tfx_backend *b)
{
    (void)b;
    return speed;
}

START_TEST(an_empty_backend)
{
    static const tfx_backend_class cls = {.struct_size = sizeof(cls),
                                          .name = "toy",
                                          .open = open_no_backend,
                                          .buffer_create = no_buffer,
                                          .compile = no_exec,
                                          .describe = no_text,
                                          .measure_flops = say_speed,
                                          .workspace = everything};
    tfx_backend *backend;
    tfx_buffer *buffer;
    tfx_exec *exec;
    tfx_error err = {0};
    ck_assert_int_eq(tfx_call_backend_open(&cls, NULL, &backend, &err), TFX_E_INTERNAL);
    ck_assert_str_eq(err.text, "toy: bug in the plugin: `open` succeeded and gave no backend");
    ck_assert_ptr_null(backend);
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_call_backend_buffer_create(&cls, NULL, 64, &buffer, &err), TFX_E_INTERNAL);
    SAYS(&err, "`buffer_create` succeeded and gave no buffer");
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_call_backend_compile(&cls, NULL, NULL, &exec, &err), TFX_E_INTERNAL);
    SAYS(&err, "`compile` succeeded and gave no program");
    ck_assert_str_eq(tfx_call_backend_describe(&cls, NULL), "toy");
    ck_assert_uint_eq(tfx_call_backend_workspace(&cls, NULL, NULL), (uint64_t)1 << 60); /* adds up without overflow */
    static const double wrong[] = {0, -1, (double)NAN, (double)INFINITY};
    for (size_t i = 0; i < 4; i++) {
        speed = wrong[i];
        ck_assert(isnan(tfx_call_backend_measure_flops(&cls, NULL, i % 2)));
    }
    speed = 1e9;
    ck_assert_double_eq(tfx_call_backend_measure_flops(&cls, NULL, 1), 1e9);
    tfx_call_backend_exec_destroy(&cls, NULL);
    tfx_call_backend_buffer_destroy(&cls, NULL, NULL);
    tfx_call_backend_close(&cls, NULL);
}
END_TEST

static Suite *calls_suite(void)
{
    Suite *s = suite_create("plugin/calls");
    TCase *t = tcase_create("calls");
    tcase_add_loop_test(t, info_of_a_loader, 0, (int)(sizeof(infos) / sizeof(*infos)));
    tcase_add_test(t, open_without_a_loader);
    tcase_add_test(t, tokens_of_a_batch);
    tcase_add_test(t, flags_of_an_older_loader);
    tcase_add_test(t, shape_of_an_op);
    tcase_add_test(t, shapes_of_several_results);
    tcase_add_test(t, scratch_of_a_kernel);
    tcase_add_test(t, lowering_of_an_op);
    tcase_add_test(t, lowering_to_several_results);
    tcase_add_test(t, an_empty_backend);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(calls_suite)

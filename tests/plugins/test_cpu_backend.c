/* The CPU backend as an instance: what it says about itself, memory, refusals, custom ops,
 * and the cost report. */
#include "tests/check_main.h"
#include "tests/plugins/program.h"

static tfx_backend *open_cpu(int threads)
{
    host_threads = threads;
    host_message[0] = '\0';
    tfx_backend *b = NULL;
    ck_assert_int_eq(cpu_backend()->open(&test_host, NULL, &b), TFX_OK);
    return b;
}

START_TEST(says_what_it_is)
{
    const tfx_backend_class *cls = cpu_backend();
    ck_assert_str_eq(cls->name, "cpu");
    ck_assert_str_eq(cls->device, "cpu");
    ck_assert(cls->capabilities & TFX_BACKEND_FUSES_POINTWISE);
    ck_assert_uint_eq(cls->n_options, 2);
    tfx_backend *b = open_cpu(3);
    ck_assert_ptr_nonnull(strstr(cls->describe(b), "3 threads"));
    cls->close(b);
    b = open_cpu(0); /* as many as there are cores */
    ck_assert_ptr_nonnull(strstr(cls->describe(b), "thread"));
    /* Never more than the machine has. */
    unsigned long long kb = 0;
    FILE *f = fopen("/proc/meminfo", "r");
    ck_assert(f && fscanf(f, "MemTotal: %llu", &kb) == 1);
    fclose(f);
    ck_assert_uint_gt(cls->memory(b), 1 << 20);
    ck_assert_uint_le(cls->memory(b), kb * 1024);
    double flops = cls->measure_flops(b);
    ck_assert_msg(flops > 1e7 && flops < 1e15, "%g FLOP/s cannot be", flops);
    flops = cls->measure_bf16_flops(b);
    ck_assert_msg(flops > 1e7 && flops < 1e15, "%g FLOP/s of bf16 cannot be", flops);
    cls->close(b);
    cls->close(NULL);
}
END_TEST

/* Who computes products is what was asked for, or the backend does not open and says what there is. */
START_TEST(products_are_by_whom_was_asked)
{
    static const char *const names[] = {"plain", "openblas", "avx2", "avx512", "avx512_bf16", "onednn", "nobody"};
    const tfx_backend_class *cls = cpu_backend();
    const char *kept = host_products;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        tfx_backend *b = NULL;
        if (!may_be_tested(names[i]))
            continue;
        host_products = names[i];
        host_message[0] = '\0';
        tfx_status status = cls->open(&test_host, NULL, &b);
        if (i < 2)
            ck_assert_int_eq(status, TFX_OK);
        if (i == 6)
            ck_assert_int_ne(status, TFX_OK);
        if (status == TFX_OK) {
            char words[64];
            snprintf(words, sizeof(words), "%s", i == 1 ? "OpenBLAS 0." : i == 5 ? "oneDNN " : names[i]);
            ck_assert_msg(strstr(cls->describe(b), words) != NULL, "%s", cls->describe(b));
            cls->close(b);
        } else {
            ck_assert_ptr_nonnull(strstr(host_message, names[i]));
            ck_assert_ptr_nonnull(strstr(host_message, "it has plain"));
        }
    }
    host_products = kept;
}
END_TEST

START_TEST(buffers_are_zero_and_aligned)
{
    const tfx_backend_class *cls = cpu_backend();
    static const uint64_t sizes[] = {0, 1, 4096, 100000, (uint64_t)5 << 20};
    tfx_backend *b = open_cpu(2);
    for (int i = 0; i < 5; i++) {
        tfx_buffer *buf;
        ck_assert_int_eq(cls->buffer_create(b, sizes[i], &buf), TFX_OK);
        char *copy = malloc(sizes[i] + 1);
        memset(copy, 1, sizes[i]);
        cls->download(b, buf, 0, copy, sizes[i]);
        for (uint64_t k = 0; k < sizes[i]; k++)
            if (copy[k])
                ck_abort_msg("byte %llu is not zero", (unsigned long long)k);
        if (sizes[i] > 10) {
            cls->upload(b, buf, sizes[i] - 5, "tfx!", 5);
            cls->download(b, buf, sizes[i] - 5, copy, 5);
            ck_assert_str_eq(copy, "tfx!");
        }
        free(copy);
        cls->buffer_destroy(b, buf);
    }
    cls->buffer_destroy(b, NULL);
    cls->close(b);
}
END_TEST

START_TEST(too_large_a_buffer_is_refused)
{
    const tfx_backend_class *cls = cpu_backend();
    tfx_backend *b = open_cpu(2);
    tfx_buffer *buf = NULL;
    ck_assert_int_eq(cls->buffer_create(b, (uint64_t)1 << 45, &buf), TFX_E_MEMORY);
    ck_assert_ptr_null(buf);
    ck_assert_ptr_nonnull(strstr(host_message, "35184.37 GB"));
    ck_assert_ptr_nonnull(strstr(host_message, "available"));
    cls->close(b);
}
END_TEST

/* A node whose operands do not fit its op is neither supported nor compiled. */
typedef struct refusal {
    const char *says;
    tfx_op op;
    uint32_t n_in, n_out;
    shape s[5];          /* operands, then results */
    tfx_dtype dtypes[5]; /* 0: f32 */
    int64_t ints[2];
    double real;
} refusal;

static const refusal refusals[] = {
    {"one shape", TFX_OP_ADD, 2, 1, {{1, {3}}, {1, {4}}, {1, {3}}}, {0}, {0}, 0},
    {"number of operands", TFX_OP_ADD, 1, 1, {{1, {3}}, {1, {3}}}, {0}, {0}, 0},
    {"f32 and bf16", TFX_OP_ADD, 2, 1, {{1, {3}}, {1, {3}}, {1, {3}}}, {0, TFX_I32}, {0}, 0},
    {"unknown unary", TFX_OP_UNARY, 1, 1, {{1, {3}}, {1, {3}}}, {0}, {12}, 0},
    {"unknown unary", TFX_OP_UNARY_GRAD, 2, 1, {{1, {3}}, {1, {3}}, {1, {3}}}, {0}, {TFX_SIGN}, 0},
    {"size 1 only", TFX_OP_BROADCAST, 1, 1, {{1, {3}}, {2, {2, 4}}}, {0}, {0}, 0},
    {"drop dimensions", TFX_OP_BROADCAST, 1, 1, {{2, {1, 3}}, {1, {3}}}, {0}, {0}, 0},
    {"probability", TFX_OP_DROPOUT, 2, 1, {{1, {3}}, {1, {2}}, {1, {3}}}, {0, TFX_I32}, {0}, 1.0},
    {"key", TFX_OP_DROPOUT, 2, 1, {{1, {3}}, {1, {2}}, {1, {3}}}, {0}, {0}, 0.5},
    {"every axis once", TFX_OP_PERMUTE, 1, 1, {{2, {3, 3}}, {2, {3, 3}}}, {0}, {1, 1}, 0},
    {"outside its tensor", TFX_OP_SLICE, 1, 1, {{1, {5}}, {1, {3}}}, {0}, {0, 3}, 0},
    {"axis out of range", TFX_OP_SLICE, 1, 1, {{1, {5}}, {1, {3}}}, {0}, {1, 0}, 0},
    {"outside its tensor", TFX_OP_PAD, 1, 1, {{1, {3}}, {1, {5}}}, {0}, {0, 3}, 0},
    {"do not fill", TFX_OP_CONCAT, 2, 1, {{1, {3}}, {1, {3}}, {1, {5}}}, {0}, {0}, 0},
    {"axes that are kept", TFX_OP_SUM, 1, 1, {{2, {3, 4}}, {1, {3}}}, {0}, {1}, 0},
    {"inner dimensions", TFX_OP_MATMUL, 2, 1, {{2, {3, 4}}, {2, {3, 4}}, {2, {3, 4}}}, {0}, {0}, 1},
    {"leading dimensions", TFX_OP_MATMUL, 2, 1, {{3, {2, 3, 4}}, {3, {1, 4, 5}}, {3, {2, 3, 5}}}, {0}, {0}, 1},
    {"transposed batch", TFX_OP_MATMUL, 2, 1, {{3, {2, 4, 3}}, {2, {4, 5}}, {3, {2, 3, 5}}}, {0}, {TFX_TRANS_A}, 1},
    {"two f32 or two bf16 tensors", TFX_OP_MATMUL, 2, 1, {{2, {3, 4}}, {2, {4, 5}}, {2, {3, 5}}}, {TFX_BF16}, {0}, 1},
    {"keeps its shape", TFX_OP_SOFTMAX, 1, 1, {{1, {5}}, {1, {3}}}, {0}, {0}, 0},
    {"unknown norm", TFX_OP_NORM, 1, 1, {{1, {5}}, {1, {5}}}, {0}, {4}, 0},
    {"must be even", TFX_OP_ROPE, 1, 1, {{4, {1, 2, 3, 4}}, {4, {1, 2, 3, 4}}}, {0}, {3, 1}, 10000},
    {"sign", TFX_OP_ROPE, 1, 1, {{4, {1, 2, 3, 4}}, {4, {1, 2, 3, 4}}}, {0}, {2, 0}, 10000},
    {"positions must be", TFX_OP_ROPE, 2, 1, {{4, {1, 2, 3, 4}}, {2, {1, 2}}, {4, {1, 2, 3, 4}}}, {0}, {2, 1}, 10000},
    {"positions must be",
     TFX_OP_ROPE,
     2,
     1,
     {{4, {1, 2, 3, 4}}, {2, {2, 2}}, {4, {1, 2, 3, 4}}},
     {0, TFX_I32},
     {2, 1},
     10000},
    {"rows of another shape",
     TFX_OP_INSERT,
     3,
     1,
     {{3, {1, 5, 4}}, {3, {1, 2, 3}}, {2, {1, 2}}, {3, {1, 5, 4}}},
     {0, 0, TFX_I32},
     {0},
     0},
    {"positions must be",
     TFX_OP_INSERT,
     3,
     1,
     {{3, {1, 5, 4}}, {3, {1, 2, 4}}, {2, {1, 3}}, {3, {1, 5, 4}}},
     {0, 0, TFX_I32},
     {0},
     0},
    {"another batch or head",
     TFX_OP_ATTENTION_CACHED,
     4,
     1,
     {{4, {1, 2, 2, 4}}, {4, {1, 5, 3, 4}}, {4, {1, 5, 3, 4}}, {2, {1, 2}}, {4, {1, 2, 2, 4}}},
     {0, 0, 0, TFX_I32},
     {0},
     1},
    {"unknown kind",
     TFX_OP_ATTENTION_CACHED,
     4,
     1,
     {{4, {1, 2, 2, 4}}, {4, {1, 5, 2, 4}}, {4, {1, 5, 2, 4}}, {2, {1, 2}}, {4, {1, 2, 2, 4}}},
     {0, 0, 0, TFX_I32},
     {TFX_ATTENTION_BIDIRECTIONAL},
     1},
    {"unknown kind",
     TFX_OP_ATTENTION,
     3,
     2,
     {{4, {1, 5, 2, 4}}, {4, {1, 5, 2, 4}}, {4, {1, 5, 2, 4}}, {4, {1, 5, 2, 4}}, {3, {1, 2, 5}}},
     {0},
     {4},
     1},
    {"different shapes",
     TFX_OP_ATTENTION,
     3,
     2,
     {{4, {1, 5, 4, 4}}, {4, {1, 5, 3, 4}}, {4, {1, 5, 3, 4}}, {4, {1, 5, 4, 4}}, {3, {1, 4, 5}}},
     {0},
     {0},
     1},
    {"positions must be",
     TFX_OP_ATTENTION_CACHED,
     4,
     1,
     {{4, {1, 2, 2, 4}}, {4, {1, 5, 2, 4}}, {4, {1, 5, 2, 4}}, {2, {1, 2}}, {4, {1, 2, 2, 4}}},
     {0},
     {0},
     1},
    {"lse",
     TFX_OP_ATTENTION,
     3,
     2,
     {{4, {1, 5, 2, 4}}, {4, {1, 5, 2, 4}}, {4, {1, 5, 2, 4}}, {4, {1, 5, 2, 4}}, {3, {1, 5, 2}}},
     {0},
     {0},
     1},
    {"gives f32", TFX_OP_MATMUL, 2, 1, {{2, {3, 4}}, {2, {4, 5}}, {2, {3, 5}}}, {TFX_BF16, TFX_BF16, TFX_BF16}, {0}, 1},
    {"different dtypes",
     TFX_OP_ATTENTION,
     3,
     2,
     {{4, {1, 5, 2, 4}}, {4, {1, 5, 2, 4}}, {4, {1, 5, 2, 4}}, {4, {1, 5, 2, 4}}, {3, {1, 2, 5}}},
     {TFX_BF16, TFX_BF16},
     {0},
     1},
    {"gives f32",
     TFX_OP_ATTENTION,
     3,
     2,
     {{4, {1, 5, 2, 4}}, {4, {1, 5, 2, 4}}, {4, {1, 5, 2, 4}}, {4, {1, 5, 2, 4}}, {3, {1, 2, 5}}},
     {TFX_BF16, TFX_BF16, TFX_BF16, TFX_BF16},
     {0},
     1},
    {"i32 indices", TFX_OP_GATHER, 2, 1, {{2, {5, 3}}, {1, {2}}, {2, {2, 3}}}, {0}, {0}, 0},
    {"another shape", TFX_OP_GATHER, 2, 1, {{2, {5, 3}}, {1, {2}}, {2, {2, 4}}}, {0, TFX_I32}, {0}, 0},
    {"i32 targets", TFX_OP_CROSS_ENTROPY, 2, 2, {{2, {5, 3}}, {1, {5}}, {1, {5}}, {1, {5}}}, {0}, {0}, 0},
    {"without a class", TFX_OP_CUSTOM, 1, 1, {{1, {5}}, {1, {5}}}, {0}, {0}, 0},
    {"not computed by steps", TFX_OP_RESHAPE, 1, 1, {{1, {5}}, {1, {5}}}, {0}, {0}, 0},
    {"from one to all", TFX_OP_TOPK, 1, 1, {{2, {3, 4}}, {2, {3, 4}}}, {0}, {0}, 0},
    {"from one to all", TFX_OP_TOPK, 1, 1, {{2, {3, 4}}, {2, {3, 4}}}, {0}, {5}, 0},
    {"topk takes and gives f32", TFX_OP_TOPK, 1, 1, {{2, {3, 4}}, {2, {4, 3}}}, {0}, {1}, 0},
    {"topk takes and gives f32", TFX_OP_TOPK, 1, 1, {{2, {3, 4}}, {2, {3, 4}}}, {TFX_I32}, {1}, 0},
    {"unknown comparison", TFX_OP_COMPARE, 2, 1, {{1, {5}}, {1, {5}}, {1, {5}}}, {0}, {7}, 0},
    {"one shape", TFX_OP_MAX, 2, 1, {{1, {5}}, {1, {4}}, {1, {5}}}, {0}, {0}, 0},
    {"not computed by steps", (tfx_op)200, 1, 1, {{1, {5}}, {1, {5}}}, {0}, {0}, 0},
};

START_TEST(misfits_are_refused)
{
    const refusal *r = &refusals[_i];
    const tfx_backend_class *cls = cpu_backend();
    program *g = program_create();
    tfx_value v[5] = {0};
    for (uint32_t i = 0; i < r->n_in + r->n_out; i++)
        v[i] = program_value(g, r->dtypes[i] ? r->dtypes[i] : TFX_F32, r->s[i], TFX_BUFFER_ARENA);
    tfx_node *n = ADD_SINGLE(g, r->op, r->n_in, r->n_out, v[0], v[1], v[2], v[3], v[4]);
    n->ints[0] = r->ints[0], n->ints[1] = r->ints[1], n->reals[0] = r->real;
    tfx_backend *b = open_cpu(1);
    ck_assert_int_eq(cls->supports(b, &g->p, n), 0);
    tfx_exec *e = NULL;
    ck_assert_int_eq(cls->compile(b, &g->p, &e), TFX_E_UNSUPPORTED);
    ck_assert_ptr_null(e);
    ck_assert_msg(strstr(host_message, r->says) != NULL, "\"%s\" does not say \"%s\"", host_message, r->says);
    cls->close(b);
    program_destroy(g);
}
END_TEST

/* Whatever the op, operands and results are counted before anything looks at them. */
START_TEST(operands_are_counted_first)
{
    const tfx_backend_class *cls = cpu_backend();
    tfx_backend *b = open_cpu(1);
    for (int op = 0; op <= TFX_OP_CUSTOM + 1; op++) {
        program *g = program_create();
        tfx_value v = result(g, SHAPE(2, 3));
        for (uint32_t n_in = 0; n_in < 8; n_in++) {
            tfx_node *n = add_node(g, (tfx_op)op, n_in, n_in % 2 * 4, v, v, v, v, v, v, v, v, v, v, v, v);
            if (!(op == TFX_OP_STORE && n_in == 2))
                ck_assert_int_eq(cls->supports(b, &g->p, n), 0);
        }
        program_destroy(g);
    }
    cls->close(b);
}
END_TEST

START_TEST(steps_that_cannot_run_are_refused)
{
    const tfx_backend_class *cls = cpu_backend();
    shape s = SHAPE(4);
    static const char *const says[] = {"operand that has no place",
                                       "result that has no place",
                                       "only pointwise",
                                       "domain",
                                       "without nodes",
                                       "rows differ"};
    for (int i = 0; i < 6; i++) {
        program *g = program_create();
        tfx_value x = random_input(g, s, 1), y = result(g, s), z = result(g, s), nowhere = inside(g, s);
        if (i == 0) {
            ADD_SINGLE(g, TFX_OP_ADD, 2, 1, x, nowhere, y);
        } else if (i == 1) {
            g->tensors[y].offset = 1 << 20; /* beyond the arena */
            ADD_SINGLE(g, TFX_OP_ADD, 2, 1, x, x, y);
        } else {
            add_node(g, TFX_OP_ADD, 2, 1, x, x, y);
            if (i == 2)
                add_node(g, TFX_OP_PERMUTE, 1, 1, y, z);
            else if (i == 5)
                add_node(g, TFX_OP_SOFTMAX, 1, 1, y, z);
            else
                add_node(g, TFX_OP_MUL, 2, 1, y, y, z);
            add_step(g, i == 4 ? 0 : 2, i == 3 ? SHAPE(5) : i == 5 ? SHAPE(2, 2) : s);
        }
        tfx_backend *b = open_cpu(1);
        tfx_exec *e = NULL;
        ck_assert_int_eq(cls->compile(b, &g->p, &e), TFX_E_UNSUPPORTED);
        ck_assert_msg(strstr(host_message, says[i]) != NULL, "\"%s\" does not say \"%s\"", host_message, says[i]);
        cls->close(b);
        program_destroy(g);
    }
}
END_TEST

/* ---- custom ops ---- */

static void scale_run(const tfx_kernel_args *a)
{
    const float *x = a->in[0], *y = a->in[1];
    float *out = a->out;
    int64_t n = a->out_info->dims[0], from = n * a->part / a->n_parts, to = n * (a->part + 1) / a->n_parts;
    for (int64_t i = from; i < to; i++)
        out[i] = x[i] * (float)a->reals[0] + y[0] * (float)a->ints[1] + (float)a->n_parts;
}

static const tfx_kernel other_kernel = {sizeof(tfx_kernel), "gpu", NULL};
static const tfx_kernel scale_kernel = {sizeof(tfx_kernel), "cpu", scale_run};
static const tfx_kernel *const kernels[] = {&other_kernel, &scale_kernel, NULL};
static const tfx_kernel *const gpu_only[] = {&other_kernel, NULL};

START_TEST(custom_kernels_run_in_parts)
{
    shape s = SHAPE(1001);
    static const tfx_op_class op = {.struct_size = sizeof(op), .id = "test.scale/1", .kernels = kernels};
    program *g = program_create();
    tfx_value x = random_input(g, s, 1), y = random_input(g, SHAPE(1), 1), z = result(g, s);
    tfx_node *n = ADD_SINGLE(g, TFX_OP_CUSTOM, 2, 1, x, y, z);
    n->custom = &op;
    n->reals[0] = 2, n->ints[1] = 3;
    for (int threads = 1; threads <= 3; threads++) {
        program_run_twice(g, threads);
        const float *xs = program_data(g, x), *ys = program_data(g, y), *zs = program_data(g, z);
        for (int i = 0; i < 1001; i++)
            if (fabsf(zs[i] - (xs[i] * 2 + ys[0] * 3 + (float)threads)) > 1e-6f)
                ck_abort_msg("element %d is %g", i, zs[i]);
    }
    static const tfx_op_class elsewhere = {.struct_size = sizeof(op), .id = "test.gpu/1", .kernels = gpu_only};
    n->custom = &elsewhere;
    tfx_backend *b = open_cpu(1);
    ck_assert_int_eq(cpu_backend()->supports(b, &g->p, n), 0);
    cpu_backend()->close(b);
    program_destroy(g);
}
END_TEST

static uint64_t ask_scratch(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals)
{
    (void)n_in, (void)in, (void)reals;
    return (uint64_t)ints[1];
}

/* Phase 0 numbers eight places, by way of the part's own memory; each further one turns them around, which needs what other
 * parts wrote, and counts. The two halves of the shared memory take turns. */
static void count_phases(const tfx_kernel_args *a)
{
    int64_t *to = (int64_t *)a->scratch + (a->phase % 2) * 8, *from = (int64_t *)a->scratch + (a->phase + 1) % 2 * 8;
    int64_t *own = (int64_t *)a->part_scratch + a->ints[1] / 8 - 1;
    for (int64_t i = a->part; i < 8; i += a->n_parts) {
        *own = a->phase ? from[7 - i] + 1 : i;
        to[i] = *own;
        if (a->phase == 3)
            ((float *)a->outs[0])[i] = (float)to[i] + (a->outs[1] ? 1000 : 0);
    }
}

START_TEST(custom_kernels_have_phases_and_scratch)
{
    static const tfx_kernel kernel = {sizeof(tfx_kernel), "cpu", count_phases, 4, ask_scratch, ask_scratch};
    static const tfx_kernel *const these[] = {&kernel, NULL};
    static const tfx_op_class op = {.struct_size = sizeof(op), .id = "test.phases/1", .kernels = these, .n_results = 2};
    program *g = program_create();
    tfx_value x = random_input(g, SHAPE(8), 1), y = result(g, SHAPE(8)), unread = result(g, SHAPE(8));
    tfx_value room = result(g, SHAPE(32));
    tfx_node *n = ADD_SINGLE(g, TFX_OP_CUSTOM, 1, 2, x, y, unread);
    n->custom = &op;
    n->ints[1] = 128;
    ((tfx_tensor *)(uintptr_t)g->p.tensors[unread])->buffer = TFX_BUFFER_NONE;
    tfx_backend *b = open_cpu(1);
    tfx_exec *exec = NULL;
    ck_assert_int_eq(cpu_backend()->supports(b, &g->p, n), 0); /* there is no scratch memory */
    n->scratch_bytes = 127;
    ck_assert_int_eq(cpu_backend()->supports(b, &g->p, n), 0);
    n->scratch_bytes = 128;
    ck_assert_int_eq(cpu_backend()->supports(b, &g->p, n), 1);
    ck_assert_uint_ge(cpu_backend()->workspace(b, &g->p), 128);
    n->scratch_offset = g->p.arena_bytes - 64; /* and ends outside */
    ck_assert_int_ne(cpu_backend()->compile(b, &g->p, &exec), TFX_OK);
    ck_assert_ptr_null(exec);
    n->scratch_offset = g->p.tensors[room]->offset;
    n->n_out = 1;
    ck_assert_int_eq(cpu_backend()->supports(b, &g->p, n), 0);
    n->n_out = 2;
    cpu_backend()->close(b);
    for (int threads = 1; threads <= 3; threads++) {
        program_run_twice(g, threads);
        const float *out = program_data(g, y);
        for (int i = 0; i < 8; i++)
            if (out[i] != (float)(10 - i))
                ck_abort_msg("with %d threads, element %d is %g", threads, i, (double)out[i]);
    }
    program_destroy(g);
}
END_TEST

/* ---- programs as a whole ---- */

START_TEST(an_empty_program_runs)
{
    program *g = program_create();
    program_run_twice(g, 2);
    tfx_backend *b = open_cpu(2);
    ck_assert_uint_eq(cpu_backend()->workspace(b, &g->p), 0);
    cpu_backend()->close(b);
    program_destroy(g);
}
END_TEST

/* Scratch memory is what the largest step needs, per thread, not a sum over steps. */
START_TEST(workspace_is_shared_by_steps)
{
    const tfx_backend_class *cls = cpu_backend();
    shape s = SHAPE(1, 256, 2, 16);
    program *g = program_create();
    tfx_value q = random_input(g, s, 1), o = result(g, s), lse = result(g, SHAPE(1, 2, 256));
    uint64_t bytes[3];
    tfx_backend *b = open_cpu(1);
    for (int i = 0; i < 2; i++) {
        ADD_SINGLE(g, TFX_OP_ATTENTION, 3, 2, q, q, q, o, lse)->reals[0] = 1;
        bytes[i] = cls->workspace(b, &g->p);
    }
    cls->close(b);
    b = open_cpu(2);
    bytes[2] = cls->workspace(b, &g->p);
    cls->close(b);
    ck_assert_uint_gt(bytes[0], 0);
    ck_assert_uint_eq(bytes[1], bytes[0]);
    ck_assert_uint_eq(bytes[2], 2 * bytes[0]);
    ck_assert_uint_lt(bytes[0], 2 * 256 * 256 * sizeof(float)); /* never all scores of all heads */
    program_destroy(g);
}
END_TEST

START_TEST(profile_adds_up_over_runs)
{
    const tfx_backend_class *cls = cpu_backend();
    shape s = SHAPE(200000);
    program *g = program_create();
    tfx_value x = random_input(g, s, 1), y = result(g, s), z = result(g, SCALAR);
    ADD_SINGLE(g, TFX_OP_UNARY, 1, 1, x, y)->ints[0] = TFX_EXP;
    ADD_SINGLE(g, TFX_OP_SUM, 1, 1, y, z)->ints[0] = 1;
    tfx_backend *b = open_cpu(2);
    tfx_buffer *state, *arena;
    tfx_exec *e;
    ck_assert_int_eq(cls->buffer_create(b, g->p.state_bytes, &state), TFX_OK);
    ck_assert_int_eq(cls->buffer_create(b, g->p.arena_bytes, &arena), TFX_OK);
    ck_assert_int_eq(cls->compile(b, &g->p, &e), TFX_OK);
    double before[2], after[2];
    cls->profile(e, before);
    ck_assert(before[0] == 0 && before[1] == 0);
    cls->run(e, state, arena);
    cls->profile(e, before);
    cls->run(e, state, arena);
    cls->profile(e, after);
    for (int i = 0; i < 2; i++)
        ck_assert(before[i] > 0 && after[i] > before[i]);
    cls->exec_destroy(e);
    cls->exec_destroy(NULL);
    cls->buffer_destroy(b, state);
    cls->buffer_destroy(b, arena);
    cls->close(b);
    program_destroy(g);
}
END_TEST

/* Many short steps: threads that sleep, spin and steal must neither lose nor repeat work. */
START_TEST(many_short_steps)
{
    enum { STEPS = 200 };
    shape s = SHAPE(40000);
    program *g = program_create();
    tfx_value x = random_input(g, s, 1);
    memset(program_data(g, x), 0, value_bytes(g, x));
    for (int i = 0; i < STEPS; i++) {
        tfx_node *n = ADD_SINGLE(g, TFX_OP_AFFINE, 1, 1, x, x);
        n->reals[0] = 1, n->reals[1] = 1;
    }
    for (int threads = 1; threads <= 8; threads++) {
        program_run(g, threads);
        const float *xs = program_data(g, x);
        for (int i = 0; i < 40000; i++)
            if (xs[i] != STEPS)
                ck_abort_msg("element %d went through %g of %d steps", i, xs[i], STEPS);
    }
    program_destroy(g);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cpu: the backend");
    TCase *c = tcase_create("backend");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, says_what_it_is);
    tcase_add_test(c, products_are_by_whom_was_asked);
    tcase_add_test(c, buffers_are_zero_and_aligned);
    tcase_add_test(c, too_large_a_buffer_is_refused);
    tcase_add_loop_test(c, misfits_are_refused, 0, sizeof(refusals) / sizeof(refusals[0]));
    tcase_add_test(c, operands_are_counted_first);
    tcase_add_test(c, steps_that_cannot_run_are_refused);
    tcase_add_test(c, custom_kernels_run_in_parts);
    tcase_add_test(c, custom_kernels_have_phases_and_scratch);
    tcase_add_test(c, an_empty_program_runs);
    tcase_add_test(c, workspace_is_shared_by_steps);
    tcase_add_test(c, profile_adds_up_over_runs);
    tcase_add_test(c, many_short_steps);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

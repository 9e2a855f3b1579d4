/* Custom ops through the builder: when the kernel runs and when the op is lowered, that both
 * compute the same, and what is said of one that cannot be used. */
#include "framework/graph/cost.h"
#include "tests/check_main.h"
#include "tests/graph/lab.h"

enum { N = 37 };

/* A bench whose registry also has the tests' own ops, and one with two results, x less its mean and the mean. */
static void open_with_ops(lab *l)
{
    const char *root = getenv("TFX_BUILD_ROOT"), *built_in = getenv("TFX_PLUGIN_PATH");
    ck_assert_msg(root && built_in, "run through meson test");
    char *path = tfx_printf("%s:%s/tests/graph:%s/tests/conformance/right", built_in, root, root);
    setenv("TFX_PLUGIN_PATH", path, 1);
    free(path);
    lab_open(l);
    l->g.registry = l->registry;
}

static const struct {
    const char *op, *device;
    int training, as_one_node;
} ways[] = {
    {"test.whole/1", "cpu", 0, 1},   {"test.whole/1", "cpu", 1, 1},     {"test.whole/1", NULL, 0, 0},
    {"test.forward/1", "cpu", 0, 1}, {"test.forward/1", "cpu", 1, 0}, /* no vjp: a gradient needs its parts */
    {"test.foreign/1", "cpu", 0, 0}, {"test.foreign/1", "other", 0, 1},
};

START_TEST(kernel_or_lowered)
{
    lab l;
    open_with_ops(&l);
    dice d = {.seed = 2};
    tfx_value x = lab_filled(&l, TFX_STATE_PARAM, SHAPE(N), &d, -1, 1), grad = TFX_POISON;
    l.g.device = ways[_i].device;
    l.g.training = ways[_i].training;
    tfx_value y = l.b.custom(&l.b, ways[_i].op, 1, &x, 1, (int64_t[]){3}, 1, (double[]){0.5});
    lab_ok(&l);
    int custom = l.g.nodes[l.g.values[y].node].op == TFX_OP_CUSTOM;
    ck_assert_int_eq(custom, ways[_i].as_one_node);
    if (custom && ways[_i].device && strcmp(ways[_i].device, "cpu")) {
        lab_close(&l);
        return; /* this backend cannot run it */
    }
    tfx_value outputs[2] = {y};
    if (ways[_i].training)
        tfx_autodiff(&l.g, y, 1, &x, 1, &grad);
    outputs[1] = grad;
    lab_program p = lab_plan(&l, outputs, grad ? 2 : 1, FUSE | REUSE);
    float out[N], slope[N];
    lab_run(&l, &p);
    lab_output(&l, &p, 0, out);
    if (grad)
        lab_output(&l, &p, 1, slope);
    double worst = 0;
    for (int i = 0; i < N; i++) {
        double at = (double)((float *)lab_data(&l, x))[i];
        worst = fmax(worst, fabs((double)out[i] - (0.5 * at * at + 3)));
        if (grad)
            worst = fmax(worst, fabs((double)slope[i] - at));
    }
    ck_assert_msg(worst < 1e-6, "off by %g", worst);
    lab_program_finish(&l, &p);
    lab_close(&l);
}
END_TEST

/* What is built for the backward pass needs no gradient of its own: its kernel is used. */
START_TEST(kernel_of_an_adjoint)
{
    lab l;
    open_with_ops(&l);
    dice d = {.seed = 2};
    tfx_value x = lab_filled(&l, TFX_STATE_PARAM, SHAPE(N), &d, 1, 2), grad = TFX_POISON;
    l.g.device = "cpu";
    l.g.training = 1;
    tfx_value y = l.b.custom(&l.b, "test.adjoint/1", 1, &x, 1, (int64_t[]){3}, 1, (double[]){0.5});
    tfx_autodiff(&l.g, y, 1, &x, 1, &grad);
    lab_ok(&l);
    int found = 0;
    for (uint32_t i = 0; i < l.g.n_nodes; i++)
        found += l.g.nodes[i].op == TFX_OP_CUSTOM && l.g.nodes[i].backward;
    ck_assert_int_eq(found, 1);
    lab_program p = lab_plan(&l, &grad, 1, FUSE | REUSE);
    float slope[N];
    lab_run(&l, &p);
    lab_output(&l, &p, 0, slope);
    double worst = 0;
    for (int i = 0; i < N; i++)
        worst = fmax(worst, fabs((double)slope[i] - (double)((float *)lab_data(&l, x))[i]));
    ck_assert_msg(worst < 1e-6, "off by %g", worst);
    lab_program_finish(&l, &p);
    lab_close(&l);
}
END_TEST

START_TEST(mistakes)
{
    lab l;
    open_with_ops(&l);
    l.g.device = "cpu";
    tfx_value x = lab_param(&l, SHAPE(N)), matrix = lab_param(&l, SHAPE(2, 3));
    ck_assert_uint_eq(l.b.custom(&l.b, "test.hole/1", 1, &x, 0, NULL, 0, NULL), TFX_POISON);
    ERROR_SAYS(&l.err, "custom op test.hole/1", "test.whole/1");
    l.err = (tfx_error){0};
    ck_assert_uint_eq(l.b.custom(&l.b, "test.whole/1", 1, &matrix, 0, NULL, 0, NULL), TFX_POISON);
    ERROR_SAYS(&l.err, "custom op", "test.whole/1", "expected one vector, found 1 operands");
    l.err = (tfx_error){0};
    int64_t many[TFX_MAX_INTS + 1] = {0};
    ck_assert_uint_eq(l.b.custom(&l.b, "test.whole/1", 1, &x, TFX_MAX_INTS + 1, many, 0, NULL), TFX_POISON);
    ERROR_SAYS(&l.err, "custom op test.whole/1", "8 ints");
    l.err = (tfx_error){0};
    ck_assert_uint_eq(l.b.custom(&l.b, "test.foreign/1", 1, &x, TFX_MAX_INTS + 1, many, 0, NULL), TFX_POISON);
    ERROR_SAYS(&l.err, "custom op test.foreign/1: too many attributes");
    l.err = (tfx_error){0};
    tfx_value poison = TFX_POISON;
    ck_assert_uint_eq(l.b.custom(&l.b, "test.whole/1", 1, &poison, 0, NULL, 0, NULL), TFX_POISON);
    lab_ok(&l);
    tfx_value two[3];
    ck_assert_uint_eq(l.b.custom(&l.b, "test.good_op_results/1", 1, &x, 0, NULL, 0, NULL), TFX_POISON);
    ERROR_SAYS(&l.err, "custom op test.good_op_results/1 has 2 results: build it by `custom_results`");
    l.err = (tfx_error){0};
    l.b.custom_results(&l.b, "test.good_op_results/1", 1, &x, 0, NULL, 0, NULL, 3, two);
    ck_assert(!two[0] && !two[1] && !two[2]);
    ERROR_SAYS(&l.err, "custom op test.good_op_results/1 has 2 results; found room for 3");
    l.err = (tfx_error){0};
    l.b.custom_results(&l.b, "test.whole/1", 1, &x, 0, NULL, 0, NULL, 2, two);
    ERROR_SAYS(&l.err, "custom op test.whole/1 has 1 result; found room for 2");
    l.err = (tfx_error){0};
    l.b.custom_results(&l.b, "test.good_op_results/1", 1, &poison, 0, NULL, 0, NULL, 2, two);
    ck_assert(!two[0] && !two[1]);
    lab_ok(&l);
    lab_close(&l);
}
END_TEST

/* Both results, their gradients together, and each of them alone; by the kernel, and on a backend that has no such kernels. */
static const struct {
    int special, training;
    uint32_t results; /* bit k: result k is read */
} results_ways[] = {{1, 1, 3}, {1, 1, 1}, {1, 1, 2}, {1, 0, 3}, {1, 0, 1}, {1, 0, 2}, {0, 1, 3}, {0, 0, 3}};

START_TEST(several_results)
{
    lab l;
    open_with_ops(&l);
    dice d = {.seed = 2};
    uint32_t read = results_ways[_i].results;
    tfx_value x = lab_filled(&l, TFX_STATE_PARAM, SHAPE(N), &d, -1, 1), grad = TFX_POISON, y[2];
    l.g.device = "cpu";
    l.g.special_kernels = results_ways[_i].special;
    l.g.training = results_ways[_i].training;
    l.b.custom_results(&l.b, "test.good_op_results/1", 1, &x, 0, NULL, 0, NULL, 2, y);
    lab_ok(&l);
    const tfx_graph_node *node = &l.g.nodes[l.g.values[y[0]].node];
    ck_assert_int_eq(node->op == TFX_OP_CUSTOM, results_ways[_i].special);
    ck_assert(!results_ways[_i].special || (node->n_out == 2 && node->scratch == 16 * sizeof(double)));
    /* sum of (y0 y0) and 3 y1, of what is read */
    tfx_value square = l.b.sum(&l.b, l.b.mul(&l.b, y[0], y[0]), 1, (int[]){0}, 0), loss;
    tfx_value third = l.b.affine(&l.b, y[1], 3, 0);
    loss = read == 3 ? l.b.add(&l.b, square, third) : read == 1 ? square : third;
    if (results_ways[_i].training)
        tfx_autodiff(&l.g, loss, 1, &x, 1, &grad);
    tfx_value outputs[2] = {loss, grad};
    lab_program p = lab_plan(&l, outputs, grad ? 2 : 1, FUSE | REUSE);
    float out[1], slope[N];
    for (uint32_t i = 0; i < p.placement->program.n_steps; i++) {
        const tfx_node *n = p.placement->program.steps[i]->nodes[0];
        for (uint32_t k = 0; n->op == TFX_OP_CUSTOM && k < 2; k++)
            ck_assert_int_eq(p.placement->program.tensors[n->out[k]]->buffer != TFX_BUFFER_NONE, read >> k & 1);
        if (n->op == TFX_OP_CUSTOM)
            ck_assert(n->scratch_bytes == 16 * sizeof(double) && n->scratch_offset % 64 == 0 &&
                      n->scratch_offset + n->scratch_bytes <= p.placement->program.arena_bytes);
    }
    lab_run(&l, &p);
    lab_output(&l, &p, 0, out);
    if (grad)
        lab_output(&l, &p, 1, slope);
    double mean = 0, expected = 0, worst = 0;
    const float *at = lab_data(&l, x);
    for (int i = 0; i < N; i++)
        mean += (double)at[i] / N;
    for (int i = 0; i < N && read & 1; i++)
        expected += ((double)at[i] - mean) * ((double)at[i] - mean);
    expected += read & 2 ? 3 * mean : 0;
    worst = fabs((double)out[0] - expected);
    for (int i = 0; i < N && grad; i++) {
        double g = (read & 1 ? 2 * ((double)at[i] - mean) : 0) + (read & 2 ? 3.0 / N : 0);
        worst = fmax(worst, fabs((double)slope[i] - g));
    }
    ck_assert_msg(worst < 2e-6, "off by %g", worst);
    lab_program_finish(&l, &p);
    lab_close(&l);
}
END_TEST

static tfx_status like_first(const tfx_host *host, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                             const double *reals, uint32_t *n_dims, int64_t *dims)
{
    (void)host, (void)n_in, (void)ints, (void)reals;
    *n_dims = in[0]->n_dims;
    memcpy(dims, in[0]->dims, sizeof(int64_t) * in[0]->n_dims);
    return TFX_OK;
}

static double counted(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals)
{
    (void)reals;
    return (double)in[0]->dims[0] * (double)n_in * (double)ints[0];
}

/* What an op says it takes counts; nonsense is its author's mistake. */
START_TEST(flops_count)
{
    tfx_op_class cls = {.struct_size = sizeof(cls), .id = "test.counted/1", .infer = like_first, .flops = counted};
    lab l;
    lab_open(&l);
    tfx_value x = lab_param(&l, SHAPE(N)), y;
    tfx_emit_custom(&l.g, &cls, 2, (tfx_value[]){x, x}, 1, (int64_t[]){5}, 0, NULL, &y);
    lab_ok(&l);
    ck_assert_msg(tfx_graph_cost(&l.g).flops == 2 * 5 * N, "%g", tfx_graph_cost(&l.g).flops);
    cls.struct_size = offsetof(tfx_op_class, flops); /* compiled against ABI 1.0 */
    tfx_emit_custom(&l.g, &cls, 1, &x, 1, (int64_t[]){5}, 0, NULL, &y);
    ck_assert_msg(tfx_graph_cost(&l.g).flops == 2 * 5 * N, "%g", tfx_graph_cost(&l.g).flops);
    cls.struct_size = sizeof(cls);
    tfx_emit_custom(&l.g, &cls, 1, &x, 1, (int64_t[]){-5}, 0, NULL, &y);
    ERROR_SAYS(&l.err, "`flops` gave -185; expected a number of operations");
    lab_close(&l);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph/custom");
    TCase *c = tcase_create("custom");
    tcase_add_loop_test(c, kernel_or_lowered, 0, (int)(sizeof(ways) / sizeof(*ways)));
    tcase_add_test(c, kernel_of_an_adjoint);
    tcase_add_test(c, mistakes);
    tcase_add_loop_test(c, several_results, 0, (int)(sizeof(results_ways) / sizeof(*results_ways)));
    tcase_add_test(c, flops_count);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

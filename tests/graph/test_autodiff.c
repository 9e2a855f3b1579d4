/* Autodiff beyond single ops: accumulation, what gets no gradient, recomputation, dropout's
 * masks, and gradients next to infinities. */
#include "tests/check_main.h"
#include "tests/graph/memory_check.h"

#undef fail /* Check's macro would take host->fail */

/* Runs for the given outputs; n values of the first one go to `out`. */
static void run_once(lab *l, const tfx_value *outputs, uint32_t n_outputs, float *out, uint64_t n)
{
    lab_program p = lab_plan(l, outputs, n_outputs, FUSE | REUSE);
    lab_run(l, &p);
    ck_assert_uint_eq(lab_output_count(&p, 0), n);
    lab_output(l, &p, 0, out);
    lab_program_finish(l, &p);
}

static tfx_value numbers(lab *l, tfx_state_kind kind, shape s, const float *values)
{
    tfx_value v = lab_tensor(l, kind, TFX_F32, s);
    memcpy(lab_data(l, v), values, shape_count(s) * sizeof(float));
    return v;
}

START_TEST(seed_and_accumulator)
{
    lab l;
    lab_open(&l);
    tfx_value x = numbers(&l, TFX_STATE_PARAM, SHAPE(3), (float[]){1, 2, 3});
    tfx_value so_far = numbers(&l, TFX_STATE_SCRATCH, SHAPE(3), (float[]){10, 20, 30}), grad = so_far;
    tfx_autodiff(&l.g, l.b.mul(&l.b, x, x), 0.25, &x, 1, &grad);
    float out[3];
    run_once(&l, &grad, 1, out, 3);
    ck_assert(out[0] == 10.5f && out[1] == 21 && out[2] == 31.5f); /* + 2 x / 4 */
    lab_close(&l);
}
END_TEST

START_TEST(what_has_no_gradient)
{
    lab l;
    lab_open(&l);
    tfx_value x = numbers(&l, TFX_STATE_PARAM, SHAPE(2), (float[]){1, 2});
    tfx_value unused = lab_param(&l, SHAPE(2)), input = lab_input(&l, TFX_F32, SHAPE(2));
    tfx_value fixed = lab_param(&l, SHAPE(2)), place = lab_tensor(&l, TFX_STATE_SCRATCH, TFX_F32, SHAPE(2));
    l.g.values[fixed].requires_grad = 0; /* as of a tensor with TFX_PARAM_FIXED */
    tfx_value wrt[] = {x, unused, input, fixed, unused}, grads[] = {0, 0, 0, 0, place};
    tfx_value loss = l.b.mul(&l.b, l.b.add(&l.b, x, input), fixed);
    tfx_autodiff(&l.g, loss, 1, wrt, 4, grads);
    lab_ok(&l);
    ck_assert_uint_ne(grads[0], TFX_POISON);
    ck_assert_uint_eq(grads[1], TFX_POISON);
    ck_assert_uint_eq(grads[2], TFX_POISON);
    ck_assert_uint_eq(grads[3], TFX_POISON);
    tfx_autodiff(&l.g, loss, 1, &wrt[4], 1, &grads[4]);
    ck_assert_uint_eq(grads[4], place); /* what it was */
    lab_close(&l);
}
END_TEST

START_TEST(fixed_parameters_get_none)
{
    lab l;
    lab_open(&l);
    tfx_value x = lab_param(&l, SHAPE(2));
    uint32_t at = tfx_state_add(&l.state, TFX_STATE_PARAM, "tau", TFX_F32, 0, NULL);
    l.state.tensors[at].flags = TFX_PARAM_FIXED;
    tfx_value tau = tfx_emit_state(&l.g, at), wrt[] = {x, tau}, grads[2] = {0};
    ck_assert_int_eq(l.g.values[tau].requires_grad, 0);
    tfx_autodiff(&l.g, l.b.mul(&l.b, x, tau), 1, wrt, 2, grads);
    lab_ok(&l);
    ck_assert(grads[0] != TFX_POISON && grads[1] == TFX_POISON);
    lab_close(&l);
}
END_TEST

START_TEST(auxiliary_results)
{
    lab l;
    lab_open(&l);
    tfx_value x = lab_param(&l, SHAPE(1, 2, 1, 2)), o = l.b.attention(&l.b, x, x, x, 1), grad = TFX_POISON;
    tfx_autodiff(&l.g, o + 1, 1, &x, 1, &grad); /* the log-sum-exp alone */
    ERROR_SAYS(&l.err, "attention: the gradient of an auxiliary result is not defined");
    lab_reset(&l);
    x = lab_param(&l, SHAPE(1, 2, 1, 2));
    o = l.b.attention(&l.b, x, x, x, 1);
    tfx_value both = l.b.add(&l.b, l.b.sum(&l.b, o, 4, (int[]){0, 1, 2, 3}, 0),
                             l.b.sum(&l.b, o + 1, 3, (int[]){0, 1, 2}, 0));
    grad = TFX_POISON;
    tfx_autodiff(&l.g, both, 1, &x, 1, &grad);
    ERROR_SAYS(&l.err, "attention has no derivative");
    lab_close(&l);
}
END_TEST

/* Tied weights: the second gradient is added by the op that makes it, into one buffer. */
START_TEST(tied_weights_share_one_buffer)
{
    lab l;
    lab_open(&l);
    tfx_value table = lab_param(&l, SHAPE(5, 3)), tokens = lab_input(&l, TFX_I32, SHAPE(4)), grad = TFX_POISON;
    tfx_value logits = l.b.matmul(&l.b, l.b.gather(&l.b, table, tokens), table, TFX_TRANS_B, 1);
    tfx_autodiff(&l.g, l.b.cross_entropy(&l.b, logits, tokens), 1, &table, 1, &grad);
    lab_ok(&l);
    const tfx_graph_node *last = &l.g.nodes[l.g.values[grad].node];
    ck_assert_int_eq(last->op, TFX_OP_GATHER_GRAD);
    ck_assert_uint_eq(last->n_in, 3);
    ck_assert_int_eq(l.g.nodes[l.g.values[last->in[2]].node].op, TFX_OP_MATMUL);
    lab_program p = lab_plan(&l, &grad, 1, FUSE | REUSE);
    const tfx_program *program = &p.placement->program;
    const tfx_node *n = program->steps[program->n_steps - 1]->nodes[0];
    ck_assert_int_eq(n->op, TFX_OP_GATHER_GRAD);
    ck_assert_uint_eq(program->tensors[n->in[2]]->offset, program->tensors[n->out[0]]->offset);
    lab_program_finish(&l, &p);
    lab_close(&l);
}
END_TEST

/* ---- recomputation ---- */

enum { BLOCKS = 6, WIDTH = 24, ROWS = 16 };

/* A deep chain of blocks; each a region of its own if asked for. The gradients of all weights
 * and the loss. */
static void build_deep(lab *l, int regions, tfx_value *outputs)
{
    dice d = {.seed = 3};
    tfx_value w[2 * BLOCKS], grads[2 * BLOCKS] = {0};
    tfx_value x = lab_filled(l, TFX_STATE_INPUT, SHAPE(ROWS, WIDTH), &d, -1, 1);
    tfx_value key = lab_input(l, TFX_I32, SHAPE(2));
    memcpy(lab_data(l, key), (int32_t[]){1, 2}, 8);
    for (int i = 0; i < 2 * BLOCKS; i++)
        w[i] = lab_filled(l, TFX_STATE_PARAM, SHAPE(WIDTH, WIDTH), &d, -0.3, 0.3);
    l->g.training = 1;
    l->g.dropout_key = key;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        l->g.region = regions ? i + 1 : 0;
        tfx_value h = l->b.matmul(&l->b, l->b.norm(&l->b, TFX_NORM_LAYER, x, 1e-5), w[2 * i], 0, 1);
        h = l->b.dropout(&l->b, l->b.unary(&l->b, TFX_GELU_ERF, h), 0.2);
        x = l->b.add(&l->b, x, l->b.matmul(&l->b, h, w[2 * i + 1], 0, 1));
        l->g.region = 0;
    }
    tfx_value loss = l->b.sum(&l->b, l->b.mul(&l->b, x, x), 2, (int[]){0, 1}, 0);
    tfx_autodiff(&l->g, loss, 1, w, 2 * BLOCKS, grads);
    lab_ok(l);
    outputs[0] = loss;
    memcpy(outputs + 1, grads, sizeof(grads));
}

START_TEST(recomputation_changes_nothing_but_memory)
{
    enum { N = 2 * BLOCKS + 1 };
    float *found[2];
    uint64_t arena[2];
    tfx_cost cost[2];
    lab l;
    lab_open(&l);
    for (int regions = 0; regions < 2; regions++) {
        tfx_value outputs[N];
        build_deep(&l, regions, outputs);
        lab_program p = lab_plan(&l, outputs, N, FUSE | REUSE);
        char *wrong = memory_check(p.placement, &l.g, outputs, N, TFX_FUSE_ROWS);
        ck_assert_msg(!wrong, "%s", wrong);
        lab_run(&l, &p);
        found[regions] = malloc(sizeof(float) * (1 + 2 * BLOCKS * WIDTH * WIDTH));
        float *at = found[regions];
        for (uint32_t i = 0; i < N; i++) {
            lab_output(&l, &p, i, at);
            at += lab_output_count(&p, i);
        }
        arena[regions] = p.placement->program.arena_bytes;
        cost[regions] = p.placement->cost;
        lab_program_finish(&l, &p);
        lab_reset(&l);
    }
    ck_assert_msg(!memcmp(found[0], found[1], sizeof(float) * (1 + 2 * BLOCKS * WIDTH * WIDTH)),
                  "recomputing changes bits");
    ck_assert(isfinite(found[0][0]) && found[0][0] > 0);
    /* All gradients are outputs and so live to the end; what is saved is activations. */
    uint64_t gradients = 2 * BLOCKS * WIDTH * WIDTH * 4, one = ROWS * WIDTH * 4;
    ck_assert_uint_gt(arena[0], gradients + 2 * BLOCKS * one);   /* h before and after GELU of every block */
    ck_assert_uint_lt(arena[1], gradients + (BLOCKS + 8) * one); /* a block's input each, and one block's own */
    /* Forward: 12 products. Backward: 24, less the one for the gradient of the input. The
     * second product of a block is not needed again. */
    double product = 2.0 * ROWS * WIDTH * WIDTH;
    ck_assert_double_eq(cost[0].flops, 35 * product);
    ck_assert_double_eq(cost[0].recomputed, 0);
    ck_assert_double_eq(cost[1].flops, 35 * product);
    ck_assert_double_eq(cost[1].recomputed, BLOCKS * product);
    free(found[0]);
    free(found[1]);
    lab_close(&l);
}
END_TEST

/* ---- dropout ---- */

START_TEST(dropout_masks)
{
    enum { N = 5000 };
    const double p = 0.3;
    lab l;
    lab_open(&l);
    tfx_value x = lab_param(&l, SHAPE(N)), key = lab_input(&l, TFX_I32, SHAPE(2)), grad = TFX_POISON;
    for (int i = 0; i < N; i++)
        ((float *)lab_data(&l, x))[i] = 1;
    memcpy(lab_data(&l, key), (uint32_t[]){4000000000u, 7}, 8);
    l.g.training = 1;
    l.g.dropout_key = key;
    tfx_value first = l.b.dropout(&l.b, x, p), second = l.b.dropout(&l.b, x, p);
    tfx_autodiff(&l.g, second, 1, &x, 1, &grad);
    tfx_value outputs[] = {first, second, grad};
    lab_program program = lab_plan(&l, outputs, 3, FUSE | REUSE);
    float y[4][N];
    for (int step = 0; step < 2; step++) {
        memcpy(lab_data(&l, key), (uint32_t[]){4000000000u, 7 + (uint32_t)step}, 8);
        lab_run(&l, &program);
        for (uint32_t i = 0; i < (step ? 1u : 3u); i++)
            lab_output(&l, &program, i, y[step ? 3 : i]);
    }
    uint64_t seed = (uint64_t)4000000000u << 32 | 7;
    int wrong = 0, kept = 0, same = 0, same_step = 0, gradient = 0;
    for (uint64_t i = 0; i < N; i++) {
        /* include/tfx/ir.h: kept when the high 32 bits are at least p * 2^32 */
        double high = (double)(tfx_random_u64(seed, 0, i) >> 32);
        float expected = high >= p * 4294967296.0 ? (float)(1 / (1 - p)) : 0;
        wrong += y[0][i] != expected;
        kept += y[0][i] != 0;
        same += (y[0][i] != 0) == (y[1][i] != 0);
        same_step += (y[0][i] != 0) == (y[3][i] != 0);
        gradient += y[2][i] != y[1][i]; /* of x = 1: the mask of that very call */
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(gradient, 0);
    ck_assert_int_lt(abs(kept - (int)(N * (1 - p))), 200); /* six standard deviations */
    ck_assert_int_lt(abs(same - (int)(N * 0.58)), 250);    /* independent: p^2 + (1-p)^2 */
    ck_assert_int_lt(abs(same_step - (int)(N * 0.58)), 250);
    lab_program_finish(&l, &program);
    lab_close(&l);
}
END_TEST

/* ---- infinities and zeros ---- */

/* The adjoint of a slice puts zeros around an infinite gradient, and no NaN. */
START_TEST(slice_next_to_infinity)
{
    lab l;
    lab_open(&l);
    tfx_value x = numbers(&l, TFX_STATE_PARAM, SHAPE(4), (float[]){0, 1, 0, 2}), grad = TFX_POISON;
    tfx_value y = l.b.concat(&l.b, 2, (tfx_value[]){l.b.slice(&l.b, x, 0, 0, 2), l.b.slice(&l.b, x, 0, 3, 1)}, 0);
    tfx_autodiff(&l.g, l.b.unary(&l.b, TFX_LOG, y), 1, &x, 1, &grad);
    float out[4];
    run_once(&l, &grad, 1, out, 4);
    ck_assert_msg(isinf(out[0]) && out[1] == 1 && out[2] == 0 && out[3] == 0.5f, "%g %g %g %g", (double)out[0],
                  (double)out[1], (double)out[2], (double)out[3]);
    lab_close(&l);
}
END_TEST

START_TEST(zero_rows)
{
    static const double eps[] = {0, 1e-12, 1e-5};
    lab l;
    lab_open(&l);
    for (int i = 0; i < 3; i++) {
        tfx_value x = numbers(&l, TFX_STATE_PARAM, SHAPE(2, 2), (float[]){0, 0, 3, 4}), grad = TFX_POISON;
        tfx_value y = l.b.norm(&l.b, TFX_NORM_L2, x, eps[i]);
        tfx_autodiff(&l.g, y, 1, &x, 1, &grad);
        tfx_value outputs[] = {y, grad};
        lab_program p = lab_plan(&l, outputs, 2, FUSE | REUSE);
        float out[4], dx[4];
        lab_run(&l, &p);
        lab_output(&l, &p, 0, out);
        lab_output(&l, &p, 1, dx);
        ck_assert_msg(out[0] == 0 && out[1] == 0 && fabsf(out[2] - 0.6f) < 1e-5f && fabsf(out[3] - 0.8f) < 1e-5f,
                      "eps %g: %g %g %g %g", eps[i], (double)out[0], (double)out[1], (double)out[2], (double)out[3]);
        ck_assert_msg(isfinite(dx[0]) && isfinite(dx[1]) && isfinite(dx[2]) && isfinite(dx[3]),
                      "eps %g: gradient %g %g %g %g", eps[i], (double)dx[0], (double)dx[1], (double)dx[2],
                      (double)dx[3]);
        if (eps[i] > 0) /* x / sqrt(eps) near zero */
            ck_assert_msg(fabs((double)dx[0] * sqrt(eps[i]) - 1) < 1e-5, "eps %g: gradient %g", eps[i], (double)dx[0]);
        lab_program_finish(&l, &p);
        lab_reset(&l);
    }
    lab_close(&l);
}
END_TEST

/* Rows without a target lose nothing and teach nothing. */
START_TEST(masked_rows)
{
    lab l;
    lab_open(&l);
    tfx_value x = numbers(&l, TFX_STATE_PARAM, SHAPE(3, 2), (float[]){1, 2, 3, 4, 5, 6}), grad = TFX_POISON;
    tfx_value targets = lab_input(&l, TFX_I32, SHAPE(3));
    memcpy(lab_data(&l, targets), (int32_t[]){-1, 0, -5}, 12);
    tfx_value loss = l.b.cross_entropy(&l.b, x, targets);
    tfx_autodiff(&l.g, loss, 1, &x, 1, &grad);
    float out[6], losses[3];
    tfx_value both[] = {grad, loss}, only[] = {loss};
    run_once(&l, both, 2, out, 6);
    run_once(&l, only, 1, losses, 3);
    ck_assert(out[0] == 0 && out[1] == 0 && out[4] == 0 && out[5] == 0);
    ck_assert(losses[0] == 0 && losses[2] == 0);
    ck_assert_double_eq_tol((double)losses[1], log(1 + exp(1.0)), 1e-6);
    ck_assert_double_eq_tol((double)out[2], 1 / (1 + exp(1.0)) - 1, 1e-6);
    lab_close(&l);
}
END_TEST

/* A custom op without a vjp cannot be differentiated as it is. */
static tfx_status same_infer(const tfx_host *host, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                             const double *reals, uint32_t *n_dims, int64_t *dims)
{
    (void)host, (void)n_in, (void)ints, (void)reals;
    *n_dims = in[0]->n_dims;
    memcpy(dims, in[0]->dims, sizeof(int64_t) * in[0]->n_dims);
    return TFX_OK;
}
static tfx_status fail_vjp(const tfx_builder *b, uint32_t n_in, const tfx_value *in, tfx_value out, tfx_value dy,
                           const int64_t *ints, const double *reals, tfx_value *dx)
{
    (void)b, (void)n_in, (void)in, (void)out, (void)dy, (void)ints, (void)reals, (void)dx;
    return TFX_E_INVALID;
}

static tfx_status unknown_vjp(const tfx_builder *b, uint32_t n_in, const tfx_value *in, tfx_value out, tfx_value dy,
                              const int64_t *ints, const double *reals, tfx_value *dx)
{
    (void)b, (void)n_in, (void)in, (void)out, (void)dy, (void)ints, (void)reals;
    dx[0] = 4000000000u;
    return TFX_OK;
}

static tfx_status scalar_vjp(const tfx_builder *b, uint32_t n_in, const tfx_value *in, tfx_value out, tfx_value dy,
                             const int64_t *ints, const double *reals, tfx_value *dx)
{
    (void)n_in, (void)in, (void)out, (void)ints, (void)reals;
    dx[0] = b->sum(b, dy, 1, (int[]){0}, 0);
    return TFX_OK;
}

static tfx_status talking_vjp(const tfx_builder *b, uint32_t n_in, const tfx_value *in, tfx_value out, tfx_value dy,
                              const int64_t *ints, const double *reals, tfx_value *dx)
{
    (void)n_in, (void)in, (void)out, (void)dy, (void)ints, (void)reals, (void)dx;
    return b->host->fail(b->host, TFX_E_UNSUPPORTED, "not of such values");
}

static const struct {
    tfx_status (*vjp)(const tfx_builder *b, uint32_t n_in, const tfx_value *in, tfx_value out, tfx_value dy,
                      const int64_t *ints, const double *reals, tfx_value *dx);
    const char *says;
} bad_vjps[] = {
    {fail_vjp, "custom op test.same/1: `vjp` failed without a message"},
    {talking_vjp, "custom op test.same/1: not of such values"},
    {unknown_vjp, "custom op test.same/1: `vjp` gave operand 0 a gradient that does not exist"},
    {scalar_vjp, "custom op test.same/1: `vjp` gave operand 0 a gradient of another shape or dtype"},
};

START_TEST(custom_ops)
{
    lab l;
    lab_open(&l);
    tfx_op_class cls = {.struct_size = sizeof(cls), .id = "test.same/1", .infer = same_infer};
    tfx_value x = lab_param(&l, SHAPE(2)), grad = TFX_POISON, y;
    tfx_emit_custom(&l.g, &cls, 1, &x, 0, NULL, 0, NULL, &y);
    ck_assert_uint_ne(y, TFX_POISON);
    tfx_autodiff(&l.g, y, 1, &x, 1, &grad);
    ERROR_SAYS(&l.err, "test.same/1 has no derivative, but a trained parameter is below it");
    for (size_t i = 0; i < sizeof(bad_vjps) / sizeof(*bad_vjps); i++) {
        lab_reset(&l);
        cls.vjp = bad_vjps[i].vjp;
        x = lab_param(&l, SHAPE(2));
        tfx_emit_custom(&l.g, &cls, 1, &x, 0, NULL, 0, NULL, &y);
        grad = TFX_POISON;
        tfx_autodiff(&l.g, y, 1, &x, 1, &grad);
        ERROR_SAYS(&l.err, bad_vjps[i].says);
    }
    lab_close(&l);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph/autodiff");
    TCase *c = tcase_create("autodiff");
    tcase_add_test(c, seed_and_accumulator);
    tcase_add_test(c, what_has_no_gradient);
    tcase_add_test(c, fixed_parameters_get_none);
    tcase_add_test(c, auxiliary_results);
    tcase_add_test(c, tied_weights_share_one_buffer);
    tcase_add_test(c, recomputation_changes_nothing_but_memory);
    tcase_add_test(c, dropout_masks);
    tcase_add_test(c, slice_next_to_infinity);
    tcase_add_test(c, zero_rows);
    tcase_add_test(c, masked_rows);
    tcase_add_test(c, custom_ops);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

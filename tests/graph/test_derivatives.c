/* Every op's derivative against finite differences.
 *
 * The loss is sum(out * w) with fixed random w, summed here in double precision, so that
 * all that is rounded to f32 is each element of `out`. Its derivative by Richardson's rule,
 * (4 D(h/2) - D(h)) / 3 with central differences D, is wrong by O(h^4) of the fifth
 * derivative, about 1e-6 for h = 1/32, and by the rounding of `out` over h: 6e-8 * 32 * 3
 * per element, 6e-6. The bound of 2e-4 of the gradient's norm leaves a factor of ten for
 * the curvature of the functions here (measured: 3e-5 at worst) and is a hundredth of what
 * a wrong factor in any single element would show. */
#include "tests/check_main.h"
#include "tests/graph/derivative_cases.h"

#define STEP 0x1p-5
#define TOLERANCE 2e-4

/* What tests must do about an op. A new op does not compile before it is listed here. */
enum { SOURCE, FORWARD, ADJOINT, INFERENCE, FLAT };
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wswitch"
static int kind_of(tfx_op op)
{
    switch (op) {
    case TFX_OP_INPUT:
    case TFX_OP_PARAM:
    case TFX_OP_CONST:
    case TFX_OP_STORE: /* a sink: nothing flows out of it */ return SOURCE;
    case TFX_OP_ADD:
    case TFX_OP_SUB:
    case TFX_OP_MUL:
    case TFX_OP_DIV:
    case TFX_OP_MAX:
    case TFX_OP_MIN:
    case TFX_OP_AFFINE:
    case TFX_OP_UNARY:
    case TFX_OP_CAST:
    case TFX_OP_DROPOUT:
    case TFX_OP_BROADCAST:
    case TFX_OP_RESHAPE:
    case TFX_OP_PERMUTE:
    case TFX_OP_SLICE:
    case TFX_OP_PAD:
    case TFX_OP_CONCAT:
    case TFX_OP_SUM:
    case TFX_OP_MATMUL:
    case TFX_OP_SOFTMAX:
    case TFX_OP_NORM:
    case TFX_OP_ROPE:
    case TFX_OP_ATTENTION:
    case TFX_OP_GATHER:
    case TFX_OP_CROSS_ENTROPY:
    case TFX_OP_CUSTOM: return FORWARD;
    case TFX_OP_UNARY_GRAD:
    case TFX_OP_SOFTMAX_GRAD:
    case TFX_OP_NORM_GRAD:
    case TFX_OP_ATTENTION_GRAD:
    case TFX_OP_GATHER_GRAD:
    case TFX_OP_CROSS_ENTROPY_GRAD: return ADJOINT;
    case TFX_OP_COMPARE:
    case TFX_OP_TOPK: return FLAT; /* no gradient goes through them: graph/selection */
    case TFX_OP_INSERT:
    case TFX_OP_ATTENTION_CACHED: return INFERENCE; /* no gradient follows them: train/generation */
    }
    return -1;
}
#pragma GCC diagnostic pop

#define MAX_OP 256

static int has_op(const tfx_graph *g, uint32_t first, tfx_op op)
{
    for (uint32_t i = first; i < g->n_nodes; i++)
        if (g->nodes[i].op == op)
            return 1;
    return 0;
}

/* One case, built: operands, result, weights and their gradients. */
typedef struct built {
    tfx_value x[3], out, grad[3];
    double *weights;
    uint32_t n_forward; /* nodes */
} built;

static built build_case(lab *l, const op_case *c, dice *d)
{
    built r = {0};
    for (uint32_t i = 0; i < c->n_in; i++) {
        r.x[i] = lab_param(l, c->in[i]);
        lab_fill(l, r.x[i], d, c->lo, c->hi);
        float *x = lab_data(l, r.x[i]);
        for (uint64_t k = 0; c->gap && k < shape_count(c->in[i]); k++)
            if (fabsf(x[k]) < 0.125f)
                x[k] += x[k] < 0 ? -0.125f : 0.125f;
    }
    tfx_value key = lab_input(l, TFX_I32, SHAPE(2));
    memcpy(lab_data(l, key), (int32_t[]){7, 3}, 8);
    l->g.training = 1;
    l->g.dropout_key = key;
    l->g.device = "cpu";
    r.out = c->build(l, r.x);
    lab_ok(l);
    r.n_forward = l->g.n_nodes;
    tfx_value w = lab_filled(l, TFX_STATE_INPUT, lab_shape(l, r.out), d, -1, 1);
    uint64_t n = shape_count(lab_shape(l, r.out));
    r.weights = TFX_NEW_ARRAY(double, n);
    for (uint64_t i = 0; i < n; i++)
        r.weights[i] = ((float *)lab_data(l, w))[i];
    tfx_value loss = l->b.mul(&l->b, r.out, w);
    tfx_autodiff(&l->g, loss, 1.0, r.x, c->n_in, r.grad);
    lab_ok(l);
    return r;
}

static double loss_at(lab *l, lab_program *p, const built *r)
{
    uint64_t n = lab_output_count(p, 0);
    float *out = malloc(n * sizeof(float));
    double loss = 0;
    lab_run(l, p);
    lab_output(l, p, 0, out);
    for (uint64_t i = 0; i < n; i++)
        loss += (double)out[i] * r->weights[i];
    free(out);
    return loss;
}

static double central(lab *l, lab_program *p, const built *r, tfx_value x, uint64_t at, float h)
{
    float *data = lab_data(l, x), was = data[at];
    data[at] = was + h;
    double up = loss_at(l, p, r);
    data[at] = was - h;
    double down = loss_at(l, p, r);
    data[at] = was;
    return (up - down) / (2 * (double)h);
}

START_TEST(derivative)
{
    const op_case *c = &op_cases[_i];
    lab l;
    lab_open(&l);
    dice d = {.seed = 100 + (uint64_t)_i};
    built r = build_case(&l, c, &d);
    ck_assert_msg(has_op(&l.g, 0, c->op), "%s: there is no %s in the graph", c->name, tfx_op_name(c->op));
    lab_program forward = lab_plan(&l, &r.out, 1, FUSE | REUSE);
    lab_program backward = lab_plan(&l, r.grad, c->n_in, FUSE | REUSE);
    lab_run(&l, &backward);
    double largest = 0;
    for (uint32_t i = 0; i < c->n_in; i++) {
        uint64_t n = shape_count(c->in[i]);
        ck_assert_msg(r.grad[i] != TFX_POISON && lab_output_count(&backward, i) == n, "%s: no gradient of operand %u",
                      c->name, i);
        float *found = malloc(n * sizeof(float));
        double *grad = malloc(n * sizeof(double)), *expected = malloc(n * sizeof(double));
        lab_output(&l, &backward, i, found);
        for (uint64_t k = 0; k < n; k++) {
            grad[k] = (double)found[k];
            expected[k] = (4 * central(&l, &forward, &r, r.x[i], k, STEP / 2) -
                           central(&l, &forward, &r, r.x[i], k, STEP)) /
                          3;
        }
        double off = distance(grad, expected, n);
        if (getenv("TFX_TEST_VERBOSE"))
            printf("%-24s operand %u: %.1e\n", c->name, i, off);
        largest = fmax(largest, norm_of(expected, n));
        ck_assert_msg(off <= TOLERANCE, "%s: the gradient of operand %u is off by %g of %g", c->name, i, off,
                      norm_of(expected, n));
        free(found);
        free(grad);
        free(expected);
    }
    ck_assert_msg(largest > 0.01, "%s: a gradient of %g says nothing", c->name, largest);
    free(r.weights);
    lab_program_finish(&l, &forward);
    lab_program_finish(&l, &backward);
    lab_close(&l);
}
END_TEST

/* No op without a case; no adjoint that none of the cases runs. */
START_TEST(every_op_is_covered)
{
    char covered[MAX_OP] = {0};
    lab l;
    lab_open(&l);
    for (int i = 0; i < N_OP_CASES; i++) {
        dice d = {.seed = 1};
        built r = build_case(&l, &op_cases[i], &d);
        covered[op_cases[i].op] = 1;
        for (uint32_t k = r.n_forward; k < l.g.n_nodes; k++)
            if (kind_of(l.g.nodes[k].op) == ADJOINT)
                covered[l.g.nodes[k].op] = 1;
        free(r.weights);
        lab_reset(&l);
    }
    int n_ops = 0;
    for (int op = 0; op < MAX_OP; op++) {
        int known = strcmp(tfx_op_name((tfx_op)op), "?") != 0;
        n_ops += known;
        ck_assert_msg(known == (kind_of((tfx_op)op) >= 0), "op %d has a name or is listed here, not both", op);
        if (known && (kind_of((tfx_op)op) == FORWARD || kind_of((tfx_op)op) == ADJOINT))
            ck_assert_msg(covered[op], "%s has no case", tfx_op_name((tfx_op)op));
    }
    ck_assert_int_eq(n_ops, 39);
    lab_close(&l);
}
END_TEST

/* A second derivative through an op that has none is refused by name, not computed wrong. */
START_TEST(adjoints_have_no_derivative)
{
    char refused[MAX_OP] = {0};
    lab l;
    lab_open(&l);
    for (int i = 0; i < N_OP_CASES; i++) {
        const op_case *c = &op_cases[i];
        dice d = {.seed = 1};
        built r = build_case(&l, c, &d);
        tfx_value square = l.b.mul(&l.b, r.out, r.out), grads[3] = {0}, again[3] = {0};
        uint32_t first = l.g.n_nodes;
        tfx_autodiff(&l.g, square, 1.0, r.x, c->n_in, grads);
        lab_ok(&l);
        int adjoint = 0;
        for (int op = 0; op < MAX_OP; op++)
            if (kind_of((tfx_op)op) == ADJOINT && has_op(&l.g, first, (tfx_op)op))
                adjoint = op;
        tfx_value total = tfx_emit_constant(&l.g, 0, 0, NULL);
        for (uint32_t k = 0; k < c->n_in; k++)
            total = l.b.add(&l.b, total,
                            tfx_emit_sum(&l.g, l.b.mul(&l.b, grads[k], grads[k]), (1u << c->in[k].n) - 1, 0));
        tfx_autodiff(&l.g, total, 1.0, r.x, c->n_in, again);
        if (adjoint) {
            ERROR_SAYS(&l.err, "has no derivative, but a trained parameter is below it");
            refused[adjoint] |= strstr(l.err.text, tfx_op_name((tfx_op)adjoint)) != NULL;
        } else {
            lab_ok(&l);
        }
        free(r.weights);
        lab_reset(&l);
    }
    for (int op = 0; op < MAX_OP; op++)
        if (kind_of((tfx_op)op) == ADJOINT)
            ck_assert_msg(refused[op], "%s was never refused", tfx_op_name((tfx_op)op));
    lab_close(&l);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph/derivatives");
    TCase *c = tcase_create("derivatives");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, derivative, 0, N_OP_CASES);
    tcase_add_test(c, every_op_is_covered);
    tcase_add_test(c, adjoints_have_no_derivative);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

/* Graphs that compute in bf16: what is rounded, against plain C; what is not; copies of parameters. */
#include "framework/graph/precision.h"

#include "framework/base/bf16.h"
#include "tests/check_main.h"
#include "tests/graph/executions.h"

#define B (&l.b)

static double rounded(double x)
{
    return bf16_value(tfx_bf16_from_f32((float)x));
}

/* The image of the copies that were declared. */
static void lab_copies(lab *l)
{
    l->image = tfx_realloc(l->image, l->state.bytes);
    memset(l->image + l->image_bytes, 0, l->state.bytes - l->image_bytes);
    l->image_bytes = l->state.bytes;
    for (uint32_t i = 0; i < l->state.n; i++) {
        const tfx_state_tensor *t = &l->state.tensors[i];
        for (uint64_t k = 0; t->copy != TFX_STATE_NONE && k < t->elements; k++)
            ((uint16_t *)(l->image + l->state.tensors[t->copy].offset))[k] = tfx_bf16_from_f32(
                ((float *)(l->image + t->offset))[k]);
    }
}

/* op(a) op(b) of rounded operands [m, n] over k; row-major. */
static void product(int ta, int tb, int m, int n, int k, const double *a, const double *b, double *out)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            out[i * n + j] = 0;
            for (int s = 0; s < k; s++)
                out[i * n + j] += rounded(ta ? a[s * m + i] : a[i * k + s]) * rounded(tb ? b[j * k + s] : b[s * n + j]);
        }
}

static double gelu_slope(double x)
{
    return 0.5 * erfc(-x / sqrt(2.0)) + x * exp(-x * x / 2) / sqrt(2 * acos(-1.0));
}

enum { ROWS = 6, IN = 8, HIDDEN = 12, OUT = 5 };

/* The gradients of the sum of (gelu(x w) v)^2, all sums in double precision. Products take rounded operands, and with
 * `narrow` the backward pass rounded activations. */
static void expected(const float *x, const float *w, const float *v, int narrow, double *dx, double *dw, double *dv)
{
    double xd[ROWS * IN], wd[IN * HIDDEN], vd[HIDDEN * OUT], h[ROWS * HIDDEN], a[ROWS * HIDDEN], y[ROWS * OUT];
    double dy[ROWS * OUT], dh[ROWS * HIDDEN];
    for (int i = 0; i < ROWS * IN; i++)
        xd[i] = (double)x[i];
    for (int i = 0; i < IN * HIDDEN; i++)
        wd[i] = (double)w[i];
    for (int i = 0; i < HIDDEN * OUT; i++)
        vd[i] = (double)v[i];
    product(0, 0, ROWS, HIDDEN, IN, xd, wd, h);
    for (int i = 0; i < ROWS * HIDDEN; i++)
        a[i] = unary_value(TFX_GELU_ERF, h[i]);
    product(0, 0, ROWS, OUT, HIDDEN, a, vd, y);
    for (int i = 0; i < ROWS * OUT; i++)
        dy[i] = 2 * (narrow ? rounded(y[i]) : y[i]);
    product(1, 0, HIDDEN, OUT, ROWS, a, dy, dv);
    product(0, 1, ROWS, HIDDEN, OUT, dy, vd, dh);
    for (int i = 0; i < ROWS * HIDDEN; i++)
        dh[i] *= gelu_slope(narrow ? rounded(h[i]) : h[i]);
    product(1, 0, IN, HIDDEN, ROWS, xd, dh, dw);
    product(0, 1, ROWS, IN, HIDDEN, dh, wd, dx);
}

static double gap(const float *got, const double *want, uint64_t n)
{
    double *x = tfx_alloc(n * sizeof(*x));
    for (uint64_t i = 0; i < n; i++)
        x[i] = (double)got[i];
    double d = distance(x, want, n);
    free(x);
    return d;
}

START_TEST(products_and_activations)
{
    lab l;
    dice d = {.seed = 3};
    lab_open(&l);
    tfx_value x = lab_filled(&l, TFX_STATE_PARAM, SHAPE(ROWS, IN), &d, -2, 2), y;
    tfx_value w = lab_filled(&l, TFX_STATE_PARAM, SHAPE(IN, HIDDEN), &d, -1, 1);
    tfx_value v = lab_filled(&l, TFX_STATE_PARAM, SHAPE(HIDDEN, OUT), &d, -1, 1);
    for (int i = 0; i < IN * HIDDEN; i++) /* more digits than a bf16 has */
        ((float *)lab_data(&l, w))[i] *= 1.0123f;
    const float *xs = lab_data(&l, x), *ws = lab_data(&l, w), *vs = lab_data(&l, v);
    double want[3][ROWS * HIDDEN + IN * HIDDEN], exact[3][ROWS * HIDDEN + IN * HIDDEN];
    expected(xs, ws, vs, 1, want[0], want[1], want[2]);
    expected(xs, ws, vs, 0, exact[0], exact[1], exact[2]);
    y = l.b.matmul(B, l.b.unary(B, TFX_GELU_ERF, l.b.matmul(B, x, w, 0, 1)), v, 0, 1);
    tfx_value loss = tfx_emit_sum(&l.g, l.b.mul(B, y, y), 3, 0), wrt[] = {x, w, v}, grads[3] = {0};
    tfx_precision_declare(&l.g, &l.state);
    lab_copies(&l);
    tfx_autodiff(&l.g, loss, 1, wrt, 3, grads);
    tfx_precision_narrow(&l.g, grads, 3);
    lab_ok(&l);
    result fused = execute(&l, grads, 3, FUSE | REUSE, "fused"), apart = execute(&l, grads, 3, 0, "apart");
    ck_assert(same_bits(&l, &fused, &apart));
    const uint64_t n[] = {ROWS * IN, IN * HIDDEN, HIDDEN * OUT};
    for (int i = 0, at = 0; i < 3; at += (int)n[i++]) {
        double off = gap(fused.outputs + at, want[i], n[i]);
        ck_assert_msg(off < 1e-6, "gradient %d is off by %g", i, off);
        if (i < 2) /* the third has no other activations than operands */
            ck_assert_msg(gap(fused.outputs + at, exact[i], n[i]) > 1e-4, "gradient %d: activations are exact", i);
    }
    result_finish(&fused);
    result_finish(&apart);
    lab_close(&l);
}
END_TEST

static const tfx_graph_node *only(const tfx_graph *g, tfx_op op)
{
    const tfx_graph_node *found = NULL;
    for (uint32_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].op == op) {
            ck_assert_msg(!found, "%s twice", tfx_op_name(op));
            found = &g->nodes[i];
        }
    ck_assert_msg(found != NULL, "no %s", tfx_op_name(op));
    return found;
}

static tfx_op made_by(const tfx_graph *g, tfx_value v)
{
    return g->nodes[g->values[v].node].op;
}

/* Losses, statistics of rows and what an update computes stay f32. */
START_TEST(what_stays)
{
    lab l;
    dice d = {.seed = 4};
    lab_open(&l);
    tfx_value q = lab_filled(&l, TFX_STATE_PARAM, SHAPE(2, 8, 2, 4), &d, -1, 1), rows = TFX_POISON;
    tfx_value targets = lab_input(&l, TFX_I32, SHAPE(2, 8));
    tfx_value x = l.b.reshape(B, tfx_emit_attention(&l.g, q, q, q, 0.5, NULL), 3, (int64_t[]){2, 8, 8});
    rows = tfx_emit_sum(&l.g, l.b.mul(B, x, x), 4, 1); /* [2, 8, 1] */
    x = l.b.mul(B, l.b.norm(B, TFX_NORM_L2, x, 1e-5),
                l.b.broadcast(B, l.b.unary(B, TFX_SQRT, rows), 3, (int64_t[]){2, 8, 8}));
    tfx_value loss = tfx_emit_sum(&l.g, tfx_emit_cross_entropy(&l.g, x, targets), 3, 0), grad = TFX_POISON;
    tfx_precision_declare(&l.g, &l.state);
    tfx_autodiff(&l.g, loss, 1, &q, 1, &grad);
    l.g.update = 1;
    tfx_value matrix = l.b.reshape(B, grad, 2, (int64_t[]){16, 8});
    tfx_emit_store(&l.g,
                   l.b.reshape(B, l.b.matmul(B, l.b.matmul(B, matrix, matrix, TFX_TRANS_B, 1), matrix, 0, 1), 4,
                               (int64_t[]){2, 8, 2, 4}),
                   q);
    l.g.update = 0;
    tfx_precision_narrow(&l.g, &loss, 1);
    lab_ok(&l);
    const tfx_graph_node *forward = only(&l.g, TFX_OP_ATTENTION), *back = only(&l.g, TFX_OP_ATTENTION_GRAD);
    const tfx_graph_node *root = NULL, *ce = only(&l.g, TFX_OP_CROSS_ENTROPY_GRAD);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(l.g.values[forward->in[i]].dtype, TFX_BF16);
        ck_assert_int_eq(made_by(&l.g, forward->in[i]), TFX_OP_PARAM);
        ck_assert_int_eq(back->in[i], forward->in[i]);
    }
    ck_assert_int_eq(l.g.values[back->in[3]].dtype, TFX_BF16);
    ck_assert_int_eq(back->in[4], forward->out + 1);
    ck_assert_int_eq(l.g.values[back->in[5]].dtype, TFX_BF16);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(l.g.values[back->out + (tfx_value)i].dtype, TFX_F32);
    ck_assert_int_eq(made_by(&l.g, ce->in[0]), TFX_OP_MUL);
    int products = 0, roots = 0;
    for (uint32_t i = 0; i < l.g.n_nodes; i++) {
        const tfx_graph_node *n = &l.g.nodes[i];
        products += n->op == TFX_OP_MATMUL && n->update && l.g.values[n->in[0]].dtype == TFX_F32;
        if (n->op == TFX_OP_UNARY_GRAD) {
            root = n;
            roots++;
        }
    }
    ck_assert_int_eq(products, 2);
    ck_assert_int_eq(roots, 1);
    ck_assert_int_eq(made_by(&l.g, root->in[0]), TFX_OP_SUM); /* one number for a row */
    lab_close(&l);
}
END_TEST

/* An update of a parameter is one of its copy. */
START_TEST(copies_follow)
{
    lab l;
    dice d = {.seed = 5};
    lab_open(&l);
    tfx_value w = lab_filled(&l, TFX_STATE_PARAM, SHAPE(5, 3), &d, -1, 1);
    tfx_value table = lab_filled(&l, TFX_STATE_PARAM, SHAPE(5, 3), &d, -1, 1);
    tfx_value y = l.b.matmul(B, l.b.reshape(B, w, 2, (int64_t[]){3, 5}), table, 0, 1);
    tfx_precision_declare(&l.g, &l.state);
    uint32_t copy = lab_state_of(&l, w)->copy, before = l.state.n;
    ck_assert_uint_ne(copy, TFX_STATE_NONE);
    ck_assert_uint_ne(lab_state_of(&l, table)->copy, TFX_STATE_NONE);
    ck_assert_str_eq(l.state.tensors[copy].name, "tensor0/bf16 copy");
    ck_assert_int_eq(l.state.tensors[copy].kind, TFX_STATE_COPY);
    tfx_precision_declare(&l.g, &l.state); /* again adds none */
    ck_assert_uint_eq(l.state.n, before);
    lab_copies(&l);
    l.g.update = 1;
    tfx_emit_store(&l.g, l.b.affine(B, w, 0.7771, 0.001), w);
    tfx_precision_narrow(&l.g, &y, 1);
    lab_ok(&l);
    w = l.g.state_values[0];
    table = l.g.state_values[1];
    double want[9];
    const float *ws = lab_data(&l, w), *ts = lab_data(&l, table);
    for (int i = 0; i < 9; i++) {
        want[i] = 0;
        for (int k = 0; k < 5; k++) /* before the update */
            want[i] += rounded((double)ws[i / 3 * 5 + k]) * rounded((double)ts[k * 3 + i % 3]);
    }
    for (int flags = 0; flags < 4; flags++) {
        result r = execute(&l, &y, 1, flags, "update");
        ck_assert_msg(gap(r.outputs, want, 9) < 1e-6, "the product is off by %g", gap(r.outputs, want, 9));
        const float *after = (const float *)(r.state + lab_state_of(&l, w)->offset);
        const float *old = lab_data(&l, w);
        const uint16_t *narrow = (const uint16_t *)(r.state + l.state.tensors[copy].offset);
        for (int i = 0; i < 15; i++) {
            ck_assert(after[i] != old[i]);
            ck_assert_uint_eq(narrow[i], tfx_bf16_from_f32(after[i]));
        }
        result_finish(&r);
    }
    lab_close(&l);
}
END_TEST

START_TEST(rounding)
{
    static const struct {
        uint32_t from;
        uint16_t to;
    } cases[] = {{0x3f800000, 0x3f80}, {0x3f807fff, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f808001, 0x3f81},
                 {0x3f818000, 0x3f82}, {0xbf818000, 0xbf82}, {0x7f7fffff, 0x7f80}, {0x7f800000, 0x7f80},
                 {0xff800000, 0xff80}, {0x7f800001, 0x7fc0}, {0xffffffff, 0xffff}, {0x00000001, 0x0000}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        float x;
        memcpy(&x, &cases[i].from, sizeof(x));
        ck_assert_uint_eq(tfx_bf16_from_f32(x), cases[i].to);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph/precision");
    TCase *c = tcase_create("precision");
    tcase_add_test(c, products_and_activations);
    tcase_add_test(c, what_stays);
    tcase_add_test(c, copies_follow);
    tcase_add_test(c, rounding);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

/* What selects: comparisons, top-k masks, ends of gradients, and arrays of numbers known beforehand. */
#include "framework/graph/axes.h"
#include "tests/check_main.h"
#include "tests/graph/interpreter.h"

/* Computes the graph so far on the backend and in plain C, and compares one value bit by bit. */
static void check_exact(lab *l, tfx_value v, const char *what)
{
    uint64_t n = shape_count(lab_shape(l, v));
    lab_program p = lab_plan(l, &v, 1, FUSE | REUSE);
    lab_run(l, &p);
    float *found = malloc(n * sizeof(float));
    lab_output(l, &p, 0, found);
    interpreter it = {0};
    interpret(&it, l);
    for (uint64_t i = 0; i < n; i++) {
        double expected = it.data[v][i];
        ck_assert_msg((double)found[i] == expected || (isnan(found[i]) && isnan(expected)),
                      "%s: element %d is %g, expected %g", what, (int)i, (double)found[i], expected);
    }
    free(found);
    interpreter_finish(&it);
    lab_program_finish(l, &p);
}

/* Pairs of everything that a comparison may meet. */
static const float odd[] = {0.0f, -0.0f, 1.0f, -1.0f, 1e-45f, -1e-45f, 3e38f, -3e38f, INFINITY, -INFINITY, NAN};
enum { N_ODD = sizeof(odd) / sizeof(*odd) };

static void odd_pairs(lab *l, tfx_value *x, tfx_value *y)
{
    *x = lab_param(l, SHAPE(N_ODD * N_ODD));
    *y = lab_param(l, SHAPE(N_ODD * N_ODD));
    float *a = lab_data(l, *x), *b = lab_data(l, *y);
    for (int i = 0; i < N_ODD * N_ODD; i++) {
        a[i] = odd[i / N_ODD];
        b[i] = odd[i % N_ODD];
    }
}

START_TEST(comparisons)
{
    lab l;
    lab_open(&l);
    tfx_value x, y;
    odd_pairs(&l, &x, &y);
    for (int how = TFX_LESS; how <= TFX_GREATER; how++)
        check_exact(&l, l.b.compare(&l.b, (tfx_compare)how, x, y), "compare");
    check_exact(&l, l.b.max(&l.b, x, y), "max");
    check_exact(&l, l.b.min(&l.b, x, y), "min");
    check_exact(&l, l.b.unary(&l.b, TFX_SIGN, x), "sign");
    tfx_value one = l.b.constant(&l.b, 1, 0, NULL); /* one number for a whole tile, on either side */
    check_exact(&l, l.b.compare(&l.b, TFX_LESS, x, one), "compare with a constant");
    check_exact(&l, l.b.compare(&l.b, TFX_LESS, one, x), "compare a constant");
    check_exact(&l, l.b.max(&l.b, one, x), "max with a constant");
    lab_close(&l);
}
END_TEST

/* Rows of few different numbers have ties everywhere. */
START_TEST(the_largest_of_a_row)
{
    static const shape shapes[] = {{1, {1}}, {2, {3, 5}}, {3, {2, 3, 33}}, {2, {4, 300}}, {2, {7, 64}}};
    lab l;
    lab_open(&l);
    for (size_t s = 0; s < sizeof(shapes) / sizeof(*shapes); s++) {
        int64_t n = shapes[s].d[shapes[s].n - 1];
        int64_t ks[] = {1, 2, n / 2, n - 1, n};
        dice d = {.seed = 5 + s};
        for (int many = 0; many < 2; many++)
            for (size_t k = 0; k < sizeof(ks) / sizeof(*ks); k++) {
                if (ks[k] < 1 || ks[k] > n)
                    continue;
                tfx_value x = lab_filled(&l, TFX_STATE_PARAM, shapes[s], &d, -1, many ? 1 : -0.9);
                float *data = lab_data(&l, x);
                if (n > 4) {
                    data[1] = NAN;
                    data[3] = -0.0f;
                    data[4] = 0.0f;
                }
                check_exact(&l, l.b.topk(&l.b, x, ks[k]), "topk");
                lab_reset(&l);
            }
    }
    lab_close(&l);
}
END_TEST

/* The gradient of sum(y) with respect to x. */
static void gradient_of(lab *l, tfx_value y, tfx_value x, float *out)
{
    tfx_value grad = TFX_POISON;
    tfx_autodiff(&l->g, y, 1.0, &x, 1, &grad);
    lab_ok(l);
    ck_assert_msg(grad != TFX_POISON, "no gradient");
    lab_program p = lab_plan(l, &grad, 1, FUSE | REUSE);
    lab_run(l, &p);
    lab_output(l, &p, 0, out);
    lab_program_finish(l, &p);
}

START_TEST(gradients_end)
{
    lab l;
    lab_open(&l);
    float grad[4];
    tfx_value x = lab_param(&l, SHAPE(4));
    memcpy(lab_data(&l, x), (float[]){3, -2, 5, 0.5f}, sizeof(grad));
    /* x times what x is: as if that were a constant. */
    gradient_of(&l, l.b.mul(&l.b, x, l.b.stop_gradient(&l.b, x)), x, grad);
    ck_assert_msg(grad[0] == 3 && grad[1] == -2 && grad[2] == 5 && grad[3] == 0.5f, "%g %g %g %g", (double)grad[0],
                  (double)grad[1], (double)grad[2], (double)grad[3]);
    /* A straight-through estimator (Bengio et al. 2013): the sign forwards, the identity backwards. */
    tfx_value sign = l.b.unary(&l.b, TFX_SIGN, x);
    tfx_value through = l.b.add(&l.b, x, l.b.stop_gradient(&l.b, l.b.sub(&l.b, sign, x)));
    check_exact(&l, through, "straight through");
    gradient_of(&l, through, x, grad);
    ck_assert_msg(grad[0] == 1 && grad[1] == 1 && grad[2] == 1 && grad[3] == 1, "not straight through");
    gradient_of(&l, l.b.mul(&l.b, x, l.b.topk(&l.b, x, 2)), x, grad);
    ck_assert_msg(grad[0] == 1 && grad[1] == 0 && grad[2] == 1 && grad[3] == 0, "topk");
    lab_close(&l);
}
END_TEST

/* Nothing above a trained parameter leads to the loss but through a selection: there is no gradient. */
START_TEST(no_gradient_at_all)
{
    lab l;
    lab_open(&l);
    tfx_value x = lab_param(&l, SHAPE(2, 3));
    const tfx_builder *b = &l.b;
    tfx_value flat[] = {b->stop_gradient(b, x), b->compare(b, TFX_LESS, x, b->affine(b, x, 2, 0)), b->topk(b, x, 1),
                        b->unary(b, TFX_SIGN, x)};
    for (size_t i = 0; i < sizeof(flat) / sizeof(*flat); i++) {
        tfx_value grad = TFX_POISON;
        ck_assert_int_eq(l.g.values[flat[i]].requires_grad, 0);
        tfx_autodiff(&l.g, flat[i], 1.0, &x, 1, &grad);
        lab_ok(&l);
        ck_assert_uint_eq(grad, TFX_POISON);
    }
    lab_close(&l);
}
END_TEST

/* Equal ones share the gradient of the larger one. */
START_TEST(ties_share)
{
    lab l;
    lab_open(&l);
    float grad[3];
    tfx_value x = lab_param(&l, SHAPE(3)), y = lab_param(&l, SHAPE(3));
    memcpy(lab_data(&l, x), (float[]){1, 2, 3}, sizeof(grad));
    memcpy(lab_data(&l, y), (float[]){2, 2, 2}, sizeof(grad));
    gradient_of(&l, l.b.max(&l.b, x, y), x, grad);
    ck_assert_msg(grad[0] == 0 && grad[1] == 0.5f && grad[2] == 1, "max");
    gradient_of(&l, l.b.min(&l.b, x, y), y, grad);
    ck_assert_msg(grad[0] == 0 && grad[1] == 0.5f && grad[2] == 1, "min");
    lab_close(&l);
}
END_TEST

START_TEST(arrays)
{
    lab l;
    lab_open(&l);
    const tfx_builder *b = &l.b;
    const float data[6] = {1, -2, 3.5f, 0, 5, 6};
    tfx_value x = b->array(b, TFX_F32, 2, (int64_t[]){2, 3}, data);
    check_exact(&l, b->affine(b, x, 2, 1), "array");
    ck_assert_uint_eq(b->array(b, TFX_F32, 2, (int64_t[]){2, 3}, data), x);
    ck_assert_uint_ne(b->array(b, TFX_F32, 2, (int64_t[]){3, 2}, data), x);
    ck_assert_int_eq(l.g.values[x].requires_grad, 0);
    check_exact(&l, b->add(b, b->iota(b, 5, 0.5, 0.25), b->iota(b, 5, 4, -1)), "iota");
    /* Rows of a table that are known beforehand. */
    tfx_value table = lab_param(&l, SHAPE(3, 2)), at = b->array(b, TFX_I32, 1, (int64_t[]){2}, (int32_t[]){2, 0});
    memcpy(lab_data(&l, table), data, sizeof(data));
    check_exact(&l, b->gather(b, table, at), "gather");
    lab_ok(&l);
    uint32_t n = l.state.n;
    l.state.frozen = 1;
    tfx_graph again;
    tfx_graph_init(&again, &l.state, &l.err);
    tfx_builder_for_graph(&l.b, &again);
    b->array(b, TFX_F32, 2, (int64_t[]){2, 3}, data);
    lab_ok(&l);
    b->iota(b, 4, 0, 1);
    ERROR_SAYS(&l.err, "array: when the model is built again, it asks for other numbers, of shape [4], than before");
    ck_assert_uint_eq(l.state.n, n);
    tfx_graph_finish(&again);
    tfx_builder_for_graph(&l.b, &l.g);
    lab_close(&l);
}
END_TEST

/* A dimension is not fixed by an array over it: the layer makes another one where it is another size. */
START_TEST(arrays_fix_no_dimension)
{
    lab l;
    lab_open(&l);
    tfx_value w = lab_param(&l, SHAPE(4, 3)), free_one = l.b.mul(&l.b, w, l.b.iota(&l.b, 3, 0, 1));
    (void)free_one;
    tfx_axes *axes = tfx_axes_create(&l.g);
    for (uint32_t c = 0; c < axes->n_classes; c++)
        ck_assert_msg(!axes->classes[c].rigid, "%s", axes->classes[c].rigid);
    tfx_axes_destroy(axes);
    lab_close(&l);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph/selection");
    TCase *c = tcase_create("selection");
    tcase_add_test(c, comparisons);
    tcase_add_test(c, the_largest_of_a_row);
    tcase_add_test(c, gradients_end);
    tcase_add_test(c, no_gradient_at_all);
    tcase_add_test(c, ties_share);
    tcase_add_test(c, arrays);
    tcase_add_test(c, arrays_fix_no_dimension);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

/* SOFTMAX, NORM and ROPE of the CPU backend, with their gradients, against plain C in double
 * precision. */
#include "tests/check_main.h"
#include "tests/plugins/program.h"

static const shape shapes[] = {{1, {1}},       {1, {5}},        {2, {3, 33}}, {3, {2, 3, 768}},
                               {2, {1000, 7}}, {2, {5, 50000}}, {2, {0, 4}},  {2, {257, 64}}};
enum { N_SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static int64_t columns(shape s)
{
    return s.d[s.n - 1];
}

static int64_t row_count(shape s)
{
    return shape_count(s) / columns(s);
}

/* ---- softmax ---- */

START_TEST(softmax)
{
    shape s = shapes[_i];
    int64_t n = columns(s), count = shape_count(s);
    program *g = program_create();
    tfx_value x = random_input(g, s, 30), dy = random_input(g, s, 1), y = result(g, s), in_place = shared_with(g, x, s);
    tfx_value y_in = random_input(g, s, 0.5f), dx = result(g, s), dx_in_place = shared_with(g, dy, s);
    double *want = calloc((size_t)count + 1, sizeof(double)), *want_dx = calloc((size_t)count + 1, sizeof(double));
    float *xs = program_data(g, x);
    const float *ys = program_data(g, y_in), *ds = program_data(g, dy);
    if (n > 3 && count > 3)
        xs[2] = -INFINITY; /* a masked entry */
    for (int64_t r = 0; r < row_count(s); r++) {
        double max = -INFINITY, sum = 0, dot = 0;
        for (int64_t i = r * n; i < (r + 1) * n; i++)
            max = fmax(max, xs[i]);
        for (int64_t i = r * n; i < (r + 1) * n; i++)
            sum += want[i] = exp(xs[i] - max), dot += (double)ys[i] * ds[i];
        for (int64_t i = r * n; i < (r + 1) * n; i++)
            want[i] /= sum, want_dx[i] = ys[i] * (ds[i] - dot);
    }
    ADD_SINGLE(g, TFX_OP_SOFTMAX, 1, 1, x, y);
    ADD_SINGLE(g, TFX_OP_SOFTMAX, 1, 1, x, in_place);
    ADD_SINGLE(g, TFX_OP_SOFTMAX_GRAD, 2, 1, y_in, dy, dx);
    ADD_SINGLE(g, TFX_OP_SOFTMAX_GRAD, 2, 1, y_in, dy, dx_in_place);
    for (int threads = 1; threads <= 3; threads++) {
        program_run_twice(g, threads);
        /* Differences of up to 60 are rounded to float before the exponential. */
        check_close(program_data(g, y), want, count, 3e-6, 1e-30, "softmax");
        check_close(program_data(g, in_place), want, count, 3e-6, 1e-30, "softmax in place");
        check_close(program_data(g, dx), want_dx, count, 1e-6, 1, "softmax gradient");
        check_close(program_data(g, dx_in_place), want_dx, count, 1e-6, 1, "softmax gradient in place");
    }
    free(want);
    free(want_dx);
    program_destroy(g);
}
END_TEST

START_TEST(softmax_passes_nan_on)
{
    program *g = program_create();
    shape s = SHAPE(3, 100);
    tfx_value x = random_input(g, s, 1), y = result(g, s);
    float *xs = program_data(g, x);
    xs[150] = NAN;
    xs[250] = INFINITY;
    ADD_SINGLE(g, TFX_OP_SOFTMAX, 1, 1, x, y);
    program_run(g, 2);
    const float *ys = program_data(g, y);
    for (int i = 0; i < 100; i++)
        ck_assert(ys[i] == ys[i]);
    for (int i = 100; i < 200; i++)
        ck_assert(ys[i] != ys[i]);
    ck_assert(ys[250] != ys[250]);
    program_destroy(g);
}
END_TEST

/* ---- norm ---- */

/* y, and dx by the definition of the derivative of (x - mean) / sqrt(...). Returns the size
 * of the terms that dx is the difference of. */
static double norm_row(tfx_norm kind, int64_t n, const float *x, const float *dy, double eps, double *y, double *dx)
{
    double mean = 0, square = 0, a = 0, b = 0, c = kind == TFX_NORM_L2 ? 1 : 1.0 / (double)n;
    if (kind == TFX_NORM_LAYER) {
        for (int64_t i = 0; i < n; i++)
            mean += x[i];
        mean /= (double)n;
    }
    for (int64_t i = 0; i < n; i++)
        square += (x[i] - mean) * (x[i] - mean);
    double root = sqrt(square * c + eps);
    for (int64_t i = 0; i < n; i++) {
        y[i] = root == 0 ? 0 : (x[i] - mean) / root;
        a += dy[i];
        b += dy[i] * y[i];
    }
    for (int64_t i = 0; i < n; i++)
        dx[i] = root == 0 ? 0 : (dy[i] - (kind == TFX_NORM_LAYER ? a / (double)n : 0) - y[i] * b * c) / root;
    double largest = 0;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(dy[i]));
    return root == 0 ? 0 : largest / root;
}

START_TEST(norms)
{
    shape s = shapes[_i / 3];
    tfx_norm kind = (tfx_norm)(_i % 3 + 1);
    int64_t n = columns(s), count = shape_count(s);
    for (int k = 0; k < 3; k++) {
        double eps = k == 0 ? 1e-5 : 0;
        program *g = program_create();
        tfx_value x = random_input(g, s, k == 2 ? 1e-25f : 2), dy = random_input(g, s, 1);
        tfx_value y = result(g, s), dx = result(g, s), y_in_place = shared_with(g, x, s),
                  dx_in_place = shared_with(g, dy, s);
        float *xs = program_data(g, x);
        if (n > 1 && count > n)
            memset(xs, 0, (size_t)n * sizeof(float)); /* an all-zero row */
        double *want = calloc((size_t)count + 1, sizeof(double)), *want_dx = calloc((size_t)count + 1, sizeof(double));
        double largest = 0;
        for (int64_t r = 0; r < row_count(s); r++)
            largest = fmax(largest, norm_row(kind, n, xs + r * n, (float *)program_data(g, dy) + r * n, eps,
                                             want + r * n, want_dx + r * n));
        tfx_node *node[4] = {ADD_SINGLE(g, TFX_OP_NORM, 1, 1, x, y), ADD_SINGLE(g, TFX_OP_NORM_GRAD, 2, 1, x, dy, dx),
                             ADD_SINGLE(g, TFX_OP_NORM_GRAD, 2, 1, x, dy, dx_in_place),
                             ADD_SINGLE(g, TFX_OP_NORM, 1, 1, x, y_in_place)};
        for (int i = 0; i < 4; i++)
            node[i]->ints[0] = kind, node[i]->reals[0] = eps;
        program_run_twice(g, 1 + _i % 3);
        check_close(program_data(g, y), want, count, 3e-7, 1e-3, "norm");
        check_close(program_data(g, y_in_place), want, count, 3e-7, 1e-3, "norm in place");
        check_close(program_data(g, dx), want_dx, count, 3e-7, largest, "norm gradient");
        check_close(program_data(g, dx_in_place), want_dx, count, 3e-7, largest, "norm gradient in place");
        free(want);
        free(want_dx);
        program_destroy(g);
    }
}
END_TEST

/* Short rows are taken several at a time: each has the bits that it has alone. */
START_TEST(norms_of_rows_together)
{
    enum { ROWS = 19 };
    tfx_norm kind = (tfx_norm)(_i % 3 + 1);
    int64_t n = _i / 3 ? 48 : 16; /* of whole cache lines, so that a row can be a tensor */
    shape s = SHAPE(ROWS, n);
    program *g = program_create();
    tfx_value x = random_input(g, s, 2), dy = random_input(g, s, 1), y = result(g, s), dx = result(g, s);
    tfx_value row_y[ROWS], row_dx[ROWS];
    tfx_node *both[] = {ADD_SINGLE(g, TFX_OP_NORM, 1, 1, x, y), ADD_SINGLE(g, TFX_OP_NORM_GRAD, 2, 1, x, dy, dx)};
    both[0]->ints[0] = both[1]->ints[0] = kind;
    for (int r = 0; r < ROWS; r++) {
        tfx_value row_x = shared_with(g, x, SHAPE(1, n)), row_dy = shared_with(g, dy, SHAPE(1, n));
        g->tensors[row_x].offset += (uint64_t)(r * n) * sizeof(float);
        g->tensors[row_dy].offset += (uint64_t)(r * n) * sizeof(float);
        row_y[r] = result(g, SHAPE(1, n)), row_dx[r] = result(g, SHAPE(1, n));
        ADD_SINGLE(g, TFX_OP_NORM, 1, 1, row_x, row_y[r])->ints[0] = kind;
        ADD_SINGLE(g, TFX_OP_NORM_GRAD, 2, 1, row_x, row_dy, row_dx[r])->ints[0] = kind;
    }
    program_run(g, 1);
    size_t bytes = (size_t)n * sizeof(float);
    for (int r = 0; r < ROWS; r++) {
        ck_assert_mem_eq((char *)program_data(g, y) + (size_t)r * bytes, program_data(g, row_y[r]), bytes);
        ck_assert_mem_eq((char *)program_data(g, dx) + (size_t)r * bytes, program_data(g, row_dx[r]), bytes);
    }
    program_destroy(g);
}
END_TEST

START_TEST(norm_passes_nan_on)
{
    for (int kind = TFX_NORM_LAYER; kind <= TFX_NORM_L2; kind++) {
        program *g = program_create();
        shape s = SHAPE(2, 40);
        tfx_value x = random_input(g, s, 1), dy = random_input(g, s, 1), y = result(g, s), dx = result(g, s);
        ((float *)program_data(g, x))[50] = NAN;
        ADD_SINGLE(g, TFX_OP_NORM, 1, 1, x, y)->ints[0] = kind;
        ADD_SINGLE(g, TFX_OP_NORM_GRAD, 2, 1, x, dy, dx)->ints[0] = kind;
        program_run(g, 1);
        const float *ys = program_data(g, y), *ds = program_data(g, dx);
        for (int i = 0; i < 80; i++) {
            ck_assert((ys[i] != ys[i]) == (i >= 40));
            ck_assert((ds[i] != ds[i]) == (i >= 40));
        }
        program_destroy(g);
    }
}
END_TEST

/* ---- rope ---- */

typedef struct rope_case {
    shape s;
    int64_t n_dims;
    double base;
} rope_case;

static const rope_case ropes[] = {
    {{4, {1, 1, 1, 2}}, 2, 10000},     {{4, {2, 9, 3, 8}}, 8, 10000}, {{4, {2, 9, 3, 10}}, 4, 500},
    {{4, {1, 700, 2, 64}}, 16, 10000}, {{4, {1, 5, 2, 7}}, 0, 10000}, {{4, {0, 5, 2, 8}}, 4, 10000},
};

START_TEST(rope)
{
    const rope_case *c = &ropes[_i];
    int64_t count = shape_count(c->s), dims = c->s.d[3], half = c->n_dims / 2;
    program *g = program_create();
    tfx_value x = random_input(g, c->s, 1), y = result(g, c->s), back = result(g, c->s),
              in_place = shared_with(g, x, c->s);
    double *want = calloc((size_t)count + 1, sizeof(double)), *same = calloc((size_t)count + 1, sizeof(double));
    const float *xs = program_data(g, x);
    for (int64_t i = 0; i < count; i++) {
        int64_t d = i % dims, t = i / dims / c->s.d[2] % c->s.d[1];
        same[i] = want[i] = xs[i];
        if (d >= c->n_dims)
            continue;
        double angle = (double)t / pow(c->base, 2.0 * (double)(d % half) / (double)c->n_dims);
        want[i] = d < half ? xs[i] * cos(angle) - xs[i + half] * sin(angle)
                           : xs[i] * cos(angle) + xs[i - half] * sin(angle);
    }
    const tfx_value in[] = {x, y, x}, out[] = {y, back, in_place};
    for (int i = 0; i < 3; i++) {
        tfx_node *n = ADD_SINGLE(g, TFX_OP_ROPE, 1, 1, in[i], out[i]);
        n->ints[0] = c->n_dims;
        n->ints[1] = i == 1 ? -1 : 1;
        n->reals[0] = c->base;
    }
    program_run_twice(g, 1 + _i % 3);
    check_close(program_data(g, y), want, count, 2e-7, 1, "rope");
    check_close(program_data(g, in_place), want, count, 2e-7, 1, "rope in place");
    check_close(program_data(g, back), same, count, 4e-7, 1, "rope and its adjoint");
    free(want);
    free(same);
    program_destroy(g);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cpu: rows");
    TCase *c = tcase_create("rows");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, softmax, 0, N_SHAPES);
    tcase_add_test(c, softmax_passes_nan_on);
    tcase_add_loop_test(c, norms, 0, 3 * N_SHAPES);
    tcase_add_loop_test(c, norms_of_rows_together, 0, 6);
    tcase_add_test(c, norm_passes_nan_on);
    tcase_add_loop_test(c, rope, 0, 6);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

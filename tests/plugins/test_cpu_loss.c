/* CROSS_ENTROPY and its gradient against plain C in double precision. */
#include "tests/check_main.h"
#include "tests/plugins/program.h"

static const shape shapes[] = {{1, {5}}, {2, {3, 1}}, {2, {4, 33}}, {3, {2, 7, 256}}, {2, {5, 50304}}, {2, {0, 7}}};
enum { N_SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

START_TEST(loss_and_gradient)
{
    shape s = shapes[_i], rows = s;
    int64_t v = s.d[--rows.n], n = shape_count(rows), count = n * v;
    program *g = program_create();
    tfx_value x = random_input(g, s, 20), t = int_input(g, rows, 0, (int32_t)v - 1), d = random_input(g, rows, 2);
    tfx_value loss = result(g, rows), lse = result(g, rows), dx = result(g, s), in_place = shared_with(g, x, s);
    float *xs = program_data(g, x);
    const float *ds = program_data(g, d);
    int32_t *ts = program_data(g, t);
    double *want_loss = calloc((size_t)n + 1, 8), *want_lse = calloc((size_t)n + 1, 8),
           *want = calloc((size_t)count + 1, 8);
    if (n > 2)
        ts[1] = -1, ts[2] = -100; /* counts nothing */
    for (int64_t r = 0; r < n; r++) {
        double max = -INFINITY, sum = 0;
        for (int64_t i = 0; i < v; i++)
            max = fmax(max, xs[r * v + i]);
        for (int64_t i = 0; i < v; i++)
            sum += exp(xs[r * v + i] - max);
        want_lse[r] = max + log(sum);
        want_loss[r] = ts[r] < 0 ? 0 : want_lse[r] - xs[r * v + ts[r]];
        for (int64_t i = 0; i < v && ts[r] >= 0; i++)
            want[r * v + i] = ds[r] * (exp(xs[r * v + i] - want_lse[r]) - (i == ts[r]));
    }
    ADD_SINGLE(g, TFX_OP_CROSS_ENTROPY, 2, 2, x, t, loss, lse);
    ADD_SINGLE(g, TFX_OP_CROSS_ENTROPY_GRAD, 4, 1, x, t, lse, d, dx);
    ADD_SINGLE(g, TFX_OP_CROSS_ENTROPY_GRAD, 4, 1, x, t, lse, d, in_place);
    for (int threads = 1; threads <= 3; threads++) {
        program_run_twice(g, threads);
        check_close(program_data(g, lse), want_lse, n, 2e-7, 1, "lse");
        check_close(program_data(g, loss), want_loss, n, 2e-7, 1, "loss");
        /* The saved lse, about 20, is rounded to float: 1e-6 of each probability. */
        check_close(program_data(g, dx), want, count, 3e-6, 1, "gradient");
        ck_assert_mem_eq(program_data(g, dx), program_data(g, in_place), value_bytes(g, dx));
    }
    free(want_loss);
    free(want_lse);
    free(want);
    program_destroy(g);
}
END_TEST

/* An uncounted row has no loss and no gradient whatever its logits are; other rows pass NaN
 * on; a target beyond the vocabulary is NaN, not memory of somebody else. */
START_TEST(odd_rows)
{
    enum { N = 4, V = 50 };
    shape s = SHAPE(N, V), rows = SHAPE(N);
    program *g = program_create();
    tfx_value x = random_input(g, s, 1), t = int_input(g, rows, 3, 3), d = random_input(g, rows, 1);
    tfx_value loss = result(g, rows), lse = result(g, rows), dx = result(g, s);
    float *xs = program_data(g, x);
    int32_t *ts = program_data(g, t);
    xs[0] = NAN, ts[0] = -1;
    xs[V] = NAN;
    ts[2] = V;
    ADD_SINGLE(g, TFX_OP_CROSS_ENTROPY, 2, 2, x, t, loss, lse);
    ADD_SINGLE(g, TFX_OP_CROSS_ENTROPY_GRAD, 4, 1, x, t, lse, d, dx);
    program_run(g, 2);
    const float *l = program_data(g, loss), *ds = program_data(g, dx);
    ck_assert(l[0] == 0 && l[1] != l[1] && l[2] != l[2] && l[3] > 0);
    for (int i = 0; i < V; i++) {
        ck_assert(ds[i] == 0);
        ck_assert(ds[V + i] != ds[V + i]);
        ck_assert(ds[2 * V + i] != ds[2 * V + i]);
        ck_assert(ds[3 * V + i] == ds[3 * V + i]);
    }
    program_destroy(g);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cpu: cross entropy");
    TCase *c = tcase_create("loss");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, loss_and_gradient, 0, N_SHAPES);
    tcase_add_test(c, odd_rows);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

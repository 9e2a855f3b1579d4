/* GATHER and GATHER_GRAD of the CPU backend. */
#include "tests/check_main.h"
#include "tests/plugins/program.h"

typedef struct sizes {
    int64_t n, d;
    shape indices;
} sizes;

static const sizes cases[] = {{1, 1, {1, {1}}},          {10, 3, {0, {0}}},     {7, 5, {2, {3, 4}}},
                              {1000, 64, {2, {2, 500}}}, {3, 768, {1, {2000}}}, {50000, 17, {1, {333}}},
                              {4, 4, {1, {0}}}};

START_TEST(rows_and_their_adjoint)
{
    sizes z = cases[_i];
    shape table = SHAPE(z.n, z.d), s = z.indices;
    int64_t count = shape_count(z.indices), n = z.n * z.d;
    s.d[s.n++] = z.d;
    program *g = program_create();
    tfx_value w = random_input(g, table, 1), index = int_input(g, z.indices, 0, (int32_t)z.n - 1),
              dy = random_input(g, s, 1);
    tfx_value c = random_input(g, table, 1), y = result(g, s), dw = result(g, table), added = result(g, table);
    tfx_value in_place = shared_with(g, c, table);
    const float *ws = program_data(g, w), *ds = program_data(g, dy), *cs = program_data(g, c);
    const int32_t *is = program_data(g, index);
    float *want = calloc((size_t)(count * z.d) + 1, 4), *want_dw = calloc((size_t)n + 1, 4),
          *want_c = calloc((size_t)n + 1, 4);
    memcpy(want_c, cs, (size_t)n * 4);
    /* The order of additions is part of the contract, so the bits must be these. */
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < z.d; k++) {
            want[i * z.d + k] = ws[is[i] * z.d + k];
            want_dw[is[i] * z.d + k] += ds[i * z.d + k];
            want_c[is[i] * z.d + k] += ds[i * z.d + k];
        }
    ADD_SINGLE(g, TFX_OP_GATHER, 2, 1, w, index, y);
    ADD_SINGLE(g, TFX_OP_GATHER_GRAD, 2, 1, index, dy, dw);
    ADD_SINGLE(g, TFX_OP_GATHER_GRAD, 3, 1, index, dy, c, added);
    ADD_SINGLE(g, TFX_OP_GATHER_GRAD, 3, 1, index, dy, c, in_place);
    for (int threads = 1; threads <= 3; threads++) {
        program_run_twice(g, threads);
        ck_assert_mem_eq(program_data(g, y), want, value_bytes(g, y));
        ck_assert_mem_eq(program_data(g, dw), want_dw, value_bytes(g, dw));
        ck_assert_mem_eq(program_data(g, added), want_c, value_bytes(g, added));
        ck_assert_mem_eq(program_data(g, in_place), want_c, value_bytes(g, in_place));
    }
    free(want);
    free(want_dw);
    free(want_c);
    program_destroy(g);
}
END_TEST

/* An index outside the table reads NaN, and its gradient goes nowhere. */
START_TEST(indices_outside)
{
    program *g = program_create();
    tfx_value w = random_input(g, SHAPE(5, 3), 1), index = int_input(g, SHAPE(3), 0, 0),
              dy = random_input(g, SHAPE(3, 3), 1);
    tfx_value y = result(g, SHAPE(3, 3)), dw = result(g, SHAPE(5, 3));
    int32_t *is = program_data(g, index);
    is[0] = -1, is[1] = 5, is[2] = 4;
    ADD_SINGLE(g, TFX_OP_GATHER, 2, 1, w, index, y);
    ADD_SINGLE(g, TFX_OP_GATHER_GRAD, 2, 1, index, dy, dw);
    program_run(g, 2);
    const float *ys = program_data(g, y), *ws = program_data(g, w), *ds = program_data(g, dw),
                *in = program_data(g, dy);
    for (int i = 0; i < 6; i++)
        ck_assert(ys[i] != ys[i]);
    for (int i = 0; i < 3; i++)
        ck_assert(ys[6 + i] == ws[12 + i]);
    for (int i = 0; i < 15; i++)
        ck_assert(ds[i] == (i < 12 ? 0 : in[i - 6]));
    program_destroy(g);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cpu: gather");
    TCase *c = tcase_create("gather");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, rows_and_their_adjoint, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(c, indices_outside);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

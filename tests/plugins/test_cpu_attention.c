/* ATTENTION and its gradient against plain loops in double precision. */
#include "tests/check_main.h"
#include "tests/plugins/program.h"

typedef struct sizes {
    int64_t batch, time, heads, dims;
    float size; /* of the operands: large ones make the softmax sharp */
} sizes;

static const sizes cases[] = {
    {1, 1, 1, 1, 1},   {2, 3, 2, 4, 1},   {1, 17, 3, 5, 2},   {2, 64, 1, 16, 1}, {1, 129, 2, 64, 3},
    {1, 128, 1, 8, 1}, {3, 65, 2, 33, 6}, {1, 300, 2, 20, 1}, {0, 5, 2, 4, 1},   {1, 0, 2, 4, 1},
};
enum { N_CASES = sizeof(cases) / sizeof(cases[0]) };

typedef struct arrays {
    double *o, *lse, *dq, *dk, *dv;
} arrays;

static void reference(const sizes *z, double scale, const float *q, const float *k, const float *v, const float *d_o,
                      arrays *r)
{
    int64_t row = z->heads * z->dims;
    double *p = calloc((size_t)z->time + 1, sizeof(double)), *dp = calloc((size_t)z->time + 1, sizeof(double));
    for (int64_t b = 0; b < z->batch; b++)
        for (int64_t h = 0; h < z->heads; h++)
            for (int64_t i = 0; i < z->time; i++) {
                int64_t base = b * z->time * row + h * z->dims, at = base + i * row;
                double max = -INFINITY, sum = 0, delta = 0;
                for (int64_t j = 0; j <= i; j++) {
                    p[j] = 0;
                    for (int64_t d = 0; d < z->dims; d++)
                        p[j] += scale * (double)q[at + d] * (double)k[base + j * row + d];
                    max = fmax(max, p[j]);
                }
                for (int64_t j = 0; j <= i; j++)
                    sum += p[j] = exp(p[j] - max);
                r->lse[(b * z->heads + h) * z->time + i] = max + log(sum);
                for (int64_t j = 0; j <= i; j++) {
                    p[j] /= sum;
                    dp[j] = 0;
                    for (int64_t d = 0; d < z->dims; d++) {
                        r->o[at + d] += p[j] * (double)v[base + j * row + d];
                        r->dv[base + j * row + d] += p[j] * (double)d_o[at + d];
                        dp[j] += (double)d_o[at + d] * (double)v[base + j * row + d];
                    }
                    delta += p[j] * dp[j];
                }
                for (int64_t j = 0; j <= i; j++) {
                    double ds = p[j] * (dp[j] - delta) * scale;
                    for (int64_t d = 0; d < z->dims; d++) {
                        r->dq[at + d] += ds * (double)k[base + j * row + d];
                        r->dk[base + j * row + d] += ds * (double)q[at + d];
                    }
                }
            }
    free(p);
    free(dp);
}

/* Within `tolerance` of the largest element. */
static void check_tensor(const float *got, const double *want, int64_t n, double tolerance, const char *what)
{
    double largest = 0;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(want[i]));
    check_close(got, want, n, tolerance, largest, what);
}

START_TEST(forward_and_backward)
{
    const sizes *z = &cases[_i];
    shape s = SHAPE(z->batch, z->time, z->heads, z->dims), rows = SHAPE(z->batch, z->heads, z->time);
    int64_t n = shape_count(s);
    double scale = 1 / sqrt((double)z->dims);
    program *g = program_create();
    tfx_value q = random_input(g, s, z->size), k = random_input(g, s, z->size), v = random_input(g, s, 1);
    tfx_value d_o = random_input(g, s, 1), o = result(g, s), lse = result(g, rows);
    tfx_value dq = result(g, s), dk = result(g, s), dv = result(g, s);
    ADD_SINGLE(g, TFX_OP_ATTENTION, 3, 2, q, k, v, o, lse)->reals[0] = scale;
    ADD_SINGLE(g, TFX_OP_ATTENTION_GRAD, 6, 3, q, k, v, o, lse, d_o, dq, dk, dv)->reals[0] = scale;
    arrays r;
    double **all[] = {&r.o, &r.lse, &r.dq, &r.dk, &r.dv};
    for (int i = 0; i < 5; i++)
        *all[i] = calloc((size_t)n + 1, sizeof(double));
    reference(z, scale, program_data(g, q), program_data(g, k), program_data(g, v), program_data(g, d_o), &r);
    for (int threads = 1; threads <= 3; threads++) {
        program_run_twice(g, threads);
        check_tensor(program_data(g, o), r.o, n, 5e-6, "o");
        check_tensor(program_data(g, lse), r.lse, shape_count(rows), 1e-6, "lse");
        check_tensor(program_data(g, dq), r.dq, n, 1e-5, "dq");
        check_tensor(program_data(g, dk), r.dk, n, 1e-5, "dk");
        check_tensor(program_data(g, dv), r.dv, n, 1e-5, "dv");
    }
    for (int i = 0; i < 5; i++)
        free(*all[i]);
    program_destroy(g);
}
END_TEST

/* On bf16 operands: what f32 operands of the same values give. */
START_TEST(narrow_operands)
{
    const sizes *z = &cases[_i];
    shape s = SHAPE(z->batch, z->time, z->heads, z->dims), rows = SHAPE(z->batch, z->heads, z->time);
    program *g = program_create();
    tfx_value in[2][5], out[2][5]; /* q, k, v, o, do; o, lse, dq, dk, dv */
    for (int i = 0; i < 5; i++) {
        in[0][i] = random_bf16(g, s, i < 2 ? z->size : 1);
        in[1][i] = widened_input(g, in[0][i], s);
    }
    for (int k = 0; k < 2; k++) {
        const tfx_value *x = in[k], *y = out[k];
        for (int i = 0; i < 5; i++)
            out[k][i] = result(g, i == 1 ? rows : s);
        ADD_SINGLE(g, TFX_OP_ATTENTION, 3, 2, x[0], x[1], x[2], y[0], y[1])->reals[0] = 0.3;
        ADD_SINGLE(g, TFX_OP_ATTENTION_GRAD, 6, 3, x[0], x[1], x[2], x[3], y[1], x[4], y[2], y[3], y[4])->reals[0] =
            0.3;
    }
    program_run_twice(g, 2);
    for (int i = 0; i < 5; i++) {
        int64_t n = shape_count(i == 1 ? rows : s);
        double *want = calloc((size_t)n + 1, sizeof(double));
        const float *wide = program_data(g, out[1][i]);
        for (int64_t k = 0; k < n; k++)
            want[k] = (double)wide[k];
        check_tensor(program_data(g, out[0][i]), want, n, 2e-6, "a result");
        free(want);
    }
    program_destroy(g);
}
END_TEST

/* A position's result has the same bits whatever comes after it. */
START_TEST(the_future_has_no_influence)
{
    enum { T = 200, H = 2, D = 16, SEEN = 77 };
    shape s = SHAPE(1, T, H, D);
    program *g = program_create();
    tfx_value x[2][3], o[2];
    for (int i = 0; i < 3; i++) {
        x[0][i] = random_input(g, s, 1);
        x[1][i] = random_input(g, s, 100);
        memcpy(program_data(g, x[1][i]), program_data(g, x[0][i]), SEEN * H * D * sizeof(float));
    }
    for (int i = 0; i < 2; i++) {
        tfx_value lse = result(g, SHAPE(1, H, T));
        o[i] = result(g, s);
        ADD_SINGLE(g, TFX_OP_ATTENTION, 3, 2, x[i][0], x[i][1], x[i][2], o[i], lse)->reals[0] = 0.25;
    }
    program_run(g, 2);
    ck_assert_mem_eq(program_data(g, o[0]), program_data(g, o[1]), SEEN * H * D * sizeof(float));
    program_destroy(g);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cpu: attention");
    TCase *c = tcase_create("attention");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, forward_and_backward, 0, N_CASES);
    tcase_add_loop_test(c, narrow_operands, 0, N_CASES);
    tcase_add_test(c, the_future_has_no_influence);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

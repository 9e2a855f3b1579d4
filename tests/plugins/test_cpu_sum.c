/* SUM of the CPU backend over every subset of axes, against sums in double precision. */
#include "tests/check_main.h"
#include "tests/plugins/program.h"

static const shape shapes[] = {
    {0, {0}},         {1, {1}},        {1, {77}},        {1, {1000003}},      {2, {1024, 768}},     {2, {3, 5000}},
    {2, {100000, 3}}, {3, {4, 5, 6}},  {3, {33, 1, 65}}, {4, {3, 40, 5, 70}}, {5, {2, 3, 4, 5, 6}}, {2, {0, 7}},
    {2, {7, 0}},      {2, {2, 262144}}};
enum { N_SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

START_TEST(every_subset_of_axes)
{
    shape s = shapes[_i];
    int64_t count = shape_count(s);
    for (int mask = 0; mask < 1 << s.n; mask++) {
        shape kept = s;
        for (uint32_t d = 0; d < s.n; d++)
            if (mask >> d & 1)
                kept.d[d] = 1;
        int64_t n = shape_count(kept);
        program *g = program_create();
        tfx_value x = random_input(g, s, 1), y = result(g, kept);
        const float *xs = program_data(g, x);
        double *want = calloc((size_t)n + 1, sizeof(double)), *sizes = calloc((size_t)n + 1, sizeof(double));
        for (int64_t i = 0; i < count; i++) {
            int64_t rest = i, at = 0, stride = 1;
            for (uint32_t d = s.n; d-- > 0;) {
                int64_t c = rest % s.d[d];
                rest /= s.d[d];
                if (!(mask >> d & 1)) {
                    at += c * stride;
                    stride *= s.d[d];
                }
            }
            want[at] += xs[i];
            sizes[at] += fabs(xs[i]);
        }
        ADD_SINGLE(g, TFX_OP_SUM, 1, 1, x, y)->ints[0] = mask;
        float *first = NULL;
        for (int threads = 1; threads <= 3; threads++) {
            program_run_twice(g, threads);
            const float *ys = program_data(g, y);
            for (int64_t i = 0; i < n; i++)
                check_close(&ys[i], &want[i], 1, 1e-7, fmax(1e-6 * sizes[i], fabs(want[i])) + 1e-12, "sum");
            /* Not even the number of threads changes a bit. */
            if (first)
                ck_assert_mem_eq(first, ys, value_bytes(g, y));
            else
                memcpy(first = malloc(value_bytes(g, y) + 1), ys, value_bytes(g, y));
        }
        free(first);
        free(want);
        free(sizes);
        program_destroy(g);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cpu: sum");
    TCase *c = tcase_create("sum");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, every_subset_of_axes, 0, N_SHAPES);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

/* TOPK of the CPU backend against counting, for each element, how many come before it. */
#include "tests/check_main.h"
#include "tests/plugins/program.h"

static const shape shapes[] = {{1, {1}},        {1, {5}},      {2, {3, 33}},     {3, {2, 3, 768}},
                               {2, {1000, 7}},  {2, {0, 4}},   {2, {257, 64}},   {2, {2, 5003}},
                               {2, {40, 1024}}, {2, {63, 16}}, {3, {1, 9, 3072}}};
enum { N_SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static int comes_before(float a, float b, int64_t i, int64_t j)
{
    if (a != a || b != b)
        return a != a && (b == b || i < j);
    return a > b || (a == b && i < j);
}

static void choose(int64_t n, int64_t k, const float *x, double *want)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t before = 0;
        for (int64_t j = 0; j < n; j++)
            before += comes_before(x[j], x[i], j, i);
        want[i] = before < k;
    }
}

/* kind 0: random; 1: few different numbers; 2: all the same; 3: zeros of both signs, infinities and NaN between */
static void fill(int kind, int64_t count, float *x)
{
    static const float odd[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1e-45f, -1e-45f};
    for (int64_t i = 0; i < count; i++) {
        float r = next_random();
        x[i] = kind == 0   ? r
               : kind == 1 ? floorf(r * 3)
               : kind == 2 ? -1.5f
                           : (i % 3 ? odd[(int)((r + 1) * 3.49f)] : r);
    }
}

START_TEST(topk)
{
    shape s = shapes[_i];
    int64_t n = s.d[s.n - 1], count = shape_count(s), ks[] = {1, 2, n / 3, n - 1, n};
    double *want = calloc((size_t)count + 1, sizeof(double));
    for (int kind = 0; kind < 4; kind++)
        for (size_t i = 0; i < sizeof(ks) / sizeof(*ks); i++) {
            if (ks[i] < 1 || ks[i] > n)
                continue;
            program *g = program_create();
            tfx_value x = random_input(g, s, 1), y = result(g, s);
            fill(kind, count, program_data(g, x));
            for (int64_t r = 0; r < count; r += n)
                choose(n, ks[i], (float *)program_data(g, x) + r, want + r);
            ADD_SINGLE(g, TFX_OP_TOPK, 1, 1, x, y)->ints[0] = ks[i];
            program_run_twice(g, 1 + kind % 3);
            check_close(program_data(g, y), want, count, 0, 0, "topk");
            program_destroy(g);
        }
    free(want);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("plugins/cpu_topk");
    TCase *c = tcase_create("topk");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, topk, 0, N_SHAPES);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

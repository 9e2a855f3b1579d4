/* MATMUL of the CPU backend against three loops in double precision, whoever computes products. */
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "tests/check_main.h"
#include "tests/plugins/program.h"

typedef struct product {
    shape a, b; /* as stored */
    int flags;
} product;

static const product products[] = {
    {{2, {1, 1}}, {2, {1, 1}}, 0},
    {{2, {3, 5}}, {2, {5, 7}}, 0},
    {{2, {5, 3}}, {2, {5, 7}}, TFX_TRANS_A},
    {{2, {3, 5}}, {2, {7, 5}}, TFX_TRANS_B},
    {{2, {5, 3}}, {2, {7, 5}}, TFX_TRANS_A | TFX_TRANS_B},
    {{2, {64, 96}}, {2, {96, 1000}}, 0},
    {{2, {96, 64}}, {2, {96, 1000}}, TFX_TRANS_A},
    {{2, {64, 96}}, {2, {1000, 96}}, TFX_TRANS_B},
    {{2, {96, 64}}, {2, {1000, 96}}, TFX_TRANS_A | TFX_TRANS_B},
    {{2, {1001, 65}}, {2, {65, 17}}, 0}, /* rows are divided */
    {{2, {65, 1001}}, {2, {17, 65}}, TFX_TRANS_A | TFX_TRANS_B},
    {{2, {2000, 70}}, {2, {70, 1}}, 0},
    {{2, {1, 300}}, {2, {300, 999}}, 0},
    {{2, {1, 999}}, {2, {300, 999}}, TFX_TRANS_B},
    {{2, {300, 1}}, {2, {999, 300}}, TFX_TRANS_A | TFX_TRANS_B},
    {{2, {970, 514}}, {2, {514, 20}}, 0}, /* blocks of bf16 ones */
    {{2, {514, 20}}, {2, {530, 514}}, TFX_TRANS_A | TFX_TRANS_B},
    {{2, {20011, 9}}, {2, {9, 11}}, 0}, /* and taken in several calls */
    {{2, {9, 20011}}, {2, {9, 11}}, TFX_TRANS_A},
    {{2, {20, 2051}}, {2, {2051, 1050}}, 0}, /* blocks of own products, the last ones cut short */
    {{2, {2051, 225}}, {2, {70, 2051}}, TFX_TRANS_A | TFX_TRANS_B},
    {{3, {4, 33, 20}}, {2, {20, 50}}, 0}, /* leading dims are rows */
    {{4, {2, 3, 17, 20}}, {2, {50, 20}}, TFX_TRANS_B},
    {{3, {7, 33, 20}}, {3, {7, 20, 50}}, 0}, /* batches */
    {{4, {2, 3, 20, 33}}, {4, {2, 3, 50, 20}}, TFX_TRANS_A | TFX_TRANS_B},
    {{3, {2, 150, 40}}, {3, {2, 160, 40}}, TFX_TRANS_B},
    {{3, {1, 150, 40}}, {3, {1, 40, 300}}, 0},
    {{3, {2, 40, 150}}, {3, {2, 40, 30}}, TFX_TRANS_A},
    {{2, {0, 5}}, {2, {5, 7}}, 0}, /* nothing */
    {{2, {3, 5}}, {2, {5, 0}}, 0},
    {{2, {3, 0}}, {2, {0, 7}}, 0}, /* sums of nothing */
    {{3, {0, 3, 5}}, {3, {0, 5, 7}}, 0},
};
enum { N_PRODUCTS = sizeof(products) / sizeof(products[0]) };

/* How c takes part: not at all; from memory of its own; from the result's memory. */
enum { NO_C, C_APART, C_SHARED, N_C };

typedef struct sizes {
    int64_t batch, m, n, k;
    shape out;
    int b_shared;
} sizes;

static sizes sizes_of(const product *p)
{
    sizes s = {0};
    uint32_t r = p->a.n;
    s.out = p->a;
    s.m = p->flags & TFX_TRANS_A ? p->a.d[r - 1] : p->a.d[r - 2];
    s.k = p->flags & TFX_TRANS_A ? p->a.d[r - 2] : p->a.d[r - 1];
    s.n = p->flags & TFX_TRANS_B ? p->b.d[p->b.n - 2] : p->b.d[p->b.n - 1];
    s.out.d[r - 2] = s.m, s.out.d[r - 1] = s.n;
    s.batch = 1;
    for (uint32_t i = 0; i + 2 < r; i++)
        s.batch *= p->a.d[i];
    s.b_shared = p->b.n == 2;
    return s;
}

static void reference(const product *p, const sizes *s, const float *a, const float *b, const float *c, double alpha,
                      double beta, double *out)
{
    for (int64_t z = 0; z < s->batch; z++)
        for (int64_t i = 0; i < s->m; i++)
            for (int64_t j = 0; j < s->n; j++) {
                const float *az = a + z * s->m * s->k, *bz = b + (s->b_shared ? 0 : z * s->k * s->n);
                double sum = 0;
                for (int64_t l = 0; l < s->k; l++)
                    sum += (double)(p->flags & TFX_TRANS_A ? az[l * s->m + i] : az[i * s->k + l]) *
                           (double)(p->flags & TFX_TRANS_B ? bz[j * s->k + l] : bz[l * s->n + j]);
                int64_t at = (z * s->m + i) * s->n + j;
                out[at] = alpha * sum + (c ? beta * (double)c[at] : 0);
            }
}

/* Who may compute products; this processor has not all of them. */
static const char *const levels[] = {"plain", "avx2", "avx512", "avx512_bf16", "onednn", "openblas"};
enum { N_LEVELS = sizeof(levels) / sizeof(levels[0]), N_OWN = N_LEVELS - 2 };

/* Has the level compute from now on, if there is such a one. */
static int use_level(int i)
{
    tfx_backend *b = NULL;
    if (!may_be_tested(levels[i]))
        return 0;
    host_products = levels[i];
    tfx_status status = cpu_backend()->open(&test_host, NULL, &b);
    if (status == TFX_OK)
        cpu_backend()->close(b);
    else
        ck_assert_int_eq(status, TFX_E_UNSUPPORTED);
    return status == TFX_OK;
}

/* A program of one product; y is its result, and what that should be goes to `want`, unless it is NULL. */
static program *product_program(const product *p, int kind, int bf16, double alpha, double beta, tfx_value *y,
                                double *want)
{
    sizes s = sizes_of(p);
    program *g = program_create();
    tfx_value a = bf16 ? random_bf16(g, p->a, 1) : random_input(g, p->a, 1);
    tfx_value b = bf16 ? random_bf16(g, p->b, 1) : random_input(g, p->b, 1);
    tfx_value wide_a = bf16 ? widened_input(g, a, p->a) : a, wide_b = bf16 ? widened_input(g, b, p->b) : b;
    tfx_value c = kind == NO_C ? 0 : random_input(g, s.out, 1);
    *y = kind == C_SHARED ? shared_with(g, c, s.out) : result(g, s.out);
    if (want)
        reference(p, &s, program_data(g, wide_a), program_data(g, wide_b), c ? program_data(g, c) : NULL, alpha, beta,
                  want);
    tfx_node *node = c ? ADD_SINGLE(g, TFX_OP_MATMUL, 3, 1, a, b, c, *y) : ADD_SINGLE(g, TFX_OP_MATMUL, 2, 1, a, b, *y);
    node->ints[0] = p->flags;
    node->reals[0] = alpha, node->reals[1] = beta;
    return g;
}

START_TEST(products_are_right)
{
    const product *p = &products[_i / 2 / N_C];
    int kind = _i / 2 % N_C, bf16 = _i % 2;
    sizes s = sizes_of(p);
    int64_t n = shape_count(s.out);
    double alpha = (_i / 2) % 2 ? 0.75 : 1, beta = kind == C_SHARED ? 1 : -0.5;
    double *want = calloc((size_t)n + 1, sizeof(double));
    tfx_value y;
    program *g = product_program(p, kind, bf16, alpha, beta, &y, want);
    for (int level = 0; level < N_LEVELS; level++)
        if (use_level(level)) {
            program_run_twice(g, 1 + (_i + level) % 3);
            check_close(program_data(g, y), want, n, 2e-6, sqrt((double)s.k) + 1, levels[level]);
        }
    free(want);
    program_destroy(g);
}
END_TEST

/* Own products add up in one order, whatever instructions do it and however threads divide them; alpha and beta are such that
 * rounding more or less often would show. */
START_TEST(own_products_have_the_same_bits)
{
    const product *p = &products[_i / 2];
    int bf16 = _i % 2;
    for (int kind = 0; kind < N_C; kind++) {
        tfx_value y;
        program *g = product_program(p, kind, bf16, 0.7, kind == C_SHARED ? 1 : -0.3, &y, NULL);
        float *want = malloc(value_bytes(g, y) + 1);
        use_level(0);
        program_run(g, 1);
        memcpy(want, program_data(g, y), value_bytes(g, y));
        for (int level = 0; level < N_OWN; level++)
            if (use_level(level)) {
                program_run(g, 2 + level % 2);
                ck_assert_msg(!memcmp(want, program_data(g, y), value_bytes(g, y)), "%s gives other bits",
                              levels[level]);
            }
        free(want);
        program_destroy(g);
    }
}
END_TEST

/* Products that threads compute together have the bits of those that one thread computes: rows divided, and columns; terms in
 * one round, and in two. */
START_TEST(threads_together_give_the_same_bits)
{
    static const struct {
        product p;
        int kind;
    } large[] = {
        {{{2, {601, 801}}, {2, {801, 301}}, 0}, NO_C},
        {{{2, {801, 301}}, {2, {601, 801}}, TFX_TRANS_A | TFX_TRANS_B}, C_SHARED},
        {{{2, {110, 33001}}, {2, {104, 33001}}, TFX_TRANS_B}, C_APART},
        {{{2, {33001, 101}}, {2, {33001, 111}}, TFX_TRANS_A}, C_APART},
    };
    static const int threads[] = {2, 3, 64};
    const product *p = &large[_i / 2].p;
    sizes s = sizes_of(p);
    tfx_value y;
    int64_t n = shape_count(s.out);
    float *want = NULL;
    program *g = product_program(p, large[_i / 2].kind, _i % 2, 0.7, large[_i / 2].kind == C_SHARED ? 1 : -0.3, &y,
                                 NULL);
    for (int level = 0; level < N_OWN; level++)
        for (int t = 0; t < (level ? 3 : 1) && use_level(level); t++) {
            if (!want) {
                program_run(g, 1);
                want = malloc((size_t)n * sizeof(float));
                memcpy(want, program_data(g, y), (size_t)n * sizeof(float));
            }
            program_run(g, threads[t]);
            ck_assert_msg(!memcmp(want, program_data(g, y), (size_t)n * sizeof(float)),
                          "%s with %d threads gives other bits", levels[level], threads[t]);
        }
    free(want);
    program_destroy(g);
}
END_TEST

/* What is in the result's memory before has no influence without c: the arena starts as NaN
 * (see program.h). With c and beta 0 it is the same. */
START_TEST(beta_zero_ignores_c)
{
    shape s = SHAPE(40, 40);
    program *g = program_create();
    tfx_value a = random_input(g, s, 1), b = random_input(g, s, 1), c = random_input(g, s, 1), y = result(g, s),
              z = result(g, s);
    *(float *)program_data(g, c) = NAN;
    ADD_SINGLE(g, TFX_OP_MATMUL, 2, 1, a, b, y)->reals[0] = 1;
    ADD_SINGLE(g, TFX_OP_MATMUL, 3, 1, a, b, c, z)->reals[0] = 1;
    program_run_twice(g, 2);
    ck_assert_mem_eq(program_data(g, y), program_data(g, z), value_bytes(g, y));
    program_destroy(g);
}
END_TEST

static void sleep_a_while(int signal)
{
    (void)signal;
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

/* A thread that is held up again and again leaves its tasks to the others, in one run these and
 * in the next run those: no bit may depend on it. A large product, many, and a tall one; and one of bf16 operands. */
START_TEST(bits_do_not_depend_on_who_computes)
{
    if (!use_level(_i))
        return;
    program *g = program_create();
    tfx_value long_a = random_input(g, SHAPE(1024, 512), 1), b = random_input(g, SHAPE(512, 512), 1);
    tfx_value many_a = random_input(g, SHAPE(40, 64, 64), 1), many_b = random_input(g, SHAPE(40, 64, 64), 1);
    tfx_value tall_a = random_input(g, SHAPE(20011, 32), 1), tall_b = random_input(g, SHAPE(32, 48), 1);
    tfx_value narrow_a = random_bf16(g, SHAPE(3600, 300), 1), narrow_b = random_bf16(g, SHAPE(300, 520), 1);
    tfx_value y[] = {result(g, SHAPE(1024, 512)), result(g, SHAPE(40, 64, 64)), result(g, SHAPE(20011, 48)),
                     result(g, SHAPE(3600, 520))};
    enum { N_RESULTS = sizeof(y) / sizeof(*y) };
    for (int i = 0; i < 4; i++) {
        ADD_SINGLE(g, TFX_OP_MATMUL, 2, 1, long_a, b, y[0])->reals[0] = 1;
        ADD_SINGLE(g, TFX_OP_MATMUL, 2, 1, many_a, many_b, y[1])->reals[0] = 1;
        ADD_SINGLE(g, TFX_OP_MATMUL, 2, 1, tall_a, tall_b, y[2])->reals[0] = 1;
    }
    ADD_SINGLE(g, TFX_OP_MATMUL, 2, 1, narrow_a, narrow_b, y[3])->reals[0] = 1;
    for (int threads = 2; threads <= 4; threads++) {
        program_run(g, threads);
        float *want[N_RESULTS];
        for (int k = 0; k < N_RESULTS; k++) {
            want[k] = malloc(value_bytes(g, y[k]));
            memcpy(want[k], program_data(g, y[k]), value_bytes(g, y[k]));
        }
        /* The signal reaches the calling thread: the workers block signals. */
        struct sigaction action = {.sa_handler = sleep_a_while, .sa_flags = SA_RESTART}, before;
        struct itimerval often = {{0, 3000}, {0, 3000}}, never = {{0, 0}, {0, 0}};
        ck_assert_int_eq(sigaction(SIGALRM, &action, &before), 0);
        for (int again = 0; again < 8; again++) {
            setitimer(ITIMER_REAL, &often, NULL);
            program_run(g, threads);
            setitimer(ITIMER_REAL, &never, NULL);
            for (int k = 0; k < N_RESULTS; k++)
                ck_assert_mem_eq(program_data(g, y[k]), want[k], value_bytes(g, y[k]));
        }
        sigaction(SIGALRM, &before, NULL);
        for (int k = 0; k < N_RESULTS; k++)
            free(want[k]);
    }
    program_destroy(g);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cpu: matmul");
    TCase *c = tcase_create("matmul");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, threads_together_give_the_same_bits, 0, 8);
    tcase_add_loop_test(c, own_products_have_the_same_bits, 0, N_PRODUCTS * 2);
    tcase_add_loop_test(c, products_are_right, 0, 2 * N_PRODUCTS * N_C);
    tcase_add_test(c, beta_zero_ignores_c);
    tcase_add_loop_test(c, bits_do_not_depend_on_who_computes, 1, N_LEVELS);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

/* ATTENTION and its gradient against plain loops in double precision. */
#include "framework/base/bf16.h"
#include "tests/check_main.h"
#include "tests/plugins/program.h"

typedef struct sizes {
    int64_t batch, time, heads, dims;
    float size;     /* of the operands: large ones make the softmax sharp */
    int64_t shared; /* heads of queries to one of keys; 0: one */
    int64_t flags, window;
    double cap;
} sizes;

static int64_t key_heads(const sizes *z)
{
    return z->heads / (z->shared ? z->shared : 1);
}

static const sizes cases[] = {
    {1, 1, 1, 1, 1},
    {2, 3, 2, 4, 1},
    {1, 17, 3, 5, 2},
    {2, 64, 1, 16, 1},
    {1, 129, 2, 64, 3},
    {1, 128, 1, 8, 1},
    {3, 65, 2, 33, 6},
    {1, 300, 2, 20, 1},
    {0, 5, 2, 4, 1},
    {1, 0, 2, 4, 1},
    {1, 577, 1, 64, 2},
    {1, 640, 2, 7, 1},
    {1, 97, 1, 128, 1},
    /* special ones */
    {2, 65, 4, 8, 2, 2, 0, 0, 0},
    {1, 300, 3, 20, 1, 3, 0, 0, 0},
    {1, 577, 2, 16, 2, 0, 0, 100, 0},
    {1, 600, 2, 16, 2, 0, TFX_ATTENTION_BIDIRECTIONAL, 50, 0},
    {2, 129, 2, 16, 2, 0, TFX_ATTENTION_BIDIRECTIONAL, 0, 0},
    {1, 310, 2, 16, 2, 0, TFX_ATTENTION_BIDIRECTIONAL, 0, 0},
    {1, 300, 4, 8, 2, 0, TFX_ATTENTION_ALIBI, 0, 0},
    {1, 140, 2, 16, 4, 0, 0, 0, 1.5},
    {1, 64, 2, 8, 2, 0, 0, 1, 0},
    {1, 400, 6, 12, 3, 2, TFX_ATTENTION_ALIBI | TFX_ATTENTION_BIDIRECTIONAL, 37, 2},
    {1, 620, 4, 33, 3, 4, TFX_ATTENTION_ALIBI, 290, 5},
    {0, 5, 2, 4, 1, 2, 0, 3, 0},
};
enum { N_CASES = sizeof(cases) / sizeof(cases[0]), KEYS = 288 /* that are taken at a time */ };

/* Who computes products; OpenBLAS last, which has no tiles. */
static const char *const levels[] = {"plain", "avx2", "avx512", "avx512_bf16", "onednn", "openblas"};
enum { N_LEVELS = sizeof(levels) / sizeof(levels[0]), N_OWN = N_LEVELS - 1 };

/* Whether this processor has the level, which is used from here on then. */
static int use_level(int level)
{
    const tfx_backend_class *cls = cpu_backend();
    tfx_backend *b = NULL;
    if (!may_be_tested(levels[level]))
        return 0;
    host_products = levels[level];
    int has = cls->open(&test_host, NULL, &b) == TFX_OK;
    cls->close(b);
    host_message[0] = '\0';
    return has;
}

typedef struct arrays {
    double *o, *lse, *dq, *dk, *dv;
} arrays;

/* x as an operand of products. */
static double as_operand(double x, int bf16)
{
    uint32_t bits = (uint32_t)tfx_bf16_from_f32((float)x) << 16;
    float nearest;
    memcpy(&nearest, &bits, sizeof(nearest));
    return bf16 ? (double)nearest : x;
}

/* o is what the gradient takes as the result, or NULL: what comes out here. With bf16, probabilities and gradients of scores are
 * rounded, the former forwards before they are divided by their sum. */
static void reference(const sizes *z, double scale, int bf16, const float *q, const float *k, const float *v,
                      const float *o, const float *d_o, arrays *r)
{
    int64_t row = z->heads * z->dims, key_row = key_heads(z) * z->dims, group = z->heads / key_heads(z);
    int64_t window = z->window ? z->window : z->time;
    double *p = calloc((size_t)z->time + 1, sizeof(double)), *dp = calloc((size_t)z->time + 1, sizeof(double));
    double *d_cap = calloc((size_t)z->time + 1, sizeof(double));
    for (int64_t b = 0; b < z->batch; b++)
        for (int64_t h = 0; h < z->heads; h++)
            for (int64_t i = 0; i < z->time; i++) {
                int64_t at = (b * z->time + i) * row + h * z->dims;
                int64_t base = b * z->time * key_row + h / group * z->dims;
                int64_t from = i - window + 1 > 0 ? i - window + 1 : 0, to = i + 1;
                if (z->flags & TFX_ATTENTION_BIDIRECTIONAL)
                    to = i + window < z->time ? i + window : z->time;
                double slope = z->flags & TFX_ATTENTION_ALIBI ? pow(2, -8.0 * (double)(h + 1) / (double)z->heads) : 0;
                double max = -INFINITY, sum = 0, delta = 0;
                for (int64_t j = from; j < to; j++) {
                    p[j] = 0;
                    for (int64_t d = 0; d < z->dims; d++)
                        p[j] += scale * (double)q[at + d] * (double)k[base + j * key_row + d];
                    d_cap[j] = z->cap > 0 ? 1 - pow(tanh(p[j] / z->cap), 2) : 1;
                    p[j] = (z->cap > 0 ? z->cap * tanh(p[j] / z->cap) : p[j]) - slope * fabs((double)(i - j));
                    max = fmax(max, p[j]);
                }
                for (int64_t j = from; j < to; j++)
                    sum += p[j] = exp(p[j] - max);
                r->lse[(b * z->heads + h) * z->time + i] = max + log(sum);
                for (int64_t j = from; j < to; j++) {
                    dp[j] = 0;
                    for (int64_t d = 0; d < z->dims; d++) {
                        r->o[at + d] += as_operand(p[j], bf16) / sum * (double)v[base + j * key_row + d];
                        r->dv[base + j * key_row + d] += as_operand(p[j] / sum, bf16) * (double)d_o[at + d];
                        dp[j] += (double)d_o[at + d] * (double)v[base + j * key_row + d];
                    }
                }
                for (int64_t d = 0; d < z->dims; d++)
                    delta += (double)d_o[at + d] * (o ? (double)o[at + d] : r->o[at + d]);
                for (int64_t j = from; j < to; j++) {
                    double ds = as_operand(p[j] / sum * (dp[j] - delta) * scale * d_cap[j], bf16);
                    for (int64_t d = 0; d < z->dims; d++) {
                        r->dq[at + d] += ds * (double)k[base + j * key_row + d];
                        r->dk[base + j * key_row + d] += ds * (double)q[at + d];
                    }
                }
            }
    free(p);
    free(dp);
    free(d_cap);
}

/* Within `tolerance` of the largest element, or of what is usual where all are zero, as the gradient is of a query that sees one key. */
static void check_tensor(const float *got, const double *want, int64_t n, double tolerance, const char *what)
{
    double largest = 0.1;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(want[i]));
    check_close(got, want, n, tolerance, largest, what);
}

/* Of bf16: what is in between neighbours is rounded to the other side now and then, as the reference is more precise; a few
 * elements then differ by as much as rounding can do, the others by no more than f32 ones. What is summed up over more keys than there are at
 * a time may differ everywhere: probabilities are rounded before it is known which score is the largest. */
static void check_rounded(const float *got, const double *want, int64_t n, double tolerance, const char *what)
{
    double largest = 0;
    int64_t differ = 0;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(want[i]));
    for (int64_t i = 0; i < n; i++)
        differ += !(fabs((double)got[i] - want[i]) <= tolerance * largest);
    ck_assert_msg(differ <= n / 20 || tolerance > 4e-3, "%s: %lld of %lld elements differ", what, (long long)differ,
                  (long long)n);
    check_close(got, want, n, 4e-3, largest, what);
}

static void check_case(const sizes *z, int bf16, const double *tolerances)
{
    shape s = SHAPE(z->batch, z->time, z->heads, z->dims), rows = SHAPE(z->batch, z->heads, z->time);
    shape keys = SHAPE(z->batch, z->time, key_heads(z), z->dims);
    const shape of_in[] = {s, keys, keys, s}, of_y[] = {s, rows, s, keys, keys};
    int64_t n = shape_count(s);
    double scale = 1 / sqrt((double)z->dims);
    program *g = program_create();
    tfx_value in[4], wide[4], y[5], o; /* q, k, v, do; o, lse, dq, dk, dv */
    for (int i = 0; i < 4; i++) {
        in[i] = (bf16 ? random_bf16 : random_input)(g, of_in[i], i < 2 ? z->size : 1);
        wide[i] = bf16 ? widened_input(g, in[i], of_in[i]) : in[i];
    }
    for (int i = 0; i < 5; i++)
        y[i] = result(g, of_y[i]);
    /* A bf16 o is any other. */
    o = bf16 ? random_bf16(g, s, 1) : y[0];
    tfx_node *nodes[] = {
        ADD_SINGLE(g, TFX_OP_ATTENTION, 3, 2, in[0], in[1], in[2], y[0], y[1]),
        ADD_SINGLE(g, TFX_OP_ATTENTION_GRAD, 6, 3, in[0], in[1], in[2], o, y[1], in[3], y[2], y[3], y[4])};
    for (int i = 0; i < 2; i++) {
        nodes[i]->reals[0] = scale, nodes[i]->reals[1] = z->cap;
        nodes[i]->ints[0] = z->flags, nodes[i]->ints[1] = z->window;
    }
    arrays r;
    double **all[] = {&r.o, &r.lse, &r.dq, &r.dk, &r.dv};
    for (int i = 0; i < 5; i++)
        *all[i] = calloc((size_t)n + 1, sizeof(double));
    reference(z, scale, bf16, program_data(g, wide[0]), program_data(g, wide[1]), program_data(g, wide[2]),
              bf16 ? program_data(g, widened_input(g, o, s)) : NULL, program_data(g, wide[3]), &r);
    static const char *const names[] = {"o", "lse", "dq", "dk", "dv"};
    for (int threads = 1; threads <= 3; threads++) {
        program_run_twice(g, threads);
        for (int i = 0; i < 5; i++)
            (bf16 ? check_rounded : check_tensor)(program_data(g, y[i]), *all[i], shape_count(of_y[i]),
                                                  bf16 && i == 0 && z->time > KEYS ? 1 : tolerances[i], names[i]);
    }
    for (int i = 0; i < 5; i++)
        free(*all[i]);
    program_destroy(g);
}

START_TEST(forward_and_backward)
{
    if (use_level(_i / N_CASES))
        check_case(&cases[_i % N_CASES], 0, (double[]){5e-6, 1e-6, 1e-5, 1e-5, 1e-5});
}
END_TEST

START_TEST(narrow_operands)
{
    if (use_level(_i / N_CASES))
        check_case(&cases[_i % N_CASES], 1, (double[]){5e-6, 1e-6, 1e-5, 1e-5, 1e-5});
}
END_TEST

/* Own levels differ in nothing but speed. */
START_TEST(every_level_gives_the_same_bits)
{
    enum { T = 333, H = 3, D = 24 };
    shape s = SHAPE(1, T, H, D);
    char *first[4] = {0};
    for (int level = 0; level < N_OWN; level++) {
        if (!use_level(level))
            continue;
        program *g = program_create();
        tfx_value in[4], y[5];
        random_index = 0;
        for (int i = 0; i < 4; i++)
            in[i] = (_i ? random_bf16 : random_input)(g, s, 1);
        for (int i = 0; i < 5; i++)
            y[i] = result(g, i == 1 ? SHAPE(1, H, T) : s);
        ADD_SINGLE(g, TFX_OP_ATTENTION, 3, 2, in[0], in[1], in[2], y[0], y[1])->reals[0] = 0.2;
        ADD_SINGLE(g, TFX_OP_ATTENTION_GRAD, 6, 3, in[0], in[1], in[2], _i ? in[3] : y[0], y[1], in[3], y[2], y[3],
                   y[4])
            ->reals[0] = 0.2;
        program_run(g, 2);
        size_t bytes = T * H * D * sizeof(float);
        for (int i = 0; i < 4; i++) {
            const char *got = program_data(g, y[i ? i + 1 : 0]);
            if (!first[i])
                first[i] = memcpy(malloc(bytes), got, bytes);
            ck_assert_msg(!memcmp(first[i], got, bytes), "%s: result %d is another", levels[level], i);
        }
        program_destroy(g);
    }
    for (int i = 0; i < 4; i++)
        free(first[i]);
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
    tcase_add_loop_test(c, forward_and_backward, 0, N_CASES * N_LEVELS);
    tcase_add_loop_test(c, narrow_operands, 0, N_CASES * N_LEVELS);
    tcase_add_loop_test(c, every_level_gives_the_same_bits, 0, 2);
    tcase_add_test(c, the_future_has_no_influence);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

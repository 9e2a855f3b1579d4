/* Pattention's kernels with the tiles of every instruction set that this processor has: the same bits as with those in portable C, in
 * any number of parts; and results of the size that double precision says. (`tfx plugin check` compares them with core ops.) */
#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/backend/cpu/gemm_tiles.h"
#include "plugins/layer/pattention_kernels.h"
#include "tests/check_main.h"

enum { FORWARD_IN = 4, GRAD_IN = 6, FORWARD_OUT = 2, GRAD_OUT = 4, MOST = 6 };

typedef void run_function(const tfx_kernel_args *args, const tfx_cpu_tiles *tiles);
typedef uint64_t scratch_function(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals);

static const struct {
    int64_t rows, d, n, m, tanh;
} sizes[] = {
    {1, 1, 1, 1, 0},      {5, 3, 7, 2, 1},
    {97, 40, 33, 65, 0},  /* one row more than a block, one column more than a tile */
    {600, 5, 20, 3, 0},   /* sums over rows in two blocks of terms */
    {20, 33, 530, 17, 0}, /* over slots */
    {30, 600, 900, 7, 1}  /* over columns; blocks may have many rows */
};
enum { N_SIZES = sizeof(sizes) / sizeof(*sizes) };

/* Operands of one size, and what a kernel made of them. */
typedef struct subject {
    tfx_tensor info[MOST], out_info[MOST];
    const tfx_tensor *in[MOST], *out[MOST];
    float *x[MOST], *y[MOST];
    int64_t ints[TFX_MAX_INTS];
    double reals[TFX_MAX_REALS];
} subject;

static uint64_t elements(const tfx_tensor *t)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < t->n_dims; i++)
        n *= (uint64_t)t->dims[i];
    return n;
}

static void *room_of(uint64_t bytes)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, bytes + 64))
        abort();
    memset(p, 0xff, bytes + 64); /* NaN */
    return p;
}

static void shape(tfx_tensor *t, int64_t rows, int64_t cols)
{
    *t = (tfx_tensor){.struct_size = sizeof(*t), .dtype = TFX_F32, .n_dims = 2, .dims = {rows, cols}};
}

static void subject_open(subject *s, int size)
{
    int64_t rows = sizes[size].rows, d = sizes[size].d, n = sizes[size].n, m = sizes[size].m;
    uint32_t seed = 12345;
    *s = (subject){.ints = {sizes[size].tanh}, .reals = {1e-6}};
    const int64_t in[GRAD_IN][2] = {{rows, d}, {n, d}, {n, m}, {1, 1}, {rows, n}, {rows, m}};
    for (int i = 0; i < GRAD_IN; i++) {
        shape(&s->info[i], in[i][0], in[i][1]);
        s->in[i] = &s->info[i];
        s->x[i] = room_of(elements(&s->info[i]) * 4);
        for (uint64_t k = 0; k < elements(&s->info[i]); k++) {
            seed = seed * 1664525u + 1013904223u;
            s->x[i][k] = (float)(seed >> 8) * 0x1p-23f - 1.0f;
        }
    }
    s->x[3][0] = 3.0f;
    for (int64_t k = 0; k < n; k++) /* a row of zeros, whose length is the root of eps */
        s->x[4][(rows / 2) * n + k] = 0;
}

static void subject_close(subject *s)
{
    for (int i = 0; i < MOST; i++) {
        free(s->x[i]);
        free(s->y[i]);
    }
}

/* All phases in so many parts, the last one first. The results are the caller's. */
static void compute(subject *s, int grad, const tfx_cpu_tiles *tiles, uint32_t n_parts, float *y[MOST])
{
    run_function *run = grad ? pattention_grad_run : pattention_run;
    scratch_function *shared = grad ? pattention_grad_scratch : pattention_scratch;
    scratch_function *own = grad ? pattention_grad_part_scratch : pattention_part_scratch;
    uint32_t n_in = grad ? GRAD_IN : FORWARD_IN, n_out = grad ? GRAD_OUT : FORWARD_OUT;
    const void *in[MOST];
    void *out[MOST];
    for (uint32_t i = 0; i < n_in; i++)
        in[i] = s->x[i];
    for (uint32_t k = 0; k < n_out; k++) {
        if (grad)
            s->out_info[k] = s->info[k];
        else
            shape(&s->out_info[k], s->info[0].dims[0], k ? s->info[1].dims[0] : s->info[2].dims[1]);
        s->out[k] = &s->out_info[k];
        out[k] = y[k] = room_of(elements(s->out[k]) * 4);
    }
    void *scratch = room_of(shared(n_in, s->in, s->ints, s->reals));
    void *part_scratch = room_of(own(n_in, s->in, s->ints, s->reals));
    for (uint32_t phase = 0; phase < (grad ? 3u : 2u); phase++)
        for (uint32_t part = n_parts; part-- > 0;) {
            const tfx_kernel_args args = {.struct_size = sizeof(args),
                                          .n_in = n_in,
                                          .in = in,
                                          .in_info = s->in,
                                          .out = out[0],
                                          .out_info = s->out[0],
                                          .ints = s->ints,
                                          .reals = s->reals,
                                          .part = part,
                                          .n_parts = n_parts,
                                          .n_out = n_out,
                                          .outs = out,
                                          .outs_info = s->out,
                                          .phase = phase,
                                          .scratch = scratch,
                                          .part_scratch = part_scratch};
            run(&args, tiles);
        }
    free(scratch);
    free(part_scratch);
}

static const tfx_cpu_tiles *const families[] = {
    &tfx_cpu_tiles_plain,
#if defined(__x86_64__)
    &tfx_cpu_tiles_avx2,
    &tfx_cpu_tiles_avx512,
#endif
};
enum { N_FAMILIES = sizeof(families) / sizeof(*families) };

static int is_usable(const tfx_cpu_tiles *t)
{
#if defined(__x86_64__)
    if (t == &tfx_cpu_tiles_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (t == &tfx_cpu_tiles_avx512)
        return __builtin_cpu_supports("avx512f") != 0;
#endif
    return t == &tfx_cpu_tiles_plain;
}

START_TEST(all_tiles_give_the_same_bits)
{
    for (int grad = 0; grad < 2; grad++) {
        subject s;
        float *first[MOST] = {0};
        subject_open(&s, _i);
        compute(&s, grad, families[0], 1, first);
        for (int f = 0; f < N_FAMILIES; f++)
            for (uint32_t parts = 1; parts <= 4 && is_usable(families[f]); parts += 3) {
                float *y[MOST] = {0};
                compute(&s, grad, families[f], parts, y);
                for (int k = 0; k < (grad ? GRAD_OUT : FORWARD_OUT); k++) {
                    if (memcmp(y[k], first[k], elements(s.out[k]) * 4))
                        ck_abort_msg("size %d: result %d of %s, with tiles of %d x %d in %u parts, has other bits", _i,
                                     k, grad ? "the gradient" : "the forward pass", families[f]->rows,
                                     families[f]->cols, parts);
                    free(y[k]);
                }
            }
        for (int k = 0; k < MOST; k++)
            free(first[k]);
        subject_close(&s);
    }
}
END_TEST

static double gelu(double x, int tanh_kind)
{
    return tanh_kind ? 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)))
                     : 0.5 * x * erfc(-x / sqrt(2));
}

/* In double precision, of the last row. */
START_TEST(forward_is_the_formula)
{
    subject s;
    float *y[MOST] = {0};
    subject_open(&s, _i);
    compute(&s, 0, families[0], 1, y);
    int64_t d = sizes[_i].d, n = sizes[_i].n, m = sizes[_i].m, row = sizes[_i].rows - 1;
    double *a = calloc((size_t)n, sizeof(*a)), length = 1e-6, largest = 1e-3;
    for (int64_t j = 0; j < n; j++) {
        for (int64_t k = 0; k < d; k++)
            a[j] += (double)s.x[0][row * d + k] * (double)s.x[1][j * d + k];
        length += a[j] * a[j];
    }
    for (int64_t c = 0; c < m; c++) {
        double sum = 0;
        for (int64_t j = 0; j < n; j++)
            sum += gelu(3 * a[j] / sqrt(length), (int)sizes[_i].tanh) * (double)s.x[2][j * m + c];
        largest = fmax(largest, fabs(sum));
        if (!(fabs(sum - (double)y[0][row * m + c]) <= 2e-6 * largest))
            ck_abort_msg("size %d: column %d is %.8g, expected %.8g", _i, (int)c, (double)y[0][row * m + c], sum);
    }
    free(a);
    for (int k = 0; k < MOST; k++)
        free(y[k]);
    subject_close(&s);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("pattention: kernels");
    TCase *c = tcase_create("kernels");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, all_tiles_give_the_same_bits, 0, N_SIZES);
    tcase_add_loop_test(c, forward_is_the_formula, 0, N_SIZES);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

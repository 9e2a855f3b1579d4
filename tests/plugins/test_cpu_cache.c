/* INSERT, ATTENTION_CACHED and ROPE at given positions, against plain loops in double precision, and against what the ops of
 * whole sequences give. */
#include "tests/check_main.h"
#include "tests/plugins/program.h"

typedef struct sizes {
    int64_t batch, time, places, heads, dims;
} sizes;

static const sizes cases[] = {{1, 1, 1, 1, 1},      {2, 1, 9, 3, 8},    {1, 3, 5, 2, 6},     {3, 17, 40, 2, 20},
                              {1, 64, 1024, 2, 64}, {2, 2, 300, 1, 33}, {1, 200, 600, 2, 16}};
enum { N_CASES = sizeof(cases) / sizeof(cases[0]) };

/* One after the other in each row, from anywhere on; a row that ends early says its last one again, as its x does. */
static tfx_value positions_of(program *g, const sizes *z, tfx_value *repeated, uint32_t n)
{
    tfx_value v = program_value(g, TFX_I32, SHAPE(z->batch, z->time), TFX_BUFFER_STATE);
    int32_t *p = program_data(g, v);
    for (int64_t b = 0; b < z->batch; b++) {
        int32_t first = (int32_t)((z->places - z->time) / (b + 1));
        for (int64_t t = 0; t < z->time; t++) {
            int again = b == 1 && t && t + 1 == z->time;
            p[b * z->time + t] = first + (int32_t)t - again;
            for (uint32_t i = 0; i < n && again; i++) {
                int64_t row = shape_count(SHAPE(z->heads, z->dims));
                float *x = (float *)program_data(g, repeated[i]) + (b * z->time + t) * row;
                memcpy(x, x - row, (size_t)row * sizeof(float));
            }
        }
    }
    return v;
}

START_TEST(insert)
{
    const sizes *z = &cases[_i];
    shape all = SHAPE(z->batch, z->places, z->heads, z->dims), new = SHAPE(z->batch, z->time, z->heads, z->dims);
    int64_t n = shape_count(all), row = z->heads * z->dims;
    program *g = program_create();
    tfx_value cache = random_input(g, all, 1), other = random_input(g, all, 1), x = random_input(g, new, 1);
    tfx_value at = positions_of(g, z, &x, 1), out = result(g, all), in_place = shared_with(g, other, all);
    float *want[2] = {calloc((size_t)n, sizeof(float)), calloc((size_t)n, sizeof(float))};
    const float *xs = program_data(g, x);
    const int32_t *p = program_data(g, at);
    memcpy(want[0], program_data(g, cache), (size_t)n * sizeof(float));
    memcpy(want[1], program_data(g, other), (size_t)n * sizeof(float));
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < z->batch * z->time; i++)
            memcpy(want[k] + (i / z->time * z->places + p[i]) * row, xs + i * row, (size_t)row * sizeof(float));
    ADD_SINGLE(g, TFX_OP_INSERT, 3, 1, cache, x, at, out);
    ADD_SINGLE(g, TFX_OP_INSERT, 3, 1, other, x, at, in_place);
    for (int threads = 1; threads <= 3; threads++) {
        program_run_twice(g, threads);
        ck_assert_mem_eq(program_data(g, out), want[0], (size_t)n * sizeof(float));
        ck_assert_mem_eq(program_data(g, in_place), want[1], (size_t)n * sizeof(float));
    }
    free(want[0]);
    free(want[1]);
    program_destroy(g);
}
END_TEST

/* Kinds of attention. */
typedef struct kind {
    int64_t shared, flags, window;
    double cap;
} kind;

static const kind kinds[] = {{1, 0, 0, 0}, {2, 0, 0, 0},
                             {1, 0, 7, 0}, {1, TFX_ATTENTION_ALIBI, 0, 0},
                             {1, 0, 0, 2}, {2, TFX_ATTENTION_ALIBI, 100, 3}};
enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void reference(const sizes *z, const kind *how, double scale, const float *q, const float *k, const float *v,
                      const int32_t *at, double *o)
{
    int64_t row = z->heads * z->dims, key_row = row / how->shared;
    double *p = calloc((size_t)z->places, sizeof(double));
    for (int64_t i = 0; i < z->batch * z->time; i++)
        for (int64_t h = 0; h < z->heads; h++) {
            int64_t here = i * row + h * z->dims, base = i / z->time * z->places * key_row + h / how->shared * z->dims;
            int64_t from = how->window && at[i] >= how->window ? at[i] - how->window + 1 : 0;
            double slope = how->flags ? pow(2, -8.0 * (double)(h + 1) / (double)z->heads) : 0, max = -INFINITY, sum = 0;
            for (int64_t j = from; j <= at[i]; j++) {
                p[j] = 0;
                for (int64_t d = 0; d < z->dims; d++)
                    p[j] += scale * (double)q[here + d] * (double)k[base + j * key_row + d];
                p[j] = (how->cap > 0 ? how->cap * tanh(p[j] / how->cap) : p[j]) - slope * (double)(at[i] - j);
                max = fmax(max, p[j]);
            }
            for (int64_t j = from; j <= at[i]; j++)
                sum += p[j] = exp(p[j] - max);
            for (int64_t j = from; j <= at[i]; j++)
                for (int64_t d = 0; d < z->dims; d++)
                    o[here + d] += p[j] / sum * (double)v[base + j * key_row + d];
        }
    free(p);
}

START_TEST(attention)
{
    const sizes *z = &cases[_i / N_KINDS];
    kind how = kinds[_i % N_KINDS];
    how.shared = z->heads % how.shared ? 1 : how.shared;
    shape all = SHAPE(z->batch, z->places, z->heads / how.shared, z->dims);
    shape new = SHAPE(z->batch, z->time, z->heads, z->dims);
    int64_t n = shape_count(new), row = z->heads / how.shared * z->dims;
    double scale = 1 / sqrt((double)z->dims), *want = calloc((size_t)n, sizeof(double));
    program *g = program_create();
    tfx_value q = random_input(g, new, 3), k = random_input(g, all, 3), v = random_input(g, all, 1);
    tfx_value at = positions_of(g, z, NULL, 0), o = result(g, new);
    reference(z, &how, scale, program_data(g, q), program_data(g, k), program_data(g, v), program_data(g, at), want);
    /* What comes behind the last query's position has no part in anything. */
    const int32_t *p = program_data(g, at);
    for (int64_t b = 0; b < z->batch; b++)
        for (int64_t j = 0; j < z->places; j++) {
            int later = 1;
            for (int64_t t = 0; t < z->time; t++)
                later &= j > p[b * z->time + t];
            for (int64_t d = 0; d < row && later; d++)
                ((float *)program_data(g, k))[(b * z->places + j) * row + d] = ((float *)program_data(
                    g, v))[(b * z->places + j) * row + d] = NAN;
        }
    tfx_node *node = ADD_SINGLE(g, TFX_OP_ATTENTION_CACHED, 4, 1, q, k, v, at, o);
    node->reals[0] = scale, node->reals[1] = how.cap;
    node->ints[0] = how.flags, node->ints[1] = how.window;
    for (int threads = 1; threads <= 3; threads++) {
        program_run_twice(g, threads);
        check_close(program_data(g, o), want, n, 5e-6, 1, "attention_cached");
    }
    free(want);
    program_destroy(g);
}
END_TEST

/* Rows at positions are what the rows of a whole sequence are there, to the bit. */
START_TEST(rope_at_positions)
{
    enum { PLACES = 50, HEADS = 3, DIMS = 10, ROTATED = 6, TIME = 4 };
    program *g = program_create();
    tfx_value whole = random_input(g, SHAPE(1, PLACES, HEADS, DIMS), 1),
              rotated = result(g, SHAPE(1, PLACES, HEADS, DIMS));
    tfx_value x = random_input(g, SHAPE(2, TIME, HEADS, DIMS), 1), y = result(g, SHAPE(2, TIME, HEADS, DIMS));
    tfx_value at = program_value(g, TFX_I32, SHAPE(2, TIME), TFX_BUFFER_STATE),
              in_place = shared_with(g, x, SHAPE(2, TIME, HEADS, DIMS));
    static const int32_t positions[] = {7, 8, 9, 10, 0, 49, 3, 3};
    memcpy(program_data(g, at), positions, sizeof(positions));
    for (int i = 0; i < 2 * TIME; i++)
        memcpy((float *)program_data(g, x) + i * HEADS * DIMS,
               (float *)program_data(g, whole) + positions[i] * HEADS * DIMS, HEADS * DIMS * sizeof(float));
    const tfx_value in[] = {whole, x, x}, out[] = {rotated, y, in_place};
    for (int i = 0; i < 3; i++) {
        tfx_node *n = i ? ADD_SINGLE(g, TFX_OP_ROPE, 2, 1, in[i], at, out[i])
                        : ADD_SINGLE(g, TFX_OP_ROPE, 1, 1, in[i], out[i]);
        n->ints[0] = ROTATED;
        n->ints[1] = 1;
        n->reals[0] = 10000;
    }
    for (int threads = 1; threads <= 3; threads++) {
        program_run_twice(g, threads);
        for (int i = 0; i < 2 * TIME; i++)
            for (int k = 1; k < 3; k++)
                ck_assert_mem_eq((float *)program_data(g, out[k]) + i * HEADS * DIMS,
                                 (float *)program_data(g, rotated) + positions[i] * HEADS * DIMS,
                                 HEADS * DIMS * sizeof(float));
    }
    program_destroy(g);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cpu: cache");
    TCase *c = tcase_create("cache");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, insert, 0, N_CASES);
    tcase_add_loop_test(c, attention, 0, N_CASES * N_KINDS);
    tcase_add_test(c, rope_at_positions);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

/* PERMUTE, SLICE, PAD and CONCAT of the CPU backend, element by element. */
#include "tests/check_main.h"
#include "tests/plugins/program.h"

/* Coordinates of element i, and the element at coordinates. */
static void to_coords(shape s, int64_t i, int64_t *c)
{
    for (uint32_t d = s.n; d-- > 0;) {
        c[d] = i % s.d[d];
        i /= s.d[d];
    }
}

static int64_t from_coords(shape s, const int64_t *c)
{
    int64_t i = 0;
    for (uint32_t d = 0; d < s.n; d++)
        i = i * s.d[d] + c[d];
    return i;
}

typedef struct permutation {
    shape s;
    int axes[5];
} permutation;

static const permutation permutations[] = {
    {{0, {0}}, {0}},
    {{1, {9}}, {0}},
    {{2, {33, 65}}, {1, 0}},
    {{2, {1000, 300}}, {1, 0}},
    {{2, {1, 300}}, {1, 0}},
    {{3, {5, 7, 64}}, {1, 0, 2}},
    {{3, {5, 7, 64}}, {2, 1, 0}},
    {{3, {5, 70, 64}}, {0, 2, 1}},
    {{4, {2, 100, 3, 16}}, {0, 2, 1, 3}},
    {{4, {2, 100, 3, 16}}, {0, 2, 3, 1}},
    {{4, {2, 100, 3, 16}}, {3, 1, 0, 2}},
    {{5, {2, 3, 4, 5, 6}}, {4, 2, 0, 3, 1}},
    {{5, {2, 3, 1, 5, 6}}, {2, 0, 1, 3, 4}},
    {{2, {4096, 33}}, {1, 0}},
    {{3, {0, 4, 5}}, {2, 0, 1}},
};
enum { N_PERMUTATIONS = sizeof(permutations) / sizeof(permutations[0]) };

START_TEST(permutes)
{
    const permutation *p = &permutations[_i];
    shape to = p->s;
    for (uint32_t d = 0; d < to.n; d++)
        to.d[d] = p->s.d[p->axes[d]];
    for (int half = 0; half < 2; half++) {
        program *g = program_create();
        tfx_value x = half ? random_bf16(g, p->s, 1) : random_input(g, p->s, 1);
        tfx_value y = program_value(g, half ? TFX_BF16 : TFX_F32, to, TFX_BUFFER_ARENA);
        tfx_node *node = ADD_SINGLE(g, TFX_OP_PERMUTE, 1, 1, x, y);
        for (uint32_t d = 0; d < to.n; d++)
            node->ints[d] = p->axes[d];
        program_run_twice(g, 1 + _i % 3);
        const char *xs = program_data(g, x), *ys = program_data(g, y);
        size_t bytes = half ? 2 : 4;
        for (int64_t i = 0; i < shape_count(to); i++) {
            int64_t c[TFX_MAX_DIMS], from[TFX_MAX_DIMS] = {0};
            to_coords(to, i, c);
            for (uint32_t d = 0; d < to.n; d++)
                from[p->axes[d]] = c[d];
            if (memcmp(ys + (size_t)i * bytes, xs + (size_t)from_coords(p->s, from) * bytes, bytes))
                ck_abort_msg("element %lld is not the right one", (long long)i);
        }
        program_destroy(g);
    }
}
END_TEST

typedef struct cut {
    shape s;
    int axis;
    int64_t start, length;
} cut;

static const cut cuts[] = {
    {{1, {9}}, 0, 0, 9},
    {{1, {9}}, 0, 3, 4},
    {{1, {9}}, 0, 8, 1},
    {{1, {9}}, 0, 4, 0},
    {{2, {50, 30}}, 0, 7, 20},
    {{2, {50, 30}}, 1, 7, 20},
    {{3, {4, 50, 300}}, 1, 49, 1},
    {{3, {4, 50, 300}}, 2, 0, 299},
    {{3, {0, 5, 6}}, 1, 1, 3},
    {{2, {3, 100000}}, 0, 1, 2},
    {{2, {3, 100000}}, 1, 11, 99000},
};

/* SLICE takes the piece; PAD puts it back among zeros; CONCAT of the three pieces is the whole. */
START_TEST(slice_pad_concat)
{
    const cut *k = &cuts[_i];
    shape small = k->s, before = k->s, after = k->s;
    small.d[k->axis] = k->length;
    before.d[k->axis] = k->start;
    after.d[k->axis] = k->s.d[k->axis] - k->start - k->length;
    program *g = program_create();
    tfx_value x = random_input(g, k->s, 1);
    tfx_value piece = result(g, small), padded = result(g, k->s), whole = result(g, k->s);
    tfx_value first = result(g, before), last = result(g, after);
    struct {
        tfx_value v;
        int64_t start;
    } pieces[3] = {{first, 0}, {piece, k->start}, {last, k->start + k->length}};
    for (int i = 0; i < 3; i++) {
        tfx_node *slice = ADD_SINGLE(g, TFX_OP_SLICE, 1, 1, x, pieces[i].v);
        slice->ints[0] = k->axis, slice->ints[1] = pieces[i].start;
    }
    tfx_node *pad = ADD_SINGLE(g, TFX_OP_PAD, 1, 1, piece, padded);
    pad->ints[0] = k->axis, pad->ints[1] = k->start;
    ADD_SINGLE(g, TFX_OP_CONCAT, 3, 1, first, piece, last, whole)->ints[0] = k->axis;
    for (int threads = 1; threads <= 3; threads++) {
        program_run_twice(g, threads);
        const float *xs = program_data(g, x), *ps = program_data(g, piece), *zs = program_data(g, padded);
        ck_assert_mem_eq(program_data(g, whole), xs, value_bytes(g, x));
        for (int64_t i = 0; i < shape_count(k->s); i++) {
            int64_t c[TFX_MAX_DIMS];
            to_coords(k->s, i, c);
            c[k->axis] -= k->start;
            int inside_piece = c[k->axis] >= 0 && c[k->axis] < k->length;
            float want = inside_piece ? xs[i] : 0;
            if (zs[i] != want || (inside_piece && ps[from_coords(small, c)] != want))
                ck_abort_msg("element %lld is not the right one", (long long)i);
        }
    }
    program_destroy(g);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cpu: movement");
    TCase *c = tcase_create("move");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, permutes, 0, N_PERMUTATIONS);
    tcase_add_loop_test(c, slice_pad_concat, 0, sizeof(cuts) / sizeof(cuts[0]));
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

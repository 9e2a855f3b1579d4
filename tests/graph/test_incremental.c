/* Incremental: graphs over one position after the other, against those over all of them; and graphs for which there is none. */
#include "framework/graph/incremental.h"

#include "tests/check_main.h"
#include "tests/graph/lab.h"

enum { ROWS = 2, TIME = 6, WIDTH = 8, WORDS = 5 };

#define B (&l->b)
#define DIMS(...) \
    sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]) \
    { \
        __VA_ARGS__ \
    }

/* From x [ROWS, TIME, WIDTH] to what is to be of the same shape. */
typedef tfx_value build_fn(lab *l, tfx_value x, dice *d);

static tfx_value param(lab *l, shape s, dice *d)
{
    return lab_filled(l, TFX_STATE_PARAM, s, d, -1, 1);
}

/* ---- what can be told apart ---- */

static tfx_value product(lab *l, tfx_value x, dice *d)
{
    return l->b.matmul(B, x, param(l, SHAPE(WIDTH, WIDTH), d), 0, 1);
}

static tfx_value attend(lab *l, tfx_value x, dice *d)
{
    tfx_value split[3];
    for (int i = 0; i < 3; i++) {
        split[i] = l->b.reshape(B, product(l, x, d), DIMS(ROWS, TIME, 2, WIDTH / 2));
        split[i] = i < 2 ? l->b.rope(B, split[i], 2, 100) : split[i];
    }
    return l->b.reshape(B, l->b.attention(B, split[0], split[1], split[2], 0.5), DIMS(ROWS, TIME, WIDTH));
}

static tfx_value attend_twice(lab *l, tfx_value x, dice *d)
{
    return attend(l, l->b.add(B, x, attend(l, x, d)), d);
}

/* The time as first, second and last dimension, and in one with the rows. */
static tfx_value moved(lab *l, tfx_value x, dice *d)
{
    tfx_value first = l->b.unary(B, TFX_EXP, l->b.permute(B, x, (int[]){1, 0, 2}));
    tfx_value last = l->b.affine(B, l->b.permute(B, first, (int[]){1, 2, 0}), 2, 1);
    tfx_value rows = l->b.reshape(B, l->b.permute(B, last, (int[]){0, 2, 1}), DIMS(ROWS * TIME, WIDTH));
    rows = l->b.mul(B, rows, l->b.softmax(B, rows));
    return l->b.reshape(B, l->b.add(B, rows, param(l, SHAPE(WIDTH), d)), DIMS(ROWS, TIME, WIDTH));
}

/* Rows of a width that is divided, joined with others, added up and stretched again. */
static tfx_value widths(lab *l, tfx_value x, dice *d)
{
    tfx_value left = l->b.slice(B, x, -1, 0, 3), right = l->b.slice(B, x, -1, 3, WIDTH - 3);
    tfx_value joined = l->b.concat(B, 2, (tfx_value[]){right, l->b.unary(B, TFX_GELU_TANH, left)}, -1);
    tfx_value sum = l->b.sum(B, joined, 1, (int[]){2}, 1), flat = l->b.sum(B, joined, 1, (int[]){2}, 0);
    tfx_value heads = l->b.reshape(B, l->b.add(B, joined, sum), DIMS(ROWS, TIME, 4, 2));
    heads = l->b.mul(B, l->b.norm(B, TFX_NORM_RMS, heads, 1e-5), param(l, SHAPE(4, 1), d));
    tfx_value all = l->b.reshape(B, heads, DIMS(ROWS, TIME, WIDTH));
    return l->b.add(B, all, l->b.reshape(B, flat, DIMS(ROWS, TIME, 1)));
}

/* Constants and what is made of parameters, stretched over positions in every way. */
static tfx_value stretched(lab *l, tfx_value x, dice *d)
{
    tfx_value scale = l->b.unary(B, TFX_EXP, param(l, SHAPE(WIDTH), d));
    tfx_value full = l->b.broadcast(B, scale, DIMS(ROWS, TIME, WIDTH));
    tfx_value curved = l->b.affine(B, l->b.mul(B, full, l->b.constant(B, 0.5, DIMS(ROWS, TIME, WIDTH))), 1, 0.25);
    tfx_value tau = l->b.mul(B, param(l, SCALAR, d), param(l, SHAPE(1), d));
    return l->b.add(B, l->b.mul(B, x, curved), tau);
}

/* Tables with a row for each position: all of one, the beginning of one. */
static tfx_value tables(lab *l, tfx_value x, dice *d)
{
    x = l->b.add(B, x, param(l, SHAPE(TIME, WIDTH), d));
    x = l->b.mul(B, x, param(l, SHAPE(TIME, 1), d));
    return l->b.mul(B, x, l->b.slice(B, param(l, SHAPE(TIME + 3, WIDTH), d), 0, 0, TIME));
}

/* Heads as a batch of products. */
static tfx_value batched(lab *l, tfx_value x, dice *d)
{
    tfx_value heads = l->b.permute(B, l->b.reshape(B, x, DIMS(ROWS, TIME, 2, 4)), (int[]){0, 2, 1, 3});
    tfx_value w = l->b.broadcast(B, param(l, SHAPE(2, 4, 4), d), DIMS(ROWS, 2, 4, 4));
    tfx_value y = l->b.matmul(B, heads, w, 0, 1);
    tfx_value outer = l->b.matmul(B, l->b.reshape(B, x, DIMS(ROWS, TIME, 4, 2)),
                                  l->b.reshape(B, x, DIMS(ROWS, TIME, 4, 2)), TFX_TRANS_A, 1);
    y = l->b.reshape(B, l->b.permute(B, y, (int[]){0, 2, 1, 3}), DIMS(ROWS, TIME, WIDTH));
    return l->b.add(B, y, l->b.slice(B, l->b.reshape(B, outer, DIMS(ROWS, TIME, 4)), -1, 0, 1));
}

static build_fn *const can[] = {product, attend, attend_twice, moved, widths, stretched, tables, batched};
enum { N_CAN = sizeof(can) / sizeof(can[0]) };

/* The logits of a graph over tokens, and of one over new ones. */
typedef struct pair {
    tfx_graph full; /* of the lab's state; the lab's graph is the other one */
    tfx_value tokens, logits, new_tokens, positions, new_logits;
    tfx_error why;
} pair;

static void build_pair(lab *l, build_fn *fn, int64_t n, pair *p)
{
    dice d = {.seed = 11};
    *p = (pair){.tokens = lab_input(l, TFX_I32, SHAPE(ROWS, TIME))};
    tfx_value x = l->b.gather(B, param(l, SHAPE(WORDS, WIDTH), &d), p->tokens);
    p->logits = l->b.matmul(B, fn(l, x, &d), param(l, SHAPE(WIDTH, WORDS), &d), 0, 1);
    lab_ok(l);
    p->full = l->g;
    tfx_graph_init(&l->g, &l->state, &l->err);
    p->new_tokens = lab_input(l, TFX_I32, SHAPE(ROWS, n));
    p->positions = lab_input(l, TFX_I32, SHAPE(ROWS, n));
    const tfx_incremental i = {&p->full, p->tokens, p->logits, p->new_tokens, p->positions};
    p->new_logits = tfx_incremental_build(&i, &l->g, &p->why);
    l->image = tfx_realloc(l->image, l->state.bytes);
    memset(l->image + l->image_bytes, 0, l->state.bytes - l->image_bytes); /* places for keys and values */
    l->image_bytes = l->state.bytes;
}

/* Swaps the lab's graph with the full one. */
static void swap(lab *l, pair *p)
{
    tfx_graph other = l->g;
    l->g = p->full;
    p->full = other;
}

START_TEST(position_by_position)
{
    int64_t n = 1 + _i / N_CAN * 2; /* 1 or 3 at once */
    lab l;
    pair p;
    float expected[ROWS][TIME][WORDS], found[ROWS][TIME][WORDS];
    lab_open(&l);
    build_pair(&l, can[_i % N_CAN], n, &p);
    ck_assert_msg(p.new_logits && p.why.status == TFX_OK, "%s", p.why.text);
    lab_ok(&l);
    swap(&l, &p);
    int32_t *tokens = lab_data(&l, p.tokens), text[ROWS][TIME];
    for (int i = 0; i < ROWS * TIME; i++)
        (&text[0][0])[i] = tokens[i] = (i * 7 + i / 3) % WORDS;
    lab_program full = lab_plan(&l, &p.logits, 1, FUSE | REUSE);
    lab_run(&l, &full);
    lab_output(&l, &full, 0, &expected[0][0][0]);
    lab_program_finish(&l, &full);
    swap(&l, &p);
    lab_program step = lab_plan(&l, &p.new_logits, 1, FUSE | REUSE);
    for (int64_t t = 0; t < TIME; t += n) {
        for (int64_t i = 0; i < ROWS * n; i++) {
            ((int32_t *)lab_data(&l, p.new_tokens))[i] = text[i / n][t + i % n];
            ((int32_t *)lab_data(&l, p.positions))[i] = (int32_t)(t + i % n);
        }
        float logits[ROWS * 3 * WORDS];
        lab_run(&l, &step);
        lab_output(&l, &step, 0, logits);
        for (int64_t i = 0; i < ROWS * n; i++)
            memcpy(found[i / n][t + i % n], logits + i * WORDS, sizeof(found[0][0]));
    }
    for (int i = 0; i < ROWS * TIME * WORDS; i++) {
        double a = (double)(&found[0][0][0])[i], b = (double)(&expected[0][0][0])[i];
        ck_assert_msg(fabs(a - b) <= 2e-5 * (1 + fabs(b)), "logit %d: %g, expected %g", i, a, b);
    }
    lab_program_finish(&l, &step);
    tfx_graph_finish(&p.full);
    lab_close(&l);
}
END_TEST

/* ---- what cannot ---- */

static tfx_value mean(lab *l, tfx_value x, dice *d)
{
    (void)d;
    return l->b.add(B, x, l->b.sum(B, x, 1, (int[]){1}, 1));
}

static tfx_value softmax_over_time(lab *l, tfx_value x, dice *d)
{
    (void)d;
    return l->b.permute(B, l->b.softmax(B, l->b.permute(B, x, (int[]){0, 2, 1})), (int[]){0, 2, 1});
}

static tfx_value shift(lab *l, tfx_value x, dice *d)
{
    (void)d;
    tfx_value last = l->b.slice(B, x, 1, TIME - 1, 1), rest = l->b.slice(B, x, 1, 0, TIME - 1);
    return l->b.concat(B, 2, (tfx_value[]){last, rest}, 1);
}

static tfx_value scores(lab *l, tfx_value x, dice *d)
{
    (void)d;
    return l->b.matmul(B, l->b.matmul(B, x, x, TFX_TRANS_B, 1), x, 0, 1);
}

static tfx_value mixed(lab *l, tfx_value x, dice *d)
{
    tfx_value w = param(l, SHAPE(TIME, TIME), d), turned = l->b.permute(B, x, (int[]){0, 2, 1});
    return l->b.permute(B, l->b.matmul(B, turned, w, 0, 1), (int[]){0, 2, 1});
}

static tfx_value pairs(lab *l, tfx_value x, dice *d)
{
    (void)d;
    tfx_value two = l->b.reshape(B, x, DIMS(ROWS, TIME / 2, 2 * WIDTH));
    return l->b.reshape(B, l->b.softmax(B, two), DIMS(ROWS, TIME, WIDTH));
}

static tfx_value per_row(lab *l, tfx_value x, dice *d)
{
    return l->b.add(B, x, param(l, SHAPE(ROWS, TIME, WIDTH), d));
}

static const struct {
    build_fn *fn;
    const char *why;
} cannot[] = {
    {mean, "sum goes over positions"},
    {softmax_over_time, "softmax goes over positions"},
    {shift, "slice is of positions"},
    {scores, "matmul goes over positions"},
    {mixed, "matmul goes over positions"},
    {pairs, "reshape divides the positions"},
    {per_row, "param makes something that differs by position"},
};
enum { N_CANNOT = sizeof(cannot) / sizeof(cannot[0]) };

START_TEST(refused)
{
    lab l;
    pair p;
    lab_open(&l);
    build_pair(&l, cannot[_i].fn, 1, &p);
    ck_assert_uint_eq(p.new_logits, TFX_POISON);
    ERROR_SAYS(&p.why, cannot[_i].why);
    lab_ok(&l); /* the graph has no error: it is the model that is as it is */
    tfx_graph_finish(&p.full);
    lab_close(&l);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph/incremental");
    TCase *t = tcase_create("incremental");
    tcase_add_loop_test(t, position_by_position, 0, 2 * N_CAN);
    tcase_add_loop_test(t, refused, 0, N_CANNOT);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)

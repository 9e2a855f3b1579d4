/* Loss in parts: what is split, what is not, and that nothing else changes. */
#include "framework/graph/loss_parts.h"

#include "tests/check_main.h"
#include "tests/graph/executions.h"

enum { BATCH = 3, TIME = 5, ROWS = BATCH * TIME, WIDTH = 8, VOCAB = 11, N_OUT = 4 };

/* How the logits are made, and who else reads them. */
typedef enum kind { TIED, PLAIN_WEIGHT, SCALED, READ_ELSEWHERE, WANTED, WITHOUT_GRADIENT, N_KINDS } kind;

/* The loss, the losses of all positions, and the gradients of x and of the weight. */
typedef struct network {
    tfx_value out[N_OUT];
    uint32_t n;
} network;

static tfx_value indices(lab *l, dice *d)
{
    tfx_value v = lab_input(l, TFX_I32, SHAPE(BATCH, TIME));
    for (int i = 0; i < ROWS; i++)
        ((int32_t *)lab_data(l, v))[i] = (int32_t)dice_below(d, VOCAB);
    return v;
}

static network build(lab *l, kind k)
{
    dice d = {.seed = 3};
    tfx_builder *b = &l->b;
    const int64_t rows[2] = {ROWS, WIDTH}, cube[3] = {BATCH, TIME, VOCAB};
    tfx_value table = lab_filled(l, TFX_STATE_PARAM, SHAPE(VOCAB, WIDTH), &d, -1, 1);
    tfx_value plain = lab_filled(l, TFX_STATE_PARAM, SHAPE(WIDTH, VOCAB), &d, -1, 1);
    tfx_value tokens = indices(l, &d), targets = indices(l, &d);
    tfx_value x = b->gather(b, table, tokens), h = b->norm(b, TFX_NORM_LAYER, x, 1e-5);
    tfx_value weight = k == PLAIN_WEIGHT ? plain : table;
    tfx_value logits = tfx_emit_matmul(&l->g, tfx_emit_reshape(&l->g, h, 2, rows), weight,
                                       k == PLAIN_WEIGHT ? 0 : TFX_TRANS_B, 1, TFX_POISON);
    logits = tfx_emit_reshape(&l->g, logits, 3, cube);
    if (k == SCALED)
        logits = b->affine(b, logits, 0.5, 0);
    tfx_value losses = tfx_emit_cross_entropy(&l->g, logits, targets), wrt[] = {table, plain};
    tfx_value loss = b->affine(b, tfx_emit_sum(&l->g, losses, 3, 0), 1.0 / ROWS, 0);
    if (k == READ_ELSEWHERE)
        loss = b->add(b, loss, tfx_emit_sum(&l->g, logits, 7, 0));
    network n = {{loss, losses, logits}, k == WANTED ? 3 : 2};
    tfx_value grads[2] = {0};
    if (k != WITHOUT_GRADIENT) {
        tfx_autodiff(&l->g, loss, 1, wrt, k == PLAIN_WEIGHT ? 2 : 1, grads);
        for (int i = 0; i < (k == PLAIN_WEIGHT ? 2 : 1); i++)
            n.out[n.n++] = grads[i];
    }
    lab_ok(l);
    return n;
}

static int count(const tfx_graph *g, tfx_op op)
{
    int n = 0;
    for (uint32_t i = 0; i < g->n_nodes; i++)
        n += g->nodes[i].op == op;
    return n;
}

/* Rows of the largest operand of cross entropy. */
static int64_t most_rows(const tfx_graph *g)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].op == TFX_OP_CROSS_ENTROPY)
            most = tfx_value_elements(g, g->nodes[i].in[0]) > most ? tfx_value_elements(g, g->nodes[i].in[0]) : most;
    return (int64_t)most / VOCAB;
}

/* Parts of up to 4 rows: of 15 rows 3 or 4. */
START_TEST(the_same_results)
{
    lab l;
    lab_open(&l);
    for (int flags = 0; flags < 4; flags++) {
        network n = build(&l, (kind)_i);
        result whole = execute(&l, n.out, n.n, flags, "whole");
        tfx_loss_in_parts(&l.g, 4 * VOCAB * 4, n.out, n.n);
        lab_ok(&l);
        int split = _i < READ_ELSEWHERE;
        ck_assert_int_eq(count(&l.g, TFX_OP_CROSS_ENTROPY), split ? 4 : 1);
        ck_assert_int_eq(count(&l.g, TFX_OP_CROSS_ENTROPY_GRAD), split ? 4 : _i == WITHOUT_GRADIENT ? 0 : 1);
        ck_assert_int_eq(most_rows(&l.g), split ? 4 : ROWS);
        result parts = execute(&l, n.out, n.n, flags, "in parts");
        ck_assert_uint_eq(parts.n, whole.n);
        for (uint64_t i = 0; i < whole.n; i++) {
            /* The loss and what there is of each position are computed as before; sums over positions in another order. */
            int exact = i < 1 + ROWS || !split;
            ck_assert_msg(exact ? parts.outputs[i] == whole.outputs[i]
                                : fabsf(parts.outputs[i] - whole.outputs[i]) < 1e-6f,
                          "output %d: %.9g, %.9g in parts", (int)i, (double)whole.outputs[i], (double)parts.outputs[i]);
        }
        result_finish(&whole);
        result_finish(&parts);
        lab_reset(&l);
    }
    lab_close(&l);
}
END_TEST

START_TEST(small_logits_stay_whole)
{
    lab l;
    lab_open(&l);
    network n = build(&l, TIED);
    uint32_t before = l.g.n_nodes;
    tfx_loss_in_parts(&l.g, ROWS * VOCAB * 4, n.out, n.n);
    ck_assert_uint_eq(l.g.n_nodes, before);
    tfx_loss_in_parts(&l.g, 1, n.out, n.n); /* less than a row */
    ck_assert_int_eq(count(&l.g, TFX_OP_CROSS_ENTROPY), ROWS);
    lab_close(&l);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph/loss_parts");
    TCase *c = tcase_create("loss_parts");
    tcase_add_loop_test(c, the_same_results, 0, N_KINDS);
    tcase_add_test(c, small_logits_stay_whole);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

/* What the backward pass makes again: what is kept, and that no bit changes. */
#include "framework/graph/recompute.h"

#include "tests/check_main.h"
#include "tests/graph/executions.h"

typedef struct network {
    tfx_value scores, sum, loss, grads[3];
} network;

/* x + gelu(scale * norm(x w)) v, and the gradients of the sum of its squared norm. */
static network build(lab *l)
{
    dice d = {.seed = 6};
    network n = {0};
    tfx_builder *b = &l->b;
    tfx_value x = lab_filled(l, TFX_STATE_PARAM, SHAPE(6, 8), &d, -2, 2);
    tfx_value w = lab_filled(l, TFX_STATE_PARAM, SHAPE(8, 12), &d, -1, 1);
    tfx_value v = lab_filled(l, TFX_STATE_PARAM, SHAPE(12, 8), &d, -1, 1), wrt[] = {x, w, v};
    n.scores = b->matmul(b, x, w, 0, 1);
    tfx_value hidden = b->unary(b, TFX_GELU_ERF, b->affine(b, b->norm(b, TFX_NORM_L2, n.scores, 1e-6), 3, 0));
    n.sum = b->add(b, x, b->matmul(b, hidden, v, 0, 1));
    tfx_value y = b->norm(b, TFX_NORM_LAYER, n.sum, 1e-5);
    n.loss = tfx_emit_sum(&l->g, b->mul(b, y, b->mul(b, y, y)), 3, 0);
    tfx_autodiff(&l->g, n.loss, 1, wrt, 3, n.grads);
    lab_ok(l);
    return n;
}

START_TEST(what_is_done_again)
{
    lab l;
    int count[TFX_OP_ATTENTION_CACHED + 1] = {0}, read_late[2] = {0};
    lab_open(&l);
    network n = build(&l);
    tfx_value wanted[] = {n.scores, n.sum, n.grads[0], n.grads[1], n.grads[2]};
    tfx_recompute_in_passes(&l.g, wanted, 5);
    lab_ok(&l);
    for (uint32_t i = 0; i < l.g.n_nodes; i++) {
        const tfx_graph_node *node = &l.g.nodes[i];
        count[node->op] += node->recomputed == TFX_RECOMPUTED_VALUE;
        ck_assert(!node->recomputed || node->backward);
        for (uint32_t k = 0; k < node->n_in && node->backward; k++) {
            uint32_t from = l.g.values[node->in[k]].node;
            if (!l.g.nodes[from].backward && l.g.nodes[from].op != TFX_OP_PARAM)
                ck_assert_msg(node->in[k] == wanted[0] || node->in[k] == wanted[1], "a %s is kept",
                              tfx_op_name(l.g.nodes[from].op));
            for (int w = 0; w < 2; w++)
                read_late[w] |= node->in[k] == wanted[w];
        }
    }
    /* The scores, a product, and the sum that one is part of are kept; each of the others is done again once. */
    ck_assert(read_late[0] && read_late[1]);
    ck_assert_int_eq(count[TFX_OP_NORM], 2);
    ck_assert_int_eq(count[TFX_OP_AFFINE], 1);
    ck_assert_int_eq(count[TFX_OP_UNARY], 1);
    ck_assert_int_eq(count[TFX_OP_MATMUL] + count[TFX_OP_ADD] + count[TFX_OP_SUM], 0);
    lab_close(&l);
}
END_TEST

START_TEST(the_same_bits)
{
    lab l;
    result before, after;
    lab_open(&l);
    for (int flags = 0; flags < 4; flags++) {
        network n = build(&l);
        before = execute(&l, n.grads, 3, flags, "kept");
        tfx_recompute_in_passes(&l.g, n.grads, 3);
        after = execute(&l, n.grads, 3, flags, "again");
        ck_assert(same_bits(&l, &before, &after));
        result_finish(&before);
        result_finish(&after);
        lab_reset(&l);
    }
    lab_close(&l);
}
END_TEST

START_TEST(without_a_backward_pass)
{
    lab l;
    dice d = {.seed = 6};
    lab_open(&l);
    tfx_value x = lab_filled(&l, TFX_STATE_PARAM, SHAPE(6, 8), &d, -2, 2), y = l.b.affine(&l.b, x, 2, 0), before = y;
    uint32_t n = l.g.n_nodes;
    tfx_recompute_in_passes(&l.g, &y, 1);
    ck_assert_uint_eq(l.g.n_nodes, n);
    ck_assert_uint_eq(y, before);
    lab_close(&l);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph/recompute");
    TCase *c = tcase_create("recompute");
    tcase_add_test(c, what_is_done_again);
    tcase_add_test(c, the_same_bits);
    tcase_add_test(c, without_a_backward_pass);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

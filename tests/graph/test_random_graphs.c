/* Random graphs: fused or not, with memory shared or not, against each other and against
 * plain C in double precision; and an independent check of who owns which byte when. */
#include "tests/check_main.h"
#include "tests/graph/executions.h"
#include "tests/graph/random_graph.h"

enum { GRAPHS_PER_TEST = 40, N_TESTS = 10 };

START_TEST(executions_agree)
{
    lab l;
    lab_open(&l);
    for (int i = 0; i < GRAPHS_PER_TEST; i++) {
        char label[32];
        random_graph r;
        snprintf(label, sizeof(label), "graph %d", _i * GRAPHS_PER_TEST + i);
        random_graph_make(&r, &l, (uint64_t)(_i * GRAPHS_PER_TEST + i));
        result x = check_executions(&l, &r.it, r.outputs, r.n_outputs, label);
        result_finish(&x);
        interpreter_finish(&r.it);
        lab_reset(&l);
    }
    lab_close(&l);
}
END_TEST

/* That the comparison above is one of different things. */
START_TEST(executions_differ)
{
    uint64_t shared = 0, apart = 0, fused_steps = 0, single_steps = 0;
    lab l;
    lab_open(&l);
    for (uint64_t i = 1; i <= 20; i++) {
        random_graph r;
        random_graph_make(&r, &l, i);
        result a = execute(&l, r.outputs, r.n_outputs, FUSE | REUSE, ""),
               b = execute(&l, r.outputs, r.n_outputs, 0, "");
        shared += a.arena_bytes;
        apart += b.arena_bytes;
        fused_steps += a.n_steps;
        single_steps += b.n_steps;
        result_finish(&a);
        result_finish(&b);
        interpreter_finish(&r.it);
        lab_reset(&l);
    }
    ck_assert_uint_lt(shared * 4, apart * 3);
    ck_assert_uint_lt(fused_steps * 4, single_steps * 3);
    lab_close(&l);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph/random_graphs");
    TCase *c = tcase_create("random graphs");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, executions_agree, 0, N_TESTS);
    tcase_add_test(c, executions_differ);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

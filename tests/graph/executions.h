/* Ways of executing one graph, fused or not, with memory shared or not: compared with each
 * other and with the interpreter, and every plan's memory checked. */
#ifndef TFX_TESTS_EXECUTIONS_H
#define TFX_TESTS_EXECUTIONS_H

#include "tests/graph/interpreter.h"
#include "tests/graph/memory_check.h"

/* Stores that are executed: their values are not computed in place. */
static inline uint32_t count_stores(const tfx_program *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_steps; i++)
        for (uint32_t k = 0; k < p->steps[i]->n_nodes; k++)
            n += p->steps[i]->nodes[k]->op == TFX_OP_STORE;
    return n;
}

/* What a run leaves: the outputs one after the other, and the state. */
typedef struct result {
    float *outputs;
    uint64_t n;
    char *state;
    uint64_t arena_bytes;
    uint32_t n_steps;
} result;

/* Runs once from l->image, which it leaves as it was. */
static inline result execute(lab *l, const tfx_value *outputs, uint32_t n_outputs, int flags, const char *label)
{
    result out = {0};
    char *before = tfx_alloc(l->image_bytes);
    memcpy(before, l->image, l->image_bytes);
    lab_program p = lab_plan(l, outputs, n_outputs, flags);
    char *wrong = memory_check(p.placement, &l->g, outputs, n_outputs, flags & FUSE ? TFX_FUSE_ROWS : TFX_FUSE_NOTHING);
    ck_assert_msg(!wrong, "%s, flags %d: %s", label, flags, wrong);
    lab_run(l, &p);
    for (uint32_t i = 0; i < n_outputs; i++)
        out.n += lab_output_count(&p, i);
    out.outputs = tfx_alloc(out.n * sizeof(float));
    for (uint32_t i = 0, at = 0; i < n_outputs; i++) {
        lab_output(l, &p, i, out.outputs + at);
        at += (uint32_t)lab_output_count(&p, i);
    }
    out.state = l->image;
    l->image = before;
    out.arena_bytes = p.placement->program.arena_bytes;
    out.n_steps = p.placement->program.n_steps;
    lab_program_finish(l, &p);
    return out;
}

static inline void result_finish(result *r)
{
    free(r->outputs);
    free(r->state);
}

static inline double greater(double a, double b)
{
    return a <= b ? b : a; /* a NaN goes through */
}

static inline int is_stored(const tfx_graph *g, tfx_value target)
{
    for (uint32_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].op == TFX_OP_STORE && g->nodes[i].in[1] == target)
            return 1;
    return 0;
}

/* How far a state tensor is from the values x; rounding to bf16 is allowed for. */
static inline double state_difference(const tfx_state_tensor *t, const char *state, const double *x)
{
    double worst = 0;
    for (uint64_t i = 0; i < t->elements; i++) {
        const char *at = state + t->offset;
        double v = t->dtype == TFX_F32    ? (double)((const float *)at)[i]
                   : t->dtype == TFX_BF16 ? bf16_value(((const uint16_t *)at)[i])
                                          : (double)((const int32_t *)at)[i];
        double d = fabs(v - x[i]);
        if (t->dtype == TFX_BF16)
            d = d <= fabs(x[i]) * 0x1p-8 ? 0 : d;
        worst = greater(d, worst);
    }
    return worst;
}

/* The largest difference of a run from what the interpreter says of outputs and state. */
static inline double result_difference(const lab *l, const interpreter *it, const tfx_value *outputs,
                                       uint32_t n_outputs, const result *x)
{
    double worst = 0;
    for (uint32_t i = 0, at = 0; i < n_outputs; i++)
        for (uint64_t k = 0; k < shape_count(lab_shape(l, outputs[i])); k++, at++)
            worst = greater(fabs((double)x->outputs[at] - it->data[outputs[i]][k]), worst);
    for (uint32_t i = 0; i < l->g.n_nodes; i++) {
        const tfx_graph_node *n = &l->g.nodes[i];
        if (n->op == TFX_OP_STORE)
            worst = greater(state_difference(lab_state_of(l, n->in[1]), x->state, it->data[n->in[0]]), worst);
        else if ((n->op == TFX_OP_PARAM || n->op == TFX_OP_INPUT) && !is_stored(&l->g, n->out))
            worst = greater(state_difference(lab_state_of(l, n->out), x->state, it->data[n->out]), worst);
    }
    return worst;
}

static inline double largest_gap(const result *a, const result *b)
{
    double worst = 0;
    for (uint64_t i = 0; i < a->n; i++)
        worst = greater(fabs((double)a->outputs[i] - (double)b->outputs[i]), worst);
    return worst;
}

static inline int same_bits(const lab *l, const result *a, const result *b)
{
    return !memcmp(a->outputs, b->outputs, a->n * sizeof(float)) && !memcmp(a->state, b->state, l->image_bytes);
}

/* Executes in all four ways and compares. Gives the fused, sharing run's results. */
static inline result check_executions(lab *l, const interpreter *it, const tfx_value *outputs, uint32_t n,
                                      const char *label)
{
    result fused = execute(l, outputs, n, FUSE | REUSE, label), fused_apart = execute(l, outputs, n, FUSE, label);
    result single = execute(l, outputs, n, REUSE, label), apart = execute(l, outputs, n, 0, label);
    ck_assert_msg(same_bits(l, &fused, &fused_apart), "%s, fused: sharing memory changes the result", label);
    ck_assert_msg(same_bits(l, &single, &apart), "%s: sharing memory changes the result", label);
    double gap = largest_gap(&fused, &apart), off = result_difference(l, it, outputs, n, &apart);
    ck_assert_msg(gap <= 1e-6, "%s: fusing changes the result by %g", label, gap);
    ck_assert_msg(off <= 1e-4, "%s: off by %g", label, off);
    off = result_difference(l, it, outputs, n, &fused);
    ck_assert_msg(off <= 1e-4, "%s, fused: off by %g", label, off);
    result_finish(&fused_apart);
    result_finish(&single);
    result_finish(&apart);
    return fused;
}

#endif

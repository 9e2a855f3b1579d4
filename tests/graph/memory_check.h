/* An independent check of a program's use of memory.
 *
 * It knows nothing of lives or storages: it walks the steps and keeps book, byte range by
 * byte range, of which value was written there last. A value that is read must still be
 * there, whole. What a step writes may overlap what the step reads only where the ABI says
 * so (tfx/ir.h): element by element at the same index, or an operand that the op may
 * overwrite. */
#ifndef TFX_TESTS_MEMORY_CHECK_H
#define TFX_TESTS_MEMORY_CHECK_H

#include "framework/graph/sequence.h"
#include "tests/graph/lab.h"

typedef struct memory_range {
    uint32_t buffer;
    uint64_t start, end;
    tfx_value owner; /* UNCHANGED: what was there before the program */
} memory_range;

#define UNCHANGED UINT32_MAX
#define COPIED (UINT32_MAX - 1) /* what a STORE has put there */

typedef struct memory_book {
    const tfx_program *p;
    const tfx_sequence *views; /* where views come from; NULL: found out at their first reading */
    memory_range *ranges;
    size_t n, cap;
    uint32_t *made_in;  /* per value: the step that makes it, or UINT32_MAX */
    tfx_value *content; /* per value without a maker: the owner it stands for, 0: not known */
    char message[512];  /* the first thing that is wrong */
} memory_book;

static inline void memory_wrong(memory_book *m, const char *fmt, ...) TFX_PRINTF(2, 3);
static inline void memory_wrong(memory_book *m, const char *fmt, ...)
{
    if (m->message[0])
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(m->message, sizeof(m->message), fmt, ap);
    va_end(ap);
}

static inline uint64_t tensor_count(const tfx_tensor *t)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < t->n_dims; i++)
        n *= (uint64_t)t->dims[i];
    return n;
}

static inline uint64_t tensor_bytes(const tfx_tensor *t)
{
    return tensor_count(t) * tfx_dtype_bytes(t->dtype);
}

static inline int tensors_overlap(const tfx_tensor *a, const tfx_tensor *b)
{
    return a->buffer == b->buffer && a->buffer != TFX_BUFFER_NONE && a->offset < b->offset + tensor_bytes(b) &&
           b->offset < a->offset + tensor_bytes(a);
}

static inline void memory_write(memory_book *m, const tfx_tensor *t, tfx_value owner)
{
    uint64_t start = t->offset, end = t->offset + tensor_bytes(t);
    for (size_t i = 0, n = m->n; i < n; i++) {
        memory_range r = m->ranges[i];
        if (r.buffer != t->buffer || r.end <= start || end <= r.start)
            continue;
        m->ranges[i].end = r.start < start ? start : r.start; /* what is left before */
        if (r.end > end) {
            memory_range after = {r.buffer, end, r.end, r.owner};
            *TFX_APPEND(m->ranges, m->n, m->cap) = after;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < m->n; i++)
        if (m->ranges[i].end > m->ranges[i].start)
            m->ranges[kept++] = m->ranges[i];
    m->n = kept;
    *TFX_APPEND(m->ranges, m->n, m->cap) = (memory_range){t->buffer, start, end, owner};
}

/* The one owner of all the bytes of t, or 0. */
static inline tfx_value memory_owner(const memory_book *m, const tfx_tensor *t)
{
    uint64_t start = t->offset, end = t->offset + tensor_bytes(t), covered = 0;
    tfx_value owner = 0;
    for (size_t i = 0; i < m->n; i++) {
        const memory_range *r = &m->ranges[i];
        if (r->buffer != t->buffer || r->end <= start || end <= r->start)
            continue;
        if (owner && owner != r->owner)
            return 0;
        owner = r->owner;
        covered += (r->end < end ? r->end : end) - (r->start > start ? r->start : start);
    }
    return covered == end - start ? owner : 0;
}

/* What must be found where v is read. */
static inline tfx_value memory_expected(memory_book *m, tfx_value v, tfx_value found)
{
    tfx_value base = m->views ? tfx_value_base(&m->views->graph, v) : v;
    if (m->made_in[base] != UINT32_MAX)
        return base;
    if (m->views) /* a source, or a view of one */
        return UNCHANGED;
    if (!m->content[v])
        m->content[v] = found;
    return m->content[v];
}

static inline void memory_read(memory_book *m, uint32_t step, tfx_value v)
{
    const tfx_tensor *t = m->p->tensors[v];
    if (t->buffer == TFX_BUFFER_NONE) {
        memory_wrong(m, "step %u reads value %u, which has no place", step, v);
        return;
    }
    tfx_value found = memory_owner(m, t), expected = memory_expected(m, v, found);
    if (!found || found != expected)
        memory_wrong(m, "step %u reads value %u at %s+%llu, where value %d is, expected %d", step, v,
                     t->buffer == TFX_BUFFER_STATE ? "state" : "arena", (unsigned long long)t->offset, (int)found,
                     (int)expected);
}

/* Whether node n of a step may write over its operand k. */
static inline int reads_same_index(const tfx_node *n, uint32_t k, uint32_t n_nodes)
{
    if (n->op == TFX_OP_BROADCAST || (n->op == TFX_OP_DROPOUT && k == 1))
        return 0;
    if (n->op == TFX_OP_STORE || (n->op >= TFX_OP_CONST && n->op <= TFX_OP_DROPOUT))
        return 1;
    if (n->op == TFX_OP_NORM || n->op == TFX_OP_NORM_GRAD || n->op == TFX_OP_SOFTMAX || n->op == TFX_OP_SOFTMAX_GRAD)
        return n_nodes > 1; /* a row at a time */
    return n_nodes == 1 && (((n->op == TFX_OP_MATMUL || n->op == TFX_OP_GATHER_GRAD) && k == 2) ||
                            (n->op == TFX_OP_CROSS_ENTROPY_GRAD && k == 0));
}

static inline int operand_is_read(const tfx_node *n, uint32_t k)
{
    return n->op != TFX_OP_STORE || k == 0;
}

/* Whether operand k of n comes from the very step: it is in a register then. */
static inline int from_this_step(const memory_book *m, uint32_t step, tfx_value v)
{
    return m->made_in[v] == step;
}

static inline void check_write(memory_book *m, uint32_t index, const tfx_step *step, const tfx_tensor *t, tfx_value v)
{
    uint64_t limit = t->buffer == TFX_BUFFER_STATE ? m->p->state_bytes : m->p->arena_bytes;
    if (t->offset % 64 || t->offset + tensor_bytes(t) > limit)
        memory_wrong(m, "step %u: value %u at %llu is not aligned, or outside", index, v,
                     (unsigned long long)t->offset);
    for (uint32_t i = 0; i < step->n_nodes; i++) {
        const tfx_node *n = step->nodes[i];
        for (uint32_t k = 0; k < n->n_in; k++) {
            const tfx_tensor *in = m->p->tensors[n->in[k]];
            if (!operand_is_read(n, k) || from_this_step(m, index, n->in[k]) || !tensors_overlap(t, in))
                continue;
            if (t->offset != in->offset || tensor_bytes(t) != tensor_bytes(in) || tensor_count(t) != tensor_count(in) ||
                !reads_same_index(n, k, step->n_nodes))
                memory_wrong(m, "step %u writes value %u over operand %u of %s", index, v, k, tfx_op_name(n->op));
        }
        for (uint32_t k = 0; k < n->n_out; k++)
            if (n->out[k] != v && tensors_overlap(t, m->p->tensors[n->out[k]]))
                memory_wrong(m, "step %u: results %u and %u overlap", index, v, n->out[k]);
    }
}

static inline void check_step(memory_book *m, uint32_t index)
{
    const tfx_step *step = m->p->steps[index];
    for (uint32_t i = 0; i < step->n_nodes; i++) {
        const tfx_node *n = step->nodes[i];
        for (uint32_t k = 0; k < n->n_in; k++)
            if (operand_is_read(n, k) && !from_this_step(m, index, n->in[k]))
                memory_read(m, index, n->in[k]);
    }
    for (uint32_t i = 0; i < step->n_nodes; i++) {
        const tfx_node *n = step->nodes[i];
        for (uint32_t k = 0; k < n->n_out; k++)
            if (m->p->tensors[n->out[k]]->buffer != TFX_BUFFER_NONE)
                check_write(m, index, step, m->p->tensors[n->out[k]], n->out[k]);
        if (n->op == TFX_OP_STORE)
            check_write(m, index, step, m->p->tensors[n->in[1]], n->in[1]);
    }
    for (uint32_t i = 0; i < step->n_nodes; i++) {
        const tfx_node *n = step->nodes[i];
        for (uint32_t k = 0; k < n->n_out; k++)
            if (m->p->tensors[n->out[k]]->buffer != TFX_BUFFER_NONE)
                memory_write(m, m->p->tensors[n->out[k]], n->out[k]);
        if (n->op == TFX_OP_STORE)
            memory_write(m, m->p->tensors[n->in[1]], COPIED);
    }
}

/* NULL, or what is wrong (malloced). `graph` may be NULL; with it, views are checked exactly. */
static inline char *memory_check(const tfx_placement *placement, const tfx_graph *graph, const tfx_value *outputs,
                                 uint32_t n_outputs, tfx_fusing fuse)
{
    memory_book m = {.p = &placement->program};
    tfx_sequence sequence;
    if (graph) {
        tfx_sequence_create(&sequence, graph, outputs, n_outputs, fuse);
        m.views = &sequence;
    }
    m.made_in = TFX_NEW_ARRAY(uint32_t, m.p->n_values + 1);
    m.content = TFX_NEW_ARRAY(tfx_value, m.p->n_values + 1);
    for (uint32_t v = 0; v <= m.p->n_values; v++)
        m.made_in[v] = UINT32_MAX;
    for (uint32_t s = 0; s < m.p->n_steps; s++)
        for (uint32_t i = 0; i < m.p->steps[s]->n_nodes; i++)
            for (uint32_t k = 0; k < m.p->steps[s]->nodes[i]->n_out; k++)
                m.made_in[m.p->steps[s]->nodes[i]->out[k]] = s;
    *TFX_APPEND(m.ranges, m.n, m.cap) = (memory_range){TFX_BUFFER_STATE, 0, m.p->state_bytes, UNCHANGED};
    for (uint32_t s = 0; s < m.p->n_steps; s++)
        check_step(&m, s);
    for (uint32_t i = 0; i < placement->n_outputs; i++)
        memory_read(&m, m.p->n_steps, placement->outputs[i]);
    if (graph)
        tfx_sequence_finish(&sequence);
    free(m.ranges);
    free(m.made_in);
    free(m.content);
    return m.message[0] ? tfx_strdup(m.message) : NULL;
}

#endif

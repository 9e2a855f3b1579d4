#include "framework/graph/placement.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/ops.h"
#include "framework/graph/sequence.h"

#define ALIGN 64u
#define NOWHERE UINT32_MAX

/* A piece of the arena; several values may live in it, one after the other or as views. */
typedef struct storage {
    uint64_t bytes, offset;
    uint32_t first, last; /* units */
} storage;

typedef struct placer {
    tfx_sequence s;
    storage *storages;
    uint32_t n_storages;
    size_t cap_storages;
    uint32_t *storage_of; /* per value: its storage, or NOWHERE */
    uint32_t *state_of;   /* per value: the state tensor it lives in, or NOWHERE */
    uint32_t *last_use;   /* per value, views included: the last unit that reads it */
} placer;

static uint64_t value_bytes(const tfx_graph *g, tfx_value v)
{
    return tfx_value_elements(g, v) * tfx_dtype_bytes(g->values[v].dtype);
}

static uint32_t unit_of_value(const placer *p, tfx_value v)
{
    return p->s.unit_of[p->s.graph.values[v].node];
}

/* Last readers. A value read only inside its own fused unit needs no memory: last_use
 * stays NOWHERE. */
static void find_lives(placer *p)
{
    const tfx_graph *g = &p->s.graph;
    for (uint32_t v = 0; v < g->n_values; v++)
        p->last_use[v] = NOWHERE;
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        uint32_t u = p->s.unit_of[i];
        if (u == NOWHERE || (g->nodes[i].op == TFX_OP_STORE && p->s.in_place[i]))
            continue;
        for (uint32_t k = 0; k < g->nodes[i].n_in; k++) {
            tfx_value v = tfx_sequence_base(g, g->nodes[i].in[k]);
            int inside = unit_of_value(p, v) == u;
            if (!inside && (p->last_use[v] == NOWHERE || p->last_use[v] < u))
                p->last_use[v] = u;
        }
    }
    for (uint32_t k = 0; k < p->s.n_outputs; k++)
        p->last_use[tfx_sequence_base(g, p->s.outputs[k])] = p->s.n_units;
}

/* Where a value lives when a store computes it right into its target. */
static void place_stores(placer *p)
{
    const tfx_graph *g = &p->s.graph;
    for (uint32_t v = 0; v < g->n_values; v++)
        p->state_of[v] = NOWHERE;
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        if (n->op == TFX_OP_INPUT || n->op == TFX_OP_PARAM)
            p->state_of[n->out] = (uint32_t)n->ints[0];
        else if (n->op == TFX_OP_STORE && p->s.in_place[i])
            p->state_of[n->in[0]] = (uint32_t)g->nodes[g->values[n->in[1]].node].ints[0];
    }
}

/* Looks for an operand of unit u whose memory the result v can take over. */
static uint32_t dying_operand(const placer *p, uint32_t u, tfx_value v)
{
    const tfx_graph *g = &p->s.graph;
    const tfx_unit *unit = &p->s.units[u];
    for (uint32_t i = 0; i < unit->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[unit->nodes[i]];
        if (!unit->pointwise && g->values[v].node != unit->nodes[i])
            continue;
        for (uint32_t k = 0; k < n->n_in; k++) {
            tfx_value base = tfx_sequence_base(g, n->in[k]);
            uint32_t st = p->storage_of[base];
            if (st == NOWHERE || p->storages[st].last != u || unit_of_value(p, base) == u ||
                p->storages[st].bytes != value_bytes(g, v) || !tfx_op_may_overwrite(n->op, k))
                continue;
            /* No other operand of the unit may read the same memory at other indices. */
            int clash = 0;
            for (uint32_t j = 0; j < unit->n_nodes; j++) {
                const tfx_graph_node *m = &g->nodes[unit->nodes[j]];
                for (uint32_t q = 0; q < m->n_in; q++)
                    if (!(m == n && q == k) && p->storage_of[tfx_sequence_base(g, m->in[q])] == st)
                        clash |= !unit->pointwise || !tfx_op_may_overwrite(m->op, q);
            }
            if (!clash)
                return st;
        }
    }
    return NOWHERE;
}

/* Gives every value that needs arena memory a storage, in order of execution. */
static void assign_storages(placer *p, int reuse)
{
    const tfx_graph *g = &p->s.graph;
    for (uint32_t v = 0; v < g->n_values; v++)
        p->storage_of[v] = NOWHERE;
    for (uint32_t u = 0; u < p->s.n_units; u++) {
        const tfx_unit *unit = &p->s.units[u];
        for (uint32_t i = 0; i < unit->n_nodes; i++) {
            const tfx_graph_node *n = &g->nodes[unit->nodes[i]];
            for (uint32_t k = 0; k < n->n_out; k++) {
                tfx_value v = n->out + k;
                int inside_only = unit->n_nodes > 1 && p->last_use[v] == NOWHERE;
                if (p->state_of[v] != NOWHERE || inside_only)
                    continue;
                uint32_t last = p->last_use[v] == NOWHERE ? u : p->last_use[v];
                uint32_t st = reuse ? dying_operand(p, u, v) : NOWHERE;
                if (st == NOWHERE) {
                    storage *fresh = TFX_APPEND(p->storages, p->n_storages, p->cap_storages);
                    fresh->bytes = value_bytes(g, v);
                    fresh->first = u;
                    fresh->last = last;
                    st = p->n_storages - 1;
                } else {
                    /* Taken: `last` moves on, so that no second result of this unit takes it. A result
                     * nobody reads still occupies it for the length of the unit. */
                    p->storages[st].last = last > u ? last : u + 1;
                }
                p->storage_of[v] = st;
            }
        }
    }
}

static int by_size(const void *a, const void *b, void *storages)
{
    const storage *base = storages, *x = &base[*(const uint32_t *)a], *y = &base[*(const uint32_t *)b];
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

/* The lowest offset where `st` overlaps nothing that lives at the same time; `placed` are in order
 * of their offsets. */
static uint64_t lowest_gap(const storage *st, storage *const *placed, uint32_t n)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < n && placed[i]->offset < at + st->bytes; i++) {
        if (placed[i]->first > st->last || st->first > placed[i]->last)
            continue;
        uint64_t end = (placed[i]->offset + placed[i]->bytes + ALIGN - 1) / ALIGN * ALIGN;
        at = end > at ? end : at;
    }
    return at;
}

/* Keeps the order of offsets. */
static void insert(storage **placed, uint32_t n, storage *st)
{
    uint32_t low = 0, high = n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (placed[middle]->offset < st->offset)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(placed + low + 1, placed + low, sizeof(*placed) * (n - low));
    placed[low] = st;
}

/* Largest first, each at the lowest offset where it overlaps nothing that lives at the
 * same time (Pisarchyk & Lee 2020, "Efficient memory management for deep neural net
 * inference": greedy by size). */
static uint64_t assign_offsets(placer *p, int reuse)
{
    uint64_t total = 0;
    if (!reuse) {
        for (uint32_t i = 0; i < p->n_storages; i++) {
            p->storages[i].offset = total;
            total += (p->storages[i].bytes + ALIGN - 1) / ALIGN * ALIGN;
        }
        return total;
    }
    uint32_t *order = TFX_NEW_ARRAY(uint32_t, p->n_storages);
    storage **placed = TFX_NEW_ARRAY(storage *, p->n_storages);
    for (uint32_t i = 0; i < p->n_storages; i++)
        order[i] = i;
    qsort_r(order, p->n_storages, sizeof(*order), by_size, p->storages);
    for (uint32_t i = 0; i < p->n_storages; i++) {
        storage *st = &p->storages[order[i]];
        st->offset = lowest_gap(st, placed, i);
        insert(placed, i, st);
        uint64_t end = (st->offset + st->bytes + ALIGN - 1) / ALIGN * ALIGN;
        total = end > total ? end : total;
    }
    free(order);
    free(placed);
    return total;
}

/* ---- the program: everything in one allocation ---- */

typedef struct bump {
    char *at;
} bump;

static void *take(bump *b, size_t n)
{
    void *p = b->at;
    b->at += (n + 15) / 16 * 16;
    return p;
}

static void fill_tensor(const placer *p, tfx_value v, tfx_tensor *t)
{
    const tfx_graph *g = &p->s.graph;
    const tfx_graph_value *from = &g->values[v];
    tfx_value base = tfx_sequence_base(g, v);
    *t = (tfx_tensor){.struct_size = sizeof(*t), .dtype = from->dtype, .n_dims = from->n_dims};
    memcpy(t->dims, from->dims, sizeof(t->dims));
    if (p->state_of[base] != NOWHERE) {
        t->buffer = TFX_BUFFER_STATE;
        t->offset = g->state->tensors[p->state_of[base]].offset;
    } else if (p->storage_of[base] != NOWHERE) {
        t->buffer = TFX_BUFFER_ARENA;
        t->offset = p->storages[p->storage_of[base]].offset;
    }
}

static void emit_program(const placer *p, tfx_placement *out)
{
    const tfx_graph *g = &p->s.graph;
    size_t operands = 0;
    for (uint32_t i = 0; i < g->n_nodes; i++)
        operands += g->nodes[i].n_in + g->nodes[i].n_out + 8;
    size_t bytes = 4096 + (size_t)g->n_values * (sizeof(tfx_tensor) + sizeof(void *) + 16) +
                   (size_t)g->n_nodes * (sizeof(tfx_node) + sizeof(void *) + 32) +
                   (size_t)p->s.n_units * (sizeof(tfx_step) + sizeof(void *) + 48) + operands * sizeof(tfx_value);
    bump b = {out->memory = tfx_alloc(bytes)};
    const tfx_tensor **tensors = take(&b, sizeof(*tensors) * (g->n_values + 1));
    tfx_tensor *tensor = take(&b, sizeof(*tensor) * g->n_values);
    for (tfx_value v = 1; v < g->n_values; v++) {
        fill_tensor(p, v, &tensor[v]);
        tensors[v] = &tensor[v];
    }
    const tfx_step **steps = take(&b, sizeof(*steps) * (p->s.n_units + 1));
    uint32_t n_steps = 0;
    for (uint32_t u = 0; u < p->s.n_units; u++) {
        const tfx_unit *unit = &p->s.units[u];
        if (!unit->n_nodes)
            continue;
        tfx_step *step = take(&b, sizeof(*step));
        const tfx_node **nodes = take(&b, sizeof(*nodes) * unit->n_nodes);
        for (uint32_t i = 0; i < unit->n_nodes; i++) {
            const tfx_graph_node *from = &g->nodes[unit->nodes[i]];
            tfx_node *to = take(&b, sizeof(*to));
            tfx_value *in = take(&b, sizeof(*in) * from->n_in), *results = take(&b, sizeof(*in) * from->n_out);
            memcpy(in, from->in, sizeof(*in) * from->n_in);
            for (uint32_t k = 0; k < from->n_out; k++)
                results[k] = from->out + k;
            *to = (tfx_node){.struct_size = sizeof(*to), .op = from->op, .n_in = from->n_in, .n_out = from->n_out,
                             .in = in, .out = results, .custom = from->custom};
            memcpy(to->ints, from->ints, sizeof(to->ints));
            memcpy(to->reals, from->reals, sizeof(to->reals));
            nodes[i] = to;
        }
        *step = (tfx_step){.struct_size = sizeof(*step), .n_nodes = unit->n_nodes, .nodes = nodes};
        if (unit->pointwise) {
            const tfx_graph_value *domain = &g->values[unit->domain];
            step->n_dims = domain->n_dims;
            memcpy(step->dims, domain->dims, sizeof(step->dims));
        }
        steps[n_steps++] = step;
    }
    out->program = (tfx_program){.struct_size = sizeof(tfx_program), .n_values = g->n_values - 1,
                                 .tensors = tensors, .n_steps = n_steps, .steps = steps,
                                 .state_bytes = g->state->bytes};
    out->n_outputs = p->s.n_outputs;
    out->outputs = TFX_NEW_ARRAY(tfx_value, p->s.n_outputs);
    if (p->s.n_outputs)
        memcpy(out->outputs, p->s.outputs, sizeof(tfx_value) * p->s.n_outputs);
}

tfx_placement *tfx_placement_create(const tfx_graph *g, const tfx_value *outputs, uint32_t n_outputs,
                             const tfx_placement_options *options, tfx_error *err)
{
    if (err->status != TFX_OK)
        return NULL;
    placer p = {0};
    tfx_placement *out = NULL;
    tfx_sequence_create(&p.s, g, outputs, n_outputs, options->fuse);
    if (g->err->status == TFX_OK) {
        p.storage_of = TFX_NEW_ARRAY(uint32_t, p.s.graph.n_values);
        p.state_of = TFX_NEW_ARRAY(uint32_t, p.s.graph.n_values);
        p.last_use = TFX_NEW_ARRAY(uint32_t, p.s.graph.n_values);
        find_lives(&p);
        place_stores(&p);
        assign_storages(&p, options->reuse);
        uint64_t arena = assign_offsets(&p, options->reuse);
        out = TFX_NEW(tfx_placement);
        emit_program(&p, out);
        out->program.arena_bytes = arena;
        out->cost = tfx_graph_cost(&p.s.graph);
    } else if (err != g->err) {
        tfx_fail(err, g->err->status, "%s", g->err->text);
    }
    tfx_sequence_finish(&p.s);
    free(p.storages);
    free(p.storage_of);
    free(p.state_of);
    free(p.last_use);
    return out;
}

void tfx_placement_destroy(tfx_placement *p)
{
    if (!p)
        return;
    free(p->outputs);
    free(p->memory);
    free(p);
}

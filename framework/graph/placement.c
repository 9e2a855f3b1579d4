#include "framework/graph/placement.h"

#include <assert.h>
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
    uint32_t *scratch_of; /* per unit: the storage that a custom op's kernel has for itself, or NOWHERE */
} placer;

static uint64_t value_bytes(const tfx_graph *g, tfx_value v)
{
    return tfx_value_elements(g, v) * tfx_dtype_bytes(g->values[v].dtype);
}

/* Last readers. A value read only inside its own fused unit needs no memory: last_use
 * stays NOWHERE. */
static void find_lives(placer *p)
{
    const tfx_graph *g = &p->s.graph;
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        uint32_t u = p->s.unit_of[i];
        if (u == TFX_NO_UNIT || (g->nodes[i].op == TFX_OP_STORE && p->s.in_place[i]))
            continue;
        for (uint32_t k = 0; k < g->nodes[i].n_in; k++) {
            tfx_value v = tfx_value_base(g, g->nodes[i].in[k]);
            if (tfx_unit_of_value(&p->s, v) != u && (p->last_use[v] == NOWHERE || p->last_use[v] < u))
                p->last_use[v] = u;
        }
    }
    for (uint32_t k = 0; k < p->s.n_outputs; k++)
        p->last_use[tfx_value_base(g, p->s.outputs[k])] = p->s.n_units;
}

/* Where a value lives when a store computes it right into its target. */
static void place_stores(placer *p)
{
    const tfx_graph *g = &p->s.graph;
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
            tfx_value base = tfx_value_base(g, n->in[k]);
            uint32_t st = p->storage_of[base];
            if (st == NOWHERE || p->storages[st].last != u || tfx_unit_of_value(&p->s, base) == u ||
                p->storages[st].bytes != value_bytes(g, v) || !tfx_unit_may_overwrite(unit, n->op, k))
                continue;
            /* No other operand of the unit may read the same memory at other indices. */
            int clash = 0;
            for (uint32_t j = 0; j < unit->n_nodes; j++) {
                const tfx_graph_node *m = &g->nodes[unit->nodes[j]];
                for (uint32_t q = 0; q < m->n_in; q++)
                    if (!(m == n && q == k) && p->storage_of[tfx_value_base(g, m->in[q])] == st)
                        clash |= !unit->pointwise || !tfx_unit_may_overwrite(unit, m->op, q);
            }
            if (!clash)
                return st;
        }
    }
    return NOWHERE;
}

static uint32_t add_storage(placer *p, uint64_t bytes, uint32_t first, uint32_t last)
{
    *TFX_APPEND(p->storages, p->n_storages, p->cap_storages) = (storage){.bytes = bytes, .first = first, .last = last};
    return p->n_storages - 1;
}

/* Gives every value that needs arena memory a storage, in order of execution. */
static void assign_storages(placer *p, int reuse)
{
    const tfx_graph *g = &p->s.graph;
    for (uint32_t u = 0; u < p->s.n_units; u++) {
        const tfx_unit *unit = &p->s.units[u];
        for (uint32_t i = 0; i < unit->n_nodes; i++) {
            const tfx_graph_node *n = &g->nodes[unit->nodes[i]];
            for (uint32_t k = 0; k < n->n_out; k++) {
                tfx_value v = n->out + k;
                int optional = unit->n_nodes > 1 || (n->op == TFX_OP_CUSTOM && n->n_out > 1);
                if (p->state_of[v] != NOWHERE || (optional && p->last_use[v] == NOWHERE))
                    continue;
                uint32_t last = p->last_use[v] == NOWHERE ? u : p->last_use[v];
                uint32_t st = reuse ? dying_operand(p, u, v) : NOWHERE;
                if (st == NOWHERE) {
                    st = add_storage(p, value_bytes(g, v), u, last);
                } else {
                    /* Taken: `last` moves on, so that no second result of this unit takes it. A result
                     * nobody reads still occupies it for the length of the unit. */
                    p->storages[st].last = last > u ? last : u + 1;
                }
                p->storage_of[v] = st;
            }
            if (n->scratch)
                p->scratch_of[u] = add_storage(p, n->scratch, u, u);
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

/* ---- what is taken when ----
 *
 * A tree over the units. A node stands for a range of them, and has the pieces of the arena that are
 * taken all through its range, and those that are taken anywhere in it; neighbours are one piece. Whatever
 * lives at some time during a life is in the second of the nodes that make up that life, or in the
 * first of those above them. */

typedef struct piece {
    uint64_t from, to;
} piece;

typedef struct pieces {
    piece *items; /* ascending, none touching another */
    uint32_t n;
    size_t cap;
} pieces;

typedef struct calendar {
    pieces *always, *sometimes; /* per node; the children of node i are 2i + 1 and 2i + 2 */
    uint32_t n_nodes, last;     /* the last unit */
} calendar;

enum { MAX_NODES = 4 * 32 }; /* that a life is made up of, those above included */

static uint64_t end_of(const storage *st)
{
    return (st->offset + st->bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* The first piece from number `low` on that ends at `offset` or later. */
static uint32_t first_piece(const pieces *s, uint32_t low, uint64_t offset)
{
    uint32_t high = s->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->items[middle].to < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void take_piece(pieces *s, piece x)
{
    uint32_t at = first_piece(s, 0, x.from), next = at;
    for (; next < s->n && s->items[next].from <= x.to; next++) {
        x.from = s->items[next].from < x.from ? s->items[next].from : x.from;
        x.to = s->items[next].to > x.to ? s->items[next].to : x.to;
    }
    uint32_t after = s->n - next;
    if (next == at)
        (void)TFX_APPEND(s->items, s->n, s->cap);
    memmove(&s->items[at + 1], &s->items[next], sizeof(*s->items) * after);
    s->items[at] = x;
    s->n = at + 1 + after;
}

/* Enters a storage that has its offset; `first` and `last` are the units of the node. */
static void enter(calendar *c, uint32_t node, uint32_t first, uint32_t last, const storage *st)
{
    piece x = {st->offset, end_of(st)};
    if (st->first > last || first > st->last)
        return;
    take_piece(&c->sometimes[node], x);
    if (st->first <= first && last <= st->last) {
        take_piece(&c->always[node], x);
        return;
    }
    uint32_t middle = first + (last - first) / 2;
    enter(c, 2 * node + 1, first, middle, st);
    enter(c, 2 * node + 2, middle + 1, last, st);
}

/* Finds the lists that hold all that lives during the life of st. */
static uint32_t look_up(const calendar *c, uint32_t node, uint32_t first, uint32_t last, const storage *st,
                        const pieces **found, uint32_t n)
{
    if (st->first > last || first > st->last)
        return n;
    int whole = st->first <= first && last <= st->last;
    found[n++] = whole ? &c->sometimes[node] : &c->always[node];
    if (whole)
        return n;
    uint32_t middle = first + (last - first) / 2;
    n = look_up(c, 2 * node + 1, first, middle, st, found, n);
    return look_up(c, 2 * node + 2, middle + 1, last, st, found, n);
}

/* The lowest offset where st overlaps nothing that lives at the same time. */
static uint64_t lowest_gap(const calendar *c, const storage *st)
{
    const pieces *taken[MAX_NODES];
    uint32_t n = look_up(c, 0, 0, c->last, st, taken, 0), clear = 0, next[MAX_NODES] = {0};
    uint64_t at = 0;
    for (uint32_t i = 0; clear < n;) { /* until it is free in one list after the other */
        const pieces *s = taken[i];
        if (next[i] < s->n && s->items[next[i]].to <= at)
            next[i] = first_piece(s, next[i] + 1, at + 1);
        if (next[i] < s->n && s->items[next[i]].from < at + st->bytes) {
            at = s->items[next[i]].to;
            clear = 0;
        } else {
            i = (i + 1) % n;
            clear++;
        }
    }
    return at;
}

/* Largest first, each at the lowest offset where it overlaps nothing that lives at the
 * same time (Pisarchyk & Lee 2020, "Efficient memory management for deep neural net
 * inference": greedy by size). */
static uint64_t assign_offsets(placer *p, int reuse)
{
    uint64_t total = 0;
    uint32_t *order = TFX_NEW_ARRAY(uint32_t, p->n_storages);
    calendar c = {.last = p->s.n_units + 1};
    c.n_nodes = 4 * (c.last + 1); /* more than a tree over that many needs */
    c.always = TFX_NEW_ARRAY(pieces, c.n_nodes);
    c.sometimes = TFX_NEW_ARRAY(pieces, c.n_nodes);
    for (uint32_t i = 0; i < p->n_storages; i++)
        order[i] = i;
    qsort_r(order, p->n_storages, sizeof(*order), by_size, p->storages);
    for (uint32_t i = 0; i < p->n_storages; i++) {
        storage *st = &p->storages[order[i]];
        st->offset = reuse ? lowest_gap(&c, st) : total;
        enter(&c, 0, 0, c.last, st);
        total = end_of(st) > total ? end_of(st) : total;
    }
    for (uint32_t i = 0; i < c.n_nodes; i++) {
        free(c.always[i].items);
        free(c.sometimes[i].items);
    }
    free(c.always);
    free(c.sometimes);
    free(order);
    return total;
}

#ifndef NDEBUG
/* Whether what lives at the same time is apart, aligned and inside. By another way than the one that
 * placed it: every pair is compared, so large programs are not checked. */
static int places_hold(const placer *p, uint64_t arena)
{
    enum { MAX_CHECKED = 2000 };
    for (uint32_t i = 0; i < p->n_storages && p->n_storages <= MAX_CHECKED; i++) {
        const storage *a = &p->storages[i];
        if (a->first > a->last || a->offset % ALIGN || a->offset + a->bytes > arena)
            return 0;
        for (uint32_t k = 0; k < i; k++) {
            const storage *b = &p->storages[k];
            if (a->first <= b->last && b->first <= a->last && a->offset < b->offset + b->bytes &&
                b->offset < a->offset + a->bytes)
                return 0;
        }
    }
    return 1;
}
#endif

/* ---- the program ---- */

/* Memory that lives as long as the program. */
static void *take(tfx_placement *out, size_t n)
{
    return *TFX_APPEND(out->memory, out->n_memory, out->cap_memory) = tfx_alloc(n);
}

static void fill_tensor(const placer *p, tfx_value v, tfx_tensor *t)
{
    const tfx_graph *g = &p->s.graph;
    const tfx_graph_value *from = &g->values[v];
    tfx_value base = tfx_value_base(g, v);
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

/* What is said of values and steps besides. step_of has an element for each unit, and one for the end. */
static void describe_lives(const placer *p, const uint32_t *step_of, tfx_placement *out)
{
    const tfx_graph *g = &p->s.graph;
    uint32_t n_steps = out->program.n_steps, *last = take(out, sizeof(*last) * g->n_values);
    uint64_t *live = take(out, sizeof(*live) * ((size_t)n_steps + 1));
    for (tfx_value v = 0; v < g->n_values; v++)
        last[v] = p->last_use[v] == NOWHERE ? TFX_NEVER_READ : step_of[p->last_use[v]];
    for (uint32_t i = 0; i < p->n_storages; i++) { /* differences, which wrap around, and then their sums */
        const storage *st = &p->storages[i];
        live[step_of[st->first]] += st->bytes;
        live[step_of[st->last < p->s.n_units ? st->last + 1 : p->s.n_units]] -= st->bytes;
    }
    for (uint32_t i = 1; i < n_steps; i++)
        live[i] += live[i - 1];
    out->last_read = last;
    out->live = live;
}

static void emit_program(const placer *p, tfx_placement *out)
{
    const tfx_graph *g = &p->s.graph;
    const tfx_tensor **tensors = take(out, sizeof(*tensors) * g->n_values);
    tfx_tensor *tensor = take(out, sizeof(*tensor) * g->n_values);
    for (tfx_value v = 1; v < g->n_values; v++) {
        fill_tensor(p, v, &tensor[v]);
        tensors[v] = &tensor[v];
    }
    const tfx_step **steps = take(out, sizeof(*steps) * p->s.n_units);
    const tfx_placed_node **placed = take(out, sizeof(*placed) * p->s.n_units);
    uint32_t n_steps = 0, *step_of = TFX_NEW_ARRAY(uint32_t, p->s.n_units + 1);
    for (uint32_t u = 0; u < p->s.n_units; u++) {
        const tfx_unit *unit = &p->s.units[u];
        step_of[u] = n_steps;
        if (!unit->n_nodes)
            continue;
        tfx_placed_node *marks = take(out, sizeof(*marks) * unit->n_nodes);
        tfx_step *step = take(out, sizeof(*step));
        const tfx_node **nodes = take(out, sizeof(*nodes) * unit->n_nodes);
        for (uint32_t i = 0; i < unit->n_nodes; i++) {
            const tfx_graph_node *from = &g->nodes[unit->nodes[i]];
            tfx_node *to = take(out, sizeof(*to));
            tfx_value *in = take(out, sizeof(*in) * (from->n_in + from->n_out)), *results = in + from->n_in;
            memcpy(in, from->in, sizeof(*in) * from->n_in);
            for (uint32_t k = 0; k < from->n_out; k++)
                results[k] = from->out + k;
            *to = (tfx_node){.struct_size = sizeof(*to),
                             .op = from->op,
                             .n_in = from->n_in,
                             .n_out = from->n_out,
                             .in = in,
                             .out = results,
                             .custom = from->custom,
                             .scratch_bytes = from->scratch};
            if (from->scratch)
                to->scratch_offset = p->storages[p->scratch_of[u]].offset;
            memcpy(to->ints, from->ints, sizeof(to->ints));
            memcpy(to->reals, from->reals, sizeof(to->reals));
            nodes[i] = to;
            marks[i] = (tfx_placed_node){from->site, from->backward, from->recomputed, from->update,
                                         tfx_node_flops(g, from)};
        }
        *step = (tfx_step){.struct_size = sizeof(*step), .n_nodes = unit->n_nodes, .nodes = nodes};
        if (unit->pointwise) {
            const tfx_graph_value *domain = &g->values[unit->domain];
            step->n_dims = domain->n_dims;
            memcpy(step->dims, domain->dims, sizeof(step->dims));
        }
        placed[n_steps] = marks;
        steps[n_steps++] = step;
    }
    out->program = (tfx_program){.struct_size = sizeof(tfx_program),
                                 .n_values = g->n_values - 1,
                                 .tensors = tensors,
                                 .n_steps = n_steps,
                                 .steps = steps,
                                 .state_bytes = g->state->bytes};
    out->nodes = placed;
    step_of[p->s.n_units] = n_steps;
    describe_lives(p, step_of, out);
    free(step_of);
}

tfx_placement *tfx_placement_create(const tfx_graph *g, const tfx_value *outputs, uint32_t n_outputs,
                                    const tfx_placement_options *options)
{
    if (g->err->status != TFX_OK)
        return NULL;
    placer p = {0};
    tfx_sequence_create(&p.s, g, outputs, n_outputs, options->fuse);
    p.storage_of = TFX_NEW_ARRAY(uint32_t, p.s.graph.n_values);
    p.state_of = TFX_NEW_ARRAY(uint32_t, p.s.graph.n_values);
    p.last_use = TFX_NEW_ARRAY(uint32_t, p.s.graph.n_values);
    p.scratch_of = TFX_NEW_ARRAY(uint32_t, p.s.n_units);
    for (uint32_t u = 0; u < p.s.n_units; u++)
        p.scratch_of[u] = NOWHERE;
    for (uint32_t v = 0; v < p.s.graph.n_values; v++)
        p.storage_of[v] = p.state_of[v] = p.last_use[v] = NOWHERE;
    find_lives(&p);
    place_stores(&p);
    assign_storages(&p, options->reuse);
    uint64_t arena = assign_offsets(&p, options->reuse);
    assert(places_hold(&p, arena));
    tfx_placement *out = TFX_NEW(tfx_placement);
    emit_program(&p, out);
    out->program.arena_bytes = arena;
    out->cost = tfx_graph_cost(&p.s.graph);
    out->n_outputs = n_outputs;
    out->outputs = p.s.outputs;
    p.s.outputs = NULL; /* taken over */
    tfx_sequence_finish(&p.s);
    free(p.storages);
    free(p.storage_of);
    free(p.state_of);
    free(p.last_use);
    free(p.scratch_of);
    return out;
}

void tfx_placement_destroy(tfx_placement *p)
{
    if (!p)
        return;
    free(p->outputs);
    for (uint32_t i = 0; i < p->n_memory; i++)
        free(p->memory[i]);
    free(p->memory);
    free(p);
}

#include "framework/graph/atoms.h"

#include <assert.h>

#include "framework/base/memory.h"

static const char misfit[] = "two divisions of it do not fit each other";

void tfx_atoms_finish(tfx_atoms *a)
{
    free(a->items);
    *a = (tfx_atoms){0};
}

uint32_t tfx_atom_new(tfx_atoms *a, int64_t size)
{
    if (!a->n)
        (void)TFX_APPEND(a->items, a->n, a->cap); /* TFX_NO_ATOM */
    if (size == 1)
        return TFX_NO_ATOM;
    uint32_t atom = a->n;
    *TFX_APPEND(a->items, a->n, a->cap) = (tfx_atom){.size = size, .parent = atom};
    return atom;
}

uint32_t tfx_atom_root(tfx_atoms *a, uint32_t atom)
{
    tfx_atom *items = a->items;
    if (atom == TFX_NO_ATOM)
        return atom;
    while (items[atom].parent != atom)
        atom = items[atom].parent = items[items[atom].parent].parent;
    return atom;
}

void tfx_atom_mark(tfx_atoms *a, uint32_t atom, uint32_t marks, const char *rigid)
{
    atom = tfx_atom_root(a, atom);
    if (atom == TFX_NO_ATOM)
        return;
    tfx_atom *x = &a->items[atom];
    if (x->outer) {
        tfx_atom_mark(a, x->outer, marks, rigid);
        tfx_atom_mark(a, x->inner, marks, rigid);
        return;
    }
    x->marks |= marks;
    x->rigid = x->rigid ? x->rigid : rigid;
}

static int64_t size_of(const tfx_atoms *a, uint32_t atom)
{
    return atom == TFX_NO_ATOM ? 1 : a->items[atom].size;
}

static int divided(const tfx_atoms *a, uint32_t root)
{
    return a->items[root].outer != TFX_NO_ATOM;
}

/* The root of an undivided atom gets an outer part of that size. */
static void divide(tfx_atoms *a, uint32_t root, int64_t outer)
{
    tfx_atom was = a->items[root];
    assert(!divided(a, root) && outer > 1 && was.size > outer && was.size % outer == 0);
    uint32_t parts[2] = {tfx_atom_new(a, outer), tfx_atom_new(a, was.size / outer)};
    for (int i = 0; i < 2; i++)
        tfx_atom_mark(a, parts[i], was.marks, was.rigid);
    a->items[root].outer = parts[0];
    a->items[root].inner = parts[1];
}

/* ---- walking a product from its outer end ---- */

typedef struct product {
    tfx_atoms *a;
    tfx_atom_list rest; /* the next one last */
} product;

static void push(product *p, uint32_t atom)
{
    if (atom != TFX_NO_ATOM)
        *TFX_APPEND(p->rest.items, p->rest.n, p->rest.cap) = atom;
}

static uint32_t head(const product *p)
{
    return tfx_atom_root(p->a, p->rest.items[p->rest.n - 1]);
}

static uint32_t pop(product *p)
{
    uint32_t atom = head(p);
    p->rest.n--;
    return atom;
}

/* Its two parts in place of the first atom, which is divided. */
static void expand(product *p)
{
    uint32_t atom = pop(p);
    push(p, p->a->items[atom].inner);
    push(p, p->a->items[atom].outer);
}

/* Divides the first atom, which is undivided and longer, so that the first has that size; 0 when it cannot. */
static int shorten(product *p, int64_t size)
{
    uint32_t atom = head(p);
    if (size_of(p->a, atom) % size)
        return 0;
    divide(p->a, atom, size);
    expand(p);
    return 1;
}

/* Takes the first undivided atom, which will not fit; returns its size. */
static int64_t pop_misfit(product *p)
{
    while (divided(p->a, head(p)))
        expand(p);
    uint32_t atom = pop(p);
    tfx_atom_mark(p->a, atom, 0, misfit);
    return size_of(p->a, atom);
}

/* ---- the same dimension ---- */

static void unite_products(tfx_atoms *a, uint32_t x, uint32_t y);

static void unite_roots(tfx_atoms *a, uint32_t x, uint32_t y)
{
    if (x == y)
        return;
    assert(size_of(a, x) == size_of(a, y));
    if (divided(a, x) && divided(a, y)) {
        unite_products(a, x, y);
        return;
    }
    /* What is not divided becomes what the other one is. */
    uint32_t from = divided(a, x) ? y : x, to = from == x ? y : x;
    tfx_atom was = a->items[from];
    a->items[from].parent = to;
    tfx_atom_mark(a, to, was.marks, was.rigid);
}

static void unite_products(tfx_atoms *a, uint32_t x, uint32_t y)
{
    product p = {.a = a}, q = {.a = a};
    int fits = 1;
    push(&p, a->items[x].inner);
    push(&p, a->items[x].outer);
    push(&q, a->items[y].inner);
    push(&q, a->items[y].outer);
    while (p.rest.n) {
        int64_t m = size_of(a, head(&p)), n = size_of(a, head(&q));
        if (m == n) {
            uint32_t one = pop(&p);
            unite_roots(a, one, pop(&q));
            continue;
        }
        product *longer = m > n ? &p : &q, *shorter = m > n ? &q : &p;
        if (divided(a, head(longer)))
            expand(longer);
        else if (shorten(longer, m > n ? n : m))
            continue;
        else if (divided(a, head(shorter)))
            expand(shorter);
        else { /* up to where both have a boundary again */
            fits = 0;
            m = pop_misfit(&p);
            n = pop_misfit(&q);
            while (m != n)
                *(m < n ? &m : &n) *= pop_misfit(m < n ? &p : &q);
        }
    }
    assert(!q.rest.n);
    free(p.rest.items);
    free(q.rest.items);
    x = tfx_atom_root(a, x);
    y = tfx_atom_root(a, y);
    if (fits && x != y)
        a->items[x].parent = y; /* so that this is not gone through again */
}

void tfx_atom_unite(tfx_atoms *a, uint32_t x, uint32_t y)
{
    x = tfx_atom_root(a, x);
    y = tfx_atom_root(a, y);
    if (x != TFX_NO_ATOM && y != TFX_NO_ATOM)
        unite_roots(a, x, y);
}

/* ---- other dimensions for the same elements ---- */

/* A dimension that is the product of those given. */
static uint32_t joined(tfx_atoms *a, const tfx_atom_list *parts)
{
    uint32_t whole = TFX_NO_ATOM;
    for (uint32_t i = parts->n; i-- > 0;) {
        uint32_t part = parts->items[i];
        if (whole == TFX_NO_ATOM) {
            whole = part;
            continue;
        }
        uint32_t both = tfx_atom_new(a, size_of(a, part) * size_of(a, whole));
        a->items[both].outer = part;
        a->items[both].inner = whole;
        whole = both;
    }
    return whole;
}

/* Takes atoms of that size together, outermost first, into parts; 0 when there is no boundary there. */
static int take(product *p, int64_t size, tfx_atom_list *parts)
{
    tfx_atoms *a = p->a;
    parts->n = 0;
    while (size > 1) {
        int64_t first = size_of(a, head(p));
        if (first > size || size % first != 0) {
            if (divided(a, head(p)))
                expand(p);
            else if (first < size || !shorten(p, size))
                return 0;
            continue;
        }
        uint32_t atom = pop(p);
        *TFX_APPEND(parts->items, parts->n, parts->cap) = atom;
        size /= size_of(a, atom);
    }
    return 1;
}

static uint32_t new_misfit(tfx_atoms *a, int64_t size)
{
    uint32_t atom = tfx_atom_new(a, size);
    tfx_atom_mark(a, atom, 0, misfit);
    return atom;
}

void tfx_atom_reshape(tfx_atoms *a, const uint32_t *from, uint32_t n_from, uint32_t *to, const int64_t *sizes,
                      uint32_t n_to)
{
    product p = {.a = a};
    tfx_atom_list parts = {0};
    for (uint32_t i = n_from; i-- > 0;)
        push(&p, from[i]);
    for (uint32_t i = 0; i < n_to; i++) {
        if (take(&p, sizes[i], &parts)) {
            to[i] = joined(a, &parts);
            continue;
        }
        int64_t taken = 1, asked = sizes[i];
        to[i] = new_misfit(a, sizes[i]);
        for (uint32_t k = 0; k < parts.n; k++) {
            tfx_atom_mark(a, parts.items[k], 0, misfit);
            taken *= size_of(a, parts.items[k]);
        }
        while (taken != asked)
            if (taken < asked) {
                taken *= pop_misfit(&p);
            } else {
                i++;
                to[i] = new_misfit(a, sizes[i]);
                asked *= sizes[i];
            }
    }
    assert(!p.rest.n);
    free(p.rest.items);
    free(parts.items);
}

void tfx_atom_parts(tfx_atoms *a, uint32_t atom, tfx_atom_list *list)
{
    atom = tfx_atom_root(a, atom);
    if (atom == TFX_NO_ATOM)
        return;
    if (divided(a, atom)) {
        tfx_atom_parts(a, a->items[atom].outer, list);
        tfx_atom_parts(a, a->items[atom].inner, list);
        return;
    }
    *TFX_APPEND(list->items, list->n, list->cap) = atom;
}

/* Atoms: what dimensions are made of. Internal to framework/graph.
 *
 * A dimension is one atom, or an ordered product of atoms, outermost first: a width is heads times head_dim.
 * Whatever is found out later refines it: an atom divides into an outer and an inner part, and two that must
 * be the same become one. A union-find forest whose roots may have two parts; a dimension is named by any atom
 * of it, and TFX_NO_ATOM is a dimension of size 1, which has none. All of it is close to linear. */
#ifndef TFX_GRAPH_ATOMS_H
#define TFX_GRAPH_ATOMS_H

#include <stddef.h>
#include <stdint.h>

#define TFX_NO_ATOM 0u

typedef struct tfx_atom {
    int64_t size;
    uint32_t parent;       /* itself: a root */
    uint32_t outer, inner; /* of a root that is divided; otherwise TFX_NO_ATOM */
    uint32_t marks;        /* of an undivided root, like `rigid`: see tfx_atom_mark */
    const char *rigid;     /* why its size cannot change; NULL: it can. Static text */
} tfx_atom;

typedef struct tfx_atoms {
    tfx_atom *items; /* [0] stands for TFX_NO_ATOM */
    uint32_t n;
    size_t cap;
} tfx_atoms;

void tfx_atoms_finish(tfx_atoms *a);

uint32_t tfx_atom_new(tfx_atoms *a, int64_t size); /* TFX_NO_ATOM for size 1 */
uint32_t tfx_atom_root(tfx_atoms *a, uint32_t atom);

/* Adds marks (bits, kept when atoms divide and unite) and, unless NULL, a reason why the sizes are fixed, to
 * every undivided part. The first reason stays. */
void tfx_atom_mark(tfx_atoms *a, uint32_t atom, uint32_t marks, const char *rigid);

/* Two dimensions of equal size are the same. Where their divisions do not fit each other (4 x 6 and 6 x 4), the
 * parts in question become rigid. */
void tfx_atom_unite(tfx_atoms *a, uint32_t x, uint32_t y);

/* The dimensions `to` (n_to, sizes given) of what has the same elements in the same order as `from` (n_from).
 * Where a new boundary cannot lie inside an old dimension, both sides become rigid. */
void tfx_atom_reshape(tfx_atoms *a, const uint32_t *from, uint32_t n_from, uint32_t *to, const int64_t *sizes,
                      uint32_t n_to);

/* The undivided parts of a dimension, outermost first, as roots; appended to *list. */
typedef struct tfx_atom_list {
    uint32_t *items;
    uint32_t n;
    size_t cap;
} tfx_atom_list;
void tfx_atom_parts(tfx_atoms *a, uint32_t atom, tfx_atom_list *list);

#endif

/* Relation: what one dimension of a value is in terms of a dimension of another value.
 *
 * Each element is an old one times a scale, or zero, or the mean of all old ones times a scale, or anything. A value
 * with a relation for each of its dimensions is
 *
 *     new[i, j, ...] = factor * scale_1[i] * scale_2[j] * ... * old[index_1[i], index_2[j], ...]
 *
 * where one ZERO makes it zero, and without that one ANY makes it anything. No relation at all (NULL) stands for a
 * dimension along which neither value changes, as where both were broadcast. */
#ifndef TFX_GRAPH_RELATION_H
#define TFX_GRAPH_RELATION_H

#include <stddef.h>
#include <stdint.h>

/* Entries of an index that are no old element. */
enum { TFX_RELATION_ZERO = -1, TFX_RELATION_MEAN = -2, TFX_RELATION_ANY = -3 };

typedef struct tfx_relation {
    int64_t n, n_old;
    int64_t *index;   /* [n] */
    double *scale;    /* [n], of old elements and means */
    const char *name; /* of the dimension, for messages; NULL: none is known */
    const char *why;  /* that there are ANY entries; NULL: there are none */
    struct tfx_relation *next;
} tfx_relation;

/* Owns relations and texts, which live as long as it does. */
typedef struct tfx_relations {
    tfx_relation *first;
    char **texts;
    size_t n_texts, cap_texts;
} tfx_relations;

void tfx_relations_finish(tfx_relations *r);
const char *tfx_relations_text(tfx_relations *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Old elements in their places with scale 1, the others ZERO. */
tfx_relation *tfx_relation_new(tfx_relations *r, int64_t n, int64_t n_old, const char *name);
tfx_relation *tfx_relation_copy(tfx_relations *r, const tfx_relation *of);
/* An entry that is not known, and why; the first reason stays. */
void tfx_relation_set_any(tfx_relation *r, int64_t i, const char *why);

/* Equal but for rounding. Scales are computed by whoever made the map, so that square roots come in. */
int tfx_relation_near(double a, double b);
int tfx_relation_has(const tfx_relation *r, int64_t entry); /* one of the three above; of NULL: no */
int tfx_relation_is_identity(const tfx_relation *r);        /* NULL is */

/* The same relation with the first scale made 1, and what it was, by which it is to be multiplied; NULL when nothing
 * depends on the dimension. A factor of 0: all is zero. */
const tfx_relation *tfx_relation_normalise(tfx_relations *r, const tfx_relation *of, double *factor);

/* Relations of two dimensions, outer and inner, as one of their product, and back; sizes {new, old}. Splitting gives 0
 * and why where the dimension is no such product. */
const tfx_relation *tfx_relation_join(tfx_relations *r, const tfx_relation *outer, const tfx_relation *inner,
                                      const int64_t *n_outer, const int64_t *n_inner);
int tfx_relation_split(tfx_relations *r, const tfx_relation *of, const int64_t *n_outer, const int64_t *n_inner,
                       const tfx_relation **outer, const tfx_relation **inner, const char **why);

#endif

#include "framework/graph/relation.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"

void tfx_relations_finish(tfx_relations *r)
{
    for (tfx_relation *x = r->first, *next; x; x = next) {
        next = x->next;
        free(x->index);
        free(x->scale);
        free(x);
    }
    for (size_t i = 0; i < r->n_texts; i++)
        free(r->texts[i]);
    free(r->texts);
    *r = (tfx_relations){0};
}

const char *tfx_relations_text(tfx_relations *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *text = *TFX_APPEND(r->texts, r->n_texts, r->cap_texts) = tfx_alloc((size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return text;
}

tfx_relation *tfx_relation_new(tfx_relations *r, int64_t n, int64_t n_old, const char *name)
{
    tfx_relation *x = TFX_NEW(tfx_relation);
    *x = (tfx_relation){.n = n,
                        .n_old = n_old,
                        .index = TFX_NEW_ARRAY(int64_t, n),
                        .scale = TFX_NEW_ARRAY(double, n),
                        .name = name,
                        .next = r->first};
    for (int64_t i = 0; i < n; i++) {
        x->index[i] = i < n_old ? i : TFX_RELATION_ZERO;
        x->scale[i] = 1;
    }
    return r->first = x;
}

tfx_relation *tfx_relation_copy(tfx_relations *r, const tfx_relation *of)
{
    tfx_relation *x = tfx_relation_new(r, of->n, of->n_old, of->name);
    memcpy(x->index, of->index, sizeof(*of->index) * (size_t)of->n);
    memcpy(x->scale, of->scale, sizeof(*of->scale) * (size_t)of->n);
    x->why = of->why;
    return x;
}

void tfx_relation_set_any(tfx_relation *r, int64_t i, const char *why)
{
    r->index[i] = TFX_RELATION_ANY;
    r->scale[i] = 1;
    r->why = r->why ? r->why : why;
}

int tfx_relation_near(double a, double b)
{
    return isfinite(a) && isfinite(b) && fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b));
}

int tfx_relation_has(const tfx_relation *r, int64_t entry)
{
    for (int64_t i = 0; r && i < r->n; i++)
        if (r->index[i] == entry)
            return 1;
    return 0;
}

int tfx_relation_is_identity(const tfx_relation *r)
{
    for (int64_t i = 0; r && i < r->n; i++)
        if (r->index[i] != i || !tfx_relation_near(r->scale[i], 1))
            return 0;
    return !r || r->n == r->n_old;
}

static int is_scaled(int64_t entry)
{
    return entry >= 0 || entry == TFX_RELATION_MEAN;
}

const tfx_relation *tfx_relation_normalise(tfx_relations *r, const tfx_relation *of, double *factor)
{
    int64_t first = 0, even = of->n_old == 1, anything = 0;
    *factor = 1;
    while (first < of->n && !is_scaled(of->index[first]))
        anything |= of->index[first++] == TFX_RELATION_ANY;
    if (first == of->n) {
        *factor = anything;
        return of;
    }
    *factor = of->scale[first];
    for (int64_t i = 0; i < of->n && even; i++)
        even = of->index[i] == 0 && tfx_relation_near(of->scale[i], *factor);
    if (even)
        return NULL;
    if (*factor == 1)
        return of;
    tfx_relation *to = tfx_relation_copy(r, of);
    for (int64_t i = 0; i < of->n; i++)
        if (is_scaled(of->index[i]))
            to->scale[i] /= *factor;
    return to;
}

/* ---- products of dimensions ---- */

/* A dimension along which neither value changes, as entries. */
static const tfx_relation *explicit_one(tfx_relations *r, int64_t n, int64_t n_old)
{
    tfx_relation *x = tfx_relation_new(r, n, n_old, NULL);
    for (int64_t i = n_old; i < n; i++)
        x->index[i] = 0;
    return x;
}

/* One of both, where the other does not depend on its dimension. */
static int64_t joined_entry(int64_t outer, int64_t inner, int64_t n_inner_old, int outer_even, int inner_even)
{
    if (outer == TFX_RELATION_ZERO || inner == TFX_RELATION_ZERO)
        return TFX_RELATION_ZERO;
    if (outer == TFX_RELATION_ANY || inner == TFX_RELATION_ANY)
        return TFX_RELATION_ANY;
    if (outer >= 0 && inner >= 0)
        return outer * n_inner_old + inner;
    if ((outer == inner) || (outer >= 0 && outer_even) || (inner >= 0 && inner_even))
        return TFX_RELATION_MEAN;
    return TFX_RELATION_ANY;
}

const tfx_relation *tfx_relation_join(tfx_relations *r, const tfx_relation *outer, const tfx_relation *inner,
                                      const int64_t *n_outer, const int64_t *n_inner)
{
    int outer_even = !outer, inner_even = !inner;
    if (outer_even && inner_even)
        return NULL;
    outer = outer ? outer : explicit_one(r, n_outer[0], n_outer[1]);
    inner = inner ? inner : explicit_one(r, n_inner[0], n_inner[1]);
    assert(outer->n == n_outer[0] && outer->n_old == n_outer[1] && inner->n == n_inner[0] &&
           inner->n_old == n_inner[1]);
    const char *name = outer_even                   ? inner->name
                       : inner_even                 ? outer->name
                       : outer->name && inner->name ? tfx_relations_text(r, "%s x %s", outer->name, inner->name)
                                                    : NULL;
    tfx_relation *to = tfx_relation_new(r, outer->n * inner->n, outer->n_old * inner->n_old, name);
    to->why = outer->why ? outer->why : inner->why;
    for (int64_t i = 0; i < outer->n; i++)
        for (int64_t k = 0; k < inner->n; k++) {
            int64_t at = i * inner->n + k;
            int64_t entry = joined_entry(outer->index[i], inner->index[k], inner->n_old, outer_even, inner_even);
            to->index[at] = entry;
            to->scale[at] = is_scaled(entry) ? outer->scale[i] * inner->scale[k] : 1;
            if (entry == TFX_RELATION_ANY)
                tfx_relation_set_any(to, at, "it holds the mean of a part of its old elements");
        }
    return to;
}

/* What `n` entries that lie `step` apart have: 0, an old element; else ANY unless all are zero. */
static int64_t kind_of(const int64_t *row, int64_t n, int64_t step)
{
    int64_t kind = TFX_RELATION_ZERO;
    for (int64_t k = 0; k < n; k++)
        if (row[k * step] >= 0)
            return 0;
        else if (row[k * step] != TFX_RELATION_ZERO)
            kind = TFX_RELATION_ANY;
    return kind;
}

int tfx_relation_split(tfx_relations *r, const tfx_relation *of, const int64_t *n_outer, const int64_t *n_inner,
                       const tfx_relation **outer, const tfx_relation **inner, const char **why)
{
    int64_t rows = n_outer[0], columns = n_inner[0], first = -1;
    *outer = *inner = NULL;
    if (!of)
        return 1;
    const char *cross = of->name ? strstr(of->name, " x ") : NULL;
    const char *name = cross ? tfx_relations_text(r, "%.*s", (int)(cross - of->name), of->name) : of->name;
    tfx_relation *o = tfx_relation_new(r, rows, n_outer[1], name);
    tfx_relation *p = tfx_relation_new(r, columns, n_inner[1], cross ? cross + 3 : of->name);
    const char *any = of->why ? of->why : "it holds the mean of all its old elements";
    int fits = 1;
    assert(of->n == rows * columns && of->n_old == n_outer[1] * n_inner[1]);
    for (int64_t i = 0; i < rows; i++) {
        o->index[i] = kind_of(of->index + i * columns, columns, 1);
        if (o->index[i] == TFX_RELATION_ANY)
            tfx_relation_set_any(o, i, any);
        if (o->index[i] >= 0 && first < 0)
            first = i;
    }
    int64_t start = -1; /* the first old element in row `first` */
    for (int64_t k = 0; k < columns; k++) {
        p->index[k] = kind_of(of->index + k, rows, columns);
        if (p->index[k] == TFX_RELATION_ANY)
            tfx_relation_set_any(p, k, any);
        else if (p->index[k] >= 0 && start < 0 && of->index[first * columns + k] >= 0)
            start = first * columns + k;
    }
    for (int64_t k = 0; k < columns && start >= 0; k++)
        if (p->index[k] >= 0) {
            int64_t at = of->index[first * columns + k];
            fits &= at >= 0;
            p->index[k] = at >= 0 ? at % n_inner[1] : 0;
            p->scale[k] = of->scale[first * columns + k];
        }
    for (int64_t i = 0; i < rows && start >= 0; i++)
        if (o->index[i] >= 0) {
            int64_t at = of->index[i * columns + start % columns];
            fits &= at >= 0;
            o->index[i] = at >= 0 ? at / n_inner[1] : 0;
            o->scale[i] = of->scale[i * columns + start % columns] / of->scale[start];
        }
    for (int64_t i = 0; i < rows && fits; i++)
        for (int64_t k = 0; k < columns && fits; k++)
            if (o->index[i] >= 0 && p->index[k] >= 0)
                fits = of->index[i * columns + k] == o->index[i] * n_inner[1] + p->index[k] &&
                       tfx_relation_near(of->scale[i * columns + k], o->scale[i] * p->scale[k]);
    if (!fits)
        *why = "what it is made of does not divide into the parts that it is divided into";
    *outer = o;
    *inner = p;
    return fits;
}

/* Proof rules of ops that work element by element or move elements; sums and norms are in proof_sums.c. */
#include "framework/graph/proof_rules.h"

#include <inttypes.h>
#include <string.h>

#include "framework/graph/ops.h"

static int same_relation(const tfx_relation *a, const tfx_relation *b)
{
    if (a == b)
        return 1;
    if (!a || !b || a->n != b->n || a->n_old != b->n_old)
        return 0;
    for (int64_t i = 0; i < a->n; i++)
        if (a->index[i] != b->index[i] || !tfx_relation_near(a->scale[i], b->scale[i]))
            return 0;
    return 1;
}

static int scales_are_one(const tfx_relation *a)
{
    for (int64_t i = 0; a && i < a->n; i++)
        if (!tfx_relation_near(a->scale[i], 1))
            return 0;
    return 1;
}

static const char *mismatch(const tfx_proof_step *s, const tfx_relation *a, const tfx_relation *b, int64_t i)
{
    return tfx_relations_text(s->r,
                              "element %" PRId64 " of %s is old element %" PRId64
                              " on one side and old element %" PRId64 " on the other",
                              i, tfx_proof_name(a, b), a->index[i], b->index[i]);
}

/* ---- products ---- */

int tfx_proof_multiply(const tfx_proof_step *s, const tfx_relation *a, const tfx_relation *b, const tfx_relation **out,
                       const char **why)
{
    *out = a ? a : b;
    if (!a || !b)
        return 1;
    tfx_relation *to = tfx_relation_copy(s->r, a);
    to->name = a->name ? a->name : b->name;
    for (int64_t i = 0; i < a->n; i++) {
        int64_t x = a->index[i], y = b->index[i];
        if (x == TFX_RELATION_ZERO || y == TFX_RELATION_ZERO) {
            to->index[i] = TFX_RELATION_ZERO;
            to->scale[i] = 1;
        } else if (x < 0 || y < 0) {
            tfx_relation_set_any(to, i, b->why ? b->why : "a mean is multiplied with something else");
        } else if (x != y) {
            *why = mismatch(s, a, b, i);
            return 0;
        } else {
            to->scale[i] = a->scale[i] * b->scale[i];
        }
    }
    *out = to;
    return 1;
}

static tfx_related product(const tfx_proof_step *s, const tfx_related *a, const tfx_related *b)
{
    tfx_related y = {.kind = TFX_RELATED, .factor = a->factor * b->factor};
    const char *why;
    for (uint32_t d = 0; d < tfx_proof_now(s, 0)->n_dims; d++)
        if (!tfx_proof_multiply(s, a->dims[d], b->dims[d], &y.dims[d], &why))
            return tfx_proof_no(s->words, s->now, "%s", why);
    return y;
}

tfx_related tfx_proof_mul(const tfx_proof_step *s)
{
    return product(s, &s->in[0], &s->in[1]);
}

tfx_related tfx_proof_div(const tfx_proof_step *s)
{
    tfx_related by = s->in[1];
    by.factor = 1 / by.factor;
    for (uint32_t d = 0; d < tfx_proof_now(s, 1)->n_dims; d++) {
        if (!by.dims[d])
            continue;
        tfx_relation *to = tfx_relation_copy(s->r, by.dims[d]);
        for (int64_t i = 0; i < to->n; i++)
            if (to->index[i] >= 0)
                to->scale[i] = 1 / to->scale[i];
            else /* a quotient of zeros is nothing that is known */
                tfx_relation_set_any(to, i, "it is divided by something else than an old element");
        by.dims[d] = to;
    }
    int zeros = 0, anything = 0;
    for (uint32_t d = 0; d < tfx_proof_now(s, 0)->n_dims; d++) {
        zeros |= tfx_relation_has(s->in[0].dims[d], TFX_RELATION_ZERO);
        anything |= tfx_relation_has(by.dims[d], TFX_RELATION_ANY);
    }
    if (zeros && anything)
        return tfx_proof_no(s->words, s->now, "zeros are divided by what may be zero");
    return product(s, &s->in[0], &by);
}

/* ---- sums of two ---- */

static int add_dim(const tfx_proof_step *s, const tfx_relation *a, const tfx_relation *b, const tfx_relation **out,
                   const char **why)
{
    const tfx_relation *one = *out = a ? a : b;
    if (same_relation(a, b))
        return 1;
    tfx_relation *to = tfx_relation_copy(s->r, one);
    for (int64_t i = 0; i < one->n; i++) {
        int64_t x = one->index[i], y = a && b ? b->index[i] : x == TFX_RELATION_ZERO ? 0 : x;
        double scale = a && b ? b->scale[i] : 1;
        if (x >= 0 && y >= 0 && x != y && a && b) {
            *why = mismatch(s, a, b, i);
            return 0;
        }
        if (x == y && (x >= 0 || x == TFX_RELATION_MEAN) && !tfx_relation_near(one->scale[i], scale)) {
            *why = tfx_relations_text(
                s->r, "element %" PRId64 " of %s is scaled by %.9g on one side and by %.9g on the other", i,
                tfx_proof_name(a, b), one->scale[i], scale);
            return 0;
        }
        if (x != y)
            tfx_relation_set_any(to, i, a && b && b->why ? b->why : "what is added is no copy of the same old element");
    }
    *out = to;
    return 1;
}

tfx_related tfx_proof_add(const tfx_proof_step *s)
{
    const tfx_related *a = &s->in[0], *b = &s->in[1];
    tfx_related y = {.kind = TFX_RELATED, .factor = a->factor};
    const char *why;
    if (!tfx_relation_near(a->factor, b->factor))
        return tfx_proof_no(s->words, s->now, "the first operand is %.9g times what it was, and the second %.9g times",
                            a->factor, b->factor);
    for (uint32_t d = 0; d < tfx_proof_now(s, 0)->n_dims; d++)
        if (!add_dim(s, a->dims[d], b->dims[d], &y.dims[d], &why))
            return tfx_proof_no(s->words, s->now, "%s", why);
    return y;
}

/* ---- functions ---- */

int tfx_proof_bend(const tfx_proof_step *s, const tfx_relation *a, int keeps_zeros, const tfx_relation **out,
                   const char **why)
{
    int changes = 0;
    *out = a;
    for (int64_t i = 0; a && i < a->n; i++) {
        changes |= a->index[i] == TFX_RELATION_MEAN || (a->index[i] == TFX_RELATION_ZERO && !keeps_zeros);
        if (a->index[i] < 0 || tfx_relation_near(a->scale[i], 1))
            continue;
        *why = tfx_relations_text(s->r, "elements of %s are not all scaled alike, and it is not linear",
                                  tfx_proof_name(a, NULL));
        return 0;
    }
    if (!changes)
        return 1;
    tfx_relation *to = tfx_relation_copy(s->r, a);
    for (int64_t i = 0; i < a->n; i++)
        if (a->index[i] == TFX_RELATION_MEAN)
            tfx_relation_set_any(to, i, "a function of a mean is no mean");
        else if (a->index[i] == TFX_RELATION_ZERO && !keeps_zeros)
            tfx_relation_set_any(to, i, "it does not keep zeros");
    *out = to;
    return 1;
}

/* MAX, MIN and COMPARE. Zeros on both sides make a zero that stays one where the larger one is taken. */
tfx_related tfx_proof_larger(const tfx_proof_step *s)
{
    const tfx_related *a = &s->in[0], *b = &s->in[1];
    tfx_related y = {.kind = TFX_RELATED, .factor = 1};
    const char *why;
    for (int k = 0; k < 2; k++)
        if (!tfx_relation_near(s->in[k].factor, 1))
            return tfx_proof_no(s->words, s->now, "operand %d is %.9g times what it was", k, s->in[k].factor);
    for (uint32_t d = 0; d < tfx_proof_now(s, 0)->n_dims; d++) {
        int same = same_relation(a->dims[d], b->dims[d]);
        if (!add_dim(s, a->dims[d], b->dims[d], &y.dims[d], &why) ||
            !tfx_proof_bend(s, y.dims[d], same && s->now->op != TFX_OP_COMPARE, &y.dims[d], &why))
            return tfx_proof_no(s->words, s->now, "%s", why);
    }
    return y;
}

/* Which elements of a row are the largest does not change where rows are what they were. */
tfx_related tfx_proof_topk(const tfx_proof_step *s)
{
    tfx_related y = {.kind = TFX_RELATED, .factor = 1};
    uint32_t n_dims = tfx_proof_now(s, 0)->n_dims;
    const tfx_relation *row = s->in[0].dims[n_dims - 1];
    const char *why;
    if (!(s->in[0].factor > 0))
        return tfx_proof_no(s->words, s->now, "its rows are %.9g times what they were", s->in[0].factor);
    if (row && !tfx_relation_is_identity(row))
        return tfx_proof_no(s->words, s->now, "its rows are not those of the old model");
    for (uint32_t d = 0; d < n_dims; d++)
        if (!tfx_proof_bend(s, s->in[0].dims[d], 0, &y.dims[d], &why))
            return tfx_proof_no(s->words, s->now, "%s", why);
    return y;
}

static int unary_keeps_zeros(int64_t kind)
{
    return kind != TFX_EXP && kind != TFX_LOG && kind != TFX_RSQRT;
}

tfx_related tfx_proof_unary(const tfx_proof_step *s)
{
    tfx_related y = s->in[0];
    const char *why;
    if (s->now->ints[0] == TFX_NEG)
        return y;
    if (!tfx_relation_near(y.factor, 1))
        return tfx_proof_no(s->words, s->now, "its argument is %.9g times what it was", y.factor);
    for (uint32_t d = 0; d < tfx_proof_now(s, 0)->n_dims; d++)
        if (!tfx_proof_bend(s, y.dims[d], unary_keeps_zeros(s->now->ints[0]), &y.dims[d], &why))
            return tfx_proof_no(s->words, s->now, "%s", why);
    return y;
}

/* a x + b of x = f u, where it was a' u + b'; there are shifts. */
tfx_related tfx_proof_affine(const tfx_proof_step *s)
{
    double b = s->now->reals[1], b_old = s->old->reals[1];
    tfx_related y = s->in[0];
    y.factor *= s->now->reals[0] / s->old->reals[0];
    if (!tfx_relation_near(b, y.factor * b_old))
        return tfx_proof_no(s->words, s->now, "%.9g is added, and it would take %.9g", b, y.factor * b_old);
    for (uint32_t d = 0; d < tfx_proof_now(s, 0)->n_dims; d++) {
        if (!scales_are_one(y.dims[d]))
            return tfx_proof_no(s->words, s->now,
                                "elements of %s are not all scaled alike, and a number is added to them",
                                tfx_proof_name(y.dims[d], NULL));
        if (!tfx_relation_has(y.dims[d], TFX_RELATION_ZERO))
            continue;
        tfx_relation *to = tfx_relation_copy(s->r, y.dims[d]);
        for (int64_t i = 0; i < to->n; i++)
            if (to->index[i] == TFX_RELATION_ZERO)
                tfx_relation_set_any(to, i, "it does not keep zeros");
        y.dims[d] = to;
    }
    return y;
}

tfx_related tfx_proof_same_as_first(const tfx_proof_step *s)
{
    return s->in[0];
}

int tfx_proof_is_zero(const tfx_graph_node *n, const tfx_related *in)
{
    uint32_t zeros = 0;
    for (uint32_t k = 0; k < n->n_in && k < 32; k++)
        zeros |= (uint32_t)(in[k].kind == TFX_ZERO) << k;
    switch (n->op) {
    case TFX_OP_ADD:
    case TFX_OP_SUB: return zeros == 3;
    case TFX_OP_CONCAT: return n->n_in < 32 && zeros == (1u << n->n_in) - 1;
    case TFX_OP_MUL: return zeros != 0;
    case TFX_OP_MATMUL: return n->n_in == 2 && zeros != 0;
    case TFX_OP_AFFINE: return zeros && n->reals[1] == 0;
    case TFX_OP_UNARY: return zeros && unary_keeps_zeros(n->ints[0]);
    case TFX_OP_NORM: return zeros && (n->reals[0] > 0 || n->ints[0] == TFX_NORM_L2);
    case TFX_OP_ATTENTION: return zeros >> 2 & 1;
    case TFX_OP_CAST:
    case TFX_OP_DROPOUT:
    case TFX_OP_BROADCAST:
    case TFX_OP_RESHAPE:
    case TFX_OP_PERMUTE:
    case TFX_OP_SLICE:
    case TFX_OP_PAD:
    case TFX_OP_SUM:
    case TFX_OP_ROPE:
    case TFX_OP_GATHER: return zeros & 1;
    default: return 0;
    }
}

/* ---- movement ---- */

tfx_related tfx_proof_permute(const tfx_proof_step *s)
{
    tfx_related y = s->in[0];
    for (uint32_t d = 0; d < tfx_proof_now(s, 0)->n_dims; d++)
        y.dims[d] = s->in[0].dims[s->now->ints[d]];
    return y;
}

tfx_related tfx_proof_slice(const tfx_proof_step *s)
{
    uint32_t axis = (uint32_t)s->now->ints[0];
    tfx_related y = s->in[0];
    const tfx_relation *from = y.dims[axis];
    if (!from)
        return y;
    int64_t length = s->now_graph->values[s->now->out].dims[axis], old_start = s->old->ints[1];
    int64_t old_length = s->old_graph->values[s->old->out].dims[axis];
    tfx_relation *to = tfx_relation_new(s->r, length, old_length, from->name);
    for (int64_t i = 0; i < length; i++) {
        int64_t entry = from->index[s->now->ints[1] + i];
        to->index[i] = entry < 0 ? entry : entry - old_start;
        to->scale[i] = from->scale[s->now->ints[1] + i];
        if (entry == TFX_RELATION_MEAN || entry == TFX_RELATION_ANY)
            tfx_relation_set_any(to, i, from->why ? from->why : "it holds the mean of other elements, too");
        else if (entry >= 0 && (to->index[i] < 0 || to->index[i] >= old_length))
            return tfx_proof_no(s->words, s->now,
                                "it takes old element %" PRId64 " of %s, and took %" PRId64 " to %" PRId64, entry,
                                tfx_proof_name(from, NULL), old_start, old_start + old_length - 1);
    }
    y.dims[axis] = to;
    return y;
}

tfx_related tfx_proof_concat(const tfx_proof_step *s)
{
    uint32_t axis = (uint32_t)s->now->ints[0];
    const tfx_graph_value *now = &s->now_graph->values[s->now->out], *old = &s->old_graph->values[s->old->out];
    tfx_relation *to = tfx_relation_new(s->r, now->dims[axis], old->dims[axis], NULL);
    tfx_related y = s->in[0];
    int64_t at = 0, old_at = 0;
    for (uint32_t k = 0; k < s->now->n_in; k++) {
        const tfx_relation *from = s->in[k].dims[axis];
        int64_t n = tfx_proof_now(s, k)->dims[axis], n_old = tfx_proof_old(s, k)->dims[axis];
        for (uint32_t d = 0; d < now->n_dims; d++)
            if (d != axis && !same_relation(s->in[k].dims[d], y.dims[d]))
                return tfx_proof_no(s->words, s->now,
                                    "what is joined does not correspond to the old model in one and the same way");
        if (!tfx_relation_near(s->in[k].factor, y.factor))
            return tfx_proof_no(s->words, s->now,
                                "the first operand is %.9g times what it was, and another one %.9g times", y.factor,
                                s->in[k].factor);
        for (int64_t i = 0; i < n; i++, at++) {
            int64_t entry = from ? from->index[i] : n == n_old ? i : 0;
            to->index[at] = entry < 0 ? entry : entry + old_at;
            to->scale[at] = from ? from->scale[i] : 1;
            if (entry == TFX_RELATION_MEAN || entry == TFX_RELATION_ANY)
                tfx_relation_set_any(to, at, from->why ? from->why : "it is the mean of a part alone");
        }
        old_at += n_old;
    }
    y.dims[axis] = to;
    return y;
}

/* Dimensions [from, to) of an operand as one: relation and sizes, {new, old}. */
static const tfx_relation *join_dims(const tfx_proof_step *s, uint32_t from, uint32_t to, int64_t *n)
{
    const tfx_relation *whole = NULL;
    n[0] = n[1] = 1;
    for (uint32_t d = from; d < to; d++) {
        int64_t inner[2] = {tfx_proof_now(s, 0)->dims[d], tfx_proof_old(s, 0)->dims[d]};
        whole = d == from ? s->in[0].dims[d] : tfx_relation_join(s->r, whole, s->in[0].dims[d], n, inner);
        n[0] *= inner[0];
        n[1] *= inner[1];
    }
    return whole;
}

static int split_dims(const tfx_proof_step *s, const tfx_relation *whole, uint32_t from, uint32_t to, tfx_related *y,
                      int64_t *n, const char **why)
{
    for (uint32_t d = from; d + 1 < to; d++) {
        int64_t outer[2] = {s->now_graph->values[s->now->out].dims[d], s->old_graph->values[s->old->out].dims[d]};
        n[0] /= outer[0];
        n[1] /= outer[1];
        const tfx_relation *rest;
        if (!tfx_relation_split(s->r, whole, outer, n, &y->dims[d], &rest, why))
            return 0;
        whole = rest;
    }
    if (to > from)
        y->dims[to - 1] = whole;
    return 1;
}

static void take(const tfx_graph_value *const *of, uint32_t d, int64_t *n)
{
    n[0] *= of[0]->dims[d];
    n[1] *= of[1]->dims[d];
}

/* In groups of dimensions that hold the same elements on both sides, in both graphs. */
tfx_related tfx_proof_reshape(const tfx_proof_step *s)
{
    const tfx_graph_value *in[2] = {tfx_proof_now(s, 0), tfx_proof_old(s, 0)};
    const tfx_graph_value *out[2] = {&s->now_graph->values[s->now->out], &s->old_graph->values[s->old->out]};
    tfx_related y = {.kind = TFX_RELATED, .factor = s->in[0].factor};
    const char *why;
    for (uint32_t i = 0, k = 0, i_end, k_end; i < in[0]->n_dims || k < out[0]->n_dims; i = i_end, k = k_end) {
        int64_t from[2] = {1, 1}, to[2] = {1, 1};
        i_end = i;
        k_end = k;
        if (i < in[0]->n_dims)
            take(in, i_end++, from);
        if (k < out[0]->n_dims)
            take(out, k_end++, to);
        while (from[0] != to[0] || from[1] != to[1]) {
            if ((from[0] < to[0] || from[1] < to[1]) && i_end < in[0]->n_dims)
                take(in, i_end++, from);
            else if (k_end < out[0]->n_dims)
                take(out, k_end++, to);
            else
                return tfx_proof_no(s->words, s->now, "it divides the dimensions otherwise than before");
        }
        const tfx_relation *whole = join_dims(s, i, i_end, from);
        if (!split_dims(s, whole, k, k_end, &y, from, &why))
            return tfx_proof_no(s->words, s->now, "%s: %s", tfx_proof_name(whole, NULL), why);
    }
    return y;
}

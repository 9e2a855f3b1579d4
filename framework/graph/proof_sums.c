/* Proof rules of ops that sum, normalise or index along a dimension. */
#include <inttypes.h>
#include <math.h>

#include "framework/base/memory.h"
#include "framework/graph/ops.h"
#include "framework/graph/proof_rules.h"

/* ---- sums over a dimension ---- */

typedef struct tally {
    double *weight; /* per old element: of its copies together */
    int *copies;
    double mean; /* what means add to each */
    int zeros;
} tally;

/* Weights of old elements in sum_i a[i] b[i], where a and b (NULL: the same everywhere) are n elements. */
static const char *count(const tfx_proof_step *s, const tfx_relation *a, const tfx_relation *b, tally *t)
{
    const tfx_relation *one = a ? a : b;
    for (int64_t i = 0; i < one->n; i++) {
        int64_t x = one->index[i], y = a && b ? b->index[i] : x;
        double scale = one->scale[i] * (a && b ? b->scale[i] : 1);
        if (x == TFX_RELATION_ZERO || y == TFX_RELATION_ZERO) {
            t->zeros = 1;
            continue;
        }
        if (x == TFX_RELATION_ANY || y == TFX_RELATION_ANY)
            return tfx_relations_text(s->r, "element %" PRId64 " of %s is not made of old ones (%s) and counts", i,
                                      tfx_proof_name(a, b), x == TFX_RELATION_ANY ? one->why : b->why);
        if (x != y || (x == TFX_RELATION_MEAN && a && b))
            return tfx_relations_text(s->r, "element %" PRId64 " of %s is not the same old element on both sides", i,
                                      tfx_proof_name(a, b));
        if (x == TFX_RELATION_MEAN) {
            t->mean += scale / (double)one->n_old;
        } else {
            t->weight[x] += scale;
            t->copies[x]++;
        }
    }
    return NULL;
}

/* How many times what it was a sum of products over a dimension is; n {new, old}. NULL, or why it is nothing of the kind. */
static const char *contract(const tfx_proof_step *s, const tfx_relation *a, const tfx_relation *b, const int64_t *n,
                            double *factor)
{
    *factor = (double)n[0] / (double)n[1];
    if (!a && !b)
        return NULL;
    tally t = {.weight = TFX_NEW_ARRAY(double, n[1]), .copies = TFX_NEW_ARRAY(int, n[1])};
    const char *why = count(s, a, b, &t), *name = tfx_proof_name(a, b);
    int64_t least = 0, most = 0;
    for (int64_t i = 0; i < n[1] && !why; i++) {
        t.weight[i] += t.mean;
        least = t.weight[i] < t.weight[least] ? i : least;
        most = t.weight[i] > t.weight[most] ? i : most;
    }
    if (!why && !tfx_relation_near(t.weight[least], t.weight[most]))
        why = tfx_relations_text(s->r,
                                 "of %s, old element %" PRId64
                                 " counts %.9g times what it did, and old element %" PRId64 " %.9g times",
                                 name, most, t.weight[most], least, t.weight[least]);
    *factor = t.weight[0];
    for (int64_t i = 0; i < n[1] && !why; i++)
        if (t.copies[i] > 1) {
            tfx_proof_note(s->words, TFX_FACT_COPIES, name);
            break;
        }
    if (!why && t.zeros)
        tfx_proof_note(s->words, TFX_FACT_ZEROS, name);
    free(t.weight);
    free(t.copies);
    return why;
}

tfx_related tfx_proof_sum(const tfx_proof_step *s)
{
    const tfx_graph_value *now = tfx_proof_now(s, 0), *old = tfx_proof_old(s, 0);
    int kept = s->now_graph->values[s->now->out].n_dims == now->n_dims;
    tfx_related y = {.kind = TFX_RELATED, .factor = s->in[0].factor};
    for (uint32_t d = 0, to = 0; d < now->n_dims; d++) {
        double times;
        int summed = s->now->ints[0] >> d & 1;
        if (!summed) {
            y.dims[to++] = s->in[0].dims[d];
            continue;
        }
        const char *why = contract(s, s->in[0].dims[d], NULL, (int64_t[]){now->dims[d], old->dims[d]}, &times);
        if (why)
            return tfx_proof_no(s->words, s->now, "%s", why);
        y.factor *= times;
        to += kept;
    }
    return y;
}

tfx_related tfx_proof_matmul(const tfx_proof_step *s)
{
    const tfx_graph_value *a = tfx_proof_now(s, 0), *b = tfx_proof_now(s, 1);
    uint32_t ta = (s->now->ints[0] & TFX_TRANS_A) != 0, tb = (s->now->ints[0] & TFX_TRANS_B) != 0;
    uint32_t ra = a->n_dims, rb = b->n_dims, inner_a = ra - 1 - ta, inner_b = rb - 2 + tb;
    const tfx_related *x = &s->in[0], *w = &s->in[1];
    tfx_related y = {.kind = TFX_RELATED};
    double times;
    if (s->now->n_in > 2)
        return tfx_proof_no(s->words, s->now, "it adds to something, for which there is no rule");
    const char *why = contract(s, x->dims[inner_a], w->dims[inner_b],
                               (int64_t[]){a->dims[inner_a], tfx_proof_old(s, 0)->dims[inner_a]}, &times);
    for (uint32_t d = 0; d + 2 < ra && !why; d++)
        tfx_proof_multiply(s, x->dims[d], rb == ra ? w->dims[d] : NULL, &y.dims[d], &why);
    if (why)
        return tfx_proof_no(s->words, s->now, "%s", why);
    y.factor = x->factor * w->factor * times * (s->now->reals[0] / s->old->reals[0]);
    y.dims[ra - 2] = x->dims[ra - 2 + ta];
    y.dims[ra - 1] = w->dims[rb - 1 - tb];
    return y;
}

/* ---- normalisation ---- */

/* Sum of squares over the copies of each old element, when that is the same for all; 0 and why. */
static double squares(const tfx_proof_step *s, const tfx_relation *a, const char **why)
{
    double *sum = TFX_NEW_ARRAY(double, a->n_old), least, most;
    *why = NULL;
    for (int64_t i = 0; i < a->n; i++)
        if (a->index[i] >= 0)
            sum[a->index[i]] += a->scale[i] * a->scale[i];
    least = most = sum[0];
    for (int64_t i = 0; i < a->n_old; i++) {
        least = fmin(least, sum[i]);
        most = fmax(most, sum[i]);
    }
    free(sum);
    if (!tfx_relation_near(least, most))
        *why = tfx_relations_text(s->r, "one old element of %s counts %.9g times what another does",
                                  tfx_proof_name(a, NULL), least > 0 ? most / least : INFINITY);
    return most;
}

/* What each norm lets be besides copies. */
static const char *check_normed(const tfx_proof_step *s, const tfx_relation *a, tfx_norm kind)
{
    static const char *const what[] = {
        [TFX_NORM_LAYER] = "mean and variance", [TFX_NORM_RMS] = "mean square", [TFX_NORM_L2] = "length"};
    const char *name = tfx_proof_name(a, NULL);
    for (int64_t i = 0; i < a->n; i++) {
        int64_t entry = a->index[i];
        if (entry == TFX_RELATION_ANY)
            return tfx_relations_text(s->r, "element %" PRId64 " of %s is not made of old ones (%s) and changes the %s",
                                      i, name, a->why, what[kind]);
        if (kind == TFX_NORM_LAYER && entry == TFX_RELATION_ZERO)
            return tfx_relations_text(s->r,
                                      "element %" PRId64
                                      " of %s is zero, which changes mean and variance; copies, or the "
                                      "mean of the old ones, would keep them",
                                      i, name);
        if (kind != TFX_NORM_LAYER && entry == TFX_RELATION_MEAN)
            return tfx_relations_text(s->r,
                                      "element %" PRId64 " of %s is the mean of the old ones, which changes the %s", i,
                                      name, what[kind]);
        if (kind == TFX_NORM_LAYER && !tfx_relation_near(a->scale[i], 1))
            return tfx_relations_text(s->r, "elements of %s are not all scaled alike, which changes mean and variance",
                                      name);
    }
    return NULL;
}

/* The dimensions that are not normalised over; the result is not proportional to its operand. */
static const char *bend_rows(const tfx_proof_step *s, int keeps_zeros, tfx_related *y)
{
    const char *why = NULL;
    for (uint32_t d = 0; d + 1 < tfx_proof_now(s, 0)->n_dims && !why; d++)
        tfx_proof_bend(s, s->in[0].dims[d], keeps_zeros, &y->dims[d], &why);
    return why;
}

/* With f the factor of all and q the squares of copies, a norm divides by sqrt(f^2 q (n_old / n) var + eps): the old
 * divisor times f sqrt(q n_old / n) if eps is the old one times that, squared. */
tfx_related tfx_proof_norm(const tfx_proof_step *s)
{
    tfx_norm kind = (tfx_norm)s->now->ints[0];
    uint32_t last = tfx_proof_now(s, 0)->n_dims - 1;
    const tfx_relation *a = s->in[0].dims[last];
    double n = (double)tfx_proof_now(s, 0)->dims[last], n_old = (double)tfx_proof_old(s, 0)->dims[last];
    double eps = s->now->reals[0], eps_old = s->old->reals[0], f = s->in[0].factor, spread;
    tfx_related y = {.kind = TFX_RELATED};
    const char *why = bend_rows(s, eps > 0 || kind == TFX_NORM_L2, &y);
    if (!why && !a)
        a = n == n_old ? tfx_relation_new(s->r, (int64_t)n, (int64_t)n, NULL) : NULL;
    if (!why && !a)
        why = "it goes over values that are all alike, and over more of them than before";
    if (!why)
        why = check_normed(s, a, kind);
    spread = why ? 0 : f * f * squares(s, a, &why) * (kind == TFX_NORM_L2 ? 1 : n_old / n);
    if (!why && !(spread > 0))
        why = "no old element is left";
    if (!why && !tfx_relation_near(eps, spread * eps_old))
        why = tfx_relations_text(
            s->r,
            "what it divides by changes: over %s the %s is %.9g times what it was, and eps, %g, would "
            "have to be %g",
            tfx_proof_name(a, NULL),
            kind == TFX_NORM_LAYER ? "variance"
            : kind == TFX_NORM_RMS ? "mean square"
                                   : "sum of squares",
            spread, eps, spread * eps_old);
    if (why)
        return tfx_proof_no(s->words, s->now, "%s", why);
    y.factor = f / sqrt(spread);
    y.dims[last] = s->in[0].dims[last];
    if (tfx_relation_has(a, TFX_RELATION_MEAN)) {
        tfx_relation *to = tfx_relation_copy(s->r, a);
        for (uint32_t d = 0; d < last; d++)
            if (tfx_relation_has(y.dims[d], TFX_RELATION_ANY))
                return tfx_proof_no(s->words, s->now,
                                    "some rows are not made of old ones (%s), and their mean is not zero",
                                    y.dims[d]->why);
        for (int64_t i = 0; i < a->n; i++)
            to->index[i] = a->index[i] == TFX_RELATION_MEAN ? TFX_RELATION_ZERO : a->index[i];
        y.dims[last] = to;
    }
    if (n != n_old)
        tfx_proof_note(s->words, TFX_FACT_NORM, tfx_proof_name(a, NULL));
    return y;
}

tfx_related tfx_proof_softmax(const tfx_proof_step *s)
{
    uint32_t last = tfx_proof_now(s, 0)->n_dims - 1;
    const tfx_relation *a = s->in[0].dims[last];
    const char *name = tfx_proof_name(a, NULL), *why;
    tfx_related y = {.kind = TFX_RELATED};
    if (!tfx_relation_near(s->in[0].factor, 1))
        return tfx_proof_no(s->words, s->now, "its argument is %.9g times what it was", s->in[0].factor);
    if ((why = bend_rows(s, 0, &y)))
        return tfx_proof_no(s->words, s->now, "%s", why);
    if (!a && tfx_proof_now(s, 0)->dims[last] != tfx_proof_old(s, 0)->dims[last])
        return tfx_proof_no(s->words, s->now,
                            "it goes over values that are all alike, and over more of them than before");
    for (int64_t i = 0; a && i < a->n; i++)
        if (a->index[i] == TFX_RELATION_ZERO)
            return tfx_proof_no(s->words, s->now, "element %" PRId64 " of %s is zero, and counts in a softmax", i,
                                name);
        else if (a->index[i] < 0)
            return tfx_proof_no(s->words, s->now,
                                "element %" PRId64 " of %s is no old one%s%s%s, and counts in a softmax", i, name,
                                a->why ? " (" : "", a->why ? a->why : "", a->why ? ")" : "");
        else if (!tfx_relation_near(a->scale[i], 1))
            return tfx_proof_no(s->words, s->now, "elements of %s are not all scaled alike", name);
    double copies = a ? squares(s, a, &why) : 1;
    if (a && why)
        return tfx_proof_no(s->words, s->now, "%s", why);
    if (!(copies > 0))
        return tfx_proof_no(s->words, s->now, "no old element is left");
    y.factor = 1 / copies;
    y.dims[last] = a;
    return y;
}

/* ---- positions ---- */

/* Positions are what they were: the same elements in the same order, and as many. */
static int same_places(const tfx_proof_step *s, uint32_t operand, uint32_t d)
{
    return tfx_proof_now(s, operand)->dims[d] == tfx_proof_old(s, operand)->dims[d] &&
           tfx_relation_is_identity(s->in[operand].dims[d]);
}

static const tfx_relation *all_places(const tfx_proof_step *s, uint32_t d)
{
    int64_t n = tfx_proof_now(s, 0)->dims[d];
    return tfx_relation_new(s->r, n, n, NULL);
}

tfx_related tfx_proof_rope(const tfx_proof_step *s)
{
    tfx_related y = s->in[0];
    const tfx_relation *a = y.dims[3];
    int64_t rotated = s->now->ints[0];
    if (s->old->ints[0] != rotated || !tfx_relation_near(s->now->reals[0], s->old->reals[0]))
        return tfx_proof_no(s->words, s->now,
                            "it rotates %" PRId64 " elements of each head with base %g, and rotated %" PRId64
                            " with base %g",
                            rotated, s->now->reals[0], s->old->ints[0], s->old->reals[0]);
    if (!same_places(s, 0, 1))
        return tfx_proof_no(s->words, s->now, "positions are others than before");
    if (!a && tfx_proof_now(s, 0)->dims[3] != tfx_proof_old(s, 0)->dims[3])
        return tfx_proof_no(s->words, s->now, "it rotates values that are all alike");
    for (int64_t i = 0; a && i < a->n; i++) {
        if (i < rotated ? a->index[i] == i && tfx_relation_near(a->scale[i], 1)
                        : a->index[i] >= rotated || a->index[i] == TFX_RELATION_ZERO || a->index[i] == TFX_RELATION_ANY)
            continue;
        return tfx_proof_no(s->words, s->now,
                            "element %" PRId64 " of %s is not the old one in that place, whose frequency it gets", i,
                            tfx_proof_name(a, NULL));
    }
    y.dims[1] = all_places(s, 1);
    y.dims[3] = a ? a : all_places(s, 3);
    return y;
}

/* Heads are told apart by their number, or share keys, in attention of that kind. */
static int heads_have_places(const tfx_proof_step *s)
{
    return s->now->ints[0] & TFX_ATTENTION_ALIBI || tfx_proof_now(s, 0)->dims[2] != tfx_proof_now(s, 1)->dims[2];
}

tfx_related tfx_proof_attention(const tfx_proof_step *s)
{
    const tfx_related *q = &s->in[0], *k = &s->in[1], *v = &s->in[2];
    tfx_related y = {.kind = TFX_RELATED, .factor = v->factor};
    double times;
    if (s->now->reals[1] != s->old->reals[1])
        return tfx_proof_no(s->words, s->now, "scores are capped otherwise than before");
    for (uint32_t operand = 0; operand < 3 && heads_have_places(s); operand++)
        if (!same_places(s, operand, 2))
            return tfx_proof_no(s->words, s->now, "heads are others than before");
    const char *why = contract(s, q->dims[3], k->dims[3],
                               (int64_t[]){tfx_proof_now(s, 0)->dims[3], tfx_proof_old(s, 0)->dims[3]}, &times);
    if (why)
        return tfx_proof_no(s->words, s->now, "%s", why);
    times *= q->factor * k->factor * (s->now->reals[0] / s->old->reals[0]);
    if (!tfx_relation_near(times, 1))
        return tfx_proof_no(s->words, s->now, "scores are %.9g times what they were", times);
    for (uint32_t operand = 0; operand < 3; operand++)
        if (!same_places(s, operand, 1))
            return tfx_proof_no(s->words, s->now, "positions are others than before");
    for (uint32_t d = 0; d < 4; d += 2) { /* batch and heads */
        const tfx_relation *scores;
        if (d == 2 && heads_have_places(s)) {
            y.dims[d] = all_places(s, d);
            continue;
        }
        if (!tfx_proof_multiply(s, q->dims[d], k->dims[d], &scores, &why) ||
            !tfx_proof_bend(s, scores, 0, &scores, &why) ||
            !tfx_proof_multiply(s, scores, v->dims[d], &y.dims[d], &why))
            return tfx_proof_no(s->words, s->now, "%s", why);
    }
    y.dims[1] = all_places(s, 1);
    y.dims[3] = v->dims[3];
    return y;
}

/* Numbers are those of before, and so the rows that they choose have to be. */
tfx_related tfx_proof_gather(const tfx_proof_step *s)
{
    const tfx_related *table = &s->in[0], *indices = &s->in[1];
    uint32_t rank = tfx_proof_now(s, 1)->n_dims;
    tfx_related y = {.kind = TFX_RELATED, .factor = table->factor};
    if (!same_places(s, 0, 0))
        return tfx_proof_no(s->words, s->now, "rows of %s are not those of before",
                            tfx_proof_name(table->dims[0], NULL));
    if (!tfx_relation_near(indices->factor, 1))
        return tfx_proof_no(s->words, s->now, "it is indexed by other numbers than before");
    for (uint32_t d = 0; d < rank; d++) {
        for (int64_t i = 0; indices->dims[d] && i < indices->dims[d]->n; i++)
            if (indices->dims[d]->index[i] < 0 || !tfx_relation_near(indices->dims[d]->scale[i], 1))
                return tfx_proof_no(s->words, s->now, "it is indexed by other numbers than before");
        y.dims[d] = indices->dims[d];
    }
    y.dims[rank] = table->dims[1];
    return y;
}

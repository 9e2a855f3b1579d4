/* Random graphs for comparing ways of executing them: pointwise chains with broadcasts,
 * matrix products, sums, softmax, norms, movement, views, and stores of every kind.
 *
 * Every value is interpreted as it is made, so that only well-conditioned ops are chosen:
 * nothing above 8, no division by less than 1/4. An f32 execution then stays within a few
 * hundred roundings of the interpreter. */
#ifndef TFX_TESTS_RANDOM_GRAPH_H
#define TFX_TESTS_RANDOM_GRAPH_H

#include "tests/graph/interpreter.h"

enum { MAX_PICKS = 256 };

typedef struct random_graph {
    lab *l;
    interpreter it;
    dice d;
    tfx_value values[MAX_PICKS]; /* f32, to choose operands from */
    uint32_t n;
    tfx_value outputs[4];
    uint32_t n_outputs;
    int large; /* some values have more elements than a backend works on at a time */
} random_graph;

static inline const double *known(random_graph *r, tfx_value v)
{
    interpret(&r->it, r->l);
    return r->it.data[v];
}

static inline void bounds(random_graph *r, tfx_value v, double *lo, double *hi, double *nearest)
{
    const double *x = known(r, v);
    *lo = INFINITY, *hi = -INFINITY, *nearest = INFINITY;
    for (uint64_t i = 0; i < shape_count(lab_shape(r->l, v)); i++) {
        *lo = fmin(*lo, x[i]);
        *hi = fmax(*hi, x[i]);
        *nearest = fmin(*nearest, fabs(x[i]));
    }
}

/* Puts v among the operands, scaled down when it has grown. */
static inline void offer(random_graph *r, tfx_value v)
{
    double lo, hi, nearest;
    if (!v || r->n == MAX_PICKS)
        return;
    bounds(r, v, &lo, &hi, &nearest);
    double largest = fmax(-lo, hi);
    if (largest > 8)
        v = r->l->b.affine(&r->l->b, v, 4 / largest, 0);
    r->values[r->n++] = v;
}

static inline tfx_value pick(random_graph *r)
{
    /* Rather a late value than an early one: chains, not stars. */
    uint32_t a = dice_below(&r->d, r->n), b = dice_below(&r->d, r->n);
    return r->values[dice_below(&r->d, 3) ? (a > b ? a : b) : a];
}

static inline shape shape_at(random_graph *r, tfx_value v)
{
    return lab_shape(r->l, v);
}

static inline int same_shape(shape a, shape b)
{
    return a.n == b.n && !memcmp(a.d, b.d, sizeof(int64_t) * a.n);
}

/* A random shape that broadcasts to s: some dimensions 1, some leading ones gone. */
static inline shape narrower(random_graph *r, shape s)
{
    uint32_t gone = s.n ? dice_below(&r->d, s.n + 1) : 0;
    shape t = {.n = s.n - gone};
    for (uint32_t i = 0; i < t.n; i++)
        t.d[i] = dice_below(&r->d, 3) ? s.d[gone + i] : 1;
    return t;
}

static inline tfx_value fresh(random_graph *r, shape s)
{
    tfx_state_kind kind = dice_below(&r->d, 2) ? TFX_STATE_PARAM : TFX_STATE_INPUT;
    tfx_value v = lab_filled(r->l, kind, s, &r->d, -2, 2);
    offer(r, v);
    return v;
}

/* An existing value that can be broadcast against x, or a new one. */
static inline tfx_value partner(random_graph *r, tfx_value x)
{
    shape s = shape_at(r, x);
    for (int tries = 0; tries < 12; tries++) {
        tfx_value y = pick(r);
        shape t = shape_at(r, y);
        uint64_t most = 1;
        int ok = 1;
        for (uint32_t i = 0; i < s.n || i < t.n; i++) {
            int64_t a = i < s.n ? s.d[s.n - 1 - i] : 1, b = i < t.n ? t.d[t.n - 1 - i] : 1;
            ok &= a == b || a == 1 || b == 1;
            most *= (uint64_t)(a > b ? a : b);
        }
        if (ok && most <= 40000)
            return y;
    }
    return fresh(r, dice_below(&r->d, 2) ? s : narrower(r, s));
}

static inline void add_unary(random_graph *r)
{
    static const tfx_unary safe[] = {TFX_NEG, TFX_TANH, TFX_RELU, TFX_SILU, TFX_GELU_ERF, TFX_GELU_TANH};
    const tfx_builder *b = &r->l->b;
    tfx_value x = pick(r);
    double lo, hi, nearest;
    bounds(r, x, &lo, &hi, &nearest);
    uint32_t choice = dice_below(&r->d, 9);
    if (choice < 6)
        offer(r, b->unary(b, safe[choice], x));
    else if (choice == 6 && hi < 2)
        offer(r, b->unary(b, TFX_EXP, x));
    else if (lo > 0.25)
        offer(r, b->unary(b, choice == 7 ? TFX_LOG : choice == 8 ? TFX_RSQRT : TFX_SQRT, x));
    else
        offer(r, b->affine(b, x, dice_range(&r->d, -1, 1), dice_range(&r->d, -1, 1)));
}

static inline void add_binary(random_graph *r)
{
    const tfx_builder *b = &r->l->b;
    tfx_value x = pick(r), y = partner(r, x);
    double lo, hi, nearest;
    bounds(r, y, &lo, &hi, &nearest);
    switch (dice_below(&r->d, 4)) {
    case 0: offer(r, b->add(b, x, y)); return;
    case 1: offer(r, b->sub(b, x, y)); return;
    case 2: offer(r, b->mul(b, x, y)); return;
    default: offer(r, nearest > 0.25 ? b->div(b, x, y) : b->mul(b, y, x));
    }
}

static inline void add_sum(random_graph *r)
{
    tfx_value x = pick(r);
    shape s = shape_at(r, x);
    uint32_t all = (1u << s.n) - 1, mask = dice_below(&r->d, 2) ? all : dice_below(&r->d, all + 1);
    offer(r, tfx_emit_sum(&r->l->g, x, mask, (int)dice_below(&r->d, 2)));
}

static inline void add_matmul(random_graph *r)
{
    const tfx_builder *b = &r->l->b;
    tfx_value x = pick(r);
    shape s = shape_at(r, x);
    if (s.n < 2)
        return;
    int ta = s.n == 2 && dice_below(&r->d, 2), tb = (int)dice_below(&r->d, 2);
    int64_t inner = ta ? s.d[s.n - 2] : s.d[s.n - 1];
    int64_t cols = dice_below(&r->d, 3) ? 1 + (int64_t)dice_below(&r->d, 6) : s.d[s.n - 1];
    shape t = s;
    if (s.n > 2 && dice_below(&r->d, 2))
        t.n = 2;
    t.d[t.n - 2] = tb ? cols : inner;
    t.d[t.n - 1] = tb ? inner : cols;
    tfx_value y = TFX_POISON;
    for (int tries = 0; !y && tries < 10; tries++) { /* one of that shape, or a new one */
        tfx_value v = pick(r);
        shape u = shape_at(r, v);
        if (u.n == t.n && !memcmp(u.d, t.d, sizeof(int64_t) * t.n))
            y = v;
    }
    uint32_t flags = (ta ? TFX_TRANS_A : 0u) | (tb ? TFX_TRANS_B : 0u);
    if (!y)
        y = fresh(r, t);
    double alpha = 1 / sqrt((double)inner);
    tfx_value z = b->matmul(b, x, y, flags, alpha);
    offer(r, z);
    if (s.n != 2 || dice_below(&r->d, 2))
        return;
    /* Added to something of that shape: an operand, if it fits, the product itself, or a new one. */
    tfx_value c = same_shape(shape_at(r, x), shape_at(r, z)) ? x : dice_below(&r->d, 2) ? z : fresh(r, shape_at(r, z));
    offer(r, tfx_emit_matmul(&r->l->g, x, y, flags, alpha, c));
}

static inline void add_movement(random_graph *r)
{
    const tfx_builder *b = &r->l->b;
    tfx_value x = pick(r);
    shape s = shape_at(r, x);
    int axis = s.n ? (int)dice_below(&r->d, s.n) : 0, perm[TFX_MAX_DIMS];
    switch (dice_below(&r->d, 6)) {
    case 0:
        if (s.n && s.d[axis] > 1)
            offer(r, b->slice(b, x, axis, dice_below(&r->d, (uint32_t)s.d[axis]) / 2,
                              s.d[axis] - (int64_t)dice_below(&r->d, (uint32_t)s.d[axis]) / 2 - s.d[axis] / 2));
        return;
    case 1:
        for (uint32_t i = 0; i < s.n; i++)
            perm[i] = (int)((i + (uint32_t)axis) % s.n);
        offer(r, b->permute(b, x, perm));
        return;
    case 2:
        if (s.n && s.n < 4)
            offer(r, b->concat(b, 3, (tfx_value[]){x, x, x}, axis));
        return;
    case 3:
        if (s.n && s.n < 4 && shape_count(s) < 500) {
            int64_t wide[TFX_MAX_DIMS] = {2};
            memcpy(wide + 1, s.d, sizeof(int64_t) * s.n);
            offer(r, b->broadcast(b, x, s.n + 1, wide));
        }
        return;
    case 4: /* a view of a view, in the first shape again, together with what it is a view of */
        if (s.n) {
            tfx_value there = b->reshape(b, x, s.n + 1, (int64_t[]){1, s.d[0], s.d[1], s.d[2], s.d[3], s.d[4], s.d[5]});
            offer(r, b->mul(b, b->reshape(b, there, s.n, s.d), b->affine(b, x, -1, 1)));
        }
        return;
    default: /* a view: two neighbouring dimensions as one, or one as two */
        if (s.n > 1) {
            s.d[s.n - 2] *= s.d[s.n - 1];
            s.n--;
        } else if (s.n == 1 && s.d[0] % 2 == 0) {
            s.d[0] /= 2;
            s.d[1] = 2;
            s.n = 2;
        }
        offer(r, b->reshape(b, x, s.n, s.d));
    }
}

/* New contents for one state tensor: computed from its own old contents or not at all, by a
 * value that others use too or by one of its own. Each tensor is stored to once at most. */
static inline void add_store(random_graph *r, uint32_t index)
{
    lab *l = r->l;
    const tfx_builder *b = &l->b;
    const tfx_state_tensor *t = &l->state.tensors[index];
    if (t->kind != TFX_STATE_PARAM)
        return;
    tfx_value target = tfx_emit_state(&l->g, index), v = TFX_POISON;
    shape s = shape_at(r, target);
    switch (dice_below(&r->d, 7)) {
    case 0: /* something of that shape, maybe another parameter, maybe an output, maybe stored twice */
        for (int tries = 0; !v && tries < 20; tries++) {
            tfx_value w = pick(r);
            if (same_shape(shape_at(r, w), s))
                v = w;
        }
        break;
    case 1: /* an update of its own, as an optimizer does it */
        v = b->sub(b, target, b->affine(b, b->mul(b, target, target), 0.125, 0));
        break;
    case 2: { /* a chain that reads the old contents through a broadcast, or summed */
        tfx_value total = tfx_emit_sum(&l->g, target, (1u << s.n) - 1, 0);
        v = b->add(b, target, b->unary(b, TFX_TANH, total));
        break;
    }
    case 3: /* independent of the old contents */ v = tfx_emit_constant(&l->g, 0.5, s.n, s.d); break;
    case 4: /* a view of something */
        v = b->reshape(b, b->reshape(b, b->affine(b, target, -1, 1), 1, (int64_t[]){-1}), s.n, s.d);
        break;
    case 5: /* the old contents of another tensor, which may itself be stored to; or a view of them */
        for (int tries = 0; !v && tries < 20; tries++) {
            tfx_value w = tfx_emit_state(&l->g, dice_below(&r->d, l->state.n));
            if (w != target && same_shape(shape_at(r, w), s))
                v = w;
        }
        if (v && dice_below(&r->d, 2))
            v = b->reshape(b, b->reshape(b, v, 1, (int64_t[]){-1}), s.n, s.d);
        break;
    default:
        v = b->add(b, target, partner(r, target));
        if (v && !same_shape(shape_at(r, v), s))
            v = TFX_POISON;
    }
    if (!v)
        return;
    interpret(&r->it, l);
    tfx_emit_store(&l->g, v, target);
    if (dice_below(&r->d, 2)) /* a late reader of the old contents, and one of the new value */
        offer(r, b->mul(b, v, b->affine(b, target, 0.25, 0)));
}

static inline void random_graph_make(random_graph *r, lab *l, uint64_t seed)
{
    *r = (random_graph){.l = l, .d = {.seed = seed}, .large = seed % 16 == 0};
    static const shape starts[] = {{2, {3, 4}}, {2, {5, 5}}, {1, {6}},    {3, {2, 3, 4}}, {2, {17, 8}},
                                   {0, {0}},    {2, {1, 7}}, {2, {4, 3}}, {2, {1, 1}}};
    for (int i = 0; i < 3; i++)
        fresh(r, starts[dice_below(&r->d, 9)]);
    for (int i = 0; i < 2; i++) /* tensors that can be stored into each other */
        offer(r, lab_filled(l, TFX_STATE_PARAM, shape_at(r, r->values[0]), &r->d, -1, 1));
    if (r->large)
        fresh(r, SHAPE(70, 300));
    uint32_t ops = 5 + dice_below(&r->d, 40);
    for (uint32_t i = 0; i < ops; i++)
        switch (dice_below(&r->d, 10)) {
        case 0:
        case 1:
        case 2: add_unary(r); break;
        case 3:
        case 4:
        case 5: add_binary(r); break;
        case 6: add_sum(r); break;
        case 7: add_matmul(r); break;
        case 8: add_movement(r); break;
        default: {
            tfx_value x = pick(r);
            if (shape_at(r, x).n)
                offer(r, dice_below(&r->d, 2)
                             ? l->b.softmax(&l->b, x)
                             : l->b.norm(&l->b, (tfx_norm)(TFX_NORM_LAYER + (int)dice_below(&r->d, 3)), x, 0.25));
        }
        }
    uint32_t n_tensors = l->state.n;
    for (uint32_t i = 0; i < n_tensors; i++)
        if (dice_below(&r->d, 3))
            add_store(r, i);
    r->n_outputs = 1 + dice_below(&r->d, 4);
    for (uint32_t i = 0; i < r->n_outputs; i++) {
        /* Never a source itself: a stored one holds its new contents afterwards. */
        tfx_value v = pick(r);
        r->outputs[i] = l->b.affine(&l->b, v, 1, 0.25);
        tfx_op op = l->g.nodes[l->g.values[v].node].op;
        if (op != TFX_OP_PARAM && op != TFX_OP_INPUT && op != TFX_OP_RESHAPE)
            r->outputs[i] = v;
    }
    interpret(&r->it, l);
    lab_ok(l);
}

#endif

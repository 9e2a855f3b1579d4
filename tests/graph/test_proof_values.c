/* Proofs against numbers: random programs, emitted once with old sizes and once with new ones, on parameters that are
 * copies, zeros, means and random numbers. Whatever a value of the new graph is said to be in terms of the old one, it has
 * to be, element by element; and every op's rule has to find something out often. */
#include "framework/graph/ops.h"
#include "framework/graph/proof.h"
#include "tests/check_main.h"
#include "tests/graph/interpreter.h"

#undef fail

enum { OLD, NOW, SIDES, MAX_POOL = 64, N_SIZES = 6 };

/* {old, new}: two that stay, and four that grow. */
static const int64_t sizes[N_SIZES][SIDES] = {{2, 2}, {4, 4}, {2, 4}, {3, 7}, {4, 6}, {3, 6}};

typedef struct dims {
    uint32_t n;
    int64_t size[SIDES][TFX_MAX_DIMS];
} dims;

/* One program in both graphs; a value of it is its place in the pool. */
typedef struct bench {
    lab side[SIDES];
    tfx_value pool[SIDES][MAX_POOL];
    dims shapes[MAX_POOL];
    int n;
    dice d;
    tfx_proof *proof;
    double *params[SIDES][MAX_POOL]; /* per state tensor */
    tfx_related related[MAX_POOL];
    const tfx_relation *places[N_SIZES]; /* the one way in which a dimension of these sizes grows */
    int times[N_SIZES][8];
    tfx_relations relations;
} bench;

static int one_of(bench *b, int n)
{
    return (int)dice_below(&b->d, (uint32_t)n);
}

/* ---- emitting in both graphs ---- */

static int push(bench *b, tfx_value old, tfx_value now)
{
    tfx_value v[SIDES] = {old, now};
    if (!old || !now || b->n == MAX_POOL) {
        for (int s = 0; s < SIDES; s++)
            b->side[s].err = (tfx_error){0};
        return -1;
    }
    for (int s = 0; s < SIDES; s++) {
        const tfx_graph_value *x = &b->side[s].g.values[v[s]];
        b->pool[s][b->n] = v[s];
        b->shapes[b->n].n = x->n_dims;
        memcpy(b->shapes[b->n].size[s], x->dims, sizeof(*x->dims) * x->n_dims);
    }
    return b->n++;
}

#define BOTH(call) \
    do { \
        tfx_value made[SIDES]; \
        for (int s = 0; s < SIDES; s++) { \
            tfx_graph *g = &b->side[s].g; \
            made[s] = call; \
        } \
        return push(b, made[OLD], made[NOW]); \
    } while (0)
#define AT(i) b->pool[s][i]

static int size_kind(const dims *x, uint32_t i)
{
    for (int k = 0; k < N_SIZES; k++)
        if (sizes[k][OLD] == x->size[OLD][i] && sizes[k][NOW] == x->size[NOW][i])
            return k;
    return -1;
}

/* A way in which a parameter has a dimension: scales are 1, or those by which copies sum up to one, or anything. */
static const tfx_relation *param_dim(bench *b, int kind)
{
    tfx_relation *r = tfx_relation_copy(&b->relations, b->places[kind]);
    int how = one_of(b, 8);
    for (int64_t i = 0; i < r->n; i++)
        if (r->index[i] >= 0 && how >= 3 && how < 6)
            r->scale[i] = 1.0 / b->times[kind][r->index[i]];
        else if (r->index[i] >= 0 && how == 6)
            r->scale[i] = dice_range(&b->d, -1, 1);
        else if (r->index[i] < 0 && how == 7)
            r->index[i] = (int64_t[]){TFX_RELATION_ZERO, TFX_RELATION_MEAN}[one_of(b, 2)];
    return r;
}

static int param(bench *b, uint32_t n, const int *kinds)
{
    char name[16];
    uint32_t at = b->side[OLD].state.n;
    int64_t d[SIDES][TFX_MAX_DIMS];
    snprintf(name, sizeof(name), "p%u", at);
    if (at == MAX_POOL)
        return -1;
    b->related[at] = (tfx_related){.kind = TFX_RELATED, .factor = one_of(b, 4) ? 1 : 1.5, .filled = one_of(b, 2)};
    for (uint32_t i = 0; i < n; i++) {
        b->related[at].dims[i] = param_dim(b, kinds[i]);
        for (int s = 0; s < SIDES; s++)
            d[s][i] = sizes[kinds[i]][s];
    }
    for (int s = 0; s < SIDES; s++)
        tfx_state_add(&b->side[s].state, TFX_STATE_PARAM, name, TFX_F32, n, d[s]);
    BOTH(tfx_emit_state(g, at));
}

static int matmul(bench *b, int x)
{
    const dims *a = &b->shapes[x];
    int inner = a->n >= 2 ? size_kind(a, a->n - 1) : -1, transposed = one_of(b, 2), outer = one_of(b, N_SIZES);
    if (inner < 0)
        return -1;
    int w = param(b, 2, transposed ? (int[]){outer, inner} : (int[]){inner, outer});
    if (w < 0)
        return -1;
    BOTH(tfx_emit_matmul(g, AT(x), AT(w), transposed ? TFX_TRANS_B : 0, 1 + s, TFX_POISON));
}

static int of_two(bench *b, int x, int y)
{
    static const tfx_op ops[] = {TFX_OP_ADD, TFX_OP_ADD, TFX_OP_SUB, TFX_OP_MUL,
                                 TFX_OP_DIV, TFX_OP_MAX, TFX_OP_MIN, TFX_OP_COMPARE};
    tfx_op op = ops[one_of(b, 8)];
    int last = b->shapes[x].n ? size_kind(&b->shapes[x], b->shapes[x].n - 1) : -1;
    if (one_of(b, 2) && last >= 0 && (y = param(b, 1, &last)) < 0)
        return -1;
    if (op == TFX_OP_COMPARE)
        BOTH(tfx_emit_compare(g, TFX_LESS_EQUAL, AT(x), AT(y)));
    BOTH(tfx_emit_binary(g, op, AT(x), AT(y)));
}

/* The same elements with two dimensions as one, or in two parts. */
static int reshape(bench *b, int x)
{
    dims to = b->shapes[x];
    uint32_t at = to.n ? dice_below(&b->d, to.n) : 0;
    int joins = one_of(b, 2) && at + 1 < to.n, outer = one_of(b, N_SIZES);
    for (int s = 0; s < SIDES && to.n; s++) {
        int64_t *d = to.size[s];
        if (joins) {
            d[at] *= d[at + 1];
            memmove(d + at + 1, d + at + 2, sizeof(*d) * (to.n - at - 2));
        } else if (to.n == 4 || d[at] % sizes[outer][s]) {
            return -1;
        } else {
            memmove(d + at + 1, d + at, sizeof(*d) * (to.n - at));
            d[at] = sizes[outer][s];
            d[at + 1] /= sizes[outer][s];
        }
    }
    to.n += joins ? -1u : to.n ? 1u : 0u;
    BOTH(tfx_emit_reshape(g, AT(x), to.n, to.size[s]));
}

static int move(bench *b, int x, int y)
{
    uint32_t n = b->shapes[x].n, axis = n ? dice_below(&b->d, n) : 0;
    int perm[TFX_MAX_DIMS], start = one_of(b, 2);
    for (uint32_t i = 0; i < n; i++)
        perm[i] = (int)(i + 1 < n ? i + 1 : 0);
    if (n == 0)
        return -1;
    switch (one_of(b, 4)) {
    case 0: BOTH(tfx_emit_permute(g, AT(x), perm));
    case 1: BOTH(tfx_emit_slice(g, AT(x), (int)axis, start, g->values[AT(x)].dims[axis] - 1));
    case 2: BOTH(tfx_emit_concat(g, 2, (tfx_value[]){AT(x), AT(y)}, (int)axis));
    default: BOTH(tfx_emit_sum(g, AT(x), 1u << axis, start));
    }
}

static int network(bench *b, int x)
{
    double eps = one_of(b, 2) ? 0 : 0.1;
    tfx_norm kind = (tfx_norm)(1 + one_of(b, 3));
    const dims *a = &b->shapes[x];
    switch (a->n ? one_of(b, 5) : -1) {
    case 0:
    case 1:
    case 2: BOTH(tfx_emit_norm(g, kind, AT(x), eps));
    case 3: BOTH(tfx_emit_softmax(g, AT(x)));
    case 4: BOTH(tfx_emit_topk(g, AT(x), 1 + (int64_t)(eps > 0)));
    default: return -1;
    }
}

static int function(bench *b, int x)
{
    static const tfx_unary kinds[] = {TFX_NEG, TFX_EXP, TFX_TANH, TFX_RELU, TFX_SILU, TFX_GELU_ERF, TFX_GELU_TANH};
    tfx_unary kind = kinds[one_of(b, 7)];
    double scale = 1 + 0.5 * one_of(b, 2), shift = 0.5 * one_of(b, 2);
    int kind_of_scale = one_of(b, 3);
    if (one_of(b, 3))
        BOTH(tfx_emit_unary(g, kind, AT(x)));
    if (kind_of_scale == 2)
        BOTH(tfx_emit_binary(g, TFX_OP_MUL, AT(x), tfx_emit_constant(g, scale + s, 0, NULL)));
    BOTH(tfx_emit_affine(g, AT(x), scale + kind_of_scale * s, shift));
}

static int lookup(bench *b, int tokens)
{
    int table = param(b, 2, (int[]){1, one_of(b, N_SIZES)});
    if (table < 0)
        return -1;
    BOTH(tfx_emit_gather(g, AT(table), AT(tokens)));
}

static int rotated(bench *b, int x)
{
    BOTH(tfx_emit_rope(g, AT(x), 2, 1, 10));
}

/* Queries, keys and values of their own; time is the second dimension. */
static int attention(bench *b)
{
    int heads = one_of(b, N_SIZES), width = one_of(b, 2) ? 1 : one_of(b, N_SIZES), qkv[3];
    for (int i = 0; i < 3; i++) {
        qkv[i] = param(b, 4, (int[]){0, 1, heads, width});
        if (qkv[i] >= 0 && i < 2 && one_of(b, 2))
            qkv[i] = rotated(b, qkv[i]);
    }
    if (qkv[0] < 0 || qkv[1] < 0 || qkv[2] < 0)
        return -1;
    BOTH(tfx_emit_attention(g, AT(qkv[0]), AT(qkv[1]), AT(qkv[2]), 0.5, NULL));
}

static void write_program(bench *b)
{
    for (int s = 0; s < SIDES; s++)
        tfx_state_add(&b->side[s].state, TFX_STATE_INPUT, "/tokens", TFX_I32, 2, (int64_t[]){2, 4});
    tfx_value tokens[SIDES] = {tfx_emit_state(&b->side[OLD].g, 0), tfx_emit_state(&b->side[NOW].g, 0)};
    push(b, tokens[OLD], tokens[NOW]);
    lookup(b, 0);
    for (int i = 0; i < 40; i++) {
        int x = 1 + one_of(b, b->n - 1), y = 1 + one_of(b, b->n - 1);
        for (int tries = 0; tries < 20 && memcmp(&b->shapes[x], &b->shapes[y], sizeof(dims)); tries++)
            y = 1 + one_of(b, b->n - 1);
        switch (one_of(b, 10)) {
        case 0: lookup(b, 0); break;
        case 1:
        case 2: matmul(b, x); break;
        case 3:
        case 4: of_two(b, x, y); break;
        case 5: reshape(b, x); break;
        case 6: move(b, x, y); break;
        case 7: network(b, x); break;
        case 8: attention(b); break;
        default: function(b, x); break;
        }
    }
}

/* ---- numbers ---- */

/* Element `at` of what is related to old values of that shape; *known 0: it can be anything. */
static double expected(const tfx_related *r, uint32_t n, const int64_t *at, const tfx_graph_value *old,
                       const double *data, int *known)
{
    uint32_t lacking = n - old->n_dims;
    int zero = 0;
    double scale = r->factor;
    int64_t index[TFX_MAX_DIMS], from[TFX_MAX_DIMS], to[TFX_MAX_DIMS];
    *known = 1;
    for (uint32_t d = 0; d < n; d++) {
        int64_t entry = r->dims[d] ? r->dims[d]->index[at[d]] : 0;
        zero |= entry == TFX_RELATION_ZERO;
        *known &= entry != TFX_RELATION_ANY;
        scale *= r->dims[d] && entry != TFX_RELATION_ZERO && entry != TFX_RELATION_ANY ? r->dims[d]->scale[at[d]] : 1;
        if (d >= lacking) {
            from[d - lacking] = entry >= 0 ? entry : 0;
            to[d - lacking] = entry == TFX_RELATION_MEAN ? old->dims[d - lacking] : from[d - lacking] + 1;
        }
    }
    if (r->filled ? *known && zero : zero) {
        *known = 1;
        return 0;
    }
    if (!*known)
        return 0;
    double sum = 0, count = 0;
    memcpy(index, from, sizeof(index));
    for (;;) {
        int64_t flat = 0;
        for (uint32_t d = 0; d < old->n_dims; d++)
            flat = flat * old->dims[d] + index[d];
        sum += data[flat];
        count++;
        uint32_t d = old->n_dims;
        while (d > 0 && ++index[d - 1] == to[d - 1]) {
            index[d - 1] = from[d - 1];
            d--;
        }
        if (d == 0)
            return scale * sum / count;
    }
}

static void fill_params(bench *b)
{
    for (uint32_t i = 1; i < b->side[OLD].state.n; i++) {
        const tfx_state_tensor *old = &b->side[OLD].state.tensors[i], *now = &b->side[NOW].state.tensors[i];
        const tfx_graph_value *v = &b->side[OLD].g.values[b->side[OLD].g.state_values[i]];
        shape s = {now->n_dims, {0}};
        memcpy(s.d, now->dims, sizeof(s.d));
        for (int side = 0; side < SIDES; side++)
            b->params[side][i] = TFX_NEW_ARRAY(double, b->side[side].state.tensors[i].elements);
        for (uint64_t e = 0; e < old->elements; e++)
            b->params[OLD][i][e] = dice_range(&b->d, -1, 1);
        for (uint64_t e = 0; e < now->elements; e++) {
            int64_t at[TFX_MAX_DIMS];
            int known;
            unflatten(s, e, at);
            double x = expected(&b->related[i], s.n, at, v, b->params[OLD][i], &known);
            b->params[NOW][i][e] = known ? x : dice_range(&b->d, -1, 1);
        }
    }
}

static void compute(bench *b, int side, interpreter *it)
{
    const tfx_graph *g = &b->side[side].g;
    *it = (interpreter){.l = &b->side[side], .data = TFX_NEW_ARRAY(double *, g->n_values), .n_values = g->n_values};
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        uint64_t count = shape_count(lab_shape(it->l, n->out));
        double *out = it->data[n->out] = TFX_NEW_ARRAY(double, count);
        if (n->op == TFX_OP_INPUT)
            for (uint64_t k = 0; k < count; k++)
                out[k] = (double)((5 * k + k / 3) % 4);
        else if (n->op == TFX_OP_PARAM)
            memcpy(out, b->params[side][n->ints[0]], count * sizeof(*out));
        else
            interpret_node(it, n, out);
    }
}

/* Per value: whether it, or what it was computed of, has numbers for which rounding is all there is. */
static char *extremes(const bench *b, int side, const interpreter *it)
{
    const tfx_graph *g = &b->side[side].g;
    char *extreme = TFX_NEW_ARRAY(char, g->n_values);
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        for (uint32_t k = 0; k < n->n_in; k++)
            extreme[n->out] |= extreme[n->in[k]];
        for (uint64_t e = 0; e < shape_count(lab_shape(it->l, n->out)); e++)
            extreme[n->out] |= !(fabs(it->data[n->out][e]) < 1e5);
    }
    return extreme;
}

static int is_plain(const tfx_related *r, uint32_t n)
{
    int plain = r->factor == 1;
    for (uint32_t d = 0; d < n; d++)
        plain &= tfx_relation_is_identity(r->dims[d]);
    return plain;
}

/* Every value of the new graph against what is said of it. Counts, per op, those of which something was found out that is
 * not plain equality. */
static void check_values(bench *b, interpreter *old, interpreter *now, int number, int *found)
{
    const tfx_graph *g = &b->side[NOW].g;
    static const tfx_graph_value one = {0};
    static const double ones[] = {1};
    char *extreme[SIDES] = {extremes(b, OLD, old), extremes(b, NOW, now)};
    for (tfx_value v = 1; v < g->n_values; v++) {
        const tfx_related *r = tfx_proof_value(b->proof, v);
        const tfx_graph_node *n = &g->nodes[g->values[v].node];
        shape s = lab_shape(&b->side[NOW], v);
        if (r->kind == TFX_UNRELATED || !now->data[v] || extreme[NOW][v] ||
            (r->kind == TFX_RELATED && extreme[OLD][r->old]))
            continue;
        double largest = 0, worst = 0;
        for (uint64_t e = 0; e < shape_count(s); e++) {
            int64_t at[TFX_MAX_DIMS];
            int known = 1;
            unflatten(s, e, at);
            double x = r->kind == TFX_ZERO ? 0
                                           : expected(r, s.n, at, r->old ? &b->side[OLD].g.values[r->old] : &one,
                                                      r->old ? old->data[r->old] : ones, &known);
            largest = known ? fmax(largest, fabs(x)) : largest;
            worst = known ? fmax(worst, fabs(x - now->data[v][e])) : worst;
        }
        ck_assert_msg(worst <= 1e-7 * fmax(1, largest), "program %d, value %u, %s: off by %g of %g", number, v,
                      tfx_op_name(n->op), worst, largest);
        found[n->op] += r->kind == TFX_RELATED && !is_plain(r, s.n);
    }
    free(extreme[OLD]);
    free(extreme[NOW]);
}

/* ---- a program ---- */

static void choose_places(bench *b)
{
    for (int k = 0; k < N_SIZES; k++) {
        int64_t n = sizes[k][NOW], n_old = sizes[k][OLD];
        tfx_relation *r = tfx_relation_new(&b->relations, n, n_old, "growing");
        int how = one_of(b, 5);
        for (int64_t i = n_old; i < n; i++) {
            if (how == 0)
                tfx_relation_set_any(r, i, "it is random");
            else if (how == 1)
                r->index[i] = TFX_RELATION_MEAN;
            else if (how > 2)
                r->index[i] = how == 3 ? i % n_old : one_of(b, (int)n_old);
        }
        for (int64_t i = 0; i < n; i++)
            if (r->index[i] >= 0)
                b->times[k][r->index[i]]++;
        b->places[k] = r;
    }
}

static void check_program(int number, int *found)
{
    bench *b = TFX_NEW(bench);
    b->d.seed = (uint64_t)number;
    for (int s = 0; s < SIDES; s++)
        tfx_graph_init(&b->side[s].g, &b->side[s].state, &b->side[s].err);
    choose_places(b);
    write_program(b);
    fill_params(b);
    b->proof = tfx_proof_create(&b->side[OLD].g, &b->side[NOW].g);
    for (uint32_t i = 1; i < b->side[NOW].state.n; i++) {
        b->related[i].old = b->side[OLD].g.state_values[i];
        tfx_proof_param(b->proof, i, &b->related[i]);
    }
    double factor;
    const char *why;
    tfx_proof_same(b->proof, b->pool[NOW][b->n - 1], b->pool[OLD][b->n - 1], &factor, &why);
    ck_assert_ptr_nonnull(why);
    interpreter old, now;
    compute(b, OLD, &old);
    compute(b, NOW, &now);
    check_values(b, &old, &now, number, found);
    interpreter_finish(&old);
    interpreter_finish(&now);
    tfx_proof_destroy(b->proof);
    tfx_relations_finish(&b->relations);
    for (int s = 0; s < SIDES; s++) {
        for (int i = 0; i < MAX_POOL; i++)
            free(b->params[s][i]);
        tfx_graph_finish(&b->side[s].g);
        tfx_state_finish(&b->side[s].state);
    }
    free(b);
}

START_TEST(values_are_what_is_said)
{
    int found[128] = {0};
    for (int i = 0; i < 1500; i++)
        check_program(i + 1500 * _i, found);
    for (int op = TFX_OP_ADD; op <= TFX_OP_TOPK; op++)
        if (strcmp(tfx_op_name((tfx_op)op), "?") && tfx_op_info_of((tfx_op)op)->proof && op != TFX_OP_CAST)
            ck_assert_msg(found[op] >= 5, "%s: %d", tfx_op_name((tfx_op)op), found[op]);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("values of proofs");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, values_are_what_is_said, 0, 2);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

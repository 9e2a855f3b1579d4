/* Residual additions: which additions of a graph are found, what is the stream, and who wrote. */
#include "framework/graph/residual.h"

#include "tests/check_main.h"
#include "tests/graph/lab.h"

#define WIDTH 4

typedef struct net {
    lab l;
    tfx_value x;
} net;

static void open_net(net *n)
{
    lab_open(&n->l);
    n->x = lab_input(&n->l, TFX_F32, SHAPE(2, 3, WIDTH));
}

/* A layer: x times a matrix of its own. */
static tfx_value f(net *n, tfx_value x)
{
    return n->l.b.matmul(&n->l.b, x, lab_param(&n->l, SHAPE(WIDTH, WIDTH)), 0, 1);
}

static tfx_value add(net *n, tfx_value a, tfx_value b)
{
    return n->l.b.add(&n->l.b, a, b);
}

/* Each: a graph, and the residual additions in it, sum, stream and written, in order. */
typedef struct expected {
    uint32_t n;
    tfx_residual r[4];
} expected;

#define FOUND(sum, stream, written) \
    e->r[e->n++] = (tfx_residual) \
    { \
        sum, stream, written \
    }

static void pre_norm(net *n, expected *e)
{
    tfx_value w = f(n, n->l.b.norm(&n->l.b, TFX_NORM_RMS, n->x, 0)), y = add(n, n->x, w);
    tfx_value w2 = f(n, n->l.b.unary(&n->l.b, TFX_GELU_ERF, f(n, y))), z = add(n, w2, y); /* the other way round */
    FOUND(y, n->x, w);
    FOUND(z, y, w2);
}

static void post_norm(net *n, expected *e)
{
    tfx_value x = n->x;
    for (int i = 0; i < 2; i++) {
        tfx_value w = f(n, x), y = add(n, x, w);
        FOUND(y, x, w);
        x = n->l.b.norm(&n->l.b, TFX_NORM_LAYER, y, 1e-5);
    }
}

/* (x + f(x)) + g(x): the second goes into the stream just as the first does. */
static void parallel(net *n, expected *e)
{
    tfx_value a = f(n, n->x), b = f(n, n->x), y = add(n, n->x, a), z = add(n, y, b);
    FOUND(y, n->x, a);
    FOUND(z, y, b);
}

/* x + (f(x) + g(x)): the sum of both is written. */
static void joined(net *n, expected *e)
{
    tfx_value both = add(n, f(n, n->x), f(n, n->x)), y = add(n, n->x, both);
    FOUND(y, n->x, both);
}

/* alpha x + f(x), and x - f(x). */
static void scaled(net *n, expected *e)
{
    tfx_value w = f(n, n->x), alpha_x = n->l.b.affine(&n->l.b, n->x, 2, 0), y = add(n, alpha_x, w);
    tfx_value w2 = f(n, y), z = n->l.b.sub(&n->l.b, y, w2);
    FOUND(y, alpha_x, w);
    FOUND(z, y, w2);
}

/* Seen in another shape, and of attention alone. */
static void reshaped(net *n, expected *e)
{
    const tfx_builder *b = &n->l.b;
    int64_t heads[] = {2, 3, 2, 2}, joined[] = {2, 3, WIDTH};
    tfx_value q = b->reshape(b, n->x, 4, heads), w = b->reshape(b, b->attention(b, q, q, q, 1), 3, joined);
    tfx_value y = add(n, n->x, w);
    FOUND(y, n->x, w);
    tfx_value rows = b->reshape(b, y, 2, (int64_t[]){6, WIDTH}), w2 = f(n, y);
    tfx_value flat = b->reshape(b, w2, 2, (int64_t[]){6, WIDTH}), z = add(n, rows, flat);
    FOUND(z, rows, flat);
}

/* Within what is written there may be one again. */
static void nested(net *n, expected *e)
{
    tfx_value h = n->l.b.norm(&n->l.b, TFX_NORM_RMS, n->x, 0), inner = f(n, h), w = add(n, h, inner);
    tfx_value y = add(n, n->x, w);
    FOUND(w, h, inner);
    FOUND(y, n->x, w);
}

/* None of these is one. */
static void others(net *n, expected *e)
{
    (void)e;
    const tfx_builder *b = &n->l.b;
    add(n, n->x, lab_param(&n->l, SHAPE(WIDTH)));                               /* a bias */
    add(n, n->x, lab_param(&n->l, SHAPE(3, WIDTH)));                            /* positions */
    add(n, n->x, n->x);                                                         /* twice */
    add(n, f(n, n->x), f(n, n->x));                                             /* two layers side by side */
    add(n, n->x, b->affine(b, n->x, 3, 1));                                     /* a formula */
    add(n, n->x, b->mul(b, n->x, b->mul(b, n->x, n->x)));                       /* the inside of a GELU */
    b->sub(b, n->x, b->sum(b, n->x, 1, (int[]){-1}, 1));                        /* the inside of a norm */
    b->sub(b, f(n, n->x), n->x);                                                /* a difference to the stream */
    tfx_value first = add(n, n->x, f(n, lab_param(&n->l, SHAPE(2, 3, WIDTH)))); /* made of something else */
    add(n, f(n, first), b->norm(b, TFX_NORM_RMS, n->x, 0));
}

/* A skip from an earlier state of the stream to a later one writes nothing new. */
static void skip(net *n, expected *e)
{
    tfx_value w = f(n, n->x), y = add(n, n->x, w), w2 = f(n, y), z = add(n, y, w2);
    add(n, z, n->x);
    add(n, n->l.b.affine(&n->l.b, n->x, 0.5, 0), z);
    FOUND(y, n->x, w);
    FOUND(z, y, w2);
}

static const struct {
    const char *name;
    void (*build)(net *n, expected *e);
} graphs[] = {
    {"pre-norm", pre_norm}, {"post-norm", post_norm}, {"parallel", parallel}, {"joined", joined}, {"scaled", scaled},
    {"reshaped", reshaped}, {"nested", nested},       {"others", others},     {"skip", skip},
};
enum { N_GRAPHS = sizeof(graphs) / sizeof(*graphs) };

START_TEST(found)
{
    net n;
    expected e = {0};
    tfx_residuals r;
    open_net(&n);
    graphs[_i].build(&n, &e);
    lab_ok(&n.l);
    tfx_residuals_find(&n.l.g, &r);
    ck_assert_msg(r.n == e.n, "%s: %u additions, expected %u", graphs[_i].name, r.n, e.n);
    for (uint32_t i = 0; i < e.n; i++)
        ck_assert_msg(r.items[i].sum == e.r[i].sum && r.items[i].stream == e.r[i].stream &&
                          r.items[i].written == e.r[i].written,
                      "%s: addition %u: %u = %u + %u, expected %u = %u + %u", graphs[_i].name, i, r.items[i].sum,
                      r.items[i].stream, r.items[i].written, e.r[i].sum, e.r[i].stream, e.r[i].written);
    tfx_residuals_finish(&r);
    lab_close(&n.l);
}
END_TEST

/* Thousands of blocks: only what lies between stream and written is walked. */
START_TEST(deep)
{
    net n;
    tfx_residuals r;
    open_net(&n);
    tfx_value w = lab_param(&n.l, SHAPE(WIDTH, WIDTH)), x = n.x;
    for (int i = 0; i < 5000; i++)
        x = add(&n, x, n.l.b.matmul(&n.l.b, x, w, 0, 1));
    tfx_residuals_find(&n.l.g, &r);
    ck_assert_uint_eq(r.n, 5000);
    tfx_residuals_finish(&r);
    lab_close(&n.l);
}
END_TEST

/* ---- who wrote ---- */

/* A layer made `value`, and all nodes since `first`. */
static void gave(net *n, tfx_made_values *made, const char *by, tfx_value value, uint32_t first)
{
    *TFX_APPEND(made->items, made->n, made->cap) = (tfx_made_value){value, tfx_strdup(by), first, n->l.g.n_nodes};
}

static void check_writer(const net *n, const tfx_made_values *made, tfx_residual r, const char *name)
{
    const char *by = tfx_residual_writer(&n->l.g, made, &r);
    ck_assert_str_eq(by ? by : "none", name ? name : "none");
}

START_TEST(writers)
{
    net n;
    tfx_made_values made = {0};
    open_net(&n);
    const tfx_builder *b = &n.l.b;
    uint32_t block = n.l.g.n_nodes, mixer = n.l.g.n_nodes;
    tfx_value inner = f(&n, n.x), q = f(&n, inner);
    gave(&n, &made, "q", inner, mixer);
    gave(&n, &made, "o", q, n.l.g.n_nodes - 2);
    gave(&n, &made, "mixer", q, mixer); /* what its last layer has made */
    gave(&n, &made, "passes it on", q, n.l.g.n_nodes);
    tfx_value half = b->affine(b, q, 0.5, 0), gain = b->mul(b, lab_param(&n.l, SHAPE(WIDTH)), half);
    tfx_value gated = b->mul(b, q, inner), sum = add(&n, n.x, gain);
    gave(&n, &made, "block", sum, block);
    check_writer(&n, &made, (tfx_residual){sum, n.x, q}, "mixer");
    check_writer(&n, &made, (tfx_residual){sum, n.x, inner}, "q");
    check_writer(&n, &made, (tfx_residual){sum, n.x, half}, "mixer");
    check_writer(&n, &made, (tfx_residual){sum, n.x, gain}, "mixer");
    check_writer(&n, &made, (tfx_residual){sum, n.x, gated}, "block");
    tfx_value outside = f(&n, n.x);
    check_writer(&n, &made, (tfx_residual){sum, n.x, outside}, NULL);
    tfx_made_values_finish(&made);
    lab_close(&n.l);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph/residual");
    TCase *c = tcase_create("residual");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, found, 0, N_GRAPHS);
    tcase_add_test(c, deep);
    tcase_add_test(c, writers);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

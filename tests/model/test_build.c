/* Building a model's graph: parameter paths and sharing, and mistakes of layers, which are
 * reported with the layer's path and plugin. Layers that make mistakes are put into the tree
 * of a sound model. */
#include "framework/model/build.h"
#include "tests/check_main.h"
#include "tests/plan/stage_fixture.h"

#undef fail

static const char text[] = SPEC_HEAD SPEC_TRAIN SPEC_TOKENFORMER "[arm a]\nmodel = tokenformer\n";

/* A model, and a graph with its tokens. */
typedef struct bench {
    fixture f;
    tfx_model *m;
    tfx_state_layout state;
    tfx_graph g;
    tfx_error err;
    tfx_value tokens;
} bench;

static void bench_open_spec(bench *b, const char *spec)
{
    fixture_open(&b->f, spec);
    b->err = (tfx_error){0};
    b->m = tfx_model_create(b->f.registry, b->f.experiment->arms[0].model, &b->err);
    ck_assert_msg(b->m != NULL, "%s", b->err.text);
    b->state = (tfx_state_layout){0};
    tfx_graph_init(&b->g, &b->state, &b->err);
    b->tokens = tfx_emit_state(&b->g,
                               tfx_state_add(&b->state, TFX_STATE_INPUT, "/tokens", TFX_I32, 2, (int64_t[]){3, 6}));
}

static void bench_open(bench *b)
{
    bench_open_spec(b, text);
}

static void bench_close(bench *b)
{
    tfx_graph_finish(&b->g);
    tfx_state_finish(&b->state);
    tfx_model_destroy(b->m);
    fixture_close(&b->f);
}

static tfx_layer_config *child(tfx_layer_config *c, const char *slot)
{
    for (size_t i = 0; i < c->n_children; i++)
        if (!strcmp(c->children[i]->socket, slot))
            return c->children[i];
    ck_abort_msg("no slot %s", slot);
    return NULL;
}

START_TEST(paths_and_shapes)
{
    bench b;
    bench_open(&b);
    tfx_value logits = tfx_model_build(b.m, &b.g, b.tokens, 0);
    ck_assert_msg(logits != TFX_POISON, "%s", b.err.text);
    const tfx_graph_value *v = &b.g.values[logits];
    ck_assert(v->n_dims == 3 && v->dims[0] == 3 && v->dims[1] == 6 && v->dims[2] == VOCAB);
    static const struct {
        const char *name;
        uint32_t n;
        int64_t dims[2];
        int grow_axis;
        uint32_t flags;
    } expected[] = {
        {"embedding.weight", 2, {VOCAB, 8}, -1, 0},
        {"blocks.0.mixer.q.key", 2, {6, 8}, 0, 0},
        {"blocks.0.mixer.q.value", 2, {6, 8}, 0, 0},
        {"blocks.0.mixer.q.tau", 0, {0}, -1, TFX_PARAM_FIXED},
        {"blocks.1.mixer.o.key", 2, {6, 8}, 0, 0},
        {"blocks.1.ffn.value", 2, {12, 8}, 0, 0},
        {"norm.weight", 1, {8}, -1, 0},
        {"norm.bias", 1, {8}, -1, 0},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        uint32_t at = tfx_state_find(&b.state, expected[i].name);
        ck_assert_msg(at != TFX_STATE_NONE, "%s", expected[i].name);
        const tfx_state_tensor *t = &b.state.tensors[at];
        ck_assert_msg(t->n_dims == expected[i].n && !memcmp(t->dims, expected[i].dims, sizeof(int64_t) * t->n_dims) &&
                          t->grow_axis == expected[i].grow_axis && t->flags == expected[i].flags &&
                          t->kind == TFX_STATE_PARAM,
                      "%s", expected[i].name);
    }
    /* tokens, table, 2 x 5 x (key, value, tau), norm: the tied head adds none. */
    ck_assert_uint_eq(b.state.n, 1 + 1 + 30 + 2);
    ck_assert_double_eq(b.state.tensors[tfx_state_find(&b.state, "blocks.0.mixer.q.tau")].init.mean, sqrt(6.0));
    ck_assert_double_eq(b.state.tensors[tfx_state_find(&b.state, "blocks.0.ffn.value")].init.std, 2 / (2 * sqrt(8.0)));

    /* A second graph finds the same tensors. */
    uint32_t n = b.state.n;
    tfx_graph again;
    tfx_graph_init(&again, &b.state, &b.err);
    ck_assert_uint_ne(tfx_model_build(b.m, &again, tfx_emit_state(&again, 0), 0), TFX_POISON);
    ck_assert_uint_eq(b.state.n, n);
    tfx_graph_finish(&again);
    bench_close(&b);
}
END_TEST

/* The standard deviation that a parameter is initialised with. */
static double std_of(const bench *b, const char *path)
{
    uint32_t at = tfx_state_find(&b->state, path);
    ck_assert_msg(at != TFX_STATE_NONE, "%s", path);
    ck_assert_int_eq(b->state.tensors[at].init.kind, TFX_INIT_NORMAL);
    return b->state.tensors[at].init.std;
}

/* fan_in: 1 / sqrt of how many products the layer sums up, whatever those are. */
START_TEST(stds_in_words)
{
    bench b;
    bench_open_spec(
        &b, SPEC_HEAD SPEC_TRAIN
        "[model m]\nn_blocks = 2\ndim = 8\ncontext = 6\nvocab = 11\n"
        "embedding.init_std = fan_in\nembedding.positions = 6\n"
        "embedding.logit_scale = rsqrt_dim\nblocks.mixer.heads = 2\nblocks.mixer.{q,k,v} = pattention\n"
        "blocks.mixer.{q,k,v}.{key_std,value_std} = fan_in\nblocks.ffn = pattention\n"
        "blocks.ffn.{key_std,value_std} = fan_in\nblocks.mixer.{q,k,v}.slots = 5\n"
        "blocks.ffn.slots = 24\nblocks.1.ffn = mlp\nblocks.1.ffn.hidden = 10\n"
        "blocks.1.ffn.{up,down}.init_std = fan_in\nblocks.1.ffn.down.residual_init = true\n[arm a]\nmodel = m\n");
    tfx_value logits = tfx_model_build(b.m, &b.g, b.tokens, 0);
    ck_assert_msg(logits != TFX_POISON, "%s", b.err.text);
    ck_assert_double_eq(std_of(&b, "embedding.weight"), 1);
    ck_assert_double_eq(std_of(&b, "embedding.position"), 1);
    ck_assert_double_eq(std_of(&b, "blocks.0.mixer.q.key"), 1 / sqrt(8.0));
    ck_assert_double_eq(std_of(&b, "blocks.0.mixer.q.value"), 1 / sqrt(5.0));
    ck_assert_double_eq(std_of(&b, "blocks.0.ffn.value"), 1 / sqrt(24.0));
    ck_assert_double_eq(std_of(&b, "blocks.0.mixer.o.weight"), 0.02); /* not set */
    ck_assert_double_eq(std_of(&b, "blocks.1.ffn.up.weight"), 1 / sqrt(8.0));
    ck_assert_double_eq(std_of(&b, "blocks.1.ffn.down.weight"), 1 / sqrt(10.0) / sqrt(4.0));
    const tfx_graph_node *head = &b.g.nodes[b.g.n_nodes - 1];
    while (head->op != TFX_OP_MATMUL)
        head--;
    ck_assert_double_eq(head->reals[0], 1 / sqrt(8.0));
    bench_close(&b);
}
END_TEST

START_TEST(regions)
{
    bench b;
    bench_open(&b);
    tfx_model_build(b.m, &b.g, b.tokens, _i);
    uint32_t highest = 0;
    int outside_after = 0;
    for (uint32_t i = 0; i < b.g.n_nodes; i++) {
        const tfx_graph_node *n = &b.g.nodes[i];
        if (n->op == TFX_OP_PARAM || n->op == TFX_OP_INPUT) {
            ck_assert_uint_eq(n->region, 0);
            continue;
        }
        if (n->region)
            ck_assert_uint_ge(n->region, highest);
        else if (highest)
            outside_after = 1;
        ck_assert_msg(!(n->region && outside_after), "a block after the end");
        highest = n->region > highest ? n->region : highest;
    }
    ck_assert_int_eq(highest, _i); /* as many of the blocks as were asked for */
    bench_close(&b);
}
END_TEST

/* ---- layers that make mistakes ---- */

static tfx_value inner_dims(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_init i = tfx_init_normal(1);
    int64_t dims[2] = {out_dim, b->dim_of(b, x, -1) - 1};
    return b->matmul(b, x, b->param(b, "w", 2, dims, &i, TFX_NOT_GROWABLE, 0), TFX_TRANS_B, 1);
}
static tfx_value wrong_width(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    (void)out_dim;
    return b->slice(b, x, -1, 0, 3);
}
static tfx_value scalar(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    (void)out_dim;
    return b->sum(b, x, 3, (int[]){0, 1, 2}, 0);
}
static tfx_value no_such_value(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    (void)b, (void)out_dim;
    return x + 1000000;
}
static tfx_value silent(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    (void)b, (void)x, (void)out_dim;
    return TFX_POISON;
}
static tfx_value host_fail(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    (void)x;
    b->host->fail(b->host, TFX_E_INVALID, "cannot make %lld of it", (long long)out_dim);
    return TFX_POISON;
}
static tfx_value own_error(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    b->error(b, "width %lld is not to my liking", (long long)out_dim);
    return x; /* carries on */
}
static tfx_value undeclared_option(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    (void)out_dim;
    b->host->opt_int(b->host, b->options, "width");
    return x;
}
static tfx_value unknown_operand(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    (void)out_dim;
    return b->add(b, x, 4000000000u);
}
static tfx_value unknown_input(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    (void)x;
    return b->slot(b, "q", 4000000000u, out_dim);
}
static tfx_value no_such_slot(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    return b->slot(b, "q", x, out_dim);
}
static tfx_value no_width(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    (void)out_dim;
    return b->slot(b, "q", x, 0);
}
static tfx_value bad_name(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_init i = tfx_init_constant(0);
    return b->mul(b, x, b->param(b, "a.b", 1, &out_dim, &i, -1, 0));
}
static tfx_value bad_dims(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_init i = tfx_init_constant(0);
    return b->mul(b, x, b->param(b, "w", 2, (int64_t[]){out_dim, 0}, &i, -1, 0));
}
static tfx_value bad_axis(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_init i = tfx_init_constant(0);
    return b->mul(b, x, b->param(b, "w", 1, &out_dim, &i, 1, 0));
}
static tfx_value twice(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_init i = tfx_init_constant(0);
    tfx_value w = b->param(b, "w", 1, &out_dim, &i, -1, 0);
    return b->mul(b, b->mul(b, x, w), b->param(b, "w", 2, (int64_t[]){1, out_dim}, &i, -1, 0));
}

static tfx_value two_requests(const tfx_builder *b, tfx_value x, int64_t out_dim, tfx_init second, int axis,
                              uint32_t flags)
{
    tfx_init i = tfx_init_constant(0);
    tfx_value w = b->param(b, "w", 1, &out_dim, &i, -1, 0);
    return b->mul(b, b->mul(b, x, w), b->param(b, "w", 1, &out_dim, &second, axis, flags));
}
static tfx_value twice_init(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    return two_requests(b, x, out_dim, tfx_init_normal(0.5), -1, 0);
}
static tfx_value twice_flags(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    return two_requests(b, x, out_dim, tfx_init_constant(0), -1, TFX_PARAM_NO_DECAY | TFX_PARAM_FIXED);
}
static tfx_value twice_axis(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    return two_requests(b, x, out_dim, tfx_init_constant(0), 0, 0);
}
static tfx_value no_init(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    return b->mul(b, x, b->param(b, "w", 1, &out_dim, NULL, -1, 0));
}
static tfx_value bad_init(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_init i = tfx_init_normal(NAN);
    return b->mul(b, x, b->param(b, "w", 1, &out_dim, &i, -1, 0));
}

#define AT_Q "layer blocks.0.mixer.q (crooked): "
#define TWICE "param w: asked for twice, and not for the same: by layer blocks.0.mixer.q (crooked), output width 8 "
#define BY "; by layer blocks.0.mixer.q (crooked), output width 8, "
#define AS(what) "as " what

static const struct {
    tfx_value (*build)(const tfx_builder *b, tfx_value x, int64_t out_dim);
    const char *says;
} mistakes[] = {
    {inner_dims, AT_Q "matmul: inner dimensions 8 and 7 differ"},
    {wrong_width, AT_Q "returned an output of width 3, expected 8"},
    {scalar, AT_Q "returned an output of width 0, expected 8"},
    {no_such_value, AT_Q "returned a value that does not exist"},
    {silent, AT_Q "bug in the plugin: build returned TFX_POISON although nothing had failed; it has to return the "
                  "layer's output, or what b->error(b, \"the reason\") returns"},
    {unknown_operand, AT_Q "add: 4000000000 is no value of this graph"},
    {unknown_input, AT_Q "slot q: 4000000000 is no value of this graph"},
    {host_fail, AT_Q "cannot make 8 of it"},
    {own_error, AT_Q "width 8 is not to my liking"},
    {undeclared_option, AT_Q "bug in the plugin: opt_int(\"width\"): no such option is declared"},
    {no_such_slot, AT_Q "has no slot 'q'"},
    {bad_name, AT_Q "param: 'a.b' is not a name"},
    {bad_dims, AT_Q "param w: dimension 1 is 0"},
    {bad_axis, AT_Q "param w: expected a growable axis below its rank 1 (at most 8), or TFX_NOT_GROWABLE; found 1"},
    {twice, AT_Q TWICE AS("[8], init constant 0, growable axis -1, flags 0")
                BY AS("[1, 8], init constant 0, growable axis -1, flags 0")},
    {twice_init, AT_Q TWICE AS("[8], init constant 0, growable axis -1, flags 0")
                     BY AS("[8], init normal(0, std 0.5), growable axis -1, flags 0")},
    {twice_flags, AT_Q TWICE AS("[8], init constant 0, growable axis -1, flags 0")
                      BY AS("[8], init constant 0, growable axis -1, flags 3")},
    {twice_axis, AT_Q TWICE AS("[8], init constant 0, growable axis -1, flags 0")
                     BY AS("[8], init constant 0, growable axis 0, flags 0")},
    {no_init, AT_Q "param w: expected tfx_init_constant or tfx_init_normal of finite numbers; found kind 0, mean 0, "
                   "std 0 (it is NULL)"},
    {bad_init,
     AT_Q "param w: expected tfx_init_constant or tfx_init_normal of finite numbers; found kind 2, mean 0, std nan"},
};

START_TEST(mistakes_of_layers)
{
    bench b;
    bench_open(&b);
    tfx_layer_class crooked = {.struct_size = sizeof(crooked), .name = "crooked", .build = mistakes[_i].build};
    child(child(b.m->blocks[0], "mixer"), "q")->cls = &crooked;
    ck_assert_uint_eq(tfx_model_build(b.m, &b.g, b.tokens, 0), TFX_POISON);
    ck_assert_msg(!strncmp(b.err.text, mistakes[_i].says, strlen(mistakes[_i].says)), "%s", b.err.text);
    ck_assert_msg(strlen(b.err.text) > strlen(AT_Q), "%s", b.err.text);
    ck_assert_ptr_null(b.g.path);
    bench_close(&b);
}
END_TEST

/* The embedding and the tied head are one layer built twice, and both places are named. */
static tfx_value fickle_table(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    int head = b->dtype(b, x) == TFX_F32;
    int64_t dims[2] = {b->vocab, b->dim};
    tfx_init i = tfx_init_normal(head ? 1 : 0.02);
    tfx_value table = b->param(b, "weight", 2, dims, &i, -1, 0);
    (void)out_dim;
    return head ? b->matmul(b, x, table, TFX_TRANS_B, 1) : b->gather(b, table, x);
}

START_TEST(both_places_are_named)
{
    bench b;
    bench_open(&b);
    tfx_layer_class fickle = {.struct_size = sizeof(fickle), .name = "fickle", .build = fickle_table};
    b.m->embedding->cls = &fickle;
    ck_assert_uint_eq(tfx_model_build(b.m, &b.g, b.tokens, 0), TFX_POISON);
    ERROR_SAYS(&b.err,
               "layer embedding (fickle): param weight: asked for twice, and not for the same: by layer "
               "embedding (fickle), output width 8 as [11, 8], init normal(0, std 0.02), growable axis -1, flags 0; by "
               "layer embedding (fickle), output width 11, as [11, 8], init normal(0, std 1), growable axis -1, "
               "flags 0");
    bench_close(&b);
}
END_TEST

/* Layers that give something else when they are built again. */
static int times;

static tfx_value grows_up(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_init i = tfx_init_constant(times++);
    return b->mul(b, x, b->param(b, "w", 1, &out_dim, &i, -1, 0));
}
static tfx_value wants_more(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_init i = tfx_init_constant(0);
    return b->mul(b, x, b->param(b, times++ ? "v" : "w", 1, &out_dim, &i, -1, 0));
}
static tfx_value wants_less(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_init i = tfx_init_constant(0);
    return times++ ? x : b->mul(b, x, b->param(b, "w", 1, &out_dim, &i, -1, 0));
}

static const struct {
    tfx_value (*build)(const tfx_builder *b, tfx_value x, int64_t out_dim);
    const char *says;
} impure[] = {
    {grows_up,
     AT_Q "build is not a pure function: when the model is built again, param w is [8], init constant 2, "
          "growable axis -1, flags 0; it was [8], init constant 0, growable axis -1, flags 0 (a layer's build may "
          "depend on"},
    {wants_more, AT_Q "build is not a pure function: when the model is built again, it asks for a param v that it did "
                      "not ask for before"},
    {wants_less, "layer blocks.0.mixer.q (crooked), output width 8: build is not a pure function: when the model is "
                 "built again, it does not ask for the param of path blocks.0.mixer.q.w any more"},
};

START_TEST(builds_that_are_not_pure)
{
    bench b;
    tfx_graph again;
    times = 0;
    bench_open(&b);
    tfx_layer_class crooked = {.struct_size = sizeof(crooked), .name = "crooked", .build = impure[_i].build};
    child(child(b.m->blocks[0], "mixer"), "q")->cls = &crooked;
    ck_assert_uint_ne(tfx_model_build(b.m, &b.g, b.tokens, 0), TFX_POISON);
    b.state.frozen = 1;
    tfx_graph_init(&again, &b.state, &b.err);
    ck_assert_uint_eq(tfx_model_build(b.m, &again, tfx_emit_state(&again, 0), 0), TFX_POISON);
    ERROR_SAYS(&b.err, impure[_i].says);
    tfx_graph_finish(&again);
    bench_close(&b);
}
END_TEST

/* The mistake of an inner layer keeps its path; the layers around it add nothing. */
START_TEST(the_innermost_layer_is_named)
{
    bench b;
    bench_open(&b);
    tfx_layer_class crooked = {.struct_size = sizeof(crooked), .name = "crooked", .build = no_width};
    child(b.m->blocks[0], "mixer")->cls = &crooked; /* asks its own slot q for nothing */
    ck_assert_uint_eq(tfx_model_build(b.m, &b.g, b.tokens, 0), TFX_POISON);
    ERROR_SAYS(&b.err, "layer blocks.0.mixer.q (pattention): was asked for an output of width 0");
    bench_close(&b);
}
END_TEST

/* Where the message is about an option, it has the line of that; else the line of the model. */
static const struct {
    const char *model, *says;
    int line; /* after that of [model m] */
} unfit[] = {
    {"blocks.mixer.heads = 3\n", "layer blocks.0.mixer (attention): heads: expected a divisor of the width 8; found 3",
     5},
    {"blocks.mixer.heads = 2\nembedding.positions = 4\n",
     "layer embedding (embedding): positions: expected at least the context, 6; found 4", 6},
    {"blocks.mixer.heads = 2\nblocks.ffn.up = layernorm\n", "[model m]: layer blocks.0.ffn.up (layernorm): ", 0},
    {"blocks.mixer.heads = 2\nblocks.ffn.down = layernorm_nonparam\n",
     "[model m]: layer blocks.0.ffn.down (layernorm_nonparam): returned an output of width 32, expected 8", 0},
    {"blocks.mixer.heads = 2\nblocks.1.mixer.q = embedding\n",
     "[model m]: layer blocks.1.mixer.q (embedding): as a tied head the output has the vocabulary's size", 0},
};

START_TEST(specs_that_do_not_fit)
{
    fixture f = {0};
    char *spec = tfx_printf("%s%s[model m]\nn_blocks = 2\ndim = 8\ncontext = 6\nvocab = 11\n%s[arm a]\n"
                            "model = m\n",
                            SPEC_HEAD, SPEC_TRAIN, unfit[_i].model);
    fixture_open(&f, spec);
    const tfx_arm *arm = &f.experiment->arms[0];
    tfx_stage_params p = {.registry = f.registry, .device = &f.device, .model = arm->model, .train = &arm->train};
    ck_assert_ptr_null(tfx_stage_plan_create(&p, &f.err));
    char *place = tfx_printf(":%d: %s", arm->model->line + unfit[_i].line, unfit[_i].says);
    ERROR_SAYS(&f.err, place);
    free(place);
    free(spec);
    fixture_close(&f);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("model/build");
    TCase *c = tcase_create("build");
    tcase_add_test(c, paths_and_shapes);
    tcase_add_test(c, stds_in_words);
    tcase_add_loop_test(c, regions, 0, 3);
    tcase_add_loop_test(c, mistakes_of_layers, 0, (int)(sizeof(mistakes) / sizeof(*mistakes)));
    tcase_add_test(c, both_places_are_named);
    tcase_add_loop_test(c, builds_that_are_not_pure, 0, (int)(sizeof(impure) / sizeof(*impure)));
    tcase_add_test(c, the_innermost_layer_is_named);
    tcase_add_loop_test(c, specs_that_do_not_fit, 0, (int)(sizeof(unfit) / sizeof(*unfit)));
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

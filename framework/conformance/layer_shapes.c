/* What a layer builds: outputs of the shape that was asked for, at many sizes, and the same graph every time. */
#include <inttypes.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/conformance/class_rules.h"
#include "framework/conformance/layer_case.h"

/* ---- shapes ---- */

static const tfx_layer_size sizes[] = {
    {2, 6, 8, 8},   {1, 1, 8, 8},    {3, 5, 16, 16}, {1, 7, 12, 12}, {2, 16, 24, 24},    {1, 3, 1, 1},
    {2, 2, 2, 2},   {2, 3, 7, 7},    {1, 8, 8, 16},  {2, 4, 16, 8},  {1, 40, 8, 8},      {5, 2, 32, 32},
    {1, 2, 8, 1},   {1, 2, 1, 8},    {1, 4, 64, 64}, {1, 600, 8, 8}, {1, 2, 1024, 1024}, {7, 1, 4, 4},
    {2, 3, 10, 10}, {1, 1, 128, 64}, {1, 2, 4, 132}};

/* Whether a message says that the plugin broke its contract. */
static int is_bug(const char *text)
{
    return strstr(text, "bug in the plugin") || strstr(text, "does not exist") ||
           strstr(text, "is not a pure function") || strstr(text, "asked for twice");
}

/* NULL, or what is wrong with the output; heap. */
static char *check_output(const tfx_layer_case *c, const tfx_layer_size *z)
{
    const tfx_graph_value *y = &c->bench.g.values[c->y];
    const int64_t want[3] = {z->batch, z->time, z->out};
    char found[TFX_SHAPE_TEXT], expected[TFX_SHAPE_TEXT];
    if (y->dtype != TFX_F32)
        return tfx_printf("its output is %s; expected f32", tfx_dtype_name(y->dtype));
    if (y->n_dims == 3 && !memcmp(y->dims, want, sizeof(want)))
        return NULL;
    return tfx_printf("its output is %s; expected %s", tfx_format_shape(found, y->n_dims, y->dims),
                      tfx_format_shape(expected, 3, want));
}

/* Inside of another layer its input need not have the width of the stream. Tokens have none. */
static void check_inside(tfx_layer_case *c)
{
    const tfx_layer_size z = TFX_PLAIN_SIZE;
    if (c->tokens || c->s->decided)
        return;
    c->dim = 2 * z.width;
    tfx_say_doing(c->s, "an input of another width than the stream's");
    if (tfx_layer_case_build(c, z, 0) != TFX_OK && (is_bug(c->err.text) || !c->bench.g.refused))
        tfx_say_fail(c->s, "with an input of width %" PRId64 " in a model of width %" PRId64 ": %s", z.width, c->dim,
                     c->err.text);
    c->dim = 0;
}

/* A socket whose layer refuses gives TFX_POISON, of which nothing is known: sizes of 0. */
static void check_poison(tfx_layer_case *c)
{
    for (size_t i = 0; i < c->s->info.n_sockets && !c->s->decided; i++) {
        const char *socket = tfx_socket_at(c->s->info.sockets, i)->name;
        tfx_say_doing(c->s, "a layer in its slot %s that refuses", socket);
        if (tfx_layer_case_build_refused(c, socket) == TFX_OK)
            tfx_say_note(c->s, "it does not use what is in its slot %s", socket);
        else if (is_bug(c->err.text))
            tfx_say_fail(c->s, "with a layer in its slot %s that refuses: %s", socket, c->err.text);
    }
}

void tfx_rule_layer_shapes(tfx_subject *s)
{
    tfx_layer_case c;
    char at[100];
    int n_built = 0;
    char *refusal = NULL, *narrow = NULL;
    if (tfx_layer_case_open(&c, s, 1) != TFX_OK) {
        tfx_say_fail(s, "cannot be built at %s: %s", tfx_layer_size_text(&TFX_PLAIN_SIZE, at), c.err.text);
        tfx_layer_case_close(&c);
        return;
    }
    const size_t n_sizes = sizeof(sizes) / sizeof(*sizes);
    for (size_t i = 0; i < 2 * n_sizes && !s->decided; i++) { /* twice, since every graph is built more than once */
        const tfx_layer_size *z = &sizes[i % n_sizes];
        if (c.tokens && z->width != z->out)
            continue;
        tfx_layer_size_text(z, at);
        tfx_say_doing(s, "building it at %s", at);
        if (tfx_layer_case_build(&c, *z, 0) == TFX_OK) {
            char *wrong = check_output(&c, z);
            if (wrong)
                tfx_say_fail(s, "at %s %s", at, wrong);
            free(wrong);
            n_built += i < n_sizes;
        } else if (is_bug(c.err.text) || (z->width == z->out && !c.bench.g.refused)) {
            tfx_say_fail(s, "at %s, expected an output or a refusal of the layer's own (b->error); found: %s", at,
                         c.err.text);
        } else if (z->width == z->out) {
            free(refusal);
            refusal = tfx_printf("%s: %s", at, c.err.text);
        } else if (!narrow) {
            narrow = tfx_printf("%s: %s", at, c.err.text);
        }
    }
    check_inside(&c);
    check_poison(&c);
    if (narrow)
        tfx_say_note(s, "not every output width is possible (%s)", narrow);
    if (!s->decided)
        tfx_say_ok(s, "%d sizes%s%s%s", n_built, refusal ? "; others are refused (" : "", refusal ? refusal : "",
                   refusal    ? ")"
                   : c.tokens ? " of tokens"
                              : "");
    free(refusal);
    free(narrow);
    tfx_layer_case_close(&c);
}

/* ---- purity ---- */

/* A graph as text, a line for each node. Sources go by their names. */
static char *graph_text(const tfx_graph *g)
{
    tfx_text t = {0};
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        int source = n->op == TFX_OP_INPUT || n->op == TFX_OP_PARAM;
        const tfx_graph_value *v = &g->values[n->out];
        char shape[TFX_SHAPE_TEXT];
        tfx_text_add(&t, "%s %s", source ? g->state->tensors[n->ints[0]].name : tfx_op_name(n->op),
                     tfx_format_shape(shape, v->n_dims, v->dims));
        for (uint32_t k = 0; k < n->n_in; k++)
            tfx_text_add(&t, " %%%u", n->in[k]);
        for (int k = 0; k < TFX_MAX_INTS && !source; k++)
            tfx_text_add(&t, k ? ",%" PRId64 : " %" PRId64, n->ints[k]);
        for (int k = 0; k < TFX_MAX_REALS; k++)
            tfx_text_add(&t, k ? ",%.17g" : " %.17g", n->reals[k]);
        tfx_text_add(&t, "\n");
    }
    tfx_text_add(&t, "%s", "");
    return t.s;
}

/* The parameters alone. */
static char *params_text(const tfx_state_layout *state)
{
    tfx_text t = {0};
    for (uint32_t i = 0; i < state->n; i++) {
        const tfx_state_tensor *p = &state->tensors[i];
        char shape[TFX_SHAPE_TEXT];
        if (p->kind == TFX_STATE_PARAM && p->name[0] != '/')
            tfx_text_add(&t, "param %s %s, init %d of %.17g and %.17g, growable axis %d, flags %u\n", p->name,
                         tfx_format_shape(shape, p->n_dims, p->dims), (int)p->init.kind, p->init.mean, p->init.std,
                         p->grow_axis, p->flags);
    }
    tfx_text_add(&t, "%s", "");
    return t.s;
}

static void fail_different(tfx_subject *s, const char *when, const char *first, const char *second)
{
    size_t at = 0, line = 0;
    while (first[at] && first[at] == second[at]) {
        if (first[at] == '\n')
            line = at + 1;
        at++;
    }
    int was = (int)strcspn(first + line, "\n"), is = (int)strcspn(second + line, "\n");
    if (was && is)
        tfx_say_fail(s, "%s: expected `%.*s` as the first time, found `%.*s`", when, was, first + line, is,
                     second + line);
    else
        tfx_say_fail(s, "%s: there is %s than the first time: `%.*s`", when, is ? "more" : "less", is ? is : was,
                     (is ? second : first) + line);
}

/* What it builds at one size and what parameters it asks for; NULL: it refuses. Heap. */
static char *describe(tfx_layer_case *c, const tfx_layer_size *z, int training, int params_only)
{
    if (tfx_layer_case_build(c, *z, training) != TFX_OK)
        return NULL;
    char *params = params_text(&c->bench.state);
    char *nodes = params_only ? tfx_strdup("") : graph_text(&c->bench.g);
    char *all = tfx_printf("%s%s", params, nodes);
    free(params);
    free(nodes);
    return all;
}

void tfx_rule_layer_purity(tfx_subject *s)
{
    const tfx_layer_size plain = TFX_PLAIN_SIZE, other = {3, 5, 16, 16};
    tfx_layer_case c;
    tfx_layer_case_open(&c, s, 1);
    char *first = describe(&c, &plain, 0, 0), *second = NULL;
    for (int i = 0; first && i < 3 && !s->decided; i++) {
        static const char *const when[] = {"when it is built again", "when it is built again after another size",
                                           "when it is built a fourth time"};
        if (i == 1)
            free(describe(&c, &other, 0, 0));
        free(second);
        second = describe(&c, &plain, 0, 0);
        if (!second)
            tfx_say_fail(s, "%s: %s", when[i], c.err.text);
        else if (strcmp(first, second))
            fail_different(s, when[i], first, second);
    }
    free(first);
    free(second);
    first = describe(&c, &plain, 0, 1);
    second = describe(&c, &(tfx_layer_size){3, 4, 8, 8}, 0, 1);
    if (!s->decided && first && second && strcmp(first, second))
        fail_different(s, "for another batch and time, which differ between graphs of one model", first, second);
    free(first);
    free(second);
    /* A mask of dropout is there in training alone, and some custom ops have a kernel in evaluation alone. */
    c.lowers = 1;
    tfx_layer_case_build(&c, plain, 1);
    int dropout = c.bench.g.n_dropouts > 0;
    first = describe(&c, &plain, 0, dropout);
    second = describe(&c, &plain, 1, dropout);
    if (!s->decided && (!first || !second))
        tfx_say_fail(s, "for %s: %s", first ? "training" : "evaluation", c.err.text);
    else if (!s->decided && strcmp(first, second))
        fail_different(s, "for training", first, second);
    if (!s->decided)
        tfx_say_ok(s, "the same graph every time%s", dropout ? ", with dropout in training alone" : "");
    free(first);
    free(second);
    tfx_layer_case_close(&c);
}

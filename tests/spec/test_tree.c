/* The layer tree that a [model] section makes, and what it says when the section is wrong. */
#include "tests/check_main.h"
#include "tests/plan/stage_fixture.h"

/* Settings as "key = value" lines; line i of them is line 10 + i of spec.ini. */
typedef struct section {
    tfx_model_spec spec;
    char *text;
    tfx_setting settings[64];
} section;

static void section_make(section *s, const char *lines)
{
    *s = (section){.text = tfx_strdup(lines)};
    s->spec = (tfx_model_spec){.name = (char *)"m", .settings = s->settings, .file = "spec.ini", .line = 9};
    for (char *line = strtok(s->text, "\n"); line; line = strtok(NULL, "\n")) {
        char *equals = strstr(line, " = ");
        *equals = 0;
        tfx_setting setting = {line, equals + 3, "spec.ini", 10 + (int)s->spec.n_settings};
        s->settings[s->spec.n_settings++] = setting;
    }
}

static tfx_model *make(const tfx_registry *registry, const char *lines, section *s, tfx_error *err)
{
    *err = (tfx_error){0};
    section_make(s, lines);
    return tfx_model_create(registry, &s->spec, err);
}

static const tfx_layer_config *at(const tfx_layer_config *c, const char *path)
{
    while (*path) {
        size_t n = strcspn(path, "."), i = 0;
        while (i < c->n_children && (strncmp(c->children[i]->socket, path, n) || c->children[i]->socket[n]))
            i++;
        ck_assert_msg(i < c->n_children, "%s has no slot for %s", c->cls->name, path);
        c = c->children[i];
        path += n + (path[n] == '.');
    }
    return c;
}

#define SIZES "n_blocks = 3\ndim = 8\ncontext = 4\nvocab = 11\n"
#define HEADS "blocks.mixer.heads = 2\n"

static tfx_registry *registry;
static void open_registry(void)
{
    tfx_error err = {0};
    registry = tfx_registry_open("", &err);
    ck_assert_msg(registry != NULL, "%s", err.text);
}
static void close_registry(void)
{
    tfx_registry_close(registry);
}

START_TEST(defaults)
{
    tfx_error err;
    section s;
    tfx_model *m = make(registry, SIZES HEADS, &s, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    ck_assert_int_eq(m->n_blocks, 3);
    ck_assert_int_eq(m->dim, 8);
    ck_assert_int_eq(m->context, 4);
    ck_assert_int_eq(m->vocab, 11);
    ck_assert_str_eq(m->embedding->cls->name, "embedding");
    ck_assert_str_eq(m->norm->cls->name, "layernorm");
    ck_assert_ptr_null(m->head); /* tied */
    ck_assert_str_eq(m->blocks[2]->cls->name, "block_prenorm");
    ck_assert_str_eq(at(m->blocks[0], "norm1")->cls->name, "layernorm");
    ck_assert_str_eq(at(m->blocks[0], "mixer")->cls->name, "attention");
    ck_assert_str_eq(at(m->blocks[0], "mixer.o")->cls->name, "linear");
    ck_assert_str_eq(at(m->blocks[0], "ffn.down")->cls->name, "linear");
    ck_assert_int_eq(tfx_options_int(at(m->blocks[1], "mixer")->options, "heads"), 2);
    ck_assert_ptr_eq(m->blocks[0], m->blocks[2]); /* blocks without settings of their own share one */
    tfx_model_destroy(m);
    free(s.text);
}
END_TEST

START_TEST(slots_and_options)
{
    tfx_error err;
    section s;
    tfx_model *m = make(registry,
                        SIZES HEADS "blocks.mixer.q = pattention\nblocks.mixer.q.slots = 5\nblocks.ffn = pattention\n"
                                    "blocks.ffn.slots = 7\nblocks.ffn.score = softmax\nhead = linear\n"
                                    "head.bias = true\n"
                                    "norm = rmsnorm\nnorm.eps = 0.25\nembedding.positions = 4\n",
                        &s, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    ck_assert_str_eq(at(m->blocks[0], "mixer.q")->cls->name, "pattention");
    ck_assert_int_eq(tfx_options_int(at(m->blocks[0], "mixer.q")->options, "slots"), 5);
    ck_assert_str_eq(at(m->blocks[0], "mixer.k")->cls->name, "linear");
    ck_assert_int_eq(tfx_options_int(at(m->blocks[2], "ffn")->options, "slots"), 7);
    ck_assert_str_eq(tfx_options_string(at(m->blocks[2], "ffn")->options, "score"), "softmax");
    ck_assert_str_eq(m->head->cls->name, "linear");
    ck_assert_int_eq(tfx_options_bool(m->head->options, "bias"), 1);
    ck_assert_double_eq(tfx_options_real(m->norm->options, "eps"), 0.25);
    ck_assert_int_eq(tfx_options_int(m->embedding->options, "positions"), 4);
    tfx_model_destroy(m);
    free(s.text);
}
END_TEST

START_TEST(numbered_blocks)
{
    tfx_error err;
    section s;
    tfx_model *m = make(registry,
                        SIZES HEADS "blocks.1.ffn.hidden = 5\nblocks.ffn.hidden = 6\nblocks.2.ffn = pattention\n"
                                    "blocks.2.ffn.slots = 3\nblocks.2.mixer.heads = 4\n",
                        &s, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    ck_assert_int_eq(tfx_options_int(at(m->blocks[0], "ffn")->options, "hidden"), 6);
    ck_assert_int_eq(tfx_options_int(at(m->blocks[1], "ffn")->options, "hidden"), 5);
    ck_assert_int_eq(tfx_options_int(at(m->blocks[1], "mixer")->options, "heads"), 2);
    ck_assert_str_eq(at(m->blocks[2], "ffn")->cls->name, "pattention"); /* and hidden = 6 is gone */
    ck_assert_int_eq(tfx_options_int(at(m->blocks[2], "ffn")->options, "slots"), 3);
    ck_assert_int_eq(tfx_options_int(at(m->blocks[2], "mixer")->options, "heads"), 4);
    tfx_model_destroy(m);
    free(s.text);
}
END_TEST

/* A layer put into a block of its own drops the general settings below that place, whatever
 * they say; the same layer once more drops nothing. */
START_TEST(numbered_blocks_replace)
{
    tfx_error err;
    section s;
    tfx_model *m = make(registry,
                        SIZES HEADS "blocks.mixer = attention\nblocks.mixer.q = linear\nblocks.mixer.q.bias = true\n"
                                    "blocks.1.mixer = linear\nblocks.2.mixer = attention\n"
                                    "blocks.2.mixer.k.bias = true\n",
                        &s, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    ck_assert_str_eq(at(m->blocks[0], "mixer")->cls->name, "attention");
    ck_assert_str_eq(at(m->blocks[1], "mixer")->cls->name, "linear");
    ck_assert_int_eq(tfx_options_int(at(m->blocks[2], "mixer")->options, "heads"), 2);
    ck_assert_int_eq(tfx_options_bool(at(m->blocks[2], "mixer.q")->options, "bias"), 1);
    ck_assert_int_eq(tfx_options_bool(at(m->blocks[2], "mixer.k")->options, "bias"), 1);
    tfx_model_destroy(m);
    free(s.text);

    /* A layer that the slot has anyway is no other layer: what holds for all blocks stays. */
    m = make(registry, SIZES HEADS "blocks.ffn.hidden = 7\nblocks.1.ffn = mlp\nblocks.2.mixer = attention\n", &s, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    ck_assert_int_eq(tfx_options_int(at(m->blocks[1], "ffn")->options, "hidden"), 7);
    ck_assert_int_eq(tfx_options_int(at(m->blocks[2], "mixer")->options, "heads"), 2);
    tfx_model_destroy(m);
    free(s.text);

    /* The whole block. */
    m = make(registry,
             SIZES HEADS "blocks.ffn = linear\nblocks.0 = block_prenorm\nblocks.1 = linear\n"
                         "blocks.1.bias = true\n",
             &s, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    ck_assert_str_eq(at(m->blocks[0], "ffn")->cls->name, "linear");
    ck_assert_str_eq(m->blocks[1]->cls->name, "linear");
    ck_assert_int_eq(tfx_options_bool(m->blocks[1]->options, "bias"), 1);
    ck_assert_str_eq(at(m->blocks[2], "ffn")->cls->name, "linear");
    tfx_model_destroy(m);
    free(s.text);
}
END_TEST

static const struct {
    const char *lines, *says[4];
} mistakes[] = {
    {"n_blocks = 3\ndim = 8\ncontext = 4\nvocob = 11\n",
     {"spec.ini:13: ", "[model m] has no key 'vocob'", "did you mean \"vocab\"?"}},
    {"dim = 8\ncontext = 4\nvocab = 11\n", {"spec.ini:9", "[model m]", "n_blocks"}},
    {SIZES "blcks = linear\n", {"spec.ini:14", "'blcks'", "did you mean \"blocks\"?"}},
    {"n_blocks = 0\ndim = 8\ncontext = 4\nvocab = 11\n", {"spec.ini:10", "n_blocks", "1 to 2048"}},
    {"n_blocks = 2049\ndim = 8\ncontext = 4\nvocab = 11\n", {"spec.ini:10", "n_blocks", "1 to 2048"}},
    {"n_blocks = three\ndim = 8\ncontext = 4\nvocab = 11\n", {"spec.ini:10", "n_blocks", "three"}},
    {SIZES HEADS "blocks.mixer.headz = 2\n",
     {"spec.ini:15: blocks.mixer.headz", "layer 'attention' (at blocks.mixer)", "'headz'", "did you mean \"heads\"?"}},
    {SIZES HEADS "blocks.mixxer.heads = 2\n",
     {"spec.ini:15", "'block_prenorm' (at blocks)", "'mixxer'", "did you mean \"mixer\"?"}},
    {SIZES HEADS "blocks.mixer.q = patention\n", {"spec.ini:15: blocks.mixer.q", "patention", "pattention"}},
    {SIZES HEADS "head = lineer\n", {"spec.ini:15: head", "lineer", "linear"}},
    {SIZES HEADS "head.bias = true\n",
     {"spec.ini:15: head.bias", "a tied head has no options", "embedding.logit_scale"}},
    {SIZES HEADS "blocks.ffn = pattention\n", {"layer blocks.ffn (pattention)", "slots"}},
    {SIZES, {"layer blocks.mixer (attention)", "heads"}},
    {SIZES HEADS "blocks.ffn.hidden = -2\n", {"spec.ini:15", "blocks.ffn", "hidden", "-2"}},
    {SIZES HEADS "blocks.ffn.activation = gelu\n", {"spec.ini:15", "activation", "gelu_erf"}},
    {SIZES HEADS "blocks.3.ffn.hidden = 2\n",
     {"spec.ini:15: blocks.3.ffn.hidden", "there is no block 3; n_blocks is 3, counted from 0"}},
    {SIZES HEADS "blocks.99999999999999999999.ffn.hidden = 2\n", {"spec.ini:15", "there is no block"}},
    {SIZES HEADS "blocks.1.ffn = linear\nblocks.1.ffn.hidden = 2\n",
     {"spec.ini:16", "'linear' (at blocks.1.ffn)", "'hidden'"}},
    {SIZES HEADS "blocks.1.mixer = linear\nblocks.1.mixer.q.bias = true\n",
     {"spec.ini:16", "'linear' (at blocks.1.mixer)", "'q'"}},
    {SIZES HEADS "blocks.1.x = 3\n", {"spec.ini:15: blocks.1.x", "at blocks.1", "'x'"}},
    {SIZES HEADS "embedding.init_std = wide\n", {"spec.ini:15", "embedding", "init_std", "wide"}},
    {SIZES HEADS "blocks = adamw\n", {"spec.ini:15: blocks", "adamw"}},
};

START_TEST(mistakes_are_reported)
{
    tfx_error err;
    section s;
    ck_assert_ptr_null(make(registry, mistakes[_i].lines, &s, &err));
    ck_assert_int_eq(err.status, TFX_E_INVALID);
    for (int i = 0; i < 4 && mistakes[_i].says[i]; i++)
        ck_assert_msg(strstr(err.text, mistakes[_i].says[i]) != NULL, "\"%s\" is not in: %s", mistakes[_i].says[i],
                      err.text);
    free(s.text);
}
END_TEST

static void count(void *ctx, const tfx_layer_class *cls)
{
    *(int *)ctx += !strcmp(cls->name, "linear");
}

START_TEST(visiting_and_many_blocks)
{
    tfx_error err;
    section s;
    int linear = 0;
    tfx_model *m = make(registry, SIZES HEADS, &s, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    tfx_model_visit(m, count, &linear);
    ck_assert_int_eq(linear, 3 * 6);
    tfx_model_destroy(m);
    free(s.text);
    m = make(registry,
             "n_blocks = 2048\ndim = 8\ncontext = 4\n"
             "vocab = 11\n" HEADS "blocks.1000.ffn = linear\n",
             &s, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    ck_assert_str_eq(at(m->blocks[1000], "ffn")->cls->name, "linear");
    ck_assert_ptr_eq(m->blocks[0], m->blocks[2047]);
    tfx_model_destroy(m);
    tfx_model_destroy(NULL);
    free(s.text);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("model/tree");
    TCase *c = tcase_create("tree");
    tcase_add_unchecked_fixture(c, open_registry, close_registry);
    tcase_add_test(c, defaults);
    tcase_add_test(c, slots_and_options);
    tcase_add_test(c, numbered_blocks);
    tcase_add_test(c, numbered_blocks_replace);
    tcase_add_loop_test(c, mistakes_are_reported, 0, (int)(sizeof(mistakes) / sizeof(*mistakes)));
    tcase_add_test(c, visiting_and_many_blocks);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

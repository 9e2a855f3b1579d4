/* Resolve: inheritance, variables, profiles and --set, checked on the sections that come
 * out. */
#include "framework/spec/resolve.h"
#include "tests/check_main.h"
#include "tests/spec/spec_files.h"

static tfx_ini *resolved(const char *profile, const char *const *sets, size_t n_sets)
{
    tfx_error err = {0};
    tfx_ini *ini = tfx_spec_resolve_file(registry, "a.ini", profile, sets, n_sets, NULL, &err);
    ck_assert_msg(ini != NULL, "%s", err.text);
    ck_assert_int_eq(err.status, TFX_OK);
    return ini;
}

/* Writes a.ini and resolves it with --set arguments. */
static tfx_ini *good(const char *text, const char *profile, const char *const *sets)
{
    size_t n = 0;
    while (sets && sets[n])
        n++;
    write_text("a.ini", text);
    return resolved(profile, sets, n);
}
#define SETS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void bad(const char *text, const char *profile, const char *const *sets, const char *const *parts)
{
    tfx_error err = {0};
    size_t n = 0;
    while (sets && sets[n])
        n++;
    write_text("a.ini", text);
    tfx_ini *ini = tfx_spec_resolve_file(registry, "a.ini", profile, sets, n, NULL, &err);
    ck_assert_msg(ini == NULL, "accepted: %s", text);
    check_message(&err, parts);
}
#define BAD(text, ...) bad(text, NULL, NULL, SETS(__VA_ARGS__))

static const char *value(const tfx_ini *ini, const char *kind, const char *name, const char *key)
{
    const tfx_setting *s = tfx_section_find(tfx_ini_find(ini, kind, name), key);
    return s ? s->value : NULL;
}

static void is(const tfx_ini *ini, const char *kind, const char *name, const char *key, const char *expected)
{
    const char *found = value(ini, kind, name, key);
    ck_assert_msg(expected ? found && !strcmp(found, expected) : !found, "[%s %s] %s: expected %s, found %s", kind,
                  name ? name : "", key, expected ? expected : "nothing", found ? found : "nothing");
}

START_TEST(file_extends)
{
    ck_assert_int_eq(system("mkdir -p lib/deep"), 0);
    write_text("lib/deep/root.ini",
               "[experiment]\nname = root\nseeds = 1\n[vars]\nw = 1\nh = 2\n"
               "[train]\noptimizer = adamw\noptimizer.beta2 = 0.9\nsteps = ${w}0\nbatch = 4\n"
               "[model m]\ndim = ${w}${h}\nffn = pattention\nffn.slots = 5\nffn.x.y = 1\nffnx = 3\n"
               "[profile p]\ntrain.steps = 5\ntrain.batch = 6\n");
    write_text("lib/mid.ini", "[experiment]\nextends = deep/root.ini\nname = mid\n[vars]\nw = 3\n");
    tfx_ini *ini = good("[experiment]\nextends = lib/mid.ini\n[train]\noptimizer = sgd\noptimizer.momentum = 1\n"
                        "[model m]\nffn = mlp\nffn.wide = 4\n[arm z]\nmodel = m\n[profile p]\ntrain.steps = 7\n",
                        "p", NULL);
    is(ini, "experiment", NULL, "name", "mid");
    is(ini, "experiment", NULL, "seeds", "1");
    is(ini, "experiment", NULL, "extends", NULL);
    is(ini, "train", NULL, "steps", "7");
    is(ini, "train", NULL, "batch", "6");
    is(ini, "train", NULL, "optimizer", "sgd");
    is(ini, "train", NULL, "optimizer.momentum", "1");
    is(ini, "train", NULL, "optimizer.beta2", NULL);
    is(ini, "model", "m", "dim", "32");
    is(ini, "model", "m", "ffn", "mlp");
    is(ini, "model", "m", "ffn.slots", NULL);
    is(ini, "model", "m", "ffn.x.y", NULL);
    is(ini, "model", "m", "ffn.wide", "4");
    is(ini, "model", "m", "ffnx", "3");
    is(ini, "arm", "z", "model", "m");
    ck_assert_ptr_null(tfx_ini_find(ini, "vars", NULL));
    ck_assert_ptr_nonnull(tfx_ini_find(ini, "profile", "p"));
    const tfx_setting *seeds = tfx_section_find(tfx_ini_find(ini, "experiment", NULL), "seeds");
    ck_assert_str_eq(seeds->file, "lib/deep/root.ini");
    ck_assert_int_eq(seeds->line, 3);
    tfx_ini_destroy(ini);
}
END_TEST

START_TEST(file_extends_refused)
{
    BAD("[experiment]\nname = x\nextends = none.ini\n", "a.ini:3", "extends", "none.ini", "No such file");
    BAD("[experiment]\nextends = a.ini\n", "a.ini:2", "extends", "itself");
    BAD("[experiment]\nextends = ././/a.ini\n", "a.ini:2", "extends", "itself");
    BAD("[experiment]\nextends =\n", "a.ini:2", "extends", "found nothing");
    BAD("[vars]\nf = b.ini\n[experiment]\nextends = ${f}\n", "a.ini:4", "extends", "variables");
    write_text("b.ini", "[experiment]\nextends = c.ini\n");
    write_text("c.ini", "[experiment]\n\nextends = ./a.ini\n");
    BAD("[experiment]\nextends = b.ini\n", "c.ini:3", "./a.ini extends itself");
    write_text("b.ini", "[experiment]\nname : x\nbroken\n");
    BAD("[experiment]\nextends = b.ini\n", "b.ini:3", "broken");
    BAD("[experiment]\nextends = /\n", "/", "directory");
}
END_TEST

START_TEST(section_extends)
{
    tfx_ini *ini = good(
        "[model c]\nextends = b\nx = c\nblocks.ffn = mlp\nblocks.ffn.wide = 4\n"
        "[model a]\nx = a\ny = a\nz = a\nblocks = block\nblocks.ffn = pattention\n"
        "blocks.ffn.slots = 5\nblocks.ffn.norm.eps = 1\nblocks.ffn_extra = 2\nblocks.mixer.q.slots = 6\n"
        "[model b]\nextends = a\ny = b\nblocks.ffn = pattention\nblocks.ffn.slots = 7\n"
        "[arm p]\nmodel = a\n[arm q]\nextends = p\ntrain.steps = 5\n"
        "[scaling s]\npolicy = schedule\npolicy.steps = 3\n[scaling t]\nextends = s\npolicy = plateau\n",
        NULL, NULL);
    is(ini, "model", "c", "x", "c");
    is(ini, "model", "c", "y", "b");
    is(ini, "model", "c", "z", "a");
    is(ini, "model", "c", "extends", NULL);
    is(ini, "model", "c", "blocks", "block");
    is(ini, "model", "c", "blocks.ffn", "mlp");
    is(ini, "model", "c", "blocks.ffn.wide", "4");
    is(ini, "model", "c", "blocks.ffn.slots", NULL);
    is(ini, "model", "c", "blocks.ffn.norm.eps", NULL);
    is(ini, "model", "c", "blocks.ffn_extra", "2");
    is(ini, "model", "c", "blocks.mixer.q.slots", "6");
    /* The same plugin again is no replacement. */
    is(ini, "model", "b", "blocks.ffn.slots", "7");
    is(ini, "model", "b", "blocks.ffn.norm.eps", "1");
    is(ini, "model", "a", "blocks.ffn.slots", "5");
    is(ini, "arm", "q", "model", "a");
    is(ini, "arm", "q", "train.steps", "5");
    is(ini, "scaling", "t", "policy", "plateau");
    is(ini, "scaling", "t", "policy.steps", NULL);
    tfx_ini_destroy(ini);

    BAD("[model base]\nx = 1\n[model b]\nextends = bass\n", "a.ini:4", "extends", "no [model bass]",
        "did you mean \"base\"?");
    BAD("[model a]\nx = 1\n[arm b]\nextends = a\n", "a.ini:4", "no [arm a]");
    BAD("[model a]\nextends = a\n", "a.ini:2", "extends", "[model a]");
    BAD("[model a]\nextends = b\n[model b]\nextends = c\n[model c]\nextends = a\n", "a.ini:6", "extends", "in turn");
    BAD("[vars]\nb = x\n[model a]\nextends = ${b}y\n", "a.ini:4", "no [model xy]");
}
END_TEST

START_TEST(numbered_blocks)
{
    static const char text[] =
        "[model a]\nblocks = block\nblocks.ffn = pattention\nblocks.ffn.slots = 5\nblocks.1.ffn.slots = 6\n"
        "blocks.2.ffn = mlp\nblocks.2.ffn.wide = 1\nblocks.3 = other\nblocks.3.ffn.deep = 2\nblocks.1.mixer.x = 3\n";
    char *all = tfx_printf("%s[model b]\nextends = a\nblocks.ffn = linear\n"
                           "[model c]\nextends = a\nblocks.1.ffn = linear\n"
                           "[model d]\nextends = a\nblocks.1.ffn = pattention\n"
                           "[model e]\nextends = a\nblocks = other\n",
                           text);
    tfx_ini *ini = good(all, NULL, NULL);
    /* Block 1 only had options for the layer that is gone; blocks 2 and 3 have layers of their own. */
    is(ini, "model", "b", "blocks.ffn.slots", NULL);
    is(ini, "model", "b", "blocks.1.ffn.slots", NULL);
    is(ini, "model", "b", "blocks.2.ffn", "mlp");
    is(ini, "model", "b", "blocks.2.ffn.wide", "1");
    is(ini, "model", "b", "blocks.3.ffn.deep", "2");
    is(ini, "model", "b", "blocks.1.mixer.x", "3");
    is(ini, "model", "c", "blocks.ffn.slots", "5");
    is(ini, "model", "c", "blocks.1.ffn.slots", NULL);
    is(ini, "model", "d", "blocks.1.ffn.slots", "6");
    is(ini, "model", "e", "blocks.ffn", NULL);
    is(ini, "model", "e", "blocks.1.mixer.x", NULL);
    tfx_ini_destroy(ini);
    free(all);
}
END_TEST

/* What a socket has by default is replaced like what a setting put there. */
START_TEST(replaced_layers_of_defaults)
{
    tfx_ini *ini = good("[model a]\nblocks = block\nblocks.mixer.eps = 1\nblocks.2.mixer.eps = 2\nnorm.eps = 3\n"
                        "head.bias = true\n"
                        "[model b]\nextends = a\nblocks.mixer = other\nnorm = rms\nhead = linear\n"
                        "[model c]\nextends = a\nblocks.mixer = filter\nnorm = layernorm\n"
                        "[model d]\nextends = a\nblocks.2.mixer = other\n"
                        "[model e]\nextends = a\nblocks.2.mixer = filter\n",
                        NULL, NULL);
    is(ini, "model", "b", "blocks.mixer.eps", NULL);
    is(ini, "model", "b", "blocks.2.mixer.eps", NULL);
    is(ini, "model", "b", "norm.eps", NULL);
    is(ini, "model", "b", "head.bias", NULL);
    is(ini, "model", "c", "blocks.mixer.eps", "1");
    is(ini, "model", "c", "blocks.2.mixer.eps", "2");
    is(ini, "model", "c", "norm.eps", "3");
    is(ini, "model", "d", "blocks.mixer.eps", "1");
    is(ini, "model", "d", "blocks.2.mixer.eps", NULL);
    is(ini, "model", "e", "blocks.2.mixer.eps", "2");
    tfx_ini_destroy(ini);
}
END_TEST

START_TEST(variables)
{
    tfx_ini *ini = good(
        "[vars]\nb = ${a}${a}\na = 1\nempty =\nwords = two words\n"
        "[train]\nsteps = ${b}0\nbatch = x${a}y${b}z\nnote = ${empty} ${words} ${empty}\ncost = $5 {a}\n"
        "[model a]\n{p,q} = ${a}\n",
        NULL, NULL);
    is(ini, "train", NULL, "steps", "110");
    is(ini, "train", NULL, "batch", "x1y11z");
    is(ini, "train", NULL, "note", "two words");
    is(ini, "train", NULL, "cost", "$5 {a}");
    is(ini, "model", "a", "q", "1");
    tfx_ini_destroy(ini);

    BAD("[vars]\nwidth = 1\n[train]\nsteps = ${widht}\n", "a.ini:4", "steps", "${widht}", "did you mean \"width\"?");
    BAD("[train]\nsteps = ${w}\n", "a.ini:2", "steps", "${w}", "no [vars] section");
    BAD("[vars]\na = 1\nb = ${c}\n", "a.ini:3", "b", "${c}");
    BAD("[vars]\na = ${a}\n", "a.ini:2", "a is made of itself: a -> a");
    BAD("[vars]\nz = ${a}\na = ${b}\nb = ${c}\nc = ${a}\n", "a.ini:3", "a -> b -> c -> a");
    BAD("[train]\nsteps = ${w\n", "a.ini:2", "steps", "without \"}\"");
    BAD("[vars]\na = 1\n[train]\nnote = ${a}${}\n", "a.ini:4", "${}");
    BAD("[vars]\ns =;c\n", "a.ini:2", ";");
    /* Text that doubles forty times would not fit anywhere. */
    tfx_text t = {0};
    tfx_text_add(&t, "[vars]\nv0 = x\n");
    for (int i = 1; i <= 40; i++)
        tfx_text_add(&t, "v%d = ${v%d}${v%d}\n", i, i - 1, i - 1);
    BAD(t.s, "a.ini:", "65536 characters after substitution");
    tfx_text_free(&t);
}
END_TEST

#define WHOLE \
    "[experiment]\nname = x\n[vars]\nw = 10\n[data]\nloader = bytes\n" \
    "[train]\nsteps = 100\noptimizer.beta2 = 0.9\n" \
    "[model tf_1.4b]\ndim = ${w}\nblocks.ffn = mlp\nblocks.ffn.wide = 4\n[model tf_1]\ndim = 2\n" \
    "[model big]\nextends = tf_1.4b\n[scaling s]\npolicy = schedule\n" \
    "[arm a]\nmodel = tf_1\ntrain.optimizer.beta2 = 0.8\n[arm b]\nmodel = big\ntrain.steps = 200\n"

START_TEST(profiles)
{
    tfx_ini *ini = good(WHOLE
                        "[profile smoke]\ntrain.steps = 2\nmodel.tf_1.4b.blocks.ffn = pattention\n"
                        "model.tf_1.4b.blocks.ffn.slots = 3\nmodel.*.dim = 7\nmodel.tf_1.dim = 8\nvars.w = 99\n"
                        "arm.*.train.steps = 1\nscaling.s.policy.n = ${w}\nexperiment.name = y\ndata.loader.path = z\n"
                        "[profile other]\ntrain.steps = 3\n",
                        "smoke", NULL);
    is(ini, "train", NULL, "steps", "2");
    is(ini, "model", "tf_1.4b", "dim", "7");
    is(ini, "model", "tf_1", "dim", "8"); /* a name wins over *, wherever it stands */
    is(ini, "model", "big", "dim", "7");
    is(ini, "model", "tf_1.4b", "blocks.ffn", "pattention");
    is(ini, "model", "tf_1.4b", "blocks.ffn.slots", "3");
    is(ini, "model", "tf_1.4b", "blocks.ffn.wide", NULL);
    is(ini, "model", "big", "blocks.ffn.slots", "3"); /* inherits from the changed section */
    is(ini, "model", "big", "blocks.ffn.wide", NULL);
    is(ini, "arm", "a", "train.steps", "1");
    is(ini, "arm", "b", "train.steps", "1");
    is(ini, "scaling", "s", "policy.n", "99");
    is(ini, "experiment", NULL, "name", "y");
    is(ini, "data", NULL, "loader.path", "z");
    tfx_ini_destroy(ini);

    ini = good(WHOLE "[profile p]\nmodel.{tf_1,big}.blocks.{q,k}.x = 5\n", "p", NULL);
    is(ini, "model", "tf_1", "blocks.q.x", "5");
    is(ini, "model", "big", "blocks.k.x", "5");
    is(ini, "model", "tf_1.4b", "blocks.q.x", NULL);
    tfx_ini_destroy(ini);
}
END_TEST

START_TEST(replaced_defaults)
{
    /* [train] says nothing of its optimizer, so beta2 is an option of the default one. */
    tfx_ini *ini = good(WHOLE, NULL, SETS("train.optimizer=sgd"));
    is(ini, "train", NULL, "optimizer", "sgd");
    is(ini, "train", NULL, "optimizer.beta2", NULL);
    tfx_ini_destroy(ini);
    ini = good(WHOLE, NULL, SETS("train.optimizer=adamw"));
    is(ini, "train", NULL, "optimizer.beta2", "0.9");
    tfx_ini_destroy(ini);
    ini = good(WHOLE, NULL, SETS("arm.a.train.optimizer=sgd"));
    is(ini, "train", NULL, "optimizer.beta2", "0.9");
    is(ini, "arm", "a", "train.optimizer.beta2", NULL);
    tfx_ini_destroy(ini);
    /* What [train] becomes is what the arm's settings are compared with. */
    ini = good(WHOLE, NULL, SETS("arm.a.train.optimizer=sgd", "train.optimizer=sgd"));
    is(ini, "arm", "a", "train.optimizer.beta2", "0.8");
    tfx_ini_destroy(ini);
}
END_TEST

START_TEST(sets)
{
    tfx_ini *ini = good(WHOLE "[profile p]\ntrain.steps = 3\nvars.w = 4\n", "p",
                        SETS("train.steps = 5 ", "model.*.blocks.{q,k}.n=${w}", "vars.w=6", "model.tf_1.4b.note=a=b",
                             "train.steps=7", "train.empty="));
    is(ini, "train", NULL, "steps", "7");
    is(ini, "train", NULL, "empty", "");
    is(ini, "model", "tf_1.4b", "dim", "6");
    is(ini, "model", "tf_1.4b", "note", "a=b");
    is(ini, "model", "tf_1", "blocks.k.n", "6");
    const tfx_setting *s = tfx_section_find(tfx_ini_find(ini, "train", NULL), "steps");
    ck_assert_str_eq(s->file, "--set train.steps");
    ck_assert_int_eq(s->line, 0);
    /* Where the argument means several places, each is called by its name. */
    s = tfx_section_find(tfx_ini_find(ini, "model", "tf_1"), "blocks.k.n");
    ck_assert_str_eq(s->file, "--set model.tf_1.blocks.k.n");
    tfx_ini_destroy(ini);
    /* A section that the spec lacks. */
    ini = good("[experiment]\nname = x\n", NULL, SETS("train.steps=1", "data.loader=bytes"));
    is(ini, "train", NULL, "steps", "1");
    is(ini, "data", NULL, "loader", "bytes");
    tfx_ini_destroy(ini);
}
END_TEST

#define ARMS "[experiment]\nname = x\n[arm a]\nmodel = m\n[arm b]\nextends = a\ntrain.lr = 1\n[arm c]\nmodel = n\n"

START_TEST(dropped_arms)
{
    write_text("base.ini", ARMS);
    tfx_ini *ini = good("[experiment]\nextends = base.ini\n[arm a]\ndrop = true\n[arm c]\ndrop = false\n", NULL, NULL);
    ck_assert_ptr_null(tfx_ini_find(ini, "arm", "a"));
    is(ini, "arm", "b", "model", "m"); /* it had extended a */
    is(ini, "arm", "b", "train.lr", "1");
    is(ini, "arm", "b", "drop", NULL);
    is(ini, "arm", "c", "model", "n");
    tfx_ini_destroy(ini);
    ini = good(ARMS, NULL, SETS("arm.c.drop=yes"));
    ck_assert_ptr_null(tfx_ini_find(ini, "arm", "c"));
    is(ini, "arm", "a", "model", "m");
    tfx_ini_destroy(ini);

    /* A later file may use the name anew, but not drop it again. */
    write_text("mid.ini", "[experiment]\nextends = base.ini\n[arm c]\ndrop = true\n");
    ini = good("[experiment]\nextends = mid.ini\n[arm c]\ntrain.lr = 2\n", NULL, NULL);
    is(ini, "arm", "c", "train.lr", "2");
    is(ini, "arm", "c", "model", NULL);
    tfx_ini_destroy(ini);
    BAD("[experiment]\nextends = mid.ini\n[arm c]\ndrop = true\n", "a.ini:4", "drop: there is no [arm c]");
    BAD("[experiment]\nextends = base.ini\n[arm bb]\ndrop = true\n", "a.ini:4", "drop: there is no [arm bb]",
        "did you mean \"b\"?");
    BAD("[experiment]\nname = x\n[arm a]\ndrop = true\n", "a.ini:4", "drop: there is no [arm a]", "it has no arms");
    BAD("[experiment]\nextends = base.ini\n[arm a]\ndrop = true\nmodel = n\n", "a.ini:5", "[arm a]",
        "no other key beside drop = true; found \"model\"");
    BAD("[experiment]\nextends = base.ini\n[arm a]\ndrop = maybe\n", "a.ini:4", "[arm a]: drop: expected true or false",
        "\"maybe\"");
}
END_TEST

/* The upper layer says how long, in steps, tokens or FLOPs. */
START_TEST(ways_to_say_how_long)
{
    static const char text[] = "[train]\nsteps = 5\n[arm a]\ntrain.tokens = 6\n[arm b]\nextends = a\ntrain.steps = 7\n"
                               "[scaling s]\npolicy.steps = 8, 9\n[scaling t]\nextends = s\npolicy.tokens = 1k, 2k\n"
                               "[scaling u]\nextends = t\npolicy.flops = 1e9, 1e9\n";
    tfx_ini *ini = good(text, NULL, SETS("train.tokens=1M"));
    is(ini, "train", NULL, "steps", NULL);
    is(ini, "train", NULL, "tokens", "1M");
    is(ini, "arm", "b", "train.tokens", NULL);
    is(ini, "arm", "b", "train.steps", "7");
    is(ini, "scaling", "t", "policy.steps", NULL);
    is(ini, "scaling", "u", "policy.tokens", NULL);
    is(ini, "scaling", "u", "policy.flops", "1e9, 1e9");
    tfx_ini_destroy(ini);
    ini = good(text, NULL, SETS("train.flops=1e12", "arm.a.train.steps=3"));
    is(ini, "train", NULL, "steps", NULL);
    is(ini, "arm", "a", "train.tokens", NULL);
    is(ini, "arm", "a", "train.steps", "3");
    tfx_ini_destroy(ini);
    ini = good(text, NULL, SETS("train.tokens=0"));
    is(ini, "train", NULL, "steps", "5");
    tfx_ini_destroy(ini);
}
END_TEST

START_TEST(overrides_refused)
{
#define BAD_SET(set, ...) bad(WHOLE, NULL, SETS(set), SETS("--set", __VA_ARGS__))
    BAD_SET("train.steps", "train.steps", "no \"=\"");
    BAD_SET("=5", "no key");
    BAD_SET("steps=5", "no section is called \"steps\"");
    BAD_SET("trian.steps=5", "trian.steps", "\"trian\"", "did you mean \"train\"?");
    BAD_SET("train=5", "expected train.key");
    BAD_SET("model=5", "expected model.NAME.key");
    BAD_SET("model.tf_1=5", "model.tf_1", "model.NAME.key");
    BAD_SET("model.bgi.dim=5", "model.bgi.dim", "no [model NAME]", "did you mean \"big\"?");
    BAD_SET("arm.c.model=5", "no [arm NAME]");
    BAD_SET("train.*.x=5", "\"*\"", "[train] has none");
    BAD_SET("model.*.*.x=5", "\"*\"");
    BAD_SET("model.big.*.x=5", "\"*\"");
    BAD_SET("profile.p.x=5", "no section is called \"profile\"");
    BAD_SET("vars.ww=5", "vars.ww", "no variable \"ww\"", "did you mean \"w\"?");
    BAD_SET("experiment.extends=b.ini", "experiment.extends", "only in the [experiment]");
    BAD_SET("train.note=a ;b", "train.note=a ;b", "starts a comment");
    BAD_SET("train.note=a\nb=c", "control characters");
    BAD_SET("train.note=${x}", "train.note", "${x}");
    BAD_SET("train.{a=1", "without \"}\"");
    bad("[experiment]\nname = x\n", NULL, SETS("scaling.*.policy=x"), SETS("--set", "no [scaling NAME] section"));

    bad(WHOLE "[profile smoke]\ntrain.steps = 1\n", "smok", NULL,
        SETS("a.ini", "--profile smok", "did you mean \"smoke\"?"));
    bad(WHOLE, "smoke", NULL, SETS("a.ini", "--profile smoke", "has no profiles"));
    /* A profile is checked whether it is chosen or not. */
    BAD(WHOLE "[profile p]\nmodel.bgi.dim = 1\n", "a.ini:27", "model.bgi.dim", "did you mean \"big\"?");
    BAD(WHOLE "[profile p]\nvars.ww = 1\n", "a.ini:27", "vars.ww", "did you mean \"w\"?");
    BAD(WHOLE "[profile p]\ntrain.steps = ${q}\n", "a.ini:27", "${q}");
    BAD(WHOLE "[profile p]\nsteps = 1\n", "a.ini:27", "no section is called \"steps\"");
}
END_TEST

START_TEST(text)
{
    tfx_error err = {0};
    tfx_ini *ini = tfx_spec_resolve_text(registry, "[experiment]\nname = x\n[model m]\na = 1\n", "run 7", &err);
    ck_assert_ptr_nonnull(ini);
    is(ini, "model", "m", "a", "1");
    tfx_ini_destroy(ini);
    ck_assert_ptr_null(tfx_spec_resolve_text(registry, "[experiment]\nbroken\n", "run 7", &err));
    MESSAGE(&err, "run 7:2", "broken");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("spec/resolve");
    TCase *c = tcase_create("resolve");
    tcase_add_checked_fixture(c, open_registry, close_registry);
    tcase_add_test(c, file_extends);
    tcase_add_test(c, file_extends_refused);
    tcase_add_test(c, section_extends);
    tcase_add_test(c, numbered_blocks);
    tcase_add_test(c, replaced_layers_of_defaults);
    tcase_add_test(c, variables);
    tcase_add_test(c, profiles);
    tcase_add_test(c, replaced_defaults);
    tcase_add_test(c, sets);
    tcase_add_test(c, dropped_arms);
    tcase_add_test(c, ways_to_say_how_long);
    tcase_add_test(c, overrides_refused);
    tcase_add_test(c, text);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

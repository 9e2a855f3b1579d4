/* Experiment: what a spec becomes, what is refused, and that the resolved text is a spec that
 * gives the same experiment. */
#include <limits.h>

#include "framework/base/text.h"
#include "framework/spec/ini.h"
#include "tests/check_main.h"
#include "tests/spec/spec_files.h"

static tfx_experiment *good_with(const char *text, const char *profile, const char *const *sets, size_t n_sets)
{
    tfx_error err = {0};
    write_text("a.ini", text);
    tfx_experiment *e = tfx_experiment_load(registry, "a.ini", profile, sets, n_sets, &err);
    ck_assert_msg(e != NULL, "%s", err.text);
    ck_assert_int_eq(err.status, TFX_OK);
    return e;
}

static tfx_experiment *good(const char *text)
{
    return good_with(text, NULL, NULL, 0);
}

/* The smallest spec, with room for more lines in each section. Line numbers: the comment. */
#define SPEC(experiment, data, train, arm, more) \
    "[experiment]\nname = demo\n" experiment              /* 1, 2; experiment 3 */ \
    "[data]\nloader = bytes\nloader.train = t.bin\n" data /* 3, 4, 5; data 6 */ \
    "[train]\nsteps = 100\nbatch = 8\n" train             /* 6, 7, 8; train 9 */ \
    "[model m]\ndim = 4\n"                                /* 9, 10 */ \
    "[arm a]\nmodel = m\n" arm more                       /* 11, 12; arm 13 */

static void bad(const char *text, const char *const *parts)
{
    tfx_error err = {0};
    write_text("a.ini", text);
    tfx_experiment *e = tfx_experiment_load(registry, "a.ini", NULL, NULL, 0, &err);
    ck_assert_msg(e == NULL, "accepted: %s", text);
    check_message(&err, parts);
}
#define BAD(text, ...) bad(text, (const char *const[]){__VA_ARGS__, NULL})
#define BAD_EXPERIMENT(line, ...) BAD(SPEC(line "\n", "", "", "", ""), "a.ini:3", __VA_ARGS__)
#define BAD_DATA(line, ...) BAD(SPEC("", line "\n", "", "", ""), "a.ini:6", __VA_ARGS__)
#define BAD_TRAIN(line, ...) BAD(SPEC("", "", line "\n", "", ""), "a.ini:9", __VA_ARGS__)
#define BAD_ARM(line, ...) BAD(SPEC("", "", "", line "\n", ""), "a.ini:13", __VA_ARGS__)

START_TEST(defaults)
{
    char real[PATH_MAX];
    tfx_experiment *e = good(SPEC("", "", "", "", ""));
    ck_assert_str_eq(e->name, "demo");
    ck_assert_str_eq(e->description, "");
    ck_assert_uint_eq(e->n_seeds, 1);
    ck_assert_int_eq(e->seeds[0], 1);
    ck_assert_str_eq(e->backend.name, "cpu");
    ck_assert_str_eq(((const tfx_backend_class *)e->backend.impl)->summary, "backend that does not run");
    ck_assert_int_eq(tfx_options_int(e->backend.options, "threads"), 0);
    ck_assert_str_eq(e->loader.name, "bytes");
    ck_assert_ptr_nonnull(realpath("a.ini", real));
    ck_assert_str_eq(e->file, real);
    strcpy(strrchr(real, '/'), "/t.bin");
    ck_assert_str_eq(tfx_options_string(e->loader.options, "train"), real);
    ck_assert_uint_eq(e->n_models, 1);
    ck_assert_str_eq(e->models[0].name, "m");
    ck_assert_str_eq(e->models[0].file, "a.ini");
    ck_assert_int_eq(e->models[0].line, 9);
    ck_assert_uint_eq(e->models[0].n_settings, 1);
    ck_assert_str_eq(e->models[0].settings[0].key, "dim");
    ck_assert_uint_eq(e->n_arms, 1);
    const tfx_arm *a = &e->arms[0];
    ck_assert_str_eq(a->name, "a");
    ck_assert_int_eq(a->line, 11);
    ck_assert_ptr_eq(a->model, &e->models[0]);
    ck_assert_ptr_null(a->scaling_name);
    ck_assert_ptr_null(a->scaling.impl);
    const tfx_train_config *t = &a->train;
    ck_assert_int_eq(t->steps, 100);
    ck_assert_int_eq(t->batch, 8);
    ck_assert_int_eq(t->micro_batch, 8);
    ck_assert(t->lr == 6e-4 && t->min_lr == 6e-5);
    ck_assert_int_eq(t->schedule, TFX_LR_COSINE);
    ck_assert(t->warmup == 0.01 && t->decay_fraction == 0.2 && t->clip == 1.0);
    ck_assert_int_eq(t->recompute, TFX_RECOMPUTE_NONE);
    ck_assert_int_eq(t->eval_every, 0);
    ck_assert_int_eq(e->eval_tokens, 65536);
    ck_assert_int_eq(t->log_every, 1);
    ck_assert_int_eq(t->checkpoint_every, 0);
    ck_assert_int_eq(t->keep_checkpoints, 2);
    ck_assert(t->keep_stages && t->keep_optimizer);
    ck_assert_str_eq(t->optimizer.name, "adamw");
    ck_assert(tfx_options_real(t->optimizer.options, "beta2") == 0.95);
    ck_assert_int_eq(tfx_options_int(t->options, "micro_batch"), 8);
    ck_assert(tfx_options_real(t->options, "min_lr") == 6e-5);
    tfx_experiment_destroy(e);
    tfx_experiment_destroy(NULL);
}
END_TEST

START_TEST(everything_set)
{
    tfx_experiment *e = good(
        "[experiment]\nname = x-1.b_2\ndescription = a \"b\" | c\nseeds = 3, 1,2k\nbackend = cpu\nbackend.threads = 2\n"
        "[data]\nloader = bytes\nloader.train = /d/t.bin\nloader.val = v.bin\nloader.order = sequential\neval_tokens = "
        "3k\n"
        "[train]\nsteps = 1k\nbatch = 8\nmicro_batch = 2\nlr = 1e-3\nmin_lr = 0\nschedule = wsd\nwarmup = 0.1\n"
        "decay_fraction = 0.9\nclip = 0\nrecompute = block\neval_every = 10\nlog_every = 5\n"
        "checkpoint_every = 50\nkeep_checkpoints = 7\nkeep_stages = no\nkeep_optimizer = off\noptimizer = "
        "adamw\noptimizer.beta1 = .8\n"
        "[model m]\ndim = 4\n[model unused]\nnot = checked here\n"
        "[scaling s]\npolicy = schedule\npolicy.models = m, m\npolicy.steps = 1k,2k\n[scaling unused]\nneither = this\n"
        "[arm grown]\nmodel = m\nscaling = s\n"
        "[arm other]\nmodel = m\nscaling =\ntrain.optimizer = sgd\ntrain.optimizer.nesterov = yes\ntrain.lr = 2e-3\n"
        "train.min_lr = 1e-3\ntrain.batch = 4\ntrain.micro_batch = 4\ntrain.schedule = linear\n");
    size_t n;
    ck_assert_uint_eq(e->n_seeds, 3);
    ck_assert_int_eq(e->seeds[0], 3);
    ck_assert_int_eq(e->seeds[2], 2000);
    ck_assert_int_eq(tfx_options_int(e->backend.options, "threads"), 2);
    ck_assert_str_eq(tfx_options_string(e->loader.options, "train"), "/d/t.bin");
    ck_assert_int_eq(e->eval_tokens, 3000);
    ck_assert_uint_eq(e->n_models, 2);
    ck_assert_uint_eq(e->n_arms, 2);
    const tfx_arm *g = &e->arms[0], *o = &e->arms[1];
    ck_assert_str_eq(g->scaling_name, "s");
    ck_assert_str_eq(g->scaling.name, "schedule");
    const char *const *models = tfx_options_string_list(g->scaling.options, "models", &n);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(models[1], "m");
    const tfx_train_config *t = &g->train;
    ck_assert_int_eq(t->micro_batch, 2);
    ck_assert(t->lr == 1e-3 && t->min_lr == 0 && t->warmup == 0.1 && t->decay_fraction == 0.9 && t->clip == 0);
    ck_assert_int_eq(t->schedule, TFX_LR_WSD);
    ck_assert_int_eq(t->recompute, TFX_RECOMPUTE_BLOCK);
    ck_assert_int_eq(t->keep_checkpoints, 7);
    ck_assert(!t->keep_stages && !t->keep_optimizer);
    ck_assert(tfx_options_real(t->optimizer.options, "beta1") == 0.8);
    ck_assert_ptr_null(o->scaling_name);
    t = &o->train;
    ck_assert_int_eq(t->steps, 1000);
    ck_assert_int_eq(t->batch, 4);
    ck_assert_int_eq(t->schedule, TFX_LR_LINEAR);
    ck_assert_str_eq(t->optimizer.name, "sgd");
    ck_assert_int_eq(tfx_options_bool(t->optimizer.options, "nesterov"), 1);

    tfx_error err = {0};
    ck_assert_ptr_eq(tfx_experiment_model(e, "unused", &err), &e->models[1]);
    ck_assert_ptr_eq(tfx_experiment_arm(e, "other", &err), o);
    ck_assert_ptr_null(tfx_experiment_arm(e, "othr", &err));
    MESSAGE(&err, e->file, "no [arm othr]", "did you mean \"other\"?");
    err = (tfx_error){0};
    ck_assert_ptr_null(tfx_experiment_model(e, "something", &err));
    MESSAGE(&err, "no [model something]", "expected one of: m, unused");
    tfx_experiment_destroy(e);
}
END_TEST

/* Reading the resolved text gives the same text, and the same numbers. */
static void round_trip(const char *text, const char *profile, const char *const *sets, size_t n_sets)
{
    tfx_error err = {0};
    tfx_experiment *e = good_with(text, profile, sets, n_sets);
    ck_assert_int_eq(chdir("/"), 0); /* paths must not depend on the place any more */
    tfx_experiment *again = tfx_experiment_parse(registry, e->resolved, "stored spec", &err);
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_msg(again != NULL, "%s in:\n%s", err.text, e->resolved);
    ck_assert_str_eq(again->resolved, e->resolved);
    ck_assert_str_eq(again->file, "stored spec");
    ck_assert_uint_eq(again->n_arms, e->n_arms);
    for (size_t i = 0; i < e->n_arms; i++) {
        const tfx_arm *a = &e->arms[i], *b = &again->arms[i];
        ck_assert_str_eq(a->name, b->name);
        ck_assert_str_eq(a->train.optimizer.name, b->train.optimizer.name);
        ck_assert(a->train.lr == b->train.lr && a->train.min_lr == b->train.min_lr && a->train.clip == b->train.clip);
        ck_assert_uint_eq(tfx_options_count(a->train.optimizer.options), tfx_options_count(b->train.optimizer.options));
        for (size_t k = 0; k < tfx_options_count(a->train.optimizer.options); k++) {
            const char *name, *va, *vb;
            tfx_options_at(a->train.optimizer.options, k, &name, &va);
            tfx_options_at(b->train.optimizer.options, k, &name, &vb);
            ck_assert_str_eq(va, vb);
        }
    }
    ck_assert_ptr_null(strstr(e->resolved, "extends"));
    ck_assert_ptr_null(strstr(e->resolved, "${"));
    ck_assert_ptr_null(strstr(e->resolved, "[vars]"));
    ck_assert_ptr_null(strstr(e->resolved, "[profile"));
    tfx_experiment_destroy(again);
    tfx_experiment_destroy(e);
}

START_TEST(resolved_round_trip)
{
    static const char *const sets[] = {"train.lr=0.1", "arm.b.train.clip=0.30000000000000004"};
    write_text("base.ini", "[experiment]\nname = base\n[vars]\nw = 3\n[train]\nsteps = 1.5k\nbatch = 6\n"
                           "optimizer.weight_decay = 0.05\n[model m]\ndim = ${w}\n");
    static const char text[] =
        "[experiment]\nextends = base.ini\nseeds = 1,2\ndescription = it's = 5 # not a comment ; a comment\n"
        "[data]\nloader = bytes\nloader.train = ../t.bin\n"
        "[model n]\nextends = m\nblocks = block\nblocks.{mixer,ffn} = filter\nblocks.ffn.taps = taps.bin\nempty =\n"
        "[scaling s]\npolicy = schedule\npolicy.models = n\npolicy.steps = 1k,2M\npolicy.noise = 0.1,1e-5\n"
        "[scaling unused]\n"
        "[arm a]\nmodel = m\nscaling = s\n[arm b]\nmodel = m\nscaling = s\ntrain.optimizer = sgd\n"
        "[arm c]\nextends = a\ntrain.optimizer.weight_decay = 0.2\n"
        "[profile p]\nmodel.*.dim = 9\narm.b.train.batch = 2\n";
    round_trip(text, NULL, NULL, 0);
    round_trip(text, "p", sets, 2);
    round_trip(SPEC("", "", "", "", ""), NULL, NULL, 0);
    /* The last optimizer has options that those of both arms before it lack. */
    round_trip(SPEC("", "", "", "", "[arm b]\nmodel = m\n[arm c]\nmodel = m\ntrain.optimizer = sgd\n"), NULL, NULL, 0);

    /* The whole text once, as it is. Both optimizers have the same weight_decay, but that is
     * no setting they share. */
    tfx_experiment *e = good_with(text, "p", sets, 1);
    char real[PATH_MAX];
    ck_assert_ptr_nonnull(realpath(".", real));
    char *up = tfx_strdup(real);
    *strrchr(up, '/') = 0;
    char *expected = tfx_printf(
        "[experiment]\nname = base\ndescription = it's = 5 # not a comment\nseeds = 1, 2\nbackend = cpu\n"
        "backend.threads = 0\n\n"
        "[data]\neval_tokens = 65536\nloader = bytes\nloader.train = %s/t.bin\nloader.val =\nloader.order = "
        "shuffled\n\n"
        "[train]\nsteps = 1500\nlr = 0.1\nmin_lr = 0.01\nschedule = cosine\nwarmup = 0.01\ndecay_fraction = 0.2\n"
        "clip = 1\nrecompute = none\neval_every = 0\nlog_every = 1\ncheckpoint_every = 0\n"
        "keep_checkpoints = 2\n"
        "keep_stages = true\n"
        "keep_optimizer = true\n\n"
        "[model m]\ndim = 9\n\n"
        "[model n]\ndim = 9\nblocks = block\nblocks.mixer = filter\nblocks.ffn = filter\n"
        "blocks.ffn.taps = %s/taps.bin\nempty =\n\n"
        "[scaling s]\npolicy = schedule\npolicy.models = n\npolicy.steps = 1000, 2000000\n"
        "policy.noise = 0.1, 1e-05\n\n"
        "[arm a]\nmodel = m\nscaling = s\ntrain.batch = 6\ntrain.micro_batch = 6\ntrain.optimizer = adamw\n"
        "train.optimizer.beta1 = 0.9\ntrain.optimizer.beta2 = 0.95\ntrain.optimizer.weight_decay = 0.05\n\n"
        "[arm b]\nmodel = m\nscaling = s\ntrain.batch = 2\ntrain.micro_batch = 2\ntrain.optimizer = sgd\n"
        "train.optimizer.momentum = 0\ntrain.optimizer.weight_decay = 0.05\ntrain.optimizer.nesterov = false\n\n"
        "[arm c]\nmodel = m\nscaling = s\ntrain.batch = 6\ntrain.micro_batch = 6\ntrain.optimizer = adamw\n"
        "train.optimizer.beta1 = 0.9\ntrain.optimizer.beta2 = 0.95\ntrain.optimizer.weight_decay = 0.2\n",
        up, real);
    ck_assert_str_eq(e->resolved, expected);
    free(expected);
    free(up);
    tfx_experiment_destroy(e);
}
END_TEST

/* A list of many short numbers is longer when it is written out. */
START_TEST(long_values_round_trip)
{
    tfx_text t = {0};
    tfx_text_add(
        &t, SPEC("", "", "", "scaling = s\n", "[scaling s]\npolicy = schedule\npolicy.models = m\npolicy.steps = 1"));
    for (int i = 0; i < 5000; i++)
        tfx_text_add(&t, ",%dG", i % 9 + 1);
    tfx_text_add(&t, "\n");
    round_trip(t.s, NULL, NULL, 0);
    tfx_text_free(&t);
}
END_TEST

/* Layers' files are made absolute wherever the layer comes from: named, the slot's default,
 * or that of all blocks. */
START_TEST(model_paths)
{
    char real[PATH_MAX], *expected;
    ck_assert_ptr_nonnull(realpath(".", real));
    expected = tfx_printf("%s/x", real);
    tfx_experiment *e = good(SPEC("", "", "", "",
                                  "[model n]\nblocks = block\nblocks.ffn = filter\nblocks.ffn.taps = x\n"
                                  "blocks.mixer.taps = x\nblocks.1.mixer.taps = ./x\nblocks.2 = other\n"
                                  "blocks.2.mixer.taps = x\nblocks.ffn.width = 5\nhead.taps = x\n"));
    const tfx_model_spec *m = &e->models[1];
    static const struct {
        const char *key;
        int absolute;
    } cases[] = {{"blocks.ffn.taps", 1},
                 {"blocks.mixer.taps", 1},
                 {"blocks.1.mixer.taps", 1},
                 {"blocks.2.mixer.taps", 0},
                 {"head.taps", 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (size_t k = 0; k < m->n_settings; k++)
            if (!strcmp(m->settings[k].key, cases[i].key))
                ck_assert_str_eq(m->settings[k].value, cases[i].absolute ? expected : "x");
    tfx_experiment_destroy(e);
    free(expected);
}
END_TEST

/* The text that an earlier version stored is read without the keys that are gone; in a file they are refused. */
START_TEST(resolved_by_an_earlier_version)
{
    tfx_error err = {0};
    tfx_experiment *e = good(SPEC("", "", "", "train.lr = 0.5\n", "[arm other]\nmodel = m\n"));
    tfx_text old = {0};
    const char *train = strstr(e->resolved, "[train]\n") + 8, *arm = strstr(e->resolved, "train.lr = 0.5");
    ck_assert_ptr_nonnull(arm);
    tfx_text_add(&old, "%.*seval_batches = 20\n%.*strain.eval_batches = 4\n%s", (int)(train - e->resolved), e->resolved,
                 (int)(arm - train), train, arm);
    tfx_experiment *again = tfx_experiment_parse(registry, old.s, "stored spec", &err);
    ck_assert_msg(again != NULL, "%s", err.text);
    ck_assert_str_eq(again->resolved, e->resolved);
    tfx_experiment_destroy(again);
    tfx_experiment_destroy(e);
    tfx_text_free(&old);
}
END_TEST

START_TEST(structure_refused)
{
    tfx_error err = {0};
    ck_assert_ptr_null(tfx_experiment_load(registry, "none.ini", NULL, NULL, 0, &err));
    MESSAGE(&err, "none.ini", "No such file");
    ck_assert_int_eq(tfx_exit_status(err.status), 2);
    err = (tfx_error){0};
    ck_assert_ptr_null(tfx_experiment_load(registry, ".", NULL, NULL, 0, &err));
    MESSAGE(&err, "directory");
    err = (tfx_error){0};
    ck_assert_ptr_null(tfx_experiment_parse(registry, "[nonsense]\n", "stored", &err));
    MESSAGE(&err, "stored:1", "nonsense");

    BAD("", "a.ini", "no [experiment] section");
    BAD("[experiment]\nname = x\n", "a.ini", "no [data] section");
    BAD("[experiment]\n", "a.ini:1", "[experiment]", "missing key \"name\"", "text");
    BAD("[experiment]\nname = x\n[data]\n", "a.ini:3", "[data]", "missing key \"loader\"");
    BAD("[experiment]\nname = x\n[data]\nloader = bytes\n", "a.ini:3", "[data]", "missing key \"loader.train\"",
        "path");
    BAD("[experiment]\nname = x\n[data]\nloader = bytes\nloader.train = t\n[arm a]\nmodel = m\n", "a.ini",
        "at least one [model NAME]");
    BAD("[experiment]\nname = x\n[data]\nloader = bytes\nloader.train = t\n[model m]\n", "a.ini",
        "at least one [arm NAME]");
    BAD("[experiment]\nname = x\n[data]\nloader = bytes\nloader.train = t\n[model m]\n[arm a]\n", "a.ini:7", "[arm a]",
        "missing key \"model\"");
    BAD("[experiment]\nname = x\n[data]\nloader = bytes\nloader.train = t\n[model m]\n[arm a]\nmodel = m\n"
        "train.batch = 1\n",
        "a.ini:7", "steps: expected integer, 1 to 1T, or tokens instead; found neither");
    BAD("[experiment]\nname = x\n[data]\nloader = bytes\nloader.train = t\n[train]\nsteps = 1\n[model m]\n[arm a]\n"
        "model = m\n",
        "a.ini:6", "[train]", "missing key \"batch\"");
}
END_TEST

START_TEST(values_refused)
{
    BAD("[experiment]\nname = a b\n[data]\nloader = bytes\nloader.train = x\n", "a.ini:2", "name", "\"a b\"",
        "letters, digits");
    BAD("[experiment]\nname = ..\n", "a.ini:2", "name", "\"..\"");
    BAD("[experiment]\nname = a/b\n", "a.ini:2", "a/b");
    BAD("[experiment]\nname =\n", "a.ini:2", "name", "\"\"");
    BAD_EXPERIMENT("seeds =", "seeds", "at least one");
    BAD_EXPERIMENT("seeds = 1, 2, 1", "seeds", "different", "1 twice");
    BAD_EXPERIMENT("seeds = -1", "seeds", "0 to", "\"-1\"");
    BAD_EXPERIMENT("seeds = 1 2", "seeds", "integers separated by commas", "\"1 2\"");
    BAD_EXPERIMENT("sedes = 1", "unknown key \"sedes\" in [experiment]", "did you mean \"seeds\"?");
    BAD_EXPERIMENT("threads = 1", "unknown key \"threads\" in [experiment]", "did you mean \"backend.threads\"?");
    BAD_EXPERIMENT("backend.thread = 1", "unknown key \"backend.thread\" of backend cpu",
                   "did you mean \"backend.threads\"?");
    BAD_EXPERIMENT("backend.threads = x", "backend cpu", "threads", "integer, 0 to 1024", "\"x\"");
    BAD_EXPERIMENT("backend = cpx", "backend", "\"cpx\"", "did you mean \"cpu\"?");
    BAD_DATA("loader.order = shufled", "loader bytes", "order", "one of: shuffled, sequential",
             "did you mean \"shuffled\"?");
    BAD_DATA("val = x", "\"val\" in [data]", "did you mean \"loader.val\"?");
    BAD("[experiment]\nname = x\n[data]\nloader = byte\n", "a.ini:4", "loader", "\"byte\"", "did you mean \"bytes\"?");
    BAD("[experiment]\nname = x\n[data]\nloader =\n", "a.ini:4", "loader");

    BAD_TRAIN("stesp = 1", "\"stesp\" in [train]", "did you mean \"steps\"?");
    BAD_TRAIN("beta2 = 1", "\"beta2\" in [train]", "did you mean \"optimizer.beta2\"?");
    BAD_TRAIN("optimizer = adamv", "optimizer", "\"adamv\"", "did you mean \"adamw\"?");
    BAD_TRAIN("optimizer.bata2 = 1", "\"optimizer.bata2\" of optimizer adamw", "did you mean \"optimizer.beta2\"?");
    BAD_TRAIN("optimizer.beta2 = 1", "optimizer adamw", "beta2", "number, 0 to 0.999999", "\"1\"");
    BAD_TRAIN("micro_batch = 3", "micro_batch", "divisor of batch (8)", "found 3");
    BAD_TRAIN("micro_batch = 16", "micro_batch", "divisor of batch (8)", "found 16");
    BAD_TRAIN("micro_batch = -1", "micro_batch", "integer, 0 to");
    BAD_TRAIN("lr = 0", "lr", "above 0");
    BAD_TRAIN("lr = -1", "lr", "at least 0");
    BAD_TRAIN("min_lr = 1e-3", "min_lr", "from 0 to lr (0.0006)", "found 0.001");
    BAD_TRAIN("min_lr = -0.5", "min_lr", "from 0 to lr");
    BAD_TRAIN("min_lr = -2", "min_lr", "at least -1");
    BAD_TRAIN("warmup = 1.5", "warmup", "a fraction below 1, or a whole number of steps; found 1.5");
    BAD_TRAIN("warmup = -1", "warmup", "number, 0 to 1T");
    BAD_TRAIN("tokens = 2M", "tokens", "either steps or tokens; found both");
    BAD_TRAIN("tokens = -1", "tokens", "integer, 0 to 9000T");
    BAD_TRAIN("decay_fraction = 2", "decay_fraction", "number, 0 to 1");
    BAD_TRAIN("schedule = cosin", "schedule", "one of: constant, linear, cosine, wsd", "did you mean \"cosine\"?");
    BAD_TRAIN("clip = -1", "clip", "at least 0");
    BAD_TRAIN("recompute = all", "recompute", "one of: none, block");
    BAD_TRAIN("eval_every = -1", "eval_every");
    BAD_TRAIN("eval_batches = 16", "key \"eval_batches\" was removed", "data.eval_tokens");
    BAD_TRAIN("log_every = 0", "log_every");
    BAD_TRAIN("checkpoint_every = 1.5", "checkpoint_every", "integer");
    BAD_TRAIN("keep_checkpoints = 0", "keep_checkpoints");
    BAD(SPEC("", "", "schedule = wsd\nwarmup = 0.2\ndecay_fraction = 0.9\n", "", ""), "a.ini:11", "decay_fraction",
        "at most 1 together with warmup", "0.9 and 0.2");
    BAD("[experiment]\nname = x\n[data]\nloader = bytes\nloader.train = t\n[train]\nsteps = 0\nbatch = 1\n[model m]\n"
        "[arm a]\nmodel = m\n",
        "a.ini:7", "steps", "integer, 1 to 1T, or tokens instead", "\"0\"");
}
END_TEST

START_TEST(arms_refused)
{
    BAD("[experiment]\nname = x\n[data]\nloader = bytes\nloader.train = t\n[model base]\n[arm a]\nmodel = bass\n",
        "a.ini:8", "model", "no [model bass]", "did you mean \"base\"?");
    BAD_ARM("scaling = s", "scaling", "no [scaling s]");
    BAD_ARM("modl = s", "unknown key \"modl\" in [arm a]", "did you mean \"model\"?");
    BAD_ARM("steps = 4", "unknown key \"steps\" in [arm a]", "did you mean \"train.steps\"?");
    BAD_ARM("train = 4", "unknown key \"train\" in [arm a]");
    BAD_ARM("train.stesp = 4", "unknown key \"train.stesp\" in [arm a]", "did you mean \"train.steps\"?");
    BAD_ARM("train.steps = x", "steps", "integer, 0 to 1T", "\"x\"");
    BAD_ARM("train.optimizer = adm", "optimizer", "\"adm\"");
    BAD_ARM("train.optimizer.momentum = 1", "unknown key \"train.optimizer.momentum\" of optimizer adamw");
    BAD_ARM("train.micro_batch = 5", "micro_batch", "divisor of batch (8)");
    BAD(SPEC("", "", "", "train.batch = 12\ntrain.micro_batch = 8\n", ""), "a.ini:14", "micro_batch", "(12)");
    BAD(SPEC("", "", "", "train.lr = 1e-9\ntrain.min_lr = 1e-8\n", ""), "a.ini:14", "min_lr", "1e-09");
    BAD(SPEC("", "", "min_lr = 1e-5\n", "train.lr = 1e-6\n", ""), "a.ini:9", "min_lr", "from 0 to lr (1e-06)");
    BAD(SPEC("", "", "", "scaling = s\n", "[scaling s]\n"), "a.ini:14", "[scaling s]", "missing key \"policy\"");
    BAD(SPEC("", "", "", "scaling = s\n", "[scaling s]\npolicy = shedule\n"), "a.ini:15", "policy", "\"shedule\"",
        "did you mean \"schedule\"?");
    BAD(SPEC("", "", "", "scaling = s\n", "[scaling s]\npolicy = schedule\npolicy.models = m\n"), "a.ini:14",
        "missing key \"policy.steps\"");
    BAD(SPEC("", "", "", "scaling = s\n", "[scaling s]\npolicy = schedule\npolicy.models = m\npolicy.steps = 0\n"),
        "a.ini:17", "scaling schedule", "steps", "\"0\"");
    BAD(SPEC("", "", "", "scaling = s\n", "[scaling s]\npolicy = schedule\nmodels = m\n"), "a.ini:16",
        "did you mean \"policy.models\"?");
}
END_TEST

START_TEST(sets_refused)
{
    static const struct {
        const char *set, *parts[4];
    } cases[] = {
        {"train.steps=x", {"--set", "steps", "integer, 0 to 1T", "\"x\""}},
        {"train.stesp=1", {"--set", "\"stesp\"", "did you mean \"steps\"?", ""}},
        {"train.optimizer=adm", {"--set: optimizer", "\"adm\"", "", ""}},
        {"arm.a.model=n", {"--set", "no [model n]", "", ""}},
        {"train.micro_batch=5", {"--set", "micro_batch", "divisor", ""}},
        {"experiment.name=a b", {"--set", "name", "a b", ""}},
        /* What an arm overrides is called as in the arm. */
        {"arm.a.train.lr=x", {"--set: [arm a]: train.lr: expected number", "\"x\"", "", ""}},
        {"arm.a.train.lr=0", {"--set: [arm a]: train.lr: expected a number above 0", "", "", ""}},
        {"arm.a.train.micro_batch=5", {"--set: [arm a]: train.micro_batch: expected a divisor", "", "", ""}},
        {"arm.a.train.optimizer=adm", {"--set: [arm a]: train.optimizer: there is no optimizer", "", "", ""}},
        {"arm.a.train.optimizer.beta2=7", {"--set: [arm a]: train.optimizer.beta2: expected number", "", "", ""}},
    };
    write_text("a.ini", SPEC("", "", "", "", ""));
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tfx_error err = {0};
        ck_assert_ptr_null(tfx_experiment_load(registry, "a.ini", NULL, &cases[i].set, 1, &err));
        check_message(&err, (const char *const[]){cases[i].parts[0], cases[i].parts[1], cases[i].parts[2],
                                                  cases[i].parts[3], NULL});
        ck_assert_ptr_null(strstr(err.text, "--set:0"));
    }
}
END_TEST

/* A folder whose name INI cannot hold gives a message rather than a text that reads back as
 * something else. */
START_TEST(unwritable_path)
{
    tfx_error err = {0};
    ck_assert_int_eq(system("mkdir 'odd ;name'"), 0);
    ck_assert_int_eq(chdir("odd ;name"), 0);
    write_text("a.ini", SPEC("", "", "", "", ""));
    ck_assert_ptr_null(tfx_experiment_load(registry, "a.ini", NULL, NULL, 0, &err));
    MESSAGE(&err, "loader.train", "odd ;name", "\" ;\"");
}
END_TEST

/* Cutting a good spec anywhere gives a result or one message. */
START_TEST(truncated)
{
    static const char text[] = SPEC("seeds = 1, 2\n", "loader.order = sequential\n", "optimizer.{beta1,beta2} = 0.5\n",
                                    "scaling = s\ntrain.optimizer = sgd\n",
                                    "[scaling s]\npolicy = schedule\npolicy.models = m\npolicy.steps = 5\n"
                                    "[vars]\nx = 1\n[profile p]\nvars.x = 2\n");
    for (size_t n = 0; n < sizeof(text); n++) {
        tfx_error err = {0};
        write_bytes("a.ini", text, n);
        tfx_experiment *e = tfx_experiment_load(registry, "a.ini", NULL, NULL, 0, &err);
        ck_assert((e != NULL) == (err.status == TFX_OK));
        if (!e)
            ck_assert_ptr_nonnull(strstr(err.text, "a.ini"));
        tfx_experiment_destroy(e);
    }
}
END_TEST

START_TEST(declarations)
{
    static const char *const kinds[] = {"experiment", "data", "train", "model", "scaling", "arm"};
    size_t n;
    for (size_t i = 0; i < 6; i++) {
        const tfx_option *decl = tfx_spec_declaration(kinds[i], &n);
        ck_assert_uint_gt(n, 0);
        /* Every default must satisfy its own declaration. */
        for (size_t k = 0; k < n; k++) {
            const tfx_option *o = tfx_option_at(decl, k);
            tfx_error err = {0};
            ck_assert_ptr_nonnull(o->doc);
            if (!o->def)
                continue;
            tfx_options *value = tfx_options_resolve(o, 1, NULL, 0, kinds[i], &err);
            ck_assert_msg(value != NULL, "%s", err.text);
            tfx_options_destroy(value);
        }
    }
    ck_assert_ptr_null(tfx_spec_declaration("vars", &n));
    ck_assert_uint_eq(n, 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("spec/experiment");
    TCase *c = tcase_create("experiment");
    tcase_add_checked_fixture(c, open_registry, close_registry);
    tcase_add_test(c, defaults);
    tcase_add_test(c, everything_set);
    tcase_add_test(c, resolved_round_trip);
    tcase_add_test(c, long_values_round_trip);
    tcase_add_test(c, model_paths);
    tcase_add_test(c, resolved_by_an_earlier_version);
    tcase_add_test(c, structure_refused);
    tcase_add_test(c, values_refused);
    tcase_add_test(c, arms_refused);
    tcase_add_test(c, sets_refused);
    tcase_add_test(c, unwritable_path);
    tcase_add_test(c, truncated);
    tcase_add_test(c, declarations);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

/* Experiment: what a spec becomes, and that the resolved text is a spec that gives the same experiment. */
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
    ck_assert_int_eq(t->slice_every, 0);
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
        "decay_fraction = 0.9\nclip = 0\nrecompute = block\ncompute = bf16\neval_every = 10\nlog_every = "
        "5\nslice_every = 7\n"
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
    ck_assert_int_eq(t->compute, TFX_BF16);
    ck_assert_int_eq(t->slice_every, 7);
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
        "clip = 1\nrecompute = none\ncompute = f32\ngradients = f32\neval_every = 0\nlog_every = 1\nslice_every = "
        "0\ncheckpoint_every = "
        "0\n"
        "keep_checkpoints = 2\n"
        "keep_stages = true\n"
        "keep_optimizer = true\n"
        "parametrization = standard\n"
        "mup_base =\n\n"
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
    tcase_add_test(c, declarations);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

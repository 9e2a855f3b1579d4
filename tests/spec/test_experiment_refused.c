/* Experiment: what is refused, and with which words. */
#include "tests/check_main.h"
#include "tests/spec/spec_files.h"

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
        "a.ini:7", "steps: expected integer, 1 to 1T, or else tokens or flops; found none of them");
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
    BAD_TRAIN("tokens = 2M", "tokens", "expected one of steps, tokens and flops; found 100 and 2M");
    BAD_TRAIN("flops = 1e9", "flops", "expected one of steps, tokens and flops; found 100 and 1e9");
    BAD_TRAIN("flops = -1", "flops", "number, at least 0");
    BAD_TRAIN("tokens = -1", "tokens", "integer, 0 to 9000T");
    BAD_TRAIN("decay_fraction = 2", "decay_fraction", "number, 0 to 1");
    BAD_TRAIN("schedule = cosin", "schedule", "one of: constant, linear, cosine, wsd", "did you mean \"cosine\"?");
    BAD_TRAIN("clip = -1", "clip", "at least 0");
    BAD_TRAIN("recompute = all", "recompute", "one of: none, block, auto");
    BAD_TRAIN("compute = fp16", "compute", "one of: f32, bf16", "did you mean \"bf16\"?");
    BAD_TRAIN("eval_every = -1", "eval_every");
    BAD_TRAIN("eval_batches = 16", "key \"eval_batches\" was removed", "data.eval_tokens");
    BAD_TRAIN("log_every = 0", "log_every");
    BAD_TRAIN("slice_every = -1", "slice_every", "0 to");
    BAD_TRAIN("checkpoint_every = 1.5", "checkpoint_every", "integer");
    BAD_TRAIN("keep_checkpoints = 0", "keep_checkpoints");
    BAD(SPEC("", "", "schedule = wsd\nwarmup = 0.2\ndecay_fraction = 0.9\n", "", ""), "a.ini:11", "decay_fraction",
        "at most 1 together with warmup", "0.9 and 0.2");
    BAD("[experiment]\nname = x\n[data]\nloader = bytes\nloader.train = t\n[train]\nsteps = 0\nbatch = 1\n[model m]\n"
        "[arm a]\nmodel = m\n",
        "a.ini:7", "steps", "integer, 1 to 1T, or else tokens or flops", "\"0\"");
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
        {"train.steps=x", {"--set train.steps: ", "integer, 0 to 1T", "\"x\"", ""}},
        {"train.stesp=1", {"--set train.stesp: unknown key \"stesp\" in [train]", "did you mean \"steps\"?", "", ""}},
        {"train.STEPS=1", {"--set train.STEPS: ", "did you mean \"steps\"?", "", ""}},
        {"train.optimizer=adm", {"--set train.optimizer: optimizer", "\"adm\"", "", ""}},
        {"arm.a.model=n", {"--set arm.a.model: ", "no [model n]", "", ""}},
        {"train.micro_batch=5", {"--set train.micro_batch: micro_batch", "divisor", "", ""}},
        {"experiment.name=a b", {"--set experiment.name: name", "a b", "", ""}},
        {"data.loader.order=x", {"--set data.loader.order: loader bytes: order", "\"x\"", "", ""}},
        /* What an arm overrides is called as in the arm, also where the argument is about all arms. */
        {"arm.a.train.lr=x", {"--set arm.a.train.lr: [arm a]: train.lr: expected number", "\"x\"", "", ""}},
        {"arm.*.train.lr=x", {"--set arm.a.train.lr: [arm a]: train.lr: expected number", "\"x\"", "", ""}},
        {"arm.a.train.lr=0", {"--set arm.a.train.lr: [arm a]: train.lr: expected a number above 0", "", "", ""}},
        {"arm.a.train.micro_batch=5",
         {"--set arm.a.train.micro_batch: [arm a]: train.micro_batch: expected a divisor", "", "", ""}},
        {"arm.a.train.optimizer=adm",
         {"--set arm.a.train.optimizer: [arm a]: train.optimizer: there is no optimizer", "", "", ""}},
        {"arm.a.train.optimizer.beta2=7",
         {"--set arm.a.train.optimizer.beta2: [arm a]: train.optimizer.beta2: expected number", "", "", ""}},
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

/* A profile that is not chosen is loaded as if it were. */
START_TEST(unused_profiles_refused)
{
    tfx_error err = {0};
    static const char *const set = "train.batch=3";
    BAD(SPEC("", "", "", "", "[profile p]\ntrain.stesp = 1\n"), "a.ini:14: unknown key \"stesp\" in [train]",
        "did you mean \"steps\"?", "(with --profile p)");
    BAD(SPEC("", "", "", "", "[profile good]\ntrain.steps = 1\n[profile p]\narm.a.train.optimizer.beta1 = x\n"),
        "a.ini:16", "train.optimizer.beta1", "\"x\"", "(with --profile p)");
    BAD(SPEC("", "", "", "", "[profile p]\ndata.loader = byte\n"), "a.ini:14: loader", "did you mean \"bytes\"?");
    /* The key is right, and so is its value, but not both with what else the spec says. */
    BAD(SPEC("", "", "micro_batch = 4\n", "", "[profile p]\ntrain.batch = 2\n"), "a.ini:9", "divisor of batch (2)",
        "(with --profile p)");

    /* --set, too, may go only with what it is meant for. */
    write_text("a.ini", SPEC("", "", "", "", "[profile p]\ntrain.micro_batch = 4\n"));
    tfx_experiment *e = tfx_experiment_load(registry, "a.ini", NULL, &set, 1, &err);
    ck_assert_msg(e != NULL, "%s", err.text);
    tfx_experiment_destroy(e);
    ck_assert_ptr_null(tfx_experiment_load(registry, "a.ini", "p", &set, 1, &err));
    MESSAGE(&err, "a.ini:14", "divisor of batch (3)");
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

static Suite *suite(void)
{
    Suite *s = suite_create("spec/experiment_refused");
    TCase *c = tcase_create("experiment");
    tcase_add_checked_fixture(c, open_registry, close_registry);
    tcase_add_test(c, structure_refused);
    tcase_add_test(c, values_refused);
    tcase_add_test(c, arms_refused);
    tcase_add_test(c, sets_refused);
    tcase_add_test(c, unused_profiles_refused);
    tcase_add_test(c, unwritable_path);
    tcase_add_test(c, truncated);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)

/* tfx grow: one growth event, of a checkpoint and without training. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/checkpoint/files.h"
#include "framework/cli/database.h"
#include "framework/cli/session.h"
#include "framework/plan/capacity.h"
#include "framework/train/launch.h"
#include "framework/train/worker.h"
#include "git_commit.h"

/* The parts of "SPEC:NAME". */
static tfx_status split(const char *option, const char *value, char **spec, const char **name, tfx_error *err)
{
    const char *colon = value ? strrchr(value, ':') : NULL;
    if (!value)
        return tfx_fail(err, TFX_E_INVALID, "grow: expected --%s SPEC:NAME; see tfx grow --help", option);
    if (!colon || colon == value || !colon[1])
        return tfx_fail(err, TFX_E_INVALID, "grow: --%s: expected SPEC:NAME; found '%s'", option, value);
    *spec = tfx_strndup(value, (size_t)(colon - value));
    *name = colon + 1;
    return TFX_OK;
}

/* The folder of the checkpoint that CKPT stands for: a number in the database, or the folder itself. Malloced. */
static char *find_folder(const char *ckpt, const char *db, tfx_error *err)
{
    struct stat st;
    char *end, *folder = NULL;
    long long id = strtoll(ckpt, &end, 10);
    if (*end || id <= 0) {
        if (stat(ckpt, &st) || !S_ISDIR(st.st_mode))
            tfx_fail(err, TFX_E_INVALID, "grow: expected the number of a checkpoint or its folder; found '%s'", ckpt);
        return err->status == TFX_OK ? realpath(ckpt, NULL) : NULL;
    }
    tfx_checkpoint_info c = {0};
    tfx_store *store = tfx_store_open(db, TFX_STORE_READ, err);
    if (store && tfx_store_checkpoint(store, id, &c, err) == TFX_OK) {
        char *root = tfx_store_folder(store), *path = tfx_printf("%s/%s", root, c.path);
        folder = realpath(path, NULL);
        if (!folder)
            tfx_fail(err, TFX_E_INVALID, "grow: the files of checkpoint %lld are gone from %s", id, path);
        free(path);
        free(root);
    }
    tfx_checkpoint_info_finish(&c);
    tfx_store_close(store);
    return folder;
}

/* A name that no arm of the spec has. */
static char *free_name(const tfx_experiment *e)
{
    char *name = tfx_strdup("grow");
    for (size_t i = 0; i < e->n_arms; i++)
        if (!strcmp(e->arms[i].name, name)) {
            char *longer = tfx_printf("%s_", name);
            free(name);
            name = longer;
            i = (size_t)-1; /* from the beginning */
        }
    return name;
}

/* A spec that extends the given one: a single arm, which starts from the checkpoint with the model and the scaling
 * that were named, the latter without its policy. */
static char *derived_spec(const tfx_experiment *base, const char *model, const char *scaling, const char *folder,
                          long long seed)
{
    tfx_text t = {0};
    char *name = free_name(base);
    tfx_text_add(&t, "[experiment]\nextends = %s\nname = %s\nseeds = %lld\n", base->file, name, seed);
    for (size_t i = 0; i < base->n_arms; i++)
        tfx_text_add(&t, "[arm %s]\ndrop = true\n", base->arms[i].name);
    tfx_text_add(&t, "[arm %s]\nmodel = %s\nscaling = %s-\nstart = checkpoint:%s\nstart.data = restart\n", name, model,
                 name, folder);
    tfx_text_add(&t, "[scaling %s-]\n%s%s\npolicy =\n", name, scaling ? "extends = " : "operator = slots",
                 scaling ? scaling : "");
    free(name);
    return t.s;
}

static tfx_experiment *load_derived(tfx_session *s, const char *text, const char *shown, const char *profile,
                                    const char *const *sets, size_t n_sets, tfx_error *err)
{
    char path[] = "/tmp/tfx-grow-XXXXXX";
    int fd = mkstemp(path);
    size_t n = strlen(text);
    tfx_experiment *e = NULL;
    if (fd < 0 || write(fd, text, n) != (ssize_t)n)
        tfx_fail(err, TFX_E_IO, "writing %s: %s", path, strerror(errno));
    else
        e = tfx_experiment_load_with(s->registry, path, profile, sets, n_sets, &s->values.lookup, err);
    if (fd >= 0) {
        close(fd);
        unlink(path);
    }
    if (e) {
        free(e->file);
        e->file = tfx_strdup(shown);
    }
    return e;
}

static tfx_status load(tfx_session *s, const tfx_cli_args *a, const char *folder, tfx_error *err)
{
    char *spec = NULL, *second = NULL;
    const char *model = NULL, *scaling = NULL, *profile = tfx_cli_value(a, "profile");
    size_t n_sets;
    const char *const *sets = tfx_cli_values(a, "set", &n_sets);
    long long seed;
    if (split("model", tfx_cli_value(a, "model"), &spec, &model, err) == TFX_OK && tfx_cli_value(a, "scaling") &&
        split("scaling", tfx_cli_value(a, "scaling"), &second, &scaling, err) == TFX_OK && strcmp(spec, second))
        tfx_fail(err, TFX_E_INVALID, "grow: --scaling: expected the spec of --model, %s; found %s", spec, second);
    if (err->status == TFX_OK && tfx_cli_int(a, "seed", 1, 0, INT64_MAX, &seed, err) == TFX_OK)
        s->registry = tfx_registry_open(tfx_cli_plugin_dir(), err);
    tfx_search_values_init(&s->values, tfx_cli_database(a), TFX_VALUES_NOW, 0);
    tfx_experiment *base = s->registry ? tfx_experiment_load_with(s->registry, spec, profile, sets, n_sets,
                                                                  &s->values.lookup, err)
                                       : NULL;
    if (base && tfx_experiment_model(base, model, err)) {
        char *text = derived_spec(base, model, scaling, folder, seed);
        s->experiment = load_derived(s, text, base->file, profile, sets, n_sets, err);
        free(text);
    } else if (err->status != TFX_OK && base) {
        tfx_error_prefix(err, "grow: --model: %s", spec);
    }
    tfx_experiment_destroy(base);
    free(spec);
    free(second);
    return err->status;
}

/* Messages name the file that is gone; where they mean the arm that this command made up, say so. */
static void name_derived(tfx_error *err)
{
    static const char made[] = "/tmp/tfx-grow-", shown[] = "tfx grow";
    for (char *at; err->status != TFX_OK && (at = strstr(err->text, made));) {
        const char *rest = at + strlen(made) + 6;
        rest += strspn(rest, ":0123456789") - (rest[strspn(rest, ":0123456789") - 1] == ':' ? 1 : 0);
        memmove(at + strlen(shown), rest, strlen(rest) + 1);
        memcpy(at, shown, strlen(shown));
    }
}

/* Records the event as a run without steps, and makes it. Returns the new checkpoint. */
static tfx_id grow(tfx_session *s, const char *db, tfx_error *err)
{
    tfx_selection all = {0};
    tfx_id experiment = 0, checkpoint = 0, *runs = NULL;
    size_t n = 0;
    int interrupted;
    static volatile sig_atomic_t never;
    tfx_store *store = tfx_store_open(db, TFX_STORE_WRITE, err);
    if (store && tfx_selection_create(&all, s->experiment, NULL, 0, NULL, 0, err) == TFX_OK)
        experiment = tfx_launch_record(store, &all, NULL, NULL, err);
    if (experiment && tfx_selection_runs(&all, store, experiment, 0, &runs, &n, err) == TFX_OK) {
        const tfx_worker_params p = {.registry = s->registry,
                                     .store = store,
                                     .run = runs[0],
                                     .growth_only = 1,
                                     .progress_fd = -1,
                                     .tfx_version = TFX_VERSION,
                                     .git_commit = strcmp(TFX_GIT_COMMIT, "unknown") ? TFX_GIT_COMMIT : NULL,
                                     .stop = &never};
        tfx_checkpoint_info c = {0};
        if (tfx_worker_execute(&p, &interrupted, err) == TFX_OK &&
            tfx_store_checkpoint_at_end(store, runs[0], -1, &c, err) == TFX_OK)
            checkpoint = c.id;
        tfx_checkpoint_info_finish(&c);
    }
    free(runs);
    tfx_selection_finish(&all);
    tfx_store_close(store);
    return checkpoint;
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    const char *db = tfx_cli_database(a), *output = tfx_cli_value(a, "output");
    tfx_session s = {0};
    tfx_id id = 0;
    struct stat st;
    char *folder = find_folder(tfx_cli_arg(a, 0), db, err), *made = NULL;
    if (output && !stat(output, &st))
        tfx_fail(err, TFX_E_INVALID, "grow: --output: expected a folder that is not there; found %s", output);
    if (folder && err->status == TFX_OK && load(&s, a, folder, err) == TFX_OK &&
        tfx_session_plan(&s, db, err) == TFX_OK && tfx_session_check_data(&s, NULL, err) == TFX_OK &&
        tfx_arm_plan_fits(s.plans[0], &s.device, err) == TFX_OK) {
        tfx_device_close(&s.device); /* the run opens its own */
        id = grow(&s, db, err);
    }
    if (id && output) {
        char number[24];
        snprintf(number, sizeof(number), "%lld", (long long)id);
        made = find_folder(number, db, err);
        if (made)
            tfx_copy_dir(made, output, err);
    }
    if (id && err->status == TFX_OK)
        printf("checkpoint %lld%s%s\n", (long long)id, output ? ", also in " : "", output ? output : "");
    name_derived(err);
    free(made);
    free(folder);
    tfx_session_close(&s);
    return 0;
}

static const tfx_cli_option options[] = {
    {"model", "SPEC:NAME", 0, "the [model NAME] of a spec to grow into"},
    {"scaling", "SPEC:NAME", 0,
     "the [scaling NAME] of that spec that says how; its policy counts for nothing (default: slots)"},
    {"output", "DIR", 0, "copy the new checkpoint into this folder, which must not be there", 'o'},
    {"seed", "N", 0, "of what is random (default: 1)"},
    {TFX_CLI_PROFILE_OPTION},
    {TFX_CLI_SET_OPTION},
    {"db", "FILE", 0, "the database (default: tfx.db)"},
    {NULL},
};

const tfx_command tfx_cmd_grow = {
    "grow",
    "CKPT --model SPEC:NAME [--scaling SPEC:NAME] [-o DIR] [--seed N] [--profile NAME] [--set SECTION.KEY=VALUE]... "
    "[--db FILE]",
    "Grow a checkpoint into another model, without training.",
    "  tfx grow 12 --model experiments/quickstart.ini:tokenformer_large --scaling experiments/quickstart.ini:grow\n"
    "  tfx grow runs/quickstart/3/step-00000600-final --model my.ini:wide -o grown\n\n"
    "CKPT is the number of a checkpoint or its folder. The event is recorded in the database with its probe, as a run "
    "of no\n"
    "steps, and the new checkpoint in the lineage; arms can start from it.\n",
    options,
    1,
    1,
    run,
};

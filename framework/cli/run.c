/* tfx run: executes a spec. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "framework/base/memory.h"
#include "framework/cli/database.h"
#include "framework/cli/forecasts.h"
#include "framework/cli/session.h"
#include "framework/plan/capacity.h"
#include "framework/plugin/calls/backend_calls.h"
#include "framework/plugin/calls/crash.h"
#include "framework/report/run_table.h"
#include "framework/train/jobs.h"
#include "framework/train/launch.h"
#include "framework/train/worker.h"
#include "git_commit.h"

#define EXIT_RUNS_FAILED 3
#define MAX_JOBS 1024

static volatile sig_atomic_t stop;

static void request_stop(int signal_number)
{
    (void)signal_number;
    stop = 1;
}

/* While the spec is checked nothing has been written that would have to be finished. */
static void leave(int signal_number)
{
    (void)signal_number;
    _exit(TFX_CLI_INTERRUPTED);
}

static void catch_signals(void (*handler)(int))
{
    struct sigaction a = {.sa_handler = handler}; /* no SA_RESTART: waiting must wake up */
    sigset_t both;
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    /* A worker starts with them blocked, so that none comes before its handler. */
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &both, NULL);
    /* Days of training must not end because nobody reads the progress any more. */
    signal(SIGPIPE, SIG_IGN);
}

/* The process that executes one run; started by `tfx run` itself. */
static int worker(const char *db, tfx_id run, int progress_fd, int64_t threads, tfx_error *err)
{
    int interrupted = 0;
    if (access(db, F_OK))
        tfx_fail(err, TFX_E_INVALID, "run: --worker %lld: no database %s", (long long)run, db);
    tfx_registry *registry = err->status == TFX_OK ? tfx_registry_open(tfx_cli_plugin_dir(), err) : NULL;
    tfx_store *store = registry ? tfx_store_open(db, TFX_STORE_WRITE, err) : NULL;
    if (store) {
        tfx_worker_params p = {.registry = registry,
                               .store = store,
                               .run = run,
                               .progress_fd = progress_fd,
                               .threads = threads,
                               .tfx_version = TFX_VERSION,
                               .git_commit = strcmp(TFX_GIT_COMMIT, "unknown") ? TFX_GIT_COMMIT : NULL,
                               .stop = &stop};
        tfx_worker_execute(&p, &interrupted, err);
    }
    tfx_store_close(store);
    tfx_registry_close(registry);
    return interrupted ? TFX_CLI_INTERRUPTED : 0;
}

/* Everything that will be executed must fit before anything is written. */
static tfx_status check_fits(tfx_session *s, const tfx_selection *chosen, const char *db, size_t jobs, int resume,
                             int extend, tfx_error *err)
{
    const tfx_experiment *e = s->experiment;
    tfx_arm_plan **plans = TFX_NEW_ARRAY(tfx_arm_plan *, e->n_arms);
    size_t n = 0;
    for (size_t i = 0; i < e->n_arms; i++)
        if (chosen->arms[i])
            plans[n++] = s->plans[i];
    tfx_session_check_data(s, chosen->arms, err);
    for (size_t i = 0; i < n && err->status == TFX_OK; i++)
        tfx_arm_plan_fits(plans[i], &s->device, err);
    const tfx_validation_set *set = &plans[0]->validation;
    if (err->status == TFX_OK && set->tokens < e->eval_tokens) {
        char *text = tfx_validation_set_text(set, e->eval_tokens);
        fprintf(stderr, "tfx: evaluation: %s\n", text);
        free(text);
    }
    if (err->status == TFX_OK && !resume) /* runs that have begun keep what they decide by */
        tfx_session_check_references(s, chosen->arms, db, extend, err);
    if (err->status == TFX_OK && !resume && !extend) /* otherwise part of the checkpoints is there already */
        tfx_plan_fits_disk(plans, n, tfx_selection_n_seeds(chosen), jobs, e->file, db, err);
    free(plans);
    return err->status;
}

static tfx_status select_runs(tfx_selection *chosen, const tfx_experiment *e, const tfx_cli_args *a, tfx_error *err)
{
    size_t n_arms, n_seeds;
    const char *const *arms = tfx_cli_values(a, "arm", &n_arms), *const *seeds = tfx_cli_values(a, "seed", &n_seeds);
    return tfx_selection_create(chosen, e, arms, n_arms, seeds, n_seeds, err);
}

static void say_how_shared(const tfx_experiment *e, int64_t jobs, int64_t threads)
{
    char *crowded = tfx_device_crowded(e, jobs, threads);
    if (threads)
        fprintf(stderr, "tfx: up to %lld runs at once, each with %lld compute thread%s\n", (long long)jobs,
                (long long)threads, threads == 1 ? "" : "s");
    if (crowded)
        fprintf(stderr, "tfx: warning: %s\n", crowded);
    free(crowded);
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    const char *db = tfx_cli_database(a);
    long long worker_run, crash_fd, progress_fd, threads, jobs;
    if (tfx_cli_int(a, "worker", 0, 1, INT64_MAX, &worker_run, err) != TFX_OK ||
        tfx_cli_int(a, "crash-fd", -1, -1, INT_MAX, &crash_fd, err) != TFX_OK ||
        tfx_cli_int(a, "progress-fd", -1, -1, INT_MAX, &progress_fd, err) != TFX_OK ||
        tfx_cli_int(a, "threads", 0, 0, INT_MAX, &threads, err) != TFX_OK ||
        tfx_cli_int(a, "jobs", 1, 1, MAX_JOBS, &jobs, err) != TFX_OK)
        return 0;
    tfx_crash_record((int)crash_fd);
    catch_signals(worker_run ? request_stop : leave);
    if (worker_run)
        return worker(db, worker_run, (int)progress_fd, threads, err);
    if (!tfx_cli_arg(a, 0)) {
        tfx_fail(err, TFX_E_INVALID, "run: expected a spec file; see tfx run --help");
        return 0;
    }

    int resume = tfx_cli_flag(a, "resume"), extend = tfx_cli_flag(a, "extend"), anew = !resume && !extend;
    if ((resume && extend) || (!anew && tfx_cli_value(a, "forecast"))) {
        const char *other = tfx_cli_value(a, "forecast") ? "forecast" : "extend";
        tfx_fail(err, TFX_E_INVALID, "run: expected --%s or --%s, found both%s", other, resume ? "resume" : "extend",
                 *other == 'f' ? ": a forecast is made before a run" : "");
        return 0;
    }
    tfx_session s;
    tfx_selection chosen = {0};
    tfx_forecasts forecasts = {0};
    tfx_store *store = NULL;
    tfx_id experiment = 0;
    tfx_jobs_result result = {0};
    char program[4096], share[24];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    program[n > 0 ? n : 0] = 0;
    tfx_status (*open)(tfx_session *, const tfx_cli_args *, tfx_error *) = resume   ? tfx_session_open_again
                                                                           : extend ? tfx_session_open_extended
                                                                                    : tfx_session_open;
    if (open(&s, a, err) != TFX_OK || select_runs(&chosen, s.experiment, a, err) != TFX_OK)
        goto done;
    threads = tfx_device_threads(s.experiment, jobs);
    snprintf(share, sizeof(share), "%lld", threads);
    tfx_device_set_threads(s.experiment, threads); /* before the plan: scratch memory depends on it */
    if (tfx_session_plan(&s, db, err) != TFX_OK ||
        check_fits(&s, &chosen, db, (size_t)jobs, resume, extend, err) != TFX_OK)
        goto done;
    if (tfx_forecasts_make(&forecasts, a, &s, db, err) != TFX_OK)
        goto done;
    uint64_t memory = tfx_call_backend_memory(s.device.cls, s.device.backend);
    tfx_device_close(&s.device); /* the workers open their own */
    catch_signals(request_stop);
    if (!anew && access(db, F_OK)) {
        tfx_fail(err, TFX_E_INVALID, "%s: nothing to %s: there is no such database", db, resume ? "resume" : "extend");
        goto done;
    }
    store = tfx_store_open(db, TFX_STORE_WRITE, err);
    if (!store)
        goto done;
    experiment = resume   ? tfx_launch_find_interrupted(store, s.registry, &chosen, err)
                 : extend ? tfx_launch_extend(store, s.registry, &chosen, &s.values.lookup, err)
                          : tfx_launch_record(store, &chosen, tfx_cli_value(a, "profile"), &s.values.lookup, err);
    if (!experiment || tfx_forecasts_record(&forecasts, store, experiment, &chosen, err) != TFX_OK)
        goto done;
    const char *command[] = {program,      "run",       "--worker", "{run}", "--crash-fd", "{crash}", "--progress-fd",
                             "{progress}", "--threads", share,      "--db",  db,           NULL};
    const tfx_jobs_params params = {.store = store,
                                    .experiment = experiment,
                                    .selection = &chosen,
                                    .plans = s.plans,
                                    .limits = {.jobs = (size_t)jobs, .memory = memory},
                                    .command = command,
                                    .stop = &stop};
    say_how_shared(s.experiment, jobs, threads);
    if (tfx_jobs_execute(&params, &result, err) == TFX_OK)
        tfx_report_experiment(store, experiment, tfx_cli_flag(a, "json"), stdout, err);
    if (result.interrupted)
        fprintf(stderr, "tfx: interrupted; continue with: tfx run %s --resume (and the same options)\n",
                tfx_cli_arg(a, 0));
done:
    tfx_store_close(store);
    tfx_forecasts_finish(&forecasts);
    tfx_selection_finish(&chosen);
    tfx_session_close(&s);
    return result.interrupted ? TFX_CLI_INTERRUPTED : result.n_failed ? EXIT_RUNS_FAILED : 0;
}

static const tfx_cli_option options[] = {
    {"arm", "NAME", 1, "only this arm, or the points of this swept arm"},
    {"seed", "N", 1, "only this seed of the spec"},
    {"jobs", "N", 0, "execute up to N runs at once, which share cores and memory (default: 1)"},
    {"resume", NULL, 0, "continue the newest run of this very spec from its last checkpoints"},
    {"extend", NULL, 0,
     "add the arms and seeds that the newest experiment of this name does not have, and execute what is left"},
    {TFX_CLI_FORECAST_OPTION},
    {TFX_CLI_PROFILE_OPTION},
    {TFX_CLI_SET_OPTION},
    {"db", "FILE", 0, "the database (default: tfx.db); runs/ is made beside it"},
    {"json", NULL, 0, "print the final table as JSON"},
    {"worker", "RUN", 0, "execute one recorded run; tfx run uses it for its own processes"},
    {"crash-fd", "FD", 0, "where such a process says which plugin made it crash"},
    {"progress-fd", "FD", 0, "where such a process says how far it has come"},
    {"threads", "N", 0, "compute threads of such a process"},
    {NULL},
};

const tfx_command tfx_cmd_run = {
    "run",
    "SPEC [--arm NAME]... [--seed N]... [--jobs N] [--resume | --extend] [--profile NAME] [--set SECTION.KEY=VALUE]... "
    "[--db "
    "FILE] [--json]",
    "Train every arm of an experiment and compare them.",
    "  tfx run experiments/quickstart.ini\n"
    "  tfx run experiments/quickstart.ini --set 'arm.*.train.steps=100' --set experiment.seeds=1,2\n"
    "  tfx run experiments/quickstart.ini --arm tokenformer_grown\n"
    "  tfx run experiments/quickstart.ini --arm transformer_small --arm transformer_large\n"
    "  tfx run experiments/quickstart.ini --jobs 2\n\n"
    "The arms and seeds that are left out stay planned: a later call with them, or with --resume, executes them in\n"
    "the same experiment. With --extend the spec may have become longer since: more seeds, more arms, a wider "
    "sweep.\n\n"
    "With --jobs N each run computes with its share of the cores, unless the spec sets backend.threads, and one "
    "starts\n"
    "only where its planned memory fits beside the others'. The number of threads has a part in the last bits of\n"
    "results: see docs/running.md.\n\n"
    "Exit status: 0 all runs done; 2 the spec, data or machine does not allow it; 3 some runs failed;\n"
    "130 interrupted (SIGINT finishes the step and writes a checkpoint).\n",
    options,
    0,
    1,
    run,
};

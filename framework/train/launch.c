#include "framework/train/launch.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "framework/base/log.h"
#include "framework/base/memory.h"
#include "framework/train/claim.h"
#include "framework/train/start.h"

#define EXIT_NOT_STARTED 127

static char *train_json(const tfx_train_config *t)
{
    const tfx_options *o = t->options;
    cJSON *json = cJSON_CreateObject();
    for (size_t i = 0; i < tfx_options_count(o); i++) {
        const char *name, *value;
        tfx_options_at(o, i, &name, &value);
        cJSON_AddStringToObject(json, name, value);
    }
    if (t->budget.of) {
        char *budget = tfx_train_budget_text(t);
        cJSON_ReplaceItemInObject(json, tfx_budget_key(&t->budget), cJSON_CreateString(budget));
        free(budget);
    }
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

/* The newest row of this very spec, if all selected runs are still planned there; else 0. */
static tfx_id find_planned(tfx_store *store, const tfx_selection *s, tfx_error *err)
{
    tfx_id id = tfx_store_find_experiment(store, s->experiment->name, s->experiment->resolved, err), *runs = NULL;
    size_t n = 0;
    if (id && tfx_selection_runs(s, store, id, 0, &runs, &n, err) != TFX_OK)
        id = 0;
    for (size_t i = 0; i < n && id; i++) {
        tfx_run_info info = {0};
        if (tfx_store_run_info(store, runs[i], &info, err) != TFX_OK || info.status != TFX_RUN_PLANNED)
            id = 0;
        tfx_run_info_finish(&info);
    }
    free(runs);
    return id;
}

static tfx_id add_experiment(tfx_store *store, const tfx_experiment *e, const char *profile, tfx_error *err)
{
    tfx_id id = tfx_store_add_experiment(store, e->name, e->description, e->file, profile, e->resolved, err);
    for (size_t i = 0; i < e->n_arms && err->status == TFX_OK; i++) {
        const tfx_arm *arm = &e->arms[i];
        char *json = train_json(&arm->train), *start = tfx_start_text(&arm->start);
        tfx_id arm_id = tfx_store_add_arm(store, id, arm->name, arm->model->name, arm->scaling_name,
                                          *start ? start : NULL, json, err);
        free(start);
        free(json);
        for (size_t k = 0; k < e->n_seeds && err->status == TFX_OK; k++)
            tfx_store_add_run(store, arm_id, e->seeds[k], err);
    }
    return id;
}

tfx_id tfx_launch_record(tfx_store *store, const tfx_selection *s, const char *profile, tfx_error *err)
{
    if (tfx_store_begin(store, err) != TFX_OK)
        return 0;
    tfx_id id = s->all ? 0 : find_planned(store, s, err);
    if (!id && err->status == TFX_OK)
        id = add_experiment(store, s->experiment, profile, err);
    if (err->status == TFX_OK && tfx_store_commit(store, err) == TFX_OK)
        return id;
    tfx_store_rollback(store);
    return 0;
}

tfx_id tfx_launch_find_interrupted(tfx_store *store, const tfx_selection *s, tfx_error *err)
{
    const tfx_experiment *e = s->experiment;
    tfx_id id = tfx_store_find_experiment(store, e->name, e->resolved, err), *runs = NULL;
    if (err->status != TFX_OK)
        return 0;
    if (!id) {
        tfx_id other = tfx_store_newest_experiment(store, e->name, err);
        tfx_fail(err, TFX_E_INVALID,
                 other ? "%s: nothing to resume: experiment '%s' was run with other settings (same spec, profile and "
                         "--set are needed)"
                       : "%s: nothing to resume: experiment '%s' has not been run yet",
                 tfx_store_path(store), e->name);
        return 0;
    }
    size_t n = 0;
    if (tfx_selection_runs(s, store, id, 0, &runs, &n, err) == TFX_OK)
        tfx_claim_check(store, runs, n, err);
    free(runs);
    return err->status == TFX_OK ? id : 0;
}

static void wake_up(int signal_number)
{
    (void)signal_number;
}

/* Waits for the worker's end and passes a request to stop on. The signals are blocked except while it
 * sleeps, so that none can come just before. */
static tfx_status wait_for(pid_t pid, tfx_id run, const sigset_t *unblocked, const volatile sig_atomic_t *stop,
                           int *status, tfx_error *err)
{
    int told = 0;
    pid_t ended;
    while ((ended = waitpid(pid, status, WNOHANG)) == 0) {
        if (*stop && !told) {
            told = 1;
            kill(pid, SIGINT);
        }
        /* A library's own thread may get the signal instead: look again after a while. */
        struct timespec again_after = {0, 200000000};
        ppoll(NULL, 0, &again_after, unblocked);
    }
    return ended == pid ? TFX_OK : tfx_fail(err, TFX_E_IO, "waiting for run %lld: %s", (long long)run, strerror(errno));
}

/* A run does not outlive the command that started it. The system is told to end the child with its parent
 * before the child becomes a program; a parent that was killed even earlier is not its parent any more. */
static pid_t start(char **argv)
{
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        execv(argv[0], argv);
    _exit(EXIT_NOT_STARTED);
}

/* Starts one worker and waits for it. */
static tfx_status run_worker(const char *const *command, tfx_id run, int crash, const volatile sig_atomic_t *stop,
                             int *status, tfx_error *err)
{
    size_t n = 0;
    while (command[n])
        n++;
    char **argv = TFX_NEW_ARRAY(char *, n + 1), id[32], fd[32];
    snprintf(id, sizeof(id), "%lld", (long long)run);
    snprintf(fd, sizeof(fd), "%d", crash);
    for (size_t i = 0; i < n; i++)
        argv[i] = !strcmp(command[i], "{run}") ? id : !strcmp(command[i], "{crash}") ? fd : (char *)command[i];
    /* The worker inherits the blocked signals: one that reaches it early waits for its handler. */
    struct sigaction on_child = {.sa_handler = wake_up}, before;
    sigset_t blocked, unblocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGCHLD);
    sigaction(SIGCHLD, &on_child, &before);
    sigprocmask(SIG_BLOCK, &blocked, &unblocked);
    pid_t pid = start(argv);
    if (pid < 0)
        tfx_fail(err, TFX_E_IO, "cannot start a process for run %s: %s", id, strerror(errno));
    else if (wait_for(pid, run, &unblocked, stop, status, err) == TFX_OK && WIFEXITED(*status) &&
             WEXITSTATUS(*status) == EXIT_NOT_STARTED)
        tfx_fail(err, TFX_E_IO, "cannot start %s for run %s: was it moved or removed?", argv[0], id);
    sigprocmask(SIG_SETMASK, &unblocked, NULL);
    sigaction(SIGCHLD, &before, NULL);
    free(argv);
    return err->status;
}

/* What a worker wrote about its crash, as text of one line; empties the file for the next one. */
static size_t last_words(int crash, char *buf, size_t size)
{
    ssize_t n = pread(crash, buf, size - 1, 0);
    buf[n > 0 ? n : 0] = 0;
    buf[strcspn(buf, "\n")] = 0;
    if (n > 0 && (ftruncate(crash, 0) || lseek(crash, 0, SEEK_SET)))
        buf[0] = 0; /* cannot happen in memory, and must not speak for another run */
    return strlen(buf);
}

/* The worker could not write it into the log of its run any more. */
static void say_killed(tfx_store *store, tfx_id run, const char *detail)
{
    tfx_run_info info = {0};
    tfx_error err = {0};
    if (tfx_store_run_info(store, run, &info, &err) == TFX_OK && info.directory) {
        char *path = tfx_store_log(store, info.directory);
        tfx_log_open(path);
        free(path);
    }
    tfx_log_message("run %lld (arm %s, seed %lld) was %s", (long long)run, info.arm_name ? info.arm_name : "?",
                    (long long)info.seed, detail);
    tfx_log_close();
    tfx_run_info_finish(&info);
}

/* Whether a run has left all that runs of the selected arms start from. */
static int leaves_enough(tfx_store *store, const tfx_selection *s, const tfx_run_info *run, tfx_error *err)
{
    const tfx_experiment *e = s->experiment;
    int enough = 1;
    for (size_t i = 0; i < e->n_arms && enough; i++)
        if (s->arms[i] && e->arms[i].start.kind == TFX_START_ARM && !strcmp(e->arms[i].start.name, run->arm_name))
            enough = tfx_start_is_there(store, &e->arms[i].start, run->run, err);
    return enough;
}

/* A run that nobody chose, but others start from: whether it need not be executed, or another process does so. If
 * not, says that it is executed here. */
static int is_left_out(tfx_store *store, const tfx_selection *s, const tfx_run_info *run, tfx_error *err)
{
    tfx_error taken = {0};
    if (!tfx_selection_needs(s, run->arm_name))
        return 0;
    if (leaves_enough(store, s, run, err) || tfx_claim_check(store, &run->run, 1, &taken) != TFX_OK)
        return 1;
    tfx_log_message("run %lld (arm %s, seed %lld) is executed, too: others start from it", (long long)run->run,
                    run->arm_name, (long long)run->seed);
    return 0;
}

tfx_status tfx_launch_runs(tfx_store *store, tfx_id experiment, const tfx_selection *s, const char *const *command,
                           const volatile sig_atomic_t *stop, tfx_launch_result *result, tfx_error *err)
{
    tfx_id *runs = NULL;
    size_t n_runs;
    *result = (tfx_launch_result){0};
    if (tfx_selection_runs(s, store, experiment, 1, &runs, &n_runs, err) != TFX_OK) {
        free(runs);
        return err->status;
    }
    int crash = memfd_create("crash", 0); /* the workers inherit it; without it, a crash is told all the same */
    for (size_t i = 0; i < n_runs && err->status == TFX_OK; i++) {
        tfx_run_info info = {0};
        if (tfx_store_run_info(store, runs[i], &info, err) != TFX_OK)
            break;
        int skipped = info.status == TFX_RUN_DONE || is_left_out(store, s, &info, err), status = 0;
        tfx_run_info_finish(&info);
        if (skipped)
            continue;
        if (*stop) {
            result->interrupted = 1;
            break;
        }
        if (run_worker(command, runs[i], crash, stop, &status, err) != TFX_OK)
            break;
        if (WIFSIGNALED(status)) {
            char said[1024], detail[1200];
            snprintf(detail, sizeof(detail), "killed by signal %d (%s)%s%s", WTERMSIG(status),
                     strsignal(WTERMSIG(status)), last_words(crash, said, sizeof(said)) ? ": " : "", said);
            tfx_store_end_run(store, runs[i], TFX_RUN_FAILED, detail, err);
            say_killed(store, runs[i], detail);
            result->n_failed++;
        } else if (WEXITSTATUS(status) == 130) {
            result->interrupted = 1;
            break;
        } else if (WEXITSTATUS(status)) {
            result->n_failed++;
        }
    }
    close(crash);
    free(runs);
    return err->status;
}

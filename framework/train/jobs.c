#include "framework/train/jobs.h"

#include <poll.h>
#include <string.h>
#include <sys/wait.h>

#include "framework/base/clock.h"
#include "framework/base/log.h"
#include "framework/base/memory.h"
#include "framework/plan/capacity.h"
#include "framework/train/run_lock.h"
#include "framework/train/display.h"
#include "framework/train/process.h"
#include "framework/train/start.h"

#define EXIT_INTERRUPTED 130

/* How long a place of the queue may be looked at too late: when a checkpoint has appeared, or where a library's own
 * thread got the signal that should have woken this one. */
#define LOOK_AGAIN_MS 200

typedef struct jobs {
    const tfx_jobs_params *p;
    tfx_jobs_result *result;
    size_t n;
    tfx_run_info *runs;     /* [n] */
    const tfx_arm **arms;   /* [n] */
    tfx_place *places;      /* [n] */
    tfx_process *processes; /* [n]; of those that run */
    tfx_display *display;
    double looked; /* when the queue was looked at */
    int told;      /* the processes have been asked to stop */
} jobs;

/* ---- what need not be executed ---- */

/* Whether a run has left all that runs of the selected arms start from. */
static int leaves_enough(const jobs *j, const tfx_run_info *run, tfx_error *err)
{
    const tfx_selection *s = j->p->selection;
    const tfx_experiment *e = s->experiment;
    int enough = 1;
    for (size_t i = 0; i < e->n_arms && enough; i++)
        if (s->arms[i] && e->arms[i].start.kind == TFX_START_ARM && !strcmp(e->arms[i].start.name, run->arm_name))
            enough = tfx_start_is_there(j->p->store, &e->arms[i].start, run->run, err);
    return enough;
}

/* A run that nobody chose, but others start from: whether it need not be executed, or another process does so. If
 * not, says that it is executed here. */
static int is_left_out(const jobs *j, const tfx_run_info *run, tfx_error *err)
{
    tfx_error taken = {0};
    if (!tfx_selection_needs(j->p->selection, run->arm_name))
        return 0;
    if (leaves_enough(j, run, err) || tfx_run_lock_check(j->p->store, &run->run, 1, &taken) != TFX_OK)
        return 1;
    tfx_display_clear(j->display);
    tfx_log_message("run %lld (arm %s, seed %lld) is executed, too: others start from it", (long long)run->run,
                    run->arm_name, (long long)run->seed);
    return 0;
}

/* ---- the queue ---- */

static tfx_status open_queue(jobs *j, tfx_error *err)
{
    const tfx_jobs_params *p = j->p;
    const tfx_experiment *e = p->selection->experiment;
    tfx_id *ids = NULL;
    size_t n = 0;
    tfx_selection_runs(p->selection, p->store, p->experiment, 1, &ids, &n, err);
    j->runs = TFX_NEW_ARRAY(tfx_run_info, n);
    j->arms = TFX_NEW_ARRAY(const tfx_arm *, n);
    j->places = TFX_NEW_ARRAY(tfx_place, n);
    j->processes = TFX_NEW_ARRAY(tfx_process, n);
    for (size_t i = 0; i < n && err->status == TFX_OK; i++)
        if (tfx_store_run_info(p->store, ids[j->n++], &j->runs[i], err) == TFX_OK)
            j->arms[i] = tfx_experiment_arm(e, j->runs[i].arm_name, err);
    for (size_t i = 0; i < j->n && err->status == TFX_OK; i++) {
        const tfx_arm *arm = j->arms[i];
        tfx_place *place = &j->places[i];
        place->state = j->runs[i].status == TFX_RUN_DONE ? TFX_PLACE_OVER : TFX_PLACE_WAITS;
        place->bytes = tfx_arm_plan_process_bytes(p->plans[arm - e->arms]);
        place->trunk = i;
        for (size_t k = 0; k < j->n && arm->start.kind == TFX_START_ARM; k++)
            if (j->runs[k].seed == j->runs[i].seed && !strcmp(j->runs[k].arm_name, arm->start.name))
                place->trunk = k;
    }
    free(ids);
    return err->status;
}

/* What is shown of runs before their processes say more: what was spent on them before counts. */
static tfx_status open_display(jobs *j, tfx_error *err)
{
    const tfx_experiment *e = j->p->selection->experiment;
    j->display = tfx_display_create(j->n);
    for (size_t i = 0; i < j->n && err->status == TFX_OK; i++) {
        double total = tfx_arm_plan_flops(j->p->plans[j->arms[i] - e->arms]);
        int done = j->places[i].state == TFX_PLACE_OVER;
        tfx_checkpoint_info newest = {0};
        char label[128];
        tfx_run_label(label, sizeof(label), e, &j->runs[i]);
        if (tfx_store_latest_checkpoint(j->p->store, j->runs[i].run, &newest, err) == TFX_OK)
            tfx_display_plan(j->display, i, label, newest.id ? newest.flops : done ? total : 0, total);
        if (done)
            tfx_display_state(j->display, i, TFX_SHOWN_DONE);
        tfx_checkpoint_info_finish(&newest);
    }
    return err->status;
}

static void close_queue(jobs *j)
{
    tfx_display_destroy(j->display);
    for (size_t i = 0; i < j->n; i++)
        tfx_run_info_finish(&j->runs[i]);
    free(j->runs);
    free(j->arms);
    free(j->places);
    free(j->processes);
}

/* Brings up to date what is known of the starts of those that wait. */
static void look_for_starts(jobs *j, tfx_error *err)
{
    for (size_t i = 0; i < j->n && err->status == TFX_OK; i++) {
        tfx_place *p = &j->places[i];
        const tfx_run_info *trunk = &j->runs[p->trunk];
        if (p->state != TFX_PLACE_WAITS || p->trunk == i || p->has_start)
            continue;
        p->has_start = tfx_start_is_there(j->p->store, &j->arms[i]->start, trunk->run, err);
        p->start_comes = !p->has_start && j->places[p->trunk].state == TFX_PLACE_OVER &&
                         tfx_run_lock_is_taken(j->p->store, trunk->run);
    }
}

static int stopping(const jobs *j, const tfx_error *err)
{
    return *j->p->stop || j->result->interrupted || err->status != TFX_OK;
}

static size_t count(const jobs *j, tfx_place_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n; i++)
        n += j->places[i].state == state;
    return n;
}

/* Starts what may start. Processes say something many times a second; each look costs the database some queries. */
static void start_some(jobs *j, tfx_error *err)
{
    size_t running = count(j, TFX_PLACE_RUNS);
    if (running >= j->p->limits.jobs || (running && tfx_now() - j->looked < 1e-3 * LOOK_AGAIN_MS))
        return;
    j->looked = tfx_now();
    for (;;) {
        look_for_starts(j, err);
        size_t i = tfx_queue_next(j->places, j->n, &j->p->limits);
        if (i == j->n || err->status != TFX_OK)
            return;
        int left_out = is_left_out(j, &j->runs[i], err);
        j->places[i].state = TFX_PLACE_OVER;
        if (!left_out && err->status == TFX_OK &&
            tfx_process_start(&j->processes[i], j->p->command, j->runs[i].run, err) == TFX_OK)
            j->places[i].state = TFX_PLACE_RUNS;
        tfx_display_state(j->display, i, j->places[i].state == TFX_PLACE_RUNS ? TFX_SHOWN_RUNNING : TFX_SHOWN_DONE);
    }
}

/* ---- their ends ---- */

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

static tfx_shown_state end_one(jobs *j, size_t i, int status, tfx_error *err)
{
    const tfx_process *process = &j->processes[i];
    if (WIFSIGNALED(status)) {
        char *detail = tfx_process_last_words(process, status);
        tfx_store_end_run(j->p->store, process->run, TFX_RUN_FAILED, detail, err);
        tfx_display_clear(j->display);
        say_killed(j->p->store, process->run, detail);
        free(detail);
    } else if (WEXITSTATUS(status) == EXIT_INTERRUPTED) {
        j->result->interrupted = 1;
        return TFX_SHOWN_WAITING;
    } else if (!WEXITSTATUS(status)) {
        return TFX_SHOWN_DONE;
    }
    j->result->n_failed++;
    return TFX_SHOWN_FAILED;
}

/* Returns how many have ended. */
static size_t end_some(jobs *j, tfx_error *err)
{
    size_t ended = 0;
    for (size_t i = 0; i < j->n; i++) {
        tfx_error failed = {0}; /* what happens to one must not hide what happens to the next */
        int status = 0;
        if (j->places[i].state != TFX_PLACE_RUNS ||
            !tfx_process_ended(&j->processes[i], j->p->command[0], &status, &failed))
            continue;
        tfx_channel_hear(&j->processes[i].channel, j->display, i, 1);
        tfx_display_state(j->display, i, failed.status == TFX_OK ? end_one(j, i, status, &failed) : TFX_SHOWN_FAILED);
        if (failed.status != TFX_OK)
            tfx_fail(err, failed.status, "%s", failed.text);
        tfx_process_finish(&j->processes[i]);
        j->places[i].state = TFX_PLACE_OVER;
        ended++;
    }
    return ended;
}

static void tell_to_stop(jobs *j)
{
    for (size_t i = 0; i < j->n && !j->told; i++)
        if (j->places[i].state == TFX_PLACE_RUNS)
            kill(j->processes[i].pid, SIGINT);
    j->told = 1;
}

/* Sleeps until a process says something or ends, or it is time to look again. */
static void wait_and_hear(jobs *j, const sigset_t *unblocked)
{
    const struct timespec again = {0, LOOK_AGAIN_MS * 1000000};
    struct pollfd *fds = TFX_NEW_ARRAY(struct pollfd, 2 * j->n);
    nfds_t n = 0;
    for (size_t i = 0; i < j->n; i++)
        if (j->places[i].state == TFX_PLACE_RUNS) {
            tfx_channel_poll(&j->processes[i].channel, fds + n);
            n += 2;
        }
    ppoll(fds, n, &again, unblocked);
    free(fds);
    for (size_t i = 0; i < j->n; i++)
        if (j->places[i].state == TFX_PLACE_RUNS)
            tfx_channel_hear(&j->processes[i].channel, j->display, i, 0);
    tfx_display_draw(j->display);
}

static void execute(jobs *j, const sigset_t *unblocked, tfx_error *err)
{
    for (;;) {
        if (!stopping(j, err))
            start_some(j, err);
        if (!count(j, TFX_PLACE_RUNS))
            break;
        if (stopping(j, err))
            tell_to_stop(j);
        if (end_some(j, err))
            j->looked = 0;
        else
            wait_and_hear(j, unblocked);
    }
    j->result->interrupted |= *j->p->stop && count(j, TFX_PLACE_WAITS);
}

static void wake_up(int signal_number)
{
    (void)signal_number;
}

tfx_status tfx_jobs_execute(const tfx_jobs_params *p, tfx_jobs_result *result, tfx_error *err)
{
    jobs j = {.p = p, .result = result};
    *result = (tfx_jobs_result){0};
    /* The signals are blocked except while this process sleeps, so that none can come just before. The workers inherit
     * that: one that reaches them early waits for their handler. */
    struct sigaction on_child = {.sa_handler = wake_up}, before;
    sigset_t blocked, unblocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGCHLD);
    sigaction(SIGCHLD, &on_child, &before);
    sigprocmask(SIG_BLOCK, &blocked, &unblocked);
    if (open_queue(&j, err) == TFX_OK && open_display(&j, err) == TFX_OK)
        execute(&j, &unblocked, err);
    sigprocmask(SIG_SETMASK, &unblocked, NULL);
    sigaction(SIGCHLD, &before, NULL);
    close_queue(&j);
    return err->status;
}

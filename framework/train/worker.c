#include "framework/train/worker.h"

#include <unistd.h>

#include "framework/base/log.h"
#include "framework/base/memory.h"
#include "framework/train/run_lock.h"
#include "framework/train/provenance.h"
#include "framework/train/selection.h"
#include "framework/train/trainer.h"

static void open_log(const tfx_worker_params *p, const tfx_run_info *info, const char *directory)
{
    char *path = tfx_store_log(p->store, directory);
    tfx_log_open(path);
    tfx_log_note("run %lld of experiment %s: arm %s, seed %lld, by process %lld with tfx %s", (long long)info->run,
                 info->experiment_name, info->arm_name, (long long)info->seed, (long long)getpid(), p->tfx_version);
    free(path);
}

/* What is known of each growth before the run. */
static void log_claims(const tfx_arm_plan *plan)
{
    for (uint32_t i = 1; i < plan->n_stages; i++) {
        char *text = tfx_growth_claim_text(&plan->claims[i]);
        tfx_log_event("growth into %s %s", plan->stages[i]->model->name, text);
        free(text);
    }
}

static void execute(const tfx_worker_params *p, const tfx_run_info *info, const tfx_experiment *e, int *interrupted,
                    tfx_run_lock *lock, tfx_error *err)
{
    const tfx_arm *arm = tfx_experiment_arm(e, info->arm_name, err);
    tfx_device device = {0};
    tfx_arm_plan *plan = NULL;
    char *root = tfx_store_folder(p->store), label[128];
    tfx_run_label(label, sizeof(label), e, info);
    tfx_log_name(label);
    if (arm && tfx_device_open(&device, e, err) == TFX_OK)
        plan = tfx_arm_plan_create(e, arm, p->registry, &device, err);
    tfx_id environment = plan ? tfx_provenance_environment(p->store, &device, p->tfx_version, p->git_commit, err) : 0;
    if (environment && tfx_run_lock_take(lock, p->store, p->run, environment, err) == TFX_OK) {
        open_log(p, info, lock->directory);
        tfx_provenance_plugins(p->store, p->run, p->registry, e, plan, err);
        log_claims(plan);
    }
    if (lock->lock >= 0 && err->status == TFX_OK) {
        tfx_trainer_params params = {.experiment = e,
                                     .plan = plan,
                                     .registry = p->registry,
                                     .device = &device,
                                     .store = p->store,
                                     .run = p->run,
                                     .seed = info->seed,
                                     .root = root,
                                     .directory = lock->directory,
                                     .label = label,
                                     .progress_fd = p->progress_fd,
                                     .growth_only = p->growth_only,
                                     .stop = p->stop};
        tfx_trainer_run(&params, interrupted, err);
    }
    tfx_arm_plan_destroy(plan);
    tfx_device_close(&device);
    free(root);
}

tfx_status tfx_worker_execute(const tfx_worker_params *p, int *interrupted, tfx_error *err)
{
    tfx_run_info info = {0};
    tfx_run_lock lock = {.lock = -1};
    *interrupted = 0;
    /* How a run ends is for the process to say that executes it. */
    if (tfx_run_lock_check(p->store, &p->run, 1, err) != TFX_OK ||
        tfx_store_run_info(p->store, p->run, &info, err) != TFX_OK)
        return err->status;
    tfx_experiment *e = tfx_experiment_parse(p->registry, info.spec, "stored spec", err);
    if (e) {
        tfx_device_set_threads(e, p->threads);
        execute(p, &info, e, interrupted, &lock, err);
    }
    tfx_experiment_destroy(e);
    tfx_run_info_finish(&info);

    tfx_error ending = {0};
    tfx_run_status status = err->status != TFX_OK ? TFX_RUN_FAILED : *interrupted ? TFX_RUN_INTERRUPTED : TFX_RUN_DONE;
    if (!lock.taken &&
        tfx_store_end_run(p->store, p->run, status, err->status != TFX_OK ? err->text : NULL, &ending) != TFX_OK)
        tfx_fail(err, ending.status, "%s", ending.text);
    if (err->status == TFX_OK)
        tfx_log_note("%s", tfx_run_status_name(status));
    tfx_run_lock_release(&lock);
    return err->status;
}

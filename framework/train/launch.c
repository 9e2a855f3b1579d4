#include "framework/train/launch.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/spec/extension.h"
#include "framework/store/references.h"
#include "framework/train/run_lock.h"
#include "framework/train/start.h"

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

static tfx_id add_arm(tfx_store *store, tfx_id experiment, const tfx_arm *arm, tfx_error *err)
{
    char *json = train_json(&arm->train), *start = tfx_start_text(&arm->start);
    tfx_id id = tfx_store_add_arm(store, experiment, arm->name, arm->model->name, arm->scaling_name,
                                  *start ? start : NULL, json, err);
    const tfx_arm_made made = {arm->sweep, arm->base, arm->point, arm->twin, arm->twin_of};
    if (id && (arm->base || arm->twin_of))
        tfx_store_set_arm_made(store, id, &made, err);
    free(start);
    free(json);
    return id;
}

/* What the experiment's row does not have yet: arms, runs, and what its spec took from elsewhere. */
static tfx_status add_parts(tfx_store *store, tfx_id id, const tfx_experiment *e, const tfx_lookup *taken,
                            tfx_error *err)
{
    for (size_t i = 0; i < e->n_arms && err->status == TFX_OK; i++) {
        tfx_id arm = tfx_store_arm_of(store, id, e->arms[i].name, err);
        if (!arm && err->status == TFX_OK)
            arm = add_arm(store, id, &e->arms[i], err);
        if (arm && e->arms[i].train.lr_search) /* an earlier version has not recorded it */
            tfx_store_set_arm_search(store, arm, e->arms[i].train.lr_search, err);
        for (size_t k = 0; k < e->n_seeds && err->status == TFX_OK; k++)
            if (!tfx_store_arm_has_seed(store, arm, e->seeds[k], err))
                tfx_store_add_run(store, arm, e->seeds[k], err);
    }
    for (size_t i = 0; taken && i < taken->n && err->status == TFX_OK; i++) {
        tfx_taken known = {0};
        if (taken->values[i].used &&
            tfx_store_reference(store, id, taken->values[i].expression, &known, err) == TFX_OK && !known.value)
            tfx_store_add_reference(store, id, &taken->values[i], err);
        tfx_taken_finish(&known);
    }
    return err->status;
}

static tfx_id add_experiment(tfx_store *store, const tfx_experiment *e, const char *profile, const tfx_lookup *taken,
                             tfx_error *err)
{
    tfx_id id = tfx_store_add_experiment(store, e->name, e->description, e->file, profile, e->resolved, err);
    if (id)
        add_parts(store, id, e, taken, err);
    return id;
}

tfx_id tfx_launch_record(tfx_store *store, const tfx_selection *s, const char *profile, const tfx_lookup *taken,
                         tfx_error *err)
{
    if (tfx_store_begin(store, err) != TFX_OK)
        return 0;
    tfx_id id = s->all ? 0 : find_planned(store, s, err);
    if (!id && err->status == TFX_OK)
        id = add_experiment(store, s->experiment, profile, taken, err);
    if (err->status == TFX_OK && tfx_store_commit(store, err) == TFX_OK)
        return id;
    tfx_store_rollback(store);
    return 0;
}

/* Nothing of the experiment may be executed meanwhile. */
static tfx_status check_idle(tfx_store *store, tfx_id experiment, tfx_error *err)
{
    tfx_id *runs = NULL;
    size_t n = 0;
    if (tfx_store_runs_of(store, experiment, &runs, &n, err) == TFX_OK)
        tfx_run_lock_check(store, runs, n, err);
    free(runs);
    return err->status;
}

/* Whether a run is past the point that another is to start from, and has left no checkpoint there. */
static int has_left_nothing(tfx_store *store, const tfx_start *start, tfx_id run, tfx_error *err)
{
    tfx_run_info info = {0};
    tfx_checkpoint_info latest = {0};
    int past = 0;
    if (!tfx_start_is_there(store, start, run, err) && tfx_store_run_info(store, run, &info, err) == TFX_OK &&
        tfx_store_latest_checkpoint(store, run, &latest, err) == TFX_OK)
        past = info.status == TFX_RUN_DONE ||
               (latest.id && start->point == TFX_POINT_STEP && latest.step >= start->number);
    tfx_run_info_finish(&info);
    tfx_checkpoint_info_finish(&latest);
    return past;
}

/* What has been executed already leaves no further checkpoints for new arms to start from. */
static tfx_status check_starts(tfx_store *store, tfx_id experiment, const tfx_experiment *e, tfx_error *err)
{
    tfx_id *runs = NULL;
    size_t n = 0;
    tfx_store_runs_of(store, experiment, &runs, &n, err);
    for (size_t i = 0; i < n && err->status == TFX_OK; i++) {
        tfx_run_info run = {0};
        if (tfx_store_run_info(store, runs[i], &run, err) == TFX_OK && run.status == TFX_RUN_PLANNED) {
            const tfx_arm *arm = tfx_experiment_arm(e, run.arm_name, err);
            const tfx_arm *from = arm ? arm->start.arm : NULL;
            tfx_id origin = from ? tfx_store_run_of(store, experiment, from->name, run.seed, err) : 0;
            if (origin && has_left_nothing(store, &arm->start, origin, err))
                tfx_fail(
                    err, TFX_E_INVALID,
                    "[arm %s]: run %lld (arm %s, seed %lld) has left no checkpoint to start from there, and is past it",
                    arm->name, (long long)origin, from->name, (long long)run.seed);
        }
        tfx_run_info_finish(&run);
    }
    free(runs);
    return err->status;
}

/* The spec of an experiment as this version would record it. Heap, or NULL. */
static char *recorded_spec(tfx_store *store, const tfx_registry *registry, tfx_id experiment, tfx_error *err)
{
    char *recorded = tfx_store_spec(store, experiment, err);
    char *renewed = recorded ? tfx_experiment_renewed(registry, recorded) : NULL;
    free(recorded);
    return renewed;
}

tfx_id tfx_launch_extend(tfx_store *store, const tfx_registry *registry, const tfx_selection *s,
                         const tfx_lookup *taken, tfx_error *err)
{
    const tfx_experiment *e = s->experiment;
    tfx_id id = tfx_store_newest_experiment(store, e->name, err);
    if (!id && err->status == TFX_OK)
        tfx_fail(err, TFX_E_INVALID, "%s: nothing to extend: experiment '%s' has not been run yet",
                 tfx_store_path(store), e->name);
    if (err->status != TFX_OK || check_idle(store, id, err) != TFX_OK || tfx_store_begin(store, err) != TFX_OK)
        return 0;
    char *recorded = recorded_spec(store, registry, id, err);
    if (recorded && tfx_spec_extends(recorded, e->resolved, e->file, err) == TFX_OK &&
        tfx_store_set_spec(store, id, e->description, e->resolved, err) == TFX_OK &&
        add_parts(store, id, e, taken, err) == TFX_OK && check_starts(store, id, e, err) == TFX_OK)
        tfx_store_commit(store, err);
    else
        tfx_store_rollback(store);
    free(recorded);
    return err->status == TFX_OK ? id : 0;
}

tfx_id tfx_launch_find_interrupted(tfx_store *store, const tfx_registry *registry, const tfx_selection *s,
                                   tfx_error *err)
{
    const tfx_experiment *e = s->experiment;
    tfx_id id = tfx_store_find_experiment(store, e->name, e->resolved, err), *runs = NULL;
    if (err->status != TFX_OK)
        return 0;
    tfx_id other = id ? id : tfx_store_newest_experiment(store, e->name, err);
    if (!id && other) {
        char *recorded = recorded_spec(store, registry, other, err);
        id = recorded && !strcmp(recorded, e->resolved) ? other : 0;
        free(recorded);
    }
    if (!id && err->status == TFX_OK)
        tfx_fail(err, TFX_E_INVALID,
                 other ? "%s: nothing to resume: experiment '%s' was run with other settings (same spec, profile and "
                         "--set are needed; with more arms or seeds: --extend)"
                       : "%s: nothing to resume: experiment '%s' has not been run yet",
                 tfx_store_path(store), e->name);
    if (!id)
        return 0;
    size_t n = 0;
    if (tfx_selection_runs(s, store, id, 0, &runs, &n, err) == TFX_OK)
        tfx_run_lock_check(store, runs, n, err);
    free(runs);
    return err->status == TFX_OK ? id : 0;
}

#include "framework/train/launch.h"

#include <cjson/cJSON.h>

#include "framework/base/memory.h"
#include "framework/store/references.h"
#include "framework/train/run_lock.h"

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

static tfx_id add_experiment(tfx_store *store, const tfx_experiment *e, const char *profile, const tfx_lookup *taken,
                             tfx_error *err)
{
    tfx_id id = tfx_store_add_experiment(store, e->name, e->description, e->file, profile, e->resolved, err);
    for (size_t i = 0; i < e->n_arms && err->status == TFX_OK; i++) {
        const tfx_arm *arm = &e->arms[i];
        char *json = train_json(&arm->train), *start = tfx_start_text(&arm->start);
        tfx_id arm_id = tfx_store_add_arm(store, id, arm->name, arm->model->name, arm->scaling_name,
                                          *start ? start : NULL, json, err);
        free(start);
        free(json);
        const tfx_arm_made made = {arm->sweep, arm->base, arm->point, arm->twin, arm->twin_of};
        if (arm_id && (arm->base || arm->twin_of))
            tfx_store_set_arm_made(store, arm_id, &made, err);
        for (size_t k = 0; k < e->n_seeds && err->status == TFX_OK; k++)
            tfx_store_add_run(store, arm_id, e->seeds[k], err);
    }
    for (size_t i = 0; taken && i < taken->n && err->status == TFX_OK; i++)
        if (taken->values[i].used)
            tfx_store_add_reference(store, id, &taken->values[i], err);
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
        tfx_run_lock_check(store, runs, n, err);
    free(runs);
    return err->status == TFX_OK ? id : 0;
}

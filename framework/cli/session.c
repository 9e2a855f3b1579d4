#include "framework/cli/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/cli/database.h"
#include "framework/plan/budget.h"
#include "framework/plan/groups.h"
#include "framework/plan/origin.h"
#include "framework/store/references.h"
#include "framework/train/reference.h"
#include "framework/train/start.h"

static tfx_status open_with(tfx_session *s, const tfx_cli_args *a, tfx_values_of of, tfx_id experiment, tfx_error *err)
{
    size_t n_sets;
    const char *const *sets = tfx_cli_values(a, "set", &n_sets);
    *s = (tfx_session){0};
    tfx_search_values_init(&s->values, tfx_cli_database(a), of, experiment);
    s->registry = tfx_registry_open(tfx_cli_plugin_dir(), err);
    if (s->registry)
        s->experiment = tfx_experiment_load_with(s->registry, tfx_cli_arg(a, 0), tfx_cli_value(a, "profile"), sets,
                                                 n_sets, &s->values.lookup, err);
    return err->status;
}

tfx_status tfx_session_open(tfx_session *s, const tfx_cli_args *a, tfx_error *err)
{
    return open_with(s, a, TFX_VALUES_NOW, 0, err);
}

/* Whether the spec, with the values that this experiment took, is the one that it was made from. */
static int is_spec_of(const tfx_cli_args *a, tfx_id experiment, const char *spec)
{
    tfx_session s;
    tfx_error other = {0};
    int same = open_with(&s, a, TFX_VALUES_RECORDED, experiment, &other) == TFX_OK &&
               tfx_session_plan(&s, tfx_cli_database(a), &other) == TFX_OK;
    char *recorded = same ? tfx_experiment_renewed(s.registry, spec) : NULL;
    same = same && !strcmp(s.experiment->resolved, recorded);
    free(recorded);
    tfx_session_close(&s);
    return same;
}

tfx_status tfx_session_open_again(tfx_session *s, const tfx_cli_args *a, tfx_error *err)
{
    tfx_id experiment = 0;
    if (open_with(s, a, TFX_VALUES_RECORDED, 0, err) != TFX_OK || !s->values.lookup.n)
        return err->status;
    tfx_rows *q = tfx_query_takers(s->values.store, s->experiment->name, err);
    while (!experiment && tfx_rows_next(q, err)) {
        tfx_id id = tfx_rows_int(q, 0, 1, err);
        experiment = is_spec_of(a, id, tfx_rows_text(q, 1, err)) ? id : 0;
    }
    tfx_rows_close(q);
    if (!experiment)
        return err->status;
    tfx_session_close(s);
    return open_with(s, a, TFX_VALUES_RECORDED, experiment, err);
}

tfx_status tfx_session_open_extended(tfx_session *s, const tfx_cli_args *a, tfx_error *err)
{
    if (open_with(s, a, TFX_VALUES_NOW, 0, err) != TFX_OK || !s->values.lookup.n)
        return err->status;
    tfx_id experiment = tfx_store_newest_experiment(s->values.store, s->experiment->name, err);
    if (!experiment)
        return err->status;
    tfx_session_close(s);
    return open_with(s, a, TFX_VALUES_EXTENDED, experiment, err);
}

/* A start in a run of the database, or in a checkpoint of any. */
static tfx_status find_origin(tfx_arm_plan *p, const char *db, tfx_error *err)
{
    const tfx_start *start = &p->arm->start;
    tfx_found_start found = {0};
    tfx_store *store = start->kind == TFX_START_RUN ? tfx_store_open(db, TFX_STORE_READ, err) : NULL;
    if (err->status == TFX_OK && tfx_start_find(store, start, &found, err) == TFX_OK)
        tfx_origin_from_checkpoint(p, found.folder, found.json_hash, found.what, err);
    tfx_found_start_finish(&found);
    tfx_store_close(store);
    if (err->status != TFX_OK && !err->located) {
        tfx_error_prefix(err, "[arm %s]", p->arm->name);
        tfx_start_locate(start, err);
    }
    return err->status;
}

tfx_status tfx_session_plan(tfx_session *s, const char *db, tfx_error *err)
{
    if (tfx_device_open(&s->device, s->experiment, err) != TFX_OK)
        return err->status;
    s->plans = TFX_NEW_ARRAY(tfx_arm_plan *, s->experiment->n_arms);
    for (size_t k = 0; k < s->experiment->n_arms && err->status == TFX_OK; k++) {
        size_t i = s->experiment->planning[k];
        if (tfx_budget_set(s->experiment, i, s->plans, err) != TFX_OK)
            break;
        tfx_arm_plan *p = s->plans[i] = tfx_arm_plan_create(s->experiment, &s->experiment->arms[i], s->registry,
                                                            &s->device, err);
        if (p && p->arm->start.arm) /* its plan is there already */
            tfx_origin_from_arm(p, s->plans[p->arm->start.arm - s->experiment->arms], err);
        else if (p && p->arm->start.kind)
            find_origin(p, db, err);
    }
    if (err->status == TFX_OK)
        tfx_groups_check_used(s->plans, s->experiment->n_arms, err);
    return err->status == TFX_OK ? tfx_experiment_resolve_again(s->experiment, s->registry, err) : err->status;
}

tfx_status tfx_session_check_data(tfx_session *s, const char *chosen, tfx_error *err)
{
    const tfx_arm_plan *first = NULL;
    for (size_t i = 0; i < s->experiment->n_arms; i++) {
        tfx_arm_plan *p = s->plans[i];
        if (chosen && !chosen[i])
            continue;
        if (tfx_arm_plan_check_data(s->experiment, p, err) != TFX_OK)
            return err->status;
        if (!first)
            first = p;
        else if (!tfx_validation_set_same(&first->validation, &p->validation))
            fprintf(stderr,
                    "tfx: note: arm %s (context %" PRId64 ") is evaluated on other tokens than arm %s (context %" PRId64
                    "): their windows do not fill the same pieces of the validation split\n",
                    p->arm->name, p->validation.context, first->arm->name, first->validation.context);
    }
    return TFX_OK;
}

/* Whether the arm has a run for each seed in that experiment, all of which have begun. */
static int all_begun(tfx_store *store, tfx_id experiment, const tfx_experiment *e, const char *arm, tfx_error *err)
{
    int begun = experiment != 0;
    tfx_id id = begun ? tfx_store_arm_of(store, experiment, arm, err) : 0;
    for (size_t i = 0; i < e->n_seeds && begun && err->status == TFX_OK; i++) {
        tfx_run_info run = {0};
        begun = id && tfx_store_arm_has_seed(store, id, e->seeds[i], err) &&
                tfx_store_run_info(store, tfx_store_run_of(store, experiment, arm, e->seeds[i], err), &run, err) ==
                    TFX_OK &&
                run.status != TFX_RUN_PLANNED;
        tfx_run_info_finish(&run);
    }
    return begun;
}

tfx_status tfx_session_check_references(tfx_session *s, const char *chosen, const char *db, int extend, tfx_error *err)
{
    const tfx_experiment *e = s->experiment;
    tfx_store *store = NULL;
    for (size_t i = 0; i < e->n_arms && err->status == TFX_OK; i++) {
        if ((chosen && !chosen[i]) || !tfx_reference_needed(s->plans[i], err))
            continue;
        if (!store && !access(db, F_OK))
            store = tfx_store_open(db, TFX_STORE_READ, err);
        tfx_id known = store && extend ? tfx_store_newest_experiment(store, e->name, err) : 0;
        if (err->status == TFX_OK && !all_begun(store, known, e, e->arms[i].name, err))
            tfx_reference_give(store, db, s->plans[i], e->seeds[0], err);
    }
    tfx_store_close(store);
    return err->status;
}

void tfx_session_close(tfx_session *s)
{
    for (size_t i = 0; s->plans && i < s->experiment->n_arms; i++)
        tfx_arm_plan_destroy(s->plans[i]);
    free(s->plans);
    tfx_device_close(&s->device);
    tfx_experiment_destroy(s->experiment);
    tfx_registry_close(s->registry);
    tfx_search_values_finish(&s->values);
    *s = (tfx_session){0};
}

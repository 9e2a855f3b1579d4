#include "framework/train/reference.h"

#include <inttypes.h>
#include <string.h>

#include "framework/base/log.h"
#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/plan/policy.h"
#include "framework/store/queries.h"

/* Puts the names in the first column behind a message about one that is none of them. */
static tfx_status suggest(tfx_rows *names, const char *name, const char *none, tfx_error *err)
{
    tfx_error other = {0};
    tfx_suggest known = {.name = name};
    while (tfx_rows_next(names, &other))
        tfx_suggest_add(&known, "%s", tfx_rows_text(names, 0, &other));
    tfx_rows_close(names);
    return tfx_suggest_end(&known, none, err);
}

static int has(tfx_rows *names, const char *name, tfx_error *err)
{
    int found = 0;
    while (!found && tfx_rows_next(names, err))
        found = !strcmp(tfx_rows_text(names, 0, err), name);
    tfx_rows_close(names);
    return found;
}

/* Why no run was found. */
static tfx_status fail_no_run(tfx_store *store, const tfx_arm *arm, const tfx_curve_request *r, tfx_error *err)
{
    tfx_error other = {0};
    const char *db = tfx_store_path(store), *at = r->arm;
    if (has(tfx_query_arm_names(store, r->experiment, err), r->arm, err)) {
        tfx_fail(err, TFX_E_INVALID, "experiment '%s' of database %s has no finished run of arm '%s' yet",
                 r->experiment, db, r->arm);
    } else if (tfx_store_newest_experiment(store, r->experiment, err)) {
        tfx_fail(err, TFX_E_INVALID, "experiment '%s' of database %s has no arm '%s'", r->experiment, db, r->arm);
        suggest(tfx_query_arm_names(store, r->experiment, &other), r->arm, "it has none", err);
    } else {
        tfx_fail(err, TFX_E_INVALID, "database %s has no experiment '%s'", db, r->experiment);
        suggest(tfx_query_experiment_names(store, &other), r->experiment, "it has none", err);
        at = r->experiment;
    }
    tfx_plugin_use_locate_value(&arm->scaling, at, err);
    return err->status;
}

static tfx_status give(tfx_store *store, const tfx_arm_plan *plan, uint32_t stage, const tfx_curve_request *r,
                       int64_t seed, tfx_error *err)
{
    tfx_id run = tfx_store_finished_run(store, r->experiment, r->arm, seed, err);
    tfx_curve curve = {.struct_size = sizeof(curve)};
    double *flops = NULL, *loss = NULL;
    if (!run)
        return err->status == TFX_OK ? fail_no_run(store, plan->arm, r, err) : err->status;
    if (tfx_store_val_losses(store, run, &flops, &loss, &curve.n, err) == TFX_OK && curve.n < 2) {
        tfx_fail(err, TFX_E_INVALID,
                 "run %lld of database %s, arm '%s', has %zu validation losses; expected 2 at least", (long long)run,
                 tfx_store_path(store), r->arm, curve.n);
        tfx_plugin_use_locate_value(&plan->arm->scaling, r->arm, err);
    }
    curve.flops = flops;
    curve.loss = loss;
    if (err->status == TFX_OK && tfx_policy_take_curve(plan->arm, plan->policy, stage, &curve, err) == TFX_OK)
        tfx_log_note("stage %" PRIu32 " is compared with run %lld, arm %s of experiment %s", stage, (long long)run,
                     r->arm, r->experiment);
    free(flops);
    free(loss);
    return err->status;
}

int tfx_reference_needed(const tfx_arm_plan *plan, tfx_error *err)
{
    tfx_curve_request r;
    for (uint32_t i = 0; i + 1 < plan->n_stages; i++)
        if (tfx_policy_needs_curve(plan->arm, plan->policy, i, &r, err) == TFX_OK && r.arm)
            return 1;
    return 0;
}

tfx_status tfx_reference_give(tfx_store *store, const char *db, const tfx_arm_plan *plan, int64_t seed, tfx_error *err)
{
    tfx_curve_request r;
    for (uint32_t i = 0; i + 1 < plan->n_stages; i++) {
        if (tfx_policy_needs_curve(plan->arm, plan->policy, i, &r, err) != TFX_OK)
            break;
        if (!r.arm)
            continue;
        if (!store) {
            tfx_fail(err, TFX_E_INVALID, "there is no database %s with an experiment '%s'", db, r.experiment);
            tfx_plugin_use_locate_value(&plan->arm->scaling, r.experiment, err);
            break;
        }
        if (give(store, plan, i, &r, seed, err) != TFX_OK)
            break;
    }
    return err->status;
}

#include "framework/plan/event.h"

#include <stdio.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "framework/model/growth.h"
#include "framework/model/growth_proof.h"
#include "framework/plan/axes.h"
#include "framework/plugin/calls/operator_calls.h"

uint64_t tfx_event_seed(uint64_t run_seed, uint32_t event)
{
    return tfx_random_u64(run_seed, tfx_random_stream("growth"), event);
}

int tfx_event_has_operator(const tfx_arm *arm, uint32_t event)
{
    return tfx_arm_event(arm, event)->op.impl != NULL;
}

static tfx_status see(tfx_stage_plan *s, const tfx_registry *registry, tfx_error *err)
{
    if (s->view)
        return TFX_OK;
    tfx_axes *axes = tfx_stage_axes_create(s, registry, err);
    if (axes)
        s->view = tfx_model_view_create(axes, &s->state, s->model);
    tfx_axes_destroy(axes);
    return err->status;
}

/* The two models of an event, for the proof that an operator may ask for. */
typedef struct event_models {
    const tfx_model *from, *to;
    const tfx_registry *registry;
} event_models;

static tfx_status prove(void *data, const tfx_growth_map *m, double *factor, char **why, tfx_error *err)
{
    const event_models *models = data;
    tfx_growth_claim claim;
    if (tfx_growth_prove(models->from, models->to, m, models->registry, &claim, err) == TFX_OK) {
        *factor = claim.logit_factor;
        *why = tfx_strdup(claim.why);
    }
    tfx_growth_claim_finish(&claim);
    return err->status;
}

/* A policy that makes parameters itself starts from the plainest map, and may only extend what layers declared to be
 * growable. */
static tfx_status make_map(const tfx_arm *arm, uint32_t event, const tfx_stage_plan *from, const tfx_stage_plan *to,
                           tfx_growth_map *m, tfx_error *err)
{
    const tfx_plugin_use *use = &tfx_arm_event(arm, event)->op;
    const char *a = from->model->name, *b = to->model->name;
    char about[200];
    snprintf(about, sizeof(about), "%s into %s", a, b);
    if (!tfx_event_has_operator(arm, event)) {
        if (tfx_growth_check(&from->state, a, &to->state, b, err) == TFX_OK)
            tfx_growth_map_close(m, err);
    } else if (tfx_call_operator_map(use->impl, use->options, tfx_growth_map_open(m), about, err) != TFX_OK) {
        if (!tfx_options_blamed(use->options, err->text))
            tfx_error_prefix(err, "operator %s", use->name);
        tfx_plugin_use_locate(use, err);
    } else if (tfx_growth_map_close(m, err) != TFX_OK) {
        tfx_error_prefix(err, "model '%s' cannot grow into '%s' with operator %s", a, b, use->name);
    }
    return err->status;
}

tfx_growth_map *tfx_event_map_create(const tfx_arm *arm, uint32_t event, tfx_stage_plan *from, tfx_stage_plan *to,
                                     const tfx_registry *registry, uint64_t seed, tfx_error *err)
{
    if (see(from, registry, err) != TFX_OK || see(to, registry, err) != TFX_OK)
        return NULL;
    tfx_growth_map *m = tfx_growth_map_create(from->view, to->view, event, seed);
    tfx_growth_map_set_prover(m, prove, &(event_models){from->model, to->model, registry});
    if (make_map(arm, event, from, to, m, err) == TFX_OK)
        return m;
    tfx_growth_map_destroy(m);
    return NULL;
}

/* What the map keeps, noise on top of it does not. */
static void count_noise(const tfx_stage_plan *to, tfx_growth_claim *claim)
{
    if (claim->logit_factor == 0 || (to->noise == 0 && to->noise_old == 0))
        return;
    char *why = tfx_printf("noise is added to %s values; without it: %s", to->noise_old > 0 ? "old" : "copied",
                           claim->why);
    tfx_growth_claim_finish(claim);
    claim->why = why;
}

tfx_status tfx_event_claim(const tfx_arm *arm, uint32_t event, tfx_stage_plan *from, tfx_stage_plan *to,
                           const tfx_registry *registry, uint64_t seed, tfx_growth_claim *claim, tfx_error *err)
{
    tfx_growth_map *m = tfx_event_map_create(arm, event, from, to, registry, seed, err);
    *claim = (tfx_growth_claim){0};
    if (m && tfx_event_has_operator(arm, event)) {
        tfx_growth_prove(from->model, to->model, m, registry, claim, err);
        count_noise(to, claim);
    } else if (m) {
        claim->why = tfx_printf("policy %s makes the new parameters itself, and nothing is known of them",
                                arm->scaling.name);
    }
    tfx_growth_map_destroy(m);
    return err->status;
}

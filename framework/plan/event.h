/* Event: the growth into a stage as a map, made by the operator that the spec names, or the plainest for a policy that
 * makes parameters itself. */
#ifndef TFX_PLAN_EVENT_H
#define TFX_PLAN_EVENT_H

#include "framework/model/growth_proof.h"
#include "framework/plan/stage.h"

/* Else the policy makes the parameters. */
int tfx_event_has_operator(const tfx_arm *arm, uint32_t event);

/* The map of growth event `event`, from one stage's model into another's, closed and so checked. NULL with a message. The
 * caller destroys it; stages outlive it. */
tfx_growth_map *tfx_event_map_create(const tfx_arm *arm, uint32_t event, tfx_stage_plan *from, tfx_stage_plan *to,
                                     const tfx_registry *registry, uint64_t seed, tfx_error *err);

/* Makes that map, and claims what it and the event's noise do to the function: nothing is known where the policy makes the
 * parameters. */
tfx_status tfx_event_claim(const tfx_arm *arm, uint32_t event, tfx_stage_plan *from, tfx_stage_plan *to,
                           const tfx_registry *registry, uint64_t seed, tfx_growth_claim *claim, tfx_error *err);

/* The seed of everything random in an event of a run with that seed. */
uint64_t tfx_event_seed(uint64_t run_seed, uint32_t event);

#endif

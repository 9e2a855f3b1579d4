#include "framework/plan/branches.h"

#include <inttypes.h>

static int is_at(const tfx_start *s, const tfx_branch_place *at)
{
    switch (s->point) {
    case TFX_POINT_STEP: return s->number == at->step;
    case TFX_POINT_STAGE: return s->number == at->ended_stage;
    default: return at->last;
    }
}

int tfx_arm_branches(const tfx_experiment *e, const tfx_arm *trunk, const tfx_branch_place *at, int *optimizer)
{
    int any = 0, keep = 0;
    for (size_t i = 0; i < e->n_arms; i++) {
        const tfx_start *s = &e->arms[i].start;
        if (s->kind != TFX_START_ARM || s->arm != trunk || !is_at(s, at))
            continue;
        any = 1;
        keep |= s->keep_optimizer;
    }
    if (optimizer)
        *optimizer = keep;
    return any;
}

tfx_status tfx_start_place(const tfx_start *s, const tfx_arm_plan *trunk, uint32_t *stage, int64_t *steps,
                           tfx_error *err)
{
    const tfx_stage_plan *last = trunk->stages[trunk->n_stages - 1];
    int64_t all = last->first_step + last->steps;
    *stage = 0;
    *steps = 0;
    if (s->point == TFX_POINT_STEP && s->number > all)
        return tfx_fail_at(err, s->file, s->line,
                           "start: expected a step from 1 to %" PRId64 ", the last of [arm %s]; found %" PRId64, all,
                           trunk->arm->name, s->number);
    if (s->point == TFX_POINT_STAGE && s->number >= trunk->n_stages)
        return tfx_fail_at(err, s->file, s->line,
                           "start: expected a stage from 0 to %" PRIu32 ", the last of [arm %s]; found %" PRId64,
                           trunk->n_stages - 1, trunk->arm->name, s->number);
    *stage = s->point == TFX_POINT_STAGE ? (uint32_t)s->number : trunk->n_stages - 1;
    while (s->point == TFX_POINT_STEP && trunk->stages[*stage]->first_step >= s->number)
        --*stage; /* at the step of a growth event, before it */
    *steps = s->point == TFX_POINT_STEP ? s->number : trunk->stages[*stage]->first_step + trunk->stages[*stage]->steps;
    return TFX_OK;
}

/* Whether an arm before the i-th starts at the very same place. */
static int is_shared(const tfx_experiment *e, size_t i)
{
    const tfx_start *s = &e->arms[i].start;
    for (size_t k = 0; k < i; k++)
        if (e->arms[k].start.arm == s->arm && e->arms[k].start.point == s->point &&
            e->arms[k].start.number == s->number)
            return 1;
    return 0;
}

uint64_t tfx_arm_plan_branch_bytes(const tfx_arm_plan *trunk)
{
    const tfx_experiment *e = trunk->experiment;
    uint64_t bytes = 0;
    for (size_t i = 0; i < e->n_arms; i++) {
        const tfx_start *s = &e->arms[i].start;
        tfx_error none = {0}; /* a place that is not there has a message when its own arm is planned */
        uint32_t stage;
        int64_t steps;
        if (s->arm == trunk->arm && !is_shared(e, i) && tfx_start_place(s, trunk, &stage, &steps, &none) == TFX_OK)
            bytes += trunk->stages[stage]->param_bytes + trunk->stages[stage]->optimizer_bytes;
    }
    return bytes;
}

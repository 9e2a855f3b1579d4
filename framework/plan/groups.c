#include "framework/plan/groups.h"

#include <string.h>

#include "framework/base/suggest.h"

static int is_frozen(const void *train, const char *path)
{
    const tfx_param_group *g = tfx_param_group_of(train, path);
    return g && g->freeze;
}

void tfx_groups_freeze(tfx_state_layout *s, const tfx_train_config *train)
{
    if (!train->n_groups)
        return;
    s->is_frozen = is_frozen;
    s->who_knows = train;
}

static tfx_status check_overlap(const tfx_train_config *train, const char *path, tfx_error *err)
{
    const tfx_param_group *first = NULL;
    for (size_t i = 0; i < train->n_groups; i++) {
        const tfx_param_group *g = &train->groups[i];
        if (!tfx_param_group_has(g, path))
            continue;
        if (first)
            return tfx_fail_at(err, g->file, g->line,
                               "group.%s.match: expected parameters that no other group has; found %s, which is in "
                               "group.%s, too",
                               g->name, path, first->name);
        first = g;
    }
    return TFX_OK;
}

tfx_status tfx_groups_check(const tfx_train_config *train, const tfx_stage_plan *stage, tfx_error *err)
{
    for (uint32_t i = 0; i < stage->state.n && err->status == TFX_OK; i++)
        if (stage->state.tensors[i].kind == TFX_STATE_PARAM)
            check_overlap(train, stage->state.tensors[i].name, err);
    return err->status;
}

static int has_any(const tfx_param_group *g, const tfx_arm_plan *p)
{
    for (uint32_t k = 0; k < p->n_stages; k++)
        for (uint32_t i = 0; i < p->stages[k]->state.n; i++)
            if (p->stages[k]->state.tensors[i].kind == TFX_STATE_PARAM &&
                tfx_param_group_has(g, p->stages[k]->state.tensors[i].name))
                return 1;
    return 0;
}

/* Whether a group of that name has a parameter somewhere. */
static int is_used(tfx_arm_plan *const *plans, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        const tfx_train_config *t = &plans[i]->arm->train;
        for (size_t k = 0; k < t->n_groups; k++)
            if (!strcmp(t->groups[k].name, name) && has_any(&t->groups[k], plans[i]))
                return 1;
    }
    return 0;
}

static tfx_status fail_unused(const tfx_param_group *g, const tfx_stage_plan *stage, tfx_error *err)
{
    tfx_suggest known = {.name = g->match[0]};
    for (uint32_t i = 0; i < stage->state.n; i++)
        if (stage->state.tensors[i].kind == TFX_STATE_PARAM)
            tfx_suggest_add(&known, "%s", stage->state.tensors[i].name);
    tfx_fail_at(err, g->file, g->line, "group.%s.match: no parameter of any arm is \"%s\"%s", g->name, g->match[0],
                g->n_match > 1 ? " or one of the others" : "");
    return tfx_suggest_end(&known, NULL, err);
}

tfx_status tfx_groups_check_used(tfx_arm_plan *const *plans, size_t n, tfx_error *err)
{
    for (size_t i = 0; i < n && err->status == TFX_OK; i++) {
        const tfx_train_config *t = &plans[i]->arm->train;
        for (size_t k = 0; k < t->n_groups && err->status == TFX_OK; k++)
            if (!is_used(plans, n, t->groups[k].name))
                fail_unused(&t->groups[k], plans[i]->stages[0], err);
    }
    return err->status;
}

#include "framework/plan/budget.h"

#include <math.h>

#include "framework/base/memory.h"
#include "framework/plan/origin.h"

/* All that leads to the end of an arm. */
static double spends(const tfx_arm_plan *p, int tokens)
{
    double before = !p->origin ? 0 : tokens ? (double)p->origin->before.tokens : p->origin->before.flops;
    return before + (tokens ? tfx_arm_plan_tokens(p) : tfx_arm_plan_flops(p));
}

tfx_status tfx_budget_set(tfx_experiment *e, size_t arm, tfx_arm_plan *const *plans, tfx_error *err)
{
    tfx_train_config *t = &e->arms[arm].train;
    const tfx_budget *b = &t->budget;
    const tfx_arm *first = NULL;
    double all = 0;
    if (!b->of)
        return TFX_OK;
    for (size_t i = 0; i < e->n_arms; i++) {
        if (!tfx_arm_answers_to(&e->arms[i], b->of))
            continue;
        double one = spends(plans[i], b->tokens);
        if (first && one != all)
            return tfx_fail_at(
                err, b->file, b->line,
                "%s: expected points of [arm %s] that spend the same; found %.6g %s of [arm %s] and %.6g of "
                "[arm %s]; name one of them",
                tfx_budget_key(b), b->of, all, b->tokens ? "tokens" : "FLOPs", first->name, one, e->arms[i].name);
        first = &e->arms[i];
        all = one;
    }
    if (b->tokens)
        t->tokens = (int64_t)fmax(1, round(b->factor * all));
    else
        t->flops = b->factor * all;
    return TFX_OK;
}

char *tfx_budget_describe(const tfx_arm *arm)
{
    const tfx_budget *b = &arm->train.budget;
    if (!b->of)
        return NULL;
    char *part = b->factor == 1 ? tfx_strdup("as many as") : tfx_printf("%.6g of what", b->factor);
    char *text = tfx_printf("[arm %s] trains for %.4g %s, %s [arm %s] spends", arm->name,
                            b->tokens ? (double)arm->train.tokens : arm->train.flops, b->tokens ? "tokens" : "FLOPs",
                            part, b->of);
    free(part);
    return text;
}

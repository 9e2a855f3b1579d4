/* Budget: how long an arm trains where another arm says it: as many FLOPs or tokens as that one spends in all, or a part
 * of it.
 *
 *   train.flops = arm:NAME          train.tokens = 0.2 * arm:NAME
 *
 * How much that is, is known when the other arm is planned (framework/plan/budget.h). */
#ifndef TFX_SPEC_BUDGET_H
#define TFX_SPEC_BUDGET_H

#include "framework/base/error.h"
#include "framework/plugin/options.h"

typedef struct tfx_budget {
    char *of;      /* the arm's name; NULL: the length is a number */
    double factor; /* above 0 */
    int tokens;    /* rather than FLOPs */
    const char *file;
    int line;
} tfx_budget;

/* Whether a value of `tokens` or `flops` names an arm. */
int tfx_budget_names_arm(const char *value);
/* Reads it. The arm is not looked up. On error, too, tfx_budget_finish. */
tfx_status tfx_budget_read(tfx_budget *out, const tfx_setting *s, tfx_error *err);
void tfx_budget_finish(tfx_budget *b);

/* As a spec says it, "0.2 * arm:NAME"; heap. */
char *tfx_budget_text(const tfx_budget *b);
/* The key that it is the value of: "tokens" or "flops". */
const char *tfx_budget_key(const tfx_budget *b);

#endif

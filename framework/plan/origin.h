/* Origin: what an arm that does not start from its initialisation starts from, and whether its model, its optimizer
 * and its data can go on from there. */
#ifndef TFX_PLAN_ORIGIN_H
#define TFX_PLAN_ORIGIN_H

#include "framework/checkpoint/layout.h"
#include "framework/plan/arm.h"

struct tfx_origin {
    char *what;                    /* "step 800 of arm trunk" */
    char *model;                   /* the name of its model; NULL: not known */
    const tfx_state_layout *state; /* its parameters and optimizer state; those of an arm's stage, or `own` */
    tfx_state_layout own;
    tfx_stage_plan *stage; /* of the model there, where the arm grows at its start: that of an arm, or own_stage */
    tfx_stage_plan *own_stage;
    tfx_model_spec *own_spec;
    int has_optimizer;     /* its state is there */
    tfx_carry_state carry; /* what becomes of that state: KEEP or RESET */
    tfx_checkpoint_setting setting;
    tfx_spent before; /* all that was spent to come there, ancestors included; of an arm as planned, without seconds */
};

/* What a checkpoint of a run in this stage will say of it. */
void tfx_stage_setting(const tfx_experiment *e, const tfx_arm *arm, const tfx_stage_plan *s, int64_t seed,
                       tfx_checkpoint_setting *out);

/* Sets p->origin to the place in the runs of another arm, as planned, that the arm starts from, after a check of
 * everything. */
tfx_status tfx_origin_from_arm(tfx_arm_plan *p, const tfx_arm_plan *trunk, tfx_error *err);
/* The same for the folder of a checkpoint, whose files are checked, too. `json_hash`: of its checkpoint.json as
 * recorded; NULL: not known. `what` says what it is. */
tfx_status tfx_origin_from_checkpoint(tfx_arm_plan *p, const char *folder, const char *json_hash, const char *what,
                                      tfx_error *err);
void tfx_origin_destroy(tfx_origin *o);

#endif

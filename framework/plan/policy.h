/* Policy: the scaling policy of an arm, and the stages that it declares. An arm that does not
 * grow has no policy (NULL) and one stage. */
#ifndef TFX_PLAN_POLICY_H
#define TFX_PLAN_POLICY_H

#include "framework/spec/experiment.h"
#include "tfx/scaling.h"

/* All messages name the key of [scaling]. */
tfx_status tfx_policy_open(const tfx_arm *arm, tfx_scaling **out, uint32_t *n_stages, tfx_error *err);
void tfx_policy_close(const tfx_arm *arm, tfx_scaling *policy);

/* Fills *out, with what the spec says of the event over what the policy does; *train gets what the stage trains with. Returns the stage's model, or NULL with a message. */
const tfx_model_spec *tfx_policy_stage(const tfx_experiment *e, const tfx_arm *arm, const tfx_scaling *policy,
                                       uint32_t index, tfx_stage *out, tfx_error *err);

/* What a stage trains with: [train] of the arm, with what the event says of it, and what the policy says where the event does
 * not. Its pointers are the arm's. */
tfx_status tfx_policy_train(const tfx_arm *arm, uint32_t index, const tfx_stage *stage, tfx_train_config *out,
                            tfx_error *err);

/* Shows the policy which parameters (n paths) change when stage `index` begins. */
tfx_status tfx_policy_check(const tfx_arm *arm, const tfx_scaling *policy, uint32_t index, const char *const *paths,
                            size_t n, tfx_error *err);

/* Shows the policy a stage that is planned; the last one is not shown to it. */
tfx_status tfx_policy_check_stage(const tfx_arm *arm, const tfx_scaling *policy, const tfx_planned_stage *stage,
                                  tfx_error *err);

/* Which curve of another run the policy needs for the stage, arm NULL for none, and giving it. */
tfx_status tfx_policy_needs_curve(const tfx_arm *arm, const tfx_scaling *policy, uint32_t stage, tfx_curve_request *out,
                                  tfx_error *err);
tfx_status tfx_policy_take_curve(const tfx_arm *arm, tfx_scaling *policy, uint32_t stage, const tfx_curve *curve,
                                 tfx_error *err);

/* Whether the policy may end stages before their planned ends. */
int tfx_policy_decides(const tfx_arm *arm);

/* Asks a policy whether the stage ends now. */
tfx_status tfx_policy_should_grow(const tfx_arm *arm, tfx_scaling *policy, const tfx_growth_signals *signals, int *grow,
                                  tfx_error *err);

/* Why it does, until the next call; NULL: the policy does not say, or an error. */
const char *tfx_policy_reason(const tfx_arm *arm, tfx_scaling *policy, tfx_error *err);

/* What the policy wants to be kept with a checkpoint, until the next call; NULL: nothing, or an error. */
const char *tfx_policy_save(const tfx_arm *arm, tfx_scaling *policy, tfx_error *err);
/* Gives it back before a run goes on from that checkpoint; NULL: nothing was kept. */
tfx_status tfx_policy_load(const tfx_arm *arm, tfx_scaling *policy, const char *text, tfx_error *err);

#endif

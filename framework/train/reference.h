/* Reference: curves of other runs that a policy decides by, out of the database. */
#ifndef TFX_TRAIN_REFERENCE_H
#define TFX_TRAIN_REFERENCE_H

#include "framework/plan/arm.h"
#include "framework/store/store.h"

/* Whether the arm's policy needs any. */
int tfx_reference_needed(const tfx_arm_plan *plan, tfx_error *err);

/* Gives the policy all that it needs: of each experiment and arm that it names, the validation losses of a finished
 * run, of the newest experiment of that name that has one; with this seed where there is such a run, otherwise
 * with the lowest. Fails with a message that names the key of [scaling]. `store` may be NULL: there is no database, and
 * the message calls it `db`. */
tfx_status tfx_reference_give(tfx_store *store, const char *db, const tfx_arm_plan *plan, int64_t seed, tfx_error *err);

#endif

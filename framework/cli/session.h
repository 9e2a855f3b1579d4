/* Session: what the verbs that work on a spec have in common. Internal to framework/cli. */
#ifndef TFX_CLI_SESSION_H
#define TFX_CLI_SESSION_H

#include "framework/cli/cli.h"
#include "framework/plan/arm.h"
#include "framework/train/search_values.h"

typedef struct tfx_session {
    tfx_registry *registry;
    tfx_experiment *experiment;
    tfx_device device;
    tfx_arm_plan **plans; /* [experiment->n_arms]; NULL until tfx_session_plan */
    tfx_search_values values;
} tfx_session;

/* Members of a tfx_cli_option. */
#define TFX_CLI_PROFILE_OPTION "profile", "NAME", 0, "apply the overrides of [profile NAME]"
#define TFX_CLI_SET_OPTION "set", "SECTION.KEY=VALUE", 1, "override a setting"

/* Plugins, and the spec that the first argument names, with --profile and --set and what it takes from the database. */
tfx_status tfx_session_open(tfx_session *s, const tfx_cli_args *a, tfx_error *err);
/* The same to go on with an experiment: values that it took from searches are those of then, also where these have new
 * results. */
tfx_status tfx_session_open_again(tfx_session *s, const tfx_cli_args *a, tfx_error *err);
/* The same to add to the newest experiment of this name: values that it took are those of then, others are new. */
tfx_status tfx_session_open_extended(tfx_session *s, const tfx_cli_args *a, tfx_error *err);
/* The backend, and a plan for every arm, with what it starts from: runs of `db`. */
tfx_status tfx_session_plan(tfx_session *s, const char *db, tfx_error *err);
/* After it: whether the data of the arms that `chosen` marks (NULL: of all) can be used; chooses their validation
 * sets, and notes on stderr where two arms are not evaluated on the same tokens. */
tfx_status tfx_session_check_data(tfx_session *s, const char *chosen, tfx_error *err);
/* After it: whether the database has the curves that the policies of those arms decide by. To `extend` the newest
 * experiment of this name, only arms need one of which a run has not begun. */
tfx_status tfx_session_check_references(tfx_session *s, const char *chosen, const char *db, int extend, tfx_error *err);
/* Closes whatever is open; always call it. */
void tfx_session_close(tfx_session *s);

#endif

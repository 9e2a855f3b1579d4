/* Finding a checkpoint's files. Internal to framework/cli. */
#ifndef TFX_CLI_CHECKPOINT_PATH_H
#define TFX_CLI_CHECKPOINT_PATH_H

#include "framework/cli/cli.h"
#include "framework/store/store.h"

/* The weights file of a checkpoint of the database; malloced. NULL with a message when it is gone or not the one
 * that was recorded. */
char *tfx_cli_checkpoint_file(tfx_store *s, tfx_id checkpoint, tfx_error *err);

/* The weights file that --weights, --checkpoint or, without either, the newest checkpoint
 * of the arm stands for; malloced. */
char *tfx_cli_checkpoint_weights(const tfx_cli_args *a, const char *experiment, const char *arm, tfx_error *err);

#endif

/* Arguments: parsing and help for one verb. Internal to framework/cli; verbs use cli.h. */
#ifndef TFX_CLI_ARGS_H
#define TFX_CLI_ARGS_H

#include <stdio.h>

#include "framework/cli/cli.h"

/* Parses what follows the verb. `--` ends the options. NULL with a message that names the
 * nearest option; --help (or -h) anywhere before `--` wins over every other error and is
 * reported by tfx_cli_args_help. Strings are borrowed from argv or owned by the result. */
tfx_cli_args *tfx_cli_args_parse(const tfx_command *command, int argc, char **argv, tfx_error *err);
void tfx_cli_args_destroy(tfx_cli_args *a);
int tfx_cli_args_help(const tfx_cli_args *a);

/* What `tfx VERB --help` prints. */
void tfx_cli_print_help(const tfx_command *command, FILE *out);
/* The same for `tfx --help --json`, from which tfx(1) is made. The caller deletes it. */
struct cJSON *tfx_cli_help_json(const tfx_command *command);

#endif

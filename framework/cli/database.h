/* Database: what the verbs that read a database have in common. Internal to framework/cli. */
#ifndef TFX_CLI_DATABASE_H
#define TFX_CLI_DATABASE_H

#include "framework/cli/cli.h"
#include "framework/report/table.h"
#include "framework/store/store.h"

/* Members of a tfx_cli_option. */
#define TFX_CLI_DB_OPTION "db", "FILE", 0, "the database (default: tfx.db)"
#define TFX_CLI_JSON_OPTION "json", NULL, 0, "print JSON"
#define TFX_CLI_CSV_OPTION "csv", NULL, 0, "print comma-separated values"

/* The file that --db names, or the default. */
const char *tfx_cli_database(const tfx_cli_args *a);
/* Opens it for reading. */
tfx_store *tfx_cli_open_database(const tfx_cli_args *a, tfx_error *err);
/* Opens one that is there for changing it. */
tfx_store *tfx_cli_change_database(const tfx_cli_args *a, tfx_error *err);

/* The run id that an argument holds; 0 with a message. */
tfx_id tfx_cli_run_id(const char *argument, tfx_error *err);

/* From --json and --csv; both at once is an error. */
tfx_status tfx_cli_format(const tfx_cli_args *a, tfx_format *out, tfx_error *err);

#endif

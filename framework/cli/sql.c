/* tfx sql: one query of the user's, read-only. */
#include "framework/cli/database.h"
#include "framework/report/table.h"
#include "framework/store/queries.h"

static int run(const tfx_cli_args *a, tfx_error *err)
{
    tfx_format format = TFX_FORMAT_TEXT;
    tfx_store *store = tfx_cli_format(a, &format, err) == TFX_OK ? tfx_cli_open_database(a, err) : NULL;
    tfx_rows *rows = store ? tfx_query_user(store, tfx_cli_arg(a, 0), err) : NULL;
    tfx_table_print(rows, NULL, format, stdout, err);
    tfx_rows_close(rows);
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_CSV_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_sql = {
    "sql",
    "\"SELECT ...\" [--json | --csv] [--db FILE]",
    "Query the database, read-only; docs/database.md explains every table and view.",
    "  tfx sql \"SELECT arm, seed, val_loss FROM run_summary ORDER BY val_loss\"\n",
    options,
    1,
    1,
    run,
};

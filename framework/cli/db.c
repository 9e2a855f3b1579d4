/* tfx db: the database's file itself. */
#include <stdio.h>

#include "framework/base/text.h"
#include "framework/cli/database.h"
#include "framework/store/upkeep.h"
#include "framework/upkeep/vacuum.h"

static int vacuum(const tfx_cli_args *a, tfx_error *err)
{
    int64_t before, after;
    char b[32], c[32];
    tfx_store *store = tfx_cli_change_database(a, err);
    if (store && tfx_vacuum(store, &before, &after, err) == TFX_OK)
        printf("%s: %s, before %s\n", tfx_store_path(store), tfx_format_bytes(c, (double)after),
               tfx_format_bytes(b, (double)before));
    tfx_store_close(store);
    return 0;
}

static int check(const tfx_cli_args *a, tfx_error *err)
{
    tfx_store *store = tfx_cli_open_database(a, err);
    tfx_rows *q = store ? tfx_query_problems(store, err) : NULL;
    tfx_text problems = {0};
    while (tfx_rows_next(q, err))
        tfx_text_add(&problems, "\n  %s", tfx_rows_as_text(q, 0));
    tfx_rows_close(q);
    if (problems.n)
        tfx_fail(err, TFX_E_DATA, "database %s is damaged:%.1500s", tfx_store_path(store), problems.s);
    else if (store && err->status == TFX_OK)
        printf("%s: whole\n", tfx_store_path(store));
    tfx_text_free(&problems);
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_db_vacuum = {
    "db vacuum",
    "[--db FILE]",
    "Rewrite the database without the space of removed rows.",
    "  tfx db vacuum\n",
    options,
    0,
    0,
    vacuum,
};

const tfx_command tfx_cmd_db_check = {
    "db check", "[--db FILE]", "Look for damage in the whole database.", "  tfx db check --db old.db\n", options, 0,
    0,          check,
};

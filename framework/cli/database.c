/* Database: see framework/cli/database.h. */
#include "framework/cli/database.h"

#include <unistd.h>

#include "framework/base/text.h"

const char *tfx_cli_database(const tfx_cli_args *a)
{
    const char *path = tfx_cli_value(a, "db");
    return path ? path : "tfx.db";
}

tfx_store *tfx_cli_open_database(const tfx_cli_args *a, tfx_error *err)
{
    return tfx_store_open(tfx_cli_database(a), TFX_STORE_READ, err);
}

tfx_store *tfx_cli_change_database(const tfx_cli_args *a, tfx_error *err)
{
    int there = access(tfx_cli_database(a), F_OK) == 0; /* reading says what is wrong with one that is not */
    return tfx_store_open(tfx_cli_database(a), there ? TFX_STORE_WRITE : TFX_STORE_READ, err);
}

tfx_id tfx_cli_run_id(const char *argument, tfx_error *err)
{
    tfx_id id;
    if (!tfx_parse_integer(argument, &id) || id <= 0) {
        tfx_fail(err, TFX_E_INVALID,
                 "expected the id of a run, found '%s' (`tfx runs` lists them; two runs may share "
                 "a name, so names do not do)",
                 argument);
        return 0;
    }
    return id;
}

tfx_status tfx_cli_format(const tfx_cli_args *a, tfx_format *out, tfx_error *err)
{
    int json = tfx_cli_flag(a, "json"), csv = tfx_cli_flag(a, "csv");
    if (json && csv)
        return tfx_fail(err, TFX_E_INVALID, "expected --json or --csv, found both");
    *out = json ? TFX_FORMAT_JSON : csv ? TFX_FORMAT_CSV : TFX_FORMAT_TEXT;
    return TFX_OK;
}

/* tfx tag: words that people give to runs. */
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/cli/database.h"
#include "framework/spec/keys.h"
#include "framework/store/labels.h"

/* KEY=VALUE; the key is a heap string. */
static tfx_status read_pair(const char *text, char **key, const char **value, tfx_error *err)
{
    const char *equals = strchr(text, '=');
    *key = tfx_strndup(text, (size_t)(equals - text));
    *value = equals + 1;
    const char *wrong = **key ? tfx_name_check(*key) : "it is empty";
    size_t bad = tfx_utf8_check(*value);
    if (wrong)
        tfx_fail(err, TFX_E_INVALID, "tag: '%s': '%s' cannot be the key of a tag: %s", text, *key, wrong);
    else if ((*value)[bad])
        tfx_fail(err, TFX_E_INVALID, "tag: %s: expected a value in UTF-8, found the byte 0x%02x in it", *key,
                 (unsigned char)(*value)[bad]);
    return err->status;
}

/* All runs get all tags, or none of them. */
static tfx_status set_tags(tfx_store *s, const tfx_cli_args *a, tfx_error *err)
{
    if (tfx_store_begin(s, err) != TFX_OK)
        return err->status;
    for (size_t i = 0; tfx_cli_arg(a, i) && err->status == TFX_OK; i++) {
        const char *value;
        char *key = NULL;
        if (!strchr(tfx_cli_arg(a, i), '=') || read_pair(tfx_cli_arg(a, i), &key, &value, err) != TFX_OK) {
            free(key);
            continue;
        }
        for (size_t k = 0; tfx_cli_arg(a, k) && err->status == TFX_OK; k++) {
            tfx_id run = strchr(tfx_cli_arg(a, k), '=') ? 0 : tfx_cli_run_id(tfx_cli_arg(a, k), err);
            if (run)
                tfx_store_set_tag(s, run, key, value, err);
        }
        free(key);
    }
    if (err->status == TFX_OK)
        return tfx_store_commit(s, err);
    tfx_store_rollback(s);
    return err->status;
}

static void list(tfx_store *s, tfx_id run, int json, tfx_error *err)
{
    if (run && !tfx_store_has_run(s, run, err))
        return;
    tfx_rows *q = tfx_query_tags(s, run, err);
    tfx_table_print(q, NULL, json ? TFX_FORMAT_JSON : TFX_FORMAT_TEXT, stdout, err);
    tfx_rows_close(q);
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    size_t n = 0, n_pairs = 0;
    for (; tfx_cli_arg(a, n); n++)
        n_pairs += strchr(tfx_cli_arg(a, n), '=') != NULL;
    if (n > n_pairs + 1 && !n_pairs)
        tfx_fail(err, TFX_E_INVALID, "tag: expected KEY=VALUE after the runs %s, %s, ..., or one run to list its tags",
                 tfx_cli_arg(a, 0), tfx_cli_arg(a, 1));
    else if (n && n == n_pairs)
        tfx_fail(err, TFX_E_INVALID, "tag: expected the id of a run beside '%s'", tfx_cli_arg(a, 0));
    else if (n_pairs && tfx_cli_flag(a, "json"))
        tfx_fail(err, TFX_E_INVALID, "tag: --json is for listing tags; expected no KEY=VALUE beside it");
    tfx_id of = err->status == TFX_OK && n && !n_pairs ? tfx_cli_run_id(tfx_cli_arg(a, 0), err) : 0;
    tfx_store *store = err->status != TFX_OK ? NULL
                       : n_pairs             ? tfx_cli_change_database(a, err)
                                             : tfx_cli_open_database(a, err);
    if (store && n_pairs)
        set_tags(store, a, err);
    else if (store)
        list(store, of, tfx_cli_flag(a, "json"), err);
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_tag = {
    "tag",
    "[RUN... KEY=VALUE... | RUN] [--json] [--db FILE]",
    "Tag runs (KEY= removes a tag), or list the tags of a run, or of all.",
    "  tfx tag 3 4 5 baseline=yes lr=3e-3\n  tfx tag 3 lr=\n  tfx tag 3\n  tfx runs --tag baseline\n",
    options,
    0,
    -1,
    run,
};

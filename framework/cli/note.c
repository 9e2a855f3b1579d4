/* tfx note: what people write about a run or an experiment. */
#include <stdio.h>
#include <string.h>

#include "framework/base/text.h"
#include "framework/cli/database.h"
#include "framework/report/run_table.h"
#include "framework/store/labels.h"
#include "framework/store/queries.h"

static void list(tfx_store *s, tfx_id experiment, tfx_id run, int json, tfx_error *err)
{
    if (run && !tfx_store_has_run(s, run, err))
        return;
    tfx_rows *q = run ? tfx_query_run(s, run, TFX_PART_NOTES, json, err) : tfx_query_notes(s, experiment, err);
    tfx_table_print(q, NULL, json ? TFX_FORMAT_JSON : TFX_FORMAT_TEXT, stdout, err);
    tfx_rows_close(q);
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    const char *experiment = tfx_cli_value(a, "experiment"), *first = tfx_cli_arg(a, 0);
    const char *text = experiment ? first : tfx_cli_arg(a, 1);
    tfx_id of_run = 0, of_experiment = 0, number;
    if (experiment && tfx_cli_arg(a, 1))
        tfx_fail(err, TFX_E_INVALID, "note: expected one text beside --experiment %s, found '%s' and '%s'", experiment,
                 first, tfx_cli_arg(a, 1));
    else if (!experiment && !first)
        tfx_fail(err, TFX_E_INVALID, "note: expected the id of a run, or the name of an experiment");
    else if (text && !text[strspn(text, " \t\n")])
        tfx_fail(err, TFX_E_INVALID, "note: expected a text, found nothing in it");
    else if (text && text[tfx_utf8_check(text)])
        tfx_fail(err, TFX_E_INVALID, "note: expected a text in UTF-8, found the byte 0x%02x in it",
                 (unsigned char)text[tfx_utf8_check(text)]);
    else if (text && tfx_cli_flag(a, "json"))
        tfx_fail(err, TFX_E_INVALID, "note: --json is for listing notes; expected no text beside it");
    else if (!experiment && tfx_parse_integer(first, &number))
        of_run = tfx_cli_run_id(first, err);
    tfx_store *store = err->status != TFX_OK ? NULL
                       : text                ? tfx_cli_change_database(a, err)
                                             : tfx_cli_open_database(a, err);
    if (store && !of_run)
        of_experiment = tfx_report_find_experiment(store, experiment ? experiment : first, err);
    if (store && text && err->status == TFX_OK)
        tfx_store_add_note(store, of_experiment, of_run, text, err);
    else if (store && err->status == TFX_OK)
        list(store, of_experiment, of_run, tfx_cli_flag(a, "json"), err);
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {"experiment", "NAME", 0, "about this experiment (its name or id) instead of a run"},
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_note = {
    "note",
    "RUN | EXPERIMENT | --experiment NAME [TEXT] [--json] [--db FILE]",
    "Add a note to a run (a number) or an experiment (a name); without a text, list them.",
    "  tfx note 3 \"diverged: clipping was off\"\n  tfx note quickstart \"on the new machine\"\n"
    "  tfx note --experiment 12 \"superseded by 14\"\n  tfx note 3\n",
    options,
    0,
    2,
    run,
};

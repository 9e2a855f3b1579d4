/* tfx rename: another name for an experiment. */
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/cli/database.h"
#include "framework/report/run_table.h"
#include "framework/spec/keys.h"
#include "framework/store/labels.h"

static void rename_experiment(tfx_store *s, const char *experiment, const char *name, tfx_error *err)
{
    tfx_id id = tfx_report_find_experiment(s, experiment, err);
    char *old = id ? tfx_store_experiment_name(s, id, err) : NULL;
    if (old && !strcmp(old, name))
        tfx_fail(err, TFX_E_INVALID, "rename: experiment %lld is called %s already", (long long)id, name);
    if (err->status == TFX_OK && tfx_store_rename(s, id, name, err) == TFX_OK)
        printf(
            "Experiment %lld, %s, is now %s.\n"
            "Folders of runs that have begun keep their names (runs/%s). `tfx run SPEC --resume` with the spec as it "
            "was still\nfinds it; what names experiment %s elsewhere (a policy's reference, say) does not any more.\n",
            (long long)id, old, name, old, old);
    free(old);
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    const char *name = tfx_cli_arg(a, 1), *wrong = tfx_name_check(name);
    if (!wrong && !name[strspn(name, "0123456789")])
        wrong = "it is a number, as ids are";
    if (wrong)
        tfx_fail(err, TFX_E_INVALID, "rename: '%.100s' cannot be the name of an experiment: %s", name, wrong);
    tfx_store *store = wrong ? NULL : tfx_cli_change_database(a, err);
    if (store)
        rename_experiment(store, tfx_cli_arg(a, 0), name, err);
    tfx_store_close(store);
    return 0;
}

static const tfx_cli_option options[] = {
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_rename = {
    "rename",
    "EXPERIMENT NEW [--db FILE]",
    "Give an experiment (its id, or the newest of that name) another name.",
    "  tfx rename quickstart first-try\n  tfx rename 12 ladder-lr-search\n",
    options,
    2,
    2,
    run,
};

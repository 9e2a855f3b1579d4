/* tfx claim: decides a sentence about an experiment, and keeps what came of it. */
#include "framework/analysis/claim.h"

#include <stdlib.h>
#include <unistd.h>

#include "framework/cli/database.h"
#include "framework/report/claim_report.h"
#include "framework/report/run_table.h"
#include "framework/store/claims.h"

#define EXIT_NOT_SUPPORTED 1
#define EXIT_NO_VERDICT 2

static int decide(const tfx_cli_args *a, tfx_store *store, tfx_id experiment, tfx_error *err)
{
    const char *text = tfx_cli_arg(a, 1);
    tfx_claim c;
    int status = 0;
    if (tfx_claim_decide(&c, store, experiment, text, err) == TFX_OK) {
        char *evidence = tfx_claim_evidence(&c);
        if (tfx_store_add_claim(store, experiment, text, tfx_verdict_names[c.verdict], evidence, err))
            tfx_report_claim(&c, text, tfx_cli_flag(a, "json"), stdout);
        free(evidence);
        status = c.verdict == TFX_VERDICT_SUPPORTED ? 0 : EXIT_NOT_SUPPORTED;
    }
    tfx_claim_finish(&c);
    return status;
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    int list = tfx_cli_flag(a, "list"), status = 0;
    const char *db = tfx_cli_database(a);
    if (list ? tfx_cli_arg(a, 1) != NULL : tfx_cli_arg(a, 1) == NULL) {
        tfx_fail(err, TFX_E_INVALID,
                 list ? "claim: --list takes an experiment and no claim"
                      : "claim: expected an experiment and a claim; see tfx claim --help");
        return 0;
    }
    tfx_store *store = NULL;
    if (list || access(db, F_OK)) /* one that is not there must not be made */
        store = tfx_cli_open_database(a, err);
    else
        store = tfx_store_open(db, TFX_STORE_WRITE, err);
    tfx_id id = store && tfx_cli_arg(a, 0) ? tfx_report_find_experiment(store, tfx_cli_arg(a, 0), err) : 0;
    if (err->status == TFX_OK && list)
        tfx_report_claims(store, id, tfx_cli_flag(a, "json"), stdout, err);
    else if (id)
        status = decide(a, store, id, err);
    tfx_store_close(store);
    if (err->status != TFX_OK && err->status != TFX_E_INVALID) {
        tfx_cli_fail(err); /* whose status could be a verdict */
        *err = (tfx_error){0};
        return EXIT_NO_VERDICT;
    }
    return status;
}

static const tfx_cli_option options[] = {
    {"list", NULL, 0, "the claims that were decided before, of one experiment or of all"},
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_DB_OPTION},
    {NULL},
};

const tfx_command tfx_cmd_claim = {
    "claim",
    "EXPERIMENT CLAIM [--json] [--db FILE] | --list [EXPERIMENT] [--json] [--db FILE]",
    "Decide a sentence about an experiment: supported, refuted, undecided, or refused.",
    "  tfx claim ladder 'grown saves >= 30% flops at equal loss vs large*'\n"
    "  tfx claim ladder 'grown lowers loss by >= 0.02 at equal flops vs small'\n"
    "  tfx claim --list ladder\n\n"
    "A claim is refused, with the run that is to blame, where the comparison would not be a fair one. Verdict and "
    "evidence are\n"
    "kept in the database.\n\n"
    "Exit status: 0 supported; 1 not supported; 2 no verdict: the claim cannot be read, or the database not be used.\n",
    options,
    0,
    2,
    run,
};

#include "framework/analysis/lints.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "framework/analysis/endpoints.h"
#include "framework/analysis/estimate.h"
#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/store/claims.h"

const char *const tfx_lint_names[TFX_N_LINTS] = {"finished",  "decayed", "learning-rate", "validation",
                                                 "ancestors", "seeds",   "superseded",    "rules"};
const char *const tfx_lint_rules[TFX_N_LINTS] = {
    "every run is done and has a loss",
    "every run has a schedule of its own that came down to a tenth of its peak",
    "learning rates were searched for, with the same effort for all",
    "all losses are of the same validation tokens",
    "costs include those of ancestors",
    "at least three seeds on each side, paired",
    "no run stands on rows that no longer count",
    "the same precision, backend and rules of counting FLOPs; of seconds, the same machine",
};

/* What is asked of one run (framework/store/claims.h). */
typedef struct facts {
    tfx_id run;
    int64_t seed;
    char *arm, *status, *backend, *version, *eval_hash, *better, *machine, *model, *elsewhere, *compute;
    int on_a;
    int decayed; /* -1: not known */
    double loss, peak_lr, last_lr, effort, stale, costless;
} facts;

void tfx_lint_fail(tfx_lints *l, tfx_lint which, const char *fmt, ...)
{
    char line[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    l->n_failed += l->failed[which].n == 0;
    tfx_text_add(&l->failed[which], "%s\n", line);
}

static facts read_facts(tfx_rows *q, const char *a, tfx_error *err)
{
    facts f = {.run = tfx_rows_id(q, TFX_FACT_RUN, err)};
    f.seed = tfx_rows_int(q, TFX_FACT_SEED, INT64_MIN, err);
    f.arm = tfx_rows_copy(q, TFX_FACT_ARM, err);
    f.status = tfx_rows_copy(q, TFX_FACT_STATUS, err);
    f.backend = tfx_rows_copy(q, TFX_FACT_BACKEND, err);
    f.version = tfx_rows_copy(q, TFX_FACT_VERSION, err);
    f.eval_hash = tfx_rows_copy(q, TFX_FACT_EVAL_HASH, err);
    f.better = tfx_rows_copy(q, TFX_FACT_BETTER, err);
    f.machine = tfx_rows_copy(q, TFX_FACT_MACHINE, err);
    f.model = tfx_rows_copy(q, TFX_FACT_MODEL, err);
    f.elsewhere = tfx_rows_copy(q, TFX_FACT_ELSEWHERE, err);
    f.compute = tfx_rows_copy(q, TFX_FACT_COMPUTE, err);
    f.decayed = tfx_rows_is_null(q, TFX_FACT_DECAYED) ? -1 : tfx_rows_int(q, TFX_FACT_DECAYED, 0, err) != 0;
    f.loss = tfx_rows_real(q, TFX_FACT_LOSS, err);
    f.peak_lr = tfx_rows_real(q, TFX_FACT_PEAK_LR, err);
    f.last_lr = tfx_rows_real(q, TFX_FACT_LAST_LR, err);
    f.effort = tfx_rows_real(q, TFX_FACT_EFFORT, err);
    f.stale = tfx_rows_real(q, TFX_FACT_STALE, err);
    f.costless = tfx_rows_real(q, TFX_FACT_COSTLESS, err);
    f.on_a = tfx_arm_selected(a, f.arm ? f.arm : "");
    return f;
}

static void finish_facts(facts *f)
{
    free(f->arm);
    free(f->status);
    free(f->backend);
    free(f->version);
    free(f->eval_hash);
    free(f->better);
    free(f->machine);
    free(f->model);
    free(f->elsewhere);
    free(f->compute);
}

/* "run 12 (large, seed 2)" */
static const char *name(char buf[200], const facts *f)
{
    snprintf(buf, 200, "run %" PRId64 " (%s, seed %" PRId64 ")", f->run, f->arm, f->seed);
    return buf;
}

static int same(const char *a, const char *b)
{
    return a && b && !strcmp(a, b);
}

/* What one run must fulfil by itself. */
static void check_alone(tfx_lints *l, const facts *f)
{
    char run[200];
    name(run, f);
    if (strcmp(f->status, "done") != 0) {
        tfx_lint_fail(l, TFX_LINT_FINISHED, "%s is %s", run, f->status);
        return;
    }
    if (!isfinite(f->loss))
        tfx_lint_fail(l, TFX_LINT_FINISHED, "%s has no loss at its end", run);
    if (f->decayed < 0)
        tfx_lint_fail(l, TFX_LINT_DECAYED, "%s: its learning rates were not recorded", run);
    if (f->decayed == 0)
        tfx_lint_fail(l, TFX_LINT_DECAYED, "%s ended at a learning rate of %g; its peak is %g", run, f->last_lr,
                      f->peak_lr);
    if (!(f->effort > 0))
        tfx_lint_fail(
            l, TFX_LINT_LEARNING_RATE,
            "%s: its learning rate %g was not searched for with its model %s (train.lr = ${best:...}, or a sweep "
            "of train.lr; where an earlier tfx recorded it, 'tfx run SPEC --extend' adds from which search it is)",
            run, f->peak_lr, f->model);
    if (f->stale > 0)
        tfx_lint_fail(l, TFX_LINT_SUPERSEDED, "%s stands on a checkpoint that no longer counts", run);
    if (f->costless > 0)
        tfx_lint_fail(l, TFX_LINT_ANCESTORS,
                      "%s started from a checkpoint outside of the database whose cost is not known", run);
}

/* What two runs must have in common. */
static void check_alike(tfx_lints *l, const facts *first, const facts *f, int seconds)
{
    char run[200], other[200];
    name(run, f);
    name(other, first);
    if (!f->eval_hash)
        tfx_lint_fail(l, TFX_LINT_VALIDATION, "%s: what it was evaluated on was not recorded", run);
    else if (first->eval_hash && !same(f->eval_hash, first->eval_hash))
        tfx_lint_fail(l, TFX_LINT_VALIDATION, "%s was evaluated on other tokens than %s", run, other);
    if (!same(f->version, first->version))
        tfx_lint_fail(l, TFX_LINT_RULES, "%s was made by tfx %s, %s by %s", run, f->version ? f->version : "?", other,
                      first->version ? first->version : "?");
    if (!same(f->compute, first->compute))
        tfx_lint_fail(l, TFX_LINT_RULES, "%s computes in %s, %s in %s", run, f->compute, other, first->compute);
    if (seconds && f->elsewhere)
        tfx_lint_fail(l, TFX_LINT_RULES, "%s took its seconds on %s, what it started from on %s", run,
                      f->machine ? f->machine : "?", f->elsewhere);
    if (seconds && !same(f->machine, first->machine))
        tfx_lint_fail(l, TFX_LINT_RULES, "%s took its seconds on %s, %s on %s", run, f->machine ? f->machine : "?",
                      other, first->machine ? first->machine : "?");
    else if (!same(f->backend, first->backend))
        tfx_lint_fail(l, TFX_LINT_RULES, "%s was computed by %s, %s by %s", run, f->backend ? f->backend : "?", other,
                      first->backend ? first->backend : "?");
}

/* Whoever was tuned longer would win by that. */
static void check_effort(tfx_lints *l, const facts *all, size_t n)
{
    const facts *least = NULL, *most = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!(all[i].effort > 0))
            continue;
        least = least && least->effort <= all[i].effort ? least : &all[i];
        most = most && most->effort >= all[i].effort ? most : &all[i];
    }
    char a[200], b[200];
    if (least && least->effort != most->effort)
        tfx_lint_fail(l, TFX_LINT_LEARNING_RATE, "%s: %g runs were tried for its learning rate, for that of %s %g",
                      name(a, least), least->effort, name(b, most), most->effort);
}

/* A search helps whoever lets its best count. A claim that has both rates is about learning rates, and may. */
static void check_best(tfx_lints *l, const facts *f, const char *a, const char *b)
{
    char run[200];
    if (f->better && !tfx_arm_selected(a, f->better) && !tfx_arm_selected(b, f->better))
        tfx_lint_fail(l, TFX_LINT_LEARNING_RATE, "%s: %s, of the same search, is better and not in the claim",
                      name(run, f), f->better);
}

/* Distinct seeds of each side's runs that are done. */
static void check_seeds(tfx_lints *l, const facts *all, size_t n, const char *a, const char *b)
{
    for (int side = 0; side < 2; side++) {
        size_t seeds = 0;
        for (size_t i = 0; i < n; i++) {
            int counted = all[i].on_a != side || strcmp(all[i].status, "done") != 0;
            for (size_t k = 0; k < i && !counted; k++)
                counted = all[k].on_a == side && all[k].seed == all[i].seed && !strcmp(all[k].status, "done");
            seeds += !counted;
        }
        if (seeds < TFX_ESTIMATE_LEAST)
            tfx_lint_fail(l, TFX_LINT_SEEDS, "%s: %zu seed%s done, at least %d are needed", side ? a : b, seeds,
                          seeds == 1 ? "" : "s", TFX_ESTIMATE_LEAST);
    }
}

/* A name of no arm is a mistake in the claim, not of the runs. */
static tfx_status check_named(tfx_rows *q, const char *selector, tfx_error *err)
{
    tfx_suggest known = {.name = selector};
    int found = 0;
    tfx_rows_rewind(q);
    while (tfx_rows_next(q, err)) {
        const char *arm = tfx_rows_text(q, TFX_FACT_ARM, err);
        tfx_suggest_add(&known, "%s", arm);
        found |= tfx_arm_selected(selector, arm);
    }
    if (!found)
        tfx_fail(err, TFX_E_INVALID, "the experiment has no arm '%s'", selector);
    return tfx_suggest_end(&known, NULL, err);
}

tfx_status tfx_lints_check(tfx_lints *l, tfx_store *s, tfx_id experiment, const char *a, const char *b, int seconds,
                           tfx_error *err)
{
    facts *all = NULL;
    size_t n = 0, cap = 0;
    tfx_rows *q = tfx_query_claim_facts(s, experiment, err);
    while (tfx_rows_next(q, err)) {
        facts f = read_facts(q, a, err);
        if (f.on_a && tfx_arm_selected(b, f.arm))
            tfx_fail(err, TFX_E_INVALID, "arm '%s' is on both sides: '%s' and '%s'", f.arm, a, b);
        if (f.arm && (f.on_a || tfx_arm_selected(b, f.arm)))
            *TFX_APPEND(all, n, cap) = f;
        else
            finish_facts(&f);
    }
    if (err->status == TFX_OK && check_named(q, a, err) == TFX_OK)
        check_named(q, b, err);
    tfx_rows_close(q);
    const facts *first = NULL; /* that is done */
    for (size_t i = 0; i < n && err->status == TFX_OK; i++) {
        check_alone(l, &all[i]);
        if (strcmp(all[i].status, "done") != 0)
            continue;
        first = first ? first : &all[i];
        check_alike(l, first, &all[i], seconds);
        check_best(l, &all[i], a, b);
    }
    if (err->status == TFX_OK) {
        check_effort(l, all, n);
        check_seeds(l, all, n, a, b);
    }
    for (size_t i = 0; i < n; i++)
        finish_facts(&all[i]);
    free(all);
    return err->status;
}

void tfx_lints_finish(tfx_lints *l)
{
    for (int i = 0; i < TFX_N_LINTS; i++)
        tfx_text_free(&l->failed[i]);
    l->n_failed = 0;
}

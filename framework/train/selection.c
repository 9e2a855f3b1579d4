#include "framework/train/selection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"

static tfx_status choose_arm(tfx_selection *s, const char *name, tfx_error *err)
{
    const tfx_experiment *e = s->experiment;
    int any = 0;
    for (size_t i = 0; i < e->n_arms; i++)
        if (tfx_arm_answers_to(&e->arms[i], name))
            s->arms[i] = any = 1;
    if (!any && !tfx_experiment_arm(e, name, err))
        tfx_error_prefix(err, "run: --arm");
    return err->status;
}

static tfx_status choose_seed(tfx_selection *s, const char *text, tfx_error *err)
{
    const tfx_experiment *e = s->experiment;
    int64_t seed;
    int is_number = tfx_parse_integer(text, &seed);
    for (size_t i = 0; i < e->n_seeds && is_number; i++)
        if (e->seeds[i] == seed) {
            s->seeds[i] = 1;
            return TFX_OK;
        }
    tfx_text known = {0};
    for (size_t i = 0; i < e->n_seeds; i++)
        tfx_text_add(&known, "%s%lld", i ? ", " : "", (long long)e->seeds[i]);
    tfx_fail(err, TFX_E_INVALID, "run: --seed: expected one of the seeds of %s (%s), found '%s'", e->file, known.s,
             text);
    tfx_text_free(&known);
    return err->status;
}

/* Adds what the chosen arms start from, which comes before them. */
static void choose_starts(tfx_selection *s)
{
    const tfx_experiment *e = s->experiment;
    for (size_t i = e->n_arms; i-- > 0;) {
        size_t from = e->arms[i].start.arm ? (size_t)(e->arms[i].start.arm - e->arms) : i;
        if (s->arms[i] && !s->arms[from])
            s->arms[from] = s->needed[from] = 1;
    }
}

tfx_status tfx_selection_create(tfx_selection *s, const tfx_experiment *e, const char *const *arms, size_t n_arms,
                                const char *const *seeds, size_t n_seeds, tfx_error *err)
{
    *s = (tfx_selection){.experiment = e, .all = !n_arms && !n_seeds};
    s->arms = TFX_NEW_ARRAY(char, e->n_arms);
    s->seeds = TFX_NEW_ARRAY(char, e->n_seeds);
    s->needed = TFX_NEW_ARRAY(char, e->n_arms);
    memset(s->arms, !n_arms, e->n_arms);
    memset(s->seeds, !n_seeds, e->n_seeds);
    for (size_t i = 0; i < n_arms && err->status == TFX_OK; i++)
        choose_arm(s, arms[i], err);
    for (size_t i = 0; i < n_seeds && err->status == TFX_OK; i++)
        choose_seed(s, seeds[i], err);
    choose_starts(s);
    if (err->status != TFX_OK)
        tfx_selection_finish(s);
    return err->status;
}

void tfx_selection_finish(tfx_selection *s)
{
    free(s->arms);
    free(s->seeds);
    free(s->needed);
    *s = (tfx_selection){0};
}

size_t tfx_selection_n_seeds(const tfx_selection *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->experiment->n_seeds; i++)
        n += s->seeds[i] != 0;
    return n;
}

int tfx_selection_needs(const tfx_selection *s, const char *arm)
{
    const tfx_experiment *e = s->experiment;
    int needs = 0;
    for (size_t i = 0; i < e->n_arms; i++)
        needs |= s->needed[i] && !strcmp(e->arms[i].name, arm);
    return needs;
}

void tfx_run_label(char *buf, size_t size, const tfx_experiment *e, const tfx_run_info *run)
{
    if (e->n_seeds > 1)
        snprintf(buf, size, "%s seed %lld", run->arm_name, (long long)run->seed);
    else
        snprintf(buf, size, "%s", run->arm_name);
}

static int chosen(const tfx_selection *s, const tfx_run_info *run, int needed)
{
    const tfx_experiment *e = s->experiment;
    int arm = 0, seed = 0;
    for (size_t i = 0; i < e->n_arms; i++)
        arm |= s->arms[i] && (needed || !s->needed[i]) && !strcmp(e->arms[i].name, run->arm_name);
    for (size_t i = 0; i < e->n_seeds; i++)
        seed |= s->seeds[i] && e->seeds[i] == run->seed;
    return arm && seed;
}

tfx_status tfx_selection_runs(const tfx_selection *s, tfx_store *store, tfx_id experiment, int needed, tfx_id **ids,
                              size_t *n, tfx_error *err)
{
    size_t kept = 0;
    *n = 0;
    if (tfx_store_runs_of(store, experiment, ids, n, err) != TFX_OK || s->all)
        return err->status;
    for (size_t i = 0; i < *n && err->status == TFX_OK; i++) {
        tfx_run_info info = {0};
        if (tfx_store_run_info(store, (*ids)[i], &info, err) == TFX_OK && chosen(s, &info, needed))
            (*ids)[kept++] = (*ids)[i];
        tfx_run_info_finish(&info);
    }
    *n = kept;
    return err->status;
}

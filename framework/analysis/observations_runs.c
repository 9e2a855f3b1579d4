/* Observations from a database: see framework/analysis/observations.h. */
#include <fnmatch.h>
#include <string.h>

#include "framework/analysis/endpoints.h"
#include "framework/analysis/observations.h"
#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/store/queries_fits.h"

/* What is not a point, and why. */
typedef struct left_out {
    size_t undecayed, unknown, grown, not_grown, grown_before, outdone;
} left_out;

typedef struct choice {
    const char *const *patterns;
    size_t n;
    char *used; /* [n] */
} choice;

static int is_chosen(choice *c, const char *arm)
{
    int chosen = !c->n;
    for (size_t i = 0; i < c->n; i++)
        /* A name may have brackets, which mean something else in a pattern. */
        if (tfx_arm_selected(c->patterns[i], arm) || !fnmatch(c->patterns[i], arm, 0))
            chosen = c->used[i] = 1;
    return chosen;
}

/* Why a run is no point of this law; NULL: it is one. */
static size_t *why_not(const tfx_law *law, tfx_rows *q, left_out *out, tfx_error *err)
{
    int64_t grew = tfx_rows_int(q, TFX_END_GREW, 0, err), grew_before = tfx_rows_int(q, TFX_END_GREW_BEFORE, 0, err);
    if (tfx_rows_is_null(q, TFX_END_DECAYED))
        return &out->unknown;
    if (!tfx_rows_int(q, TFX_END_DECAYED, 0, err))
        return &out->undecayed;
    if (!strcmp(law->name, "power"))
        return NULL;
    if (!strcmp(law->name, "grown"))
        return grew ? NULL : grew_before ? &out->grown_before : &out->not_grown;
    return grew || grew_before ? &out->grown : NULL;
}

static tfx_observation make_point(const tfx_law *law, tfx_rows *q, tfx_error *err)
{
    tfx_observation p = {.run = tfx_rows_int(q, TFX_END_RUN, 1, err),
                         .loss = tfx_rows_real(q, TFX_END_VAL_LOSS, err),
                         .flops = tfx_rows_real(q, TFX_END_FLOPS_INCL, err)};
    double tokens = (double)tfx_rows_int(q, TFX_END_TOKENS_INCL, 0, err);
    if (!strcmp(law->name, "power"))
        p.x[0] = p.flops;
    else if (!strcmp(law->name, "grown")) {
        p.x[1] = (double)tfx_rows_int(q, TFX_END_TOKENS_EXCL, 0, err);
        p.x[0] = tokens - p.x[1];
    } else {
        p.x[0] = (double)tfx_rows_int(q, TFX_END_PARAMETERS, 1, err);
        p.x[1] = tokens;
    }
    int positive = p.loss > 0;
    for (size_t k = 0; k < law->n_variables; k++)
        positive &= p.x[k] > 0;
    if (!positive)
        tfx_fail(err, TFX_E_DATA, "run %lld cannot be a point: expected a loss and costs above 0", (long long)p.run);
    return p;
}

static void read_experiment(tfx_observations *o, tfx_store *s, tfx_id experiment, choice *chosen, left_out *out,
                            tfx_suggest *known, tfx_error *err)
{
    tfx_rows *q = tfx_query_ends(s, experiment, err);
    while (tfx_rows_next(q, err)) {
        const char *arm = tfx_rows_text(q, TFX_END_ARM, err);
        tfx_suggest_add(known, "%s", arm);
        if (!is_chosen(chosen, arm))
            continue;
        size_t *reason = why_not(o->law, q, out, err);
        if (!tfx_rows_is_null(q, TFX_END_BETTER) && is_chosen(chosen, tfx_rows_text(q, TFX_END_BETTER, err)))
            reason = &out->outdone;
        if (reason)
            ++*reason;
        else
            *TFX_APPEND(o->items, o->n, o->cap) = make_point(o->law, q, err);
    }
    tfx_rows_close(q);
}

static void note(tfx_text *t, size_t n, const char *what)
{
    if (n)
        tfx_text_add(t, "left out: %zu run%s %s\n", n, n == 1 ? "" : "s", what);
}

tfx_status tfx_observations_read_runs(tfx_observations *o, const tfx_law *law, tfx_store *s, const tfx_id *experiments,
                                      size_t n, const char *const *arms, size_t n_arms, tfx_error *err)
{
    choice chosen = {arms, n_arms, TFX_NEW_ARRAY(char, n_arms)};
    left_out out = {0};
    tfx_suggest known = {0};
    o->law = law;
    for (size_t i = 0; i < n && err->status == TFX_OK; i++)
        read_experiment(o, s, experiments[i], &chosen, &out, &known, err);
    for (size_t i = 0; i < n_arms && err->status == TFX_OK; i++)
        if (!chosen.used[i]) {
            known.name = arms[i];
            tfx_fail(err, TFX_E_INVALID, "--arms: no finished run of an arm '%s'", arms[i]);
        }
    tfx_error other = {0}; /* what else failed has nothing to do with names of arms */
    tfx_suggest_end(&known, NULL, known.name ? err : &other);
    note(&o->notes, out.undecayed, "that ended before the learning rate had decayed to a tenth of its peak");
    note(&o->notes, out.outdone, "of learning rates that were not the best of their search");
    note(&o->notes, out.unknown, "of which it is not recorded whether the learning rate had decayed");
    note(&o->notes, out.grown, "that grew: the law is of models trained from scratch");
    note(&o->notes, out.not_grown, "that did not grow");
    note(&o->notes, out.grown_before, "that started from a grown model and did not grow");
    free(chosen.used);
    return err->status;
}

#include "framework/analysis/gain.h"

#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/store/queries.h"

const char *const tfx_gain_names[TFX_GAIN_PARTS] = {"inheritance", "start", "architecture", "sum"};
const char *const tfx_gain_meanings[TFX_GAIN_PARTS] = {
    "what the smaller models had learnt is worth",
    "how growing makes the final model begin, with nothing learnt",
    "the final model in place of the first, from scratch",
    "growing in place of training the first model on",
};

/* Twins spend the same to half a step, which is much of a very short run; by more, they are none. */
#define HALF_A_STEP 0.05

static const char *const kinds[] = {NULL, "random_base", "scratch", "no_growth"};

/* Columns of tfx_query_twins. */
enum { NAME, TWIN, TWIN_OF, BASE, BETTER };

/* The arm of that name, or the best point of it; twins are of what was swept. A heap string: whose they are. */
static char *find_grown(tfx_gain *p, tfx_rows *q, const char *arm, tfx_error *err)
{
    tfx_suggest known = {.name = arm};
    char *of = NULL;
    while (tfx_rows_next(q, err)) {
        const char *name = tfx_rows_text(q, NAME, err), *base = tfx_rows_as_text(q, BASE);
        tfx_suggest_add(&known, "%s", name);
        if (!p->arms[0] && (!strcmp(name, arm) || (!strcmp(base, arm) && tfx_rows_is_null(q, BETTER)))) {
            p->arms[0] = tfx_strdup(name);
            of = tfx_strdup(*base ? base : name);
        }
    }
    if (!of)
        tfx_fail(err, TFX_E_INVALID, "the experiment has no arm '%s'", arm);
    tfx_suggest_end(&known, NULL, err);
    return of;
}

/* Of a twin that was swept, the best learning rate counts: any other would make a part large that is not. */
static tfx_status find_twin(tfx_gain *p, tfx_rows *q, int kind, const char *of, tfx_error *err)
{
    tfx_rows_rewind(q);
    while (tfx_rows_next(q, err)) {
        const char *name = tfx_rows_text(q, NAME, err);
        if (strcmp(tfx_rows_as_text(q, TWIN), kinds[kind]) != 0 || strcmp(tfx_rows_as_text(q, TWIN_OF), of) != 0 ||
            !tfx_rows_is_null(q, BETTER))
            continue;
        if (p->arms[kind])
            return tfx_fail(err, TFX_E_INVALID,
                            "arm '%s' has more than one twin '%s', %s and %s: expected one, or a search of learning "
                            "rates that is done",
                            of, kinds[kind], p->arms[kind], name);
        p->arms[kind] = tfx_strdup(name);
    }
    if (!p->arms[kind])
        tfx_fail(err, TFX_E_INVALID,
                 "arm '%s' has no twin '%s': expected 'twins = scratch, random_base, no_growth' in [arm %s]", of,
                 kinds[kind], of);
    return err->status;
}

static tfx_status find_arms(tfx_gain *p, tfx_store *s, tfx_id experiment, const char *arm, tfx_error *err)
{
    tfx_rows *q = tfx_query_twins(s, experiment, err);
    char *of = find_grown(p, q, arm, err);
    for (int k = 1; k < 4 && err->status == TFX_OK; k++)
        find_twin(p, q, k, of, err);
    tfx_rows_close(q);
    free(of);
    return err->status;
}

static int is_one_of(const tfx_gain *p, const char *arm)
{
    for (int k = 0; k < 4; k++)
        if (!strcmp(p->arms[k], arm))
            return 1;
    return 0;
}

/* The first of the four that has no decayed end with a seed; NULL: all have one. */
static const char *find_missing(const tfx_gain *p, int64_t seed)
{
    for (int k = 0; k < 4; k++) {
        int found = 0;
        for (size_t i = 0; i < p->ends.n; i++)
            found |= p->ends.items[i].seed == seed && p->ends.items[i].decayed == 1 &&
                     isfinite(p->ends.items[i].loss) && !strcmp(p->ends.items[i].arm, p->arms[k]);
        if (!found)
            return p->arms[k];
    }
    return NULL;
}

/* Leaves out the seeds that not all have: parts of other seeds would not add up. */
static tfx_status keep_common_seeds(tfx_gain *p, tfx_error *err)
{
    size_t kept = 0;
    char *drop = TFX_NEW_ARRAY(char, p->ends.n);
    for (size_t i = 0; i < p->ends.n; i++) {
        const tfx_endpoint *e = &p->ends.items[i];
        const char *missing = is_one_of(p, e->arm) ? find_missing(p, e->seed) : NULL;
        drop[i] = missing != NULL;
        if (missing)
            tfx_text_add(&p->notes, "seed %lld of '%s' left out: '%s' has no decayed end with it\n", (long long)e->seed,
                         e->arm, missing);
        kept += is_one_of(p, e->arm) && !missing;
    }
    for (size_t i = 0; i < p->ends.n; i++)
        if (drop[i])
            p->ends.items[i].loss = NAN; /* which does not count */
    free(drop);
    return kept ? TFX_OK
                : tfx_fail(err, TFX_E_INVALID,
                           "'%s' and its twins %s, %s and %s have no decayed ends with a seed in common", p->arms[0],
                           p->arms[1], p->arms[2], p->arms[3]);
}

/* Twins of very short runs: half a step of one is more than what counts as equal elsewhere. */
static void add_notes(tfx_gain *p)
{
    double largest = 0;
    for (int k = 0; k < TFX_GAIN_PARTS; k++) {
        const tfx_contrast *t = &p->parts[k].contrasts[0];
        for (size_t i = 0; i < t->n_pairs; i++)
            largest = fmax(largest, fabs(t->pairs[i].dearest_cost / t->pairs[i].cost - 1));
    }
    if (largest > TFX_SAME_COST)
        tfx_text_add(&p->notes, "the FLOPs that they spent differ by up to %.1f%%\n", 100 * largest);
    for (int k = 0; k < TFX_GAIN_PARTS; k++) {
        tfx_text_free(&p->parts[k].notes);
        if (p->notes.n)
            tfx_text_add(&p->parts[k].notes, "%s", p->notes.s);
    }
}

tfx_status tfx_gain_make(tfx_gain *p, tfx_store *s, tfx_id experiment, const char *arm, tfx_error *err)
{
    static const int sides[TFX_GAIN_PARTS][2] = {{0, 1}, {1, 2}, {2, 3}, {0, 3}};
    *p = (tfx_gain){0};
    if (find_arms(p, s, experiment, arm, err) != TFX_OK ||
        tfx_endpoints_read(&p->ends, s, experiment, 0, err) != TFX_OK || keep_common_seeds(p, err) != TFX_OK)
        return err->status;
    for (int k = 0; k < TFX_GAIN_PARTS && err->status == TFX_OK; k++) {
        tfx_comparison *c = &p->parts[k];
        *c = (tfx_comparison){
            .a = p->arms[sides[k][0]], .b = p->arms[sides[k][1]], .cost = TFX_COST_FLOPS, .same_cost = HALF_A_STEP};
        if (tfx_compare(c, &p->ends, NULL, err) == TFX_OK && !isfinite(c->contrasts[0].difference.mean))
            tfx_fail(err, TFX_E_INVALID, "'%s' and '%s' did not spend the same FLOPs: %g and %g", c->a, c->b,
                     c->contrasts[0].cost.mean, c->contrasts[0].pairs[0].dearest_cost);
    }
    if (err->status == TFX_OK)
        add_notes(p);
    return err->status;
}

void tfx_gain_finish(tfx_gain *p)
{
    for (int k = 0; k < TFX_GAIN_PARTS; k++)
        tfx_comparison_finish(&p->parts[k]);
    for (int k = 0; k < 4; k++)
        free(p->arms[k]);
    tfx_endpoints_finish(&p->ends);
    tfx_text_free(&p->notes);
}

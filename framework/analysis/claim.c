#include "framework/analysis/claim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/store/queries.h"

const char *const tfx_verdict_names[] = {"supported", "undecided", "refuted", "refused"};

static int holds(tfx_claim_op op, double x, double number)
{
    switch (op) {
    case TFX_CLAIM_AT_LEAST: return x >= number;
    case TFX_CLAIM_ABOVE: return x > number;
    case TFX_CLAIM_AT_MOST: return x <= number;
    case TFX_CLAIM_BELOW: return x < number;
    }
    return 0;
}

/* What is true of every value in [low, high]. */
static tfx_verdict judge(const tfx_claim_text *t, double low, double high)
{
    int a = holds(t->op, low, t->number), b = holds(t->op, high, t->number);
    return a && b ? TFX_VERDICT_SUPPORTED : !a && !b ? TFX_VERDICT_REFUTED : TFX_VERDICT_UNDECIDED;
}

/* What A saves by a pair, where B does not come to its loss: more than against B's dearest point, where that is above it,
 * or at most as much as against its cheapest one, where that is below it. */
static void bound(const tfx_pair *p, double *low, double *high)
{
    *low = *high = p->saved;
    if (p->reach == TFX_REACH_NEVER) {
        *low = 1 - p->cost / p->dearest_cost;
        *high = 1; /* B may never get there */
    } else if (p->reach == TFX_REACH_BEFORE) {
        *low = -INFINITY;
        *high = 1 - p->cost / p->other_cost.line;
    }
}

/* That A's loss lies beyond B's is a difference between runs like any other: within the spread of seeds it is chance. */
static tfx_verdict judge_bounds(const tfx_claim_text *t, const tfx_contrast *k)
{
    double low = INFINITY, high = -INFINITY, *beyond = TFX_NEW_ARRAY(double, k->n_pairs);
    for (size_t i = 0; i < k->n_pairs; i++) {
        double a, b;
        bound(&k->pairs[i], &a, &b);
        low = fmin(low, a);
        high = fmax(high, b);
        beyond[i] = k->pairs[i].beyond;
    }
    tfx_estimate e = tfx_estimate_mean(beyond, k->n_pairs);
    free(beyond);
    return k->paired && e.low > 0 ? judge(t, low, high) : TFX_VERDICT_UNDECIDED;
}

/* What A does by `e`, to be said in per cent or nats: lower losses are negative differences. */
static tfx_estimate to_say(int saves, tfx_estimate e)
{
    double scale = saves ? 100 : -1;
    return (tfx_estimate){.n = e.n,
                          .mean = scale * e.mean,
                          .sd = e.sd,
                          .low = scale * (saves ? e.low : e.high),
                          .high = scale * (saves ? e.high : e.low)};
}

/* "grown lowers the loss by 0.02 (0.01 to 0.03": what is the other way round is said so, not with a minus. */
static void add_effect(tfx_text *out, const char *arm, int saves, tfx_estimate e)
{
    static const char *const says[][2] = {{"lowers the loss by ", "raises the loss by "}, {"saves ", "needs "}};
    int worse = e.mean < 0;
    const char *unit = saves ? "%" : "", *more = saves && worse ? " more" : "";
    double sign = worse ? -1 : 1, low = worse ? e.high : e.low, high = worse ? e.low : e.high;
    tfx_text_add(out, "%s %s%.4g%s%s", arm, says[saves][worse], sign * e.mean, unit, more);
    if (isfinite(e.low))
        tfx_text_add(out, " (%.4g%s to %.4g%s", sign * low, unit, sign * high, unit);
}

/* Its lines between B's points make A look good, so what holds must do so where B is as good as can be, too. */
static tfx_verdict judge_arm(tfx_claim *c, const tfx_contrast *k)
{
    const tfx_claim_text *t = &c->text;
    int saves = t->kind == TFX_CLAIM_SAVES;
    const tfx_estimate e = to_say(saves, saves ? k->saved : k->difference);
    const tfx_estimate least = to_say(saves, saves ? k->least_saved : k->most_difference);
    double gap = saves ? k->cost_gap : k->loss_gap, scale = saves ? 100 : 1;
    tfx_verdict v = TFX_VERDICT_UNDECIDED;
    if (isfinite(e.mean))
        add_effect(&c->reasons, k->arm, saves, e);
    if (isfinite(e.low)) {
        v = judge(t, fmin(e.low, least.low) / scale, fmax(e.high, least.high) / scale);
        tfx_text_add(&c->reasons, ", 95%%, %zu %sseeds)", k->n_pairs, k->paired ? "paired " : "");
        if (gap > 1 + TFX_SAME_COST) {
            tfx_text_add(&c->reasons, "; at worst ");
            add_effect(&c->reasons, "it", saves, least);
            tfx_text_add(&c->reasons, "), as lines over %.2f times the cost are above %s's losses", gap, t->b);
        }
        tfx_text_add(&c->reasons, "\n");
    } else if (isfinite(e.mean)) {
        tfx_text_add(&c->reasons, ", with no interval\n");
    } else if (saves) {
        v = judge_bounds(t, k);
        tfx_text_add(&c->reasons, "%s: %s does not come to its loss with every seed; what its endpoints bound is %s\n",
                     k->arm, c->text.b, v == TFX_VERDICT_UNDECIDED ? "not enough to decide" : "enough to decide");
    } else {
        tfx_text_add(&c->reasons, "%s: %s has no endpoints at its cost\n", k->arm, c->text.b);
    }
    return v;
}

static int is_compared(const tfx_comparison *c, const char *arm)
{
    for (size_t i = 0; i < c->n; i++)
        if (!strcmp(c->contrasts[i].arm, arm))
            return 1;
    return 0;
}

/* Which of the arms are points of a search of learning rates whose best point is there, too: nothing is claimed of them.
 * One for each contrast; heap. */
static char *find_outdone(const tfx_comparison *c, tfx_store *s, tfx_id experiment, tfx_error *err)
{
    char *outdone = TFX_NEW_ARRAY(char, c->n);
    tfx_rows *q = tfx_query_twins(s, experiment, err);
    while (tfx_rows_next(q, err))
        for (size_t i = 0; i < c->n; i++)
            if (!strcmp(c->contrasts[i].arm, tfx_rows_text(q, 0, err)))
                outdone[i] = !tfx_rows_is_null(q, 4) && is_compared(c, tfx_rows_as_text(q, 4));
    tfx_rows_close(q);
    return outdone;
}

/* Refuted when it is for one arm, supported when it is for all. */
static tfx_verdict judge_all(tfx_claim *c, const char *outdone)
{
    tfx_verdict worst = TFX_VERDICT_SUPPORTED;
    for (size_t i = 0; i < c->comparison.n; i++) {
        const tfx_contrast *k = &c->comparison.contrasts[i];
        if (outdone[i])
            continue;
        tfx_verdict v = judge_arm(c, k);
        worst = v > worst ? v : worst;
        if (!k->paired)
            tfx_lint_fail(&c->lints, TFX_LINT_SEEDS, "%s and %s are not paired: %s", k->arm, c->text.b, k->why);
        else if (k->n_pairs < TFX_ESTIMATE_LEAST)
            tfx_lint_fail(&c->lints, TFX_LINT_SEEDS, "%s and %s have %zu pair%s of seeds, at least %d are needed",
                          k->arm, c->text.b, k->n_pairs, k->n_pairs == 1 ? "" : "s", TFX_ESTIMATE_LEAST);
    }
    return worst;
}

tfx_status tfx_claim_decide(tfx_claim *c, tfx_store *s, tfx_id experiment, const char *text, tfx_error *err)
{
    *c = (tfx_claim){0};
    if (tfx_claim_parse(&c->text, text, err) != TFX_OK ||
        tfx_endpoints_read(&c->ends, s, experiment, 0, err) != TFX_OK ||
        tfx_lints_check(&c->lints, s, experiment, c->text.a, c->text.b, c->text.cost == TFX_COST_SECONDS, err) !=
            TFX_OK)
        return err->status;
    c->comparison = (tfx_comparison){
        .a = c->text.a, .b = c->text.b, .cost = c->text.cost, .excluding = c->text.excluding};
    tfx_error incomparable = {0};
    if (tfx_compare(&c->comparison, &c->ends, NULL, &incomparable) == TFX_OK) {
        char *outdone = find_outdone(&c->comparison, s, experiment, err);
        c->verdict = judge_all(c, outdone);
        if (c->comparison.uneven.n)
            tfx_lint_fail(&c->lints, TFX_LINT_SEEDS, "%.*s", (int)strcspn(c->comparison.uneven.s, "\n"),
                          c->comparison.uneven.s);
        free(outdone);
    } else if (!c->lints.n_failed) /* a lint says it better, with the run */
        return tfx_fail(err, incomparable.status, "%s", incomparable.text);
    if (c->text.excluding)
        tfx_lint_fail(&c->lints, TFX_LINT_ANCESTORS, "the claim leaves out what ancestors spent");
    if (c->lints.n_failed)
        c->verdict = TFX_VERDICT_REFUSED;
    return err->status;
}

void tfx_claim_finish(tfx_claim *c)
{
    tfx_comparison_finish(&c->comparison);
    tfx_endpoints_finish(&c->ends);
    tfx_claim_text_finish(&c->text);
    tfx_lints_finish(&c->lints);
    tfx_text_free(&c->reasons);
}

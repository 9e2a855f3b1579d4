/* The top of a report: what came out, in words that are worked out from the rows, and how far the experiment is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/report/compare_text.h"
#include "framework/report/html.h"

/* Sizes this close count as the same. */
#define SAME_SIZE 0.05
/* The table has all. */
#define MAX_GROWN 4
#define MAX_OTHERS 8

static void print_best(const tfx_page *p, const tfx_outcome *o)
{
    char parameters[32], flops[32];
    fputs("<p class=\"lead\">", p->out);
    tfx_html_arm(p, o->arm);
    fprintf(p->out, " ends with the lowest val loss, <b>%.4f</b>", o->loss);
    if (isfinite(o->std))
        fprintf(p->out, " ± %.4f over %lld seeds", o->std, (long long)o->done);
    else
        fputs(" (one seed)", p->out);
    fprintf(p->out, ", with %s parameters and %s training FLOPs including ancestors.</p>\n",
            tfx_format_count(parameters, o->parameters), tfx_cell_format(flops, TFX_CELL_FLOPS, o->flops));
}

/* What `other` is, seen from an arm that grew. */
static const char *relation(const tfx_outcome *grown, const tfx_outcome *other)
{
    if (tfx_outcome_is_twin(other, grown) && other->twin)
        return !strcmp(other->twin, "scratch")       ? "its twin from scratch"
               : !strcmp(other->twin, "random_base") ? "its twin from an untrained base"
               : !strcmp(other->twin, "no_growth")   ? "its twin that does not grow"
                                                     : "its twin";
    if (fabs(other->parameters / grown->parameters - 1) <= SAME_SIZE)
        return "of the final size from the start";
    if (fabs(other->parameters / grown->first_parameters - 1) <= SAME_SIZE)
        return "of the first size to the end";
    return "not grown";
}

/* A difference whose interval has 0 in it is none; without an interval, one that is less than seeds differ. */
static void print_difference(const tfx_page *p, const tfx_grown_contrast *g)
{
    const tfx_contrast *k = &g->comparison.contrasts[0];
    const char *word = k->difference.mean < 0 ? "better" : "worse";
    double spread = fmax(isfinite(g->grown->std) ? g->grown->std : 0, isfinite(g->other->std) ? g->other->std : 0);
    fprintf(p->out, "<li><span class=\"%s\">%.3f %s</span> than ", word, fabs(k->difference.mean), word);
    tfx_html_arm(p, g->other->arm);
    fprintf(p->out, " (%s) at equal FLOPs", relation(g->grown, g->other));
    if (isfinite(k->difference.low))
        fprintf(p->out, ", 95%%: %+.3f to %+.3f%s", k->difference.low, k->difference.high,
                k->difference.low < 0 && k->difference.high > 0 ? ", so it may be none" : "");
    else if (fabs(k->difference.mean) < spread)
        fputs(", less than seeds differ", p->out);
    if (!isfinite(k->difference.low) && k->n_seeds > 1) /* of one seed, the note at the end speaks */
        fprintf(p->out, "; fewer than %d seeds, so no interval", TFX_ESTIMATE_LEAST);
    fputs("</li>\n", p->out);
}

static int is_equal(const tfx_grown_contrast *g)
{
    return !g->why_not && g->comparison.n && isfinite(g->comparison.contrasts[0].difference.mean);
}

/* Where the other arm has no end point at these FLOPs, what there is to say at equal loss, or why there is nothing. */
static void print_other(const tfx_page *p, const tfx_grown_contrast *g)
{
    char *text = g->why_not || !g->comparison.n ? NULL : tfx_contrast_text(&g->comparison, 0, TFX_CONTRAST_EQUAL_LOSS);
    fputs("<li>against ", p->out);
    tfx_html_arm(p, g->other->arm);
    fprintf(p->out, " (%s), %s: ", relation(g->grown, g->other), text ? "at equal loss" : "not compared");
    tfx_html_text(p->out, text ? text : g->why_not ? g->why_not : "no seed in common");
    fputs("</li>\n", p->out);
    free(text);
}

/* An arm that grew against every one that did not: none is left out for what it would say. Those at equal FLOPs come
 * first. */
static void print_grown(const tfx_page *p, const tfx_outcome *grown)
{
    size_t n = 0, n_more = 0;
    fputs("<p>", p->out);
    tfx_html_arm(p, grown->arm);
    fprintf(p->out,
            " grows and ends at %.4f. Against its twins and arms that do not grow, with what its ancestors "
            "spent:</p><ul>\n",
            grown->loss);
    for (int equal = 1; equal >= 0; equal--)
        for (size_t i = 0; i < p->contrasts.n; i++) {
            const tfx_grown_contrast *g = &p->contrasts.items[i];
            if (g->grown != grown || is_equal(g) != equal)
                continue;
            if (n++ >= MAX_OTHERS)
                n_more++;
            else if (equal)
                print_difference(p, g);
            else
                print_other(p, g);
        }
    if (n_more)
        fprintf(p->out, "<li><a href=\"#comparison\">and %zu more</a></li>\n", n_more);
    fputs(n ? "</ul>\n" : "<li>there is none</li></ul>\n", p->out);
}

/* How many runs there are of each status that is not done. */
static void print_progress(const tfx_page *p, tfx_error *err)
{
    enum { N_STATES = TFX_RUN_FAILED + 1 };
    const char *states[N_STATES];
    int64_t total = 0, done = 0, count[N_STATES] = {0};
    for (int i = 0; i < N_STATES; i++)
        states[i] = tfx_run_status_name((tfx_run_status)i);
    for (size_t i = 0; i < p->outcomes.n; i++) {
        total += p->outcomes.items[i].runs;
        done += p->outcomes.items[i].done;
    }
    if (done == total)
        return;
    tfx_rows *q = tfx_query_report(p->store, TFX_REPORT_RUNS, p->experiment, err);
    while (tfx_rows_next(q, err))
        count[tfx_rows_choice(q, 3, states, N_STATES, err)]++;
    tfx_rows_close(q);
    fprintf(p->out, "<p class=\"warning\">Not finished: %lld of %lld runs are done", (long long)done, (long long)total);
    for (int i = 0; i < N_STATES; i++)
        if (count[i] && i != TFX_RUN_DONE)
            fprintf(p->out, ", %lld %s", (long long)count[i], states[i]);
    fputs(". Means and comparisons are of the runs that are done.</p>\n", p->out);
}

tfx_status tfx_html_headline(const tfx_page *p, tfx_error *err)
{
    const tfx_outcome *best = NULL;
    size_t n_grown = 0;
    int one_seed = 1;
    for (size_t i = 0; i < p->outcomes.n; i++) {
        const tfx_outcome *o = &p->outcomes.items[i];
        if (isfinite(o->loss) && (!best || o->loss < best->loss))
            best = o;
        one_seed &= !(o->done > 1);
    }
    fputs("<div class=\"headline\">\n", p->out);
    print_progress(p, err);
    if (best)
        print_best(p, best);
    else
        fputs("<p class=\"lead\">No run has ended with an evaluation yet.</p>\n", p->out);
    for (size_t i = 0; i < p->outcomes.n && n_grown < MAX_GROWN; i++)
        if (tfx_outcome_grows(&p->outcomes.items[i]) && isfinite(p->outcomes.items[i].loss)) {
            n_grown++;
            print_grown(p, &p->outcomes.items[i]);
        }
    if (best && one_seed)
        fputs("<p class=\"note\">One seed for each arm: a small difference may be chance.</p>\n", p->out);
    fputs("</div>\n", p->out);
    return err->status;
}

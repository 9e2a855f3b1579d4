/* The top of a report: what came out, in words that are worked out from the rows, and how far the experiment is. */
#include <math.h>
#include <stdlib.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/report/html.h"

typedef struct outcome {
    char *arm;
    int64_t runs, done, growths;
    double first_parameters, parameters, flops, loss, std; /* of the runs that are done: means */
} outcome;

/* Budgets this close count as the same. */
#define EQUAL_FLOPS 0.05

static outcome *load(const tfx_page *p, size_t *n, tfx_error *err)
{
    outcome *all = NULL;
    size_t cap = 0;
    *n = 0;
    tfx_rows *q = tfx_query_report(p->store, TFX_REPORT_OUTCOMES, p->experiment, err);
    while (tfx_rows_next(q, err)) {
        outcome *o = TFX_APPEND(all, *n, cap);
        o->arm = tfx_strdup(tfx_rows_text(q, 0, err));
        o->loss = tfx_rows_real(q, 1, err);
        o->std = tfx_rows_real(q, 2, err);
        o->runs = tfx_rows_int(q, 4, 0, err);
        o->done = tfx_rows_int(q, 5, 0, err);
        o->growths = tfx_rows_int(q, 6, 0, err);
        o->first_parameters = tfx_rows_real(q, 7, err);
        o->parameters = tfx_rows_real(q, 8, err);
        o->flops = tfx_rows_real(q, 10, err);
    }
    tfx_rows_close(q);
    return all;
}

static void print_best(const tfx_page *p, const outcome *o)
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

/* What `than` is, seen from an arm that grew. */
static const char *relation(const outcome *grown, const outcome *than)
{
    if (than->growths)
        return "grown, too";
    if (fabs(than->parameters / grown->parameters - 1) <= EQUAL_FLOPS)
        return "of the final size from the start";
    if (fabs(than->parameters / grown->first_parameters - 1) <= EQUAL_FLOPS)
        return "of the first size to the end";
    return "not grown";
}

static void print_comparison(const tfx_page *p, const outcome *grown, const outcome *than)
{
    double difference = grown->loss - than->loss;
    double spread = fmax(isfinite(grown->std) ? grown->std : 0, isfinite(than->std) ? than->std : 0);
    const char *word = difference < 0 ? "better" : "worse";
    fprintf(p->out, "<li><span class=\"%s\">%.3f %s</span> than ", word, fabs(difference), word);
    tfx_html_arm(p, than->arm);
    fprintf(p->out, " (%s, %+.1f%% FLOPs)", relation(grown, than), 100 * (than->flops / grown->flops - 1));
    if (spread > 0 && fabs(difference) < spread)
        fputs(": less than seeds differ", p->out);
    fputs("</li>\n", p->out);
}

/* An arm that grew against those that did not and spent as much. */
static void print_grown(const tfx_page *p, const outcome *all, size_t n, const outcome *grown)
{
    size_t n_equal = 0;
    for (size_t i = 0; i < n; i++) {
        const outcome *than = &all[i];
        if (than == grown || than->growths || !isfinite(than->loss) ||
            !(fabs(than->flops / grown->flops - 1) <= EQUAL_FLOPS))
            continue;
        if (!n_equal++) {
            fputs("<p>At equal FLOPs, ", p->out);
            tfx_html_arm(p, grown->arm);
            fprintf(p->out, ", which grows, ends at %.4f:</p><ul>\n", grown->loss);
        }
        print_comparison(p, grown, than);
    }
    if (n_equal)
        fputs("</ul>\n", p->out);
    else {
        fputs("<p>No arm without growth spent as many FLOPs as ", p->out);
        tfx_html_arm(p, grown->arm);
        fputs(", which grows: what growth is worth cannot be read off the end points alone.</p>\n", p->out);
    }
}

/* How many runs there are of each status that is not done. */
static void print_progress(const tfx_page *p, const outcome *all, size_t n, tfx_error *err)
{
    enum { N_STATES = TFX_RUN_FAILED + 1 };
    const char *states[N_STATES];
    int64_t total = 0, done = 0, count[N_STATES] = {0};
    for (int i = 0; i < N_STATES; i++)
        states[i] = tfx_run_status_name((tfx_run_status)i);
    for (size_t i = 0; i < n; i++) {
        total += all[i].runs;
        done += all[i].done;
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
    size_t n, n_grown = 0;
    outcome *all = load(p, &n, err);
    const outcome *best = NULL;
    int one_seed = 1;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(all[i].loss) && (!best || all[i].loss < best->loss))
            best = &all[i];
        one_seed &= !(all[i].done > 1);
    }
    fputs("<div class=\"headline\">\n", p->out);
    print_progress(p, all, n, err);
    if (best)
        print_best(p, best);
    else
        fputs("<p class=\"lead\">No run has ended with an evaluation yet.</p>\n", p->out);
    for (size_t i = 0; i < n && n_grown < 4; i++)
        if (all[i].growths && isfinite(all[i].loss)) {
            n_grown++;
            print_grown(p, all, n, &all[i]);
        }
    if (best && one_seed)
        fputs("<p class=\"note\">One seed for each arm: a small difference may be chance.</p>\n", p->out);
    fputs("</div>\n", p->out);
    for (size_t i = 0; i < n; i++)
        free(all[i].arm);
    free(all);
    return err->status;
}

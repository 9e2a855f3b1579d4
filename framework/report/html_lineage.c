/* Lineage: one bar for each run, from what had been spent when it began to what was at its end, with its growth, and
 * a line from the run that it started from. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/report/html.h"

/* More are not drawn: nobody reads them. */
#define MAX_RUNS 200

typedef struct bar_stage {
    double from, to, parameters;
} bar_stage;

typedef struct bar {
    int own;
    char *experiment, *arm, *status;
    int64_t seed, run, parent;
    double loss;
    bar_stage *stages;
    size_t n, cap;
} bar;

/* Columns: TFX_REPORT_LINEAGE; the rows of a run are together. */
static bar *load(const tfx_page *p, size_t *n, tfx_error *err)
{
    bar *all = NULL;
    size_t cap = 0;
    *n = 0;
    tfx_rows *q = tfx_query_report(p->store, TFX_REPORT_LINEAGE, p->experiment, err);
    while (tfx_rows_next(q, err)) {
        tfx_id run = tfx_rows_int(q, 4, 1, err);
        if (!*n || all[*n - 1].run != run) {
            bar *b = TFX_APPEND(all, *n, cap);
            b->own = tfx_rows_int(q, 0, 0, err) != 0;
            b->experiment = tfx_strdup(tfx_rows_text(q, 1, err));
            b->arm = tfx_strdup(tfx_rows_text(q, 2, err));
            b->seed = tfx_rows_int(q, 3, INT64_MIN, err);
            b->run = run;
            b->loss = tfx_rows_real(q, 9, err);
            b->parent = tfx_rows_id(q, 10, err);
            b->status = tfx_strdup(tfx_rows_text(q, 11, err));
        }
        bar *b = &all[*n - 1];
        bar_stage *s = TFX_APPEND(b->stages, b->n, b->cap);
        s->parameters = tfx_rows_real(q, 6, err);
        s->from = tfx_rows_real(q, 7, err);
        s->to = fmax(tfx_rows_real(q, 8, err), s->from);
    }
    tfx_rows_close(q);
    return all;
}

static double middle(size_t row, size_t n)
{
    return TFX_PLOT_SIZE * ((double)row + 0.5) / (double)n;
}

static void draw_bar(const tfx_page *p, const bar *all, size_t n, size_t row, double total)
{
    const bar *b = &all[row];
    size_t arm = b->own ? tfx_loss_curves_arm(&p->curves, b->arm) : TFX_NO_ARM;
    double y = middle(row, n);
    fputs("<g class=\"arm", p->out);
    if (arm != TFX_NO_ARM)
        fprintf(p->out, " a%zu", p->curves.arms[arm].group);
    fputs("\">", p->out);
    for (size_t i = 0; b->parent && i < n; i++)
        if (all[i].run == b->parent)
            fprintf(p->out, "<path class=\"link\" d=\"M%.1f %.1fV%.1f\"/>", TFX_PLOT_SIZE * b->stages[0].from / total,
                    middle(i, n), y);
    for (size_t s = 0; s < b->n; s++) /* the more growth, the thicker */
        fprintf(p->out, "<path class=\"span\" style=\"stroke-width:%zupx\" d=\"M%.1f %.1fH%.1f\"/>",
                s < 3 ? 3 + 3 * s : 12, TFX_PLOT_SIZE * b->stages[s].from / total, y,
                TFX_PLOT_SIZE * b->stages[s].to / total);
    for (size_t s = 1; s < b->n; s++)
        fprintf(p->out, "<path class=\"ring\" d=\"M%.1f %.1fh0\"/><path class=\"hole\" d=\"M%.1f %.1fh0\"/>",
                TFX_PLOT_SIZE * b->stages[s].from / total, y, TFX_PLOT_SIZE * b->stages[s].from / total, y);
    fputs("</g>\n", p->out);
}

static void print_name(const tfx_page *p, const bar *b)
{
    fputs("<div class=\"row\"><span class=\"name\">", p->out);
    if (!b->own) {
        tfx_html_text(p->out, b->experiment);
        fputs(" / ", p->out);
    }
    tfx_html_text(p->out, b->arm);
    fprintf(p->out, "</span> <span class=\"more\">seed %lld", (long long)b->seed);
    for (size_t s = 0; s < b->n; s++) {
        char parameters[32];
        fprintf(p->out, "%s%s", s ? " → " : ", ", tfx_format_count(parameters, b->stages[s].parameters));
    }
    if (strcmp(b->status, "done") != 0) /* its last loss is nothing that it came to */
        fprintf(p->out, ", %s", b->status);
    else if (isfinite(b->loss))
        fprintf(p->out, ", loss %.4f", b->loss);
    fputs("</span></div>\n", p->out);
}

static void draw(const tfx_page *p, const bar *all, size_t n, double total)
{
    char flops[32];
    fputs("<figure class=\"lineage\"><div class=\"names\">\n", p->out);
    for (size_t i = 0; i < n; i++)
        print_name(p, &all[i]);
    fprintf(p->out,
            "</div><div class=\"bars\"><svg viewBox=\"0 0 %g %g\" preserveAspectRatio=\"none\" role=\"img\" "
            "aria-label=\"runs "
            "as bars along their cost, with growth events and starts from other runs\">\n",
            TFX_PLOT_SIZE, TFX_PLOT_SIZE);
    for (size_t i = 0; i < n; i++)
        draw_bar(p, all, n, i, total);
    fprintf(p->out, "</svg><span class=\"zero\">0</span><span class=\"total\">%s FLOPs</span></div></figure>\n",
            tfx_cell_format(flops, TFX_CELL_FLOPS, total));
}

tfx_status tfx_html_lineage(const tfx_page *p, tfx_error *err)
{
    size_t n;
    double total = 0;
    int branches = 0;
    bar *all = load(p, &n, err);
    for (size_t i = 0; i < n; i++) {
        total = fmax(total, all[i].stages[all[i].n - 1].to);
        branches |= all[i].parent != 0;
    }
    if (total > 0 && err->status == TFX_OK) {
        tfx_html_section(p, "lineage", "Lineage");
        draw(p, all, n < MAX_RUNS ? n : MAX_RUNS, total);
        fputs("<p class=\"caption\">Each bar is a run along its training FLOPs, including ancestors; a ring is a "
              "growth event.",
              p->out);
        fputs(branches ? " A line down or up leads from the run whose checkpoint it started from." : "", p->out);
        if (n > MAX_RUNS)
            fprintf(p->out, " The first %d of %zu runs are drawn.", MAX_RUNS, n);
        fputs("</p>\n", p->out);
        tfx_html_sql(p, TFX_REPORT_LINEAGE);
        fputs("</section>\n", p->out);
    }
    for (size_t i = 0; i < n; i++) {
        free(all[i].experiment);
        free(all[i].arm);
        free(all[i].status);
        free(all[i].stages);
    }
    free(all);
    return err->status;
}

/* The figure "arms": a row for each arm, with a dot for every seed and a line at their mean, by the loss at the end of runs
 * whose learning rate had decayed. For experiments whose arms cost the same, or differ in something that is no number. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/analysis/endpoints.h"
#include "framework/base/memory.h"
#include "framework/report/paper_script.h"

typedef struct row {
    size_t arm; /* of the curves */
    double *losses;
    size_t n, cap;
} row;

static row *load_rows(const tfx_paper *p, const tfx_endpoints *ends, size_t *n)
{
    row *all = NULL;
    size_t cap = 0;
    *n = 0;
    for (size_t a = 0; a < p->curves.n_arms; a++) {
        row r = {.arm = a};
        for (size_t i = 0; i < ends->n; i++)
            if (ends->items[i].decayed == 1 && isfinite(ends->items[i].loss) &&
                !strcmp(ends->items[i].arm, p->curves.arms[a].arm))
                *TFX_APPEND(r.losses, r.n, r.cap) = ends->items[i].loss;
        if (r.n)
            *TFX_APPEND(all, *n, cap) = r;
    }
    return all;
}

/* Its seeds, then the line at their mean. */
static void row_data(tfx_paper *p, const row *r, double y)
{
    double sum = 0;
    tfx_paper_data(p);
    for (size_t i = 0; i < r->n; i++) {
        fprintf(p->script, "%.17g %g\n", r->losses[i], y);
        sum += r->losses[i];
    }
    tfx_paper_data_end(p);
    tfx_paper_data(p);
    fprintf(p->script, "%.17g %g\n%.17g %g\n", sum / (double)r->n, y - 0.35, sum / (double)r->n, y + 0.35);
    tfx_paper_data_end(p);
}

static void draw(tfx_paper *p, const row *rows, size_t n)
{
    double x[2] = {INFINITY, 0};
    const char **names = TFX_NEW_ARRAY(const char *, n);
    for (size_t i = 0; i < n; i++) {
        names[i] = p->curves.arms[rows[i].arm].arm;
        for (size_t k = 0; k < rows[i].n; k++)
            tfx_range_widen(x, rows[i].losses[k]);
    }
    tfx_scale sx = tfx_scale_linear(x[0], x[1], 0.05);
    tfx_paper_begin_rows(p, names, n);
    tfx_paper_axis(p, "x", &sx, TFX_TICK_NUMBER, "validation loss");
    tfx_paper_rows(p, names, n);
    size_t block = p->n_blocks;
    for (size_t i = 0; i < n; i++)
        row_data(p, &rows[i], (double)(n - 1 - i));
    for (size_t i = 0; i < n; i++) {
        tfx_paper_line(p, block + 2 * i, p->curves.arms[rows[i].arm].group, TFX_PAPER_DOT);
        tfx_paper_line(p, block + 2 * i + 1, p->curves.arms[rows[i].arm].group, TFX_PAPER_MEAN);
    }
    tfx_paper_plot_end(p);
    free(names);
}

tfx_status tfx_paper_arms(tfx_paper *p, tfx_error *err)
{
    tfx_endpoints ends = {.n = 0};
    size_t n = 0;
    if (tfx_endpoints_read(&ends, p->store, p->experiment, 0, err) == TFX_OK) {
        row *rows = load_rows(p, &ends, &n);
        if (n)
            draw(p, rows, n);
        else
            tfx_fail(err, TFX_E_INVALID,
                     "figure 'arms' has the ends of runs whose learning rate has decayed to a tenth of its peak: the "
                     "experiment has none");
        for (size_t i = 0; i < n; i++)
            free(rows[i].losses);
        free(rows);
    }
    tfx_endpoints_finish(&ends);
    return err->status;
}

/* The figure "growth": loss, and what new slots add, in steps since growth. */
#include <math.h>
#include <stdlib.h>

#include "framework/base/memory.h"
#include "framework/report/paper_script.h"
#include "framework/store/queries_report.h"

/* The number of the stage's first point in the curve; its points and those of the stage before are drawn. */
typedef struct event {
    size_t arm, first, from, to;
} event;

static event *find_events(const tfx_paper *p, size_t *n)
{
    event *all = NULL;
    size_t cap = 0;
    *n = 0;
    for (size_t a = 0; a < p->curves.n_arms; a++) {
        const tfx_loss_curve *c = tfx_arm_main_curve(&p->curves.arms[a]);
        for (size_t i = 1; c && i < c->n; i++) {
            if (c->points[i].stage == c->points[i - 1].stage)
                continue;
            event e = {a, i, i, i};
            while (e.from > 0 && c->points[e.from - 1].stage >= c->points[i].stage - 1)
                e.from--;
            while (e.to < c->n && c->points[e.to].stage == c->points[i].stage)
                e.to++;
            *TFX_APPEND(all, *n, cap) = e;
        }
    }
    return all;
}

static double since(const tfx_loss_curve *c, const event *e, size_t i)
{
    return (double)(c->points[i].step - c->points[e->first].step);
}

/* What has been trained not at all is far above all the rest, and would leave no room for it. */
static int is_shown(const tfx_loss_curve *c, const event *e, size_t i)
{
    return i >= e->first || c->points[i].cost[TFX_COST_FLOPS][TFX_SIDE_INCL] > 0;
}

static void draw_losses(tfx_paper *p, const event *all, size_t n)
{
    double x[2] = {0, 0}, y[2] = {INFINITY, 0};
    size_t block = p->n_blocks;
    for (size_t k = 0; k < n; k++) {
        const tfx_loss_curve *c = tfx_arm_main_curve(&p->curves.arms[all[k].arm]);
        for (size_t i = all[k].from; i < all[k].to; i++)
            if (is_shown(c, &all[k], i))
                tfx_range_widen(x, since(c, &all[k], i));
    }
    /* As far back as forth: what was long before says nothing of growth. */
    x[0] = fmax(x[0], -fmax(x[1], 1));
    for (size_t k = 0; k < n; k++) {
        const tfx_loss_curve *c = tfx_arm_main_curve(&p->curves.arms[all[k].arm]);
        tfx_paper_data(p);
        for (size_t i = all[k].from; i < all[k].to; i++)
            if (since(c, &all[k], i) >= x[0] && is_shown(c, &all[k], i)) {
                fprintf(p->script, "%.17g %.17g\n", since(c, &all[k], i), c->points[i].loss);
                tfx_range_widen(y, c->points[i].loss);
            }
        tfx_paper_data_end(p);
    }
    tfx_scale sx = tfx_scale_linear(x[0], x[1], 0.02), sy = tfx_scale_linear(y[0], y[1], 0.06);
    tfx_paper_axis(p, "x", &sx, TFX_TICK_COUNT, "steps since growth");
    tfx_paper_axis(p, "y", &sy, TFX_TICK_NUMBER, "validation loss");
    fputs("set arrow 999 from 0, graph 0 to 0, graph 1 nohead back lw 0.8 dt 2 lc rgb '#808080'\n", p->script);
    for (size_t k = 0; k < n; k++)
        tfx_paper_line(p, block + k, p->curves.arms[all[k].arm].group, TFX_PAPER_MEAN);
    tfx_paper_plot_end(p);
}

/* One block for each arm and stage that has rows; the arms of those from `first` on. */
static size_t *share_data(tfx_paper *p, double x[2], double y[2], size_t *n, tfx_error *err)
{
    size_t *arms = NULL, cap = 0, arm = TFX_NO_ARM;
    int64_t stage = -1;
    *n = 0;
    tfx_rows *q = tfx_query_report(p->store, TFX_REPORT_SLICES, p->experiment, err);
    while (tfx_rows_next(q, err)) {
        size_t of = tfx_loss_curves_arm(&p->curves, tfx_rows_text(q, 0, err));
        int64_t in = tfx_rows_int(q, 1, 0, err);
        double steps = tfx_rows_real(q, 2, err), share = 100 * tfx_rows_real(q, 3, err);
        if (of == TFX_NO_ARM || !isfinite(share))
            continue;
        if (of != arm || in != stage) {
            if (*n)
                tfx_paper_data_end(p);
            tfx_paper_data(p);
            *TFX_APPEND(arms, *n, cap) = arm = of;
            stage = in;
        }
        fprintf(p->script, "%.17g %.17g\n", steps, share);
        tfx_range_widen(x, steps);
        tfx_range_widen(y, share);
    }
    if (*n)
        tfx_paper_data_end(p);
    tfx_rows_close(q);
    return arms;
}

tfx_status tfx_paper_growth(tfx_paper *p, tfx_error *err)
{
    size_t n_events, n_shares;
    event *events = find_events(p, &n_events);
    double x[2] = {0, 1}, y[2] = {0, 0};
    size_t *arms = share_data(p, x, y, &n_shares, err);
    if (!n_events)
        tfx_fail(err, TFX_E_INVALID,
                 "figure 'growth': no arm of the experiment has been evaluated before and after growth");
    if (err->status == TFX_OK) {
        size_t first = p->n_blocks - n_shares;
        char *shown = tfx_alloc(p->curves.n_groups);
        for (size_t i = 0; i < n_events; i++)
            shown[p->curves.arms[events[i].arm].group] = 1;
        tfx_paper_begin_groups(p, n_shares ? 2 : 1, shown);
        tfx_paper_panel(p, 0);
        free(shown);
        draw_losses(p, events, n_events);
        if (n_shares) {
            tfx_paper_panel(p, 1);
            fputs("unset arrow 999\n", p->script);
            tfx_scale sx = tfx_scale_linear(x[0], x[1], 0.02), sy = tfx_scale_linear(y[0], y[1] > 0 ? y[1] : 1, 0.05);
            tfx_paper_axis(p, "x", &sx, TFX_TICK_COUNT, "steps since growth");
            tfx_paper_axis(p, "y", &sy, TFX_TICK_NUMBER, "output of new slots, %");
            for (size_t k = 0; k < n_shares; k++)
                tfx_paper_line(p, first + k, p->curves.arms[arms[k]].group, TFX_PAPER_MEAN);
            tfx_paper_plot_end(p);
            fputs("unset multiplot\n", p->script);
        }
    }
    free(arms);
    free(events);
    return err->status;
}

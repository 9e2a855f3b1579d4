/* Figures for papers: see framework/report/paper.h. */
#include "framework/report/paper.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/checkpoint/files.h"
#include "framework/report/paper_script.h"
#include "framework/store/queries_report.h"

#define MAX_POINTS 6000

typedef tfx_status draw_figure(tfx_paper *p, tfx_error *err);

static void widen(double range[2], double value)
{
    range[0] = fmin(range[0], value);
    range[1] = fmax(range[1], value);
}

/* Of all costs and losses that a logarithmic axis has a place for. 0: there are none. */
static int axes_of_curves(tfx_paper *p)
{
    double x[2] = {INFINITY, 0}, y[2] = {INFINITY, 0};
    for (size_t a = 0; a < p->curves.n_arms; a++)
        for (size_t r = 0; r < p->curves.arms[a].n_runs; r++)
            for (size_t i = 0; i < p->curves.arms[a].runs[r].n; i++) {
                const tfx_loss_point *at = &p->curves.arms[a].runs[r].points[i];
                if (at->cost[TFX_COST_FLOPS][TFX_SIDE_INCL] > 0 && at->loss > 0) {
                    widen(x, at->cost[TFX_COST_FLOPS][TFX_SIDE_INCL]);
                    widen(y, at->loss);
                }
            }
    if (x[1] == 0)
        return 0;
    tfx_scale sx = tfx_scale_log(x[0], x[1], 0.02), sy = tfx_scale_log(y[0], y[1], 0.04);
    tfx_paper_axis(p, "x", &sx, TFX_TICK_POWER, "training FLOPs, including ancestors");
    tfx_paper_axis(p, "y", &sy, TFX_TICK_NUMBER, "validation loss");
    return 1;
}

/* ---- curves: loss against FLOPs ---- */

static size_t curve_data(tfx_paper *p, const tfx_loss_curve *c)
{
    size_t block = tfx_paper_data(p);
    for (size_t i = 0; i < c->n; i++)
        if (c->points[i].cost[TFX_COST_FLOPS][TFX_SIDE_INCL] > 0)
            fprintf(p->script, "%.17g %.17g\n", c->points[i].cost[TFX_COST_FLOPS][TFX_SIDE_INCL], c->points[i].loss);
    tfx_paper_data_end(p);
    return block;
}

/* The first point of each stage that began with growth. */
static size_t growth_data(tfx_paper *p, const tfx_loss_curve *c)
{
    size_t block = tfx_paper_data(p);
    for (size_t i = 0; i < c->n; i++)
        if (c->points[i].stage != (i ? c->points[i - 1].stage : 0))
            fprintf(p->script, "%.17g %.17g\n", c->points[i].cost[TFX_COST_FLOPS][TFX_SIDE_INCL], c->points[i].loss);
    tfx_paper_data_end(p);
    return block;
}

static tfx_status draw_curves(tfx_paper *p, tfx_error *err)
{
    char *shown = tfx_alloc(p->curves.n_arms);
    for (size_t a = 0; a < p->curves.n_arms; a++)
        shown[a] = p->curves.arms[a].n_runs > 0;
    tfx_paper_begin(p, 1, shown, TFX_PAPER_MEAN);
    tfx_paper_panel(p, 0);
    free(shown);
    if (!axes_of_curves(p))
        return tfx_fail(err, TFX_E_INVALID, "figure 'curves': the experiment has no evaluation after a step");
    size_t block = p->n_blocks; /* of the next arm: its runs, its mean, its growth */
    for (size_t a = 0; a < p->curves.n_arms; a++) {
        const tfx_arm_curves *arm = &p->curves.arms[a];
        for (size_t r = 0; r < arm->n_runs; r++)
            curve_data(p, &arm->runs[r]);
        if (arm->n_runs) {
            curve_data(p, tfx_arm_main_curve(arm));
            growth_data(p, tfx_arm_main_curve(arm));
        }
    }
    for (size_t a = 0; a < p->curves.n_arms; a++) {
        const tfx_arm_curves *arm = &p->curves.arms[a];
        for (size_t r = 0; r < arm->n_runs; r++, block++)
            if (arm->mean.n)
                tfx_paper_line(p, block, a, TFX_PAPER_SEED);
        if (arm->n_runs) {
            tfx_paper_line(p, block++, a, TFX_PAPER_MEAN);
            tfx_paper_line(p, block++, a, TFX_PAPER_RING);
        }
    }
    tfx_paper_plot_end(p);
    return err->status;
}

/* ---- scaling: where runs ended, against what that cost ---- */

typedef struct end_point {
    size_t arm;
    double flops, loss;
} end_point;

static end_point *load_ends(const tfx_paper *p, size_t *n, size_t *n_undecayed, tfx_error *err)
{
    end_point *all = NULL;
    size_t cap = 0;
    *n = *n_undecayed = 0;
    tfx_rows *q = tfx_query_report(p->store, TFX_REPORT_ENDPOINTS, p->experiment, err);
    while (tfx_rows_next(q, err)) {
        end_point e = {tfx_loss_curves_arm(&p->curves, tfx_rows_text(q, 0, err)), tfx_rows_real(q, 6, err),
                       tfx_rows_real(q, 12, err)};
        int decayed = !tfx_rows_is_null(q, 14) && tfx_rows_int(q, 14, 0, err);
        if (e.arm == TFX_NO_ARM || !(e.flops > 0) || !(e.loss > 0))
            continue;
        if (decayed)
            *TFX_APPEND(all, *n, cap) = e;
        else
            ++*n_undecayed;
    }
    tfx_rows_close(q);
    return all;
}

static void draw_ends(tfx_paper *p, const end_point *all, size_t n)
{
    double x[2] = {INFINITY, 0}, y[2] = {INFINITY, 0};
    for (size_t i = 0; i < n; i++) {
        widen(x, all[i].flops);
        widen(y, all[i].loss);
    }
    tfx_scale sx = tfx_scale_log(x[0], x[1], 0.06), sy = tfx_scale_log(y[0], y[1], 0.08);
    tfx_paper_axis(p, "x", &sx, TFX_TICK_POWER, "training FLOPs, including ancestors");
    tfx_paper_axis(p, "y", &sy, TFX_TICK_NUMBER, "validation loss");
    size_t block = p->n_blocks;
    for (size_t a = 0; a < p->curves.n_arms; a++) {
        tfx_paper_data(p);
        for (size_t i = 0; i < n; i++)
            if (all[i].arm == a)
                fprintf(p->script, "%.17g %.17g\n", all[i].flops, all[i].loss);
        tfx_paper_data_end(p);
    }
    for (size_t a = 0; a < p->curves.n_arms; a++) {
        size_t of_arm = 0;
        for (size_t i = 0; i < n; i++)
            of_arm += all[i].arm == a;
        if (of_arm)
            tfx_paper_line(p, block + a, a, TFX_PAPER_DOT);
    }
    tfx_paper_plot_end(p);
}

static tfx_status draw_scaling(tfx_paper *p, tfx_error *err)
{
    size_t n, n_undecayed;
    end_point *all = load_ends(p, &n, &n_undecayed, err);
    if (!n && n_undecayed)
        tfx_fail(err, TFX_E_INVALID,
                 "figure 'scaling' has the ends of stages whose learning rate has decayed to a tenth of its peak: the "
                 "experiment has %zu, and at none of them it has",
                 n_undecayed);
    else if (!n)
        tfx_fail(err, TFX_E_INVALID, "figure 'scaling': no stage of the experiment has ended with an evaluation");
    if (err->status == TFX_OK) {
        char *shown = tfx_alloc(p->curves.n_arms);
        for (size_t i = 0; i < n; i++)
            shown[all[i].arm] = 1;
        tfx_paper_begin(p, 1, shown, TFX_PAPER_DOT);
        tfx_paper_panel(p, 0);
        free(shown);
        draw_ends(p, all, n);
    }
    free(all);
    return err->status;
}

/* ---- growth: loss, and what new slots add, in steps since growth ---- */

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

static void draw_losses(tfx_paper *p, const event *all, size_t n)
{
    double x[2] = {0, 0}, y[2] = {INFINITY, 0};
    size_t block = p->n_blocks;
    for (size_t k = 0; k < n; k++) {
        const tfx_loss_curve *c = tfx_arm_main_curve(&p->curves.arms[all[k].arm]);
        for (size_t i = all[k].from; i < all[k].to; i++)
            widen(x, since(c, &all[k], i));
    }
    /* As far back as forth: what was long before says nothing of growth. */
    x[0] = fmax(x[0], -fmax(x[1], 1));
    for (size_t k = 0; k < n; k++) {
        const tfx_loss_curve *c = tfx_arm_main_curve(&p->curves.arms[all[k].arm]);
        tfx_paper_data(p);
        for (size_t i = all[k].from; i < all[k].to; i++)
            if (since(c, &all[k], i) >= x[0]) {
                fprintf(p->script, "%.17g %.17g\n", since(c, &all[k], i), c->points[i].loss);
                widen(y, c->points[i].loss);
            }
        tfx_paper_data_end(p);
    }
    tfx_scale sx = tfx_scale_linear(x[0], x[1], 0.02), sy = tfx_scale_linear(y[0], y[1], 0.06);
    tfx_paper_axis(p, "x", &sx, TFX_TICK_COUNT, "steps since growth");
    tfx_paper_axis(p, "y", &sy, TFX_TICK_NUMBER, "validation loss");
    fputs("set arrow 999 from 0, graph 0 to 0, graph 1 nohead back lw 0.8 dt 2 lc rgb '#808080'\n", p->script);
    for (size_t k = 0; k < n; k++)
        tfx_paper_line(p, block + k, all[k].arm, TFX_PAPER_MEAN);
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
        widen(x, steps);
        widen(y, share);
    }
    if (*n)
        tfx_paper_data_end(p);
    tfx_rows_close(q);
    return arms;
}

static tfx_status draw_growth(tfx_paper *p, tfx_error *err)
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
        char *shown = tfx_alloc(p->curves.n_arms);
        for (size_t i = 0; i < n_events; i++)
            shown[events[i].arm] = 1;
        tfx_paper_begin(p, n_shares ? 2 : 1, shown, TFX_PAPER_MEAN);
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
                tfx_paper_line(p, first + k, arms[k], TFX_PAPER_MEAN);
            tfx_paper_plot_end(p);
            fputs("unset multiplot\n", p->script);
        }
    }
    free(arms);
    free(events);
    return err->status;
}

/* ---- */

static const struct figure {
    const char *name;
    draw_figure *draw;
} figures[] = {{"curves", draw_curves}, {"scaling", draw_scaling}, {"growth", draw_growth}};

static draw_figure *find_figure(const char *name, tfx_error *err)
{
    draw_figure *found = NULL;
    tfx_suggest known = {.name = name};
    for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++) {
        tfx_suggest_add(&known, "%s", figures[i].name);
        if (!strcmp(figures[i].name, name))
            found = figures[i].draw;
    }
    if (!found)
        tfx_fail(err, TFX_E_INVALID, "--figure: there is no figure '%s'", name);
    tfx_suggest_end(&known, NULL, err);
    return found;
}

static tfx_status write_figure(const char *script, size_t size, const char *path, tfx_error *err)
{
    char *bytes;
    size_t n;
    if (tfx_gnuplot_run(script, size, &bytes, &n, err) == TFX_OK)
        tfx_write_file_atomic(path, bytes, n, err);
    free(bytes);
    return err->status;
}

tfx_status tfx_report_paper(tfx_store *s, tfx_id experiment, const char *figure, const char *path, tfx_error *err)
{
    tfx_paper p = {.store = s, .experiment = experiment};
    draw_figure *draw = find_figure(figure, err);
    if (!draw || tfx_figure_format_of(path, &p.format, err) != TFX_OK)
        return err->status;
    char *script = NULL;
    size_t size = 0;
    p.script = open_memstream(&script, &size);
    if (!p.script)
        return tfx_fail(err, TFX_E_MEMORY, "the figure: %s", strerror(errno));
    if (tfx_store_begin_reading(s, err) == TFX_OK &&
        tfx_loss_curves_load(s, experiment, MAX_POINTS, &p.curves, err) == TFX_OK)
        draw(&p, err);
    tfx_store_end_reading(s);
    if (fclose(p.script) != 0)
        tfx_fail(err, TFX_E_MEMORY, "the figure: %s", strerror(errno));
    if (err->status == TFX_OK)
        write_figure(script, size, path, err);
    tfx_loss_curves_finish(&p.curves);
    free(script);
    return err->status;
}

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

#define MAX_POINTS 6000

typedef tfx_status draw_figure(tfx_paper *p, tfx_error *err);

/* Of all costs and losses that a logarithmic axis has a place for. 0: there are none. */
static int axes_of_curves(tfx_paper *p)
{
    double x[2] = {INFINITY, 0}, y[2] = {INFINITY, 0};
    for (size_t a = 0; a < p->curves.n_arms; a++)
        for (size_t r = 0; r < p->curves.arms[a].n_runs; r++)
            for (size_t i = 0; i < p->curves.arms[a].runs[r].n; i++) {
                const tfx_loss_point *at = &p->curves.arms[a].runs[r].points[i];
                if (at->cost[TFX_COST_FLOPS][TFX_SIDE_INCL] > 0 && at->loss > 0) {
                    tfx_range_widen(x, at->cost[TFX_COST_FLOPS][TFX_SIDE_INCL]);
                    tfx_range_widen(y, at->loss);
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

/* One evaluation is no line. */
static tfx_paper_mark mark_of(const tfx_loss_curve *c, tfx_paper_mark line)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        n += c->points[i].cost[TFX_COST_FLOPS][TFX_SIDE_INCL] > 0;
    return n == 1 ? TFX_PAPER_DOT : line;
}

static tfx_status draw_curves(tfx_paper *p, tfx_error *err)
{
    char *shown = tfx_alloc(p->curves.n_groups);
    for (size_t a = 0; a < p->curves.n_arms; a++)
        shown[p->curves.arms[a].group] |= p->curves.arms[a].n_runs > 0;
    tfx_paper_begin_groups(p, 1, shown);
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
                tfx_paper_line(p, block, arm->group, mark_of(&arm->runs[r], TFX_PAPER_SEED));
        if (arm->n_runs) {
            tfx_paper_line(p, block++, arm->group, mark_of(tfx_arm_main_curve(arm), TFX_PAPER_MEAN));
            tfx_paper_line(p, block++, arm->group, TFX_PAPER_RING);
        }
    }
    tfx_paper_plot_end(p);
    return err->status;
}

/* ---- */

static const struct figure {
    const char *name;
    draw_figure *draw;
} figures[] = {{"curves", draw_curves},
               {"arms", tfx_paper_arms},
               {"scaling", tfx_paper_scaling},
               {"sweep", tfx_paper_sweep},
               {"growth", tfx_paper_growth}};

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

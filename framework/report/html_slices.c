/* Old and new slices after growth: the share of the output that new slots make, and how fast both parts change. */
#include <math.h>
#include <stdlib.h>

#include "framework/base/memory.h"
#include "framework/report/html.h"

typedef struct measured {
    size_t arm;
    int64_t stage;
    double steps, share, old_ratio, new_ratio;
} measured;

/* Columns: TFX_REPORT_SLICES. The caller frees them. */
static measured *load(const tfx_page *p, size_t *n, tfx_error *err)
{
    measured *all = NULL;
    size_t cap = 0;
    *n = 0;
    tfx_rows *q = tfx_query_report(p->store, TFX_REPORT_SLICES, p->experiment, err);
    while (tfx_rows_next(q, err)) {
        measured m = {.arm = tfx_loss_curves_arm(&p->curves, tfx_rows_text(q, 0, err)),
                      .stage = tfx_rows_int(q, 1, 0, err),
                      .steps = (double)tfx_rows_int(q, 2, 0, err),
                      .share = tfx_rows_real(q, 3, err),
                      .old_ratio = tfx_rows_real(q, 4, err),
                      .new_ratio = tfx_rows_real(q, 5, err)};
        if (m.arm != TFX_NO_ARM)
            *TFX_APPEND(all, *n, cap) = m;
    }
    tfx_rows_close(q);
    return all;
}

static double share_of(const measured *m)
{
    return 100 * m->share;
}

static double old_ratio_of(const measured *m)
{
    return m->old_ratio;
}

static double new_ratio_of(const measured *m)
{
    return m->new_ratio;
}

typedef double value_of(const measured *m);

static int shown(const tfx_html_plot *plot, double value)
{
    return isfinite(value) && (!plot->y.is_log || value > 0);
}

/* One line for each arm and stage. */
static void draw_lines(const tfx_page *p, const tfx_html_plot *plot, const measured *all, size_t n, value_of *value,
                       const char *class, const char *what)
{
    for (size_t from = 0, to; from < n; from = to) {
        const measured *first = &all[from];
        int any = 0;
        fprintf(p->out, "<g class=\"arm a%zu\"><path class=\"%s\" d=\"", p->curves.arms[first->arm].group, class);
        for (to = from; to < n && all[to].arm == first->arm && all[to].stage == first->stage; to++) {
            if (!shown(plot, value(&all[to])))
                continue;
            fprintf(p->out, "%s%.1f %.1f", any ? "L" : "M", tfx_html_plot_x(plot, all[to].steps),
                    tfx_html_plot_y(plot, value(&all[to])));
            any = 1;
        }
        fputs("\"><title>", p->out);
        tfx_html_text(p->out, p->curves.arms[first->arm].arm);
        fprintf(p->out, ", stage %lld: %s</title></path></g>\n", (long long)first->stage, what);
    }
}

static void widen(const measured *all, size_t n, value_of *value, int is_log, double range[2])
{
    for (size_t i = 0; i < n; i++) {
        double v = value(&all[i]);
        if (isfinite(v) && (!is_log || v > 0)) {
            range[0] = fmin(range[0], v);
            range[1] = fmax(range[1], v);
        }
    }
}

static tfx_html_plot plot_of(const measured *all, size_t n, const char *y_label)
{
    double steps = 1;
    for (size_t i = 0; i < n; i++)
        steps = fmax(steps, all[i].steps);
    return (tfx_html_plot){.x = tfx_scale_linear(0, steps, 0.01),
                           .x_kind = TFX_TICK_COUNT,
                           .x_label = "steps since growth",
                           .y_label = y_label,
                           .classes = "short",
                           .label = y_label,
                           .x_column = -1};
}

static void draw_shares(const tfx_page *p, const measured *all, size_t n)
{
    double range[2] = {0, 0};
    tfx_html_plot plot = plot_of(all, n, "output of new slots, %");
    widen(all, n, share_of, 0, range);
    plot.y = tfx_scale_linear(0, range[1] > 0 ? range[1] : 1, 0.05);
    tfx_html_plot_begin(p, &plot);
    draw_lines(p, &plot, all, n, share_of, "mean", "share of the output's energy that new slots make");
    tfx_html_plot_end(p, &plot);
}

static void draw_ratios(const tfx_page *p, const measured *all, size_t n)
{
    double range[2] = {INFINITY, 0};
    tfx_html_plot plot = plot_of(all, n, "update / weight");
    widen(all, n, old_ratio_of, 1, range);
    widen(all, n, new_ratio_of, 1, range);
    if (!(range[1] > 0))
        return;
    plot.y = tfx_scale_log(range[0], range[1], 0.05);
    plot.y_kind = TFX_TICK_POWER;
    tfx_html_plot_begin(p, &plot);
    draw_lines(p, &plot, all, n, old_ratio_of, "seed", "old slices");
    draw_lines(p, &plot, all, n, new_ratio_of, "mean", "new slices");
    tfx_html_plot_end(p, &plot);
}

tfx_status tfx_html_slices(const tfx_page *p, tfx_error *err)
{
    size_t n;
    measured *all = load(p, &n, err);
    if (n && err->status == TFX_OK) {
        tfx_html_section(p, "slices", "Old and new slices after growth");
        fputs("<figure class=\"pair\">\n", p->out);
        draw_shares(p, all, n);
        draw_ratios(p, all, n);
        fputs("</figure>\n<p class=\"caption\">Means over seeds and parameters with slots. Left: the share of a "
              "layer's output, "
              "by energy, that new slots make. Right: how much a step changes weights, relative to their size; strong: "
              "new slices, faint: old ones.</p>\n",
              p->out);
        tfx_html_sql(p, TFX_REPORT_SLICES);
        fputs("</section>\n", p->out);
    }
    free(all);
    return err->status;
}

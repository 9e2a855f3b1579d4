/* Scaling laws that were fitted to the experiment, with their bands, and forecasts beside what came out. */
#include <math.h>

#include "framework/report/fit_band.h"
#include "framework/report/html.h"

/* How far beyond the most that was spent a law is drawn. */
#define AHEAD 3.0

static void widen(double range[2], double value)
{
    if (isfinite(value) && value > 0)
        tfx_range_widen(range, value);
}

static void draw_band(const tfx_page *p, const tfx_html_plot *plot, const tfx_band_point *band)
{
    int known = 1;
    for (size_t i = 0; i < TFX_BAND_POINTS; i++)
        known &= isfinite(band[i].low) && band[i].low > 0 && isfinite(band[i].high);
    if (known) {
        fputs("<path class=\"band\" d=\"", p->out);
        for (size_t i = 0; i < TFX_BAND_POINTS; i++)
            fprintf(p->out, "%s%.1f %.1f", i ? "L" : "M", tfx_html_plot_x(plot, band[i].flops),
                    tfx_html_plot_y(plot, band[i].high));
        for (size_t i = TFX_BAND_POINTS; i-- > 0;)
            fprintf(p->out, "L%.1f %.1f", tfx_html_plot_x(plot, band[i].flops), tfx_html_plot_y(plot, band[i].low));
        fputs("Z\"/>\n", p->out);
    }
    fputs("<path class=\"law\" d=\"", p->out);
    for (size_t i = 0; i < TFX_BAND_POINTS; i++)
        fprintf(p->out, "%s%.1f %.1f", i ? "L" : "M", tfx_html_plot_x(plot, band[i].flops),
                tfx_html_plot_y(plot, band[i].loss));
    fputs("\"/>\n", p->out);
}

static void draw_ends(const tfx_page *p, const tfx_html_plot *plot)
{
    for (size_t i = 0; i < p->contrasts.ends.n; i++) {
        const tfx_endpoint *e = &p->contrasts.ends.items[i];
        size_t arm = tfx_loss_curves_arm(&p->curves, e->arm);
        if (e->decayed != 1 || arm == TFX_NO_ARM)
            continue;
        char classes[TFX_HTML_CLASSES];
        fprintf(p->out, "<g class=\"arm %s\"><path class=\"dot\" d=\"M%.1f %.1fh0\"/><title>",
                tfx_html_classes(classes, p->curves.arms[arm].group), tfx_html_plot_x(plot, e->incl[TFX_COST_FLOPS]),
                tfx_html_plot_y(plot, e->loss));
        tfx_html_text(p->out, e->arm);
        fprintf(p->out, ", seed %lld: val loss %.4f</title></g>\n", (long long)e->seed, e->loss);
    }
}

/* A law against the decayed end points. One of something else than FLOPs, or N and D, has no such picture. */
static void draw_law(const tfx_page *p, const tfx_saved_fit *saved)
{
    double x[2] = {INFINITY, 0}, y[2] = {INFINITY, 0};
    tfx_band_point band[TFX_BAND_POINTS];
    for (size_t i = 0; i < p->contrasts.ends.n; i++)
        if (p->contrasts.ends.items[i].decayed == 1) {
            widen(x, p->contrasts.ends.items[i].incl[TFX_COST_FLOPS]);
            widen(y, p->contrasts.ends.items[i].loss);
        }
    if (x[1] == 0 || !tfx_fit_band(&saved->fit, x[0], AHEAD * x[1], band))
        return;
    for (size_t i = 0; i < TFX_BAND_POINTS; i++) {
        widen(y, band[i].loss);
        widen(y, band[i].low);
        widen(y, band[i].high);
    }
    tfx_html_plot plot = {.x = tfx_scale_log(x[0], AHEAD * x[1], 0.03),
                          .y = tfx_scale_log(y[0], y[1], 0.06),
                          .x_kind = TFX_TICK_POWER,
                          .x_label = "training FLOPs, including ancestors",
                          .y_label = "val loss",
                          .classes = "fit",
                          .label = "a fitted law with its interval, and decayed end points",
                          .x_column = -1};
    fputs("<h3>", p->out);
    tfx_html_text(p->out, saved->name);
    fputs(": ", p->out);
    tfx_html_text(p->out, saved->fit.law->formula);
    fputs("</h3><figure>\n", p->out);
    tfx_html_plot_begin(p, &plot);
    draw_band(p, &plot, band);
    draw_ends(p, &plot);
    tfx_html_plot_end(p, &plot);
    fprintf(p->out, "</figure>\n<p class=\"caption\">The line is %s, fitted to %zu points of ",
            saved->fit.law->two_terms ? "the least loss that the law has for so many FLOPs, divided between parameters "
                                        "and tokens as it says"
                                      : "the law",
            saved->fit.n_observations);
    tfx_html_text(p->out, saved->source);
    fputs(
        "; the band is its 95% interval by the bootstrap, which does not have what another seed would change. Dots are "
        "all decayed end points of this experiment, whether it was fitted to them or not.</p>\n",
        p->out);
}

tfx_status tfx_html_fits(const tfx_page *p, tfx_error *err)
{
    static const tfx_column columns[] = {
        {"fit", TFX_CELL_PLAIN},         {"form", TFX_CELL_PLAIN},    {"points", TFX_CELL_PLAIN},
        {"coefficient", TFX_CELL_PLAIN}, {"estimate", TFX_CELL_FOUR}, {"standard error", TFX_CELL_FOUR},
        {"95%: from", TFX_CELL_FOUR},    {"to", TFX_CELL_FOUR},       {"doubt", TFX_CELL_PLAIN},
    };
    tfx_rows *q = tfx_query_report(p->store, TFX_REPORT_FITS, p->experiment, err);
    if (tfx_rows_next(q, err)) {
        tfx_rows_rewind(q);
        tfx_html_section(p, "fits", "Scaling laws");
        size_t n;
        tfx_saved_fit *fits = tfx_fits_load(p->store, p->experiment, &n, err);
        for (size_t i = 0; i < n && err->status == TFX_OK; i++)
            draw_law(p, &fits[i]);
        tfx_fits_finish(fits, n);
        tfx_html_table(p, q, columns, err);
        fputs(
            "<p class=\"caption\">Laws that were saved (<code>tfx fit --save</code>), of this experiment or "
            "forecasting it. A band comes from the column <code>replicates</code> of the table <code>fit</code>.</p>\n",
            p->out);
        tfx_html_sql(p, TFX_REPORT_FITS);
        tfx_html_sql(p, TFX_REPORT_ENDS);
        fputs("</section>\n", p->out);
    }
    tfx_rows_close(q);
    return err->status;
}

tfx_status tfx_html_forecasts(const tfx_page *p, tfx_error *err)
{
    static const tfx_column columns[] = {
        {"arm", TFX_CELL_ARM},      {"seed", TFX_CELL_PLAIN},    {"run", TFX_CELL_PLAIN},
        {"fit", TFX_CELL_PLAIN},    {"forecast", TFX_CELL_LOSS}, {"95%: from", TFX_CELL_LOSS},
        {"to", TFX_CELL_LOSS},      {"came out", TFX_CELL_LOSS}, {"miss", TFX_CELL_LOSS},
        {"inside", TFX_CELL_PLAIN}, {"decayed", TFX_CELL_PLAIN},
    };
    tfx_rows *q = tfx_query_report(p->store, TFX_REPORT_FORECASTS, p->experiment, err);
    if (tfx_rows_next(q, err)) {
        tfx_rows_rewind(q);
        tfx_html_section(p, "forecasts", "Forecasts, and what came out");
        tfx_html_table(p, q, columns, err);
        fputs("<p class=\"caption\">Recorded before the runs began. 1: inside the interval, which does not have what "
              "another "
              "seed would change; 0: not.</p>\n",
              p->out);
        tfx_html_sql(p, TFX_REPORT_FORECASTS);
        fputs("</section>\n", p->out);
    }
    tfx_rows_close(q);
    return err->status;
}
